"""BERT's tokenizer (WordPiece, Wu et al. 2016) through the library `tokenizers`, for single texts and for pairs.

    one text    [CLS] t t t [SEP]                        segments 0
    a pair      [CLS] q q q [SEP] p p p p [SEP]          segments 0 0 0 0 0 1 1 1 1 1

The same ids as transformers' BertTokenizer. Truncation and padding set in the file are switched off: callers say
how many tokens they want. Offsets count characters (`str` indices) of the passage as it was given. A long text is
turned into tokens only as far as they are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from whelm.core.errors import MissingError, ModelError
from whelm.hub.surrogates import without_surrogates

__all__ = ["EncoderTokenizer", "PairTokens"]

MAX_FILE_BYTES = 64 * 1024 * 1024
_CHARACTERS_FOR_EACH_TOKEN = 8  # English has 4 to 5; too few costs a second try, too many costs time
_SPECIAL = ("[CLS]", "[SEP]", "[PAD]", "[UNK]")


@dataclass(frozen=True, slots=True)
class PairTokens:
    """A question and a passage as one row of tokens."""

    ids: list[int]
    segments: list[int]
    passage: slice  # where the passage's tokens stand in `ids`
    offsets: list[tuple[int, int]]  # for each of the passage's tokens: start and end in the passage's text
    truncated: bool  # the passage did not fit whole


class EncoderTokenizer:
    """Texts to token ids, with the special tokens of BERT."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.cls_id, self.sep_id, self.pad_id, self.unk_id = (_special_id(tokenizer, token) for token in _SPECIAL)

    @classmethod
    def from_file(cls, path: str | Path) -> EncoderTokenizer:
        """`path`: a tokenizer.json, or a vocab.txt with one token a line (uncased BERT)."""
        path = Path(path)
        if not path.is_file():
            raise MissingError(f"no tokenizer at {path}")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"{path} has {path.stat().st_size:,} bytes, a tokenizer at most {MAX_FILE_BYTES:,}")
        try:
            if path.suffix == ".txt":
                return cls(_uncased_bert(path))
            return cls(Tokenizer.from_str(path.read_text(encoding="utf-8")))
        except ModelError:
            raise
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"{path} is no tokenizer that can be read: {str(error)[:200]}") from None

    @property
    def vocab_size(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def to_json(self) -> str:
        return str(self._tokenizer.to_str())

    def batch(self, texts: Sequence[str], max_tokens: int = 256) -> list[list[int]]:
        """The ids of each text with [CLS] and [SEP], at most `max_tokens` of them."""
        room = _room(max_tokens, 2)
        plain = self._tokenizer.encode_batch_fast(
            [self._long_enough(text, room) for text in texts], add_special_tokens=False
        )
        return [[self.cls_id, *one.ids[:room], self.sep_id] for one in plain]

    def pair(self, question: str, passage: str, max_tokens: int = 256, max_question: int = 64) -> PairTokens:
        """One question with one passage; both are cut at their end where they do not fit."""
        return self.pairs(question, [passage], max_tokens, max_question)[0]

    def pairs(
        self, question: str, passages: Sequence[str], max_tokens: int = 256, max_question: int = 64
    ) -> list[PairTokens]:
        """One question with each of several passages, the question's tokens made once.

        The question keeps at most `max_question` tokens, each passage what is left of `max_tokens`.
        """
        room = _room(max_tokens, 3)
        asked = self._tokenizer.encode(self._long_enough(question, room), add_special_tokens=False)
        head = [self.cls_id, *asked.ids[: min(max_question, room)], self.sep_id]
        left = max_tokens - len(head) - 1
        encoded = self._tokenizer.encode_batch(
            [self._long_enough(passage, left + 1) for passage in passages], add_special_tokens=False
        )
        rows = []
        for one in encoded:
            ids, offsets = one.ids[:left], one.offsets[:left]
            rows.append(
                PairTokens(
                    ids=[*head, *ids, self.sep_id],
                    segments=[0] * len(head) + [1] * (len(ids) + 1),
                    passage=slice(len(head), len(head) + len(ids)),
                    offsets=offsets,
                    truncated=len(one.ids) > left,
                )
            )
        return rows

    def _long_enough(self, text: str, num_tokens: int) -> str:
        """The text, or a beginning of it that already has `num_tokens` tokens.

        Cut only before white space that BERT splits at too, so the tokens before the cut are those of the whole text.
        """
        length = _CHARACTERS_FOR_EACH_TOKEN * num_tokens
        text = without_surrogates(text)
        while length < len(text):
            cut = max(text.rfind(space, 0, length) for space in " \n\t")
            if cut > 0 and len(self._tokenizer.encode(text[:cut], add_special_tokens=False).ids) >= num_tokens:
                return text[:cut]
            length *= 4
        return text


def _special_id(tokenizer: Tokenizer, token: str) -> int:
    number = tokenizer.token_to_id(token)
    if number is None:
        raise ModelError(f"an encoder's tokenizer must have the token {token}: it is not BERT's")
    return int(number)


def _room(max_tokens: int, num_special: int) -> int:
    if max_tokens <= num_special:
        raise ModelError(f"max_tokens must be more than the {num_special} special tokens, found {max_tokens}")
    return max_tokens - num_special


def _uncased_bert(path: Path) -> Tokenizer:
    tokens = path.read_text(encoding="utf-8").split("\n")
    vocabulary = {token.rstrip("\r"): number for number, token in enumerate(tokens) if token}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens([token for token in (*_SPECIAL, "[MASK]") if token in vocabulary])
    if "[CLS]" in vocabulary and "[SEP]" in vocabulary:
        tokenizer.post_processor = processors.BertProcessing(
            ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
        )
    return tokenizer

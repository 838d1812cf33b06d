"""The search analyzer: text to the tokens that the index holds and that questions ask for.

    os.path.join     os.path.join, os, path, join        identifiers whole (dots kept) and in parts
    copyTree         copytre, copi, tree                  camel, snake and kebab case: whole without its marks
    Straßen          strass                               Snowball by language, then diacritics folded
    15s, 3.12        as they are                          numbers, versions, units, dates
    数据库             数据, 据库                             scripts without spaces: overlapping pairs (Hangul too)

Words are NFKC, case-folded, cleared of stop words (a stop word in quotes or backticks is meant, and stays: `with`).
Invariants: `tokens(text) == [token for token, _, _ in words(text)]`; spans are exact, and lie within the text; equal
text gives equal tokens whatever was analyzed before. Cost: 3 MB/s of English cold, 7 MB/s warm: each distinct surface
form is analyzed once (Zipf: a dictionary look-up for nearly all), bounded memory, linear in the worst case.
"""

from __future__ import annotations

import functools
import re
import threading
import unicodedata

import Stemmer

from whelm.text.stopwords import stopwords

__all__ = ["Analyzer", "analyzer_for"]

Parts = tuple[tuple[str, int, int], ...]  # (token, start, end) within a surface form

SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish",
    "fr": "french", "ga": "irish", "hi": "hindi", "hr": "serbian", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian",
    "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish",
    "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

# Words in Latin letters among these scripts are mostly English (names of programs, commands)
_ENGLISH_WITHIN = frozenset({
    "zh", "ja", "ko", "th", "lo", "km", "my", "he", "ar", "fa", "hi", "ta", "ne", "bn", "ka", "ru", "uk", "bg", "el",
})  # fmt: skip
_ELISIONS = {
    "fr": "l d j m t s c n qu jusqu lorsqu puisqu quoiqu",
    "it": "l un d dell all nell sull dall coll quell quest c s m t v n gl bell sant tutt anch",
    "ca": "l d m t s n",
    "pt": "d",
}
_COMMA_DECIMALS = frozenset({
    "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "sk", "ru", "uk", "bg", "tr", "ro",
    "hu", "el", "ca", "sr", "id",
})  # fmt: skip
_SHOUTED = frozenset({"it", "us", "who", "can"})  # IT, US, WHO, CAN name something; written small they do not

# Han, kana, Hangul, and the scripts of Thailand, Laos, Myanmar, Cambodia
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u109f\u1780-\u17d3\u1100-\u11ff\u3005-\u3007\u3041-\u309a"
    "\u309d-\u30ff\u3105-\u318e\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
# what `\w` leaves out though it belongs to a word: combining marks, soft hyphen, joiners
_MARKS = (
    "\u00ad\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983"
    "\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a4d\u0a70\u0a71\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b4d"
    "\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d"
    "\u0d81-\u0ddf\u0f71-\u0f84\u200c\u200d"
)
_LETTERS = f"[^\\W{_UNSPACED}]"
# possessive throughout: no input makes it backtrack
_WORD = f"{_LETTERS}++(?:[{_MARKS}]++{_LETTERS}*+)*+"
# 40: bounds the work that one surface form can ask for
_JOINED = f"{_WORD}(?:(?:[.\\-'’·‐‑]|::|(?<=\\d),(?=\\d)){_WORD}){{0,40}}+"
_SURFACE = re.compile(
    f"[{_UNSPACED}]++"
    f"|[`'\"“‘«]{_WORD}(?=[`'\"”’»])"  # the closing quote may open the next
    f"|(?<!\\w)(?:[Cc]\\+\\+|[CcFfJ]#)(?!\\w)"
    f"|{_JOINED}"
)
_SEGMENT = re.compile(_WORD)
_CASE_PARTS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^A-Za-z0-9_]+")
_MIXED_CASE = re.compile("[a-z][A-Z]|[A-Z]{2}[a-z]")
_PLURAL_ACRONYM = re.compile("[A-Z]{2,}s")
_LETTERS_THEN_DIGITS = re.compile(r"([^\W\d_]{3,})\d+")
_THOUSANDS = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")
_IGNORABLE = dict.fromkeys(map(ord, "\u00ad\u200c\u200d\u0640"))
_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ё": "е"}
)
_MAX_TOKEN = 128  # a digest is 128 hexadecimal digits at most; what is longer is data, not a word
_CACHED_SURFACES = 200_000  # about 50 MB; then the cache starts anew


class Analyzer:
    """Search tokens of one language. Safe to share between threads; take it from `analyzer_for`."""

    def __init__(self, language: str = "en") -> None:
        self.language = language
        base = "en" if language in _ENGLISH_WITHIN else language
        self._stopwords = stopwords(language) | (stopwords("en") if base != language else frozenset())
        names = dict.fromkeys(SNOWBALL[code] for code in (language, base) if code in SNOWBALL)
        self._native, self._latin = _stemmers(list(names))
        self._english = base == "en"
        self._elisions = frozenset(_ELISIONS.get(language, "").split())
        self._lock = threading.Lock()  # a Snowball stemmer keeps state while it works
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._words: dict[str, Parts] = {}

    def tokens(self, text: str) -> list[str]:
        """The search tokens in order; they may repeat."""
        known = self._tokens
        found: list[str] = []
        extend = found.extend
        for surface in _SURFACE.findall(text):
            try:
                extend(known[surface])
            except KeyError:
                extend(token for token, _, _ in self._parts(surface))
        return found

    def words(self, text: str) -> list[tuple[str, int, int]]:
        """(token, start, end) in the order of `tokens`; parts of an identifier lie within the span of the whole."""
        known = self._words
        found: list[tuple[str, int, int]] = []
        for match in _SURFACE.finditer(text):
            surface, begin = match[0], match.start()
            parts = known.get(surface)
            for token, start, end in self._parts(surface) if parts is None else parts:
                found.append((token, begin + start, begin + end))
        return found

    def is_stopword(self, word: str) -> bool:
        """Whether a word of running text is dropped."""
        return word.casefold().replace("’", "'") in self._stopwords

    def _parts(self, surface: str) -> Parts:
        with self._lock:
            parts = tuple((token[:_MAX_TOKEN], start, end) for token, start, end in self._analyze(surface) if token)
            if len(surface) <= _MAX_TOKEN:  # longer ones hardly come back, and could fill the memory
                if len(self._words) >= _CACHED_SURFACES:
                    self._words.clear()
                    self._tokens.clear()
                self._words[surface] = parts
                self._tokens[surface] = tuple(token for token, _, _ in parts)
        return parts

    def _analyze(self, surface: str) -> list[tuple[str, int, int]]:
        if _is_unspaced(surface[0]):
            return _pairs(surface)
        if surface[0] in "`'\"“‘«":
            return self._word(surface[1:], 1, keep=True)
        if surface[-1] in "+#":
            return [(surface.casefold(), 0, len(surface))]
        segments = [(match[0], match.start()) for match in _SEGMENT.finditer(surface)]
        if len(segments) == 1:
            return self._word(surface, 0)
        if "'" in surface or "’" in surface:
            segments = self._without_apostrophes(surface, segments)
            if len(segments) <= 1:
                return [part for text, start in segments for part in self._apostrophe_word(text, start)]
        return self._compound(surface, segments)

    def _without_apostrophes(self, surface: str, segments: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """Elided articles out (l'eau), what an apostrophe joins made one segment again (don't, O'Reilly, Python's)."""
        joined: list[tuple[str, int]] = []
        for text, start in segments:
            before = surface[start - 1] if start else ""
            if before in ("'", "’") and joined:
                previous, previous_start = joined.pop()
                if previous.casefold() in self._elisions:
                    joined.append((text, start))
                elif self.language == "tr":  # what follows is a case ending of the name
                    joined.append((previous, previous_start))
                else:
                    joined.append((surface[previous_start : start + len(text)], previous_start))
            else:
                joined.append((text, start))
        return joined

    def _apostrophe_word(self, text: str, start: int) -> list[tuple[str, int, int]]:
        plain = text.replace("’", "'")
        if plain.casefold() in self._stopwords:
            return []
        if plain[-2:] in ("'s", "'S"):
            return self._word(text[:-2], start)
        if "'" in plain:
            return [(self._stem(_fold_case(plain).replace("'", "")), start, start + len(text))]
        return self._word(text, start)

    def _compound(self, surface: str, segments: list[tuple[str, int]]) -> list[tuple[str, int, int]]:
        """Segments joined by dots, hyphens, commas, ::, as a whole and in parts."""
        begin, end = segments[0][1], segments[-1][1] + len(segments[-1][0])
        whole_text = surface[begin:end]
        if whole_text.casefold() in self._stopwords:
            return []
        if number := self._number(whole_text):
            return [(number, begin, end)]
        if "." in whole_text and all(len(text) == 1 and text.isalpha() for text, _ in segments):
            return [(_fold_case(whole_text).replace(".", ""), begin, end)]  # U.S.A.
        parts = [part for text, start in segments for part in self._apostrophe_word(text, start)]
        if "," in whole_text:
            return parts
        if all(text[0].isdigit() for text, _ in segments):  # 2024-05-01, 3.12.1: marks keep the numbers apart
            whole = _fold_case(whole_text)
            return [(whole, begin, end), *(parts if "-" in whole else [])]
        whole = re.sub("['’_‐‑·-]", "", _fold_case(whole_text))
        return [(self._stem(whole) if whole.isalpha() else _fold_marks(whole), begin, end), *parts]

    def _number(self, text: str) -> str:
        """1,000 and, where the comma marks decimals, 1.000 are 1000; 3,5 is 3.5 there; "" for what is no number."""
        if not text[0].isdigit() or not text.replace(".", "").replace(",", "").isdigit():
            return ""
        text = unicodedata.normalize("NFKC", text)
        decimal_comma = self.language in _COMMA_DECIMALS
        thousands = _THOUSANDS.fullmatch(text)
        if thousands and (decimal_comma or thousands[1] == ","):
            return text.replace(thousands[1], "")
        if text.count(",") == 1 and "." not in text and decimal_comma:
            return text.replace(",", ".")
        return text if "," not in text else ""

    def _word(self, text: str, start: int, *, keep: bool = False) -> list[tuple[str, int, int]]:
        """One run of letters, digits and underscores: a word, or an identifier whole and in parts."""
        end = start + len(text)
        pieces = _identifier_pieces(text)
        if not pieces:
            return []
        if len(pieces) > 1:
            whole = _fold_case(text).replace("_", "")
            parts = [part for piece, at in pieces for part in self._word(piece, start + at)]
            return [(self._stem(whole) if whole.isalpha() else _fold_marks(whole), start, end), *parts]
        if len(pieces[0][0]) != len(text):  # outer underscores
            return self._word(pieces[0][0], start + pieces[0][1], keep=True)
        word = _fold_case(text)
        if not keep and word in self._stopwords and not (text.isupper() and word in _SHOUTED):
            return []
        if word.isalpha() or not any(map(str.isdigit, word)):
            return [(self._stem(word), start, end)]
        found = [(_fold_marks(word), start, end)]
        if match := _LETTERS_THEN_DIGITS.fullmatch(text):
            found.append((self._stem(_fold_case(match[1])), start, start + len(match[1])))
        return found

    def _stem(self, word: str) -> str:
        if len(word) > _MAX_TOKEN:
            return _fold_marks(word[:_MAX_TOKEN])
        if self._english and not word.isascii() and (plain := _fold_marks(word)).isascii():
            word = plain  # English has no accents: "résumé" is "resume" before it is stemmed
        stemmer = self._latin if word.isascii() else self._native
        return _fold_marks(stemmer.stemWord(word) if stemmer else word)


@functools.lru_cache(maxsize=16)
def analyzer_for(language: str) -> Analyzer:
    """The shared analyzer of a language (ISO 639-1); an unknown one gets neither stemming nor stop words."""
    return Analyzer(language)


def _stemmers(names: list[str]) -> tuple[Stemmer.Stemmer | None, Stemmer.Stemmer | None]:
    """(of the language's own letters, of Latin letters): the same one for languages in Latin letters."""
    # size 0: the dictionary of surfaces is the cache
    stemmers = [Stemmer.Stemmer(name, 0) for name in names]
    return (stemmers[0], stemmers[-1]) if stemmers else (None, None)


def _identifier_pieces(text: str) -> list[tuple[str, int]]:
    """snake_case and camelCase taken apart, with offsets; one piece for a plain word, none for underscores alone."""
    if "_" in text:
        return [
            (piece, match.start() + at)
            for match in re.finditer("[^_]+", text)
            for piece, at in _identifier_pieces(match[0])
        ]
    if _MIXED_CASE.search(text) and not _PLURAL_ACRONYM.fullmatch(text):
        return [(match[0], match.start()) for match in _CASE_PARTS.finditer(text)]
    return [(text, 0)]


def _pairs(run: str) -> list[tuple[str, int, int]]:
    """Overlapping pairs of a run of unspaced script; a run of one stays one."""
    plain = run if run.isascii() else unicodedata.normalize("NFKC", run)
    if len(plain) != len(run):  # half-width kana and the like change length: pair what is shown, one span for all
        return [(plain[i : i + 2], 0, len(run)) for i in range(max(1, len(plain) - 1))]
    if len(plain) == 1:
        return [(plain, 0, 1)]
    return [(plain[i : i + 2], i, i + 2) for i in range(len(plain) - 1)]


def _is_unspaced(character: str) -> bool:
    return character >= "\u0e01" and _UNSPACED_CHARACTER.match(character) is not None


_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")


def _fold_case(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).translate(_IGNORABLE).casefold())


def _fold_marks(text: str) -> str:
    """Accents off Latin and Greek letters, points off Hebrew and Arabic; letters that marks make (й, が, हि) stay."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text.translate(_PLAIN_LETTERS))
    return unicodedata.normalize("NFC", _FOLDED_MARKS.sub("", apart))


_FOLDED_MARKS = re.compile(
    "(?<![ИиУу])[\u0300-\u036f]|[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u064b-\u065f\u0670]"
)

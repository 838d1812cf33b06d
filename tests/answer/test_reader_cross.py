"""The cross-encoder: starts as the cheap signals, computes rows independently, learns, resumes to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from whelm.answer.cross_encoder import NUM_MARKS, CrossEncoder, CrossRow, make_rows
from whelm.answer.deep import DeepReader, _best_span
from whelm.answer.examples import ReadingExample
from whelm.answer.signals import Passage
from whelm.answer.teach_cross import CrossLesson, PreparedExample
from whelm.answer.windows import Window, cut_window
from whelm.hub.encoder_tokenizer import EncoderTokenizer
from whelm.models.encoder import Encoder, EncoderConfig
from whelm.text.sentences import sentences
from whelm.train.loop import LoopConfig, run_loop

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    ".",
    ",",
    "?",
    "the",
    "a",
    "of",
    "in",
    "what",
    "when",
    "who",
    "how",
    "is",
    "was",
    "it",
    "pump",
    "filter",
    "water",
    "drain",
    "built",
    "seal",
    "coin",
    "flap",
    "red",
    "blue",
    "1931",
    "2023",
    "12",
    "minutes",
    "takes",
    "by",
    "king",
    "queen",
    "anna",
    "paul",
    "opened",
    "closed",
    "##s",
    "##ed",
    "manual",
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> EncoderTokenizer:
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(WORDS))
    return EncoderTokenizer.from_file(path)


def model() -> CrossEncoder:
    torch.manual_seed(0)
    config = EncoderConfig(vocab_size=len(WORDS), width=24, num_layers=2, num_heads=2, inner_width=32, max_positions=64)
    return CrossEncoder(Encoder(config), split=1, hidden=8).eval()


def shaken() -> CrossEncoder:
    """With heads that are not zero."""
    one = model()
    for name, parameter in one.named_parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name)))
    return one


def window(text: str) -> Window:
    spans = sentences(text)
    return cut_window(text, spans, np.ones(len(spans), np.float32), 40)


TEXTS = ("the pump was built in 1931 . it is red .", "anna opened the flap .", "the filter takes 12 minutes")


def rows(tokenizer: EncoderTokenizer, question: str = "when was the pump built ?") -> list[CrossRow]:
    return make_rows(tokenizer, question, [("manual", window(t)) for t in TEXTS], lambda stem: 3.0, max_window=40)


def test_untaught_it_adds_nothing(tokenizer: EncoderTokenizer) -> None:
    out = model()(rows(tokenizer))
    assert not out.residual_R.any() and not any(s.any() for s in out.spans)


def test_offsets_point_at_the_passage_and_the_title_lies_before_it(tokenizer: EncoderTokenizer) -> None:
    for text, row in zip(TEXTS, rows(tokenizer)):
        pieces = [text[a:b] for a, b in row.offsets if a >= 0]
        assert "".join(pieces) == text.replace(" ", "")
        assert sum(a < 0 for a, _ in row.offsets) == 2  # "manual", "."
        assert row.marks.shape == (row.length, NUM_MARKS) and len(row.offsets) == len(row.window_ids) - 2


def test_marks_say_which_words_are_shared(tokenizer: EncoderTokenizer) -> None:
    first, second, _ = rows(tokenizer)
    q = len(first.question_ids)
    asked = [WORDS[i] for i in first.question_ids]
    assert first.marks[asked.index("pump"), 0] == 0.5 and first.marks[asked.index("pump"), 1] == 0.0
    assert second.marks[asked.index("pump"), 0] == 0.0 and second.marks[asked.index("pump"), 1] == 0.5
    inside = [WORDS[i] for i in first.window_ids]
    assert first.marks[q + inside.index("pump"), 2] == 0.5
    assert first.marks[q + inside.index("1931"), 3] > 0 and first.marks[q + inside.index("manual"), 7] == 1.0


def test_a_row_does_not_depend_on_the_others(tokenizer: EncoderTokenizer) -> None:
    one, all_rows = shaken(), rows(tokenizer) + rows(tokenizer, "who opened it ?")
    with torch.no_grad():
        together = one(all_rows)
        backwards = one(all_rows[::-1])
        alone = [one([row]) for row in all_rows]
    for r, single in enumerate(alone):
        assert torch.allclose(together.residual_R[r], single.residual_R[0], atol=1e-5)
        assert torch.allclose(backwards.residual_R[len(alone) - 1 - r], single.residual_R[0], atol=1e-5)
        assert torch.allclose(together.spans[r], single.spans[0], atol=1e-5)
    assert together.residual_R.std() > 0


def test_question_and_window_see_each_other(tokenizer: EncoderTokenizer) -> None:
    one = shaken()
    for row in rows(tokenizer):
        row.marks[:] = 0.0  # what the words are must count by itself
    with torch.no_grad():
        other = one(rows(tokenizer, "who opened the flap ?"))
        spans = one(rows(tokenizer)).spans
    assert (other.spans[0] - spans[0]).abs().max() > 1e-4


def test_the_best_span_is_that_of_all_pairs() -> None:
    chance = np.random.default_rng(0)
    for _ in range(50):
        T, longest = int(chance.integers(1, 12)), int(chance.integers(1, 6))
        start, end = chance.normal(size=T), chance.normal(size=T)
        pairs = [(start[a] + end[b], a, b) for a in range(T) for b in range(a, min(T, a + longest))]
        assert _best_span(start, end, longest)[:2] == max(pairs)[1:]


def lesson(one: CrossEncoder, tokenizer: EncoderTokenizer) -> CrossLesson:
    prepared = []
    asked = [("when was the pump built ?", 0, "1931"), ("who opened the flap ?", 1, "anna"),
             ("how many minutes ?", 2, "12 minutes"), ("when was the filter closed ?", -1, "")]  # fmt: skip
    for n, (question, place, short) in enumerate(asked):
        spans = ()
        if place >= 0:
            at = TEXTS[place].index(short)
            spans = ((place, at, at + len(short)),)
        example = ReadingExample(question, tuple(Passage(t) for t in TEXTS), spans, spans, "en", str(n % 2))
        fits = [(sentences(t), np.ones(len(sentences(t)), np.float32)) for t in TEXTS]
        prepared.append(PreparedExample(example, np.zeros(3), 0.0, fits))
    return CrossLesson(one, tokenizer, prepared, lambda stem: 3.0, questions_a_step=2, max_window=40)


RATES = {"": 3e-3, "span": 1e-2, "residual": 1e-2, "mark": 1e-2}


def test_it_learns_which_and_where(tokenizer: EncoderTokenizer) -> None:
    one = model()
    own = lesson(one, tokenizer)
    result = run_loop(one.train(), own.loss, LoopConfig(steps=150), lr_of=RATES)
    assert result.losses[0] > 2.0 and np.mean(result.losses[-4:]) < 0.5
    reader = DeepReader(one, tokenizer)
    for batch in own.batches:
        for p in batch:
            read = reader.read(p.example.question, p.example.passages, p.sentences, lambda stem: 3.0)
            residuals = [r.residual for r in read] + [float(one.none.detach())]
            gold = min(p.example.golds, default=3)
            assert int(np.argmax(residuals)) == gold
            if gold < 3:
                _, a, b = p.example.tight[0]
                assert read[gold].tight[:2] == (a, b) and read[gold].quote[:2] == (a, b)
                assert read[gold].mass.sum() == pytest.approx(1.0, abs=1e-3)


def test_frozen_layers_stay(tokenizer: EncoderTokenizer) -> None:
    one = model()
    before = {n: p.clone() for n, p in one.named_parameters()}
    run_loop(one, lesson(one, tokenizer).loss, LoopConfig(steps=5), lr_of=RATES)
    changed = {n for n, p in one.named_parameters() if not torch.equal(p, before[n])}
    assert any(n.startswith("encoder.layers.1") for n in changed)
    assert not any(n.startswith(("encoder.layers.0", "encoder.word")) for n in changed)


def test_resume_to_the_bit(tokenizer: EncoderTokenizer, tmp_path: Path) -> None:
    config = LoopConfig(steps=8)
    whole = model()
    run_loop(whole, lesson(whole, tokenizer).loss, config, lr_of=RATES)
    broken = model()
    own = lesson(broken, tokenizer)

    def dies(step: int) -> torch.Tensor:
        if step == 5:
            raise KeyboardInterrupt
        return own.loss(step)

    with pytest.raises(KeyboardInterrupt):
        run_loop(broken, dies, config, lr_of=RATES, scratch=tmp_path, key=own.fingerprint(), checkpoint_every=2)
    again = model()
    other = lesson(again, tokenizer)
    result = run_loop(again, other.loss, config, lr_of=RATES, scratch=tmp_path, key=other.fingerprint())
    assert result.resumed_at == 4
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), again.state_dict().values()))

"""Draws the pictures of the concept pages from computation, not by hand: `python docs/concepts/pictures.py [NAME]...`.

Each function computes with whelm's own modules and writes one SVG beside this file: text stays text, no date, fixed
identifiers, so that the same numbers give the same bytes. Needs both named weights; a minute or two in all, most of
it vectors of the package's own passages for the curve of alpha.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whelm.data.grounded import GroundedSet, load_grounded_sets
from whelm.hub.weights import WeightFiles, find_weights
from whelm.retrieve.embed import load_embedder

HERE = Path(__file__).resolve().parent
DARK, BLUE, ORANGE, GREY = "#22303c", "#2f6f9f", "#d9822b", "#9aa5ae"

plt.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "whelm", "font.family": "sans-serif", "font.size": 10,
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans", "sans-serif"],
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "axes.labelcolor": DARK,
    "text.color": DARK, "xtick.color": DARK, "ytick.color": DARK, "axes.titlesize": 10, "axes.titlelocation": "left",
})  # fmt: skip


def save(figure: Figure, name: str) -> None:
    figure.savefig(HERE / f"{name}.svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.08)
    plt.close(figure)


def weights(name: str) -> WeightFiles:
    found = find_weights(name)
    if found is None:
        raise SystemExit(f"the weights {name} are not on this machine: whelm model fetch {name}")
    return found


def tokens() -> None:
    """One line of text, cut by three tokenizers."""
    from whelm.hub.encoder_tokenizer import EncoderTokenizer
    from whelm.hub.static_files import load_static
    from whelm.text.analyzer import analyzer_for

    text = "Recharging takes 4 hours: os.path.join, copyTree, Straßenbahn"
    static = weights("wordllama-256")
    names = {n: t for t, n in json.loads(static.tokenizer.read_text(encoding="utf-8"))["model"]["vocab"].items()}
    pieces = [names[int(i)].replace("\u2581", " ") for i in load_static(static)[1].batch([text])[0]]
    ends = np.cumsum([len(piece) for piece in pieces]) - 1  # a space was put before the text
    bytes_pairs = [
        (int(end) - len(piece.strip()), int(end), piece.strip()) for piece, end in zip(pieces, ends, strict=True)
    ]
    pair = EncoderTokenizer.from_file(weights("minilm-l6").tokenizer).pair("?", text)
    word_pieces = [(a, b, text[a:b].lower()) for a, b in pair.offsets]
    search = [(a, b, token) for token, a, b in analyzer_for("en").words(text)]
    search = [row for row in search if not any(o[0] <= row[0] and row[1] <= o[1] and o != row for o in search)]
    figure, axes = plt.subplots(figsize=(9, 2.3))
    rows = [("text", [(0, len(text), "")]), ("search tokens\n(parts inside: see below)", search),
            ("static vectors", bytes_pairs), ("sentence encoder", word_pieces)]  # fmt: skip
    for place, (label, spans) in enumerate(rows):
        axes.text(-1.2, -place, label.split("\n")[0], ha="right", va="center", color=DARK, fontsize=9)
        for number, (start, end, shown) in enumerate(spans):
            if place == 0:
                for at, character in enumerate(text):
                    axes.text(at + 0.5, 0, character, ha="center", va="center", family="monospace", fontsize=8.5)
                continue
            colour = (BLUE, ORANGE)[number % 2]
            axes.add_patch(plt.Rectangle((start, -place - 0.34), end - start, 0.68, color=colour, alpha=0.22, lw=0))
            axes.text((start + end) / 2, -place, shown, ha="center", va="center", family="monospace", fontsize=6.6)
    axes.set_xlim(-13, len(text) + 0.5)
    axes.set_ylim(-3.6, 0.6)
    axes.axis("off")
    save(figure, "tokens")


def attention() -> None:
    """Two heads of the encoder on one sentence: one that looks back by one place, one that knows what "it" is."""
    import torch

    from whelm.hub.encoder_files import load_encoder

    sentence = "Before you charge the battery, take it out of the bike."
    encoder, tokenizer = load_encoder(weights("minilm-l6"))
    ids = tokenizer.batch([sentence])[0]
    names = ["[CLS]", *(sentence[a:b] for a, b in tokenizer.pair("?", sentence).offsets), "[SEP]"]
    figure, sides = plt.subplots(1, 2, figsize=(9, 4.6), sharey=True)
    for axes, (number, head), title in zip(
        sides, [(0, 2), (3, 1)], ["layer 1, head 3: the token before", "layer 4, head 2: what “it” is"], strict=True
    ):
        layer = encoder.layers[number]
        with torch.inference_mode():
            hidden = encoder.hidden_below(number, torch.tensor(ids), [len(ids)])
            parts = layer.query_key_value(hidden).view(len(ids), 3, layer.num_heads, -1)
            q, k = parts[:, 0, head], parts[:, 1, head]
            looks = torch.softmax(q @ k.T / k.shape[1] ** 0.5, dim=-1).numpy()
        axes.imshow(looks, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.tick_params(length=0)
        axes.set_title(title)
        axes.set_xlabel("looks at")
        for row, column in zip(*np.nonzero(looks >= 0.3), strict=True):
            share = looks[row, column]
            axes.text(column, row, f"{share:.1f}", ha="center", va="center", fontsize=6.5,
                      color="white" if share > 0.55 else DARK)  # fmt: skip
    sides[0].set_ylabel("each token")
    save(figure, "attention")


SENTENCES: dict[str, list[str]] = {
    "files": ["How do I copy a folder?", "Duplicate a directory tree.", "Remove a file for good.", "Where is the disk full?"],
    "leave": ["Parental leave lasts 14 weeks.", "How long can I stay at home after a birth?", "Days off must be asked for.",
              "Who pays me while my child is ill?"],
    "baking": ["How do I bake bread?", "The dough rises for two hours.", "Use less yeast on hot days.", "Preheat the oven."],
}  # fmt: skip


def embeddings() -> None:
    """Twelve sentences on the plane that shows most of their distances (principal components)."""
    embedder = load_embedder("minilm-l6", "float32")
    assert embedder is not None
    texts = [text for group in SENTENCES.values() for text in group]
    vectors = embedder.embed(texts)
    centred = vectors - vectors.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    points = left[:, :2] * sizes[:2]
    figure, axes = plt.subplots(figsize=(8.4, 4.6))
    for number, (topic, group) in enumerate(SENTENCES.items()):
        here = points[4 * number : 4 * number + 4]
        axes.scatter(*here.T, s=36, color=[BLUE, ORANGE, "#5a8f4f"][number], label=topic)
        for (x, y), text in zip(here, group, strict=True):
            side = 1 if x < 0.4 else -1
            axes.annotate(text, (x, y), xytext=(6 * side, 0), textcoords="offset points", fontsize=8, va="center",
                          ha="left" if side > 0 else "right")  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second")
    axes.margins(0.12)
    axes.legend(frameon=False, fontsize=8, loc="best")
    save(figure, "embeddings")


def package_sets() -> list[GroundedSet]:
    return [one for one in load_grounded_sets() if one.language == "en" and not one.test]


def fusion() -> None:
    """BM25's two bends, and what alpha does on the package's own questions."""
    import tempfile

    from whelm.core.types import Document
    from whelm.retrieve.chunks import chunk
    from whelm.retrieve.index import FolderIndex
    from whelm.retrieve.search import HybridRetriever, SearchConfig, joined
    from whelm.retrieve.update import update_index

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    often = np.linspace(0, 10, 101)
    for ratio, colour in ((0.5, BLUE), (1.0, DARK), (3.0, ORANGE)):
        bend = often * 2.2 / (often + 1.2 * (0.25 + 0.75 * ratio))
        left.plot(often, bend, color=colour, label=f"a passage {ratio:g} x as long as the mean")
    left.legend(frameon=False, fontsize=8, loc="lower right")
    left.set(
        title="how much a word adds",
        xlabel="times it stands in the passage",
        ylabel="factor on its rarity",
        ylim=(0, 2.2),
    )
    documents, questions = [], []
    for one in package_sets()[::3]:
        documents += [Document(f"{one.id}/{n}", p.text, p.title, "en") for n, p in enumerate(one.passages)]
        for q in one.questions:
            where = {e.passage for e in q.evidence}
            if q.answerable and q.after is None and len(where) == 1:
                questions.append((q.question, f"{one.id}/{where.pop()}"))
    embedders = [e for name in ("wordllama-256", "minilm-l6") if (e := load_embedder(name, "float32")) is not None]
    alphas = np.linspace(0, 1, 21)
    with tempfile.TemporaryDirectory() as folder:
        update_index(None, Path(folder) / "index", ((d, chunk(d)) for d in documents), embedders=embedders)
        with FolderIndex.open(Path(folder) / "index") as index:
            for embedder, colour, label in zip(
                embedders, (GREY, BLUE), ("static vectors", "sentence encoder"), strict=True
            ):
                retriever = HybridRetriever(index, embedder, SearchConfig(which=embedder.name))
                first = []
                for question, right_document in questions:
                    found = retriever.candidates(question, both=True)
                    names = [document for _, document, _ in index.names(found.places)]
                    first.append([names[int(np.argmax(joined(found, float(a))))] == right_document for a in alphas])
                right.plot(alphas, np.mean(first, axis=0), color=colour, marker=".", label=label)
    right.set(title=f"right passage first, {len(questions)} questions, {len(documents)} passages",
              xlabel="alpha: 0 is BM25 alone, 1 is vectors alone")  # fmt: skip
    right.legend(frameon=False, fontsize=8)
    save(figure, "bm25-and-fusion")


def calibration() -> None:
    """What a score means: before and after a logistic fit, and the threshold of refusal."""
    from whelm.measure.calibration import fit_logistic, reliability, threshold_at

    taught, judged = cosine_rows(package_sets()[0::2]), cosine_rows(package_sets()[1::2])
    model = fit_logistic(*taught)
    rows, labels = judged
    said = model.probability(rows)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    left.plot([0, 1], [0, 1], color=GREY, lw=1)
    for scores, colour, label in (
        (np.clip(rows[:, 0], 0, 1), ORANGE, "the cosine itself"),
        (said, BLUE, "after the fit"),
    ):
        points = np.array([(p, share) for p, share, _ in reliability(scores, labels, 10)])
        left.plot(*points.T, color=colour, marker="o", ms=4, label=label)
    left.set(
        title="what is said, and what came true",
        xlabel="score",
        ylabel="share that is answerable",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    left.legend(frameon=False, fontsize=8, loc="lower right")
    threshold = threshold_at(model.probability(taught[0])[taught[1] == 1], 0.05)
    bins = list(np.linspace(0, 1, 26))
    _histogram(right, said, labels, bins, threshold)
    save(figure, "calibration")


def cosine_rows(sets: Sequence[GroundedSet]) -> tuple[np.ndarray, np.ndarray]:
    """(best cosine, its distance to the second) of questions over their own passages (1) and over strangers' (0)."""
    embedder = load_embedder("wordllama-256")
    assert embedder is not None
    passages = [embedder.embed([f"{p.title}\n{p.text}" for p in one.passages]) for one in sets]
    asked = [embedder.embed([q.question for q in one.questions if q.answerable and q.after is None]) for one in sets]
    rows, labels = [], []
    for place, questions in enumerate(asked):
        for shift, label in ((0, 1), (len(sets) // 2, 0)):
            cosines = np.sort(questions @ passages[(place + shift) % len(sets)].T, axis=1)
            rows.append(np.stack([cosines[:, -1], cosines[:, -1] - cosines[:, -2]], axis=1))
            labels += [label] * len(questions)
    return np.concatenate(rows), np.array(labels)


def _histogram(axes: Axes, said: np.ndarray, labels: np.ndarray, bins: list[float], threshold: float) -> None:
    for label, colour, name in ((0, ORANGE, "nothing there answers"), (1, BLUE, "answerable")):
        axes.hist(said[labels == label], bins=bins, histtype="stepfilled", alpha=0.35, color=colour, label=name)
    axes.axvline(threshold, color=DARK, lw=1)
    axes.annotate("refused", (threshold, 1), xytext=(-5, -8), xycoords=("data", "axes fraction"), fontsize=8,
                  textcoords="offset points", ha="right")  # fmt: skip
    axes.set(title="where 5% of the answerable are lost", xlabel="probability", ylabel="questions")
    axes.legend(frameon=False, fontsize=8, loc="upper center")


PICTURES = {
    "tokens": tokens,
    "attention": attention,
    "embeddings": embeddings,
    "bm25-and-fusion": fusion,
    "calibration": calibration,
}

if __name__ == "__main__":
    for picture in sys.argv[1:] or PICTURES:
        PICTURES[picture]()

"""The report says what the artifacts say, computes its verdict from them, and lets no document act on its reader."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lxml.html
import pytest

from whelm.build import report
from whelm.build.config import AnswerConfig
from whelm.build.reporting import cases as cases_module
from whelm.build.reporting import material as material_module
from whelm.build.reporting.figures import refusal
from whelm.build.reporting.material import Material, read_material
from whelm.build.reporting.record import command_of
from whelm.build.reporting.verdict import differs, percent, span, verdict
from whelm.build.run import Run, RunState
from whelm.core.artifact import Artifact
from whelm.core.stage import Context, Outcome, Stage
from whelm.core.types import Document, Metric

HOSTILE = "<script>alert(1)</script>\u202eevil\x1b[31m"
TEXT = "Some words come before. The ferry leaves at nine \u202e& <b>returns</b> at noon. Some words come after it."
QUOTE = "The ferry leaves at nine \u202e& <b>returns</b> at noon."
START = TEXT.index(QUOTE)
OUTCOMES = ("right", "wrong", "refused wrongly", "refused rightly", "answered without ground")


# --- a run of real artifacts, without a model ---------------------------------------------------------------------


def leave(context: Context) -> Outcome:
    """Leaves the files that its settings name."""
    for name, text in context.config["files"].items():
        (context.out / name).write_text(text)
    return Outcome(
        counts=context.config["counts"], metrics={n: Metric(*m) for n, m in context.config["metrics"].items()}
    )


def make_index(context: Context) -> Outcome:
    from whelm.retrieve.chunks import ChunkConfig, chunk
    from whelm.retrieve.update import update_index

    documents = [
        Document(name, text, language="en", format="txt") for name, text in context.config["documents"].items()
    ]
    counted = update_index(None, context.out, ((d, chunk(d, ChunkConfig())) for d in documents), embedders=[])
    return Outcome(counts={"chunks": counted.chunks, "documents": len(documents), "language en": counted.chunks})


class Maker:
    """Publishes stages into a run."""

    def __init__(self, path: Path) -> None:
        self.run = Run(path)
        self.stages: dict[str, str] = {}

    def add(self, name: str, files: dict[str, Any] | None = None, counts: dict[str, int] | None = None,
            metrics: dict[str, tuple[float, float | None, float | None, int]] | None = None) -> Artifact:  # fmt: skip
        plain = {n: body if isinstance(body, str) else json.dumps(body) for n, body in (files or {}).items()}
        config = {"files": plain, "counts": counts or {}, "metrics": {n: list(m) for n, m in (metrics or {}).items()}}
        return self.publish(self.run.store.build(Stage(name, leave), config))

    def index(self, documents: dict[str, str]) -> Artifact:
        return self.publish(self.run.store.build(Stage("index", make_index), {"documents": documents}))

    def publish(self, artifact: Artifact) -> Artifact:
        self.stages[artifact.kind] = artifact.key
        self.run.publish(stages=dict(self.stages))
        return artifact


def question(number: int, answerable: bool = True, document: str = "ferry.txt", text: str = "") -> dict[str, Any]:
    return {
        "id": f"{number:04d}", "kind": "keyword" if answerable else "foreign", "question": text or f"question {number}?",
        "document": document if answerable else "", "start": START if answerable else 0,
        "end": START + len(QUOTE) if answerable else 0, "answer": QUOTE if answerable else "", "split": "test",
        "answerable": answerable,
    }  # fmt: skip


def case(number: int, outcome: str, document: str = "ferry.txt", hits: tuple[str, ...] = (), text: str = "",
         quote: str = QUOTE, probability: float = 0.5) -> dict[str, Any]:  # fmt: skip
    supported = outcome in ("right", "wrong", "answered without ground")
    citation = {"document": "ferry.txt", "source": "/x/ferry.txt", "heading": HOSTILE, "page": 3, "chunk": "c", "quote": quote,
                "start": START, "end": START + len(quote), "score": 1.0}  # fmt: skip
    return {
        "question": question(number, outcome not in ("refused rightly", "answered without ground"), document, text),
        "answer": {"answer": quote if supported else "The documents do not say.", "supported": supported, "mode": "quote",
                   "citations": [citation] if supported else [], "probability": probability, "seconds": 0.1,
                   "hits": [{"document": name, "chunk": "c", "score": 1.0} for name in hits]},
        "right": outcome == "right", "cited_first": outcome == "right", "scores": {},
    }  # fmt: skip


def measured(**values: float) -> dict[str, tuple[float, float | None, float | None, int]]:
    """Metrics of an evaluation, 99 questions each, intervals of ten points to either side."""
    return {
        name.replace("__", ".").replace("hit", "hit@"): (v, max(0.0, v - 0.1), min(1.0, v + 0.1), 99)
        for name, v in values.items()
    }


def whole_run(path: Path) -> Run:
    maker = Maker(path)
    run = maker.run
    run.publish(folder="/data/" + HOSTILE, config={"budget_s": 60.0, "writer": {"url": "http://me:secret@host/v1"}})
    rows = [{"path": "ferry.txt", "outcome": "parsed", "reason": ""},
            {"path": HOSTILE + ".pdf", "outcome": "encrypted", "reason": f"needs a password {HOSTILE}"}]  # fmt: skip
    maker.add("documents", {"ledger.jsonl": "".join(json.dumps(r) + "\n" for r in rows)},
              {"documents": 2, "duplicates": 1, "files parsed": 1, "files encrypted": 1})  # fmt: skip
    maker.index({"ferry.txt": TEXT, HOSTILE: "An evil name is no reason to be left out."})
    maker.add(
        "plan",
        {
            "plan.json": {
                "numbers": {},
                "predictions": {"index": {"seconds": 3.0, "memory_bytes": 4e8, "disk_bytes": 9}},
            }
        },
    )
    maker.add("vectors", counts={"texts": 2, "missing": 0})
    maker.add(
        "questions",
        counts={"questions": 5, "kind keyword": 3, "kind foreign": 2, "test answerable": 3, "test unanswerable": 2},
    )
    curves = {"minilm-l6": [0.5, 0.7, 0.6]}
    maker.add("retriever", {"retriever.json": {"alpha": 0.5, "which": "minilm-l6", "alphas": [0.0, 0.5, 1.0], "own": curves,
                                               "prior": curves, "joined": curves, "questions": 7}})  # fmt: skip
    figure = {"n": 100, "refusal_auc": 0.7, "right_passage": 0.8}
    taught = {"cross_validated": {"words": figure, "cosine": {**figure, "right_passage": 0.9}, "without": {"encoder": figure}},
              "cross_encoder": {"losses": [3.0, 2.0, 1.5], "steps": 30, "seconds": 9.0, "groups_taught": 4, "kept": True,
                                "tune_deep": figure, "tune_cheap": figure}}  # fmt: skip
    maker.add("reader", {"reader.json": {"record": taught}}, {"questions": 4}, {"weight search": (1.5, None, None, 0)})
    curve = [[t / 10, t / 10 * 0.4, t / 10] for t in range(11)]
    maker.add("answers", {"answers.json": {"threshold": 0.4, "own": 0.3, "people": 0.5, "false_refusals": 0.05, "use": "quote",
                                           "writing": {}, "curve": curve}})  # fmt: skip
    asked = [
        case(n, OUTCOMES[n % 5], hits=("other.txt", "ferry.txt"), text=HOSTILE if n < 5 else "") for n in range(30)
    ]
    maker.add("evaluation", {"cases.json": asked}, {"ranked": 99}, {
        **measured(text__hit1=0.6, text__hit5=0.8, reranked__hit1=0.9, reranked__hit5=0.95, text__mrr=0.7, reranked__mrr=0.9),
        "text.ndcg@10": (0.7, 0.6, 0.8, 99), "reranked.ndcg@10": (0.9, 0.8, 1.0, 99),
        "quote.cited_first": (0.8, 0.7, 0.9, 99), "quote.refused_wrongly": (0.05, 0.02, 0.1, 99), "quote.f1": (0.6, 0.5, 0.7, 99),
        "quote.refused_rightly": (0.9, 0.8, 0.95, 50), "quote.seconds": (0.1, None, None, 99), "kind keyword": (0.5, 0.2, 0.8, 9),
    })  # fmt: skip
    run.publish(taught_on="a", documents="a")
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = whole_run(tmp_path_factory.mktemp("report") / "run")
    report.write_report(run)
    return run


@pytest.fixture(scope="module")
def record(run: Run) -> dict[str, Any]:
    return json.loads((run.path / "report.json").read_bytes())


@pytest.fixture(scope="module")
def page(run: Run) -> str:
    return (run.path / "report.html").read_text(encoding="utf-8")


# --- report.json --------------------------------------------------------------------------------------------------


def test_record_has_one_object_a_stage_with_the_numbers_of_its_manifest(run: Run, record: dict[str, Any]) -> None:
    assert record["schema"] == "whelm.report/1" and len(record["verdict"]) == 3
    assert list(record["stages"])[: len(material_module.STAGES)] == list(material_module.STAGES)
    for name, stage in record["stages"].items():
        assert {
            "metrics",
            "counts",
            "seconds",
            "peak_memory_bytes",
            "inputs",
            "predicted",
            "skipped",
        } <= stage.keys(), name
        assert (stage["seconds"] is None) == bool(stage["skipped"])
        for metric in stage["metrics"].values():
            assert metric.keys() == {"value", "low", "high", "n", "unit"}
    assert record["stages"]["evaluation"]["metrics"] == json.loads(
        json.dumps(run.need("evaluation").manifest["metrics"])
    )
    assert record["stages"]["index"]["predicted"]["seconds"] == 3.0 and record["stages"]["index"]["seconds"] >= 0
    assert {w["name"] for w in record["weights"]} == {"wordllama-256", "minilm-l6"}
    assert {"digest", "size", "licence", "source"} <= record["weights"][0].keys()
    assert record["versions"]["whelm"] and len(record["examples"]) == 10


def test_files_hold_no_raw_control_character_and_no_password(run: Run, page: str) -> None:
    written = (run.path / "report.json").read_bytes()
    assert not set(written) - {10} - set(range(32, 127))
    assert not set(page) & set("\u202e\x1b") and r"\u202e" in page and r"\x1b" in page
    assert b"secret" not in written and "secret" not in page
    assert not [p for p in run.path.iterdir() if p.suffix == ".part"]


def test_nothing_but_numbers_that_are_numbers_is_written(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run")
    maker.index({"ferry.txt": TEXT})
    maker.add("evaluation", {"cases.json": [case(1, "right", probability=float("nan"))]})
    report.write_report(maker.run)
    body = json.loads((tmp_path / "run" / "report.json").read_text(), parse_constant=pytest.fail)
    assert body["examples"][0]["probability"] is None


# --- report.html --------------------------------------------------------------------------------------------------


def test_page_escapes_every_string_of_a_document(page: str) -> None:
    tree = lxml.html.fromstring(page)
    assert not tree.xpath("//script | //b[text()='returns']") and "&lt;script&gt;alert(1)" in page
    shown = tree.text_content()
    assert "<script>alert(1)</script>" in shown and "<b>returns</b>" in shown
    marks = [mark.text_content() for mark in tree.xpath("//blockquote/mark")]
    assert marks and set(marks) == {QUOTE.replace("\u202e", r"\u202e")}
    assert TEXT.replace("\u202e", r"\u202e") in {quote.text_content() for quote in tree.xpath("//blockquote")}


def test_page_loads_nothing(page: str) -> None:
    tree = lxml.html.fromstring(page)
    assert not tree.xpath(
        "//script | //link | //img | //iframe | //object | //embed | //form | //base | //video | //audio | //image"
    )
    policy = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy and "default-src 'none'" in policy[0] and "script" not in policy[0]
    for node in tree.iter():
        for name, value in node.attrib.items():
            assert not name.lower().startswith("on") and name not in ("src", "srcset", "action"), (node.tag, name)
            if name.endswith("href"):
                assert value.startswith("#"), value
            assert "//" not in value, (node.tag, name, value)
    assert not re.search(r"url\((?!#)|@import|expression\(", page)


def test_page_has_every_section_and_figure_once(page: str) -> None:
    tree = lxml.html.fromstring(page)
    ids = tree.xpath("//@id")
    assert [i for i, n in Counter(ids).items() if n > 1] == []
    for target in tree.xpath("//@href"):
        assert target[1:] in ids, target
    for target in re.findall(r"url\(#([^)]+)\)", page):
        assert target in ids, target
    labels = tree.xpath("//svg/@aria-label")
    assert len(labels) == 8 == len(set(labels))
    assert page.count("<text") > 30 and "font-family" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    assert not re.search(r"#00000\d", page), "every colour is the page's"
    assert len(page) < 400_000


def test_report_of_the_same_run_is_the_same_but_for_its_date(run: Run, page: str) -> None:
    report.write_report(run)
    again = (run.path / "report.html").read_text(encoding="utf-8")
    without = re.compile(r"\d{4}-\d\d-\d\d")
    assert without.sub("", again) == without.sub("", page)


# --- what is missing ----------------------------------------------------------------------------------------------


def test_a_run_that_has_only_begun_says_what_is_missing_and_why(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run")
    maker.add(
        "documents",
        {"ledger.jsonl": json.dumps({"path": "a", "outcome": "parsed", "reason": ""})},
        {"documents": 1, "files parsed": 1},
    )
    report.write_report(maker.run)
    body = json.loads((tmp_path / "run" / "report.json").read_text())
    assert len(body["verdict"]) == 3 and "not made yet" in body["verdict"][0] and "1 of 1 files" in body["verdict"][1]
    assert "not made yet" in body["stages"]["evaluation"]["skipped"] and body["stages"]["documents"]["skipped"] is None
    assert body["examples"] == [] and body["weakest"] == {"documents": [], "questions": []}
    assert "has nothing to show: not made yet" in (tmp_path / "run" / "report.html").read_text()


def test_an_edited_run_says_so_on_top_and_why_its_evaluation_is_gone(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run")
    maker.index({"ferry.txt": TEXT})
    maker.run.publish(taught_on="before", documents="after", folder="/data/notes")
    report.write_report(maker.run)
    body = json.loads((tmp_path / "run" / "report.json").read_text())
    page = (tmp_path / "run" / "report.html").read_text()
    assert body["edited_since_teaching"] and page.index("edited since teaching") < page.index(body["verdict"][0][:30])
    assert "whelm update" in body["stages"]["questions"]["skipped"] and "whelm update" in body["verdict"][0]


def test_without_weights_the_reason_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = SimpleNamespace(name="minilm-l6", found=False, where="", sha256="0" * 64, size=1, license="Apache-2.0", summary="s",
                           hint="whelm model fetch minilm-l6", problems=())  # fmt: skip
    monkeypatch.setattr(material_module, "status", lambda: [lost])
    maker = Maker(tmp_path / "run")
    maker.index({"ferry.txt": TEXT})
    body = report.report_record(maker.run)
    assert (
        body["stages"]["vectors"]["skipped"]
        == "the weights minilm-l6 were not found; get them with whelm model fetch minilm-l6"
    )
    assert not body["weights"][0]["used"]


@pytest.mark.parametrize("content", ["[1, 2", "{}", '{"a": ' * 3000, '[{"question": 3}]', "[7]"])
def test_a_file_that_is_not_what_it_should_be_is_told_or_left_out(tmp_path: Path, content: str) -> None:
    maker = Maker(tmp_path / "run")
    maker.index({"ferry.txt": TEXT})
    maker.add("evaluation", {"cases.json": content})
    body = report.report_record(maker.run)
    assert body["examples"] == []
    assert (
        content.startswith("[{")
        or content == "[7]"
        or "cases.json cannot be read" in body["stages"]["evaluation"]["skipped"]
    )


def test_what_was_measured_on_an_earlier_state_is_marked(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run")
    index = maker.index({"ferry.txt": TEXT})
    config = {"files": {"retriever.json": "{}"}, "counts": {}, "metrics": {}}
    maker.publish(maker.run.store.build(Stage("retriever", leave), config, {"index": index}))
    assert report.report_record(maker.run)["stages"]["retriever"]["outdated"] == []
    maker.index({"ferry.txt": TEXT + " More."})
    assert report.report_record(maker.run)["stages"]["retriever"]["outdated"] == ["index"]


def test_damaged_artifacts_are_told(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run")
    maker.index({"ferry.txt": TEXT})
    broken = maker.add("answers", {"answers.json": {"threshold": 0.5}})
    (broken.path / "manifest.json").write_text("{")
    short = maker.add("retriever", {"retriever.json": {"alpha": 0.5}})
    (short.path / "retriever.json").write_text("{}")
    body = report.report_record(maker.run)
    assert "damaged" in body["stages"]["answers"]["skipped"] and "damaged" in body["stages"]["retriever"]["skipped"]


# --- the verdict --------------------------------------------------------------------------------------------------


def state_of(metrics: dict[str, Any], language: str = "en", retriever: dict[str, Any] | None = None,
             answers: dict[str, Any] | None = None, config: dict[str, Any] | None = None) -> Material:  # fmt: skip
    def artifact(counts: dict[str, int], of: dict[str, Any]) -> Artifact:
        plain = {n: {"value": m[0], "low": m[1], "high": m[2], "n": m[3], "unit": ""} for n, m in of.items()}
        return Artifact(Path(), "", {"counts": counts, "metrics": plain})

    artifacts = {"index": artifact({"chunks": 9, f"language {language}": 9}, {}), "evaluation": artifact({}, metrics)}
    return Material(
        Path("runs/x"),
        RunState(folder="/d", config=config),
        artifacts,
        {},
        (),
        [],
        {},
        retriever or {},
        {},
        answers or {},
        [],
    )


def test_verdict_says_the_numbers_with_their_intervals() -> None:
    metrics = measured(
        text__hit1=0.5, reranked__hit1=0.83, reranked__hit5=0.98, quote__cited_first=0.7, quote__refused_wrongly=0.3
    )
    metrics["quote.refused_rightly"] = (0.96, 0.87, 0.99, 50)
    found, refused, won = verdict(state_of(metrics, answers={"false_refusals": 0.05}))
    assert "Of 99 test questions" in found and "first for 83% (95% interval 73 to 93%)" in found
    assert "among the first five for 98%" in found and "cited it first for 70%" in found
    assert refused.startswith(
        "Of 50 questions that the documents cannot answer it refused 96% (95% interval 87 to 99%)"
    )
    assert "refused 30% wrongly" in refused and "more than the 5% aimed at" in refused
    assert "won against the simple baseline, BM25 text search alone, 83% against 50%" in won and "33 points" in won


def test_verdict_names_the_baseline_where_it_won() -> None:
    won = verdict(state_of(measured(text__hit1=0.9, reranked__hit1=0.6, reranked__hit5=0.7)))[2]
    assert won == ("The simple baseline, BM25 text search alone, won: it put the right document first for 90%, "
                   "search and reader together for 60%.")  # fmt: skip


@pytest.mark.parametrize(
    "text, mine, says",
    [
        (
            0.80,
            0.75,
            "won: it put the right document first for 80%, search and reader together for 75%, though the difference lies within",
        ),
        (0.75, 0.80, "the gain of 5 points lies within the interval: the baseline may be as good"),
        (0.75, 0.75, "did as well as search and reader together"),
    ],
)
def test_verdict_claims_nothing_that_lies_within_the_interval(text: float, mine: float, says: str) -> None:
    won = verdict(state_of(measured(text__hit1=text, reranked__hit1=mine, reranked__hit5=0.9)))[2]
    assert says in won and "BM25 text search alone" in won and "won against" not in won


def test_verdict_names_another_ranking_that_was_best() -> None:
    won = verdict(state_of(measured(text__hit1=0.4, dense__hit1=0.9, reranked__hit1=0.6, reranked__hit5=0.7)))[2]
    assert "best of all were vectors alone with 90%" in won


def test_verdict_of_a_german_folder_says_what_carries_it() -> None:
    metrics = measured(text__hit1=0.8, fused__hit1=0.85, fused__hit5=0.9)
    won = verdict(state_of(metrics, "de", {"which": "wordllama-256"}))[2]
    assert "mostly German" in won and "text search and static vectors (wordllama-256) carry the work" in won
    assert "German" not in verdict(state_of(metrics, "en", {"which": "wordllama-256"}))[2]
    assert "text search alone carries the work" in verdict(state_of(metrics, "de", {"which": ""}))[2]


def test_verdict_of_few_questions_is_called_rough() -> None:
    metrics = dict.fromkeys(("text.hit@1", "reranked.hit@1", "reranked.hit@5"), (0.5, 0.2, 0.8, 8))
    assert "rough" in verdict(state_of(metrics))[0]


def test_verdict_without_questions_has_three_sentences() -> None:
    sentences = verdict(state_of({}))
    assert len(sentences) == 3 and "too few or too short" in sentences[0] and all(s.endswith(".") for s in sentences)


def test_an_aim_that_is_met_is_not_called_cautious() -> None:
    metrics = measured(reranked__hit1=0.8, reranked__hit5=0.9, quote__refused_wrongly=0.06)
    assert "(the aim is 5%)" in verdict(state_of(metrics, answers={"false_refusals": 0.05}))[1]


def test_shares_are_never_rounded_to_nothing_or_to_all() -> None:
    assert [percent(v) for v in (0.0, 0.004, 0.5, 0.997, 1.0)] == ["0%", "0.4%", "50%", "99.7%", "100%"]
    assert span({"low": 0.0, "high": 0.0}) == "" and span({"low": 0.1, "high": 0.2}) == "10 to 20%"
    near = {"value": 0.5, "low": 0.4, "high": 0.6}
    assert not differs(near, {"value": 0.55, "low": 0.45, "high": 0.65}) and differs(
        near, {"value": 0.9, "low": 0.8, "high": 1.0}
    )


# --- cases, figures, command --------------------------------------------------------------------------------------


def test_ten_examples_show_every_outcome_with_evidence_from_the_documents(run: Run) -> None:
    shown = cases_module.examples(read_material(run))
    assert Counter(e["outcome"] for e in shown) == {
        "right": 4, "wrong": 2, "refused wrongly": 1, "refused rightly": 2, "answered without ground": 1
    }  # fmt: skip
    evidence = next(e for e in shown if e["outcome"] == "right")["evidence"][0]
    assert evidence["before"] + evidence["quote"] + evidence["after"] == TEXT and evidence["quote"] == QUOTE
    refused = next(e for e in shown if e["outcome"] == "refused wrongly")
    assert refused["evidence"] == [] and refused["expected"]["quote"] == QUOTE


def test_a_quotation_that_is_not_in_the_document_any_more_stands_alone(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run")
    maker.index({"ferry.txt": TEXT})
    maker.add(
        "evaluation", {"cases.json": [case(1, "right", quote="No such words."), case(2, "right", document="gone.txt")]}
    )
    first, second = cases_module.examples(read_material(maker.run))
    assert {k: first["evidence"][0][k] for k in ("before", "quote", "after")} == {
        "before": "",
        "quote": "No such words.",
        "after": "",
    }
    assert second["expected"] is None


def test_weakest_come_first(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "run")
    maker.index({"ferry.txt": TEXT})
    rows = [case(1, "right", "good.txt", ("good.txt",)), case(2, "wrong", "once.txt", ("x", "once.txt")),
            *(case(n, "refused wrongly", "often.txt", ("x", "y")) for n in (3, 4)), case(5, "right", "often.txt"),
            case(6, "answered without ground", hits=("x",), probability=0.9),
            case(7, "answered without ground", hits=("x",), probability=0.6)]  # fmt: skip
    maker.add("evaluation", {"cases.json": rows})
    weak = cases_module.weakest(read_material(maker.run))
    assert [(d["document"], d["right"], d["asked"]) for d in weak["documents"]] == [
        ("often.txt", 1, 3),
        ("once.txt", 0, 1),
    ]
    assert [(q["question"], q["rank"]) for q in weak["questions"]] == [
        ("question 6?", None), ("question 7?", None), ("question 3?", None), ("question 4?", None), ("question 2?", 2),
    ]  # fmt: skip


def test_no_figure_where_nothing_was_refused() -> None:
    curve = [[t / 10, 0.0, 0.0] for t in range(11)]
    assert refusal({"curve": curve, "threshold": 0.5}, None, None) == ""


def test_the_command_repeats_every_setting_that_is_not_the_default() -> None:
    config = {"budget_s": 60.0, "seed": 0, "sources": {"ignore": ["a b/"], "python_library": False},
              "answers": {"false_refusals": 0.1, "candidates": AnswerConfig().candidates}, "writer": {"url": "http://u:p@h/v1"}}  # fmt: skip
    assert command_of(state_of({}, config=config)) == (
        "whelm build /d --out runs/x --budget 60s --ignore 'a b/' --set answers.false_refusals=0.1 --writer http://h/v1"
    )
    assert command_of(state_of({}, config={"sources": {"python_library": True}})) == "whelm demo --out runs/x"

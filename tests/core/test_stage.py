"""A stage is built once a key; what decides its result is in the key, and nothing else is."""

from __future__ import annotations

import dataclasses
import errno
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from whelm.core import stop
from whelm.core.errors import (
    ArtifactError,
    ConfigError,
    CorruptError,
    DataError,
    IncompatibleError,
    LimitError,
    MissingError,
    WhelmError,
)
from whelm.core.events import subscribe
from whelm.core.fingerprint import forget_sources
from whelm.core.locks import hold
from whelm.core.stage import Artifact, Context, Outcome, Stage, Store
from whelm.core.types import Event, Metric

CALLS: list[str] = []  # what stages noted; they may not close over anything


@pytest.fixture(autouse=True)
def _no_calls() -> Iterator[None]:
    CALLS.clear()
    yield
    stop.clear()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@dataclass(frozen=True, kw_only=True, slots=True)
class WordsConfig:
    lower: bool = True
    most: float = 0.5


def make_source(context: Context) -> None:
    CALLS.append("source")
    (context.out / "text.txt").write_text(str(context.config))


def make_words(context: Context) -> Outcome:
    CALLS.append("words")
    text = context.inputs["source"].file("text.txt").read_text()
    (context.out / "words.json").write_text(json.dumps(sorted(set(text.split()))))
    return Outcome(counts={"words": len(set(text.split()))}, metrics={"share": Metric(0.5, 0.4, 0.6, 10, "1")})


def make_rows(context: Context) -> Outcome:
    CALLS.append("rows")
    (context.out / "segment").write_bytes(os.urandom(8))
    return Outcome(content="c" * 64)


SOURCE = Stage("source", make_source)
WORDS = Stage("words", make_words)
ROWS = Stage("rows", make_rows)


def words(store: Store, text: str = "b a b", **config: Any) -> Artifact:
    return store.build(WORDS, WordsConfig(**config), {"source": store.build(SOURCE, text)})


# -- building


def test_a_manifest_says_everything(store: Store) -> None:
    made = words(store)
    manifest = json.loads((made.path / "manifest.json").read_text())
    source = manifest["inputs"]["source"]
    assert manifest["kind"] == made.kind == "words"
    assert manifest["format"] == 1
    assert manifest["key"] == made.key == made.path.name
    assert manifest["config"] == made.config == {"lower": True, "most": 0.5}
    assert (source["stage"], source["key"]) == ("source", store.build(SOURCE, "b a b").key)
    assert manifest["files"]["words.json"]["size"] == len('["a", "b"]')
    assert made.counts == {"words": 2}
    assert made.metrics == {"share": Metric(0.5, 0.4, 0.6, 10, "1")}
    assert made.seconds >= 0
    assert manifest["peak_memory_bytes"] > 1 << 20
    assert manifest["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert manifest["versions"]["whelm"]
    assert list((store.root / "work").iterdir()) == []
    assert store.verify(made) == []


def test_a_store_makes_no_file_until_something_is_built(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    assert store.get("0" * 64) is None
    assert (store.keys(), list(store.artifacts()), store.prune([])) == ([], [], [])
    assert store.why(SOURCE, "x") == ["never built"]
    assert not (tmp_path / "none").exists()


def test_what_is_there_is_not_made_again(store: Store) -> None:
    first = words(store)
    assert words(Store(store.root)).manifest == first.manifest
    assert CALLS == ["source", "words"]


def test_an_unchanged_output_stops_the_rebuild_of_what_follows(store: Store) -> None:
    # the sources differ, their content does not: the same bytes from another configuration
    first = store.build(WORDS, WordsConfig(), {"source": store.build(SOURCE, 1)})
    second = store.build(WORDS, WordsConfig(), {"source": store.build(SOURCE, "1")})
    assert CALLS == ["source", "words", "source"]
    assert first.key == second.key


def test_a_stated_content_digest_counts(store: Store) -> None:
    one, two = store.build(ROWS, 1), store.build(ROWS, 2)
    assert one.content == two.content == "c" * 64
    assert one.manifest["files"] != two.manifest["files"]
    assert store.key(WORDS, None, {"source": one}) == store.key(WORDS, None, {"source": two})


def test_files_and_their_names_decide_the_content(store: Store) -> None:
    assert words(store, "a").content == words(store, "a a").content
    assert words(store, "a").content != words(store, "b").content


def test_options_and_place_are_in_no_key(store: Store, tmp_path: Path) -> None:
    first = store.build(SOURCE, "x", options={"workers": 1})
    assert store.build(SOURCE, "x", options={"workers": 2}).key == first.key
    assert Store(tmp_path / "elsewhere").key(SOURCE, "x") == first.key
    assert CALLS == ["source"]


def test_everything_else_is(store: Store) -> None:
    source, other = store.build(SOURCE, "a"), store.build(SOURCE, "b")
    unnamed = ".".join(["whelm", "core", "random"])  # spelled out, it would be found in this source
    keys = {
        store.key(WORDS, WordsConfig(), {"source": source}),
        store.key(WORDS, WordsConfig(most=0.25), {"source": source}),
        store.key(WORDS, WordsConfig(), {"source": other}),
        store.key(WORDS, WordsConfig(), {"other": source}),
        store.key(WORDS, WordsConfig(), {"source": source, "other": source}),
        store.key(dataclasses.replace(WORDS, version=2), WordsConfig(), {"source": source}),
        store.key(dataclasses.replace(WORDS, name="verbs"), WordsConfig(), {"source": source}),
        store.key(dataclasses.replace(WORDS, also=(unnamed,)), WordsConfig(), {"source": source}),
    }
    assert len(keys) == 8


def test_the_order_of_inputs_does_not_count(store: Store) -> None:
    a, b = store.build(SOURCE, "a"), store.build(SOURCE, "b")
    assert store.key(WORDS, None, {"a": a, "b": b}) == store.key(WORDS, None, {"b": b, "a": a})


def test_configurations_hold_no_paths(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.folder: .* a path"):
        store.build(SOURCE, {"folder": tmp_path})


def test_a_stage_is_a_plain_function() -> None:
    value = 3

    def closure(context: Context) -> None:
        CALLS.append(str(value))

    import functools

    for run in (closure, functools.partial(make_rows), print):
        with pytest.raises(ConfigError, match="plain function"):
            Stage("x", run)  # type: ignore[arg-type]


# -- code


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Callable[[str], Stage]]:
    """A stage in a module of its own whose rule has the given source."""
    root = tmp_path / "code" / "stage_plugin"
    root.mkdir(parents=True)
    (root / "__init__.py").write_text("")
    body = "from stage_plugin.rule import value\n    (context.out / 'v').write_text(str(value()))"
    (root / "stage.py").write_text(f"def run(context):\n    {body}\n")
    sys.path.insert(0, str(root.parent))
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True

    def forget() -> None:
        for name in [n for n in sys.modules if n.partition(".")[0] == "stage_plugin"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        forget_sources()

    def make(source: str) -> Stage:
        (root / "rule.py").write_text(source)
        forget()
        return Stage("plugin", importlib.import_module("stage_plugin.stage").run)

    yield make
    sys.path.remove(str(root.parent))
    sys.dont_write_bytecode = before
    forget()


def test_a_changed_rule_is_never_skipped_and_a_comment_changes_nothing(
    store: Store, plugin: Callable[[str], Stage]
) -> None:
    made = store.build(plugin("def value():\n    return 1\n"))
    told = '"""What."""\n\n\ndef value():  # why\n  """How."""\n\n  return 1\n'
    assert store.build(plugin(told)).key == made.key
    changed = plugin("def value():\n    return 2\n")
    assert store.why(changed) == ["code of stage_plugin.rule"]
    assert store.build(changed).file("v").read_text() == "2"
    assert store.why(changed) == []


# -- why


def test_why_names_what_differs(store: Store) -> None:
    source = store.build(SOURCE, "a")
    store.build(WORDS, WordsConfig(), {"source": source})
    changed = dataclasses.replace(WORDS, version=3)
    assert store.why(WORDS, WordsConfig(), {"source": source}) == []
    assert store.why(changed, WordsConfig(most=1.0), {"source": store.build(SOURCE, "b"), "more": source}) == [
        "version 1 -> 3",
        "input more",
        "input source",
        "config.most: 0.5 -> 1.0",
    ]
    assert store.why(ROWS) == ["never built"]
    assert store.why(WORDS, {"lower": True, "most": 0.5}, {"source": source}) == ["config"]


def test_why_compares_with_the_newest(store: Store) -> None:
    for most in (0.1, 0.2):
        words(store, most=most)
    source = store.build(SOURCE, "b a b")
    assert store.why(WORDS, WordsConfig(most=0.3), {"source": source}) == ["config.most: 0.2 -> 0.3"]


# -- resume


def make_items(context: Context) -> Outcome:
    def work(items: list[str]) -> list[Any]:
        CALLS.append(" ".join(items))
        if context.options and context.options in items:
            raise DataError("no")
        return [{"word": item, "pair": (item, 1)} for item in items]

    found = list(context.each(context.config["items"], key=lambda i: i, work=work, batch=context.config["batch"]))
    (context.out / "rows.json").write_text(json.dumps(found))
    return Outcome()


ITEMS = Stage("items", make_items)
LETTERS = {"items": list("abcdefg"), "batch": 3}


def test_each_continues_where_it_was_left(store: Store) -> None:
    undisturbed = Store(store.root.with_name("undisturbed")).build(ITEMS, LETTERS)
    assert CALLS == ["a b c", "d e f", "g"]
    with pytest.raises(DataError):
        store.build(ITEMS, LETTERS, options="e")
    with pytest.raises(DataError):
        store.build(ITEMS, LETTERS, options="e")
    CALLS.clear()
    assert store.build(ITEMS, LETTERS).content == undisturbed.content
    assert CALLS == ["d e f", "g"]
    assert json.loads(undisturbed.file("rows.json").read_text())[0] == {"word": "a", "pair": ["a", 1]}


def test_a_new_batch_size_keeps_what_is_done(store: Store, tmp_path: Path) -> None:
    context = bare_context(tmp_path)
    assert list(context.each("abcde", key=str, work=loud, batch=2)) == list("ABCDE")
    assert CALLS == ["ab", "cd", "e"]
    assert list(context.each("xabcdey", key=str, work=loud, batch=4)) == list("XABCDEY")
    assert CALLS[3:] == ["x", "y"]


def bare_context(folder: Path) -> Context:
    (folder / "scratch").mkdir(exist_ok=True)
    return Context("bare", "k", None, {}, None, folder, folder / "scratch")


def loud(items: list[str]) -> list[str]:
    CALLS.append("".join(items))
    return [item.upper() for item in items]


def test_loops_of_one_stage_have_names_and_equal_items_one_result(tmp_path: Path) -> None:
    context = bare_context(tmp_path)
    assert list(context.each("aba", key=str, work=loud, batch=3)) == ["A", "B", "A"]
    assert list(context.each("a", key=str, work=lambda items: [1], name="other")) == [1]
    assert list(context.each("a", key=str, work=loud)) == ["A"]
    assert CALLS == ["ab"]


@pytest.mark.parametrize("damage", ["cut", "flip", "zeros", "text", "line"])
def test_a_torn_log_costs_work_and_never_truth(tmp_path: Path, damage: str) -> None:
    context = bare_context(tmp_path)
    expected = list(context.each("abcdef", key=str, work=loud))
    path = tmp_path / "scratch" / "items.results"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    middle = len(b"".join(lines[:3]))
    path.write_bytes(
        {
            "cut": whole[: middle + 40],
            "flip": whole[: middle + 76] + bytes([whole[middle + 76] ^ 1]) + whole[middle + 77 :],
            "zeros": whole[:middle] + bytes(500),
            "text": whole[:middle] + b"x" * 300 + b"\n" + whole[middle:],
            "line": whole[:middle] + b"\n" + whole[middle:],
        }[damage]
    )
    CALLS.clear()
    assert list(context.each("abcdef", key=str, work=loud)) == expected
    assert CALLS == ["d", "e", "f"]
    assert list(context.each("abcdef", key=str, work=loud)) == expected
    assert CALLS == ["d", "e", "f"]


def test_odd_results_survive(tmp_path: Path) -> None:
    values = ["grün\n\u2028\ud800\0", None, 1e-300, {"a": []}, ""]
    context = bare_context(tmp_path)
    for _ in range(2):
        assert list(context.each(range(5), key=int, work=lambda items: [values[i] for i in items], batch=2)) == values


def test_a_wrong_number_of_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WhelmError, match="expected 2 results, found 1"):
        list(bare_context(tmp_path).each("ab", key=str, work=lambda items: ["A"], batch=2))


def test_progress_is_told_also_of_what_was_done_before(tmp_path: Path) -> None:
    context, seen = bare_context(tmp_path), []
    end = subscribe(lambda event: seen.append((event.stage, event.name, event.value, event.unit)))
    try:
        for _ in range(2):
            list(context.each("abc", key=str, work=loud, batch=2, unit="letters"))
    finally:
        end()
    once = [
        ("bare", name, value, "letters")
        for name, value in [("total", 3.0), ("progress", 0.0), ("progress", 2.0), ("progress", 3.0)]
    ]
    assert seen == once * 2


def make_stoppable(context: Context) -> None:
    def work(items: list[int]) -> list[int]:
        CALLS.append(f"item {items[0]}")
        if items == [1] and context.options == "stop":
            stop.request()
        return items

    list(context.each(range(4), key=int, work=work))
    (context.out / "done").write_text("")


def test_a_requested_stop_finishes_the_step_and_continues_later(store: Store) -> None:
    stage = Stage("stoppable", make_stoppable)
    with pytest.raises(stop.Interrupted):
        store.build(stage, options="stop")
    stop.clear()
    assert store.why(stage) == ["never built"]
    store.build(stage)
    assert CALLS == ["item 0", "item 1", "item 2", "item 3"]


def test_time_before_an_interruption_counts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from whelm.core import stage as module

    clock = iter(range(0, 10_000, 100))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with pytest.raises(DataError):
        store.build(ITEMS, LETTERS, options="a")
    assert store.build(ITEMS, LETTERS).seconds == 200


def make_checkpointed(context: Context) -> None:
    done = (context.scratch / "checkpoint").exists()
    (context.scratch / "checkpoint").write_text("x")
    assert not list(context.out.iterdir())
    (context.out / "half").write_text("")
    if not done:
        raise DataError("crash")


def test_scratch_belongs_to_the_key_and_out_begins_empty(store: Store) -> None:
    stage = Stage("checkpointed", make_checkpointed)
    with pytest.raises(DataError):
        store.build(stage, 1)
    with pytest.raises(DataError):
        store.build(stage, 2)  # never resumed under another configuration
    assert store.build(stage, 1).file("half")
    assert not (store.root / "work" / store.key(stage, 1)).exists()


# -- damage


def test_verify_finds_every_damage(store: Store) -> None:
    made = words(store)
    path = made.path / "words.json"
    whole = path.read_bytes()
    path.write_bytes(b"[" + b"x" * (len(whole) - 1))
    assert store.verify(made) == ["words.json has other content than the manifest says"]
    path.write_bytes(whole + b"x")
    assert store.verify(made) == [f"words.json has {len(whole) + 1} bytes, the manifest says {len(whole)}"]
    path.unlink()
    (made.path / "stray").mkdir()
    (made.path / "stray" / "x").write_text("")
    assert store.verify(made) == ["stray/x is not in the manifest", "words.json is missing"]
    path.symlink_to("/etc/passwd")
    assert "found a link" in store.verify(made)[0]
    (made.path / "manifest.json").unlink()
    assert store.verify(made) == ["manifest.json is missing"]


def test_files_are_checked_when_they_are_opened(store: Store) -> None:
    made = words(store)
    with pytest.raises(MissingError, match=r"expected other.json, found words.json"):
        made.file("other.json")
    made.file("words.json").write_text("")
    with pytest.raises(CorruptError, match="has 0 bytes"):
        made.file("words.json")
    made.path.joinpath("words.json").unlink()
    with pytest.raises(CorruptError, match="is missing"):
        made.file("words.json")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "expected JSON"),
        (b"\0" * 100, "expected JSON"),
        (b"\xff\xfe", "expected JSON"),
        (b"[]", "a manifest"),
        (b"{}", "a manifest"),
        (b"[" * 100_000, "expected JSON"),
        (b'{"format": 1}', "seal"),
        (b"null", "a manifest"),
    ],
)
def test_an_unreadable_manifest_is_an_error_and_a_build_makes_it_anew(store: Store, content: bytes, says: str) -> None:
    made = words(store)
    (made.path / "manifest.json").write_bytes(content)
    with pytest.raises(CorruptError, match=says) as caught:
        store.get(made.key)
    assert str(made.path) in caught.value.message
    assert caught.value.hint
    assert says in store.verify(made)[0]
    assert [a.key for a in store.artifacts()] == [store.build(SOURCE, "b a b").key]
    assert store.why(WORDS, WordsConfig(), {"source": store.build(SOURCE, "b a b")}) == ["damaged"]
    seen: list[Event] = []
    end = subscribe(seen.append)
    again = words(store)
    end()
    assert again.content == made.content
    assert ("words", "damaged") in [(event.stage, event.name) for event in seen]
    assert store.verify(again) == []


def test_every_change_of_a_manifest_is_seen(store: Store) -> None:
    made = words(store)
    path = made.path / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in manifest:
        if name != "format":
            path.write_text(json.dumps({**manifest, name: "x"}))
            with pytest.raises(CorruptError):
                store.get(made.key)
    path.write_text(json.dumps({**manifest, "more": 1}))
    with pytest.raises(CorruptError):
        store.get(made.key)
    path.write_text(json.dumps(manifest))
    moved = made.path.rename(made.path.with_name("0" * 64))
    with pytest.raises(CorruptError, match="expected key 000"):
        store.get(moved.name)


def test_a_damaged_file_is_made_anew_by_the_next_build(store: Store) -> None:
    made = words(store)
    (made.path / "words.json").write_text("")
    assert words(store).file("words.json").read_text() == '["a", "b"]'
    assert CALLS == ["source", "words", "words"]


def test_another_format_is_incompatible(store: Store) -> None:
    made = words(store)
    path = made.path / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "format": 99, "versions": {"whelm": "9.9"}}))
    with pytest.raises(IncompatibleError, match=r"expected format 1, found 99.*whelm 9.9") as caught:
        store.get(made.key)
    assert caught.value.hint
    assert list(store.artifacts())
    with pytest.raises(IncompatibleError):
        words(store)


def make_link(context: Context) -> None:
    (context.out / "link").symlink_to("/etc/passwd")


def make_nan(context: Context) -> Outcome:
    return Outcome(metrics={"loss": Metric(float("nan"))})


def test_what_cannot_be_described_is_not_published(store: Store) -> None:
    with pytest.raises(ArtifactError, match="found a link"):
        store.build(Stage("link", make_link))
    with pytest.raises(ArtifactError, match="finite"):
        store.build(Stage("nan", make_nan))
    assert store.keys() == []


# -- full disk


def make_large(context: Context) -> None:
    (context.scratch / "kept").write_text("x")
    CALLS.append("large")
    (context.out / "large").write_bytes(bytes(context.options or 100))


def test_a_full_disk_harms_nothing_and_the_build_continues(store: Store) -> None:
    import resource

    other = words(store)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(LimitError, match="no space left on the disk while running large") as caught:
            store.build(Stage("large", make_large), options=10_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "free some space" in caught.value.hint
    work = store.root / "work" / store.key(Stage("large", make_large))
    assert not (work / "out").exists()  # what fills the disk is gone, what was saved is not
    assert (work / "scratch" / "kept").exists()
    assert store.verify(other) == []
    assert store.verify(store.build(Stage("large", make_large))) == []


@pytest.mark.parametrize("operation", ["mkdir", "fsync", "rename", "replace", "ftruncate", "pwrite"])
def test_a_disk_that_is_full_at_any_operation(store: Store, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    other = words(store)

    def full(*arguments: Any, **more: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, operation, full)
        with pytest.raises(LimitError, match="no space left"):
            store.build(ITEMS, LETTERS)
    assert store.verify(other) == []
    assert store.keys() == sorted([other.key, store.build(SOURCE, "b a b").key])
    assert store.verify(store.build(ITEMS, LETTERS)) == []


def make_full_in_rust(context: Context) -> None:
    raise ValueError("An IO error occurred: 'No space left on device (os error 28)'")


def test_libraries_without_error_numbers(store: Store) -> None:
    with pytest.raises(LimitError, match="no space left"):
        store.build(Stage("rust", make_full_in_rust))


# -- lineage and pruning


def test_lineage_goes_all_the_way_down_and_into_other_stores(store: Store, tmp_path: Path) -> None:
    cache = Store(tmp_path / "cache")
    source = cache.build(SOURCE, "a b")
    first = store.build(WORDS, None, {"source": source})
    second = store.build(ROWS, None, {"words": first, "source": source})
    found = store.lineage(second, [cache])
    assert (found["stage"], found["key"], found["content"]) == ("rows", second.key, second.content)
    assert found["inputs"]["words"]["inputs"]["source"]["key"] == source.key
    assert found["inputs"]["source"]["inputs"] == {}
    lost = store.lineage(second)["inputs"]["source"]
    assert (lost["missing"], lost["stage"], lost["content"]) == (True, "source", source.content)


def test_prune_leaves_no_trace_of_what_is_superseded(store: Store) -> None:
    old, new = words(store, "secret word"), words(store, "other word")
    with pytest.raises(DataError):
        store.build(ITEMS, LETTERS, options="e")  # leaves scratch
    removed = store.prune([new.key])
    assert set(removed) >= {old.key}
    assert len(removed) == 3
    assert store.keys() == [new.key]
    assert list((store.root / "work").iterdir()) == []
    left = b"".join(path.read_bytes() for path in store.root.rglob("*") if path.is_file())
    assert b"secret" not in left
    assert store.verify(new) == []
    assert store.build(WORDS, WordsConfig(), {"source": store.build(SOURCE, "secret word")}).content == old.content


def test_prune_keeps_scratch_of_what_is_still_wanted(store: Store) -> None:
    with pytest.raises(DataError):
        store.build(ITEMS, LETTERS, options="e")
    store.prune([store.key(ITEMS, LETTERS)])
    CALLS.clear()
    store.build(ITEMS, LETTERS)
    assert CALLS == ["d e f", "g"]


def test_prune_removes_scratch_that_a_crash_after_publishing_left(store: Store) -> None:
    made = words(store)
    (store.root / "work" / made.key / "scratch").mkdir(parents=True)
    store.prune([made.key])
    assert list((store.root / "work").iterdir()) == []
    assert store.keys() == [made.key]


def test_prune_lets_others_build(store: Store) -> None:
    made = words(store)
    work = store.root / "work" / ("1" * 64)
    (work / "scratch").mkdir(parents=True)
    with hold(store.root / "locks" / made.key), hold(store.root / "locks" / ("1" * 64)):
        removed = store.prune([])
    assert removed == [store.key(SOURCE, "b a b")]
    assert work.exists()
    assert store.prune([]) == [made.key]
    assert not work.exists()


def test_removal_that_dies_half_way_leaves_nothing_that_looks_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whelm.core import stage as module

    made = words(store)

    def die(path: Path) -> None:
        next(p for p in path.rglob("*") if p.is_file() and p.name != "manifest.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "remove_tree", die)
        with pytest.raises(KeyboardInterrupt):
            store.prune([])
    assert all(store.verify(artifact) == [] for artifact in store.artifacts())
    store.prune([made.key])
    assert list((store.root / "work").iterdir()) == []
    assert all(store.verify(artifact) == [] for artifact in store.artifacts())


def test_a_store_that_may_not_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **more: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(LimitError, match="not allowed to write") as caught:
        Store(tmp_path / "store").build(SOURCE, "x")
    assert "permissions" in caught.value.hint

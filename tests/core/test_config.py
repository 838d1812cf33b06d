"""Overrides are typed, unknown names are refused with the nearest, and every value knows where it came from."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.core.coerce import MismatchError, coerce
from whelm.core.config import Resolved, plain, resolve, show
from whelm.core.errors import ConfigError


class Fusion(enum.Enum):
    RANKS = "ranks"
    SCORES = "scores"


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchConfig:
    alpha: float = 0.7
    """Weight of the vectors;
    0 is text alone."""
    fusion: Fusion = Fusion.SCORES
    vectors: Literal["wordllama-256", "minilm-l6"] = "minilm-l6"
    depths: tuple[int, ...] = (10, 100)
    pair: tuple[int, float] = (1, 0.5)
    languages: frozenset[str] = frozenset({"en"})
    weights: Mapping[str, float] = field(default_factory=dict)
    limit: int | None = None
    """At most so many."""

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha: expected a number from 0 to 1, found {self.alpha}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Teaching."""

    lr: float = 3e-4
    """Peak rate [1/step]."""
    steps: int = 1000
    warmup: int = 10
    resume: bool = False
    name: str = "reader"

    def __post_init__(self) -> None:
        if self.warmup > self.steps:
            raise ConfigError(f"warmup {self.warmup} is longer than steps {self.steps}", "shorten it")


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildConfig:
    seed: int = 0
    train: TrainConfig = TrainConfig()
    search: SearchConfig = SearchConfig()


def tree(*sets: str, toml: str = "", path: Path | None = None) -> BuildConfig:
    if path is not None:
        path.write_text(toml)
    return resolve(BuildConfig(), path, sets).tree


def test_toml_then_sets_later_wins_and_origins_are_known(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('seed = 3\n[train]\nlr = 1\nsteps = 20\n[search]\nfusion = "ranks"\nlanguages = ["de"]\n')
    found = resolve(BuildConfig(), path, ["train.steps=30", "train.steps=40", "search.depths=5,6"])
    assert found.tree == BuildConfig(
        seed=3,
        train=TrainConfig(lr=1.0, steps=40),
        search=SearchConfig(fusion=Fusion.RANKS, languages=frozenset({"de"}), depths=(5, 6)),
    )
    assert isinstance(found.tree.train.lr, float)
    assert found.origins == {
        "seed": "mine.toml",
        "train.lr": "mine.toml",
        "train.steps": "--set",
        "search.fusion": "mine.toml",
        "search.languages": "mine.toml",
        "search.depths": "--set",
    }


def test_without_overrides_the_tree_is_the_default_itself() -> None:
    default = BuildConfig()
    assert resolve(default).tree is default


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train.lr=3e-5", 3e-5),
        ("train.lr=1", 1.0),
        ("train.steps=1e3", 1000),
        ("train.steps=2_000", 2000),
        ("train.resume=yes", True),
        ("train.resume=False", False),
        ("train.name=a=b", "a=b"),
        ("train.name='7'", "7"),
        ("train.name=7", "7"),
        ("train.name=", ""),
        ("search.limit=none", None),
        ("search.limit=5", 5),
        ("search.fusion=ranks", Fusion.RANKS),
        ("search.fusion=RANKS", Fusion.RANKS),
        ("search.vectors=wordllama-256", "wordllama-256"),
        ("search.depths=[1, 2]", (1, 2)),
        ("search.depths=", ()),
        ("search.pair=2,0.25", (2, 0.25)),
        ("search.languages=de, zh", frozenset({"de", "zh"})),
        ("search.weights={a = 1, b = 0.5}", {"a": 1.0, "b": 0.5}),
    ],
)
def test_text_is_read_by_the_type_of_its_setting(text: str, expected: Any) -> None:
    name = text.partition("=")[0]
    value: Any = tree(text)
    for part in name.split("."):
        value = getattr(value, part)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("train.steps=2.5", "an integer", '"2.5"'),
        ("train.steps=many", "an integer", '"many"'),
        ("train.lr=nan", "a finite number", "nan"),
        ("train.lr=fast", "a number", '"fast"'),
        ("train.resume=maybe", "true or false", '"maybe"'),
        ("search.fusion=sum", "one of ranks, scores", '"sum"'),
        ("search.vectors=bert", "one of wordllama-256, minilm-l6", '"bert"'),
        ("search.limit=few", "an integer or none|none or an integer", '"few"'),
        ("search.pair=1", "2 values", "1 in"),
        ("search.depths=1,x", "an integer", '"x"'),
        ("search.weights=3", "a table", 'text "3"'),
    ],
)
def test_wrong_values_on_the_command_line(text: str, expected: str, found: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tree(text)
    name = text.partition("=")[0]
    assert any(f"--set {name}: expected {e}, found " in caught.value.message for e in expected.split("|"))
    assert found in caught.value.message
    assert name in caught.value.hint


@pytest.mark.parametrize(
    ("toml", "name", "says"),
    [
        ("[train]\nsteps = true", "train.steps", "expected an integer, found truth value true"),
        ("[train]\nsteps = 2.0", "train.steps", "expected an integer, found number 2.0"),
        ('[train]\nlr = "3e-4"', "train.lr", 'expected a number, found text "3e-4"'),
        ("[train]\nlr = inf", "train.lr", "expected a finite number, found number inf"),
        ("[train]\nname = 3", "train.name", "expected text, found integer 3"),
        ("[train]\nresume = 1", "train.resume", "expected true or false, found integer 1"),
        ("train = 3", "train", "expected a table of settings, found integer 3"),
        ("[seed]\nx = 1", "seed", "expected an integer, found table"),
        ("[search]\ndepths = 3", "search.depths", "expected a list, found integer 3"),
        ("[search]\ndepths = [1, 'a']", "search.depths", 'expected an integer, found text "a"'),
        ("[search]\nfusion = 1", "search.fusion", "expected one of ranks, scores"),
        ("seed = 2020-01-01", "seed", "expected an integer, found date"),
    ],
)
def test_wrong_values_in_a_file_name_file_and_key(tmp_path: Path, toml: str, name: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(ConfigError) as caught:
        tree(toml=toml, path=path)
    assert "mine.toml" in caught.value.message
    assert f": {name}: " in caught.value.message
    assert says in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("train.stps=1", "train.steps"),
        ("serach.alpha=1", "search.alpha"),
        ("trian.lr=1", "train.lr"),
        ("alpha=1", "search.alpha"),
        ("train.alpha=1", "search.alpha"),
        ("train.lr.x=1", "train.lr"),
        ("sed=1", "seed"),
        ("=1", ""),
        ("train", ""),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(text: str, nearest: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tree(text)
    assert caught.value.message.startswith("--set")
    if nearest:
        assert caught.value.hint == f"did you mean {nearest}?"


def test_unknown_names_in_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml: train\.learning_rate: .*unknown"):
        tree(toml="[train]\nlearning_rate = 1", path=tmp_path / "mine.toml")
    with pytest.raises(ConfigError) as caught:
        tree(toml="[reader]\nlr = 1", path=tmp_path / "mine.toml")
    assert caught.value.message.endswith("unknown reader")


def test_a_group_is_no_setting() -> None:
    with pytest.raises(ConfigError, match="found a group") as caught:
        tree("train=3")
    assert "train.lr" in caught.value.hint


def test_checks_see_final_values_only_and_their_errors_say_where(tmp_path: Path) -> None:
    assert tree("train.warmup=5000", "train.steps=9000").train.warmup == 5000
    with pytest.raises(ConfigError, match=r"--set train\.warmup: warmup 5000 is longer than steps 1000") as caught:
        tree("train.warmup=5000")
    assert caught.value.hint == "shorten it"
    with pytest.raises(ConfigError, match=r"mine\.toml: search\.alpha: alpha: expected a number from 0 to 1, found 2"):
        tree(toml="[search]\nalpha = 2", path=tmp_path / "mine.toml")


def test_files_that_are_no_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read it: No such file"):
        resolve(BuildConfig(), tmp_path / "none.toml")
    for name, content in {"broken": b"[train\n", "bytes": b"\xff\xfe", "twice": b"seed=1\nseed=2"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=f"{name}: expected TOML"):
            resolve(BuildConfig(), tmp_path / name)
    (tmp_path / "long").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="at most"):
        resolve(BuildConfig(), tmp_path / "long")


def test_show_has_value_origin_and_documentation_of_each_setting() -> None:
    lines = {line.path: line for line in show(resolve(BuildConfig(), None, ["train.lr=1"]))}
    assert list(lines)[:3] == ["seed", "train.lr", "train.steps"]
    assert len(lines) == 1 + 5 + 8
    assert (lines["train.lr"].value, lines["train.lr"].origin) == (1.0, "--set")
    assert lines["train.lr"].doc == "Peak rate [1/step]."
    assert lines["search.alpha"].doc == "Weight of the vectors; 0 is text alone."
    assert (lines["search.limit"].doc, lines["seed"].doc) == ("At most so many.", "")
    assert lines["search.limit"].origin == "default"


def test_plain_is_json_for_people() -> None:
    assert plain(BuildConfig().search) == {
        "alpha": 0.7,
        "fusion": "scores",
        "vectors": "minilm-l6",
        "depths": [10, 100],
        "pair": [1, 0.5],
        "languages": ["en"],
        "weights": {},
        "limit": None,
    }
    assert plain({1: Path("a"), "b": b"\1"}) == {"1": "a", "b": "01"}


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_numbers_survive_the_command_line(value: float | bool) -> None:
    kind = type(value)
    assert coerce(repr(value).lower(), kind, is_text=True) == value
    assert coerce(value, kind) == value


@given(st.text(max_size=20), st.sampled_from([int, float, bool, tuple[int, ...], dict[str, int], int | None, Fusion]))
def test_any_text_is_read_or_refused(text: str, kind: Any) -> None:
    try:
        coerce(text, kind, is_text=True)
    except MismatchError as mismatch:
        assert mismatch.expected
        assert len(mismatch.found) < 100


def test_resolved_is_plain_data() -> None:
    assert Resolved(tree=1, origins={}).tree == 1

"""Code counts token by token; comments, docstrings and layout do not; whatever can be reached does."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from whelm.core.errors import ConfigError
from whelm.core.fingerprint import code_fingerprint, forget_sources, significant_tokens

SOURCE = '''"""Module."""
import os  # a comment

def work(x: int) -> int:
    """Docstring."""
    if x > 0:
        y = [1,
             2]
        return len(y)
    return 'text' + str(x)  # why


class Config:
    size: int = 3
    """Why three."""
'''


def tokens(source: str) -> list[str]:
    return list(significant_tokens(source))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Module."""\n', ""),
        ('"""Module."""', "'''Another\ntext'''"),
        ("  # a comment", ""),
        ('    """Docstring."""\n', ""),
        ('"""Why three."""', '"a" "b"'),
        ("[1,\n             2]", "[1, 2]"),
        ("\n\n\nclass", "\nclass"),
        (
            "    if x > 0:\n        y = [1,\n             2]\n        return len(y)",
            "    if x > 0:\n      y = [1,\n  2]\n      return len(y)",
        ),
        ("'text' + str(x)", "'text'+str( x )"),
    ],
)
def test_what_does_not_count(old: str, new: str) -> None:
    assert old in SOURCE
    assert tokens(SOURCE.replace(old, new)) == tokens(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x > 0", "x >= 0"),
        ("'text'", "'Text'"),
        ("'text'", "b'text'"),
        ("size: int = 3", "size: int = 4"),
        ("def work(", "def word("),
        ("import os", "import sys"),
        ("    return 'text'", "        return 'text'"),
        ("1,", "1, 1,"),
        ("-> int", "-> float"),
        ("'text' + str", "'text'.join"),
        ("len(y)", "len(y), 'y'"),
    ],
)
def test_what_counts(old: str, new: str) -> None:
    assert old in SOURCE
    assert tokens(SOURCE.replace(old, new, 1)) != tokens(SOURCE)


def test_a_statement_that_moves_into_a_block_counts() -> None:
    assert tokens("if a:\n    b\n    c\n") != tokens("if a:\n    b\nc\n")


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Writes a package `plugin` and gives the function `run` of its module `stage`."""

    def make(**sources: str) -> Any:
        for name in [n for n in sys.modules if n.partition(".")[0] == "plugin"]:
            del sys.modules[name]
        forget_sources()
        root = tmp_path / "plugin"
        for name, source in {"__init__": "", **sources}.items():
            path = root / (name.replace("__", "/", 1) if not name.startswith("__") else name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".py").write_text(source)
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        importlib.invalidate_caches()
        try:
            return importlib.import_module("plugin.stage").run
        finally:
            sys.dont_write_bytecode = before

    sys.path.insert(0, str(tmp_path))
    yield make
    sys.path.remove(str(tmp_path))
    for name in [n for n in sys.modules if n.partition(".")[0] == "plugin"]:
        del sys.modules[name]
    forget_sources()


RUN = "def run(context):\n    pass\n"


@pytest.mark.parametrize(
    "mention",
    [
        "import plugin.rule\n",
        "import plugin.rule as r\n",
        "from plugin import rule\n",
        "from plugin.rule import value\n",
        "from . import rule\n",
        "from .rule import value\n",
        "def late():\n    from plugin.rule import value\n",
        "if True:\n    import plugin.rule\n",
        "PARSER = 'plugin.rule:value'\n",
        "import importlib\ndef late():\n    importlib.import_module('plugin.rule')\n",
        "from plugin.between import x\n",
        "def late(kind):\n    return __import__(f'plugin.sub.{kind}')\n",
        "from plugin import by_name\n",
    ],
)
def test_reached_modules_count(package: Callable[..., Any], mention: str) -> None:
    others = {
        "between": "x = 1\ndef f():\n    from plugin import rule\n",
        "by_name": "import importlib\ndef f(kind): importlib.import_module('plugin.sub.' + kind)\n",
        "sub____init__": "",
        "sub__part": "from plugin import rule\n",
    }
    before = code_fingerprint(package(stage=mention + RUN, rule="value = 1\n", **others))
    assert "plugin.rule" in before
    after = code_fingerprint(package(stage=mention + RUN, rule="value = 2\n", **others))
    assert [name for name in after if after[name] != before[name]] == ["plugin.rule"]
    told = code_fingerprint(package(stage=mention + RUN, rule="'''Why.'''\nvalue = 1  # one\n", **others))
    assert told == before


def test_packages_above_a_module_count_but_the_top_one_only_when_named(package: Callable[..., Any]) -> None:
    parts = {"sub____init__": "order = 1\n", "sub__rule": "value = 1\n"}
    found = code_fingerprint(package(stage="import plugin.sub.rule\n" + RUN, **parts))
    assert sorted(n for n in found if n.startswith("plugin")) == ["plugin.stage", "plugin.sub", "plugin.sub.rule"]
    found = code_fingerprint(package(stage="from plugin import sub, name\n" + RUN, __init__="name = 1\n", **parts))
    assert sorted(n for n in found if n.startswith("plugin")) == ["plugin", "plugin.stage", "plugin.sub"]


def test_what_only_the_type_checker_imports_does_not_count(package: Callable[..., Any]) -> None:
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from plugin import rule\n" + RUN
    assert "plugin.rule" not in code_fingerprint(package(stage=source, rule="value = 1\n"))


def test_circles_and_strangers_are_fine(package: Callable[..., Any]) -> None:
    found = code_fingerprint(package(stage="import json\nimport plugin.rule\n" + RUN, rule="import plugin.stage\n"))
    assert sorted(found) == ["plugin.rule", "plugin.stage"]


def test_whelm_is_followed_from_outside(package: Callable[..., Any]) -> None:
    found = code_fingerprint(package(stage="from whelm.core.files import publish\n" + RUN))
    assert {"whelm.core", "whelm.core.files", "whelm.core.errors", "plugin.stage"} <= set(found)
    assert "whelm" not in found
    assert "whelm.core.config" not in found


def test_modules_named_beside_the_sources(package: Callable[..., Any]) -> None:
    run = package(stage=RUN, rule="value = 1\n")
    assert "plugin.rule" in code_fingerprint(run, also=("plugin.rule",))
    with pytest.raises(ConfigError, match=r"plugin\.none"):
        code_fingerprint(run, also=("plugin.none",))


def test_assets_that_a_module_names_count(package: Callable[..., Any], tmp_path: Path) -> None:
    place = "resources.files('plugin').joinpath('assets', 'text', 'w.bin')"
    source = f"from importlib import resources\nX = {place}\n{RUN}"
    run = package(stage=source)
    for name in ("text/w.bin", "text/deep/more", "other/x"):
        path = tmp_path / "plugin" / "assets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")
    forget_sources()
    before = code_fingerprint(run)
    assert [name for name in before if "/" in name] == ["plugin/assets/text/deep/more", "plugin/assets/text/w.bin"]
    (tmp_path / "plugin" / "assets" / "text" / "w.bin").write_bytes(b"2")
    forget_sources()
    after = code_fingerprint(run)
    assert [name for name in after if after[name] != before[name]] == ["plugin/assets/text/w.bin"]
    assert not [name for name in code_fingerprint(package(stage=source.replace("assets", "asset"))) if "/" in name]

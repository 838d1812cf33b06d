"""The link check sees what is dead and leaves alone what is not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "scripts"


@pytest.fixture(scope="module")
def links() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_links", SCRIPTS / "check_links.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dead(links: ModuleType, root: Path, text: str) -> list[str]:
    (root / "docs").mkdir(exist_ok=True)
    (root / "docs" / "there (1).md").write_text(
        "# A Title: with `code` & more\n\n## Twice\n\n## Twice\n\n```\n# no\n```\n"
    )
    page = root / "docs" / "page.md"
    page.write_text(text)
    links.anchors.cache_clear()
    return [line.partition(": ")[2] for line in links.dead_links(root.resolve(), page.resolve())]


@pytest.mark.parametrize(
    "text",
    [
        "[a](<there%20(1).md>)",
        "[a](there%20(1).md#a-title-with-code--more) and [b](there%20(1).md#twice-1)",
        "[a](https://example.org/nowhere) [b](mailto:a@b)",
        "`[code](nowhere.md)` and\n\n```\n[code](nowhere.md)\n```\n",
        "# Here\n\n[a](#here) ![picture](../docs/page.md) [root](/docs/page.md)",
    ],
)
def test_living(links: ModuleType, tmp_path: Path, text: str) -> None:
    assert dead(links, tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[a](nowhere.md)", "no such file"),
        ("text [![badge](nowhere.svg)](page.md)", "no such file"),
        ("[a]: nowhere.md", "no such file"),
        ("[a](#nowhere)", "no such heading"),
        ("[a](there%20(1).md#no)", "no such heading"),
        ("[a](../../..)", "leads out of the repository"),
    ],
)
def test_dead(links: ModuleType, tmp_path: Path, text: str, what: str) -> None:
    (line,) = dead(links, tmp_path, text)
    assert line.startswith(what)

"""What a stage's code says: the token stream of its module and of every `whelm` module that it can reach.

Comments, docstrings (any statement that is only text) and layout do not count, every other token does. Modules are
found by reading sources, never by importing: `import` in all its forms, also inside functions (not under
TYPE_CHECKING), and text that names a module ("whelm.data.html:parse", the way sandboxed functions are called) or the
beginning of one (f"whelm.data.{kind}": all modules of that package). Where a module says "assets" and the name of an
entry of `whelm/assets`, the files there count, byte by byte.
A package's `__init__` counts for whatever is imported from the package; the top one only when named itself.
Each module is read once a process, 60 us a line, so that all keys of a build speak of one state of the code.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import inspect
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from whelm.core.digest import file_digest
from whelm.core.errors import ConfigError

__all__ = ["code_fingerprint", "forget_sources", "significant_tokens"]

_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}
_NAMED_IN_TEXT = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(\.|:\w+)?")
_ALL = ".*"
_ASSETS = "assets/"


def code_fingerprint(function: Callable[..., Any], also: Iterable[str] = ()) -> dict[str, str]:
    """Module name -> digest of its significant tokens, for the function's module and all that it reaches.

    also: further modules that no source names, such as plugins chosen by a configuration
    """
    function = inspect.unwrap(function)
    own, path = function.__module__, inspect.getsourcefile(function)
    if path is None:
        raise ConfigError(f"expected the source of {own}, found none", "a stage must be defined in a file")
    roots = {"whelm": Path(__file__).parents[1]}
    if own.split(".")[0] not in roots and "." in own:  # a stage in a package of someone else's
        home = getattr(sys.modules.get(own.split(".")[0]), "__file__", None)
        if home:
            roots[own.split(".")[0]] = Path(home).parent
    digests: dict[str, str] = {}
    found = {own: Path(path)}
    for name in also:
        located = _locate(name, roots)
        if located is None:
            raise ConfigError(f"expected a module, found no source of {name}", "name modules in full: whelm.data.html")
        found[name] = located
    waiting = list(found)
    while waiting:
        name = waiting.pop()
        digests[name], mentions = _read_module(name, found[name])
        for mention in mentions:
            if mention.startswith(_ASSETS):
                digests |= _read_assets(roots.get(name.split(".")[0]), mention.removeprefix(_ASSETS))
                continue
            for reached in _modules_of(mention, roots):
                if reached not in found and (located := _locate(reached, roots)):
                    found[reached] = located
                    waiting.append(reached)
    return dict(sorted(digests.items()))


def significant_tokens(source: str) -> Iterator[str]:
    """The tokens that decide what a source does, each with its kind."""
    statement: list[str] = []
    only_text = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _SILENT:
            continue
        if token.type in (tokenize.INDENT, tokenize.DEDENT):  # depth counts, its width does not
            yield tokenize.tok_name[token.type]
        elif token.type == tokenize.NEWLINE:
            if statement and not only_text:
                yield from statement
                yield "NEWLINE"
            statement, only_text = [], True
        else:
            statement.append(f"{tokenize.tok_name[token.type]} {token.string}")
            only_text = only_text and token.type == tokenize.STRING


def forget_sources() -> None:
    """Read sources anew from now on."""
    for cache in (_read_module, _read_assets, _source_of):
        cache.cache_clear()


@functools.cache
def _read_module(name: str, path: Path) -> tuple[str, frozenset[str]]:
    """Digest of a module's tokens, and the modules and names that it mentions."""
    source = importlib.util.decode_source(path.read_bytes())
    tokens = "\0".join(significant_tokens(source))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return hashlib.sha256(tokens.encode("utf-8", "surrogatepass")).hexdigest(), frozenset(_mentions(source, package))


@functools.cache
def _read_assets(root: Path | None, entry: str) -> dict[str, str]:
    """Relative path -> digest of the files of one entry of a package's assets."""
    if root is None or not (root / _ASSETS).is_dir() or entry not in {path.name for path in (root / _ASSETS).iterdir()}:
        return {}
    top = root / _ASSETS / entry
    files = [top] if top.is_file() else [path for path in top.rglob("*") if path.is_file()]
    return {path.relative_to(root.parent).as_posix(): file_digest(path) for path in files}


def _mentions(source: str, package: str) -> Iterator[str]:
    waiting: list[ast.AST] = [ast.parse(source)]
    texts: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            waiting.extend(node.orelse)  # the body never runs
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])
            base = base if node.level else str(node.module)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)  # a submodule, or a name in one
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    for text in texts:
        if match := _NAMED_IN_TEXT.fullmatch(text):
            yield match[1] + (_ALL if match[2] == "." else "")
        if _ASSETS.rstrip("/") in texts:
            yield _ASSETS + text


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _modules_of(name: str, roots: dict[str, Path]) -> Iterator[str]:
    """`a.b.c` -> `a.b.c`, `a.b`: importing a module runs the packages above it. `a` only if it is the name itself."""
    if name.endswith(_ALL):
        name = name.removesuffix(_ALL)
        package = _locate(name, roots)
        if package is not None and package.name == "__init__.py":
            stems = [path.stem for path in package.parent.glob("*.py") if path != package]
            yield from (f"{name}.{stem}" for stem in sorted(stems))
    parts = name.split(".")
    yield name
    for depth in range(len(parts) - 1, 1, -1):
        yield ".".join(parts[:depth])


@functools.cache
def _source_of(name: str, root: Path) -> Path | None:
    stem = root.joinpath(*name.split(".")[1:])
    for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
        if path.is_file() and (path.name == "__init__.py" or stem != root):
            return path
    return None


def _locate(name: str, roots: dict[str, Path]) -> Path | None:
    root = roots.get(name.split(".")[0])
    return _source_of(name, root) if root else None

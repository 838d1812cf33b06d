"""Typed settings: a tree of frozen dataclasses, overridden by TOML and by `--set path.to.field=value`.

`resolve` gathers all overrides first and then builds the tree once, from the leaves up, so that a check in
`__post_init__` sees the final values only. Every value is coerced to the type of its field or refused with what was
expected, found and where; an unknown name is refused with the nearest one. Each field's documentation is the text
under it, read from the source, so `show` can print value, origin and reason side by side.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import enum
import functools
import inspect
import itertools
import textwrap
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Generic, TypeVar

from whelm.core.coerce import MismatchError, coerce, describe
from whelm.core.errors import ConfigError

__all__ = ["Resolved", "Setting", "plain", "resolve", "show"]

Tree = TypeVar("Tree")
_TOML_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Resolved(Generic[Tree]):
    """A tree of settings and where each value that is not a default came from."""

    tree: Tree
    origins: Mapping[str, str]
    """Dotted path -> "whelm.toml" or "--set"."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of `--show-config`."""

    path: str
    value: Any
    origin: str
    doc: str


def resolve(default: Tree, toml_path: Path | str | None = None, sets: Sequence[str] = ()) -> Resolved[Tree]:
    """The default tree with the overrides of a TOML file, then those of `--set`, later ones winning.

    default: a dataclass instance; nested dataclasses are the tables of the TOML file and the parts of a dotted path
    sets: "path.to.field=value" each
    """
    overrides: dict[str, _Override] = {}
    if toml_path is not None:
        path = Path(toml_path)
        for name, value in _flatten(default, default, _read_toml(path), "", path.name):
            overrides[name] = _Override(value, path.name, f"{path}: {name}", False)
    for text in sets:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ConfigError(
                f"--set: expected path.to.field=value, found {text!r}", "write it like --set train.lr=3e-4"
            )
        _check_leaf(default, name, f"--set {name}")
        overrides[name] = _Override(value, "--set", f"--set {name}", True)
    tree = _rebuild(default, overrides, "")
    return Resolved(tree, {name: override.origin for name, override in overrides.items()})


def show(resolved: Resolved[Any]) -> list[Setting]:
    """Every setting with its value, its origin ("default" or where it was overridden) and its documentation."""
    return [
        Setting(path, value, resolved.origins.get(path, "default"), _docs(type(owner)).get(name, ""))  # type: ignore[arg-type]
        for path, owner, name, value in _leaves(resolved.tree, "")
    ]


def plain(value: Any) -> Any:
    """A configuration as JSON for people and manifests: names and values, no types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((plain(entry) for entry in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, (bytes, PurePath)):
        return value.hex() if isinstance(value, bytes) else str(value)
    return value


@dataclass(frozen=True, slots=True)
class _Override:
    value: Any
    origin: str
    where: str
    is_text: bool  # from the command line: to be read by the field's type


def _read_toml(path: Path) -> dict[str, Any]:
    hint = "settings files are TOML: https://toml.io"
    try:
        with path.open("rb") as file:
            data = file.read(_TOML_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a settings file, cannot read it: {error.strerror}", "check the path given to --config"
        ) from error
    if len(data) > _TOML_BYTES:
        raise ConfigError(f"{path}: expected a settings file of at most {_TOML_BYTES:,} bytes, found more", hint)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: expected TOML, found an error: {error}", hint) from error


def _flatten(root: Any, node: Any, table: Mapping[str, Any], prefix: str, origin: str) -> Iterator[tuple[str, Any]]:
    """Tables along the dataclasses of the tree; a table for a mapping field stays whole."""
    for key, value in table.items():
        path = f"{prefix}{key}"
        child = _child(root, node, path, f"{origin}: {path}")
        if dataclasses.is_dataclass(child):
            if not isinstance(value, Mapping):
                raise ConfigError(
                    f"{origin}: {path}: expected a table of settings, found {describe(value)}",
                    f"write [{path}] and the settings below it",
                )
            yield from _flatten(root, child, value, f"{path}.", origin)
        else:
            yield path, value


def _check_leaf(default: Any, name: str, where: str) -> None:
    node, parts = default, name.split(".")
    for depth in range(len(parts)):
        node = _child(default, node, ".".join(parts[: depth + 1]), where, name)
    if dataclasses.is_dataclass(node):
        inside = ", ".join(f"{name}.{f.name}" for f in dataclasses.fields(node)[:4])
        raise ConfigError(f"{where}: expected a setting, found a group of them", f"set one of its members: {inside}")


def _child(root: Any, node: Any, path: str, where: str, whole: str = "") -> Any:
    """The setting or group at the end of `path`, whose parent is `node`; `whole` is the path that was asked for."""
    group, _, key = path.rpartition(".")
    names = [f.name for f in dataclasses.fields(node) if f.init] if dataclasses.is_dataclass(node) else []
    if key in names:
        return getattr(node, key)
    known = [leaf[0] for leaf in _leaves(root, "")]
    whole = whole or path
    same = [leaf for leaf in known if leaf.rpartition(".")[2] == whole.rpartition(".")[2]]  # right name, wrong group
    beside = [f"{group}.{name}" if group else name for name in names] if whole == path else []
    near = difflib.get_close_matches(whole, same or [*known, *beside], n=1, cutoff=0.0)
    raise ConfigError(
        f"{where}: expected the name of a setting, found unknown {path}",
        f"did you mean {near[0]}?" if near else "--show-config lists all settings",
    )


def _rebuild(node: Any, overrides: Mapping[str, _Override], prefix: str) -> Any:
    """The same node with all overrides below it, made once."""
    below = {name: o for name, o in overrides.items() if name.startswith(prefix)}
    if not below:
        return node
    types, changes = _types(type(node)), {}  # type: ignore[arg-type]
    for field in dataclasses.fields(node):
        path, value = f"{prefix}{field.name}", getattr(node, field.name)
        if path in below:
            override = below[path]
            try:
                changes[field.name] = coerce(override.value, types[field.name], override.is_text)
            except MismatchError as mismatch:
                raise ConfigError(
                    f"{override.where}: expected {mismatch.expected}, found {mismatch.found}",
                    f"for example {path} = {plain(value)!r}, which is the default",
                ) from None
        elif dataclasses.is_dataclass(value):
            changes[field.name] = _rebuild(value, overrides, f"{path}.")
    try:
        return dataclasses.replace(node, **changes)
    except (ConfigError, ValueError, TypeError) as error:
        where = ", ".join(sorted({o.where for o in below.values()}))
        hint = error.hint if isinstance(error, ConfigError) else "--show-config explains each setting"
        raise ConfigError(f"{where}: {error}", hint) from error


def _leaves(node: Any, prefix: str) -> Iterator[tuple[str, Any, str, Any]]:
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{prefix}{field.name}.")
        elif field.init:
            yield f"{prefix}{field.name}", node, field.name, value


@functools.cache
def _types(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@functools.cache
def _docs(kind: Any) -> dict[str, str]:
    """Field -> the text under it in the source, of the class and what it inherits from."""
    found: dict[str, str] = {}
    for ancestor in reversed(kind.__mro__):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(ancestor)))
        except (OSError, TypeError, SyntaxError):  # made at run time, or without a source
            continue
        body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
        for line, after in itertools.pairwise(body):
            match line, after:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = " ".join(text.split())
    return found

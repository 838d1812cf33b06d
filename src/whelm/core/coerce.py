"""A value from TOML or from the command line, as the type that a setting has, or a mismatch that says what is wrong.

TOML values already have types: an integer may become a float, an array a tuple or set, text an enum, nothing else
changes. Text from the command line is read by the type it is for: `3e-4`, `yes`, `a,b`, `["a", "b"]`, `none`.
Truth values are no numbers, and no number is NaN or infinite.
"""

from __future__ import annotations

import collections.abc
import enum
import json
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union

__all__ = ["MismatchError", "coerce", "describe"]

_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_SEQUENCES = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Set)
_SETS = (set, frozenset, collections.abc.Set)


class MismatchError(Exception):
    """A value does not fit a type."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected = expected
        self.found = found


def coerce(value: Any, kind: Any, is_text: bool = False) -> Any:
    """The value as `kind`; raises MismatchError. is_text: the value is text to be read, as after `--set x=`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return _union(value, arguments, is_text)
    if origin is Literal:
        return _choice(value, {str(a): a for a in arguments}, arguments, is_text)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        members = {str(member.value): member for member in kind} | {member.name: member for member in kind}
        return _choice(value, members, tuple(kind), is_text)
    if (origin or kind) in _SEQUENCES:
        return _sequence(value, origin or kind, arguments, is_text)
    if (origin or kind) in (dict, Mapping):
        return _mapping(value, arguments, is_text)
    if kind is Any:
        return _literal(value) if is_text else value
    return _scalar(value, kind, is_text)


def describe(value: Any) -> str:
    """A found value, short and in TOML's words."""
    names = {bool: "truth value", int: "integer", float: "number", str: "text", list: "array", dict: "table"}
    text = json.dumps(value) if isinstance(value, (str, bool)) else repr(value)
    return f"{names.get(type(value), type(value).__name__)} {text if len(text) <= 60 else text[:57] + '...'}"


def _scalar(value: Any, kind: Any, is_text: bool) -> Any:
    if kind is bool:
        if is_text and str(value).strip().lower() in _TRUTH:
            return _TRUTH[str(value).strip().lower()]
        return _accept(value, isinstance(value, bool), "true or false")
    if kind is int:
        return _integer(value, is_text)
    if kind is float:
        return _number(value, is_text)
    if kind is str:
        return _accept(_unquote(value) if is_text else value, isinstance(value, str), "text")
    if kind is Path:
        return Path(_accept(_unquote(value) if is_text else value, isinstance(value, (str, Path)), "a path"))
    if kind is type(None):
        return _accept(None, value is None or (is_text and value.strip().lower() in ("none", "null", "")), "none")
    raise MismatchError(f"a setting that can be given here ({getattr(kind, '__name__', kind)} cannot)", describe(value))


def _accept(value: Any, fits: bool, expected: str) -> Any:
    if not fits:
        raise MismatchError(expected, describe(value))
    return value


def _integer(value: Any, is_text: bool) -> int:
    if is_text:
        try:
            return int(value)
        except ValueError:
            try:
                number = float(value)
            except ValueError:
                raise MismatchError("an integer", describe(value)) from None
            if math.isfinite(number) and number.is_integer():  # 1e6 is how people write a million
                return int(number)
            raise MismatchError("an integer", describe(value)) from None
    return int(_accept(value, isinstance(value, int) and not isinstance(value, bool), "an integer"))


def _number(value: Any, is_text: bool) -> float:
    if is_text:
        try:
            value = float(value)
        except ValueError:
            raise MismatchError("a number", describe(value)) from None
    _accept(value, isinstance(value, (int, float)) and not isinstance(value, bool), "a number")
    return float(_accept(value, math.isfinite(value), "a finite number"))


def _choice(value: Any, named: Mapping[str, Any], choices: tuple[Any, ...], is_text: bool) -> Any:
    for choice in choices:
        if value == choice and type(value) is type(choice):
            return choice
    found = _unquote(value) if is_text else value
    if isinstance(found, str) and found in named and (is_text or not isinstance(named[found], (int, bool))):
        return named[found]
    if isinstance(found, int) and not isinstance(found, bool) and isinstance(named.get(str(found)), enum.Enum):
        return named[str(found)]
    allowed = [str(c.value) if isinstance(c, enum.Enum) else str(c) for c in choices]
    raise MismatchError(f"one of {', '.join(allowed)}", describe(value))


def _union(value: Any, kinds: tuple[Any, ...], is_text: bool) -> Any:
    # text fits everything: it comes last, and None first
    ordered = sorted(kinds, key=lambda kind: (kind is not type(None), kind is str))
    expected = []
    for kind in ordered:
        try:
            return coerce(value, kind, is_text)
        except MismatchError as mismatch:
            expected.append(mismatch.expected)
    raise MismatchError(" or ".join(dict.fromkeys(reversed(expected))), describe(value))


def _sequence(value: Any, container: Any, arguments: tuple[Any, ...], is_text: bool) -> Any:
    if is_text:
        text = value.strip()
        entries, entries_are_text = (_literal(text), False) if text.startswith("[") else (text.split(","), True)
        entries = [] if not text else entries
    else:
        entries, entries_are_text = value, False
    if not isinstance(entries, (list, tuple)):
        raise MismatchError("a list", describe(value))
    fixed = container is tuple and bool(arguments) and arguments[-1] is not Ellipsis
    if fixed and len(entries) != len(arguments):
        raise MismatchError(f"{len(arguments)} values", f"{len(entries)} in {describe(value)}")
    kinds = arguments if fixed else [arguments[0] if arguments else Any] * len(entries)
    entries = [entry.strip() for entry in entries] if entries_are_text else entries
    made = [coerce(entry, kind, entries_are_text) for entry, kind in zip(entries, kinds, strict=True)]
    if container in _SETS:
        return frozenset(made)
    return made if container is list else tuple(made)


def _mapping(value: Any, arguments: tuple[Any, ...], is_text: bool) -> dict[str, Any]:
    table = _literal(value) if is_text else value
    if not isinstance(table, Mapping):
        raise MismatchError("a table", describe(value))
    kind = arguments[1] if arguments else Any
    return {str(name): coerce(entry, kind) for name, entry in table.items()}


def _literal(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text

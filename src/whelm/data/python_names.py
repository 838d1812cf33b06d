"""What the modules of the standard library define, and under which public names it is reached.

A module's names come from its `ast`: definitions, aliases (`join = _join`, `randint = _inst.randint`), imports and star
imports, followed from module to module until a definition, or an object of a module written in C, is found. That object
has one key however often it is passed on, so that every name of it can be gathered. Nothing written in Python is
imported: many modules of the library do something when they are.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
import sysconfig
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["FLATTENED", "Definition", "Found", "FunctionNode", "Library", "Live", "Member", "is_public"]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

# not part of what people use, other systems' twins, or with effects when they are imported
_SKIPPED = frozenset(
    "test idlelib lib2to3 turtledemo ensurepip pydoc_data antigravity this distutils msilib encodings "  # noqa: SIM905
    "ntpath nturl2path macpath genericpath sre_compile sre_constants sre_parse posix nt winreg winsound "
    "msvcrt xxlimited "
    "xxlimited_35 xxsubtype readline nis spwd ossaudiodev __future__ tests __main__ "
    "windows_events windows_utils popen_spawn_win32".split()
)
# classes whose methods are passed on as functions of a module, at run time
FLATTENED = {("multiprocessing.context", "BaseContext"): "multiprocessing"}
_RENAMED = {"posixpath": "os.path"}
_LIVE_FUNCTIONS = (types.BuiltinFunctionType, types.FunctionType)
_LIVE_MEMBERS = (types.MethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType,
                 types.ClassMethodDescriptorType, types.BuiltinFunctionType, classmethod, staticmethod)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Definition:
    """A class or function in the source of a module."""

    module: str
    name: str
    node: FunctionNode

    @property
    def key(self) -> object:
        return (self.module, self.name)


@dataclass(frozen=True, slots=True)
class Live:
    """An object of a module written in C."""

    module: str
    name: str
    value: Any

    @property
    def key(self) -> object:
        return id(self.value)


@dataclass(frozen=True, slots=True)
class Member:
    """A method, property or inner class; `value` is a node or an object."""

    module: str
    name: str
    value: Any
    owner: object

    @property
    def key(self) -> object:
        return (self.owner, self.name)


Found = Definition | Live | Member


@dataclass(slots=True)
class _Module:
    """The names of one source file."""

    doc: str = ""
    definitions: dict[str, FunctionNode] = field(default_factory=dict)
    aliases: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (name, attribute or "")
    instances: dict[str, str] = field(default_factory=dict)  # name -> name of the class that made it
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (module, name there or "")
    stars: list[str] = field(default_factory=list)
    declared: set[str] | None = None  # __all__, as far as it is written out
    partly: bool = False  # __all__ is also made of something else


def is_public(name: str) -> bool:
    """Whether no part of a dotted name begins with an underscore."""
    return not any(part.startswith("_") for part in name.split("."))


class Library:
    """The standard library of the running Python."""

    def __init__(self) -> None:
        self.root = Path(sysconfig.get_paths()["stdlib"])
        self.files = self._find_files()
        self.parsed: dict[str, _Module | None] = {}
        self.live: dict[str, types.ModuleType | None] = {}
        self.live_names: dict[str, set[str]] = {}
        self.resolved: dict[object, Found] = {}

    def public_modules(self) -> list[str]:
        """Modules that people import, sorted."""
        names = {name for name in self.files if is_public(name)}
        names |= {name for name in sys.builtin_module_names if is_public(name)}
        dynamic = self.root / "lib-dynload"
        if dynamic.is_dir():
            names |= {
                entry.name.split(".", 1)[0] for entry in os.scandir(dynamic) if is_public(entry.name.split(".", 1)[0])
            }
        return sorted(name for name in names if name.split(".", 1)[0] in sys.stdlib_module_names
                      and not any(part in _SKIPPED for part in name.split(".")))  # fmt: skip

    def public_name(self, module: str) -> str:
        """`os.path` for `posixpath`, otherwise the module's own name."""
        return _RENAMED.get(module, module)

    def source(self, module: str) -> str:
        """The file that holds a module; the interpreter itself for what is built into it."""
        if module in self.files:
            return str(self.files[module])
        live = self._import(module)
        return getattr(live, "__file__", None) or sys.executable

    def module_doc(self, module: str) -> str:
        """A module's docstring."""
        parsed = self._parse(module)
        if parsed is not None:
            return parsed.doc
        return getattr(self._import(module), "__doc__", None) or ""

    def exports(self, module: str) -> Iterator[tuple[str, Found]]:
        """Public names of a module with what they stand for, modules left out."""
        parsed = self._parse(module)
        names = self._live_names(module) if parsed is None else self._public_names(module, parsed)
        for name in sorted(names):
            found = self.resolve(module, name)
            if found is not None:
                self.resolved.setdefault(found.key, found)
                yield name, found

    def resolve(self, module: str, name: str, depth: int = 0) -> Found | None:
        """Follow a name to its definition; None for modules, data and whatever is made at run time."""
        if depth > 12:
            return None
        parsed = self._parse(module)
        if parsed is None:
            value = getattr(self._import(module), name, None)
            return Live(module, name, value) if isinstance(value, (type, *_LIVE_FUNCTIONS)) else None
        if name in parsed.definitions:
            return Definition(module, name, parsed.definitions[name])
        if name in parsed.aliases:
            return self._resolve_alias(module, parsed, *parsed.aliases[name], depth)
        if name in parsed.imports:
            origin, original = parsed.imports[name]
            return self.resolve(origin, original, depth + 1) if original else None
        for origin in parsed.stars:
            if name in self._names_passed_on(origin, depth + 1) and (found := self.resolve(origin, name, depth + 1)):
                return found
        return None

    def members(self, found: Found) -> Iterator[Member]:
        """Public members of a class, those of private bases included (`socket.socket` lives off `_socket.socket`)."""
        taken: set[str] = set()
        for owner in self._with_private_bases(found):
            for name, value in self._own_members(owner):
                if name not in taken and is_public(name):
                    taken.add(name)
                    yield Member(owner.module, name, value, owner.key)

    def wrapped(self, found: Found) -> Found | None:
        """What a function without a docstring wraps: `@wraps(_signal.signal)`."""
        node = found.node if isinstance(found, Definition) else None
        parsed = self._parse(found.module)
        for decorator in node.decorator_list if node is not None else ():
            if isinstance(decorator, ast.Call) and decorator.args and ast.unparse(decorator.func).endswith("wraps"):
                target = decorator.args[0]
                if isinstance(target, ast.Name):
                    return self.resolve(found.module, target.id)
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and parsed is not None:
                    return self._resolve_alias(found.module, parsed, target.value.id, target.attr, 0)
        return None

    def _resolve_alias(self, module: str, parsed: _Module, name: str, attribute: str, depth: int) -> Found | None:
        if not attribute:
            return self.resolve(module, name, depth + 1)
        if name in parsed.imports and not parsed.imports[name][1]:
            return self.resolve(parsed.imports[name][0], attribute, depth + 1)
        if name in parsed.instances:
            owner = self.resolve(module, parsed.instances[name], depth + 1)
            if owner is not None:
                self.resolved.setdefault(owner.key, owner)
                return next((member for member in self.members(owner) if member.name == attribute), None)
        return None

    def _with_private_bases(self, found: Found) -> list[Found]:
        owners = [found]
        for owner in owners:
            node = owner.node if isinstance(owner, Definition) else owner.value if isinstance(owner, Member) else None
            if not isinstance(node, ast.ClassDef) or len(owners) > 8:
                continue
            parsed = self._parse(owner.module)
            for base in node.bases:
                target: Found | None = None
                shown = ast.unparse(base)
                if isinstance(base, ast.Name):
                    target = self.resolve(owner.module, base.id)
                elif isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name) and parsed is not None:
                    target = self._resolve_alias(owner.module, parsed, base.value.id, base.attr, 0)
                if target is not None and target not in owners and not (is_public(shown) and is_public(target.module)):
                    owners.append(target)
        return owners

    def _own_members(self, owner: Found) -> Iterator[tuple[str, Any]]:
        value = owner.node if isinstance(owner, Definition) else owner.value
        if isinstance(value, ast.ClassDef):
            seen: set[str] = set()
            for node in _flat(value.body):
                if isinstance(node, FunctionNode) and node.name not in seen:
                    seen.add(node.name)
                    yield node.name, node
        elif isinstance(value, type):
            for name, member in vars(value).items():
                if isinstance(member, _LIVE_MEMBERS):
                    yield name, getattr(member, "__func__", member)

    def _find_files(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for name in sys.stdlib_module_names:
            if name in _SKIPPED - {"genericpath", "encodings"}:
                continue
            single, package = self.root / f"{name}.py", self.root / name
            if single.is_file():
                found[name] = single
            elif (package / "__init__.py").is_file():
                for path in package.rglob("*.py"):
                    parts = path.relative_to(self.root).with_suffix("").parts
                    if any(part in _SKIPPED and part != name for part in parts):
                        continue
                    found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    def _parse(self, module: str) -> _Module | None:
        if module not in self.parsed:
            self.parsed[module] = None
            if module in self.files:
                try:
                    tree = ast.parse(self.files[module].read_bytes())
                    self.parsed[module] = _read_module(module, tree, self.files[module].name == "__init__.py")
                except (SyntaxError, ValueError, OSError):
                    pass
        return self.parsed[module]

    def _import(self, module: str) -> types.ModuleType | None:
        """Import a module written in C; nothing else."""
        if module not in self.live:
            self.live[module] = None
            top = module.split(".", 1)[0]
            if module not in self.files and top in sys.stdlib_module_names and top not in _SKIPPED - {"posix"}:
                try:
                    self.live[module] = importlib.import_module(module)
                except Exception:  # a system library may be missing, in whatever way
                    pass
        return self.live[module]

    def _live_names(self, module: str) -> set[str]:
        if module not in self.live_names:
            live = self._import(module)
            self.live_names[module] = {name for name in dir(live) if name[0] != "_"} if live is not None else set()
        return self.live_names[module]

    def _public_names(self, module: str, parsed: _Module) -> set[str]:
        names = {name for name in parsed.definitions if is_public(name)}
        if parsed.declared is not None:
            names |= {name for name in parsed.declared if is_public(name)}
        if parsed.declared is None:
            package = module.split(".", 1)[0]
            names |= {name for name, (origin, original) in parsed.imports.items() if is_public(name) and original
                      and origin.startswith(("_", package + "."))}  # fmt: skip
            names |= {name for name in parsed.aliases if is_public(name)}
        if parsed.declared is None or parsed.partly:
            for origin in parsed.stars:
                names |= {name for name in self._names_passed_on(origin, 0) if is_public(name)}
        return names

    def _names_passed_on(self, module: str, depth: int) -> set[str]:
        """What `from module import *` brings."""
        parsed = self._parse(module)
        if parsed is None:
            return self._live_names(module)
        if depth > 8:
            return set()
        if parsed.declared is not None and not parsed.partly:
            return parsed.declared
        return self._public_names(module, parsed)


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a body and of the branches in it: a platform's own definitions stand under `if` and `try`."""
    for node in body:
        if isinstance(node, ast.If):
            taken = _platform_test(node.test)
            if taken is not False:
                yield from _flat(node.body)
            if taken is not True:
                yield from _flat(node.orelse)
        elif isinstance(node, ast.Try):
            yield from _flat(node.body)
            for handler in node.handlers:
                yield from _flat(handler.body)
            yield from _flat(node.orelse)
        elif isinstance(node, ast.With):
            yield from _flat(node.body)
        else:
            yield node


def _platform_test(test: ast.expr) -> bool | None:
    """What `sys.platform == "win32"` or `os.name == "nt"` comes to here; None for any other test."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.comparators[0], ast.Constant):
        known = {"sys.platform": sys.platform, "os.name": os.name}.get(ast.unparse(test.left))
        if known is not None and isinstance(test.ops[0], (ast.Eq, ast.NotEq)):
            return (known == test.comparators[0].value) is isinstance(test.ops[0], ast.Eq)
    return None


def _read_module(module: str, tree: ast.Module, is_package: bool) -> _Module:
    found = _Module(doc=ast.get_docstring(tree, clean=False) or "")
    package = module if is_package else module.rpartition(".")[0]
    for node in _flat(tree.body):
        if isinstance(node, FunctionNode):
            known = found.definitions.get(node.name)
            if known is None or not ast.get_docstring(known, clean=False):
                found.definitions[node.name] = node
            if node.name == "__getattr__":  # names that are imported when first used
                for inner in ast.walk(node):
                    if isinstance(inner, ast.ImportFrom):
                        for name in inner.names:
                            name.asname = None
                        _read_import(found, inner, package)
        elif isinstance(node, ast.Import):
            for name in node.names:
                found.imports.setdefault(name.asname or name.name.split(".")[0], (name.name, ""))
        elif isinstance(node, ast.ImportFrom):
            _read_import(found, node, package)
        elif isinstance(node, (ast.Assign, ast.AugAssign)):
            _read_assignment(found, node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            _read_call(found, node.value)
    return found


def _read_import(found: _Module, node: ast.ImportFrom, package: str) -> None:
    origin = node.module or ""
    if node.level:
        base = package
        for _ in range(node.level - 1):
            base = base.rpartition(".")[0]
        origin = f"{base}.{origin}".strip(".")
    for name in node.names:
        if name.name == "*":
            found.stars.append(origin)
        else:
            found.imports.setdefault(name.asname or name.name, (origin, name.name))


def _read_assignment(found: _Module, node: ast.Assign | ast.AugAssign) -> None:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if not isinstance(target, ast.Name):
            continue
        value = node.value
        if target.id == "__all__":
            found.declared = (found.declared or set()) | _strings(value)
            found.partly |= any(
                isinstance(part, (ast.Attribute, ast.Name, ast.Call, ast.ListComp)) for part in ast.walk(value)
            )
        elif isinstance(value, ast.Name):
            found.aliases.setdefault(target.id, (value.id, ""))
        elif isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
            found.aliases.setdefault(target.id, (value.value.id, value.attr))
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            found.instances.setdefault(target.id, value.func.id)


def _read_call(found: _Module, call: ast.Call) -> None:
    """`__all__.extend([...])` and `__all__.append(...)`."""
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "__all__":
        for argument in call.args:
            found.declared = (found.declared or set()) | _strings(argument)
            found.partly |= isinstance(argument, (ast.Attribute, ast.Call))


def _strings(value: ast.expr) -> set[str]:
    return {part.value for part in ast.walk(value) if isinstance(part, ast.Constant) and isinstance(part.value, str)}

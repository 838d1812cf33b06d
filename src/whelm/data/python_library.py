"""Documents that every Python carries: the language topics of pydoc and the docstrings of the standard library.

One document an object, named as people import it (`shutil.copytree`, `os.path.join`, `dict.get`): `python_names` finds
out what each module defines and passes on, this file picks the shortest public name and writes signature and docstring.
Sources are read with `ast`; only modules written in C are imported. Sorted by name, the same on every run;
about 9,000 documents in a few seconds.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import inspect
import re
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from whelm.core.types import Document
from whelm.data.python_names import FLATTENED, Definition, Found, FunctionNode, Library, Member

__all__ = ["python_documents"]

SHORTEST = 20  # characters of a docstring that says something
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(slots=True)
class _Entry:
    """One object on its way to a document."""

    names: dict[str, str]  # public name -> the public module that it is reached in
    home: str  # module that defines it
    kind: str
    doc: str
    signature: str
    source: str
    line: int = 0

    def best(self) -> str:
        """Few dots first; then the name in the module that defines it; then the shortest."""
        return min(self.names, key=self._preference)

    def others(self) -> list[str]:
        return sorted(set(self.names) - {self.best()}, key=self._preference)

    def _preference(self, name: str) -> tuple[int, bool, int, str]:
        top = self.home.lstrip("_").partition(".")[0].partition("_")[0]
        return name.count("."), not name.startswith(top), len(name), name


def python_documents() -> Iterator[Document]:
    """Topics (`topics/with`) and objects, sorted by id, each id once."""
    documents = {document.id: document for document in _topics()}
    with warnings.catch_warnings(), _no_collector():
        warnings.simplefilter("ignore")
        for document in _objects(Library()):
            documents.setdefault(document.id, document)
    for identifier in sorted(documents):
        yield documents[identifier]


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    # millions of nodes that are all alive: the cycle collector would visit them again and again (half of the time)
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _topics() -> Iterator[Document]:
    try:
        module = importlib.import_module("pydoc_data.topics")
        topics: dict[str, str] = module.topics
    except (ImportError, AttributeError):
        return
    source = getattr(module, "__file__", "") or ""
    for name, raw in sorted(topics.items()):
        text = inspect.cleandoc(raw).strip()
        # cross references of Sphinx that the text builder left open
        if len(text) >= SHORTEST:
            title = text.split("\n", 1)[0].strip()
            yield Document(
                id=f"topics/{name}",
                text=text,
                title=title,
                language="en",
                source=source,
                format="pydoc",
                metadata={"module": "pydoc_data.topics", "kind": "topic"},
            )


def _objects(library: Library) -> Iterator[Document]:
    entries: dict[object, _Entry] = {}
    for module in library.public_modules():
        shown = library.public_name(module)
        entries[module] = _Entry(
            {shown: shown}, module, "module", library.module_doc(module), f"module {shown}", library.source(module)
        )
        for name, found in library.exports(module):
            _add(library, entries, found, f"{shown}.{name}" if module != "builtins" else name, shown)
    for key, entry in list(entries.items()):
        owner = library.resolved.get(key)
        if owner is not None and entry.kind == "class":
            _add_members(library, entries, owner, entry.best(), entry.names[entry.best()])
    for entry in entries.values():
        if len(entry.doc.strip()) >= SHORTEST:
            yield _document(entry)


def _add(library: Library, entries: dict[object, _Entry], found: Found, public: str, module: str) -> None:
    known = entries.get(found.key)
    if known is None:
        known = entries[found.key] = _entry(library, found)
    known.names[public] = module


def _add_members(library: Library, entries: dict[object, _Entry], owner: Found, name: str, module: str) -> None:
    flat = FLATTENED.get((owner.module, owner.name))
    for member in library.members(owner):
        _add(library, entries, member, f"{name}.{member.name}", module)
        if flat:
            _add(library, entries, member, f"{flat}.{member.name}", flat)
        if entries[member.key].kind == "class":
            library.resolved.setdefault(member.key, member)


def _document(entry: _Entry) -> Document:
    name = entry.best()
    signature = entry.signature.replace("\0", name)
    metadata = {"module": entry.names[name], "kind": entry.kind}
    if entry.kind != "module":
        metadata["signature"] = signature
    if also := entry.others():
        metadata["also"] = ", ".join(also[:20])
    if entry.line:
        metadata["line"] = str(entry.line)
    doc = "\n".join(line.rstrip() for line in inspect.cleandoc(entry.doc).strip().split("\n"))
    doc = _ADDRESS.sub("", doc).encode("utf-8", "replace").decode()
    return Document(
        id=name,
        text=f"{signature}\n\n{doc}",
        title=name,
        language="en",
        source=entry.source,
        format="pydoc",
        metadata=metadata,
    )


def _entry(library: Library, found: Found) -> _Entry:
    node = found.node if isinstance(found, Definition) else found.value
    if isinstance(node, FunctionNode):
        member = isinstance(found, Member)
        kind = _node_kind(node, member)
        doc = ast.get_docstring(node, clean=False) or ""
        signature = _node_signature(node, kind, drop_first=member)
        if not doc and isinstance(node, ast.ClassDef):
            doc = next(
                (
                    ast.get_docstring(inner, clean=False) or ""
                    for inner in node.body
                    if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"
                ),
                "",
            )
        if not doc and (wrapped := library.wrapped(found)) is not None:
            inner = _entry(library, wrapped)
            doc, signature = inner.doc, inner.signature
        return _Entry({}, found.module, kind, doc, signature, library.source(found.module), node.lineno)
    doc = getattr(node, "__doc__", "")
    kind = _live_kind(node, isinstance(found, Member))
    return _Entry(
        {},
        found.module,
        kind,
        doc if isinstance(doc, str) else "",
        _live_signature(node, kind, found.name, doc),
        library.source(found.module),
    )


def _node_kind(node: FunctionNode, member: bool) -> str:
    if isinstance(node, ast.ClassDef):
        return "class"
    if not member:
        return "function"
    names = {getattr(decorator, "attr", getattr(decorator, "id", "")) for decorator in node.decorator_list}
    return (
        "property" if names & {"property", "cached_property", "abstractproperty", "DynamicClassAttribute"} else "method"
    )


def _node_signature(node: FunctionNode, kind: str, drop_first: bool = False) -> str:
    """The signature with NUL for the public name, which is known only at the end."""
    if isinstance(node, ast.ClassDef):
        makers = [
            inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name in ("__init__", "__new__")
        ]
        return f"class \0({_arguments(makers[0], True)})" if makers else "class \0"
    if kind == "property":
        return "property \0"
    static = any(getattr(decorator, "id", "") == "staticmethod" for decorator in node.decorator_list)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    prefix = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{prefix}\0({_arguments(node, drop_first and not static)}){returns}"


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef, drop_first: bool) -> str:
    shown = ast.unparse(node.args)
    if drop_first and (node.args.args or node.args.posonlyargs):
        shown = shown.partition(", ")[2]
        shown = shown.removeprefix("/, ") if shown != "/" else ""
    return shown


def _live_kind(value: Any, member: bool) -> str:
    if isinstance(value, type):
        return "class"
    if isinstance(value, (types.GetSetDescriptorType, types.MemberDescriptorType, property)):
        return "property"
    return "method" if member else "function"


def _live_signature(value: Any, kind: str, name: str, doc: Any) -> str:
    if kind == "property":
        return "property \0"
    prefix = "class " if kind == "class" else ""
    try:
        shown = _ADDRESS.sub("", str(inspect.signature(value)))
        if kind == "method":
            shown = re.sub(r"^\((?:\$?self|cls|type)(?:, /)?(?:, )?", "(", shown)
        return f"{prefix}\0{shown}"
    except Exception:  # a default that cannot be evaluated raises whatever it likes
        pass
    first = doc.strip().split("\n", 1)[0] if isinstance(doc, str) else ""
    if match := re.match(rf"(?:\w+\.)*{re.escape(name)}\(", first):
        return f"{prefix}\0{_balanced(first[match.end() - 1 :])}"
    return f"{prefix}\0"


def _balanced(text: str) -> str:
    """A bracket with all up to its partner, or all there is."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return text[: position + 1]
    return text

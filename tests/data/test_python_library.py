"""The documents that every Python carries: public names, no private ones, text of use, the same each time."""

from __future__ import annotations

import ast
import collections
import importlib
import inspect
import random
import subprocess
import sys
from pathlib import Path

import pytest

from whelm.core.types import Document
from whelm.data.python_library import python_documents
from whelm.data.python_names import Library


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    found = list(python_documents())
    assert [document.id for document in found] == sorted({document.id for document in found})
    return {document.id: document for document in found}


EXPECTED = """
shutil shutil.copytree os.path.join os.walk os.listdir os.remove json.loads
print open sorted enumerate zip range dict.get str.split
list.sort set.add int ValueError math.sqrt itertools.chain functools.reduce functools.lru_cache
collections.OrderedDict collections.deque
collections.abc.Mapping datetime.datetime datetime.date random.randint random.shuffle threading.Thread threading.Lock
io.StringIO
socket.socket.connect asyncio.sleep asyncio.gather asyncio.Queue concurrent.futures.ThreadPoolExecutor subprocess.run
re.compile re.sub
pathlib.Path pathlib.Path.mkdir sqlite3.connect csv.reader heapq.heappush bisect.bisect_left
unittest.TestCase.assertEqual
logging.basicConfig logging.handlers.RotatingFileHandler argparse.ArgumentParser.add_argument urllib.request.urlopen
time.sleep sys.exit
struct.pack zlib.compress decimal.Decimal statistics.mean dataclasses.dataclass contextlib.contextmanager
tempfile.mkdtemp pickle.dumps
copy.deepcopy secrets.token_hex operator.itemgetter inspect.signature array.array multiprocessing.Pool
signal.signal topics/with
xml.etree.ElementTree.parse glob.glob"""


def test_well_known_names(documents: dict[str, Document]) -> None:
    missing = [name for name in EXPECTED.split() if name not in documents]
    assert missing == []


def test_counts(documents: dict[str, Document]) -> None:
    kinds = collections.Counter(document.metadata["kind"] for document in documents.values())
    assert set(kinds) == {"topic", "module", "class", "function", "method", "property"}
    assert len(documents) > 5500 and kinds["topic"] > 60 and kinds["method"] > 2500 and kinds["class"] > 700
    assert 1_500_000 < sum(len(document.text) for document in documents.values()) < 4_000_000


def test_no_private_names_and_nothing_trivial(documents: dict[str, Document]) -> None:
    for document in documents.values():
        name = document.id.removeprefix("topics/")
        assert not any(part.startswith("_") for part in name.split(".")), document.id
        assert not name.startswith(("test.", "idlelib", "posixpath.", "builtins.", "antigravity"))
        assert document.format == "pydoc" and document.language == "en" and document.title and document.source
        assert "\x00" not in document.text and " at 0x" not in document.text
        assert Path(document.source).exists()


def test_texts(documents: dict[str, Document]) -> None:
    copytree = documents["shutil.copytree"]
    assert copytree.text.startswith("shutil.copytree(src, dst, symlinks=False")
    assert "\n\nRecursively copy a directory tree" in copytree.text
    assert copytree.metadata["module"] == "shutil" and copytree.metadata["kind"] == "function"
    assert copytree.source.endswith("shutil.py")
    assert (
        documents["dict.get"].text
        == "dict.get(key, default=None, /)\n\nReturn the value for key if key is in the dictionary, else default."
    )
    assert documents["random.randint"].metadata["also"] == "random.Random.randint"
    assert documents["os.path.join"].metadata["module"] == "os.path"
    assert documents["range"].text.startswith("class range(stop)\n\n")
    assert documents["topics/with"].title == 'The "with" statement'


def test_names_can_be_imported(documents: dict[str, Document]) -> None:
    """A sample of names leads to an object whose docstring is the document's."""
    safe = (
        "shutil", "json", "collections", "math", "itertools", "functools", "os", "re", "datetime",
        "string", "random", "textwrap", "bisect", "heapq", "statistics", "pathlib", "csv", "io",
        "logging", "argparse", "urllib", "contextlib", "decimal", "inspect", "asyncio",
    )  # fmt: skip
    names = [
        name
        for name, document in documents.items()
        if name.split(".")[0] in safe and document.metadata["kind"] != "topic"
    ]
    checked = 0
    for name in random.Random(0).sample(sorted(names), 250):
        document = documents[name]
        try:
            module = importlib.import_module(document.metadata["module"])
        except ImportError:  # of another system
            continue
        target: object = module
        for part in name.removeprefix(document.metadata["module"]).strip(".").split("."):
            target = getattr(target, part, None) if part else target
        assert target is not None, name
        doc = inspect.getdoc(target)
        if doc:
            checked += " ".join(doc.split())[:60] in " ".join(document.text.split())
    assert checked >= 225


def test_one_document_an_object(documents: dict[str, Document]) -> None:
    for name, document in documents.items():
        for other in filter(None, document.metadata.get("also", "").split(", ")):
            assert other not in documents, f"{other} has a document beside {name}"


def test_no_module_with_side_effects_is_imported() -> None:
    code = ("import sys\nfrom whelm.data.python_library import python_documents\n"
            "n = sum(1 for _ in python_documents())\n"
            "odd = {'antigravity', 'this', 'tkinter', 'turtle', 'idlelib', 'readline', 'webbrowser', 'pdb'} & "
            "set(sys.modules)\n"
            "assert n > 5000 and not odd, odd")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout == "" and done.stderr == "", done.stderr


def test_a_name_is_followed_to_its_definition() -> None:
    library = Library()
    found = library.resolve("os", "walk")
    assert found is not None and found.module == "os"
    assert library.resolve("json", "JSONDecoder").module == "json.decoder"  # type: ignore[union-attr]
    assert library.resolve("collections", "deque").module == "_collections"  # type: ignore[union-attr]
    assert library.resolve("os", "no_such_name") is None
    assert isinstance(library.resolve("shutil", "copy").node, ast.FunctionDef)  # type: ignore[union-attr]

"""What the library uses much is prominent."""

from __future__ import annotations

from whelm.core.types import Document
from whelm.data.python_usage import usage


def test_the_well_known_beats_the_obscure() -> None:
    names = {
        "os.path.join": "function",
        "mailbox.MH.add_folder": "method",
        "str.startswith": "method",
        "sorted": "function",
    }
    found = usage([Document(name, "", name, metadata={"kind": kind}) for name, kind in names.items()])
    assert found["os.path.join"] > 0.5 and found["sorted"] > 0.3
    assert found.get("mailbox.MH.add_folder", 0.0) < 0.2 * found["str.startswith"]
    assert all(0 < share <= 1 for share in found.values())

"""Check the house rules that no linter knows, over `src/whelm`.

Every module opens with a docstring and, if it holds public code, states `__all__`; every folder with Python in it has
a README.md of at most 25 lines; no file is longer than 600 lines; library code neither prints nor exits (cli/ may).
Prints `file: what`; status 1 if a rule is broken.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "whelm"
README_LINES = 25
MODULE_LINES = 600


def module_faults(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source, str(path))
    docstring = ast.get_docstring(tree)
    if not docstring:
        yield "has no module docstring"
    if len(source.splitlines()) > MODULE_LINES:
        yield f"has {len(source.splitlines())} lines, more than {MODULE_LINES}: split the thought"
    names = {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
             if isinstance(target, ast.Name)}  # fmt: skip
    public = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
              and not node.name.startswith("_")]  # fmt: skip
    if public and "__all__" not in names and path.stem != "__main__":
        yield "defines public names and no __all__"
    if path.relative_to(PACKAGE).parts[0] in {"cli", "__main__.py"}:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in {"print", "sys.exit", "exit", "quit", "logging.basicConfig"}:
                yield f"line {node.lineno} calls {name}(): library code never prints, exits or configures logging"


def folder_faults(folder: Path) -> Iterator[str]:
    if not any(folder.glob("*.py")) or folder == PACKAGE:
        return
    readme = folder / "README.md"
    if not readme.is_file():
        yield "has no README.md"
    elif (lines := len(readme.read_text(encoding="utf-8").splitlines())) > README_LINES:
        yield f"README.md has {lines} lines, more than {README_LINES}"


def main() -> int:
    faults = []
    modules = sorted(PACKAGE.rglob("*.py"))
    for path in modules:
        faults += [f"{path.relative_to(ROOT)}: {fault}" for fault in module_faults(path)]
    for folder in sorted({path.parent for path in modules}):
        faults += [f"{folder.relative_to(ROOT)}/: {fault}" for fault in folder_faults(folder)]
    for fault in faults:
        print(fault)
    print(f"{len(modules)} modules, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

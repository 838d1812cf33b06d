"""Find dead links in the repository's Markdown: relative paths that lead nowhere and anchors that no heading makes.

Reads every tracked or new `*.md` outside ignored folders. Links with a scheme are not followed: a check that needs
the network fails for reasons that are not ours. Anchors are made as the usual viewers make them: lower case, white
space to hyphens, punctuation dropped, "-1", "-2" for repeats. Prints `file:line: what`; status 1 if anything is dead.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
IMAGE = re.compile(r"!\[[^\[\]]*\]\(\s*<?([^()\s>]+)>?(?:\s+[\"'][^)]*)?\)")
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^()\s>]+(?:\([^()\s]*\)[^()\s>]*)*)>?(?:\s+[\"'][^)]*)?\)")
REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
FENCE = re.compile(r"^\s*(```+|~~~+)")
ANCHOR = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")


def markdown_files(root: Path) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    # data that is somebody's documents (tests, assets) may link wherever it likes
    names = sorted(set(listing.stdout.split("\0")) - {""})
    return [root / name for name in names if "/data/" not in name and (root / name).is_file()]


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines that are not code, with code spans blanked."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := FENCE.match(line):
            mark = match[1]
            if not fence:
                fence = mark
            elif mark.startswith(fence):
                fence = ""
            continue
        if not fence:
            yield number, re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", line)


@cache
def anchors(path: Path) -> frozenset[str]:
    found: dict[str, int] = {}
    names: set[str] = set()
    fence = False
    for line in path.read_text(encoding="utf-8").splitlines():
        names.update(ANCHOR.findall(line))
        if FENCE.match(line):
            fence = not fence
        if fence or not (match := HEADING.match(line)):
            continue
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1]).lower()
        slug = re.sub(r"\s", "-", re.sub(r"[^\w\- ]", "", title))
        names.add(slug if slug not in found else f"{slug}-{found[slug]}")
        found[slug] = found.get(slug, 0) + 1
    return frozenset(names)


def dead_links(root: Path, path: Path) -> Iterator[str]:
    for number, line in prose(path.read_text(encoding="utf-8")):
        # pictures first: one may be the text of a link
        targets = IMAGE.findall(line) + LINK.findall(IMAGE.sub("x", line)) + REFERENCE.findall(line)
        for target in targets:
            if re.match(r"[a-z][a-z0-9+.-]*:", target, re.IGNORECASE) or target.startswith("//"):
                continue
            name, _, anchor = unquote(target).partition("#")
            place = path if not name else (root / name.lstrip("/") if name.startswith("/") else path.parent / name)
            where = f"{path.relative_to(root)}:{number}"
            if not place.exists():
                yield f"{where}: no such file: {target}"
            elif root not in place.resolve().parents and place.resolve() != root:
                yield f"{where}: leads out of the repository: {target}"
            elif anchor and place.suffix == ".md" and anchor.lower() not in anchors(place.resolve()):
                yield f"{where}: no such heading: {target}"


def main() -> int:
    files = markdown_files(ROOT)
    dead = [line for path in files for line in dead_links(ROOT, path)]
    for line in dead:
        print(line)
    print(f"{len(files)} Markdown files, {len(dead)} dead links")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())

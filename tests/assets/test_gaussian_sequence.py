"""Splats that change over time: which files are one sequence, and how its frames come and go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets import gaussian_sequence
from assets.deform.kinds import deformable
from assets.errors import BadFile, BadInput
from assets.files.series import gathered, series_in, series_name
from assets.formats import ReadOptions, open_path, save_path
from assets.gaussian_sequence import GaussianSequence
from assets.gaussians import Gaussians
from assets.progress import run
from tests.assets.splat_files import random_splats
from tests.small_files import write_points, write_splats


def numbered(folder: Path, numbers: tuple[int, ...] = (9, 10, 11), name: str = "walk_{:04}.ply") -> list[Path]:
    """Files of a sequence; the one with the number n has n splats."""
    folder.mkdir(exist_ok=True)
    return [write_splats(folder / name.format(number), number, seed=number) for number in numbers]


def sequence_of(paths: list[Path]) -> GaussianSequence:
    """The files as one asset."""
    (asset,) = run(open_path(paths[0], ReadOptions(frames=tuple(paths))))
    assert isinstance(asset, GaussianSequence)
    return asset


def prepared(sequence: GaussianSequence) -> GaussianSequence:
    """With the frame that its display asks for, read as another process does it."""
    job = sequence.to_prepare().preparation()
    if sequence.preparation() is not None:
        run(job, on_partial=sequence.accept)
    return sequence


def test_which_files_are_one_sequence(tmp_path: Path) -> None:
    walk = numbered(tmp_path / "a", name="walk_{}.ply")
    jump = numbered(tmp_path / "a", (1, 2), name="jump{:03}.ply")
    (tmp_path / "a" / "notes.txt").write_text("no splats")
    assert series_in(tmp_path / "a") == tuple(walk), "in the order of numbers, not of letters"
    assert gathered([walk[2], walk[0], walk[1]]) == [(tmp_path / "a", tuple(walk))]
    assert gathered(walk[:2]) == [(walk[0], tuple(walk[:2]))]
    assert gathered([walk[1]]) == [(walk[1], ())]
    mixed = [tmp_path / "model.glb", *jump, *walk, tmp_path / "model.glb"]
    expected = [(mixed[0], ()), (jump[0], tuple(jump)), (tmp_path / "a", tuple(walk)), (mixed[0], ())]
    assert gathered(mixed) == expected
    assert series_name(tuple(walk)) == "walk" and series_name((tmp_path / "a" / "01.ply",)) == "a"


def test_which_files_are_not(tmp_path: Path) -> None:
    points = [write_points(tmp_path / f"scan{number}.ply") for number in (1, 2)]
    assert gathered(points) == [(path, ()) for path in points]
    missing = [tmp_path / "gone1.ply", tmp_path / "gone2.ply"]
    assert gathered(missing) == [(path, ()) for path in missing]
    other = [*numbered(tmp_path / "x", (1,)), *numbered(tmp_path / "y", (2,)), *numbered(tmp_path, (3,), "cat{}.ply")]
    assert gathered(other) == [(path, ()) for path in other], "another folder or name is another scene"
    assert series_in(tmp_path / "x") == () and series_in(points[0]) == () and series_in(tmp_path / "none") == ()
    with pytest.raises(BadFile, match="folder"):
        run(open_path(tmp_path / "x"))


def test_frames_are_read_when_they_are_shown(tmp_path: Path) -> None:
    sequence = sequence_of(numbered(tmp_path))
    told: list[str] = []
    sequence.changed.connect(lambda _, part: told.append(part))
    assert len(sequence) == 9 and sequence.preparation() is None and sequence.moment() == 0
    assert sequence.facts()["frames"] == "3" and sequence.facts()["frame"] == "0 (walk_0009.ply)"
    assert [entry.high for entry in sequence.settings() if entry.name == "time"] == [2]
    sequence.set_display("time", 2)
    assert (len(sequence), told) == (9, ["display"]), "the frame before stays until the new one is there"
    prepared(sequence)
    assert (len(sequence), told) == (11, ["display", "data"])
    (alone,) = run(open_path(tmp_path / "walk_0011.ply"))
    for name in ("means", "log_scales", "rotations", "logit_opacities", "sh", "order"):
        assert np.array_equal(getattr(sequence, name), getattr(alone, name))
    sequence.set_display("time", 0)
    assert (len(sequence), sequence.preparation()) == (9, None), "what was shown lately is there at once"
    assert told[2:] == ["data", "display"]
    for value in (3, -1):
        with pytest.raises(BadInput):
            sequence.set_display("time", value)
    assert sequence.display.time == 0


def test_a_late_frame_is_shown_until_the_wanted_one_is_there(tmp_path: Path) -> None:
    sequence = sequence_of(numbered(tmp_path))
    sequence.set_display("time", 1)
    job = sequence.to_prepare().preparation()
    sequence.set_display("time", 2)
    run(job, on_partial=sequence.accept)
    assert sequence.shown in (1, 2)
    assert len(prepared(sequence)) == 11
    # One that nobody waits for any more is only kept.
    sequence.accept((1, random_splats(10)))
    assert len(sequence) == 11 and sequence.shown == 2


def test_frames_of_which_there_are_too_many_go_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_sequence, "KEPT_BYTES", 2000)
    sequence = sequence_of(numbered(tmp_path, tuple(range(9, 16))))
    for number in (*range(7), 3):
        sequence.set_display("time", number)
        assert len(prepared(sequence)) == 9 + number
    assert sequence.nbytes < 4000
    monkeypatch.setattr(gaussian_sequence, "KEPT_BYTES", 1)
    sequence.set_display("time", 0)
    assert len(prepared(sequence)) == 9 and sequence.nbytes == Gaussians.nbytes.fget(sequence)


def test_a_folder_of_compressed_frames(tmp_path: Path) -> None:
    for number in range(3):
        run(save_path(random_splats(300 + number, 1), tmp_path / f"{number}.compressed.ply"))
    (sequence,) = run(open_path(tmp_path))
    assert isinstance(sequence, GaussianSequence) and sequence.name == tmp_path.name
    assert sequence.provenance.path == tmp_path and sequence.provenance.format.startswith("Sequence of Compressed")
    sequence.set_display("time", 1)
    assert len(prepared(sequence)) == 301


def test_a_frame_that_is_damaged(tmp_path: Path) -> None:
    paths = numbered(tmp_path)
    paths[1].write_bytes(paths[1].read_bytes()[:-50])
    write_points(paths[2])
    sequence = sequence_of(paths)
    for number in (1, 2):
        sequence.set_display("time", number)
        with pytest.raises(BadFile, match=paths[number].name):
            prepared(sequence)
    assert len(sequence) == 9 and sequence.preparation() is not None
    sequence.set_display("time", 0)
    assert sequence.preparation() is None
    paths[0].write_bytes(b"ply\n")
    with pytest.raises(BadFile):
        sequence_of(paths)


def test_a_sequence_is_saved_frame_by_frame_and_not_changed(tmp_path: Path) -> None:
    sequence = sequence_of(numbered(tmp_path))
    sequence.set_display("time", 1)
    prepared(sequence).set_transform(np.diag([2.0, 2.0, 2.0, 1.0]))
    run(save_path(sequence, tmp_path / "frame.ply"))
    (saved,) = run(open_path(tmp_path / "frame.ply"))
    assert type(saved) is Gaussians and np.allclose(saved.means, 2 * sequence.means, atol=1e-6)
    with pytest.raises(BadInput, match="open the file of one frame alone"):
        deformable(sequence)
    with pytest.raises(BadInput, match="open the file of one frame alone"):
        sequence.set_state({"means": sequence.means})

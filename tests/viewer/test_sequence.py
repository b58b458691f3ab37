"""A sequence of splat files in a session, in the window and on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assets.gaussian_sequence import GaussianSequence
from viewer.panels.inspector import DISPLAY
from viewer.session import Session
from viewer.window import MainWindow

from .conftest import opened, pixels, wait_settled, wait_until, write_splats


@pytest.fixture
def frames(tmp_path: Path) -> list[Path]:
    """Three files of a sequence in a folder of their own."""
    (tmp_path / "walk").mkdir()
    return [write_splats(tmp_path / "walk" / f"walk{number}.ply", 100 * number) for number in (1, 2, 3)]


def test_a_session_opens_them_together(frames: list[Path]) -> None:
    session, told = Session(), []
    session.failed.connect(lambda sentence, _: told.append(sentence))
    session.open([frames[1], frames[0], frames[2]])
    (sequence,) = session.scene
    assert isinstance(sequence, GaussianSequence) and sequence.counts() == {"splats": 100}
    assert session.set_display(sequence, "time", 2) and sequence.counts() == {"splats": 300}
    assert session.undo() and sequence.counts() == {"splats": 100} and not session.unsaved
    assert not session.set_display(sequence, "time", 3) and "between 0 and 2" in told[0]
    frames[1].write_bytes(b"ply\n")
    session.set_display(sequence, "time", 1)
    assert sequence.counts() == {"splats": 100} and "walk2.ply" in told[1]
    session.open([frames[2]])
    assert [len(asset) for asset in session.scene] == [100, 300]


def test_the_slider_of_the_window_shows_another_file(window: MainWindow, frames: list[Path]) -> None:
    (sequence,) = opened(window, frames[0].parent)
    first, pose = pixels(window), window.navigator.pose
    inspector = window.panel("inspector")
    wait_until(lambda: window.preload.done and inspector.root is not None and inspector.filled)
    row = inspector.root.child(DISPLAY).child("time")
    (item,) = row.items
    slider = item.widget.slider
    assert (slider.minimum(), slider.maximum()) == (0, 2), "each frame is a place of the slider"
    slider.setValue(2)
    assert sequence.display.time == 2
    wait_until(lambda: len(sequence) == 300)
    wait_settled(window)
    assert (pixels(window) != first).any() and window.navigator.pose is pose
    assert [entry.path for entry in window.recent.existing()] == [frames[0].parent]


def test_the_command_line(triptych: Callable, frames: list[Path], tmp_path: Path) -> None:
    told = triptych(*frames, "--info", "--json")
    form = json.loads(told.stdout)
    assert form["counts"] == {"splats": 100} and form["facts"]["frames"] == "3"
    refused = triptych(frames[0].parent, "--screenshot", tmp_path / "a.png", "--time", "3")
    assert refused.returncode == 2 and refused.stderr == "Frame lies between 0 and 2, not at 3.\n"


def test_a_picture_of_a_frame(frames: list[Path], tmp_path: Path, gl: object) -> None:
    from PIL import Image

    from viewer.command_line import parse
    from viewer.headless.screenshot import screenshot

    pictures = []
    for number, options in enumerate((["--time", "1"], ["--set", "time=1"], ["--set", "time=2"])):
        out = tmp_path / f"{number}.png"
        screenshot(parse([str(frames[0].parent), "--screenshot", str(out), "--size", "64x48", *options]))
        pictures.append(np.asarray(Image.open(out)))
    assert np.array_equal(pictures[0], pictures[1]) and (pictures[0] != pictures[2]).any()

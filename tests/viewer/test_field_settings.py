"""The settings of a field in the inspector: what applies is there, and a slider changes the picture as it moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.fields.bricks.bake import bake
from assets.progress import run
from assets.triplane import Triplane
from tests.renderers.field_kinds import ball, fog, halves
from viewer.panels.inspector import DISPLAY
from viewer.window import MainWindow

from .conftest import pixels, wait_settled, wait_until


def rows(window: MainWindow) -> dict:
    """The rows of the display, when all are there."""
    inspector = window.panel("inspector")
    wait_until(lambda: window.preload.done and inspector.root is not None and inspector.filled)
    return {child.name(): child for child in inspector.root.child(DISPLAY).children()}


def names(triplane: Triplane, mode: str = "colour") -> set[str]:
    """The settings that apply in a mode."""
    triplane.set_display("mode", mode)
    return {entry.name for entry in triplane.settings()}


def ranges(triplane: Triplane) -> dict[str, tuple]:
    """Low, high and default of the settings that apply."""
    return {entry.name: (entry.low, entry.high, entry.default) for entry in triplane.settings()}


def test_only_what_applies_can_be_set() -> None:
    assert names(fog()) == {"mode", "density"}
    assert names(fog(), "surface") == {"mode", "level"}
    assert names(fog(), "slice") == {"mode", "slice_axis", "slice_at"}
    assert names(ball()) == {"mode", "level"}
    assert names(halves()) == {"mode"}
    modes = {entry.name: entry.choices for entry in halves().settings()}["mode"]
    assert "surface" not in modes and "density" not in modes and "slice" in modes


def test_ranges_come_from_the_field() -> None:
    cloud = fog()
    cloud.set_display("mode", "surface")
    level = cloud.description.surface.level
    low, high, default = ranges(cloud)["level"]
    assert 0 < low < level < high and default == level == cloud.display.level == cloud.display_default("level")
    solid = ball()
    run(bake(solid, levels=(32,), device="cpu"), on_partial=solid.accept)
    assert ranges(solid)["level"][:2] == pytest.approx(solid.grid.span)


def test_another_description_brings_its_level_unless_one_was_chosen() -> None:
    solid = ball()
    raised = replace(solid.description, surface=replace(solid.description.surface, level=0.2))
    solid.set_state({"description": raised})
    assert solid.display.level == solid.display_default("level") == 0.2
    solid.set_display("level", 0.1)
    solid.set_state({"description": replace(raised, surface=replace(raised.surface, level=0.3))})
    assert solid.display.level == 0.1 and solid.display_default("level") == 0.3


def test_the_level_is_a_slider_that_is_live(window: MainWindow) -> None:
    window.resize(640, 480)
    cloud = fog()
    # Haze is everywhere: finer bricks would take long and show the same.
    run(bake(cloud, levels=(32,), device="cpu"), on_partial=cloud.accept)
    window.session.add(cloud)
    wait_settled(window)
    assert set(rows(window)) == {"mode", "density"}
    window.session.set_display(cloud, "mode", "surface")
    wait_until(lambda: set(rows(window)) == {"mode", "level"})
    grid, before = cloud.grid, pixels(window)
    slider = next(iter(rows(window)["level"].items)).widget.slider
    changes = []
    cloud.changed.connect(lambda asset, part: changes.append(part))
    for place in (60, 120, 180):
        slider.setValue(place)
    wait_settled(window)
    low, high, _ = ranges(cloud)["level"]
    assert cloud.display.level == pytest.approx(low + 0.9 * (high - low), rel=0.02)
    assert changes == ["display"] * 3, "a level needs no new bricks"
    assert cloud.grid is grid and np.abs(pixels(window).astype(int) - before).max() > 20
    window.session.undo()
    assert cloud.display.level == cloud.description.surface.level
    wait_until(lambda: rows(window)["level"].value() == pytest.approx(cloud.display.level, rel=1e-3))
    cloud.set_display("level", 30.0)
    window.session.reset_display(cloud)
    assert cloud.display.level == cloud.description.surface.level

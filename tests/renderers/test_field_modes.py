"""What is seen of a field in each mode, live and exact, and answers in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from assets.fields.bricks.bake import bake
from assets.fields.bricks.grid import BRICK, BrickGrid
from assets.fields.description import March
from assets.progress import run
from assets.splats.spherical_harmonics import basis
from assets.triplane import Triplane
from renderers.camera import Camera
from renderers.fields.empty_bricks import fill_empty
from renderers.reference.field_looks import slice_color, slice_position
from renderers.reference.triplane import march as exact
from tests.renderers.field_kinds import LABELS, RADIUS, ball, fog, halves
from tests.renderers.field_pictures import draw, field, psnr, ready

CAMERA = Camera.look_at((1.5, 1.2, 3.0), (0.0, 0.0, 0.0), width=72, height=72)
FRONT = Camera.look_at((0.0, 0.0, 4.0), (0.0, 0.0, 0.0), width=33, height=33)
MIDDLE = (16, 16)


def cells(triplane: Triplane, count: int = 64) -> Triplane:
    """The triplane with bricks of `count` cells."""
    run(bake(triplane, levels=(32, count), device="cpu"), on_partial=triplane.accept)
    return triplane


@pytest.fixture
def drawn(renderers):
    """Draws a triplane once, in a mode."""

    def draw_once(triplane: Triplane, camera: Camera = CAMERA, mode: str = "colour", **options):
        triplane.set_display("mode", mode)
        renderers.append(ready(triplane))
        return draw(renderers[-1], camera, **options)

    return draw_once


def grey_ball() -> Triplane:
    """One without a colour, and with matter where it is positive."""
    return ball(colored=False, matter="above")


@pytest.mark.parametrize(
    ("made", "modes"),
    [
        (fog, ("colour", "density", "depth", "normal", "surface", "slice")),
        (lambda: fog(colored=False), ("colour", "surface", "slice")),
        (ball, ("colour", "depth", "normal", "surface", "slice")),
        (grey_ball, ("colour", "normal", "slice")),
    ],
    ids=["density", "density without colour", "distance", "distance without colour"],
)
def test_live_and_exact_agree(drawn, made: Callable[[], Triplane], modes: tuple[str, ...]) -> None:
    triplane = cells(made())
    triplane.set_display("slice_at", 0.4)
    for mode in modes:
        picture, depth = drawn(triplane, CAMERA, mode)
        expected, expected_depth = run(exact(triplane, CAMERA))
        assert expected[..., 3].max() > 0.99
        assert psnr(picture, expected) > 38, mode
        both = np.isfinite(depth) & np.isfinite(expected_depth)
        assert (np.isfinite(depth) == np.isfinite(expected_depth)).mean() > 0.997
        if mode != "density":
            assert np.abs(depth[both] - expected_depth[both]).max() < 5e-3, mode


def test_labels_are_drawn_in_the_colours_of_their_key(drawn) -> None:
    triplane = cells(halves(), 128)
    picture, depth = drawn(triplane)
    expected, expected_depth = run(exact(triplane, CAMERA))
    seen = np.isfinite(depth) & np.isfinite(expected_depth)
    assert (np.isfinite(depth) == np.isfinite(expected_depth)).mean() > 0.99
    away = np.abs(depth[seen] - expected_depth[seen])
    assert away.max() < 0.1 and away.mean() < 0.02
    for picture_of in (picture, expected):
        hue = picture_of[seen][:, :3] / picture_of[seen][:, :3].max(1, keepdims=True)
        keys = np.array([np.array(label.color) / max(label.color) for label in LABELS[1:]])
        assert np.abs(hue[:, None] - keys).max(-1).min(1).max() < 0.01
    sliced, _ = drawn(triplane, FRONT, "slice")
    assert sliced[16, 10, :3] == pytest.approx(LABELS[1].color, abs=2e-3)
    assert sliced[16, 22, :3] == pytest.approx(LABELS[2].color, abs=2e-3)
    assert sliced[1, 1, 3] == 0, "what is hidden leaves a hole"


def test_the_level_moves_the_surface_without_new_bricks(drawn) -> None:
    solid, cloud = cells(ball()), cells(fog())
    for triplane, level, radius in (
        (solid, 0.0, RADIUS),
        (solid, 0.04, np.sqrt(RADIUS**2 + 0.04)),
        (solid, -0.04, np.sqrt(RADIUS**2 - 0.04)),
        (cloud, float(np.exp(2.0)), RADIUS),
        (cloud, float(np.exp(2.6)), np.sqrt(RADIUS**2 - 0.05)),
    ):
        triplane.set_display("level", level)
        _, depth = drawn(triplane, FRONT, "surface")
        assert depth[MIDDLE] == pytest.approx(4.0 - radius, abs=2e-3)


def test_a_slice_lies_where_it_is_put(drawn) -> None:
    cloud = cells(fog())
    for axis, eye in (("z", (0.0, 0.0, 4.0)), ("x", (4.0, 0.0, 0.0)), ("y", (0.0, 4.0, 1e-3))):
        camera = Camera.look_at(eye, (0.0, 0.0, 0.0), width=33, height=33)
        cloud.set_display("slice_axis", axis)
        for at in (0.0, 0.25, 1.0):
            cloud.set_display("slice_at", at)
            picture, depth = drawn(cloud, camera, "slice")
            assert depth[MIDDLE] == pytest.approx(4.0 - (2 * at - 1), abs=2e-3) and picture[(*MIDDLE, 3)] == 1
    cloud.set_display("slice_at", 0.5)
    cloud.set_display("slice_axis", "z")
    picture, _ = drawn(cloud, FRONT, "slice")
    assert picture[MIDDLE][:3] == pytest.approx((0.5, 0.5, 0.5), abs=5e-3), "in matter the field's colour"
    origin, direction = FRONT.rays()
    x, y = (origin - direction * origin[..., 2:] / direction[..., 2:])[16, 24, :2]
    value = float(np.exp(2 + 12 * (RADIUS**2 - x**2 - y**2)))
    expected = slice_color(slice_position("density", torch.tensor([value]), 0.0, 2.0))[0]
    assert picture[16, 24, :3] == pytest.approx(expected.numpy(), abs=0.01), "elsewhere the map"


@pytest.mark.parametrize("made", [ball, halves, fog], ids=["distance", "labels", "density"])
def test_what_is_opaque_hides_and_is_hidden_and_picked(drawn, renderers, made: Callable[[], Triplane]) -> None:
    triplane = cells(made())
    mode = "surface" if made is fog else "colour"
    _, depth = drawn(triplane, FRONT, mode)
    assert depth[MIDDLE] == pytest.approx(4.0 - RADIUS, abs=0.03)
    assert renderers[-1].pick_depth(FRONT, 16.5, 16.5) == pytest.approx(depth[MIDDLE], abs=2e-3)
    assert renderers[-1].pick_depth(FRONT, 0.5, 0.5) is None
    before, wall = drawn(triplane, FRONT, mode, opaque=3.0)
    assert (before == 0).all() and wall == pytest.approx(np.full_like(wall, 3.0), abs=2e-3)
    behind, _ = drawn(triplane, FRONT, mode, opaque=3.6)
    assert behind[(*MIDDLE, 3)] == 1 and behind[16, 1, 3] == 0


def test_steps_show_where_work_is_done(drawn) -> None:
    picture, _ = drawn(cells(fog()), FRONT, "steps")
    assert picture[MIDDLE][3] == 1 and picture[0, 0, 3] == 0
    taken = picture[..., 3] == 1
    assert np.ptp(picture[taken][:, 1]) > 0.3, "some rays take many samples, some few"


@pytest.mark.parametrize("coefficients", [1, 4, 9])
def test_a_colour_hangs_on_where_it_is_seen_from(drawn, coefficients: int) -> None:
    coded = np.random.default_rng(3).normal(0, 0.15, (coefficients, 3))
    coded[0] = 0.5
    samples = np.full((1, *(BRICK + 1,) * 3, 1 + 3 * coefficients), 400.0, np.float16)
    samples[..., 1:] = coded.reshape(-1)
    solid = field(march=March(samples=64))
    box = np.array([[-1.0] * 3, [1.0] * 3])
    solid.accept(BrickGrid(box, np.array([BRICK] * 3), np.zeros((1, 1, 1), np.int32), samples))
    turned = np.eye(4)
    turned[:3, :3] = [[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]]
    solid.set_transform(turned)
    for eye in ((0.0, 0.0, 4.0), (2.0, 3.0, -1.0)):
        camera = Camera.look_at(eye, (0.0, 0.0, 0.0), width=33, height=33)
        picture, _ = drawn(solid, camera)
        along = camera.rays()[1][MIDDLE] @ turned[:3, :3]
        functions = basis(along[None] / np.linalg.norm(along), 2)[0, :coefficients]
        functions[0] = 1.0
        assert picture[MIDDLE][:3] == pytest.approx(functions @ coded, abs=4e-3)


@pytest.mark.parametrize("axial", [False, True])
def test_samples_lie_at_distances_from_the_eye(drawn, axial: bool) -> None:
    """Ten samples, half a unit apart from 1.05 on, of which four lie in a box from 3 to 5."""
    rule = March(samples=10, placement="edges", limits="range", near=1.05, far=5.55, axial=axial, outside="empty")
    dense = cells(field(density=0.4, march=rule), 32)
    picture, _ = drawn(dense, FRONT)
    assert picture[(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-0.4 * 0.5 * 4), abs=2e-3)
    around = replace(rule, limits="around", near=-2.95, far=1.55)
    dense = cells(field(density=0.4, march=around), 32)
    assert drawn(dense, FRONT)[0][(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-0.4 * 0.5 * 4), abs=2e-3)


def test_a_second_look_is_the_integral(drawn) -> None:
    plain = drawn(cells(fog(march=March(samples=2000))))[0]
    for placement, between in (("stratified", "segment"), ("midpoints", "sample")):
        rule = March(24, 24, placement, between=between)
        assert psnr(drawn(cells(fog(march=rule)))[0], plain) > 50


def test_what_is_faint_is_left_out_as_its_samples_say(drawn) -> None:
    """Eight samples and as many again: the finer they lie, the less each hides, until none counts."""
    rule = March(8, 8, "stratified", alpha_floor=0.2)
    for made in (rule, replace(rule, alpha_floor=0.02)):
        cloud = cells(fog(march=made))
        assert psnr(drawn(cloud)[0], run(exact(cloud, CAMERA))[0]) > 45


def test_steps_count_as_the_rule_says(drawn) -> None:
    thick = cells(field(density=0.3, march=March(samples=40, step_scale=2.5)), 32)
    assert drawn(thick, FRONT)[0][(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-0.3 * 2.5 * 2), abs=2e-3)
    faint = cells(field(density=0.3, march=March(samples=40, alpha_floor=0.02)), 32)
    assert drawn(faint, FRONT)[0].max() == 0, "each bin is 0.015 opaque"
    endless = cells(field(density=0.01, march=March(samples=40, last_step=1e10)), 32)
    assert drawn(endless, FRONT)[0][(*MIDDLE, 3)] > 0.999


def test_bricks_that_are_missing_are_on_the_side_of_their_neighbours() -> None:
    index = np.full((1, 1, 5), -1, np.int32)
    index[0, 0, 2] = 0
    samples = np.zeros((1, *(BRICK + 1,) * 3, 1), np.float16)
    samples[..., 0] = np.linspace(-1, 1, BRICK + 1)
    grid = BrickGrid(np.array([[0.0] * 3, [1.0] * 3]), np.array([40, 8, 8]), index, samples, kind="surface")
    filled = fill_empty(grid)
    assert filled[0, 0] == pytest.approx([-1, -1, 0, 1, 1])


@pytest.fixture(scope="module")
def moved_ball() -> Triplane:
    """A ball that was moved as a whole."""
    from assets.deform.rig import make_rig
    from tests.assets.warped_fields import ball as soft_ball
    from tests.assets.warped_fields import moved

    solid = cells(soft_ball())
    solid.set_display("level", 20.0)
    solid.set_warp(moved(run(make_rig(solid)), np.eye(3), (0.3, -0.2, 0.1)))
    return solid


@pytest.mark.parametrize("mode", ["surface", "slice", "steps", "normal"])
def test_a_bent_field_is_seen_in_every_mode(drawn, moved_ball: Triplane, mode: str) -> None:
    """It looks as the exact picture of it."""
    solid = moved_ball
    picture, depth = drawn(solid, CAMERA, mode)
    assert picture[..., 3].max() == pytest.approx(1.0, abs=2e-3)
    if mode == "steps":
        return
    expected, expected_depth = run(exact(solid, CAMERA))
    assert psnr(picture, expected) > (25 if mode == "normal" else 30)
    assert (np.isfinite(depth) == np.isfinite(expected_depth)).mean() > 0.98

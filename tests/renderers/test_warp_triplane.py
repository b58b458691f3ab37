"""Bent fields through OpenGL: as before where nothing moved, as placed where all moved, as the exact march draws."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from assets.deform.rig import Rig, make_rig
from assets.deform.solver import Solver
from assets.deform.warp import Warp
from assets.fields.bricks.grid import BrickGrid
from assets.fields.description import March, Output
from assets.formats import open_path, save_path
from assets.progress import run
from assets.triplane import Triplane
from renderers.camera import Camera
from renderers.fields.brick_atlas import distances
from renderers.fields.warp_volume import BLOCK, MOVED, RESTING, block_index, strain_lattice, visible_voxels
from renderers.framing import framing
from renderers.gl.lifetime import living
from renderers.reference.triplane import march
from renderers.triplane import TriplaneRenderer
from tests.assets.deform_shapes import points as pins
from tests.assets.deform_shapes import pull, turn
from tests.assets.warped_fields import ball, moved
from tests.renderers.field_pictures import baked, draw, oracle_view, psnr, ready

CAMERA = Camera.look_at((1.0, 1.2, 3.2), (0.1, 0.1, 0.0), width=120, height=90)
TURN = turn((0.3, 0.7, -0.4), 40)


@pytest.fixture
def drawn(renderers: list[TriplaneRenderer]):
    """Draws a triplane once, with what it wears."""

    def draw_once(triplane: Triplane, camera: Camera = CAMERA, **options) -> tuple[np.ndarray, np.ndarray]:
        renderers.append(ready(triplane))
        return draw(renderers[-1], camera, **options)

    return draw_once


@pytest.fixture(scope="module")
def bowl() -> Triplane:
    """The bundled field, baked."""
    path = Path(__file__).parents[2] / "assets" / "samples" / "bowl.safetensors"
    triplane = run(open_path(path))[0]
    run(triplane.preparation(), on_partial=triplane.accept)
    return triplane


@cache
def ball_grid(cells: int) -> BrickGrid:
    """The bricks of the ball."""
    return baked(ball(), cells).grid


@cache
def ball_rig() -> Rig:
    """The rig of the ball."""
    return run(make_rig(ball()))


def fog(cells: int, rule: March | None = None) -> Triplane:
    """The ball with its bricks, marched by a rule."""
    triplane = ball(march=rule)
    triplane.accept(ball_grid(cells))
    return triplane


def worn(triplane: Triplane, matrix: np.ndarray = TURN, shift=(0.0, 0.0, 0.0)) -> Triplane:
    """The triplane, all of whose matter has moved."""
    rig = ball_rig() if triplane.name == "ball" else run(make_rig(triplane))
    triplane.set_warp(moved(rig, matrix, shift))
    return triplane


def bent(triplane: Triplane, amount: float = 0.3) -> Warp:
    """A warp that pulls the top of the largest part to the side, its foot pinned."""
    rig = run(make_rig(triplane))
    owner, part = rig.graph.owner, rig.graph.part
    largest = np.bincount(part[owner[owner >= 0]]).argmax()
    points = rig.matter.points[(owner >= 0) & (part[np.maximum(owner, 0)] == largest)]
    up = 2 if triplane.up_axis() == "z" else 1
    height = points[:, up]
    foot = points[height < height.min() + 0.1 * np.ptp(height)][::50]
    top = points[np.argmax(height)]
    target = top + np.roll(np.array([0.0, amount, 0.0]), up) - np.eye(3)[up] * 0.1
    return Solver(rig, pull(top[None], target[None], pins=pins(foot))).solve_drag()


def fully(triplane: Triplane) -> Camera:
    """A camera that sees all of it, and what lies beside."""
    bounds = triplane.local_bounds()
    middle = bounds.mean(0)
    return framing(middle + (bounds - middle) * 1.3, triplane.up_axis() or "y", (160, 120))


@pytest.mark.parametrize("step", ["world", "normalised"])
def test_a_warp_that_moves_nothing_shows_nothing(drawn, step: str) -> None:
    field = fog(64, March(samples=96, step=step))
    plain, depth = drawn(field)
    again, again_depth = drawn(worn(field, np.eye(3)))
    assert plain[..., 3].max() > 0.99
    assert psnr(again, plain) > 60
    both = np.isfinite(depth) & np.isfinite(again_depth)
    assert (np.isfinite(depth) == np.isfinite(again_depth)).all()
    assert np.abs(depth[both] - again_depth[both]).max() < 1e-3


def test_real_fields_at_rest_look_as_without_a_warp(drawn, bowl: Triplane, triposr: Triplane) -> None:
    for field in (bowl, triposr):
        camera = fully(field)
        field.set_warp(None)
        plain, _ = drawn(field, camera)
        again, _ = drawn(worn(field, np.eye(3)), camera)
        field.set_warp(None)
        assert psnr(again, plain) > 60


@pytest.mark.parametrize("step", ["world", "normalised"])
@pytest.mark.parametrize("shift", [(0.3, -0.2, 0.1), (1.2, 0.3, 0.4)], ids=["inside", "outside"])
def test_what_moves_rigidly_looks_as_if_it_were_placed_there(drawn, step: str, shift: tuple) -> None:
    field = fog(128, March(samples=128, step=step))
    placed = np.eye(4)
    placed[:3, :3], placed[:3, 3] = TURN, shift
    field.set_transform(placed)
    expected, _ = drawn(field)
    field.set_transform(np.eye(4))
    picture, _ = drawn(worn(field, TURN, shift))
    assert expected[..., 3].max() > 0.99 and (expected[..., 3] > 0.5).mean() > 0.01
    # What the step rule calls a chord hangs on the box, which stays: matter may look a little thinner or thicker.
    assert psnr(picture, expected) > (33 if step == "normalised" else 40)


def test_a_placed_field_bends_in_its_own_frame(drawn) -> None:
    field = worn(fog(64), TURN, (0.3, 0.0, 0.0))
    plain, depth = drawn(field)
    placed = np.eye(4)
    placed[:3, :3], placed[:3, 3] = 2.0 * turn((0, 1, 0), 35), (5.0, -2.0, 1.0)
    field.set_transform(placed)
    pose = placed @ CAMERA.camera_to_world
    pose[:3, :3] /= 2.0
    picture, placed_depth = drawn(field, replace(CAMERA, camera_to_world=pose))
    assert np.abs(picture - plain).max() < 5e-3
    both = np.isfinite(depth) & np.isfinite(placed_depth)
    assert both.any() and placed_depth[both] == pytest.approx(2.0 * depth[both], rel=5e-3)


@pytest.mark.parametrize("mode", ["colour", "density", "depth", "normal"])
@pytest.mark.parametrize("orthographic", [False, True])
@pytest.mark.parametrize("step", ["world", "normalised"])
def test_live_and_exact_agree_on_a_bent_field(drawn, mode: str, orthographic: bool, step: str) -> None:
    field = fog(128, March(samples=96, step=step))
    field.set_warp(moved(ball_rig(), TURN @ np.diag([1.6, 1.0, 0.7]), (0.55, 0.2, -0.3)))
    field.set_display("mode", mode)
    camera = replace(CAMERA, ortho_height=3.0 if orthographic else None)
    picture, depth = drawn(field, camera)
    exact, exact_depth = run(march(field, camera))
    assert exact[..., 3].max() > 0.99
    assert psnr(picture, exact) > (30 if mode == "normal" else 38)
    both = np.isfinite(depth) & np.isfinite(exact_depth)
    assert both.sum() > 50 and (np.isfinite(depth) == np.isfinite(exact_depth)).mean() > 0.99
    assert np.abs(depth[both] - exact_depth[both]).max() < 0.02


def test_normals_stand_on_what_was_bent(drawn) -> None:
    field = fog(128)
    field.set_warp(moved(ball_rig(), np.diag([2.0, 1.0, 0.5]), (0.3, 0.0, 0.0)))
    field.set_display("mode", "normal")
    camera = Camera.look_at((-0.1, 0.1, 4.0), (-0.1, 0.1, 0.0), width=60, height=60)
    picture, depth = drawn(field, camera)
    seen = np.isfinite(depth) & (picture[..., 3] > 0.99)
    origin, direction = camera.rays()
    along = direction @ -camera.camera_to_world[:3, 2]
    place = (origin + direction * (np.where(seen, depth, 0.0) / along)[..., None])[seen]
    # The ball became an ellipsoid around D(c) with half axes 2 r, r and r / 2.
    outward = (place - (-0.1, 0.1, 0.0)) / (4.0, 1.0, 0.25)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    found = picture[seen][:, :3] / picture[seen][:, 3:] * 2 - 1
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert seen.sum() > 40
    assert np.median(np.degrees(np.arccos(np.clip((found * outward).sum(1), -1, 1)))) < 6


def test_live_and_exact_agree_on_real_fields(drawn, bowl: Triplane, triposr: Triplane) -> None:
    for field in (bowl, triposr):
        camera = fully(field)
        field.set_warp(None)
        plain, _ = drawn(field, camera)
        field.set_warp(bent(field))
        picture, _ = drawn(field, camera)
        exact, _ = run(march(field, camera, device="cpu"))
        field.set_warp(None)
        assert psnr(picture, plain) < 30
        assert psnr(picture, exact) > 38


def test_a_colour_that_hangs_on_the_view_is_seen_from_where_matter_is_now() -> None:
    field = ball(viewdirs=True)
    plain, _ = run(march(field, CAMERA))
    turned = turn((0, 1, 0), 90)
    centre = np.array([-0.2, 0.1, 0.0])
    rig = ball_rig()
    field.set_warp(moved(rig, turned, centre - turned @ centre))
    picture, _ = run(march(field, CAMERA))
    solid = (picture[..., 3] > 0.99) & (plain[..., 3] > 0.99)
    # The directions turn back with matter: x and z change places, z with the other sign.
    before, after = plain[solid][:, :3] * 2 - 1, picture[solid][:, :3] * 2 - 1
    assert solid.any() and np.abs(after - before @ turned).max() < 0.05


def test_what_was_left_is_gone_and_is_not_there_twice(drawn, renderers: list[TriplaneRenderer]) -> None:
    field = worn(fog(64), np.eye(3), (1.0, 0.0, 0.0))
    camera = Camera.look_at((0.3, 0.1, 5.0), (0.3, 0.1, 0.0), width=90, height=60)
    _, depth = drawn(field, camera)
    columns = np.flatnonzero(np.isfinite(depth).any(0))
    assert len(columns) and (np.diff(columns) == 1).all() and columns.min() > 45
    renderer = renderers[-1]
    x, y = columns.mean(), np.flatnonzero(np.isfinite(depth).any(1)).mean()
    assert renderer.pick_depth(camera, x + 0.5, y + 0.5) == pytest.approx(5.0 - 0.17, abs=0.1)
    assert renderer.pick_depth(camera, 90 - x, y + 0.5) is None


def test_a_field_may_be_pulled_far_out_of_its_box(drawn) -> None:
    field = fog(64, March(samples=64, step="normalised"))
    rig = ball_rig()
    field.set_warp(moved(rig, np.eye(3), (30.0, 0.0, 0.0)))
    camera = Camera.look_at((29.8, 0.1, 4.0), (29.8, 0.1, 0.0), width=60, height=60)
    picture, depth = drawn(field, camera)
    exact, _ = run(march(field, camera))
    assert depth[30, 30] == pytest.approx(4.0 - 0.17, abs=0.1)
    assert psnr(picture, exact) > 38


def test_at_rest_is_drawn_what_was_before(drawn, renderers: list[TriplaneRenderer]) -> None:
    field = fog(64)
    plain, _ = drawn(field)
    picture, _ = drawn(worn(field, TURN, (0.4, 0.0, 0.0)), rest=True)
    assert (picture == plain).all()
    field.set_warp(None)
    while not renderers[-1].sync(1.0):
        pass
    assert (draw(renderers[-1], CAMERA)[0] == plain).all()


def test_the_reach_of_a_drag_is_shown_in_the_accent(drawn) -> None:
    field = fog(64)
    rig = ball_rig()
    half = rig.graph.nodes[:, 0] > -0.2
    field.set_warp(moved(rig, np.eye(3), which=half))
    plain, _ = drawn(field)
    picture, _ = drawn(field, heat=field)
    solid = plain[..., 3] > 0.99
    change = picture[solid][:, :3] - plain[solid][:, :3]
    assert (np.abs(change).max(1) < 5e-3).mean() > 0.04
    felt = np.abs(change).max(1) > 0.05
    assert felt.mean() > 0.2
    toward = np.array((0x5A, 0xA9, 0xFF)) / 255 - plain[solid][felt, :3]
    assert (np.sign(change[felt]) == np.sign(toward))[np.abs(toward) > 0.1].all()


def test_stretch_is_shown_where_there_is_some(drawn) -> None:
    field = fog(64)
    field.set_warp(moved(ball_rig(), np.diag([1.2, 1.0, 1.0])))
    plain, _ = drawn(field)
    assert np.abs(drawn(field, stretch=True)[0] - plain).max() < 2e-3
    field.set_warp(moved(ball_rig(), np.diag([3.0, 1.0, 1.0])))
    plain, _ = drawn(field)
    assert np.abs(drawn(field, stretch=True)[0] - plain).max() > 0.1


def test_a_pose_that_changes_is_followed(renderers: list[TriplaneRenderer]) -> None:
    field = fog(64)
    rig = ball_rig()
    renderers.append(ready(field))
    before = sum(living.values())
    for shift in (0.1, 0.2, 0.3):
        field.set_warp(moved(rig, np.eye(3), (shift, 0.0, 0.0)))
        assert renderers[-1].sync(1.0)
        _, depth = draw(renderers[-1], CAMERA)
        centre = np.array([shift - 0.2, 0.1, 0.0])
        row, column = np.argwhere(np.isfinite(depth)).mean(0)
        origin, direction = CAMERA.rays()
        ray = direction[round(row), round(column)] / np.linalg.norm(direction[round(row), round(column)])
        away = centre - origin[round(row), round(column)]
        assert np.linalg.norm(away - ray * (away @ ray)) < 0.04
    assert renderers[-1].gpu_bytes > 0
    field.set_warp(None)
    assert renderers[-1].sync(1.0)
    draw(renderers[-1], CAMERA)
    assert sum(living.values()) <= before + 8


def test_blocks_hold_all_that_is_visible() -> None:
    field = worn(fog(64), TURN, (0.3, 0.0, 0.0))
    volume = field.warp.volume
    index = block_index(volume, field.grid)
    assert index.shape == tuple(-(-np.array(volume.coverage.shape) // BLOCK))
    visible = visible_voxels(volume, field.grid)
    for place in np.argwhere(visible)[::50]:
        low, high = np.maximum(place - 1, 0), np.minimum(place + 1, np.array(visible.shape) - 1)
        assert index[tuple(low // BLOCK)] >= 0 and index[tuple(high // BLOCK)] >= 0
    empty = index < 0
    assert (-index[empty] == distances(~empty)[empty]).all() and empty.any()


def test_blocks_rest_only_where_nothing_moved_and_nothing_is_missing() -> None:
    field = worn(fog(64), np.eye(3), (0.0, 0.0, 0.0))
    index = block_index(field.warp.volume, field.grid)
    assert (index == RESTING).any() and not (index == MOVED).all()
    field = worn(fog(64), TURN, (0.3, 0.0, 0.0))
    volume = field.warp.volume
    index = block_index(volume, field.grid)
    moved = np.argwhere((volume.lattice[..., :3] != 0).any(-1))
    assert not (index[tuple((moved // BLOCK).T)] == RESTING).any()


def test_a_draft_is_a_coarser_map_of_the_same_motion(drawn) -> None:
    """What is shown while a hand moves looks like what follows when it rests."""
    field = worn(fog(64), TURN, (0.2, 0.1, 0.0))
    final, _ = drawn(field)
    fine = field.warp.volume
    field.set_warp(replace(field.warp, draft=True))
    draft, _ = drawn(field)
    assert field.warp.volume.lattice.size < 0.6 * fine.lattice.size
    assert psnr(draft, final) > 30


def test_only_voxels_that_show_are_marched() -> None:
    field = worn(fog(64), TURN, (0.3, 0.0, 0.0))
    volume = field.warp.volume
    shown = visible_voxels(volume, field.grid)
    assert shown.any() and not (shown & (volume.coverage == 0)).any()
    box, lattice = strain_lattice(field.warp)
    assert lattice[..., 0].max() == 1.0 and (box[0] < -0.5).any()


def test_a_file_keeps_the_warp(drawn, tmp_path: Path) -> None:
    field = worn(fog(64), TURN @ np.diag([1.5, 1.0, 0.8]), (0.4, 0.1, 0.0))
    plain, _ = drawn(field)
    run(save_path(field, tmp_path / "a.safetensors"))
    again = run(open_path(tmp_path / "a.safetensors"))[0]
    assert again.warp.rig is None and again.warp.drag == field.warp.drag
    again.grid = field.grid
    picture, _ = drawn(again)
    assert psnr(picture, plain) > 50
    exact, _ = run(march(again, CAMERA))
    assert psnr(picture, exact) > 38
    assert np.isfinite(again.bounds()).all()
    run(save_path(again, tmp_path / "b.safetensors"))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_the_oracle_still_looks_as_its_family_draws_it(drawn, triposr: Triplane, shared: Path) -> None:
    camera, view = oracle_view(shared, 0)
    triposr.set_warp(moved(run(make_rig(triposr)), np.eye(3)))
    picture, _ = drawn(triposr, camera)
    triposr.set_warp(None)
    assert np.abs(picture[..., 3] - view["alpha"][..., 0]).mean() < 3e-3


def test_outputs_other_than_density_draw_nothing(drawn) -> None:
    field = ball(outputs=(Output("sdf", (0, 1)),))
    assert not drawn(field)[0].any()

"""Triplanes through OpenGL: against the family's own pictures, and against answers in closed form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.errors import TriptychError
from assets.fields.bricks.grid import BRICK, BrickGrid
from assets.fields.decoder import activate_output
from assets.fields.description import OUTPUT_ACTIVATIONS, March, Output
from assets.triplane import Triplane
from renderers.camera import Camera
from renderers.fields.brick_atlas import BrickAtlas, distances
from renderers.gl.lifetime import living
from renderers.renderer import Quality
from renderers.triplane import TriplaneRenderer
from tests.renderers.field_pictures import DENSITY, baked, draw, field, on_white, oracle_view, psnr, ready

CAMERA = Camera.look_at((0.0, 0.0, 4.0), (0.0, 0.0, 0.0), width=33, height=25)
MIDDLE = (12, 16)


@pytest.fixture
def drawn(renderers: list[TriplaneRenderer]):
    """Draws a triplane once: (triplane, camera, …) → (H,W,4), (H,W)."""

    def draw_once(triplane: Triplane, camera: Camera = CAMERA, **options) -> tuple[np.ndarray, np.ndarray]:
        renderers.append(ready(triplane))
        return draw(renderers[-1], camera, **options)

    return draw_once


@pytest.mark.parametrize("index", [0, 1])
def test_it_looks_as_the_family_draws_it(drawn, triposr: Triplane, shared: Path, index: int) -> None:
    camera, view = oracle_view(shared, index)
    picture, _ = drawn(triposr, camera)
    assert psnr(on_white(picture), view["rgb"]) > 42
    assert np.abs(picture[..., 3] - view["alpha"][..., 0]).mean() < 3e-3


def test_moving_less_is_drawn_and_it_still_looks_alike(drawn, triposr: Triplane, shared: Path) -> None:
    camera = oracle_view(shared, 0)[0].resized(256, 256)
    full, full_depth = drawn(triposr, camera)
    less, less_depth = drawn(triposr, camera, quality=Quality(detail=0.1))
    assert 25 < psnr(on_white(less), on_white(full)) < 45
    assert (np.isfinite(full_depth) == np.isfinite(less_depth)).mean() > 0.97


@pytest.mark.parametrize("step", ["world", "normalised"])
@pytest.mark.parametrize("orthographic", [False, True])
def test_even_fog_follows_beer_and_lambert(drawn, step: str, orthographic: bool) -> None:
    camera = replace(CAMERA, ortho_height=3.0 if orthographic else None)
    low, high = (-0.5, -1.0, -0.25), (0.5, 0.75, 0.75)
    fog = baked(field(density=1.5, march=March(samples=40, step=step, box_shrink=0.1), low=low, high=high))
    fog.set_display("density", 1.2)
    picture, _ = drawn(fog, camera)
    chord = _chords(camera, np.array([low, high]), 0.1)
    alpha = 1 - np.exp(-1.5 * 1.2 * (chord if step == "world" else (chord > 0)))
    assert np.abs(picture[..., 3] - alpha).max() < 2e-3
    assert np.abs(picture[..., :3] - alpha[..., None] * (1.0, 0.5, 0.25)).max() < 2e-3
    assert alpha.max() > 0.5


def test_turned_and_scaled_fog_keeps_its_opacity(drawn) -> None:
    """Steps are measured in the units that the family was trained in, whatever size the asset is shown at."""
    fog = baked(field(density=0.8))
    plain, plain_depth = drawn(fog)
    angle = 0.7
    placed = np.eye(4)
    placed[:3, :3] = 3.0 * np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    placed[:3, 3] = (5.0, -2.0, 1.0)
    fog.set_transform(placed)
    pose = placed @ CAMERA.camera_to_world
    pose[:3, :3] /= 3.0
    picture, depth = drawn(fog, replace(CAMERA, camera_to_world=pose))
    assert np.abs(picture - plain).max() < 2e-3
    assert np.isfinite(depth).any()
    both = np.isfinite(depth) & np.isfinite(plain_depth)
    assert depth[both] == pytest.approx(3.0 * plain_depth[both], rel=2e-3)


def test_depth_is_where_half_is_covered(drawn) -> None:
    dense = baked(field(density=5.0))
    _, depth = drawn(dense)
    assert depth[MIDDLE] == pytest.approx(3.0 + np.log(2) / 5.0, abs=2e-3)
    assert np.isinf(depth[0, 0])
    _, thin = drawn(baked(field(density=0.2)))
    assert np.isinf(thin).all()


def test_picking_finds_the_same_depth(drawn, renderers: list[TriplaneRenderer]) -> None:
    _, depth = drawn(baked(field(density=5.0)))
    row, column = MIDDLE
    assert renderers[-1].pick_depth(CAMERA, column + 0.5, row + 0.5) == pytest.approx(depth[MIDDLE], abs=2e-3)
    assert renderers[-1].pick_depth(CAMERA, 0.5, 0.5) is None


def test_picking_in_between_leaves_an_unfinished_picture_alone(renderers: list[TriplaneRenderer]) -> None:
    renderer = ready(baked(field(density=5.0)))
    renderers.append(renderer)
    whole, _ = draw(renderer, CAMERA)
    march = renderer._march

    def march_and_pick(*arguments) -> None:
        march(*arguments)
        renderer._march = march
        renderer.pick_depth(CAMERA, 16.5, 12.5)

    renderer._march = march_and_pick
    renderer._pacer._elements = 64.0
    interrupted, _ = draw(renderer, CAMERA)
    assert (interrupted == whole).all()


@pytest.mark.parametrize("orthographic", [False, True])
def test_a_ray_ends_at_what_is_opaque(drawn, orthographic: bool) -> None:
    camera = replace(CAMERA, ortho_height=3.0 if orthographic else None)
    fog = baked(field(density=1.0, march=March(samples=20)))
    for wall, inside in ((2.0, 0.0), (3.73, 0.73), (6.0, 2.0)):
        picture, _ = drawn(fog, camera, opaque=wall)
        assert picture[(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-inside), abs=2e-3)


def test_what_covers_half_hides_nothing_nearer(drawn) -> None:
    _, depth = drawn(baked(field(density=5.0)), opaque=2.0)
    assert depth == pytest.approx(np.full_like(depth, 2.0), abs=1e-3)


def test_a_camera_inside_sees_only_what_lies_before_it(drawn) -> None:
    camera = Camera.look_at((0.0, 0.0, 0.0), (0.0, 0.0, -1.0), width=33, height=25)
    picture, _ = drawn(baked(field(density=1.0)), camera)
    assert picture[(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-1.0), abs=2e-3)


def test_near_and_the_shortest_chord_are_in_the_units_of_the_asset(drawn) -> None:
    small = np.diag([0.5, 0.5, 0.5, 1.0])
    fog = field(density=1.0, march=March(near=7.5))
    fog.set_transform(small)
    # The middle ray meets the small box at 3.5 of the world, 7 of the asset's units.
    assert drawn(baked(fog))[0][(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-1.5), abs=2e-3)
    for shortest, alpha in ((1.99, 1 - np.exp(-2.0)), (2.01, 0.0)):
        fog = field(density=1.0, march=March(min_chord=shortest))
        fog.set_transform(small)
        assert drawn(baked(fog))[0][(*MIDDLE, 3)] == pytest.approx(alpha, abs=2e-3)


def test_a_distant_camera_loses_no_precision(drawn) -> None:
    fog = baked(field(slope=(0.9, 0.0, 0.0), density=1.0))
    near = replace(CAMERA, ortho_height=3.0)
    far_away = Camera.look_at((0.0, 0.0, 40.0), (0.0, 0.0, 0.0), width=33, height=25)
    far_away = replace(far_away, ortho_height=3.0)
    assert np.abs(drawn(fog, near)[0] - drawn(fog, far_away)[0]).max() < 1e-3


def test_the_mode_shows_density_depth_or_normals(drawn) -> None:
    slab = baked(field(slope=(-120.0, 0.0, -160.0), density=0.0), cells=32)
    slab.set_display("mode", "normal")
    picture, _ = drawn(slab)
    solid = picture[..., 3] > 0.999
    assert solid.any()
    assert np.abs(picture[solid][:, :3] - (0.8, 0.5, 0.9)).max() < 0.01

    dense = baked(field(density=15.5))
    dense.set_display("mode", "density")
    picture, _ = drawn(dense)
    # 31 optical depths are half way up the map: log2(1 + 31) = 5 of 10. Viridis in its middle is (0.13, 0.57, 0.55).
    assert picture[MIDDLE] == pytest.approx((0.128, 0.567, 0.551, 1.0), abs=0.02)

    dense.set_display("mode", "depth")
    picture, depth = drawn(dense)
    assert picture[(*MIDDLE, 0)] == pytest.approx(0.95 - 0.87 * (depth[MIDDLE] - 3.0) / 2.0, abs=0.01)


def test_a_field_without_colour_is_lit_from_the_camera(drawn) -> None:
    grey = baked(field(slope=(0.0, 0.0, 100.0), density=0.0, outputs=(DENSITY,)))
    picture, _ = drawn(grey)
    assert picture[MIDDLE] == pytest.approx((0.9, 0.9, 0.9, 1.0), abs=0.02)


@pytest.mark.parametrize("activation", OUTPUT_ACTIVATIONS)
def test_activations_are_those_of_the_decoder(drawn, activation: str) -> None:
    import torch

    color = Output("rgb", (1, 4), activation, bias=0.25, scale=0.3, shift=0.4)
    density = Output("density", (0, 1), activation, bias=0.1, scale=0.5, shift=0.7)
    raw = np.float32([[0.4, -0.6, 0.1, 0.55]])
    plain = field(density=0.4, color=tuple(raw[0, 1:]), outputs=(density, color))
    picture, _ = drawn(baked(plain))
    where = torch.zeros(1, 3)
    thickness = activate_output(density, torch.tensor(raw[:, :1]), where)[0, 0].clamp_min(0.0) * 2.0
    alpha = 1 - np.exp(-float(thickness))
    expected = activate_output(color, torch.tensor(raw[:, 1:]), where)[0].numpy()
    assert picture[(*MIDDLE, 3)] == pytest.approx(alpha, abs=2e-3)
    assert picture[MIDDLE][:3] == pytest.approx(expected * alpha, abs=2e-3)


def test_every_brick_lies_where_the_index_says(drawn) -> None:
    """Scattered bricks, more than one layer of the atlas holds, whose colour is the place where they lie."""
    shape = np.array((14, 16, 18))
    index, samples = _scattered_bricks(shape, 0.2)
    assert len(samples) > 2 * 256
    holed = field(march=March(samples=1500))
    holed.accept(BrickGrid(np.array([[-1.0] * 3, [1.0] * 3]), shape[::-1] * BRICK, index, samples))
    camera = Camera.look_at((1.0, 1.6, 4.0), (0.0, 0.0, 0.0), width=80, height=60)
    picture, depth = drawn(holed, camera)

    origin, direction = camera.rays()
    along = direction @ -camera.camera_to_world[:3, 2]
    expected, place = np.full(depth.shape, np.inf), np.zeros((*depth.shape, 3))
    for distance in np.arange(2.5, 7.5, 0.005)[::-1]:
        point = origin + direction * distance
        brick = np.floor((point + 1) / 2 * shape[::-1]).astype(int)[..., ::-1]
        inside = ((brick >= 0) & (brick < shape)).all(-1)
        hit = inside & (index[tuple(np.clip(brick, 0, shape - 1).reshape(-1, 3).T)].reshape(depth.shape) >= 0)
        expected[hit], place[hit] = (distance * along)[hit], point[hit]

    seen = np.isfinite(expected) & np.isfinite(depth)
    assert seen.mean() > 0.2
    assert (np.isfinite(expected) == np.isfinite(depth)).mean() > 0.98
    # A ray may graze a corner of a brick too briefly for half of it to be covered.
    assert (np.abs(depth[seen] - expected[seen]) < 0.015).mean() > 0.97
    away = np.abs(picture[..., :3] / np.maximum(picture[..., 3:], 1e-6) - (place + 1) / 2).max(-1)
    assert (away[seen] < 0.02).mean() > 0.97


def test_distances_are_chebyshev_distances() -> None:
    full = np.random.default_rng(6).random((7, 9, 11)) < 0.02
    every = np.argwhere(np.ones_like(full))
    expected = np.abs(every[:, None] - np.argwhere(full)[None]).max(-1).min(1).reshape(full.shape)
    assert full.any()
    assert (distances(full) == expected).all()
    assert (distances(np.zeros((2, 2, 2), bool)) > 1).all()


def test_a_finer_grid_replaces_the_coarser_when_all_of_it_is_there(renderers: list[TriplaneRenderer]) -> None:
    fog = baked(field(density=0.5))
    renderer = ready(fog)
    renderers.append(renderer)
    coarse, _ = draw(renderer, CAMERA)
    assert coarse[(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-1.0), abs=2e-3)
    fog.tensors["bias"] = np.float32([1.5, 0.0, 0.0, 1.0])
    baked(fog, cells=128)
    steps = 0
    while not renderer.sync(0.0):
        steps += 1
        assert (draw(renderer, CAMERA)[0] == coarse).all()
    assert steps >= 4
    fine, _ = draw(renderer, CAMERA)
    assert fine[(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-3.0), abs=2e-3)


def test_nothing_is_drawn_before_the_first_grid(drawn) -> None:
    picture, depth = drawn(field())
    assert (picture == 0).all()
    assert np.isinf(depth).all()


def test_an_empty_field_and_one_behind_the_camera_draw_nothing(drawn) -> None:
    assert (drawn(baked(field(density=-1.0)))[0] == 0).all()
    behind = Camera.look_at((0.0, 0.0, 4.0), (0.0, 0.0, 8.0), width=33, height=25)
    assert (drawn(baked(field(density=5.0)), behind)[0] == 0).all()


def test_a_finer_grid_that_does_not_fit_leaves_the_coarser(
    renderers: list[TriplaneRenderer], monkeypatch: pytest.MonkeyPatch
) -> None:
    fog = baked(field(density=0.5))
    renderers.append(ready(fog))
    monkeypatch.setattr("renderers.fields.brick_atlas.LARGEST_ATLAS", 1 << 20)
    baked(fog, cells=64)
    assert renderers[-1].sync(1.0)
    assert draw(renderers[-1], CAMERA)[0][(*MIDDLE, 3)] == pytest.approx(1 - np.exp(-1.0), abs=2e-3)
    fresh = TriplaneRenderer(fog)
    renderers.append(fresh)
    with pytest.raises(TriptychError, match="cannot be drawn"):
        fresh.sync(1.0)


def test_a_field_squashed_to_nothing_is_not_drawn(drawn) -> None:
    fog = baked(field(density=5.0))
    fog.set_transform(np.diag([1.0, 0.0, 1.0, 1.0]))
    assert (drawn(fog)[0] == 0).all()


def test_a_grid_that_does_not_fit_is_refused(gl) -> None:
    many = np.lib.stride_tricks.as_strided(np.zeros(4, np.float16), (200_000, 9, 9, 9, 4), (0,) * 5)
    grid = BrickGrid(np.array([[-1.0] * 3, [1.0] * 3]), np.array([8] * 3), np.zeros((1, 1, 1), np.int32), many)
    with pytest.raises(ValueError, match="200000 bricks"):
        BrickAtlas(grid)


def test_disposing_frees_everything(gl) -> None:
    before = living.copy()
    fog = baked(field())
    renderer = ready(fog)
    for mode in ("colour", "density", "depth", "normal"):
        fog.set_display("mode", mode)
        draw(renderer, CAMERA)
    assert renderer.gpu_bytes > 0
    baked(fog, cells=64)
    renderer.sync(0.0)
    renderer.dispose()
    assert {name: count for name, count in living.items() if count != before[name]} == {}


def _chords(camera: Camera, box: np.ndarray, shrink: float) -> np.ndarray:
    """Length of each ray in the shrunk box, by clipping, (H,W)."""
    half = (box[1] - box[0]) / 2 * (1 - shrink)
    middle = box.mean(0)
    origin, direction = camera.rays()
    with np.errstate(divide="ignore"):
        sides = np.stack([(middle - half - origin) / direction, (middle + half - origin) / direction])
    enter, leave = sides.min(0).max(-1), sides.max(0).min(-1)
    return np.clip(leave - np.maximum(enter, 0.0), 0.0, None)


def _scattered_bricks(shape: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The index and the samples of a grid over −1 … 1, dense in a random `share` of its bricks. The raw colour of a
    sample is its place, 0 … 1 along x, y, z."""
    random = np.random.default_rng(4)
    index = np.full(shape, -1, np.int32)
    kept = np.argwhere(random.random(shape) < share)
    index[tuple(kept.T)] = random.permutation(len(kept))
    samples = np.zeros((len(kept), BRICK + 1, BRICK + 1, BRICK + 1, 4), np.float16)
    local = np.stack(np.meshgrid(*[np.arange(BRICK + 1)] * 3, indexing="ij"), -1)
    for at in kept:
        place = (at * BRICK + local) / (shape * BRICK)
        samples[index[tuple(at)]] = np.concatenate([np.full((*place.shape[:3], 1), 400.0), place[..., ::-1]], -1)
    return index, samples

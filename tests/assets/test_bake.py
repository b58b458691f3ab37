"""Baking: the picture of the bricks against TripoSR's own, and what may be left out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.errors import BadInput
from assets.fields.bricks.bake import bake, slot_bytes
from assets.fields.bricks.grid import BRICK, BrickGrid
from assets.fields.bricks.lattice import maxima
from assets.fields.bricks.sampler import LOST_OPACITY
from assets.fields.decoder import Field
from assets.fields.description import Blob
from assets.formats import open_path
from assets.progress import Partial, run
from assets.triplane import Triplane
from tests.small_assets import triplane as small_triplane

from .brick_march import march, psnr, rays

DATA = Path(__file__).parent.parent / "data" / "triposr"


@pytest.fixture(scope="module")
def triposr() -> Triplane:
    return run(open_path(DATA / "asset.pt"))[0]


@pytest.fixture(scope="module")
def grids(triposr: Triplane) -> list[BrickGrid]:
    found: list[BrickGrid] = []
    run(bake(triposr, device="cpu"), on_partial=found.append)
    return found


def baked(triplane: Triplane, **options) -> list[BrickGrid]:
    found: list[BrickGrid] = []
    run(bake(triplane, device="cpu", **options), on_partial=found.append)
    return found


@pytest.mark.parametrize(("level", "least"), [(1, 31.0), (2, 42.0), (3, 52.0)])
@pytest.mark.parametrize("view", [0, 1])
def test_the_bricks_look_as_triposr_draws_them(grids: list[BrickGrid], level: int, least: float, view: int) -> None:
    expected = np.load(DATA / f"view_{view}.npz")
    picture = march(grids[level], *rays(expected["c2w"], float(expected["fov_y"])))
    assert psnr(picture, expected["rgb"]) > least


def test_levels_come_coarse_to_fine(grids: list[BrickGrid]) -> None:
    assert [(grid.level, grid.levels, grid.resolution.tolist()) for grid in grids] == [
        (0, 4, [32] * 3),
        (1, 4, [64] * 3),
        (2, 4, [128] * 3),
        (3, 4, [256] * 3),
    ]
    for grid in grids:
        used = np.sort(grid.index[grid.index >= 0])
        assert (used == np.arange(len(grid.samples))).all()
        assert grid.index.shape == tuple(grid.resolution[::-1] // BRICK)
        assert grid.samples.dtype == np.float16 and np.isfinite(grid.samples).all()
    assert len(grids[3].samples) < 0.25 * grids[3].index.size


def test_samples_are_the_field_at_the_corners(triposr: Triplane, grids: list[BrickGrid]) -> None:
    grid = grids[2]
    rng = np.random.default_rng(1)
    bricks = np.argwhere(grid.index >= 0)[rng.integers(len(grid.samples), size=200)]
    corners = rng.integers(0, BRICK + 1, (200, 3))
    lattice = (bricks * BRICK + corners)[:, ::-1]
    points = grid.box[0] + (grid.box[1] - grid.box[0]) * lattice / grid.resolution
    found = Field(triposr, "cpu").query(points)
    stored = grid.samples[grid.index[tuple(bricks.T)], *corners.T].astype(np.float32)
    np.testing.assert_allclose(stored[:, :1], found["density_raw"], atol=2e-2)
    np.testing.assert_allclose(stored[:, 1:], found["rgb_raw"], atol=2e-2)


def test_what_is_left_out_cannot_be_seen(triposr: Triplane, grids: list[BrickGrid]) -> None:
    """Random chords through the box: all that they lose to dropped bricks together stays below the promise."""
    grid = grids[3]
    sides = np.random.default_rng(2).uniform(grid.box[0], grid.box[1], (2, 3000, 3))
    faces = np.arange(3000) % 3
    sides[0, np.arange(3000), faces], sides[1, np.arange(3000), faces] = grid.box[0, 0], grid.box[1, 0]
    shares = ((np.arange(128) + 0.5) / 128)[:, None, None]
    points = (sides[0] + (sides[1] - sides[0]) * shares).reshape(-1, 3)
    bricks = ((points - grid.box[0]) / (grid.box[1] - grid.box[0]) * grid.resolution // BRICK).astype(int)
    dropped = grid.index[tuple(bricks[:, ::-1].T)] < 0
    density = np.zeros(len(points))
    density[dropped] = Field(triposr, "cpu").query(points[dropped])["density"][:, 0]
    lost = 1 - np.exp(-density.reshape(128, -1).mean(0))
    assert dropped.mean() > 0.5 and 0 < lost.max() < LOST_OPACITY


def test_the_first_picture_comes_soon_and_the_job_can_be_left(triposr: Triplane) -> None:
    job = bake(triposr, device="cpu")
    events, pauses = [], []
    start = last = time.process_time()
    while not events or not isinstance(events[-1], Partial):
        events.append(next(job))
        now = time.process_time()
        pauses.append(now - last)
        last = now
    assert last - start < 1.5
    # The first step imports torch and copies the tensors.
    assert max(pauses[1:]) < 0.1
    fractions = [event.fraction for event in events[:-1]]
    assert fractions == sorted(fractions)
    job.close()


def test_a_level_that_needs_too_much_memory_is_not_baked() -> None:
    grids = baked(small_triplane(), levels=(16, 32), memory_limit=8 * slot_bytes(4))
    assert [grid.resolution.tolist() for grid in grids] == [[16] * 3]
    assert grids[0].levels == 1 and "32 cells would take too much memory" in grids[0].ended


def test_the_default_limit_leaves_room_for_a_full_grid() -> None:
    from assets.fields.bricks.bake import LEVELS, MEMORY_LIMIT

    assert (LEVELS[-1] // BRICK) ** 3 * slot_bytes(4) < MEMORY_LIMIT


def test_boxes_that_are_no_cubes_get_nearly_cubic_cells() -> None:
    plain = small_triplane()
    space = replace(plain.description.space, low=(-1.0, -0.5, -0.3), high=(1.0, 0.5, 0.3))
    grids = baked(Triplane("t", plain.tensors, replace(plain.description, space=space)), levels=(16, 32))
    assert [grid.resolution.tolist() for grid in grids] == [[16, 8, 8], [32, 16, 16]]
    assert grids[1].index.shape == (2, 2, 4)


def test_a_blob_is_baked_into_the_raw_density_and_a_bias_is_not() -> None:
    plain = small_triplane()
    head = plain.description.heads[0]
    density = replace(head.outputs[0], bias=-2.0, blob=Blob(3.0, 0.5))
    description = replace(plain.description, heads=(replace(head, outputs=(density, head.outputs[1])),))
    changed = Triplane("t", plain.tensors, description)
    grid = baked(changed, levels=(16,))[0]
    raw = Field(changed, "cpu").query(np.zeros((1, 3)))["density_raw"]
    slot = grid.index[1, 1, 1]
    np.testing.assert_allclose(grid.samples[slot, 0, 0, 0, 0], raw + 3.0, rtol=1e-3)


def test_step_rule_decides_what_is_thin() -> None:
    """Fog that a ray of length 1 hardly gains from is kept where the box is a thousand units long."""
    plain = small_triplane()
    thin = dict(plain.tensors) | {"planes": plain.tensors["planes"] * 0, "bias": np.float32([-7.0, 0, 0, 0])}
    assert not len(baked(Triplane("thin", thin, plain.description), levels=(16,))[0].samples)
    space = replace(plain.description.space, low=(-500.0,) * 3, high=(500.0,) * 3)
    large = Triplane("large", thin, replace(plain.description, space=space))
    assert len(baked(large, levels=(16,))[0].samples) == 8
    march = replace(plain.description.march, step="normalised")
    normalised = Triplane("normalised", thin, replace(plain.description, space=space, march=march))
    assert not len(baked(normalised, levels=(16,))[0].samples)


def test_fields_without_anything_to_draw_are_not_prepared() -> None:
    plain = small_triplane()
    head = plain.description.heads[0]
    colored = replace(head, outputs=(head.outputs[1],))
    triplane = Triplane("colour", plain.tensors, replace(plain.description, heads=(colored,)))
    assert triplane.preparation() is None
    with pytest.raises(BadInput, match="no density"):
        baked(triplane)


@pytest.mark.usefixtures("coarse_bricks")
def test_a_triplane_takes_its_grids() -> None:
    triplane = small_triplane()
    parts: list[str] = []
    triplane.changed.connect(lambda _, part: parts.append(part))
    job = triplane.preparation()
    run(job, on_partial=triplane.accept)
    assert triplane.grid.level == triplane.grid.levels - 1 and parts == ["prepared"] * triplane.grid.levels
    assert triplane.preparation() is None


def test_brick_maxima_share_their_borders() -> None:
    values = np.zeros((17, 9, 9))
    values[8, 4, 4] = 1.0
    assert maxima(values, BRICK)[:, 0, 0].tolist() == [1.0, 1.0]
    finer = maxima(values, BRICK // 2)
    assert finer.shape == (4, 2, 2) and finer[:, 0, 0].tolist() == [0.0, 1.0, 1.0, 0.0]


def test_a_grid_says_where_there_is_something_to_see(triposr: Triplane, grids: list[BrickGrid]) -> None:
    low, high = triposr.bounds()
    points = np.random.default_rng(0).uniform(low, high, (40000, 3)).astype(np.float32)
    density = Field(triposr, device="cpu").query(points)["density"].reshape(-1)
    matter = points[density > triposr.description.surface.level]
    for grid in grids:
        cell = (high - low) / grid.resolution
        assert (matter >= grid.matter[0] - cell).all()
        assert (matter <= grid.matter[1] + cell).all()
    # Random points come near the ends of the object, not quite to them.
    assert (np.abs(grids[0].matter - [matter.min(0), matter.max(0)]) < 0.05 * (high - low)).all()


def test_a_view_is_fitted_to_the_first_grid(grids: list[BrickGrid]) -> None:
    fresh = run(open_path(DATA / "asset.pt"))[0]
    np.testing.assert_array_equal(fresh.seen_bounds(), fresh.bounds())
    fresh.accept(grids[0])
    fresh.accept(grids[3])
    np.testing.assert_allclose(fresh.seen_bounds(), grids[0].matter)

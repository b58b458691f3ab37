"""Bricks of surfaces, labels, colours that depend on the view, times, and what comes first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.fields.bricks.bake import bake, slot_bytes
from assets.fields.bricks.grid import BRICK, BrickGrid
from assets.fields.bricks.lattice import Lattice
from assets.fields.bricks.level import BrickLevel, at_sides, doubled
from assets.fields.bricks.order import blocks, by_visibility
from assets.fields.bricks.sampler import FAR_OUT, FieldSampler
from assets.fields.decoder import Field
from assets.fields.description import (
    FieldDescription,
    Group,
    Head,
    Input,
    Label,
    Layer,
    March,
    Output,
    Plane,
    Space,
    Surface,
)
from assets.progress import run
from assets.splats.spherical_harmonics import basis
from assets.triplane import Triplane

DENSITY = Output("density", (0, 1), "relu")
RGB = Output("rgb", (1, 4), "sigmoid")


def made(
    outputs: tuple[Output, ...],
    weight: np.ndarray,
    bias: np.ndarray,
    heads: tuple[Head, ...] = (),
    tensors: dict[str, np.ndarray] | None = None,
    space: Space | None = None,
    **options,
) -> Triplane:
    """A field that is linear in the place: weight (n,3) · position + bias, and what `heads` make of it."""
    planes = np.zeros((1, 1, 4, 4), np.float32)
    first = Head("first", (Input("position"),), (Layer("weight", "bias"),), outputs)
    groups = (Group("planes", (Plane("planes", 0, ("x", "y")),)),)
    space = space or Space((-1.0,) * 3, (1.0,) * 3)
    description = FieldDescription("made", space, groups, (first, *heads), **options)
    known = {"planes": planes, "weight": np.float32(weight), "bias": np.float32(bias), **(tensors or {})}
    return Triplane("made", known, description)


def grids_of(triplane: Triplane, **options) -> list[BrickGrid]:
    found: list[BrickGrid] = []
    run(bake(triplane, device="cpu", **options), on_partial=found.append)
    return found


def stored_at(grid: BrickGrid, corners: np.ndarray) -> np.ndarray:
    """What the grid holds at lattice points (N,3) z y x: (N,C), NaN where there is no brick."""
    bricks = np.minimum(corners // BRICK, np.array(grid.index.shape) - 1)
    slots = grid.index[tuple(bricks.T)]
    found = grid.samples[slots, *(corners - bricks * BRICK).T].astype(np.float32)
    found[slots < 0] = np.nan
    return found


def places(grid: BrickGrid, corners: np.ndarray) -> np.ndarray:
    return (grid.box[0] + (grid.box[1] - grid.box[0]) * corners[:, ::-1] / grid.resolution).astype(np.float32)


def all_corners(grid: BrickGrid) -> np.ndarray:
    return np.argwhere(np.ones(grid.resolution[::-1] + 1, bool))


@pytest.mark.parametrize("matter", ["below", "above"])
def test_a_surface_keeps_a_band_around_it(matter: str) -> None:
    wall = made((Output("sdf", (0, 1)),), [[0, 0, 1.0]], [0.2], surface=Surface("sdf", 0.1, 64, matter))
    first, *_, grid = grids_of(wall, levels=(32, 64, 128))
    assert grid.kind == "surface" and grid.coefficients == 0 and grid.peaks is None
    assert grid.span == pytest.approx((0.1 - 0.04, 0.1 + 0.04), abs=1e-3)
    corners = all_corners(grid)
    heights = places(grid, corners)[:, 2] + 0.2
    stored = stored_at(grid, corners)[:, 0]
    near = (heights > grid.span[0]) & (heights < grid.span[1])
    np.testing.assert_allclose(stored[near], heights[near], atol=1e-3)
    assert np.isnan(stored[np.abs(heights - 0.1) > 0.22]).all() and len(grid.samples) <= 3 * 16 * 16
    # What the view is fitted to: all on the side of the matter.
    low, high = (-1.0, -0.1) if matter == "below" else (-0.1, 1.0)
    assert first.matter[:, 2] == pytest.approx((low, high), abs=0.03)


def test_a_surface_has_its_colour_where_it_shows() -> None:
    heads = (Head("colour", (Input("position"),), (Layer("paint", None),), (replace(RGB, channels=(0, 3)),)),)
    paint = np.float32([[1, 0, 0], [0, 2, 0], [0, 0, 3]])
    wall = made((Output("udf", (0, 1)),), [[0, 0, 1.0]], [0.0], heads, {"paint": paint}, surface=Surface("udf", 0.0))
    grid = grids_of(wall, levels=(32, 64))[-1]
    corners = all_corners(grid)
    where = places(grid, corners)
    near = np.abs(where[:, 2]) < 0.03
    np.testing.assert_allclose(stored_at(grid, corners)[near, 1:], where[near] @ paint.T, atol=2e-3)


def test_labels_are_indices_and_hidden_ones_leave_no_bricks() -> None:
    labels = (Label("air", (0, 0, 0), hidden=True), Label("wood", (1, 0, 0)), Label("iron", (0, 0, 1)))
    # Air for x < 0, then wood, then iron for x > 0.6.
    weight, bias = [[0, 0, 0], [1.0, 0, 0], [2.0, 0, 0]], [0, 0, -0.6]
    cells = made((Output("label", (0, 3)),), weight, bias, labels=labels)
    grid = grids_of(cells, levels=(32, 64, 128))[-1]
    assert grid.kind == "labels" and grid.samples.shape[-1] == 1
    corners = all_corners(grid)
    stored, x = stored_at(grid, corners)[:, 0], places(grid, corners)[:, 0]
    assert np.isnan(stored[x < -0.15]).all()
    assert (stored[(x > 0.01) & (x < 0.59)] == 1).all() and (stored[x > 0.61] == 2).all()
    assert grid.matter[:, 0] == pytest.approx((0.0, 1.0), abs=0.02)


def seen_field(paint: np.ndarray, encoded: int = 1) -> Triplane:
    """A half space whose colour is paint (3,3) · direction, raised to more harmonics where `encoded` is larger."""
    from assets.fields.description import Encoding

    encoding = Encoding("spherical_harmonics", encoded) if encoded > 1 else None
    heads = (
        Head("seen", (Input("viewdir", encoding=encoding),), (Layer("paint", None),), (replace(RGB, channels=(0, 3)),)),
    )
    return made((DENSITY,), [[0, 0, 200.0]], [0.0], heads, {"paint": np.float32(paint)})


@pytest.mark.parametrize(("degree", "coefficients"), [(1, 4), (2, 9)])
def test_colours_that_depend_on_the_view_are_kept(degree: int, coefficients: int) -> None:
    random = np.random.default_rng(3)
    paint = random.normal(size=(3, (degree + 1) ** 2))
    triplane = seen_field(paint, degree + 1)
    grid = grids_of(triplane, levels=(16, 32))[-1]
    assert grid.coefficients == coefficients
    directions = random.normal(size=(50, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    corners = np.stack([random.integers(20, 32, 50), *random.integers(0, 32, (2, 50))], 1)
    expected = Field(triplane, "cpu").query(places(grid, corners), directions)["rgb_raw"]
    functions = basis(directions, degree)
    functions[:, 0] = 1.0
    coefficients_there = stored_at(grid, corners)[:, 1:].reshape(50, -1, 3)
    np.testing.assert_allclose(np.einsum("nk,nkc->nc", functions, coefficients_there), expected, atol=1e-2)


def test_a_colour_that_hardly_changes_has_one_coefficient() -> None:
    assert grids_of(seen_field(np.eye(3) * 1e-3), levels=(16,))[0].coefficients == 1


def test_little_memory_costs_coefficients_before_bricks() -> None:
    triplane = seen_field(np.eye(3))
    (whole,) = grids_of(triplane, levels=(16,))
    assert whole.coefficients == 4
    coarse, fine = grids_of(triplane, levels=(16, 32), memory_limit=64 * slot_bytes(4))
    assert (coarse.coefficients, fine.coefficients) == (4, 1)


def changing() -> Triplane:
    heads = (Head("density", (Input("time"), Input("position")), (Layer("mix", None),), (DENSITY,)),)
    mix = np.float32([[50.0, 0, 0, 50.0]])
    return made((replace(RGB, channels=(0, 3)),), np.zeros((3, 3)), np.zeros(3), heads, {"mix": mix})


def test_the_time_that_is_shown_is_baked() -> None:
    triplane = changing()
    assert grids_of(triplane, levels=(16,))[0].time == 0.0
    triplane.set_display("time", 0.5)
    grid = grids_of(triplane, levels=(16,))[0]
    assert grid.time == 0.5
    high = np.array([[16, 8, 8]])
    assert stored_at(grid, high)[0, 0] == pytest.approx(75.0, rel=1e-3)
    for grid in grids_of(triplane, levels=(16, 32)):
        triplane.accept(grid)
    assert triplane.preparation() is None
    triplane.set_display("time", -0.5)
    assert triplane.preparation() is not None and triplane.moment() == -0.5


def test_contracted_fields_are_baked_in_a_finite_box() -> None:
    space = Space((-1.0, -2.0, -1.0), (3.0, 2.0, 1.0), contraction="mip360_linf")
    grid = grids_of(made((DENSITY,), np.zeros((1, 3)), [1.0], space=space), levels=(16,))[0]
    np.testing.assert_allclose(
        grid.box, [[1 - 2 * FAR_OUT, -2 * FAR_OUT, -FAR_OUT], [1 + 2 * FAR_OUT, 2 * FAR_OUT, FAR_OUT]]
    )


def test_an_endless_last_step_keeps_the_faintest_veil_at_the_sides() -> None:
    faint = np.float32([1e-6])
    march = March(samples=64, last_step=1e10, alpha_floor=0.01)
    plain = grids_of(made((DENSITY,), np.zeros((1, 3)), faint), levels=(32, 64, 128))[-1]
    veiled = grids_of(made((DENSITY,), np.zeros((1, 3)), faint, march=march), levels=(32, 64, 128))[-1]
    assert not len(plain.samples)
    sides = np.ones((16, 16, 16), bool)
    sides[1:-1, 1:-1, 1:-1] = False
    assert ((veiled.index >= 0) == sides).all()


def test_bricks_reach_behind_the_box_where_rays_do_and_the_field_fades_there() -> None:
    around = March(limits="around", near=-1.0, far=1.0)
    grid = grids_of(made((DENSITY,), np.zeros((1, 3)), [1.0], march=around), levels=(16,))[0]
    # Half of one of four texels, but no more than a twentieth.
    np.testing.assert_allclose(grid.box, [[-1.1] * 3, [1.1] * 3])


def half_decoded() -> tuple[BrickLevel, BrickLevel, Triplane]:
    triplane = made((DENSITY, RGB), [[0, 0, 90.0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [30.0, 0, 0, 0])
    sampler = FieldSampler(Field(triplane, "cpu", rest=True))
    box = sampler.box
    coarse = BrickLevel(sampler, Lattice(box, 16, 1), np.ones((2, 2, 2), bool))
    run(_driven(coarse.decode(blocks(np.argwhere(coarse.mask), 2))))
    fine = BrickLevel(sampler, Lattice(box, 16, 2), coarse.finer(2), coarse)
    bricks = np.argwhere(fine.mask)
    run(_driven(fine.decode(blocks(bricks[bricks[:, 0] == 2], 2))))
    return coarse, fine, triplane


def _driven(job):
    yield from ()
    for _ in job:
        pass


def test_a_level_on_its_way_shows_what_it_has_among_coarser_bricks() -> None:
    _, fine, triplane = half_decoded()
    grid = fine.grid(0, 2)
    assert grid.level == 0 and grid.resolution.tolist() == [32] * 3
    corners = all_corners(grid)
    stored = stored_at(grid, corners)
    there = np.isfinite(stored[:, 0])
    assert there[corners[:, 0] > 12].all() and not there[corners[:, 0] < 7].any()
    # The field is linear, so interpolated bricks are right too.
    expected = Field(triplane, "cpu").query(places(grid, corners[there]))
    np.testing.assert_allclose(stored[there, :1], expected["density_raw"], atol=0.1)
    np.testing.assert_allclose(stored[there, 1:], expected["rgb_raw"], atol=2e-3)


def test_what_the_eye_sees_comes_first() -> None:
    coarse, fine, _ = half_decoded()
    bricks = np.argwhere(fine.mask)
    order = by_visibility(bricks, fine.lattice, coarse, np.array([0.0, 0.0, 5.0]))
    assert sorted(map(tuple, order)) == sorted(map(tuple, bricks))
    assert (np.diff(order[:, 0]) <= 0).mean() > 0.9 and order[0, 0] == 3
    # From below one looks at the surface of the half space, not through it.
    assert by_visibility(bricks, fine.lattice, coarse, np.array([0.0, 0.0, -5.0]))[0, 0] < 2


def test_blocks_hold_each_brick_once() -> None:
    bricks = np.argwhere(np.random.default_rng(0).uniform(size=(9, 9, 9)) > 0.5)[::-1]
    cut = blocks(bricks, 4)
    assert sorted(map(tuple, np.concatenate(cut))) == sorted(map(tuple, bricks))
    assert all(len(np.unique(block // 4, axis=0)) == 1 for block in cut)
    assert (cut[0][0] // 4 == bricks[0] // 4).all() and blocks(bricks[:0], 4) == []


def test_doubling_interpolates_or_repeats() -> None:
    values = np.arange(5, dtype=np.float16)[None, None, None, :, None] * np.ones((1, 5, 5, 1, 1), np.float16)
    assert doubled(values)[0, 0, 0, :, 0].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]
    assert doubled(values, nearest=True)[0, 3, 2, :, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4]


def test_the_sides_of_a_part_are_those_of_the_whole() -> None:
    lattice = Lattice(np.array([[-1.0] * 3, [1.0] * 3]), 16, 1)
    values = np.ones(lattice.shape, np.float32)
    whole = at_sides(values, lattice)
    assert whole[:3].all() and whole[-3:].all() and not whole[3:-3, 3:-3, 3:-3].any()
    part = at_sides(values[8:, 8:], lattice, np.array([8, 8, 0]))
    assert (part == whole[8:, 8:]).all()


def city(aligned: bool) -> Triplane:
    """A volume of 40 × 24 × 10 random labels, which are read at the nearest voxel."""
    labels = np.random.default_rng(4).integers(0, 3, (1, 1, 10, 24, 40)).astype(np.float32)
    index = np.arange(3, dtype=np.float32)
    volume = Group("labels", (Plane("labels", 0, ("x", "y", "z")),), "concat", "nearest", aligned, "border")
    head = Head("label", (Input("group", "labels"),), (Layer("weight", "bias"),), (Output("label", (0, 3)),))
    space = Space((0.0, 0.0, 0.0), (4.0, 2.4, 1.0))
    key = (Label("air", (0, 0, 0), hidden=True), Label("wood", (1, 0, 0)), Label("iron", (0, 0, 1)))
    tensors = {"labels": labels, "weight": 2 * index[:, None], "bias": -(index**2)}
    return Triplane("city", tensors, FieldDescription("city", space, (volume,), (head,), labels=key))


@pytest.mark.parametrize("aligned", [False, True])
def test_labels_that_are_voxels_are_baked_in_their_middles(aligned: bool) -> None:
    triplane = city(aligned)
    *_, grid = grids_of(triplane)
    assert grid.resolution.tolist() == [48, 32, 16] and grid.level == grid.levels - 1 == 1
    # The first point lies before the first voxel.
    voxels = np.argwhere(np.ones((10, 24, 40), bool))
    stored = stored_at(grid, voxels + 1)[:, 0]
    np.testing.assert_array_equal(stored, triplane.tensors["labels"][0, 0].reshape(-1))
    size = np.array([4.0, 2.4, 1.0]) / ((39, 23, 9) if aligned else (40, 24, 10))
    first = size * 0 if aligned else size / 2
    np.testing.assert_allclose(places(grid, voxels + 1), first + voxels[:, ::-1] * size, atol=1e-5)


def test_a_level_that_would_take_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from assets.fields.bricks import bake as baking

    wall = made((Output("sdf", (0, 1)),), [[0, 0, 1.0]], [0.2], surface=Surface("sdf", 0.1, 64, "below"))
    monkeypatch.setattr(baking, "LEVEL_SECONDS", 0.0)
    grids = grids_of(wall)
    assert len(grids) == 1 and grids[0].levels == 1 and grids[0].ended.startswith("64 cells would take")
    wall.accept(grids[0])
    assert wall.preparation() is None and grids[0].ended in wall.facts()["baked"]


def test_a_band_that_takes_too_long_is_narrowed_to_the_surface(monkeypatch: pytest.MonkeyPatch) -> None:
    from assets.fields.bricks import level as brick_level

    wall = made((Output("sdf", (0, 1)),), [[0, 0, 1.0]], [0.2], surface=Surface("sdf", 0.1, 64, "below"))
    wide = grids_of(wall, levels=(32, 64, 128))[-1]
    monkeypatch.setattr(brick_level, "BAND_SECONDS", 0.0)
    narrow = grids_of(wall, levels=(32, 64, 128))[-1]
    assert narrow.span[1] - narrow.span[0] < 0.1 * (wide.span[1] - wide.span[0])
    corners = all_corners(narrow)
    heights = places(narrow, corners)[:, 2] + 0.2
    beside = np.abs(heights - 0.1) < 2 / 128
    assert np.isfinite(stored_at(narrow, corners)[beside, 0]).all()

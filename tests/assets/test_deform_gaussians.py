"""Splats and points under a deformation: what hangs together, and how shapes and colours follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.sparse.csgraph import connected_components

from assets.deform.clusters import MOST
from assets.deform.kinds import deformable, flattened
from assets.deform.kinds.gaussians import applied, matter, stretch_of, stripped
from assets.deform.rig import make_rig
from assets.errors import BadInput
from assets.gaussians import Gaussians
from assets.points import Points
from assets.progress import run
from assets.splats import quaternions, spherical_harmonics
from assets.splats.harmonic_turning import turned
from assets.splats.split import split_stretched
from assets.splats.stretching import stretched
from assets.splats.transform import baked
from tests.assets.deform_shapes import turn
from tests.assets.deform_warps import affine_warp, mapped_warp
from tests.assets.splat_files import random_splats
from tests.assets.test_gaussian_transform import affine, covariances, unit_directions

TURN = turn((1, 2, 3), 110)


def sheet(side: int, spacing: float, thickness: float = 0.05, jitter: float = 0.2, seed: int = 0) -> Gaussians:
    """Flat splats on a square in the plane z = 0, each as wide as they lie apart."""
    random = np.random.default_rng(seed)
    axis = spacing * np.arange(side)
    means = np.stack(np.meshgrid(axis, axis, [0.0], indexing="ij"), -1).reshape(-1, 3)
    means[:, :2] += jitter * spacing * random.normal(size=(len(means), 2))
    means[:, 2] += 0.5 * thickness * spacing * random.normal(size=len(means))
    sizes = np.tile(np.log(spacing * np.array([0.6, 0.6, thickness])), (len(means), 1))
    flat = np.tile([1.0, 0.0, 0.0, 0.0], (len(means), 1)) + 0.02 * random.normal(size=(len(means), 4))
    sh = random.normal(0, 0.3, (len(means), 4, 3))
    parts = (means, sizes, flat, np.full(len(means), 3.0), sh)
    return Gaussians("sheet", *(part.astype(np.float32) for part in parts))


def together(*pieces: Gaussians) -> Gaussians:
    names = ("means", "log_scales", "rotations", "logit_opacities", "sh")
    return Gaussians("pieces", *(np.concatenate([getattr(piece, name) for piece in pieces]) for name in names))


def moved_by(splats: Gaussians, *offset: float) -> Gaussians:
    splats.means += np.float32(offset)
    return splats


def parts_of(asset) -> tuple[int, np.ndarray]:
    """How many loose parts the matter has, and in which each element lies."""
    found, (elements,) = run(deformable(asset).matter(asset))
    count, label = connected_components(found.lengths(), directed=False)
    return count, label[elements.near]


# Mathematics


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_many_turns_are_each_the_known_one(degree: int) -> None:
    random = np.random.default_rng(degree)
    sh = random.normal(size=(50, (degree + 1) ** 2, 3)).astype(np.float32)
    turns = random.normal(size=(50, 4))
    matrices = quaternions.to_matrices(turns)
    expected = [spherical_harmonics.turning(matrix, degree) @ each for matrix, each in zip(matrices, sh, strict=True)]
    np.testing.assert_allclose(turned(sh, turns), expected, atol=1e-5)
    assert np.array_equal(turned(sh, turns)[:, 0], sh[:, 0])


MATRICES = arrays.arrays(np.float64, (3, 3), elements=st.floats(-3, 3, width=32))
SIZES = arrays.arrays(np.float32, 3, elements=st.floats(-9, 3, width=32))


@settings(max_examples=200, deadline=None)
@given(linear=MATRICES, log_scales=SIZES, seed=st.integers(0, 1000), flat=st.booleans())
def test_covariances_are_stretched(linear: np.ndarray, log_scales: np.ndarray, seed: int, flat: bool) -> None:
    """Whatever the map is, also one that flattens or mirrors."""
    stored = log_scales[None, : 2 if flat else 3]
    rotation = np.random.default_rng(seed).normal(size=(1, 4))
    sizes, turns = stretched(linear[None], stored, rotation)

    def axes(scales: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
        return quaternions.to_matrices(quaternion)[0][:, : scales.shape[1]] * np.exp(scales.astype(np.float64))

    expected = linear @ axes(stored, rotation)
    found = axes(sizes, turns)
    size = max(float((expected**2).sum()), 1e-8)
    np.testing.assert_allclose(found @ found.T / size, expected @ expected.T / size, atol=1e-7)
    singular = np.linalg.svd(expected)[1][: stored.shape[1]]
    np.testing.assert_allclose(-np.sort(-np.exp(sizes[0])), np.maximum(singular, np.exp(-20.0)), rtol=1e-5, atol=3e-9)
    assert np.linalg.norm(turns) == pytest.approx(1)


def test_turned_axes_stay_in_their_columns() -> None:
    splats = random_splats(100)
    linear = np.tile(TURN, (100, 1, 1))
    sizes, turns = stretched(linear, splats.log_scales, splats.rotations)
    np.testing.assert_allclose(sizes, splats.log_scales, atol=1e-6)
    expected = TURN @ quaternions.to_matrices(splats.rotations)
    np.testing.assert_allclose(np.abs((quaternions.to_matrices(turns) * expected).sum(1)), 1.0, atol=1e-6)


# Applying


@pytest.mark.parametrize("flat", [False, True], ids=["3d", "surfels"])
@pytest.mark.parametrize("degree", [0, 3])
def test_a_rigid_warp_is_the_baked_transform(flat: bool, degree: int) -> None:
    splats = random_splats(2000, degree, flat)
    splats.extra = {"filter_3D": np.full(2000, 0.5, np.float32), "label": np.arange(2000)}
    splats.extra |= {"nx": np.ones(2000, np.float32), "ny": np.zeros(2000, np.float32), "nz": np.ones(2000, np.float32)}
    splats.order = np.arange(2000, dtype=np.uint32)
    splats.set_warp(affine_warp(splats, TURN, (1.0, -2.0, 3.0)))
    flattened_ones = run(flattened(splats))
    expected = run(baked(splats, affine(TURN)))
    np.testing.assert_allclose(flattened_ones.means, expected.means, atol=1e-5)
    np.testing.assert_allclose(covariances(flattened_ones), covariances(expected), atol=1e-5)
    np.testing.assert_array_equal(flattened_ones.log_scales, splats.log_scales)
    for direction in unit_directions(20):
        seen = np.tile(direction, (2000, 1))
        colors = [spherical_harmonics.colors(each.sh, seen, degree) for each in (flattened_ones, expected)]
        np.testing.assert_allclose(*colors, atol=1e-5)
    for name, column in expected.extra.items():
        np.testing.assert_allclose(flattened_ones.extra[name], column, atol=1e-5)
    assert flattened_ones.logit_opacities is splats.logit_opacities and flattened_ones.order is splats.order
    assert flattened_ones.notes is splats.notes and flattened_ones.provenance is splats.provenance
    assert flattened_ones.warp is None and flattened_ones.means.dtype == np.float32


@pytest.mark.parametrize("flat", [False, True], ids=["3d", "surfels"])
def test_a_stretch_is_the_baked_one(flat: bool) -> None:
    splats, linear = random_splats(1000, 2, flat), TURN @ np.diag([1.3, 0.8, 1.0]) @ turn((1, 0, 1), 40)
    splats.set_warp(affine_warp(splats, linear))
    found, expected = run(applied(splats)), run(baked(splats, affine(linear)))
    size = np.abs(covariances(expected)).max((1, 2), keepdims=True)
    np.testing.assert_allclose(covariances(found) / size, covariances(expected) / size, atol=1e-4)
    np.testing.assert_allclose(found.sh, expected.sh, atol=1e-4)
    axes = quaternions.to_matrices(splats.rotations)[:, :, : splats.log_scales.shape[1]]
    lengths = np.linalg.norm(linear @ axes, axis=1).max(1)
    np.testing.assert_allclose(stretch_of(splats), lengths, rtol=1e-4)


def test_the_identity_keeps_all_bytes() -> None:
    splats = random_splats(500)
    splats.set_warp(affine_warp(splats, np.eye(3)))
    flat = run(applied(splats))
    for name in ("means", "log_scales", "rotations", "logit_opacities", "sh"):
        assert getattr(flat, name).tobytes() == getattr(splats, name).tobytes()
    assert (stretch_of(splats) == 1).all()
    splats.set_warp(None)
    assert run(flattened(splats)) is splats and (stretch_of(splats) == 1).all()


def test_what_does_not_move_keeps_its_bytes() -> None:
    splats = sheet(60, 0.1)
    splats.set_transform(np.diag([2.0, 2.0, 2.0, 1.0]))
    lift = lambda points: points + np.where(points[:, :1] > 4, [[0.0, 0.0, 1.0]], 0.0)  # noqa: E731
    splats.set_warp(mapped_warp(splats, lift, lambda points: np.eye(3), 256))
    flat = run(applied(splats))
    still, far = splats.means[:, 0] < 2.5, splats.means[:, 0] > 5.5
    assert still.sum() > 1000 and far.sum() > 200
    for name in ("means", "log_scales", "rotations", "sh"):
        assert getattr(flat, name)[still].tobytes() == getattr(splats, name)[still].tobytes()
    np.testing.assert_allclose(flat.means[far], splats.means[far] + [0, 0, 1], atol=1e-5)
    assert np.array_equal(flat.transform, splats.transform)


# Splitting


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), flat=st.booleans(), plain=st.booleans())
def test_splitting_keeps_what_it_should(seed: int, flat: bool, plain: bool) -> None:
    splats = random_splats(40, 1, flat, seed)
    splats.extra = {"label": np.arange(40)}
    stretch = np.random.default_rng(seed).uniform(0.5, 6, 40 if plain else splats.log_scales.shape)
    most, axis = (stretch, splats.log_scales.argmax(1)) if plain else (stretch.max(1), stretch.argmax(1))
    out = run(split_stretched(splats, stretch))
    parent = out.extra["label"]
    copies = np.bincount(parent, minlength=40)
    np.testing.assert_array_equal(copies, np.where(most > 4, 4, np.where(most > 2, 3, 1)))
    np.testing.assert_array_equal(parent[:40], np.arange(40))
    kept = np.flatnonzero(copies == 1)
    assert out.means[kept].tobytes() == splats.means[kept].tobytes()
    for index in np.flatnonzero(copies > 1):
        own = parent == index
        across = np.arange(splats.log_scales.shape[1]) != axis[index]
        np.testing.assert_allclose(out.means[own].mean(0), splats.means[index], atol=1e-5)
        along = quaternions.to_matrices(splats.rotations[index][None])[0][:, axis[index]]
        away = out.means[own].astype(np.float64) - splats.means[index]
        np.testing.assert_allclose(away - np.outer(away @ along, along), 0, atol=1e-5)
        assert (out.log_scales[own][:, across] == splats.log_scales[index][across]).all()
        assert (out.log_scales[own, axis[index]] < splats.log_scales[index, axis[index]] - 0.4).all()
        assert (out.sh[own] == splats.sh[index]).all() and (out.rotations[own] == splats.rotations[index]).all()


@pytest.mark.parametrize("stretch, worst", [(2.5, 0.1), (5.0, 0.15)])
@pytest.mark.parametrize("logit", [-12.0, -3.3, 0.0, 3.0, 9.0])
@pytest.mark.parametrize("left", [1.0, 0.4])
def test_a_row_of_copies_hides_what_the_splat_hid(stretch: float, worst: float, logit: float, left: float) -> None:
    """Along the axis, and beside it where only a share of the opacity is left."""
    splat = random_splats(1, 0)
    splat.logit_opacities[:], splat.means[:] = logit, 0
    splat.log_scales[:], splat.rotations[:] = (0, -2, -2), (1, 0, 0, 0)
    out = run(split_stretched(splat, np.array([[stretch, 1.0, 1.0]])))
    along = np.linspace(-6, 6, 601)

    def hidden(splats: Gaussians) -> np.ndarray:
        sizes = np.exp(splats.log_scales[:, 0])[:, None]
        alpha = left / (1 + np.exp(-splats.logit_opacities))[:, None]
        return 1 - np.prod(1 - alpha * np.exp(-0.5 * ((along - splats.means[:, :1]) / sizes) ** 2), 0)

    before, after = hidden(splat), hidden(out)
    opacity = 1 / (1 + np.exp(-logit))
    assert np.abs(after - before).max() < worst * opacity
    assert after.sum() == pytest.approx(before.sum(), rel=worst)
    spread = [(each * along**2).sum() / each.sum() for each in (before, after)]
    assert spread[1] == pytest.approx(spread[0], rel=0.15)


def test_splitting_goes_with_bending() -> None:
    splats = random_splats(300, 1)
    splats.set_warp(affine_warp(splats, np.diag([3.0, 1.0, 1.0])))
    out = run(applied(splats, split=True))
    assert len(out) > 350 and len(out.sh) == len(out.means) == len(out.logit_opacities)
    assert out.order is None and np.isfinite(out.logit_opacities).all()
    gentle = random_splats(300, 1)
    gentle.set_warp(affine_warp(gentle, np.diag([1.5, 1.0, 1.0])))
    assert len(run(applied(gentle, split=True))) == 300


# Matter


def test_a_sheet_is_one_part_and_fine_enough() -> None:
    splats = sheet(250, 0.01)
    found, (elements,) = run(matter(splats))
    assert 15_000 < len(found.points) <= MOST
    _, label = connected_components(found.lengths(), directed=False)
    assert np.bincount(label).max() > 0.99 * len(label)
    away = np.linalg.norm(found.points[elements.near] - splats.means, axis=1)
    assert np.percentile(away, 99.9) < 3 * found.spacing and elements.points is splats.means


@pytest.mark.parametrize("gap", [1.2, 3.0])
def test_a_gap_that_no_splat_bridges_stays(gap: float) -> None:
    """Two sheets closer than their splats are wide; then the same with a wall between them."""
    spacing = 0.01
    lower, upper = sheet(120, spacing), moved_by(sheet(120, spacing, seed=1), 0, 0, gap * spacing)
    count, label = parts_of(together(lower, upper))
    halves = label[: len(lower)], label[len(lower) :]
    assert count >= 2 and not set(halves[0]) & set(halves[1])
    assert all((half == np.bincount(half).argmax()).mean() > 0.99 for half in halves)
    # Upright splats along a side of the sheets, in eight rows from one to the other.
    wall = sheet(120, spacing, seed=2)
    rows = slice(0, 8 * 120)
    means = wall.means[rows][:, [2, 1, 0]] * np.float32([1, 1, gap / 8])
    upright = np.tile(np.float32([1, 0, 1, 0]), (8 * 120, 1))
    wall = Gaussians("wall", means, wall.log_scales[rows], upright, wall.logit_opacities[rows], wall.sh[rows])
    _, label = parts_of(together(lower, upper, wall))
    assert np.bincount(label).max() > 0.98 * len(label)


def test_floaters_and_faint_splats_are_no_matter() -> None:
    surface = sheet(100, 0.02)
    random = np.random.default_rng(0)
    dust = sheet(10, 0.02, seed=1)
    dust.means = random.uniform(-3, 5, (100, 3)).astype(np.float32)
    fog = moved_by(sheet(50, 0.02, seed=2), 0, 0, 4)
    fog.logit_opacities[:] = -3.5
    found, (elements,) = run(matter(together(surface, dust, fog)))
    assert np.abs(found.points[:, 2]).max() < 0.1
    rig = run(make_rig(together(surface, dust, fog), 64))
    bound = rig.bindings[0].weights.any(1)
    assert bound[: len(surface)].all()
    far = np.abs(dust.means[:, 2]) > 0.5
    assert not bound[len(surface) : len(surface) + 100][far].any() and not bound[len(surface) + 100 :].any()
    assert len(elements.near) == len(surface) + len(dust) + len(fog)


def test_faint_matter_is_better_than_none() -> None:
    splats = sheet(20, 0.1)
    splats.logit_opacities[:] = -3.0
    assert len(run(matter(splats))[0].points) == 400
    splats.logit_opacities[:] = -9.0
    with pytest.raises(BadInput, match="no visible matter"):
        run(make_rig(splats))


def test_odd_clouds() -> None:
    one = random_splats(1)
    found, (elements,) = run(matter(one))
    assert len(found.points) == 1 and elements.near.tolist() == [0] and found.spacing > 0
    same = random_splats(50)
    same.means[:] = 1.0
    found, (elements,) = run(matter(same))
    assert len(found.points) == 1 and (elements.near == 0).all()
    with pytest.raises(BadInput):
        run(make_rig(Points("nothing", np.empty((0, 3), np.float32))))


def test_stripped_is_light_and_has_the_same_matter() -> None:
    splats = sheet(50, 0.02)
    splats.extra = {"label": np.arange(2500), "filter_3D": np.full(2500, 0.001, np.float32)}
    light = stripped(splats)
    assert light.sh.nbytes == 0 and set(light.extra) == {"filter_3D"}
    np.testing.assert_array_equal(run(matter(light))[0].points, run(matter(splats))[0].points)


# Points


def test_points_hang_together_and_gaps_stay() -> None:
    positions = np.concatenate([sheet(150, 0.01).means, moved_by(sheet(150, 0.01, seed=1), 0, 0, 0.05).means])
    count, label = parts_of(Points("cloud", positions))
    half = len(positions) // 2
    assert count >= 2 and not set(label[:half]) & set(label[half:])
    assert (label[:half] == np.bincount(label[:half]).argmax()).mean() > 0.99


def test_points_move_and_keep_their_colours() -> None:
    positions = sheet(40, 0.1).means
    extra = {"nx": np.zeros(1600, np.float32), "ny": np.zeros(1600, np.float32), "nz": np.full(1600, 2.0, np.float32)}
    cloud = Points("cloud", positions, np.full((1600, 4), 99, np.uint8), extra | {"label": np.arange(1600)})
    cloud.set_transform(affine(TURN))
    cloud.set_warp(affine_warp(cloud, TURN, (1, 2, 3)))
    flat = run(flattened(cloud))
    np.testing.assert_allclose(flat.positions, positions @ TURN.T + [1, 2, 3], atol=1e-5)
    np.testing.assert_allclose([flat.extra[name][5] for name in ("nx", "ny", "nz")], 2 * TURN[:, 2], atol=1e-6)
    assert flat.colors is cloud.colors and flat.extra["label"] is cloud.extra["label"] and flat.warp is None
    assert flat.positions.dtype == np.float32 and np.array_equal(flat.transform, cloud.transform)
    cloud.set_warp(affine_warp(cloud, np.eye(3)))
    assert run(flattened(cloud)).positions.tobytes() == positions.tobytes()
    light = deformable(cloud).stripped(cloud)
    assert light.colors is None and not light.extra

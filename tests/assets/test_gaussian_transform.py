"""Splats moved for good: positions, covariances and colours must be those of the moved space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y

from assets.errors import BadInput
from assets.formats import open_path, save_path
from assets.gaussians import Gaussians
from assets.progress import run
from assets.splats import quaternions, spherical_harmonics
from assets.splats.transform import baked
from tests.assets.splat_files import random_splats

RANDOM = np.random.default_rng(5)
TURN = Rotation.random(random_state=5).as_matrix()
MAPS = {
    "rotation": TURN,
    "similarity": 2.5 * TURN,
    "mirror": TURN @ np.diag([1.0, 1.0, -1.0]),
    "stretch": RANDOM.normal(size=(3, 3)),
}


def unit_directions(count: int) -> np.ndarray:
    """Random unit vectors (count,3)."""
    directions = np.random.default_rng(1).normal(size=(count, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def covariances(splats: Gaussians) -> np.ndarray:
    """(N,3,3), with rotations by scipy."""
    turn = Rotation.from_quat(splats.rotations, scalar_first=True).as_matrix()
    scales = np.exp(splats.log_scales.astype(np.float64))
    axes = turn[:, :, : scales.shape[1]] * scales[:, None]
    return axes @ axes.transpose(0, 2, 1)


def affine(linear: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, (1.0, -2.0, 3.0)
    return matrix


def test_the_basis_is_that_of_scipy_with_the_signs_of_the_trainers() -> None:
    directions = unit_directions(100)
    polar, azimuth = np.arccos(directions[:, 2]), np.arctan2(directions[:, 1], directions[:, 0])
    basis = spherical_harmonics.basis(directions, 3)
    for band in range(4):
        for order in range(-band, band + 1):
            value = sph_harm_y(band, abs(order), polar, azimuth)
            real = value.real if order == 0 else np.sqrt(2) * (value.imag if order < 0 else value.real)
            np.testing.assert_allclose(basis[:, band * (band + 1) + order], real, atol=1e-12)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("orthogonal", [TURN, TURN @ np.diag([1.0, -1.0, 1.0])])
def test_turned_coefficients_give_the_colour_of_the_turned_direction(degree: int, orthogonal: np.ndarray) -> None:
    directions, coefficients = unit_directions(200), RANDOM.normal(size=(degree + 1) ** 2)
    turned = spherical_harmonics.turning(orthogonal, degree) @ coefficients
    after = spherical_harmonics.basis(directions @ orthogonal.T, degree) @ turned
    np.testing.assert_allclose(after, spherical_harmonics.basis(directions, degree) @ coefficients, atol=1e-12)


def test_axis_flips_match_the_published_signs() -> None:
    x, y, z = 1.0, -1.0, -1.0
    signs = [y, z, x, x * y, y * z, 1, x * z, 1, y, x * y * z, y, z, x, z, x]
    np.testing.assert_allclose(spherical_harmonics.turning(np.diag([x, y, z]), 3), np.diag([1.0, *signs]), atol=1e-12)


def test_quaternions_against_scipy() -> None:
    stored = RANDOM.normal(size=(500, 4))
    expected = Rotation.from_quat(stored, scalar_first=True).as_matrix()
    np.testing.assert_allclose(quaternions.to_matrices(stored), expected, atol=1e-12)
    np.testing.assert_allclose(quaternions.to_matrices(quaternions.from_matrices(expected)), expected, atol=1e-12)
    np.testing.assert_array_equal(quaternions.to_matrices(np.zeros((1, 4)))[0], np.eye(3))
    half_turns = Rotation.from_rotvec(np.pi * np.eye(3)).as_matrix()
    np.testing.assert_allclose(quaternions.to_matrices(quaternions.from_matrices(half_turns)), half_turns, atol=1e-12)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("name", MAPS)
def test_means_and_covariances_move_with_space(name: str, flat: bool) -> None:
    splats, linear = random_splats(300, 1, flat), MAPS[name]
    splats.rotations[7] = 0
    splats.rotations[8] = (1, 0, 0, 0)
    moved = run(baked(splats, affine(linear)))
    np.testing.assert_allclose(moved.means, splats.means @ linear.T + [1, -2, 3], atol=1e-5)
    splats.rotations[7] = (1, 0, 0, 0)
    expected = linear @ covariances(splats) @ linear.T
    size = np.abs(expected).max((1, 2), keepdims=True)
    np.testing.assert_allclose(covariances(moved) / size, expected / size, atol=2e-5)
    assert moved.log_scales.shape == splats.log_scales.shape
    assert np.array_equal(moved.transform, np.eye(4))


@pytest.mark.parametrize("name", ["rotation", "similarity", "mirror"])
def test_colours_are_seen_from_the_turned_side(name: str) -> None:
    splats, linear = random_splats(300), MAPS[name]
    directions = unit_directions(300)
    moved = run(baked(splats, affine(linear)))
    turned = directions @ linear.T
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    expected = spherical_harmonics.colors(splats.sh, directions, 3)
    np.testing.assert_allclose(spherical_harmonics.colors(moved.sh, turned, 3), expected, atol=1e-5)


def test_a_rotation_keeps_the_length_of_stored_quaternions() -> None:
    splats = random_splats(50)
    moved = run(baked(splats, affine(TURN)))
    lengths = [np.linalg.norm(each.rotations, axis=1) for each in (moved, splats)]
    np.testing.assert_allclose(*lengths, rtol=1e-5)


def test_columns_with_a_length_or_a_direction_move_too() -> None:
    splats = random_splats(5)
    splats.extra = {"filter_3D": np.full(5, 0.5, np.float32), "label": np.arange(5)}
    splats.extra |= {"nx": np.ones(5, np.float32), "ny": np.zeros(5, np.float32), "nz": np.zeros(5, np.float32)}
    moved = run(baked(splats, affine(2 * TURN)))
    np.testing.assert_allclose(moved.extra["filter_3D"], 1.0, rtol=1e-6)
    np.testing.assert_array_equal(moved.extra["label"], np.arange(5))
    np.testing.assert_allclose(np.stack([moved.extra[key] for key in ("nx", "ny", "nz")], 1)[0], TURN[:, 0], atol=1e-6)
    assert splats.extra["filter_3D"][0] == 0.5


def test_a_transform_that_flattens_is_refused() -> None:
    with pytest.raises(BadInput, match="flattens"):
        run(baked(random_splats(5), np.diag([1.0, 1.0, 0.0, 1.0])))


def test_saving_bakes_the_transform_and_leaves_the_asset_alone(tmp_path: Path) -> None:
    splats = random_splats(20)
    means = splats.means.copy()
    splats.set_transform(affine(MAPS["similarity"]))
    run(save_path(splats, tmp_path / "a.ply"))
    np.testing.assert_array_equal(splats.means, means)
    (back,) = run(open_path(tmp_path / "a.ply"))
    np.testing.assert_allclose(back.bounds(), [back.means.min(0), back.means.max(0)], atol=1e-6)
    np.testing.assert_allclose(back.means, means @ MAPS["similarity"].T + [1, -2, 3], atol=1e-5)

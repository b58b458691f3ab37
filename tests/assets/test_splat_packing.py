"""What splat formats are made of: quaternions with a part left out, opacities in bytes, Morton's order."""

from __future__ import annotations

import numpy as np
import pytest

from assets.splats import packing
from assets.splats.frames import between, sh_signs
from assets.splats.morton import morton_order
from assets.splats.spherical_harmonics import basis

RANDOM = np.random.default_rng(11)


def test_the_largest_part_of_a_quaternion_comes_back() -> None:
    quaternions = packing.unit_quaternions(RANDOM.normal(size=(500, 4)))
    largest, others = packing.without_largest(quaternions)
    again = packing.with_largest(largest, others)
    assert (np.abs(others).max(1) <= 0.5**0.5 + 1e-6).all() and (again[np.arange(500), largest] > 0).all()
    np.testing.assert_allclose(np.abs(np.einsum("ni,ni->n", quaternions, again)), 1, atol=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e-7, 1, 1e30])
def test_quaternions_of_any_length(size: float) -> None:
    rotations = RANDOM.normal(size=(50, 4)).astype(np.float32)
    unit = packing.unit_quaternions(rotations * np.float32(size))
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    if size > 1e-8:
        cosine = np.einsum("ni,ni->n", unit, rotations) / np.linalg.norm(rotations, axis=1)
        np.testing.assert_allclose(cosine, 1, atol=1e-6)
    else:
        np.testing.assert_array_equal(unit, np.tile([1, 0, 0, 0], (50, 1)))


def test_bytes_of_opacity_come_back_and_are_finite() -> None:
    again = packing.to_bytes(packing.opacities(packing.BYTE_LOGITS) * 255)
    np.testing.assert_array_equal(again, np.arange(256))
    assert np.isfinite(packing.BYTE_LOGITS).all() and (np.diff(packing.BYTE_LOGITS) > 0).all()


@pytest.mark.parametrize("count", [8, 10, 11])
def test_shares_are_rounded_to_the_nearest(count: int) -> None:
    shares = np.float32([0, 0.25, 1, RANDOM.random(), -0.1, 1.1])
    most = 2**count - 1
    np.testing.assert_allclose(packing.to_bits(shares, count), np.clip(shares, 0, 1) * most, atol=0.5001)


def code_of(point: np.ndarray) -> int:
    """Bits of x, y and z in turn, of whole numbers below 16."""
    return sum(((int(point[axis]) >> bit) & 1) << (3 * bit + axis) for bit in range(4) for axis in range(3))


def test_morton_order_is_that_of_interleaved_bits() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(16)] * 3, indexing="ij"), -1).reshape(-1, 3)
    grid = grid[RANDOM.permutation(len(grid))]
    codes = np.array([code_of(point) for point in grid])
    # Scaled so that the grid's steps fall onto the steps of the code.
    order = morton_order((grid * (2**17) / (2**21 - 1)).astype(np.float64))
    np.testing.assert_array_equal(codes[order], np.arange(4096))


def test_morton_order_of_odd_sets() -> None:
    assert len(morton_order(np.empty((0, 3)))) == 0
    np.testing.assert_array_equal(morton_order(np.ones((5, 3), np.float32)), np.arange(5))
    far = np.concatenate([RANDOM.uniform(-1, 1, (100, 3)), [[3e38, -3e38, 3e38]]]).astype(np.float32)
    assert sorted(morton_order(far)) == list(range(101))


@pytest.mark.parametrize("signs", [(1, -1, -1), (-1, 1, 1), (-1, -1, 1), (-1, -1, -1)])
def test_signs_of_coefficients_are_those_of_the_functions(signs: tuple[int, int, int]) -> None:
    directions = RANDOM.normal(size=(20, 3))
    turned = basis(directions * signs, 3)
    np.testing.assert_allclose(turned, basis(directions, 3) * sh_signs(signs, 3), atol=1e-12)


def test_frames_are_named_by_their_axes() -> None:
    np.testing.assert_array_equal(between("RUB", "RDF"), np.diag([1, -1, -1]))
    np.testing.assert_array_equal(between("LUF", "RDF"), np.diag([-1, -1, 1]))
    np.testing.assert_array_equal(between("RFU", "RDF") @ [0, 0, 1], [0, -1, 0])
    np.testing.assert_array_equal(between("RFU", "RUB") @ between("RUB", "RFU"), np.eye(3))

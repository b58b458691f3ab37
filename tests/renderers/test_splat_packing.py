"""Packing for the GPU: what comes back differs by no more than the docstring says, however wild the numbers are."""

from __future__ import annotations

import numpy as np
import pytest

from assets.progress import run
from renderers.camera import Camera
from renderers.gaussians import GaussiansRenderer
from renderers.reference.gaussians import render
from renderers.splats.packing import SHAPE_WORDS, pack
from tests.assets.splat_files import random_splats
from tests.renderers.splat_pictures import picture, psnr, ready


def signed(words: np.ndarray, low: int, bits: int) -> np.ndarray:
    return (words << np.uint32(32 - low - bits)).view(np.int32) >> (32 - bits)


def unpacked(shapes: np.ndarray, colors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Opacities (n,), coefficients of band 0 (n,3) and of the others (n,k,3), as the shader reads them."""
    scales = (shapes[:, 11] << np.uint32(16)).view(np.float32), (shapes[:, 11] & 0xFFFF0000).view(np.float32)
    first, own = np.ascontiguousarray(colors[:, 0]), np.ascontiguousarray(shapes[:, 3])
    lowest = np.stack([signed(first, 0, 16), signed(first, 16, 16), signed(own, 0, 16)], 1) / 32767
    upper = np.ascontiguousarray(colors[:, 1:])
    shares = np.stack([signed(upper, 0, 11), signed(upper, 11, 11), signed(upper, 22, 10)], 2) / (1023, 1023, 511)
    return (own >> 16) / 65535, lowest * scales[0][:, None], shares * scales[1][:, None, None].astype(np.float64)


@pytest.mark.parametrize("degree", range(4))
def test_what_is_packed_comes_back(degree: int) -> None:
    random, count = np.random.default_rng(degree), 500
    sh = random.normal(0, 0.3, (count, (degree + 1) ** 2, 3)).astype(np.float32)
    sh[0], sh[1], sh[2] = 0, sh[1] * 1e30, 3e38
    sh[3, -1, 0] = -50
    means, scales = random.normal(size=(2, count, 3)).astype(np.float32)
    rotations, opacities = random.normal(size=(count, 4)).astype(np.float32), random.uniform(size=count)
    opacities[:2] = 0, 1
    shapes, colors = np.zeros((count, SHAPE_WORDS), np.uint32), np.zeros((count, sh.shape[1]), np.uint32)
    rows, opacities = random.permutation(count).astype(np.uint32), opacities.astype(np.float32)
    rotations[7] = 0
    pack(rows, means, scales[rows], rotations, opacities[rows], sh, shapes, colors)
    again = np.zeros_like(colors)
    strided = np.asfortranarray(sh.astype(np.float64))
    pack(rows, means, scales[rows], rotations, opacities[rows], strided, shapes.copy(), again)
    np.testing.assert_array_equal(again, colors)
    back = np.argsort(rows)
    shapes, colors = shapes[back], colors[back]
    numbers = shapes.view(np.float32)
    np.testing.assert_array_equal(numbers[7, 4:8], (1, 0, 0, 0))
    np.testing.assert_array_equal(numbers[:, :3], means)
    np.testing.assert_array_equal(numbers[:, 8:11], scales)
    np.testing.assert_allclose(np.linalg.norm(numbers[:, 4:8], axis=1), 1, rtol=1e-6)
    seen, lowest, upper = unpacked(shapes, colors)
    np.testing.assert_allclose(seen, opacities, atol=1 / 65535)
    assert (seen[:2] == (0, 1)).all()
    sh = sh.astype(np.float64)
    largest = np.abs(sh[:, 0]).max(1, keepdims=True)
    assert (np.abs(lowest - sh[:, 0]) <= largest * 1.01 / 65534 + 1e-30).all()
    if degree:
        largest = np.abs(sh[:, 1:]).max((1, 2), keepdims=True)
        assert (np.abs(upper - sh[:, 1:]) <= largest * 1.01 / np.array((2046, 2046, 1022)) + 1e-30).all()


def test_what_is_not_there_is_not_packed() -> None:
    splats = random_splats(4)
    arrays = splats.means, *splats.drawn(slice(None)), splats.sh
    means, scales, opacities, sh = arrays
    room = np.zeros((4, SHAPE_WORDS), np.uint32), np.zeros((4, 16), np.uint32)
    with pytest.raises(IndexError):
        pack(np.array([0, 1, 2, 4], np.uint32), means, scales, splats.rotations, opacities, sh, *room)
    with pytest.raises(ValueError):
        pack(np.arange(3, dtype=np.uint32), means, scales, splats.rotations, opacities, sh, *room)


def test_the_loss_is_not_seen(renderers: list[GaussiansRenderer], gl) -> None:
    splats = random_splats(800)
    splats.sh[:, 1:] *= np.float32(2)
    camera = Camera.look_at((1.5, 1.0, 3.0), (0, 0, 0), width=96, height=64)
    renderers.append(ready(splats))
    assert psnr(picture(renderers[-1], camera), run(render(splats, camera))[0]) >= 50

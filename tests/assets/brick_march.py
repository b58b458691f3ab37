"""A plain numpy marcher of a baked grid, by TripoSR's step rule: what the shader has to draw, written again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from assets.fields.bricks.grid import BRICK, BrickGrid

SAMPLES = 128


def rays(c2w: np.ndarray, fov_y: float, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Origins and unit directions (size²,3) through the pixel centres of a square picture, row 0 on top."""
    steps = ((np.arange(size) + 0.5) / size * 2 - 1) * np.tan(fov_y / 2)
    x, y = np.meshgrid(steps, -steps)
    directions = np.stack([x, y, -np.ones_like(x)], -1).reshape(-1, 3) @ c2w[:3, :3].T
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.broadcast_to(c2w[:3, 3], directions.shape).astype(np.float64), directions.astype(np.float64)


def march(grid: BrickGrid, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Colours (N,3) on white: midpoints of equal bins within the box · (1 − 1e-3), raw values interpolated, then
    exp(raw − 1) and sigmoid, opacity 1 − exp(−density / SAMPLES)."""
    middle, half = grid.box.mean(0), (grid.box[1] - grid.box[0]) / 2 * (1 - 1e-3)
    with np.errstate(divide="ignore"):
        ends = np.stack([middle - half - origins, middle + half - origins]) / directions
    near, far = np.maximum(ends.min(0).max(1), 0), ends.max(0).min(1)
    left, color = np.ones(len(origins)), np.zeros((len(origins), 3))
    hits = np.flatnonzero(far - near > 0.01)
    for step in range(SAMPLES):
        depth = near[hits] + (far - near)[hits] * (step + 0.5) / SAMPLES
        slots, values = _sample(grid, origins[hits] + directions[hits] * depth[:, None])
        seen = hits[slots]
        opacity = 1 - np.exp(-np.exp(values[:, 0] - 1) / SAMPLES)
        color[seen] += (left[seen] * opacity)[:, None] / (1 + np.exp(-values[:, 1:]))
        left[seen] *= 1 - opacity + 1e-10
    return color + left[:, None]


def _sample(grid: BrickGrid, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which points lie in a brick, and the trilinear values (M,4) there."""
    cells = (points - grid.box[0]) / (grid.box[1] - grid.box[0]) * grid.resolution
    cells = np.clip(cells, 0, grid.resolution - 1e-4)
    bricks = (cells // BRICK).astype(int)
    slots = grid.index[bricks[:, 2], bricks[:, 1], bricks[:, 0]]
    inside = slots >= 0
    cells, slots = (cells - bricks * BRICK)[inside], slots[inside]
    corner = cells.astype(int)
    share = cells - corner
    values = np.zeros((len(slots), 4))
    for z, y, x in _corners():
        weight = np.prod(np.where([x, y, z], share, 1 - share), 1)
        values += weight[:, None] * grid.samples[slots, corner[:, 2] + z, corner[:, 1] + y, corner[:, 0] + x]
    return inside, values


def _corners() -> Iterator[tuple[int, ...]]:
    return product((0, 1), repeat=3)


def psnr(picture: np.ndarray, expected: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of pictures in 0 … 1."""
    return float(-10 * np.log10(np.mean((picture.reshape(expected.shape) - expected.astype(np.float64)) ** 2)))

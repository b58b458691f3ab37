"""What the code of families with tiny-cuda-nn and textures computes, written out with numpy from their formulas."""

from __future__ import annotations

import numpy as np


def bilinear(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, align_corners: bool = False, zeros: bool = False
) -> np.ndarray:
    """(N,C) between texels of `image` (C,H,W) at columns x and rows y, −1 … 1; beyond them the nearest, or zeros."""
    rows, columns = image.shape[1:]
    if align_corners:
        x, y = (x + 1) / 2 * (columns - 1), (y + 1) / 2 * (rows - 1)
    else:
        x, y = ((x + 1) * columns - 1) / 2, ((y + 1) * rows - 1) / 2
    if not zeros:
        x, y = np.clip(x, 0, columns - 1), np.clip(y, 0, rows - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    found = 0
    for column, across in ((left, 1 - (x - left)), (left + 1, x - left)):
        for row, down in ((top, 1 - (y - top)), (top + 1, y - top)):
            inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
            texel = image[:, np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)]
            found = found + texel * (across * down * inside)
    return found.T


def between_levels(image: np.ndarray, x: np.ndarray, y: np.ndarray, level: np.ndarray, levels: int) -> np.ndarray:
    """The same between two of the `levels` of a pyramid of means of 2 × 2 texels, at `level` (N,)."""
    pyramid = [image]
    for _ in range(levels - 1):
        channels, rows, columns = pyramid[-1].shape
        pyramid.append(pyramid[-1].reshape(channels, rows // 2, 2, columns // 2, 2).mean((2, 4)))
    level = np.clip(level, 0, levels - 1)
    lower = np.minimum(np.floor(level), levels - 2).astype(int)
    read = np.stack([bilinear(each, x, y) for each in pyramid])
    index = np.arange(len(x))
    share = (level - lower)[:, None]
    return read[lower, index] * (1 - share) + read[lower + 1, index] * share


def harmonics(directions: np.ndarray) -> np.ndarray:
    """The 16 real spherical harmonics (N,16) of unit `directions` (N,3), as tiny-cuda-nn writes them down."""
    x, y, z = directions.T
    one = np.ones_like(x)
    return np.stack(
        [
            0.28209479177387814 * one,
            -0.48860251190291987 * y,
            0.48860251190291987 * z,
            -0.48860251190291987 * x,
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.94617469575755997 * z * z - 0.31539156525251999,
            -1.0925484305920792 * x * z,
            0.54627421529603959 * (x * x - y * y),
            0.59004358992664352 * y * (-3 * x * x + y * y),
            2.8906114426405538 * x * y * z,
            0.45704579946446572 * y * (1 - 5 * z * z),
            0.3731763325901154 * z * (5 * z * z - 3),
            0.45704579946446572 * x * (1 - 5 * z * z),
            1.4453057213202769 * z * (x * x - y * y),
            0.59004358992664352 * x * (-x * x + 3 * y * y),
        ],
        1,
    )


def parameters(random: np.random.Generator, inputs: int, outputs: int, width: int, hidden: int) -> np.ndarray:
    """A flat vector for `network`, f32 with values that half precision holds."""
    sizes = _sizes(inputs, outputs, width, hidden)
    parts = [random.normal(0, 1.4 / np.sqrt(columns), rows * columns) for rows, columns in sizes]
    return np.concatenate(parts).astype(np.float16).astype(np.float32)


def network(params: np.ndarray, x: np.ndarray, outputs: int, width: int, hidden: int) -> np.ndarray:
    """(N,outputs) of a tiny-cuda-nn network of `hidden` layers of `width` at x (N,inputs), before an output activation:
    inputs are padded with ones to a multiple of 16, outputs cut off, matrices (out,in) lie by rows in `params`."""
    sizes = _sizes(x.shape[1], outputs, width, hidden)
    x = np.concatenate([x, np.ones((len(x), sizes[0][1] - x.shape[1]))], 1)
    start = 0
    for number, (rows, columns) in enumerate(sizes):
        x = x @ params[start : start + rows * columns].reshape(rows, columns).T.astype(np.float64)
        start += rows * columns
        if number < len(sizes) - 1:
            x = np.maximum(x, 0)
    assert start == len(params)
    return x[:, :outputs]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−x))."""
    return 1 / (1 + np.exp(-x))


def _sizes(inputs: int, outputs: int, width: int, hidden: int) -> list[tuple[int, int]]:
    inputs, outputs = -(-inputs // 16) * 16, -(-outputs // 16) * 16
    if not hidden:
        return [(outputs, inputs)]
    return [(width, inputs), *[(width, width)] * (hidden - 1), (outputs, width)]

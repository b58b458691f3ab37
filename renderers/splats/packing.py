"""How a splat is packed for the GPU: 48 bytes of shape, and 4 for each coefficient of its colour.

Positions, quaternions and sizes stay f32. Coefficients become whole numbers: band 0 of 16 bits, the others of 11 bits
(red, green) and 10 (blue), each splat with a scale of its own for either, so that an outlier spoils no other splat.
That is two thirds of what halves take. A coefficient is off by at most a two-thousandth of the splat's largest one,
blue by a thousandth: pictures differ by 70 dB and more. common/splat_texels.glsl reads it back.

Words of shape: x y z, opacity·65535 << 16 | blue of band 0; w x y z; σ σ σ, scale of the upper bands << 16 | scale of
band 0, both as the upper halves of an f32. Words of colour: green << 16 | red of band 0; then blue << 22 | green << 11
| red of each other coefficient.
"""

from __future__ import annotations

import numpy as np

from assets.splats import quaternions

SHAPE_WORDS = 12

# The sum with it is a float whose lowest bits are the rounded number, in two's complement.
_ROUND = np.float32(1.5 * 2**23)
_LOWEST = 32767
_UPPER = np.array([1023, 1023, 511], np.float32)


def pack(
    means: np.ndarray,
    scales: np.ndarray,
    rotations: np.ndarray,
    opacities: np.ndarray,
    sh: np.ndarray,
    shapes: np.ndarray,
    colors: np.ndarray,
) -> None:
    """Writes n splats, with σ `scales` (n,3) and `opacities` (n,) as they are drawn, into `shapes` (n,SHAPE_WORDS) and
    `colors` (n,K), both u32."""
    numbers = shapes.view(np.float32)
    numbers[:, :3], numbers[:, 4:8], numbers[:, 8:11] = means, quaternions.normalized(rotations), scales
    # Rows of numbers, not of triples: numpy runs through short last axes several times more slowly.
    flat = sh.reshape(len(sh), -1)
    shapes[:, 11], factor = _short_scale(largest_of(np.abs(flat[:, :3])))
    lowest = _rounded(flat[:, :3] * (factor * _LOWEST)[:, None])
    colors[:, 0] = lowest[:, 1] << 16 | lowest[:, 0] & 0xFFFF
    shapes[:, 3] = _rounded(opacities * np.float32(65535)) << 16 | lowest[:, 2] & 0xFFFF
    if sh.shape[1] > 1:
        shapes[:, 11] |= _pack_upper(flat[:, 3:], colors[:, 1:]) << 16


def largest_of(numbers: np.ndarray) -> np.ndarray:
    """The largest of each row of `numbers` (n,3): numpy's own way takes ten times as long for so short rows."""
    return np.maximum(np.maximum(numbers[:, 0], numbers[:, 1]), numbers[:, 2])


def _pack_upper(flat: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Writes coefficients (n,3·k), r g b r g b …, of bands above 0 into `colors` (n,k); returns their scales (n,)."""
    scale, factor = _short_scale(np.abs(flat).max(1))
    shares = flat * factor[:, None]
    shares *= np.tile(_UPPER, colors.shape[1])
    whole = _rounded(shares)
    words = whole[:, 0::3] & 0x7FF
    words |= (whole[:, 1::3] & 0x7FF) << 11
    words |= whole[:, 2::3] << 22
    colors[...] = words
    return scale


def _short_scale(largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper halves of the f32 of which `largest` (n,) is at most a share of one, as u32; and their inverses."""
    bits = np.ascontiguousarray(largest, np.float32).view(np.uint32)
    # Rounded up, and never to a number so small that what it divides becomes infinite.
    short = np.clip((bits + np.uint32(0xFFFF)) >> 16, 0x1000, 0x7F7F).astype(np.uint32)
    return short, 1 / (short << 16).view(np.float32)


def _rounded(values: np.ndarray) -> np.ndarray:
    """Whole numbers within ±2²², as the lowest bits of u32."""
    np.add(values, _ROUND, out=values)
    return values.view(np.uint32)

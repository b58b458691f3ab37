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

from .loops import loops

SHAPE_WORDS = 12


def pack(
    rows: np.ndarray,
    means: np.ndarray,
    scales: np.ndarray,
    rotations: np.ndarray,
    opacities: np.ndarray,
    sh: np.ndarray,
    shapes: np.ndarray,
    colors: np.ndarray,
) -> None:
    """Packs the splats `rows` (n,) u32 of the arrays means (N,3), rotations (N,4) and sh (N,K,3), all f32, with σ
    `scales` (n,3) and `opacities` (n,) f32 as they are drawn, into `shapes` (n,SHAPE_WORDS) and `colors` (n, at least
    K), both u32. Raises IndexError for a row that is not there, ValueError for other lengths."""
    count, terms = len(rows), sh.shape[1]
    if count and not 0 <= int(rows.min()) <= int(rows.max()) < min(len(means), len(rotations), len(sh)):
        raise IndexError("a splat that is not there was to be packed")
    if any(len(array) != count for array in (scales, opacities, shapes, colors)) or colors.shape[1] < terms:
        raise ValueError("what splats were to be packed into has other lengths")
    if scales.shape[1] != 3 or shapes.shape[1] != SHAPE_WORDS or {shapes.dtype, colors.dtype} != {np.dtype(np.uint32)}:
        raise ValueError("splats are packed from three sizes each, into words of 32 bits")
    if not all(array.flags.c_contiguous and array.dtype == np.float32 for array in (means, rotations, sh)):
        means, rotations, sh = (array[rows] for array in (means, rotations, sh))
        rows = np.arange(count)
    rows = np.ascontiguousarray(rows, np.uint32)
    taken = [np.ascontiguousarray(array, np.float32) for array in (means, scales, rotations, opacities, sh)]
    loops().call("pack", rows, count, terms, colors.shape[1], *taken, shapes, colors)


def largest_of(numbers: np.ndarray) -> np.ndarray:
    """The largest of each row of `numbers` (n,3): numpy's own way takes ten times as long for so short rows."""
    return np.maximum(np.maximum(numbers[:, 0], numbers[:, 1]), numbers[:, 2])

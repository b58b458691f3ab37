"""Which array of a file holds the planes, in every layout that generators save, and how axes are read from matrices."""

from __future__ import annotations

import numpy as np

from ..errors import BadInput
from ._parts import Shapes

NAMES = (
    "planes",
    "triplane",
    "triplanes",
    "tri_planes",
    "scene_codes",
    "space_cache",
    "triplane_feature2",
    "triplane_features",
    "features",
    "",
)
"""What planes are called when people save them, by the last word of the name; "" is the one array of an .npy file."""

LEAST_TEXELS = 4
"""Rows and columns that planes have at least: smaller arrays of the same shape are kernels."""

ON_AXIS = 1e-4
"""How far the direction of a plane's axis may be from one of x, y and z."""


def planes_name(shapes: Shapes, channels: int | None, count: int = 3) -> str | None:
    """The name of the array that holds `count` planes of so many `channels` (None: of any number), or None.

    One of the usual names is taken first. Else it is the only array that fits, where the channels are known: among the
    weights of a generator lie others.
    """
    fitting = [name for name, shape in shapes.items() if holds(shape, channels, count)]
    named = [name for name in fitting if last_word(name) in NAMES]
    if named:
        return min(named, key=lambda name: (NAMES.index(last_word(name)), len(name)))
    return fitting[0] if channels is not None and len(fitting) == 1 else None


def holds(shape: tuple[int, ...], channels: int | None, count: int = 3) -> bool:
    """Whether an array of this shape holds sets of `count` planes, in one of the layouts of `sets_of`."""
    return _layout(shape, channels, count) is not None


def sets_of(array: np.ndarray, channels: int | None, count: int = 3) -> list[np.ndarray]:
    """Each set of planes (P,C,H,W) in an array (B,P,C,H,W), (B,P·C,H,W), (B,C,H,P·W) or one of them without B.

    channels: C, which decides where several layouts are possible; None where it is unknown. Raises BadInput.
    """
    shape, layout = array.shape, _layout(array.shape, channels, count)
    if layout is None:
        raise BadInput(f"An array of shape {list(shape)} holds no {count} planes.")
    if layout == "rolled":
        batched = array.reshape(-1, *shape[-3:-1], count, shape[-1] // count)
        return list(np.ascontiguousarray(batched.transpose(0, 3, 1, 2, 4)))
    if layout == "stacked":
        return list(array.reshape(-1, *shape[-4:]))
    return list(array.reshape(-1, count, shape[-3] // count, *shape[-2:]))


def axes_of(matrices: np.ndarray) -> tuple[tuple[str, str], ...]:
    """The axes (W, H) of three planes that EG3D's way of projecting gives: the first two coordinates of p · M⁻¹.

    matrices: (3,3,3), the axes of each plane as rows. Raises BadInput where they lie askew or cannot be inverted.
    """
    if matrices.shape != (3, 3, 3):
        raise BadInput(f"plane_axes has the shape {list(matrices.shape)}, expected (3, 3, 3).")
    try:
        inverse = np.linalg.inv(matrices.astype(np.float64))
    except np.linalg.LinAlgError as error:
        raise BadInput("plane_axes holds a matrix that has no inverse.") from error
    return tuple((_token(plane[:, 0]), _token(plane[:, 1])) for plane in inverse)


def is_called(shapes: Shapes, word: str, channels: int | None = None, count: int = 3) -> bool:
    """Whether the planes that `planes_name` finds are called by this word."""
    found = planes_name(shapes, channels, count)
    return found is not None and last_word(found) == word


def last_word(name: str) -> str:
    """What follows the last dot of a name."""
    return name.rsplit(".", 1)[-1]


def _layout(shape: tuple[int, ...], channels: int | None, count: int) -> str | None:
    """ "stacked", "grouped" (planes one after the other along the channels), "rolled" out along the width, or None."""
    if len(shape) not in (3, 4, 5) or min(shape, default=0) < 1 or min(shape[-2:]) < LEAST_TEXELS:
        return None
    if len(shape) >= 4 and shape[-4] == count and channels in (None, shape[-3]):
        return "stacked"
    if len(shape) == 5:
        return None
    if shape[-1] == count * shape[-2] and channels in (None, shape[-3]):
        return "rolled"
    fits = shape[-3] % count == 0 if channels is None else shape[-3] == count * channels
    return "grouped" if fits else None


def _token(direction: np.ndarray) -> str:
    """The signed axis that a direction (3,) runs along."""
    along = int(np.abs(direction).argmax())
    unit = np.zeros(3)
    unit[along] = np.sign(direction[along])
    if not np.isfinite(direction).all() or np.abs(direction - unit).max() > ON_AXIS:
        raise BadInput("plane_axes turns or scales the planes, which only swap and mirror the axes in known families.")
    return ("-" if unit[along] < 0 else "") + "xyz"[along]

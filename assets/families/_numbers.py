"""Numbers that a checkpoint keeps beside its planes: boxes, shifts, counts, as small arrays or as plain numbers."""

from __future__ import annotations

import numpy as np

from ..errors import BadInput
from ..files.tensor_file import Tensors
from ._parts import ends_with

Corner = tuple[float, float, float]


def numbers(tensors: Tensors, ending: str, count: int = 1) -> list[float] | None:
    """The `count` numbers called `ending` (the shortest name that ends so), or None where there are none, or others.
    Raises BadInput where they are not finite."""
    named = [name for name in (*tensors.shapes, *tensors.numbers) if ends_with(name, ending)]
    for name in sorted(named, key=len):
        small = tensors.numbers.get(name)
        if small is None and int(np.prod(tensors.shapes[name], dtype=object)) == count:
            small = tensors[name]
        if small is not None and small.size == count:
            found = [float(value) for value in small.reshape(-1)]
            if not np.isfinite(found).all():
                raise BadInput(f"{name}: holds numbers that are not finite.")
            return found
    return None


def number(tensors: Tensors, ending: str, otherwise: float) -> float:
    """The one number called `ending`, or `otherwise`."""
    found = numbers(tensors, ending)
    return otherwise if found is None else found[0]


def box(tensors: Tensors, ending: str) -> tuple[Corner, Corner] | None:
    """The low and high corner in the six numbers called `ending`, or None."""
    found = numbers(tensors, ending, 6)
    return None if found is None else (tuple(found[:3]), tuple(found[3:]))


def box_text(low: Corner, high: Corner) -> str:
    """A box for people: "±1.5", or its corners."""
    if high == (high[0],) * 3 and low == (-high[0],) * 3:
        return f"±{high[0]:g}"
    return f"({', '.join(f'{value:g}' for value in low)}) … ({', '.join(f'{value:g}' for value in high)})"

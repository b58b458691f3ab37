"""What families are written with: tensors found by the end of their names, and pieces of descriptions that recur."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from ..fields.description import Input, Layer, Plane, Space

Shapes = Mapping[str, tuple[int, ...]]
Axes = Sequence[tuple[str, ...]]

XY_XZ_YZ: Axes = (("x", "y"), ("x", "z"), ("y", "z"))
XY_XZ_ZY: Axes = (("x", "y"), ("x", "z"), ("z", "y"))
"""The corrected axes of EG3D, which LRM and its followers use."""


def ends_with(name: str, ending: str) -> bool:
    """Whether the dotted `name` is `ending` or ends with it, in whole words: checkpoints wrap their tensors."""
    return name == ending or name.endswith("." + ending)


def find(shapes: Shapes, ending: str) -> str | None:
    """The name that ends with `ending`, the shortest where there are several, or None."""
    return min((name for name in shapes if ends_with(name, ending)), key=len, default=None)


def prefix(shapes: Shapes, ending: str) -> str | None:
    """What stands before `ending` in the name that `find` finds ("" or with its last dot), or None."""
    name = find(shapes, ending)
    return None if name is None else name[: len(name) - len(ending)]


def numbered(shapes: Shapes, before: str, after: str = ".weight", dimensions: int = 2) -> list[str]:
    """Names `before` + number + `after`, in the order of the numbers: the layers of a torch Sequential or ModuleList.

    Only arrays with so many `dimensions` count: the weights of linear layers have two.
    """
    pattern = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    found = {int(hit[1]): name for name, shape in shapes.items() if (hit := pattern.fullmatch(name))}
    return [found[index] for index in sorted(found) if len(shapes[found[index]]) == dimensions]


def bias_of(weight: str) -> str:
    """The name of the bias beside a weight."""
    return f"{weight.removesuffix('weight')}bias"


def layers(weights: Sequence[str], present: Collection[str], activation: str, last: str = "none", **options) -> tuple:
    """Linear layers of these weights, with an activation after each but the last; biases where `present` has them.

    options: further fields of `Layer`, the same for all.
    """
    return tuple(
        Layer(
            name,
            bias_of(name) if bias_of(name) in present else None,
            last if name == weights[-1] else activation,
            **options,
        )
        for name in weights
    )


def with_biases(weights: Iterable[str], present: Collection[str]) -> list[str]:
    """These weights and their biases, as far as they are `present`."""
    return [name for weight in weights for name in (weight, bias_of(weight)) if name in present]


def stacked(tensor: str, axes: Axes, first: int = 0, **options) -> tuple[Plane, ...]:
    """Planes that lie one after the other in one tensor, from index `first` on; options: further fields of `Plane`."""
    return tuple(Plane(tensor, first + index, tuple(pair), **options) for index, pair in enumerate(axes))


def from_group(*names: str) -> tuple[Input, ...]:
    """The features of groups."""
    return tuple(Input("group", name) for name in names)


def cube(half: float = 1.0, **options) -> Space:
    """A box of ±half; options: further fields of `Space`."""
    return Space((-float(half),) * 3, (float(half),) * 3, **options)


def size_of(planes: np.ndarray) -> str:
    """What is declared about planes (P,C,H,W), for people."""
    count, channels, rows, columns = planes.shape
    return f"{count} × {channels} channels, {columns} × {rows} texels"

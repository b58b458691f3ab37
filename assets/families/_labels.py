"""Colour keys of fields whose values are classes."""

from __future__ import annotations

import colorsys
from collections.abc import Collection, Mapping

from ..fields.description import Label

GOLDEN_RATIO = 0.618033988749895
"""Steps of this share around the circle of hues keep any number of them apart."""


def key(colors: Mapping[str, tuple[int, int, int]], hidden: Collection[str] = ()) -> tuple[Label, ...]:
    """The key of classes by their names, in the order of their indices; colours are bytes."""
    return tuple(
        Label(name, (red / 255, green / 255, blue / 255), name in hidden) for name, (red, green, blue) in colors.items()
    )


def numbered_key(count: int) -> tuple[Label, ...]:
    """A key for `count` classes of which nothing is known but that the first is free space."""
    colors = [colorsys.hsv_to_rgb((index * GOLDEN_RATIO) % 1.0, 0.6, 0.9) for index in range(count)]
    return tuple(Label(f"class {index}", color, index == 0) for index, color in enumerate(colors))

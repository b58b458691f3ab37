"""Axes, signs and the order of a group's planes as short texts, "xy x-z yz" and "2 0 1", and back."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import permutations, product

from ...errors import BadInput
from ..description import Plane

MIXED = "mixed"
"""The value of what differs among the parts that a property speaks of."""


def axis_choices(count: int, timed: bool) -> tuple[str, ...]:
    """All that a plane of `count` axes may have; () where there are too many for a list."""
    names = "xyzt" if timed else "xyz"
    if count > 2:
        return ()
    kinds, rows = product(("", "-"), repeat=count), list(permutations(names, count))
    return tuple("".join(map("".join, zip(signs, axes, strict=True))) for signs in kinds for axes in rows)


def _parsed_axes(text: str, count: int) -> tuple[str, ...]:
    axes = tuple(re.findall(r"-?[xyzt]", text))
    if "".join(axes) != text or len(axes) != count:
        raise BadInput(f"is {count} of x, y, z and t, each with a minus where it runs backwards, not {text!r}.")
    return axes


def with_one_plane(planes: tuple[Plane, ...], number: int, text: str) -> tuple[Plane, ...]:
    """`planes` with other axes for one of them: "x-z". Raises BadInput."""
    axes = _parsed_axes(text, len(planes[number].axes))
    return (*planes[:number], replace(planes[number], axes=axes), *planes[number + 1 :])


def with_axes(planes: tuple[Plane, ...], text: str) -> tuple[Plane, ...]:
    """`planes` with the axes in `text`, "xy x-z yz". Raises BadInput."""
    words = text.replace(",", " ").split()
    if len(words) != len(planes):
        raise BadInput(f"names the axes of {len(words)} planes, there are {len(planes)}.")
    return tuple(
        replace(plane, axes=_parsed_axes(word, len(plane.axes))) for plane, word in zip(planes, words, strict=True)
    )


def with_sign(planes: tuple[Plane, ...], name: str, sign: str) -> tuple[Plane, ...]:
    """`planes` in which the axis `name` runs forwards, "+", or backwards, "-"."""
    if sign == MIXED:
        return planes
    signed = f"{sign.lstrip('+')}{name}"
    return tuple(
        replace(plane, axes=tuple(signed if axis[-1] == name else axis for axis in plane.axes)) for plane in planes
    )


def _stored(planes: tuple[Plane, ...]) -> list[tuple]:
    """What the planes read, each once, in an order that hangs on the names alone: numbers in them count as such."""

    def rank(source: tuple) -> tuple:
        words = re.split(r"(\d+)", source[0])
        return [(int(word), "") if word.isdigit() else (-1, word) for word in words], source[1], source[2] or ()

    return sorted({(plane.tensor, plane.index, plane.channels) for plane in planes}, key=rank)


def order_of(planes: tuple[Plane, ...]) -> list[int]:
    """Which of the stored planes each one reads."""
    stored = _stored(planes)
    return [stored.index((plane.tensor, plane.index, plane.channels)) for plane in planes]


def in_order(planes: tuple[Plane, ...], text: str) -> tuple[Plane, ...]:
    """`planes` that read the stored ones in the order in `text`, "2 0 1". Raises BadInput."""
    words = text.replace(",", " ").split()
    now = order_of(planes)
    if not all(word.isdigit() for word in words) or sorted(map(int, words)) != sorted(now):
        raise BadInput(f"names each of the planes {' '.join(map(str, sorted(now)))} once, not {text!r}.")
    stored = _stored(planes)
    read = [stored[int(word)] for word in words]
    return tuple(
        replace(plane, tensor=tensor, index=index, channels=channels)
        for plane, (tensor, index, channels) in zip(planes, read, strict=True)
    )

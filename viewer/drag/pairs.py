"""Changing what a drag consists of: handles with their targets, pins, and what lies opposite of them. No Qt.

Drags are values: each function returns another one. Everything lies in the asset's frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from assets.deform.drag import Drag, Handle, Point, as_point

ON_PLANE = 0.01
"""What lies nearer to the plane of a mirror, as a share of the asset's size, is its own mirror image."""

AT_PARTNER = 0.02
"""A mirror image this near to a handle or pin, as a share of the asset's size, is that one."""


@dataclass(frozen=True)
class Mirror:
    """The plane across `axis` 0 … 2 at `place`, of an asset of `size`."""

    axis: int
    place: float
    size: float

    def image(self, point: Point) -> Point:
        """What lies opposite."""
        values = list(point)
        values[self.axis] = 2 * self.place - values[self.axis]
        return as_point(values)

    def on_plane(self, point: Point) -> bool:
        """Whether a point is its own image."""
        return abs(point[self.axis] - self.place) < ON_PLANE * self.size

    def flattened(self, point: Point) -> Point:
        """`point` moved into the plane."""
        values = list(point)
        values[self.axis] = self.place
        return as_point(values)

    def near(self, point: Point, others: list[Point]) -> int | None:
        """Which of `others` is the image of `point`."""
        if not others:
            return None
        away = np.linalg.norm(np.array(others) - np.array(self.image(point)), axis=1)
        nearest = int(away.argmin())
        return nearest if away[nearest] < AT_PARTNER * self.size else None


def with_handle(drag: Drag, source: Point, target: Point, mirror: Mirror | None = None) -> tuple[Drag, int]:
    """The drag with one handle more, and its index; under a mirror its image follows it."""
    index = len(drag.handles)
    drag = replace(drag, handles=(*drag.handles, Handle(source, target)))
    if mirror is not None and not mirror.on_plane(source) and mirror.near(source, _sources(drag)) is None:
        image = Handle(mirror.image(source), mirror.image(target))
        drag = replace(drag, handles=(*drag.handles, image))
    return with_target(drag, index, target, mirror), index


def with_target(drag: Drag, index: int, target: Point, mirror: Mirror | None = None) -> Drag:
    """The drag with another target of a handle, and of its mirror image."""
    handles = list(drag.handles)
    handle = handles[index]
    if mirror is not None and mirror.on_plane(handle.source):
        target = _beside(mirror, handle.source, target)
    handles[index] = replace(handle, target=target)
    other = None if mirror is None else mirror.near(handle.source, _sources(drag))
    if other is not None and other != index:
        handles[other] = replace(handles[other], target=mirror.image(target))
    return replace(drag, handles=tuple(handles))


def with_source(drag: Drag, index: int, source: Point, mirror: Mirror | None = None) -> Drag:
    """The drag with another place where a handle holds, and its mirror image."""
    handles = list(drag.handles)
    other = None if mirror is None else mirror.near(handles[index].source, _sources(drag))
    handles[index] = replace(handles[index], source=source)
    if other is not None and other != index:
        handles[other] = replace(handles[other], source=mirror.image(source))
    return replace(drag, handles=tuple(handles))


def without_handle(drag: Drag, index: int, mirror: Mirror | None = None) -> Drag:
    """The drag without a handle and its mirror image."""
    other = None if mirror is None else mirror.near(drag.handles[index].source, _sources(drag))
    return replace(drag, handles=tuple(h for i, h in enumerate(drag.handles) if i not in (index, other)))


def with_pin(drag: Drag, place: Point, mirror: Mirror | None = None) -> Drag:
    """The drag with one pin more; under a mirror its image follows it."""
    drag = replace(drag, pins=(*drag.pins, place))
    if mirror is not None and not mirror.on_plane(place) and mirror.near(place, list(drag.pins)) is None:
        drag = replace(drag, pins=(*drag.pins, mirror.image(place)))
    return drag


def moved_pin(drag: Drag, index: int, place: Point) -> Drag:
    """The drag with a pin elsewhere."""
    return replace(drag, pins=tuple(place if i == index else pin for i, pin in enumerate(drag.pins)))


def without_pin(drag: Drag, index: int, mirror: Mirror | None = None) -> Drag:
    """The drag without a pin and its mirror image."""
    other = None if mirror is None else mirror.near(drag.pins[index], list(drag.pins))
    return replace(drag, pins=tuple(pin for i, pin in enumerate(drag.pins) if i not in (index, other)))


def _sources(drag: Drag) -> list[Point]:
    return [handle.source for handle in drag.handles]


def _beside(mirror: Mirror, source: Point, target: Point) -> Point:
    """A target that keeps its distance from the plane: what is its own image moves along the plane alone."""
    values = list(target)
    values[mirror.axis] = source[mirror.axis]
    return as_point(values)

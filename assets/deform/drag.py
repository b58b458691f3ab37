"""A drag as plain data: what is pulled where, what stays, and how stiff things are.

All of it lies in one frame: that of the asset while a warp holds it, the world's in a DRAG.json (drag_json.py);
`placed` leads from one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..display import setting

Point = tuple[float, float, float]

FALLOFFS = ("smooth", "sphere", "root", "sharp", "linear", "constant")
"""How the influence of a handle fades up to its radius; Blender's names."""

FEATHER = 0.2
"""Share of a region's half size over which it fades, inside its border."""


@dataclass(frozen=True)
class Handle:
    """A place on the asset and where it shall go."""

    source: Point
    target: Point


@dataclass(frozen=True)
class Region:
    """What may move: the inside of a sphere or box. `to_unit` (4,4 as rows) leads from the drag's frame to the unit
    sphere |u| ≤ 1, or to the unit box, each |uᵢ| ≤ 1."""

    shape: str
    to_unit: tuple[tuple[float, ...], ...]

    def mask(self, points: np.ndarray) -> np.ndarray:
        """How far `points` (N,3) may move: (N,) f64, 0 outside, 1 inside, fading over FEATHER inside the border."""
        matrix = np.array(self.to_unit)
        unit = points @ matrix[:3, :3].T + matrix[:3, 3]
        reach = np.linalg.norm(unit, axis=1) if self.shape == "sphere" else np.abs(unit).max(1)
        return smoothstep((1.0 - reach) / FEATHER)


@dataclass(frozen=True)
class Dab:
    """One touch of the region brush: what lies within `radius` of `center` becomes fixed or movable, fading over the
    outer `feather` (share of the radius). With a `direction` it reaches through everything along that line."""

    center: Point
    radius: float
    fixed: bool
    feather: float = 0.5
    direction: Point | None = None

    def cover(self, points: np.ndarray) -> np.ndarray:
        """How much of the dab `points` (N,3) get: (N,) f64, 0 … 1."""
        away = points - np.array(self.center)
        if self.direction is not None:
            along = np.array(self.direction) / max(np.linalg.norm(self.direction), 1e-300)
            away = away - np.outer(away @ along, along)
        reach = np.linalg.norm(away, axis=1) / max(self.radius, 1e-300)
        return smoothstep((1.0 - reach) / max(self.feather, 1e-6))


@dataclass(frozen=True)
class Drag:
    """What a hand asks for.

    handles: pulled from source to target. pins: stay where they are. region: outside of it nothing moves; None: no
    limit. dabs: painted over the region, later ones over earlier ones; `base_fixed`: what is not painted is fixed.
    radius: reach of a handle through matter, in units of the frame; None: automatic, which is everything, or, for one
    handle without pins, a share of the asset. falloff: one of FALLOFFS. rigidity: 0 (every node turns by itself) … 1
    (neighbours turn together). strength: share of the way from rest to the targets.
    """

    handles: tuple[Handle, ...] = ()
    pins: tuple[Point, ...] = ()
    region: Region | None = None
    dabs: tuple[Dab, ...] = ()
    base_fixed: bool = False
    radius: float | None = None
    falloff: str = "smooth"
    rigidity: float = 0.5
    strength: float = 1.0

    @property
    def empty(self) -> bool:
        """Whether nothing is pulled."""
        return not self.handles

    def summary(self) -> str:
        """What it consists of, for people: "2 handles, 1 pin"."""
        parts = (
            (self.handles, "handle", "handles"),
            (self.pins, "pin", "pins"),
            (self.dabs, "brush touch", "brush touches"),
        )
        told = [f"{len(items)} {one if len(items) == 1 else many}" for items, one, many in parts if items]
        return ", ".join([*told, *(["a region"] if self.region else [])])

    def reached(self, strength: float | None = None) -> list[Point]:
        """Where the handles go at `strength`, by default the drag's own."""
        share = self.strength if strength is None else strength
        return [
            as_point([a + share * (b - a) for a, b in zip(handle.source, handle.target, strict=True)])
            for handle in self.handles
        ]

    def placed(self, matrix: np.ndarray) -> Drag:
        """The same drag in another frame; `matrix` (4,4) leads there."""
        matrix = np.asarray(matrix, np.float64)
        inverse, scale = np.linalg.inv(matrix), float(abs(np.linalg.det(matrix[:3, :3])) ** (1 / 3))

        def point(at: Point) -> Point:
            return as_point(matrix[:3, :3] @ np.array(at) + matrix[:3, 3])

        region = self.region
        if region is not None:
            region = replace(region, to_unit=as_rows(np.array(region.to_unit) @ inverse))
        dabs = tuple(
            replace(
                dab,
                center=point(dab.center),
                radius=dab.radius * scale,
                direction=None if dab.direction is None else as_point(matrix[:3, :3] @ np.array(dab.direction)),
            )
            for dab in self.dabs
        )
        return replace(
            self,
            handles=tuple(Handle(point(handle.source), point(handle.target)) for handle in self.handles),
            pins=tuple(point(pin) for pin in self.pins),
            region=region,
            dabs=dabs,
            radius=None if self.radius is None else self.radius * scale,
        )


@dataclass
class DragSettings:
    """What the hand sets before it pulls: the panel, the tool and the tests read this table."""

    radius: float = setting(
        0.25,
        "Radius",
        "How far a pull reaches through the asset, as a share of its size",
        low=0.01,
        high=1.0,
        step=0.01,
        unit="%",
    )
    falloff: str = setting("smooth", "Falloff", "How the pull fades towards its radius", choices=FALLOFFS)
    rigidity: float = setting(
        0.5,
        "Rigidity",
        "0: every part turns by itself, 100 %: neighbours turn together",
        low=0.0,
        high=1.0,
        step=0.05,
        unit="%",
    )
    strength: float = setting(
        1.0,
        "Strength",
        "Share of the way to the targets; works after the drag too",
        low=0.0,
        high=1.0,
        step=0.01,
        unit="%",
    )


def smoothstep(share: np.ndarray) -> np.ndarray:
    """3s² − 2s³ of `share` held within 0 … 1."""
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def as_point(values: np.ndarray) -> Point:
    """An array of three numbers as plain data."""
    x, y, z = (float(value) for value in values)
    return x, y, z


def as_rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """A matrix as plain data."""
    return tuple(tuple(float(value) for value in row) for row in matrix)

"""How the rays of a picture run through a field, and where the family's step rule puts samples on them.

The way of a ray that the family marches is cut into bins, and the samples of a first pass lie at fixed places of them:
the *lattice* of the ray. Bins and samples are counted from where the family begins, and go on, before and behind:

- Between fixed distances ("range", "around") the box may reach beyond them, and is sampled there in the same step and
  phase, so that walking closer doesn't cut the object. A camera so far off, or so near, that the middle of the box lies
  not between them at all is not one of the family's: they move to the box by whole steps. For parallel rays, which
  come from no eye, they lie around the middle of the box.
- The matter of a bent field may lie outside of the family's box. Bins go on there too, of the same length, except that
  rays that graze the box, or miss it, take its shortest side for the chord.

Families that place samples by chance have no picture but a mean. Those that march segments are drawn with at least
`DENSE` samples in both passes, in the middle of their strata, which shows the mean; the others have a mode of their own
without chance, which is what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assets.fields.description import March

from ..camera import Camera

if TYPE_CHECKING:
    import torch

DENSE = 160
"""Samples of either pass that stand for a mean over chance."""


@dataclass(frozen=True)
class Rule:
    """Where samples lie. samples, fine: of the two passes; bins: into which the family's way is cut; inner: bins that
    have their length, counted from the beginning; phase: where in its bin a sample lies."""

    samples: int
    fine: int
    bins: int
    inner: int
    phase: float


def rule_of(march: March) -> Rule:
    """The samples of a march, without chance."""
    by_chance = march.placement == "stratified" and march.between == "segment"
    samples = max(march.samples, DENSE) if by_chance else march.samples
    fine = max(march.fine, DENSE) if by_chance and march.fine else march.fine
    if march.placement == "midpoints":
        return Rule(samples, fine, samples, samples, 0.5)
    bins = max(samples - 1, 1)
    return Rule(samples, fine, bins, *((bins, 0.0) if march.placement == "edges" else (bins + 1, 0.5)))


@dataclass(frozen=True)
class Place:
    """Where a field is marched, in the asset's frame: its box (2,3), that of its bent matter where it is bent, the
    matrix (4,4) that leads there from the world, and whether what lies outside of the box is empty."""

    box: np.ndarray
    bent_box: np.ndarray | None
    to_local: np.ndarray
    empty_outside: bool


@dataclass
class Rays:
    """The rays that are marched, in the asset's frame; a *way* is counted from the anchor, in lengths of the direction.

    anchor (n,3): where bin 0 begins; direction (n,3); bin, outer (n,): lengths of bins in and outside of the family's
    way; inner (n,): how many there are inside; first (n,): number of the first sample; total (n,): how many there are;
    count (n,): of them, that lie in front of the limit; limit (n,): the way to it; start, along (n,): depth along the
    viewing axis of the anchor, and of the direction; speed (n,): the length of the direction. phase: where in its bin a
    sample lies; even: whether all bins of a ray are as long as the first. disc: radius of a pixel at distance 1, or, of
    parallel rays, in the world (`parallel`).
    """

    anchor: torch.Tensor
    direction: torch.Tensor
    bin: torch.Tensor
    outer: torch.Tensor
    inner: torch.Tensor
    first: torch.Tensor
    total: torch.Tensor
    count: torch.Tensor
    limit: torch.Tensor
    start: torch.Tensor
    along: torch.Tensor
    speed: torch.Tensor
    phase: float
    even: bool
    disc: float
    parallel: bool

    def at(self, which: torch.Tensor, way: torch.Tensor) -> torch.Tensor:
        """Points (m,k,3) at ways (m,k) along the rays `which` (m,)."""
        return self.anchor[which, None] + self.direction[which, None] * way[..., None]

    def sample(self, which: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """The ways (m,k) to samples number `index` (k,), from the first on."""
        return self.way(which, self.first[which, None] + index + self.phase)

    def way(self, which: torch.Tensor, number: torch.Tensor) -> torch.Tensor:
        """The ways (m,k) to places counted in bins."""
        if self.even:
            return number * self.bin[which, None]
        inner = self.inner[which, None]
        outside = number.clamp_max(0.0) + (number - inner).clamp_min(0.0)
        return outside * self.outer[which, None] + number.clamp_min(0.0).minimum(inner) * self.bin[which, None]

    def number(self, which: torch.Tensor, way: torch.Tensor) -> torch.Tensor:
        """Ways (m,k) counted in bins: the inverse of `way`."""
        length = self.bin[which, None]
        if self.even:
            return way / length
        inside = way.clamp_min(0.0).minimum(self.inner[which, None] * length)
        return inside / length + (way - inside) / self.outer[which, None]

    def depth(self, way: torch.Tensor) -> torch.Tensor:
        """Depth (n,) along the viewing axis at ways (n,) of all rays."""
        return self.start + self.along * way

    def radius(self, which: torch.Tensor, way: torch.Tensor) -> torch.Tensor:
        """Radius (m,k), in the asset's units, of the ball that fills the cone of a pixel at ways (m,k) (Hu et al. 2023,
        Tri-MipRF, (6))."""
        import torch

        speed, cosine = self.speed[which, None], self.along[which, None]
        if self.parallel:
            return (self.disc * speed).expand_as(way)
        distance = (self.start[which, None] / cosine + way) * speed
        across = torch.sqrt((1 / cosine**2 - 1).clamp_min(0.0)) - self.disc
        return distance.clamp_min(0.0) * self.disc * cosine / torch.sqrt(across**2 + 1)


Cut = tuple[np.ndarray, ...]


def cut_rays(place: Place, march: March, camera: Camera, limit: np.ndarray | None) -> tuple[np.ndarray, Cut]:
    """The pixels (n,) of `camera` whose rays are marched, and the arrays of `Rays` in their order, f64.

    limit: (H,W), the depth at which rays end, or None.
    """
    rule = rule_of(march)
    origin, direction, along, speed = _local_rays(place.to_local, camera)
    eye = np.full(len(speed), -np.inf if camera.ortho_height is not None else 0.0)
    enter, leave = _crossing(place.box, origin, direction)
    begin, end = (enter, leave) if place.bent_box is None else _crossing(place.bent_box, origin, direction)
    if march.limits == "box":
        eye = np.maximum(eye, march.near / (speed * (along if march.axial else 1.0)))
        lattice = _box_lattice(rule, place, np.maximum(enter, eye), leave, np.maximum(begin, eye), end, speed)
    else:
        lattice = _fixed_lattice(rule, march, place, camera, (origin, direction, along, speed))
    begin = np.maximum(begin, eye)
    crossed = (end > begin) & ((end - begin) * speed > march.min_chord)
    first, last = _extent(rule, march, place, lattice, begin, end, crossed)
    first = np.maximum(first, np.where(np.isinf(eye), first, np.ceil(lattice.number(eye) - rule.phase)))
    pixels = np.flatnonzero(last > first)
    origin, direction, along, speed = (array[pixels] for array in (origin, direction, along, speed))
    lattice, first, total = lattice.of(pixels), first[pixels], (last - first)[pixels]
    ends = np.full(len(pixels), 1e30) if limit is None else np.minimum(limit.reshape(-1)[pixels].astype(float), 1e30)
    ends = ends / along
    # A bin begins half a bin before its sample, a segment at the sample; and the last one needs the sample at its end.
    before = 0.0 if march.placement == "midpoints" and march.between == "sample" else rule.phase
    count = np.ceil(lattice.number(ends) - first - before) + (march.between == "segment")
    at = origin + direction * lattice.anchor[:, None]
    cut = (at, direction, lattice.bin, lattice.outer, lattice.inner, first, total, np.clip(count, 0.0, total))
    return pixels, (*cut, ends - lattice.anchor, lattice.anchor * along, along, speed)


def make_rays(cut: Cut, march: March, place: Place, camera: Camera, tensor: object) -> Rays:
    """The rays of `cut_rays`; tensor: makes a tensor of an array."""
    parallel = camera.ortho_height is not None
    even = march.limits != "box" or place.bent_box is None
    pixel = camera.ortho_pixel() if parallel else (camera.fx * camera.fy) ** -0.5
    return Rays(*map(tensor, cut), rule_of(march).phase, even, pixel / np.sqrt(np.pi), parallel)


@dataclass
class _Lattice:
    """How rays are cut into bins: see `Rays`; the anchor is counted from the origin of the ray."""

    anchor: np.ndarray
    bin: np.ndarray
    outer: np.ndarray
    inner: np.ndarray

    def number(self, way: np.ndarray) -> np.ndarray:
        """Ways from the origin (n,), counted in bins."""
        inside = np.clip(way - self.anchor, 0.0, self.inner * self.bin)
        return inside / self.bin + (way - self.anchor - inside) / self.outer

    def of(self, which: np.ndarray) -> _Lattice:
        """That of some rays."""
        return _Lattice(self.anchor[which], self.bin[which], self.outer[which], self.inner[which])


def _box_lattice(
    rule: Rule,
    place: Place,
    enter: np.ndarray,
    leave: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    speed: np.ndarray,
) -> _Lattice:
    """The bins of rays that the family marches from `enter` to `leave`, and whose matter lies from `begin` to `end`."""
    shortest = (place.box[1] - place.box[0]).min()
    crossed = leave > enter
    outer = np.maximum(leave - enter, shortest / speed) / rule.bins
    bins = np.where(crossed, (leave - enter) / rule.bins, outer)
    inner = np.where(crossed, float(rule.inner), 0.0)
    between = np.minimum(np.maximum((enter + leave) / 2, begin), end)
    return _Lattice(np.where(crossed, enter, between), bins, outer, inner)


def _fixed_lattice(rule: Rule, march: March, place: Place, camera: Camera, rays: Cut) -> _Lattice:
    """The bins between two distances."""
    origin, direction, along, speed = rays
    middle = place.box.mean(0)
    scale = speed * (along if march.axial else 1.0)
    span = march.far - march.near
    if camera.ortho_height is not None:
        near = ((middle - origin) * direction).sum(1) / speed**2 - span / 2 / scale
    else:
        eye = place.to_local[:3, :3] @ camera.eye + place.to_local[:3, 3]
        forward = place.to_local[:3, :3] @ -camera.camera_to_world[:3, 2]
        away = middle - eye
        distance = away @ forward / np.linalg.norm(forward) if march.axial else np.linalg.norm(away)
        near = np.full(len(speed), march.near)
        if march.limits == "around":
            near += distance
        elif not march.near <= distance <= march.far:
            step = span / rule.bins
            near += step * np.round((distance - march.near - span / 2) / step)
        near = near / scale
    bins = span / scale / rule.bins
    return _Lattice(near, bins, bins, np.full(len(speed), float(rule.inner)))


def _extent(
    rule: Rule, march: March, place: Place, lattice: _Lattice, begin: np.ndarray, end: np.ndarray, crossed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers (n,) of the first sample that a ray takes and of the first that it doesn't."""
    inside_first = np.ceil(lattice.number(begin) - rule.phase)
    inside_last = np.ceil(lattice.number(end) - rule.phase)
    none = np.zeros_like(begin)
    if place.bent_box is not None:
        return np.where(crossed, inside_first, none), np.where(crossed, inside_last, none)
    if march.limits == "box":
        return none, np.where(crossed, float(rule.samples), none)
    if place.empty_outside:
        # A sample more at either end: a segment ends there, and how long the step before it is.
        return np.where(crossed, inside_first - 1, none), np.where(crossed, inside_last + 1, none)
    every = np.full_like(begin, float(rule.samples))
    first = np.where(crossed, np.minimum(inside_first, 0.0), 0.0)
    return first, np.where(crossed, np.maximum(inside_last, every), every)


def _local_rays(to_local: np.ndarray, camera: Camera) -> Cut:
    """Origins and directions (n,3) of the pixels in the asset's frame, a direction's share of the viewing axis and its
    length (n,)."""
    origin, direction = (array.reshape(-1, 3) for array in camera.rays())
    along = direction @ -camera.camera_to_world[:3, 2]
    origin = origin @ to_local[:3, :3].T + to_local[:3, 3]
    direction = direction @ to_local[:3, :3].T
    speed = np.linalg.norm(direction, axis=1)
    return origin, np.where(np.abs(direction) < 1e-12, 1e-12, direction), along, speed


def _crossing(box: np.ndarray, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays (n,3) enter and leave a box, (n,) both, in lengths of their direction."""
    sides = (box[:, None] - origin) / direction
    return sides.min(0).max(1), sides.max(0).min(1)

"""A family's March as numbers for the live march: where bins lie on a ray, and what a sample in one counts.

A sample lies in the middle of a bin. Segments between samples at the edges of bins are such bins, since bricks are
linear between their corners; samples that count up to the next one are taken to lie in the middle of what they count
for. Where a family takes a second look the picture is the integral itself: many more bins, of which several are taken
together where the field is thin (`closer`). But a family that then leaves out what is faint draws something else than
the integral, which hangs on each sample: it is drawn sample by sample (`twice`, triplane_twice.glsl).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.fields.description import March

from ..camera import Camera

FINENESS = 4
"""Bins for each sample of a family that looks twice, and how many are taken together where the field is thin."""


@dataclass(frozen=True)
class Rule:
    """intervals: bins of a ray through the box, or of the way from near to far. phase: share of a bin by which the
    first begins in front of that. closer: bins that are taken together where the field is thin, 1: never. twice:
    whether bins are those of a first look, after which the family's second one is taken too."""

    march: March
    intervals: int
    phase: float
    closer: int
    twice: bool = False

    @property
    def beyond(self) -> bool:
        """Whether a family looks out of its box too."""
        return self.march.limits != "box" and self.march.outside == "field"

    @property
    def endless(self) -> bool:
        """Whether a last sample, where the ray leaves the box, counts for more than its way."""
        return self.march.limits == "box" and bool(self.march.last_step)


def rule_of(march: March) -> Rule:
    """The rule that draws what `march` describes."""
    on_ends = march.placement == "edges" and march.between == "sample"
    steps = march.samples if march.placement == "midpoints" else max(1, march.samples - 1)
    if march.fine > 1 and march.samples > 2 and march.alpha_floor > 0 and march.between == "sample":
        return Rule(march, steps, 0.5 if on_ends else 0.0, 1, twice=True)
    if march.fine:
        return Rule(march, (march.samples + march.fine) * FINENESS, 0.0, FINENESS)
    return Rule(march, steps, 0.5 if on_ends else 0.0, 1)


def rule_uniforms(
    rule: Rule, density: float, camera: Camera, to_local: np.ndarray, box: np.ndarray, middle: float
) -> dict[str, object]:
    """The uniforms of triplane_march.glsl that say how it steps. density: the factor that the user sets. to_local
    (4,4): world → the asset's frame. box: (2,3) in it. middle: depth of its middle along the viewing axis."""
    march = rule.march
    normalised = march.step == "normalised"
    stratified = march.placement == "stratified"
    per_bin = max(1, march.samples - (march.placement != "midpoints")) / rule.intervals
    most = 2 * march.samples + march.fine if rule.twice else rule.intervals
    return {
        "intervals": float(rule.intervals),
        "phase": rule.phase,
        "lattice": _lattice(rule, camera, to_local, box, middle),
        "normalisedStep": normalised,
        "densityScale": density * march.step_scale / (rule.intervals if normalised else 1),
        "lastStep": _last_step(march),
        "faintest": float(-np.log1p(-march.alpha_floor)) * per_bin,
        "lightest": march.weight_floor,
        "lastBehind": 0.5 / max(1, march.samples - 1) if stratified else 0.0,
        "stepScale": 1.0 / most,
        "firstSamples": float(march.samples),
        "again": float(march.fine),
    }


def _last_step(march: March) -> float:
    """The length that counts for the last sample, −1 where it is that of a bin."""
    if march.last_step is not None:
        return float(march.last_step)
    return -1.0 if march.placement == "midpoints" else 0.0


def _lattice(
    rule: Rule, camera: Camera, to_local: np.ndarray, box: np.ndarray, middle: float
) -> tuple[float, float, float]:
    """Begin and length of a bin, and what they are counted along, as the shader wants them; zeros where the box
    limits rays."""
    march = rule.march
    if march.limits == "box":
        return 0.0, 0.0, 0.0
    length = (march.far - march.near) / rule.intervals
    forward = float(np.linalg.norm(to_local[:3, :3] @ camera.camera_to_world[:3, 2]))
    if camera.ortho_height is not None:
        # Nothing is counted from an eye that stands nowhere.
        return middle * forward - rule.phase * length, length, forward
    begin = march.near
    if march.limits == "around":
        begin += middle * forward if march.axial else _distance(camera, to_local, box)
    return begin - rule.phase * length, length, forward if march.axial else 0.0


def _distance(camera: Camera, to_local: np.ndarray, box: np.ndarray) -> float:
    """How far the eye is from the middle of the box, in the asset's units."""
    eye = to_local[:3, :3] @ camera.eye + to_local[:3, 3]
    return float(np.linalg.norm(eye - box.mean(0)))

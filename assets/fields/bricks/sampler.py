"""What the bricks of a field hold at a point, and what of it shows.

Design. Bricks hold the raw value of what is shown (see `showing`) and the raw colour. Where colours come from another
head than the shown value they are asked only at the corners of cells in which something shows. A colour that depends on
the viewing direction is fitted by least squares with spherical harmonics (Ramamoorthi and Hanrahan 2001, "An Efficient
Representation for Irradiance Environment Maps", for why few are enough), of the lowest degree that is good enough on
samples of this field. What shows: of a density, all from which a ray could gain an opacity that can be seen; of labels,
all that are not hidden; of a surface, a band around it, in which its level can be moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInput
from ...splats.spherical_harmonics import basis, spread_directions
from ..decoder import Field, activate_output, bounded_threads, shift_raw
from ..description import FieldDescription
from ..showing import shown
from .label_voxels import voxels_of
from .lattice import Lattice, corners, maxima, minima
from .part import FieldPart

if TYPE_CHECKING:
    import torch

LOST_OPACITY = 0.005
"""Opacity that dropped bricks may take from a ray, at most: a step of an 8-bit picture."""

COEFFICIENTS = (1, 4, 9)
"""Numbers of spherical harmonics that a colour may have."""

FIT_ERROR = 0.004
"""Root mean square error of a colour, 0 … 1, up to which fewer coefficients are enough: one step of 8 bits."""

PROBES = 768
"""Points on which the degree of a colour is chosen."""

BAND = 0.02
"""How far from a surface bricks hold the field, as a share of the longest side of the box."""

NEAR = 0.03
"""Share of the points of a lattice, those nearest to the surface, from which the slope there is estimated."""

MOST_FADING = 0.05
"""Share of the box by which bricks reach behind it at most."""

FAR_OUT = 4.0
"""How far a contracted field is baked: half sides of the box around its middle that is not contracted."""


def thresholds(description: FieldDescription) -> tuple[float, float]:
    """The densities from which a field with a `description` can be seen at all, and from which it is a surface."""
    surface, march, space = description.surface, description.march, description.space
    longest = float(np.linalg.norm(np.subtract(space.high, space.low)))
    chord = march.step_scale * (1.0 if march.step == "normalised" else longest)
    level = surface.level if surface.field == "density" else -np.log1p(-0.5) / chord
    return -np.log1p(-LOST_OPACITY) / chord, level


def tail_density(description: FieldDescription) -> float | None:
    """The density from which the last sample of a ray is opaque where its step is all but endless, so that a veil which
    is far too faint otherwise shows around the sides of the box; None where the last step is as others are."""
    march, sides = description.march, np.subtract(description.space.high, description.space.low)
    if march.last_step is None or march.last_step < sides.max():
        return None
    return float(-np.log1p(-max(march.alpha_floor, LOST_OPACITY)) / (march.last_step * march.step_scale))


def fading(field: Field) -> float:
    """How far behind the box its field still changes where rays read it there, as a share of the box.

    Planes that are padded with zeros fade within half a texel, or a whole one where −1 and 1 are centres of texels, and
    are the same from there on. What lies farther reads the border of the bricks."""
    description = field.description
    march, space = description.march, description.space
    behind = march.limits != "box" or march.placement == "stratified"
    if not behind or march.outside != "field" or space.outside != "padding" or space.contraction is not None:
        return 0.0
    found = [0.0]
    for group in description.groups:
        for plane in group.planes:
            texels = min(size for size in field.texels((plane,)).shape[2:] if size > 1)
            if group.padding == "zeros":
                found.append(1 / max(texels - 1, 1) if group.align_corners else 0.5 / texels)
    return min(max(found), MOST_FADING)


class FieldSampler:
    """Asks `field`, which is at rest, for what a grid stores at a `time`. `settle` must have been called before colours
    are asked. Raises BadInput where nothing of the field could be drawn."""

    def __init__(self, field: Field, time: float = 0.0) -> None:
        description = field.description
        what = shown(description)
        if what is None:
            raise BadInput("has no density, no distance and no labels that could be drawn.")
        self.field, self.time, self.kind, self.output = field, time, what.kind, what.output
        self.surface = what.surface
        self.least, self.matter_from = thresholds(description) if self.kind == "density" else (0.5, 0.5)
        self.tail = tail_density(description) if self.kind == "density" else None
        self.voxels = None
        if self.kind == "labels":
            self.voxels = voxels_of(description, lambda plane: tuple(field.texels((plane,)).shape[2:]))
        self.box = self._baked_box(description)
        self.chunk = field.chunk
        self._mip = any(group.interpolation == "mip" for group in description.groups)
        self.radius = 0.0
        """Radius of the balls that samples stand for, in the asset's units."""
        self.band = 0.0
        self.narrowed = False
        """Whether the band is so narrow that a cell beside the surface may lie out of it."""
        self._shape = FieldPart(field, (self.output.name,))
        colored = description.output("rgb") is not None and self.kind != "labels"
        self.eager = colored and any(o.name == "rgb" for head in self._shape.description.heads for o in head.outputs)
        self.eager = self.eager and not self._shape.description.needs_viewdirs
        self._color = FieldPart(field, ("rgb",)) if colored and not self.eager else None
        self._key = np.array([not label.hidden for label in description.labels])
        self.coefficients = int(colored)

    @property
    def channels(self) -> int:
        """How many numbers a sample has."""
        return 1 + 3 * self.coefficients

    @property
    def nothing(self) -> float:
        """The value of the shown output in places that nobody asked for."""
        if self.kind != "surface":
            return 0.0
        away = 2 * self.band
        return self.surface.level + (away if self.surface.matter == "below" else -away)

    def ask(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a grid stores at `points` (N,3) f32 but for colours of their own, (N, 1 or 4) f16, and the activated
        value of what is shown, (N,) f32; of labels, whether they show, 1 or 0."""
        import torch

        with bounded_threads():
            where = torch.from_numpy(points).to(self.field.device)
            raw = self._shape.raw(where, self._forward(where), *self._moment(where))
            value = activate_output(self.output, raw[self.output.name], where)[:, 0]
            if self.kind == "labels":
                label = value.cpu().numpy()
                return label[:, None].astype(np.float16), self._shows_label(label)
            # The bias of the activation is added by whoever activates.
            bias = self.output.bias
            first = shift_raw(self.output, raw[self.output.name], where)[:, :1] - bias
            stored = torch.cat([first, raw["rgb"]], 1) if self.eager else first
            return _halves(stored), value.float().cpu().numpy()

    def ask_colors(self, points: np.ndarray) -> np.ndarray:
        """The raw colour at `points` (N,3) f32 as spherical harmonics: (N, 3 · coefficients) f16."""
        import torch

        with bounded_threads():
            where = torch.from_numpy(points).to(self.field.device)
            if not self._color.description.needs_viewdirs:
                return _halves(self._color.raw(where, None, *self._moment(where))["rgb"])
            if self.coefficients == 1:
                return _halves(self._color.raw(where, self._inward(where), *self._moment(where))["rgb"])
            directions, solve = _fit(self.coefficients)
            along = torch.from_numpy(directions).to(where)
            seen = self._color.raw_along(where, along, *self._moment(where))["rgb"]
            found = torch.einsum("kd,ndc->nkc", torch.from_numpy(solve).to(seen), seen)
            return _halves(found.flatten(1))

    @property
    def asks_colors(self) -> bool:
        """Whether colours are asked of their own, by `ask_colors`."""
        return self._color is not None

    @property
    def color_chunk(self) -> int:
        """How many colours to ask for at once."""
        return max(1, self.chunk // (1 if self.coefficients < 2 else 4))

    def shows(self, values: np.ndarray, step: int = 1) -> np.ndarray:
        """In which blocks of `step` cells something shows, from the `values` (z,y,x) at lattice points."""
        if self.kind != "surface":
            return maxima(values, step) >= self.least
        low, high = minima(values, step), maxima(values, step)
        return (low <= self.surface.level + self.band) & (high >= self.surface.level - self.band)

    def settle(self, values: np.ndarray, lattice: Lattice) -> None:
        """Learns from the `values` of a whole coarse lattice how wide the band around a surface is, and how many
        coefficients a colour needs."""
        if self.kind == "surface":
            self.band = self._band(values, lattice)
        if self._color is None or not self._color.description.needs_viewdirs:
            return
        places = np.argwhere(corners(self.shows(values)))
        if len(places):
            some = np.linspace(0, len(places) - 1, min(PROBES, len(places))).astype(int)
            self.coefficients = self._degree(lattice.points(places[some]))

    def narrow(self) -> None:
        """Halves the band around the surface, from here on."""
        self.band, self.narrowed = self.band / 2, True

    def matter(self, values: np.ndarray) -> np.ndarray:
        """At which lattice points there is what a view should be fitted to."""
        if self.kind != "surface":
            return values >= self.matter_from
        inside = values >= self.surface.level if self.surface.matter == "above" else values <= self.surface.level
        # An unsigned distance has no inside.
        return inside if inside.any() else np.abs(values - self.surface.level) <= self.band

    def _baked_box(self, description: FieldDescription) -> np.ndarray:
        """The box of the asset's frame that is baked, (2,3) f64. Contracted space has no end; its bricks do."""
        if self.voxels is not None:
            return self.voxels.box
        box = np.array([description.space.low, description.space.high], np.float64)
        if description.space.contraction is not None:
            return box.mean(0) + (box - box.mean(0)) * FAR_OUT
        behind = fading(self.field) if self.kind == "density" else 0.0
        return box + np.array([[-behind], [behind]]) * (box[1] - box[0])

    def _band(self, values: np.ndarray, lattice: Lattice) -> float:
        slope = np.linalg.norm(np.gradient(values, *lattice.cell[::-1]), axis=0)
        off = np.abs(values - self.surface.level)
        near = off <= np.quantile(off, NEAR)
        return float(max(np.median(slope[near]) * BAND * (self.box[1] - self.box[0]).max(), 1e-12))

    def _degree(self, points: np.ndarray) -> int:
        """The least number of coefficients with which the colours at `points` are as they should be."""
        import torch

        tests = spread_directions(27).astype(np.float32)
        output = self.field.description.output("rgb")
        with bounded_threads():
            where = torch.from_numpy(points).to(self.field.device)
            seen = self._color.raw_along(where, torch.from_numpy(tests), *self._moment(where))["rgb"]
            wanted = activate_output(output, seen, where[:, None]).cpu().numpy()
        for count in COEFFICIENTS[:-1]:
            functions = _functions(tests, count)
            smoothed = torch.from_numpy((functions @ np.linalg.pinv(functions)).astype(np.float32)).to(seen)
            with bounded_threads():
                found = activate_output(output, torch.einsum("ed,ndc->nec", smoothed, seen), where[:, None])
            if np.sqrt(np.mean((found.cpu().numpy() - wanted) ** 2)) <= FIT_ERROR:
                return count
        return COEFFICIENTS[-1]

    def _shows_label(self, label: np.ndarray) -> np.ndarray:
        index = label.astype(np.int64)
        known = (index >= 0) & (index < len(self._key))
        return np.where(known, self._key[np.where(known, index, 0)] if len(self._key) else True, True).astype(
            np.float32
        )

    def _moment(self, where: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Time and radius for as many points."""
        time = where.new_full((len(where),), self.time) if self.field.description.needs_time else None
        return time, where.new_full((len(where),), self.radius) if self._mip else None

    def _forward(self, where: torch.Tensor) -> torch.Tensor | None:
        """A direction for fields whose shape formally asks for one."""
        return self._inward(where) if self._shape.description.needs_viewdirs else None

    def _inward(self, where: torch.Tensor) -> torch.Tensor:
        """Directions towards the middle of the box: an eye that looks at it sees each point about so."""
        import torch

        return torch.nn.functional.normalize(where.new_tensor(self.box.mean(0)) - where)


def _functions(directions: np.ndarray, count: int) -> np.ndarray:
    """The functions (D,count) f64 of a colour's coefficients: 1, then the spherical harmonics from degree 1 on."""
    found = basis(directions.astype(np.float64), round(count**0.5) - 1)
    found[:, 0] = 1.0
    return found


def _fit(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The directions (D,3) f32 along which a colour is asked, and the matrix (count,D) f32 that fits it."""
    directions = spread_directions({4: 8, 9: 16}[count]).astype(np.float32)
    return directions, np.linalg.pinv(_functions(directions, count)).astype(np.float32)


def _halves(values: torch.Tensor) -> np.ndarray:
    import torch

    limit = torch.finfo(torch.float16).max
    return values.clamp(-limit, limit).half().cpu().numpy()

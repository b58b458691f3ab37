"""What the marches of a picture ask of a field: values at samples, by the decoder, or by a lattice where one will do.

Design. Most samples of a picture lie in haze: matter so thin that a ray through nothing else would be less than `FAINT`
opaque. There a coarse lattice of the decoded field, interpolated before its activation, stands in for the decoder. It
is an interpolation and no gap, so the faint veil that a field keeps in empty space stays in the picture. A lattice pays
only for a picture much larger than it, and a cell counts as haze only with all cells around it. Where a rule makes haze
count (a last step without end), or a sample stands for a ball, every sample is decoded.

A field that a drag has bent is asked where the warp says that a place was at rest; what has come from nowhere, or from
outside of the family's box, is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from assets.fields.decoder import Field, activate, activate_output, bounded_threads, shift_raw
from assets.fields.showing import Shown
from assets.progress import Job, Progress
from assets.triplane import Triplane

from ..camera import Camera
from ..framing import depth_extent
from .field_lattice import Lattice, lattice_cells
from .field_rays import Place, Rays, cut_rays, make_rays, rule_of

if TYPE_CHECKING:
    import torch

FAINT = 0.01
"""Opacity that a chord of the whole box through haze has at most."""

LONGEST_STEP = 1e3
"""Last step, in sides of the box, beyond which haze is not faint."""


class Samples(NamedTuple):
    """Values at samples: density before its activation (…), colour (…,3) or None, and where the field is not empty (…)
    bool, or None for everywhere."""

    density: torch.Tensor
    color: torch.Tensor | None
    there: torch.Tensor | None


class ExactSampler:
    """A triplane as the marches of one picture see it."""

    def __init__(self, triplane: Triplane, camera: Camera, shown: Shown, device: str | None) -> None:
        self.triplane, self.camera, self.shown = triplane, camera, shown
        self.field = Field(triplane, device, rest=True)
        self.warp = triplane.warp.volume if triplane.warp is not None else None
        description = triplane.description
        self.march, self.rgb = description.march, description.output("rgb")
        low, high = np.array(description.space.low, np.float64), np.array(description.space.high, np.float64)
        half = (high - low) / 2 * (1.0 - self.march.box_shrink)
        self.box = np.stack([(low + high) / 2 - half, (low + high) / 2 + half])
        self.to_local = np.linalg.inv(triplane.transform)
        bounded = description.space.contraction is None
        empty_outside = bounded and "empty" in (self.march.outside, description.space.outside)
        self.place = Place(self.box, None if self.warp is None else self.warp.box, self.to_local, empty_outside)
        self.haze: Lattice | None = None
        self.depth_range = depth_extent(triplane.bounds(), camera)
        self._mip = any(group.interpolation == "mip" for group in description.groups)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """`array` as f32 where the field is."""
        import torch

        return torch.tensor(array, dtype=torch.float32, device=self.field.device)

    def rays(self, camera: Camera, limit: np.ndarray | None) -> tuple[np.ndarray, Rays]:
        """The pixels (n,) of a part of the picture whose rays are marched, and those."""
        pixels, cut = cut_rays(self.place, self.march, camera, limit)
        return pixels, make_rays(cut, self.march, self.place, camera, self.tensor)

    def at(self, rays: Rays, which: torch.Tensor, way: torch.Tensor) -> Samples:
        """Values at the ways (m,k) along the rays `which` (m,): each (m,k…)."""
        points = rays.at(which, way)
        size = points.shape[:2]
        directions = radius = None
        if self.field.description.needs_viewdirs:
            directions = (rays.direction[which] / rays.speed[which, None])[:, None].expand_as(points).reshape(-1, 3)
        if self._mip:
            radius = rays.radius(which, way).reshape(-1)
        density, color, there = self.values(points.reshape(-1, 3), directions, radius)
        density = density.reshape(size)
        return Samples(
            density,
            None if color is None else color.reshape(*size, 3),
            None if there is None else there.reshape(size),
        )

    def values(
        self, points: torch.Tensor, directions: torch.Tensor | None = None, radius: torch.Tensor | None = None
    ) -> Samples:
        """Values at `points` (N,3), seen along unit `directions` (N,3) and standing for balls of `radius` (N,)."""
        import torch

        if self.warp is None:
            density, color = self._values_at_rest(points, directions, radius)
            return Samples(density, color, self._in_the_box(points) if self.place.empty_outside else None)
        rest, there = self.sources(points)
        which = torch.nonzero(there)[:, 0]
        density, color = points.new_zeros(len(points)), torch.zeros_like(points) if self.rgb else None
        if len(which):
            if directions is not None:
                directions = self.warp.turn_back(points[which], directions[which])
            radius = None if radius is None else radius[which]
            density[which], found = self._values_at_rest(rest[which], directions, radius)
            if self.rgb:
                color[which] = found
        return Samples(density, color, there)

    def density(self, before: torch.Tensor) -> torch.Tensor:
        """Density, with the user's factor, from what it is before its activation; any shape."""
        output = self.shown.output
        value = activate(output.activation, before) * output.scale + output.shift
        return value.clamp_min(0.0) * self.triplane.display.density

    def sources(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Where `points` (N,3) were at rest, and whether there is something of the field there, (N,) bool."""
        if self.warp is None:
            return points, self._in_the_box(points)
        rest, present = self.warp.sources(points)
        return rest, present & self._in_the_box(rest)

    def raw(
        self, points: torch.Tensor, directions: torch.Tensor | None = None, radius: torch.Tensor | None = None
    ) -> torch.Tensor:
        """What the decoder says at `points` (N,3) at rest: (N,4) density before its activation and raw colour, or (N,1)
        without a colour."""
        import torch

        moment = None
        if self.field.description.needs_time:
            moment = torch.full((len(points),), self.triplane.moment(), device=points.device)
        name = self.shown.output.name
        parts = []
        for here, *rest in _split(self.field.chunk, points, directions, moment, radius):
            found = self.field.raw(here, *rest)
            shifted = shift_raw(self.shown.output, found[name], here)
            parts.append(torch.cat([shifted, found["rgb"]], 1) if self.rgb else shifted)
        return torch.cat(parts)

    def normals(self, points: torch.Tensor) -> torch.Tensor:
        """Unit normals (N,3) in world space, out of the dense, by central differences over 1/256 of the box."""
        return self.slopes(points, lambda places: -self.raw(places, self.anywhere(places))[:, 0])

    def slopes(self, points: torch.Tensor, function: object, share: float = 1 / 256) -> torch.Tensor:
        """Unit directions (N,3) in world space in which a function of places at rest, (M,3) → (M,), rises, by central
        differences over a share of the box."""
        import torch

        reach = self.tensor((self.box[1] - self.box[0]) * share)
        steps = torch.diag(reach)
        rest = points if self.warp is None else self.warp.sources(points)[0]
        gradient = torch.stack([function(rest + step) - function(rest - step) for step in steps], 1) / (2 * reach)
        if self.warp is not None:
            gradient = torch.einsum("nij,ni->nj", self.warp.gradients(points), gradient)
        return torch.nn.functional.normalize(gradient @ self.tensor(self.to_local[:3, :3]), dim=1)

    def anywhere(self, points: torch.Tensor) -> torch.Tensor | None:
        """Directions (N,3) for questions that do not depend on them, None where no direction is needed."""
        if not self.field.description.needs_viewdirs:
            return None
        return points.new_tensor([0.0, 0.0, -1.0]).expand_as(points)

    def find_haze(self, rays: int) -> Job[None]:
        """Decodes the lattice, for a picture of so many rays, where it pays."""
        import torch

        rule, march, box = rule_of(self.march), self.march, self.tensor(self.box)
        longest = float(np.linalg.norm(self.box[1] - self.box[0]))
        cells = lattice_cells(self.triplane, rays * (rule.samples + rule.fine))
        if cells is None or self._mip or (march.last_step or 0.0) > LONGEST_STEP * longest:
            return

        def decode(points: torch.Tensor) -> torch.Tensor:
            raw = self.raw(points, self._seen_from_eye(points))
            return torch.cat([raw, self.density(raw[:, :1])], 1)

        lattice = yield from decoded(decode, box, cells)
        chord = march.step_scale * (1.0 if march.step == "normalised" else longest)
        with bounded_threads():
            faint = lattice[..., -1] <= -np.log1p(-FAINT) / chord
            beyond = march.limits != "box" or march.placement == "stratified"
            self.haze = Lattice(lattice[..., :-1], box, faint, beyond)

    def _seen_from_eye(self, points: torch.Tensor) -> torch.Tensor | None:
        """Unit directions (N,3) from the eye of the picture to `points`, None where no direction is needed."""
        import torch

        if not self.field.description.needs_viewdirs:
            return None
        if self.camera.ortho_height is not None:
            forward = self.to_local[:3, :3] @ -self.camera.camera_to_world[:3, 2]
            return self.tensor(forward / np.linalg.norm(forward)).expand_as(points)
        eye = self.to_local[:3, :3] @ self.camera.eye + self.to_local[:3, 3]
        return torch.nn.functional.normalize(points - self.tensor(eye), dim=1)

    def _in_the_box(self, points: torch.Tensor) -> torch.Tensor:
        low, high = self.tensor(self.box)
        return ((points >= low) & (points <= high)).all(1)

    def _values_at_rest(
        self, points: torch.Tensor, directions: torch.Tensor | None, radius: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.haze is None:
            raw = self.raw(points, directions, radius)
        else:
            faint = self.haze.holds(points)
            raw = points.new_empty(len(points), 4 if self.rgb else 1)
            raw[faint] = self.haze.interpolate(points[faint])
            if not faint.all():
                raw[~faint] = self.raw(points[~faint], None if directions is None else directions[~faint])
        return raw[:, 0], activate_output(self.rgb, raw[:, 1:], points) if self.rgb else None


def decoded(decode: object, box: torch.Tensor, cells: int) -> Job[torch.Tensor]:
    """The values (n,n,n,c), in z, y, x order, of a function of points at the corners of cells of a box (2,3)."""
    import torch

    axes = [torch.linspace(*box[:, axis].tolist(), cells + 1, device=box.device) for axis in range(3)]
    layers = []
    for z in axes[2]:
        with bounded_threads():
            y, x = torch.meshgrid(axes[1], axes[0], indexing="ij")
            points = torch.stack([x, y, z.expand_as(x)], -1).reshape(-1, 3)
            layers.append(decode(points).reshape(cells + 1, cells + 1, -1))
        yield Progress(len(layers), cells + 1, "Looking for empty space")
    return torch.stack(layers)


def _split(size: int, *arrays: torch.Tensor | None) -> Iterator[tuple[torch.Tensor | None, ...]]:
    """The arrays in pieces of `size` rows."""
    for start in range(0, max(1, len(arrays[0])), size):
        yield tuple(None if array is None else array[start : start + size] for array in arrays)

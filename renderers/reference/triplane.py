"""Triplanes drawn exactly: the real decoder in float32, by the family's own rule.

A picture is drawn a few rows at a time. What its rays meet is found by `field_march.py` (the haze of a density),
`field_surface.py` (the first point of a surface, or of labels) or here (a slice), and coloured as field_looks.py says.
Where samples lie is in `field_rays.py` and `fine_samples.py`, what they cost in `field_sampler.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assets.errors import BadInput
from assets.fields.decoder import bounded_threads
from assets.fields.showing import shown
from assets.progress import Job, Progress
from assets.triplane import Triplane

from ..camera import Camera
from ..renderer import Stage
from . import ExactRecord, field_looks
from .field_march import DensityBand
from .field_rays import rule_of
from .field_sampler import ExactSampler
from .field_slice import SliceBand
from .field_surface import Matter, SurfaceBand

if TYPE_CHECKING:
    import torch

Seen = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]
"""Premultiplied colour (n,3), alpha (n,), and the way (n,) to what is seen, infinite for nothing."""


def march(
    triplane: Triplane,
    camera: Camera,
    depth_limit: np.ndarray | None = None,
    device: str | None = None,
) -> Job[tuple[np.ndarray, np.ndarray]]:
    """A job that returns the picture and the depth of a triplane, shown as its `display` says.

    The picture is (H,W,4) f32, premultiplied, without a background. Depth (H,W) f32 is the distance along the viewing
    axis at which opacity reaches one half, infinite where it does not. depth_limit: (H,W), the distance at which a ray
    ends. device: a torch device; None takes CUDA where there is. Raises BadInput where the field cannot be decoded.
    """
    painter = _Painter(triplane, camera, device)
    yield from painter.prepare()
    picture = np.zeros((camera.height, camera.width, 4), np.float32)
    depth = np.full((camera.height, camera.width), np.inf, np.float32)
    rows = max(1, painter.rays_at_once // camera.width)
    for top in range(0, camera.height, rows):
        height = min(rows, camera.height - top)
        limit = None if depth_limit is None else depth_limit[top : top + height]
        band = painter.band(camera.cropped(0, top, camera.width, height), limit)
        for share in band.march():
            yield Progress(top + share * height, camera.height, f"Drawing {triplane.name} exactly")
        with bounded_threads():
            color, alpha, way = painter.seen(band)
            at = band.rays.depth(way)
        pixels = picture[top : top + height].reshape(-1, 4)
        pixels[band.pixels, :3], pixels[band.pixels, 3] = color.cpu().numpy(), alpha.cpu().numpy()
        depth[top : top + height].reshape(-1)[band.pixels] = at.cpu().numpy()
    return picture, depth


class _Painter:
    """What is drawn of a triplane, and how what its rays meet is coloured."""

    def __init__(self, triplane: Triplane, camera: Camera, device: str | None) -> None:
        what = shown(triplane.description)
        if what is None:
            raise BadInput(f"{triplane.name}: has neither a density nor a surface nor labels that could be drawn.")
        self.sampler = ExactSampler(triplane, camera, what, device)
        self.kind, self.mode, self.rays = what.kind, triplane.display.mode, camera.width * camera.height
        self.opaque = what.kind != "density" or self.mode in ("surface", "slice")
        self.matter = Matter(self.sampler, triplane.display.level) if self.opaque else None

    @property
    def rays_at_once(self) -> int:
        """How many rays are marched together."""
        rule, chunk = rule_of(self.sampler.march), self.sampler.field.chunk
        if self.opaque or not rule.fine:
            return chunk // 4
        # Of two passes all samples are kept.
        return max(chunk // 16, (chunk << 3) // (rule.samples + rule.fine))

    def prepare(self) -> Job[None]:
        """Looks from afar, where that pays."""
        if not self.opaque:
            yield from self.sampler.find_haze(self.rays)
        elif self.mode != "slice":
            yield from self.matter.look_from_afar(self.rays)

    def band(self, camera: Camera, limit: np.ndarray | None) -> DensityBand | SurfaceBand | SliceBand:
        """A few rows of the picture."""
        if self.mode == "slice":
            return SliceBand(self.sampler, camera, limit)
        if self.opaque:
            return SurfaceBand(self.sampler, self.matter, camera, limit)
        return DensityBand(self.sampler, camera, limit)

    def seen(self, band: DensityBand | SurfaceBand | SliceBand) -> Seen:
        """What a band that has been marched shows."""
        if self.mode == "steps":
            alpha = (band.steps > 0).float()
            return self._steps(band) * alpha[:, None], alpha, self._way(band)
        if self.opaque:
            return self._opaque(band)
        return self._haze(band)

    def _steps(self, band: DensityBand | SurfaceBand) -> torch.Tensor:
        if isinstance(band, DensityBand):
            return field_looks.steps_color(band.steps, band.rule.samples + band.rule.fine)
        return field_looks.steps_color(band.steps, self.matter.steps)

    @staticmethod
    def _way(band: DensityBand | SurfaceBand | SliceBand) -> torch.Tensor:
        return band.half if isinstance(band, DensityBand) else band.way

    def _haze(self, band: DensityBand) -> Seen:
        """The picture of a density."""
        import torch

        alpha, way, mode = 1.0 - band.through, band.half, self.mode
        if mode == "density":
            return field_looks.thickness_color(band.thickness) * alpha[:, None], alpha, way
        found = torch.isfinite(way)
        if mode == "depth":
            alpha = alpha * found
            grey = field_looks.depth_grey(band.rays.depth(way.where(found, 0.0)), *self.sampler.depth_range)
            return grey * alpha[:, None], alpha, way
        if mode == "colour" and self.sampler.rgb:
            return band.color, alpha, way
        normals = torch.zeros_like(band.color)
        which = torch.nonzero(found)[:, 0]
        if len(which):
            normals[which] = self.sampler.normals(band.rays.at(which, way[which, None])[:, 0])
        if mode == "normal":
            return field_looks.normal_color(normals) * alpha[:, None], alpha, way
        return field_looks.clay(self._facing(band, slice(None), normals)) * alpha[:, None], alpha, way

    def _opaque(self, band: SurfaceBand | SliceBand) -> Seen:
        """The picture of first points."""
        import torch

        way = band.way.clone()
        which = torch.nonzero(torch.isfinite(way))[:, 0]
        color = torch.zeros_like(band.rays.anchor)
        if len(which):
            points = band.rays.at(which, way[which, None])[:, 0]
            if self.mode == "slice":
                color[which], there = self._slice(band, which, points)
                way[which[~there]] = torch.inf
            else:
                color[which] = self._surface(band, which, points)
        alpha = torch.isfinite(way).float()
        return color * alpha[:, None], alpha, way

    def _surface(self, band: SurfaceBand, which: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """The colours (m,3) of surface points (m,3) on the rays `which` (m,)."""
        if self.mode == "depth":
            return field_looks.depth_grey(
                band.rays.depth(band.way.nan_to_num(0.0, 0.0))[which], *self.sampler.depth_range
            )
        matter, labels = self.matter, self.kind == "labels"
        colored = labels or self.sampler.rgb is not None
        is_lit = labels or self.mode == "surface"
        normals = None
        if self.mode == "normal" or is_lit or not colored:
            normals = matter.normals(self._outside(band, which, points) if labels else points)
        if self.mode == "normal":
            return field_looks.normal_color(normals)
        if not colored:
            return field_looks.clay(self._facing(band, which, normals))
        values = matter.values(points, band.rays.direction[which] / band.rays.speed[which, None])
        color = matter.key_colors(values["label"][:, 0]) if labels else values["rgb"]
        return field_looks.lit(color, self._facing(band, which, normals)) if is_lit else color

    def _outside(self, band: SurfaceBand, which: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Surface points of labels, moved out of them: on a face both sides along it are alike then."""
        return points - band.rays.direction[which] * (0.05 * band.step[which, None])

    def _slice(self, band: SliceBand, which: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The colours (m,3) of points (m,3) of a slice, and where there is no hole."""
        import torch

        matter = self.matter
        values = matter.values(points, band.rays.direction[which] / band.rays.speed[which, None])
        if self.kind == "labels":
            labels = values["label"][:, 0]
            return matter.key_colors(labels), ~matter.hides(labels)
        value = values[matter.quantity][:, 0]
        normalised = self.sampler.march.step == "normalised"
        side = 1.0 if normalised else float(np.ptp(self.sampler.triplane.local_bounds(), axis=0).max())
        factor = self.sampler.triplane.display.density if self.kind == "density" else 1.0
        position = field_looks.slice_position(matter.quantity, value * factor, matter.level, side)
        color = field_looks.slice_color(position)
        if self.sampler.rgb:
            inside = value > matter.level if matter.above else value < matter.level
            color = values["rgb"].where(inside[:, None], color)
        return color, torch.ones_like(value, dtype=torch.bool)

    def _facing(
        self, band: DensityBand | SurfaceBand, which: torch.Tensor | slice, normals: torch.Tensor
    ) -> torch.Tensor:
        """|n · e| (m,) of unit normals (m,3) on the rays `which` (m,)."""
        import torch

        to_world = self.sampler.tensor(self.sampler.triplane.transform[:3, :3])
        towards = torch.nn.functional.normalize(-band.rays.direction[which] @ to_world.T, dim=1)
        return (normals * towards).sum(1).abs()


EXACT = ExactRecord(Triplane, Stage.FIELD, march)

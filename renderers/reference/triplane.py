"""Triplanes drawn exactly: every ray marched with the real decoder in float32, by the family's own step rule.

Design. Rays are cut by the box, and samples are taken a few at a time, front to back, for the rays that still let
light through. Most samples of a picture lie in haze: matter so thin that a ray through nothing else would be less than
`FAINT` opaque. There a coarse lattice of the decoded field, interpolated before its activation, stands in for the
decoder. It is an interpolation and no gap, so the faint veil that a field keeps in empty space stays in the picture.
A lattice pays only for a picture much larger than it, and a cell counts as haze only with all cells around it.

A field that a drag has bent is marched where its matter is now: samples keep the distance and phase that the family's
box gives them, in front of it and behind it too, and each is decoded where the warp says that it was at rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from assets.errors import BadInput
from assets.fields.decoder import Field, activate_output, bounded_threads
from assets.progress import Job, Progress
from assets.triplane import Triplane

from ..camera import Camera
from ..colormap import viridis
from ..framing import depth_extent
from ..renderer import Stage
from . import ExactRecord
from .field_rays import Rays, cut_rays

if TYPE_CHECKING:
    import torch

BLOCK = 8
"""Samples of a ray that are decoded at once; those behind the one that ends the ray are wasted."""

ENOUGH = 1e-4
"""Transmittance at which a ray ends."""

FAINT = 0.01
"""Opacity that a chord of the whole box through haze has at most."""

LATTICE = (64, 128)
"""Least and largest number of cells of the lattice along each axis; between them it is as fine as the planes."""

LATTICE_SHARE = 0.25
"""Largest share of a picture's samples that a lattice may cost."""


def march(
    triplane: Triplane,
    camera: Camera,
    depth_limit: np.ndarray | None = None,
    time: float = 0.0,
    device: str | None = None,
) -> Job[tuple[np.ndarray, np.ndarray]]:
    """A job that returns the picture and the depth of a triplane, shown as its `display` says.

    The picture is (H,W,4) f32, premultiplied, without a background. Depth (H,W) f32 is the distance along the viewing
    axis at which opacity reaches one half, infinite where it does not. depth_limit: (H,W), the distance at which a ray
    ends. device: a torch device; None takes CUDA where there is. Raises BadInput where the field cannot be decoded.
    """
    if triplane.description.output("density") is None:
        raise BadInput(f"{triplane.name}: has no density that could be drawn.")
    sampler = _Sampler(triplane, camera, time, device)
    yield from sampler.find_haze(camera.width * camera.height)
    picture = np.zeros((camera.height, camera.width, 4), np.float32)
    depth = np.full((camera.height, camera.width), np.inf, np.float32)
    rows = max(1, sampler.field.chunk // 4 // camera.width)
    for top in range(0, camera.height, rows):
        height = min(rows, camera.height - top)
        limit = None if depth_limit is None else depth_limit[top : top + height]
        band = _Band(sampler, camera.cropped(0, top, camera.width, height), limit)
        for share in band.march():
            yield Progress(top + share * height, camera.height, f"Drawing {triplane.name} exactly")
        band.write(picture[top : top + height].reshape(-1, 4), depth[top : top + height].reshape(-1))
    return picture, depth


class _Sampler:
    """Asks the field for activated values, or the lattice where that is enough."""

    def __init__(self, triplane: Triplane, camera: Camera, time: float, device: str | None) -> None:
        self.triplane, self.time = triplane, time
        self.field = Field(triplane, device, rest=True)
        self.warp = triplane.warp.volume if triplane.warp is not None else None
        description = triplane.description
        self.march, self.density, self.rgb = description.march, description.output("density"), description.output("rgb")
        low, high = np.array(description.space.low, np.float64), np.array(description.space.high, np.float64)
        half = (high - low) / 2 * (1.0 - self.march.box_shrink)
        self.box = np.stack([(low + high) / 2 - half, (low + high) / 2 + half])
        self.to_local = np.linalg.inv(triplane.transform)
        self.haze: _Haze | None = None
        self.depth_range = depth_extent(triplane.bounds(), camera)
        forward = self.to_local[:3, :3] @ -camera.camera_to_world[:3, 2]
        eye = self.to_local[:3, :3] @ camera.eye + self.to_local[:3, 3]
        self._forward = self.tensor(forward)
        self._eye = self.tensor(eye) if camera.ortho_height is None else None

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """`array` as f32 where the field is."""
        import torch

        return torch.tensor(array, dtype=torch.float32, device=self.field.device)

    def raw(self, points: torch.Tensor, moved: torch.Tensor | None = None) -> torch.Tensor:
        """What the decoder says at `points` (N,3) at rest: (N,4) raw density and colour, or (N,1) without a colour.
        moved: where they are now, and are seen from; None: where they were."""
        import torch

        directions = moment = None
        if self.field.description.needs_viewdirs:
            places = points if moved is None else moved
            directions = self._forward.expand_as(places) if self._eye is None else places - self._eye
            directions = torch.nn.functional.normalize(directions, dim=1)
            if moved is not None:
                directions = self.warp.turn_back(moved, directions)
        if self.field.description.needs_time:
            moment = torch.full((len(points),), self.time, device=points.device)
        parts = [self.field.raw(p, *rest) for p, *rest in _split(self.field.chunk, points, directions, moment)]
        wanted = ("density", "rgb") if self.rgb else ("density",)
        return torch.cat([torch.cat([part[name] for part in parts]) for name in wanted], 1)

    def values(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Density (N,) with the user's factor, and colour (N,3), at `points` (N,3)."""
        import torch

        if self.warp is None:
            return self._values_at_rest(points, None)
        rest, there = self.sources(points)
        there = torch.nonzero(there)[:, 0]
        density, color = points.new_zeros(len(points)), torch.zeros_like(points) if self.rgb else None
        if len(there):
            density[there], found = self._values_at_rest(rest[there], points[there])
            if self.rgb:
                color[there] = found
        return density, color

    def sources(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Where moved `points` (N,3) were at rest, and whether that is in the family's box, (N,) bool."""
        rest, present = self.warp.sources(points)
        low, high = self.tensor(self.box)
        return rest, present & (rest >= low).all(1) & (rest <= high).all(1)

    def _values_at_rest(
        self, points: torch.Tensor, moved: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.haze is None:
            raw = self.raw(points, moved)
        else:
            faint = self.haze.holds(points)
            raw = points.new_empty(len(points), 4 if self.rgb else 1)
            raw[faint] = self.haze.interpolate(points[faint])
            if not faint.all():
                raw[~faint] = self.raw(points[~faint], None if moved is None else moved[~faint])
        density = activate_output(self.density, raw[:, :1], points)[:, 0].clamp_min(0.0)
        color = activate_output(self.rgb, raw[:, 1:], points) if self.rgb else None
        return density * self.triplane.display.density, color

    def normals(self, points: torch.Tensor) -> torch.Tensor:
        """Unit normals (N,3) in world space, out of the dense, by central differences over 1/256 of the box."""
        import torch

        reach = self.tensor((self.box[1] - self.box[0]) / 256)
        steps = torch.diag(reach)
        rest = points if self.warp is None else self.warp.sources(points)[0]
        slopes = [self.raw(rest + step)[:, 0] - self.raw(rest - step)[:, 0] for step in steps]
        gradient = torch.stack(slopes, 1) / (2 * reach)
        if self.warp is not None:
            gradient = torch.einsum("nij,ni->nj", self.warp.gradients(points), gradient)
        return torch.nn.functional.normalize(-gradient @ self.tensor(self.to_local[:3, :3]), dim=1)

    def find_haze(self, rays: int) -> Job[None]:
        """Decodes the lattice, where the picture is large enough for it to pay."""
        import torch

        planes = self.field.description.plane_tensors()
        finest = max(max(self.triplane.tensors[name].shape[-2:]) for name in planes)
        cells = int(np.clip(finest, *LATTICE))
        if (cells + 1) ** 3 > LATTICE_SHARE * rays * self.march.samples:
            return
        axes = [torch.linspace(*self.box[:, axis].tolist(), cells + 1, device=self.field.device) for axis in range(3)]
        layers = []
        for z in axes[2]:
            with bounded_threads():
                y, x = torch.meshgrid(axes[1], axes[0], indexing="ij")
                points = torch.stack([x, y, z.expand_as(x)], -1).reshape(-1, 3)
                raw = self.raw(points)
                density = activate_output(self.density, raw[:, :1], points)
                layers.append(torch.cat([raw, density], 1).reshape(cells + 1, cells + 1, -1))
            yield Progress(len(layers), cells + 1, "Looking for empty space")
        chord = 1.0 if self.march.step == "normalised" else float(np.linalg.norm(self.box[1] - self.box[0]))
        limit = -np.log1p(-FAINT) / (chord * max(self.triplane.display.density, 1e-6))
        with bounded_threads():
            self.haze = _Haze(torch.stack(layers), self.tensor(self.box), limit)


class _Haze:
    """A lattice over the box, (n,n,n,c + 1) in z, y, x order: raw values, and the density that decides."""

    def __init__(self, lattice: torch.Tensor, box: torch.Tensor, limit: float) -> None:
        import torch

        volume = lattice.permute(3, 0, 1, 2)[None]
        self._raw = volume[:, :-1].contiguous()
        # The largest value at the corners of a cell, then of the cells around it too.
        densest = torch.nn.functional.max_pool3d(volume[:, -1:], 2, stride=1)
        densest = torch.nn.functional.max_pool3d(densest, 3, stride=1, padding=1)
        self._faint = (densest[0, 0] <= limit).reshape(-1)
        self._cells = lattice.shape[0] - 1
        self._low, self._size = box[0], box[1] - box[0]

    def holds(self, points: torch.Tensor) -> torch.Tensor:
        """Which of `points` (N,3) lie in haze, (N,) bool."""
        cell = ((points - self._low) * (self._cells / self._size)).long().clamp_(0, self._cells - 1)
        return self._faint[(cell[:, 2] * self._cells + cell[:, 1]) * self._cells + cell[:, 0]]

    def interpolate(self, points: torch.Tensor) -> torch.Tensor:
        """Raw values at `points` (N,3): (N,c)."""
        import torch

        grid = ((points - self._low) * (2 / self._size) - 1)[None, None, None]
        found = torch.nn.functional.grid_sample(self._raw, grid, align_corners=True, padding_mode="border")
        return found[0, :, 0, 0].T


class _Band:
    """Some rows of a picture."""

    def __init__(self, sampler: _Sampler, camera: Camera, limit: np.ndarray | None) -> None:
        import torch

        self.sampler = sampler
        self.pixels, arrays = cut_rays(sampler, camera, limit)
        self.rays = Rays(*map(sampler.tensor, arrays))
        self.through = torch.ones_like(self.rays.count)
        self.color = torch.zeros_like(self.rays.anchor)
        self.thickness = torch.zeros_like(self.rays.count)
        self.half = torch.full_like(self.rays.count, -1.0)
        """Bins up to where opacity reaches one half, −1 where it does not."""

    def march(self) -> Iterator[float]:
        """Composites block after block of samples, and yields the share of them that is done."""
        import torch

        samples = int(np.ceil(self.rays.count.max().item())) if len(self.pixels) else 0
        # A map of the density shows all of it, so nothing hides what is behind.
        enough = -1.0 if self.sampler.triplane.display.mode == "density" else ENOUGH
        going = torch.arange(len(self.pixels), device=self.through.device)
        for begin in range(0, samples, BLOCK):
            going = going[(self.through[going] > enough) & (self.rays.count[going] > begin)]
            if not len(going):
                break
            with bounded_threads():
                self._composite(going, torch.arange(begin, min(begin + BLOCK, samples), device=going.device))
            yield (begin + BLOCK) / samples

    def _composite(self, going: torch.Tensor, index: torch.Tensor) -> None:
        """Takes the samples `index` (k,) of the rays `going` (m,)."""
        import torch

        points = self.rays.points(going, index[None])
        density, color = self.sampler.values(points.reshape(-1, 3))
        # The bin in which an opaque surface lies counts by its share in front of it.
        share = (self.rays.count[going, None] - index).clamp(0.0, 1.0)
        thickness = density.reshape(points.shape[:2]) * self._steps(going, index) * share
        through = self.through[going, None]
        after = through * torch.cumprod(torch.exp(-thickness), 1)
        before = torch.cat([through, after[:, :-1]], 1)
        if color is not None:
            self.color[going] += ((before - after)[..., None] * color.reshape(*points.shape[:2], 3)).sum(1)
        # Inside a bin the density is constant, so where half is reached follows in closed form.
        crossing = (before > 0.5) & (after <= 0.5)
        place = index + torch.log(2 * before) / thickness * share
        self.half[going] = torch.where(crossing, place, self.half[going, None]).amax(1)
        self.thickness[going] += thickness.sum(1)
        self.through[going] = after[:, -1]

    def _steps(self, going: torch.Tensor, index: torch.Tensor) -> torch.Tensor | float:
        """The lengths of bins as the family's rule takes them."""
        march = self.sampler.march
        return 1 / march.samples if march.step == "normalised" else self.rays.lengths(going, index[None])

    def write(self, picture: np.ndarray, depth: np.ndarray) -> None:
        """Puts what is seen into the rows `picture` (n,4) and `depth` (n,) of the band."""
        with bounded_threads():
            alpha = 1.0 - self.through
            found = self.half >= 0
            at = self.rays.depth(self.half.clamp_min(0.0))
            color, alpha = self._shade(alpha, found, at)
            picture[self.pixels, :3], picture[self.pixels, 3] = color.cpu().numpy(), alpha.cpu().numpy()
            depth[self.pixels] = at.where(found, float("inf")).cpu().numpy()

    def _shade(self, alpha: torch.Tensor, found: torch.Tensor, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Premultiplied colour (n,3) and alpha (n,) in the display's mode; `at` is the depth where `found` (n,)."""
        import torch

        mode = self.sampler.triplane.display.mode
        if mode == "density":
            # Opacity saturates long before density does; the logarithm shows 0 … 1000 optical depths.
            return viridis(torch.log2(1 + self.thickness) / 10) * alpha[:, None], alpha
        if mode == "depth":
            near, far = self.sampler.depth_range
            grey = 0.95 - 0.87 * ((at - near) / max(far - near, 1e-30)).clamp(0, 1)
            alpha = alpha * found
            return (grey * alpha)[:, None].expand(-1, 3), alpha
        if mode == "colour" and self.sampler.rgb:
            return self.color, alpha
        normals = torch.zeros_like(self.color)
        if found.any():
            which = torch.nonzero(found)[:, 0]
            points = self.rays.points(which, (self.half[which] - 0.5)[:, None])[:, 0]
            normals[which] = self.sampler.normals(points)
        if mode == "normal":
            return (normals * 0.5 + 0.5) * alpha[:, None], alpha
        to_world = self.sampler.tensor(self.sampler.triplane.transform[:3, :3])
        towards = torch.nn.functional.normalize(-self.rays.direction @ to_world.T, dim=1)
        grey = 0.2 + 0.7 * (normals * towards).sum(1, keepdim=True).abs()
        return (grey * alpha[:, None]).expand(-1, 3), alpha


def _split(size: int, *arrays: torch.Tensor | None) -> Iterator[tuple[torch.Tensor | None, ...]]:
    """The arrays in pieces of `size` rows."""
    for start in range(0, max(1, len(arrays[0])), size):
        yield tuple(None if array is None else array[start : start + size] for array in arrays)


EXACT = ExactRecord(Triplane, Stage.FIELD, march)

"""Splats drawn exactly: every pixel composites every splat that reaches it, in the order of their depth.

The picture is cut into tiles. A tile takes the splats whose boxes touch it, nearest first, a batch at a time, and stops
when all of its pixels are covered; so memory is bounded by a batch of one tile, however large the asset is. Alpha is at
most 0.99, below 1/255 it is skipped, and a pixel is finished when its transmittance would fall to 1e-4: the rules of
the trainers' own renderer (Kerbl et al. 2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from assets.fields.decoder import best_device, bounded_threads
from assets.gaussians import FAINTEST_OPACITY, Gaussians
from assets.progress import Job, Progress
from assets.splats import spherical_harmonics
from assets.splats.sorting import ascending

from ..camera import Camera
from ..framing import depth_extent
from ..renderer import Stage
from ..splat_projection import (
    DOT_PX,
    LARGEST_ALPHA,
    SMALLEST_TRANSMITTANCE,
    FlatSplats,
    diagonal_of,
    project,
    view_directions,
)
from . import ExactRecord, Layer

if TYPE_CHECKING:
    import torch

_TILE = 16
_BATCH = 1024
_ROWS = 16384


def render(
    gaussians: Gaussians,
    camera: Camera,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    depth_limit: np.ndarray | None = None,
) -> Job[Layer]:
    """A job that returns the picture and the depth of splats, in the way that `notes.antialiasing` says.

    The picture is (H,W,4) f32, premultiplied and display-referred; what the splats let through shows `background`,
    which leaves alpha as it is. Depth (H,W) f32 is the mean along the viewing axis, weighted as the colours are, and
    infinite where nothing is. Splats whose centres lie behind `depth_limit` (H,W) at a pixel do not show there.
    """
    flat = yield from _project_all(gaussians, camera)
    dots = gaussians.display.mode == "centres"
    if dots:
        flat.covariances[:], flat.opacities[:] = (DOT_PX**2 / 4, 0.0, DOT_PX**2 / 4), 1.0
    values = yield from _values(gaussians, flat, camera)
    image = np.zeros((camera.height, camera.width, 5), np.float32)
    for top, left, rows in _tiles(flat, camera):
        box = np.s_[top : top + _TILE, left : left + _TILE]
        tile = _Tile((left, top), image[box].shape[:2], None if depth_limit is None else depth_limit[box], dots)
        with bounded_threads():
            image[box] = tile.composite(values, rows)
        yield Progress(top * camera.width + left * _TILE, camera.height * camera.width, "Drawing exactly")
    return _finish(image, background)


def _tiles(flat: FlatSplats, camera: Camera) -> Iterator[tuple[int, int, np.ndarray]]:
    """Top and left of each tile, and which splats touch it, in their order."""
    reach = flat.reach()
    lows, highs = flat.centers - reach, flat.centers + reach
    for top in range(0, camera.height, _TILE):
        band = np.flatnonzero((lows[:, 1] < top + _TILE) & (highs[:, 1] > top))
        low, high = lows[band, 0], highs[band, 0]
        for left in range(0, camera.width, _TILE):
            yield top, left, band[(low < left + _TILE) & (high > left)]


def _finish(image: np.ndarray, background: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Colour and depth of sums (H,W,5): r, g, b, weighted depth, transmittance."""
    alpha = 1 - image[..., 4]
    rgba = np.empty((*alpha.shape, 4), np.float32)
    rgba[..., :3] = image[..., :3] + image[..., 4:] * np.asarray(background, np.float32)
    rgba[..., 3] = alpha
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(alpha > 0, image[..., 3] / alpha, np.inf)
    return rgba, depth.astype(np.float32)


def _project_all(gaussians: Gaussians, camera: Camera) -> Job[FlatSplats]:
    """Everything that shows, nearest first."""
    diagonal, parts = diagonal_of(gaussians), []
    for start in range(0, len(gaussians), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(gaussians)))
        parts.append(project(gaussians, rows, camera, diagonal))
        yield Progress(start, len(gaussians), "Projecting splats")
    if not parts:
        parts.append(project(gaussians, np.arange(0), camera, diagonal))
    names = ("rows", "centers", "covariances", "depths", "opacities")
    flat = FlatSplats(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    order = ascending(flat.depths.astype(np.float32))
    return FlatSplats(*(getattr(flat, name)[order] for name in names))


def _values(gaussians: Gaussians, flat: FlatSplats, camera: Camera) -> Job[np.ndarray]:
    """What a tile needs of each splat, (n,10) f32: centre, conic (3), opacity, colour (3), depth."""
    out = np.empty((len(flat.rows), 10), np.float32)
    xx, xy, yy = flat.covariances.T
    area = xx * yy - xy * xy
    out[:, :2] = flat.centers
    out[:, 2], out[:, 3], out[:, 4], out[:, 5] = yy / area, -xy / area, xx / area, flat.opacities
    out[:, 9] = flat.depths
    if gaussians.display.mode == "depth":
        near, far = depth_extent(gaussians.bounds(), camera) if len(gaussians) else (0.0, 1.0)
        out[:, 6:9] = 0.95 - 0.87 * np.clip((flat.depths[:, None] - near) / max(far - near, 1e-30), 0, 1)
        return out
    for start in range(0, len(out), _ROWS):
        part = slice(start, start + _ROWS)
        rows = flat.rows[part]
        directions = view_directions(gaussians, rows, camera)
        out[part, 6:9] = spherical_harmonics.colors(gaussians.sh[rows], directions, gaussians.display.sh_degree)
        yield Progress(start, len(out), "Colouring splats")
    return out


class _Tile:
    """A rectangle of pixels that is composited on its own."""

    def __init__(self, corner: tuple[int, int], shape: tuple[int, int], limit: np.ndarray | None, dots: bool) -> None:
        import torch

        self.device = best_device()
        self.shape, self.dots = shape, dots
        axes = (torch.arange(shape[1 - axis]) + (corner[axis] + 0.5) for axis in (1, 0))
        y, x = torch.meshgrid(*axes, indexing="ij")
        self.x, self.y = x.reshape(-1, 1).to(self.device), y.reshape(-1, 1).to(self.device)
        self.limit = None
        if limit is not None:
            self.limit = torch.as_tensor(np.array(limit, np.float32), device=self.device).reshape(-1, 1)

    def composite(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Sums over `rows` of `values`, nearest first: (h,w,5) f32 of colour, weighted depth, transmittance."""
        import torch

        through = torch.ones(len(self.x), 1, device=self.device)
        total = torch.zeros(len(self.x), 4, device=self.device)
        going = torch.ones(len(self.x), 1, dtype=torch.bool, device=self.device)
        for start in range(0, len(rows), _BATCH):
            splats = torch.from_numpy(values[rows[start : start + _BATCH]]).to(self.device)
            alpha = self._alphas(splats)
            after = through * torch.cumprod(1 - alpha, 1)
            before = torch.cat([through, after[:, :-1]], 1)
            # Transmittance only falls, so the pixel is finished for good where it first would fall too low.
            lit = (after > SMALLEST_TRANSMITTANCE) & going
            total += (alpha * before * lit) @ splats[:, 6:10]
            through = torch.where(lit, after, 2.0).amin(1, keepdim=True).minimum(through)
            going &= after[:, -1:] > SMALLEST_TRANSMITTANCE
            if not going.any():
                break
        return torch.cat([total, through], 1).reshape(*self.shape, 5).cpu().numpy()

    def _alphas(self, splats: torch.Tensor) -> torch.Tensor:
        """Opacity (pixels, splats) of `splats` (n,10)."""
        import torch

        dx, dy = self.x - splats[:, 0], self.y - splats[:, 1]
        power = 0.5 * (splats[:, 2] * dx * dx + splats[:, 4] * dy * dy) + splats[:, 3] * dx * dy
        if self.dots:
            alpha = torch.where(power <= 0.5, splats[:, 5], 0.0)
        else:
            alpha = (splats[:, 5] * torch.exp(-power)).clamp(max=LARGEST_ALPHA)
            alpha = torch.where(alpha >= FAINTEST_OPACITY, alpha, 0.0)
        if self.limit is not None:
            alpha = torch.where(splats[:, 9] <= self.limit, alpha, 0.0)
        return alpha


def _draw(gaussians: Gaussians, camera: Camera, limit: np.ndarray) -> Job[Layer]:
    return (yield from render(gaussians, camera, depth_limit=limit))


EXACT = ExactRecord(Gaussians, Stage.SPLAT, _draw)

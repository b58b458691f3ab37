"""Splats drawn exactly: every pixel composites every splat that reaches it, in the order of their depth.

The picture is cut into tiles. A tile takes the splats whose boxes touch it, nearest first, a batch at a time, and stops
when all of its pixels are covered; so memory is bounded by a batch of one tile, however large the asset is. Alpha is at
most 0.99, below 1/255 it is skipped, and a pixel is finished when its transmittance would fall to 1e-4: the rules of
the trainers' own renderer (Kerbl et al. 2023). Surfels are met by rays, as splats/surfels.py says. What was trained in
linear light is summed up in it and then encoded, as splats/linear_layer.py says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from assets.errors import BadInput
from assets.fields.decoder import best_device, bounded_threads
from assets.gaussians import FAINTEST_OPACITY, Gaussians
from assets.meshes.color_space import linear_from_srgb, srgb_from_linear
from assets.progress import Job, Progress
from assets.splats import spherical_harmonics
from assets.splats.sorting import ascending

from ..camera import Camera
from ..framing import depth_extent
from ..renderer import Stage
from ..splats.projection import (
    DOT_PX,
    LARGEST_ALPHA,
    NEAR,
    SMALLEST_TRANSMITTANCE,
    FlatSplats,
    diagonal_of,
    normals,
    view_directions,
)
from ..splats.shapes import RING_ALPHA, RING_FAINTEST, RING_INSIDE, RING_SHARE, lighted, shows_linear_light
from ..splats.surfels import LOW_PASS_PX2, FlatSurfels, project_as_drawn
from . import ExactRecord, Layer

if TYPE_CHECKING:
    import torch

_TILE = 16
_BATCH = 1024
_ROWS = 16384
_INEXACT = ("ellipsoids", "overdraw")


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
    Raises BadInput in modes that show no picture of the trainer's kind: ellipsoids and overdraw.
    """
    if gaussians.display.mode in _INEXACT:
        raise BadInput(f"Splats have no exact picture in mode {gaussians.display.mode}; choose another mode.")
    flat = yield from _project_all(gaussians, camera)
    if gaussians.display.mode == "centres":
        dot = np.tile((DOT_PX**2 / 4, 0.0, DOT_PX**2 / 4), (len(flat.rows), 1))
        flat = FlatSplats(flat.rows, flat.centers, dot, flat.depths, np.ones(len(flat.rows)))
    values = yield from _values(gaussians, flat, camera)
    look = _Look(isinstance(flat, FlatSurfels), gaussians.display.mode, gaussians.display.extent)
    if look.mode == "depth":
        look.depth_range = depth_extent(gaussians.bounds(), camera) if len(gaussians) else (0.0, 1.0)
    image = np.zeros((camera.height, camera.width, 5), np.float32)
    for top, left, rows in _tiles(flat, camera):
        box = np.s_[top : top + _TILE, left : left + _TILE]
        tile = _Tile((left, top), image[box].shape[:2], None if depth_limit is None else depth_limit[box], look)
        with bounded_threads():
            image[box] = tile.composite(values, rows)
        yield Progress(top * camera.width + left * _TILE, camera.height * camera.width, "Drawing exactly")
    if shows_linear_light(gaussians):
        image[..., :3] = _encoded(image)
    return _finish(image, background)


@dataclass
class _Look:
    """How pixels are painted. depth_range: what is shown bright and dark in mode depth."""

    surfels: bool
    mode: str
    extent: float
    depth_range: tuple[float, float] = (0.0, 1.0)


def _tiles(flat: FlatSplats | FlatSurfels, camera: Camera) -> Iterator[tuple[int, int, np.ndarray]]:
    """Top and left of each tile, and which splats touch it, in their order."""
    lows, highs = flat.boxes()
    for top in range(0, camera.height, _TILE):
        band = np.flatnonzero((lows[:, 1] < top + _TILE) & (highs[:, 1] > top))
        low, high = lows[band, 0], highs[band, 0]
        for left in range(0, camera.width, _TILE):
            yield top, left, band[(low < left + _TILE) & (high > left)]


def _encoded(image: np.ndarray) -> np.ndarray:
    """Sums (H,W,5) as below of linear light, as premultiplied sRGB (H,W,3)."""
    alpha = 1 - image[..., 4:]
    return srgb_from_linear(image[..., :3] / np.where(alpha > 0, alpha, 1)) * alpha


def _finish(image: np.ndarray, background: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Colour and depth of sums (H,W,5): r, g, b, weighted depth, transmittance."""
    alpha = 1 - image[..., 4]
    rgba = np.empty((*alpha.shape, 4), np.float32)
    rgba[..., :3] = image[..., :3] + image[..., 4:] * np.asarray(background, np.float32)
    rgba[..., 3] = alpha
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(alpha > 0, image[..., 3] / alpha, np.inf)
    return rgba, depth.astype(np.float32)


def _project_all(gaussians: Gaussians, camera: Camera) -> Job[FlatSplats | FlatSurfels]:
    """Everything that shows, nearest first."""
    diagonal, parts = diagonal_of(gaussians), []
    for start in range(0, len(gaussians), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(gaussians)))
        parts.append(project_as_drawn(gaussians, rows, camera, diagonal))
        yield Progress(start, len(gaussians), "Projecting splats")
    if not parts:
        parts.append(project_as_drawn(gaussians, np.arange(0), camera, diagonal))
    names = [entry.name for entry in fields(parts[0])]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = ascending(joined["depths"].astype(np.float32))
    return type(parts[0])(**{name: array[order] for name, array in joined.items()})


def _values(gaussians: Gaussians, flat: FlatSplats | FlatSurfels, camera: Camera) -> Job[np.ndarray]:
    """What a tile needs of each splat, (n,m) f32: opacity, depth, colour (3), centre (2), and then of ellipses the
    conic (3), of surfels the centre of the low-pass filter (2), the homography (9), tilts and away (2 each)."""
    if isinstance(flat, FlatSurfels):
        shape = [flat.low_pass, flat.homographies().reshape(-1, 9), flat.tilts, flat.away]
    else:
        shape = [flat.conics()]
    colors = yield from _colors(gaussians, flat, camera)
    columns = [flat.opacities[:, None], flat.depths[:, None], colors, flat.centers, *shape]
    return np.concatenate(columns, 1).astype(np.float32)


def _colors(gaussians: Gaussians, flat: FlatSplats | FlatSurfels, camera: Camera) -> Job[np.ndarray]:
    """What is shown of each splat, (n,3)."""
    out, mode = np.zeros((len(flat.rows), 3)), gaussians.display.mode
    for start in range(0, len(out), _ROWS):
        part = slice(start, start + _ROWS)
        rows = flat.rows[part]
        if mode == "normal":
            out[part] = normals(gaussians, rows, camera) * 0.5 + 0.5
        elif mode == "opacity":
            out[part] = gaussians.drawn(rows)[1][:, None]
        elif mode != "depth":
            directions = view_directions(gaussians, rows, camera)
            out[part] = spherical_harmonics.colors(gaussians.sh[rows], directions, gaussians.display.sh_degree)
        if gaussians.lit() is not None and mode != "depth":
            out[part] = _lighted(out[part], gaussians, rows)
        yield Progress(start, len(out), "Colouring splats")
    return out


def _lighted(colors: np.ndarray, gaussians: Gaussians, rows: np.ndarray) -> np.ndarray:
    """The `colors` (n,3) of splats of which some are lit up, mixed as on the screen."""
    lit = gaussians.lit()[rows]
    if not shows_linear_light(gaussians):
        return lighted(colors, lit)
    return linear_from_srgb(lighted(srgb_from_linear(colors), lit))


class _Tile:
    """A rectangle of pixels that is composited on its own."""

    def __init__(self, corner: tuple[int, int], shape: tuple[int, int], limit: np.ndarray | None, look: _Look) -> None:
        import torch

        self.device = best_device()
        self.shape, self.look = shape, look
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
            squares, depths = self._met(splats)
            alpha = self._alphas(splats, squares)
            after = through * torch.cumprod(1 - alpha, 1)
            before = torch.cat([through, after[:, :-1]], 1)
            # Transmittance only falls, so the pixel is finished for good where it first would fall too low. Only dots
            # cover it at once, and are seen.
            weights = alpha * before * (((after > SMALLEST_TRANSMITTANCE) | (alpha == 1)) & going)
            total[:, :3] += self._shown(weights, splats, depths)
            total[:, 3] += (weights * depths).sum(1)
            through = torch.where(weights > 0, after, 2.0).amin(1, keepdim=True).minimum(through)
            going &= after[:, -1:] > SMALLEST_TRANSMITTANCE
            if not going.any():
                break
        return torch.cat([total, through], 1).reshape(*self.shape, 5).cpu().numpy()

    def _shown(self, weights: torch.Tensor, splats: torch.Tensor, depths: torch.Tensor) -> torch.Tensor:
        """What is added to the colours (pixels,3)."""
        if self.look.mode != "depth":
            return weights @ splats[:, 2:5]
        near, far = self.look.depth_range
        grey = 0.95 - 0.87 * ((depths - near) / max(far - near, 1e-30)).clamp(0, 1)
        return (weights * grey).sum(1, keepdim=True)

    def _met(self, splats: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Squared distances (pixels, n) of the pixels from the middles of `splats` (n,m), in σ; and the depths there,
        (pixels, n) or (1, n)."""
        import torch

        dx, dy = self.x - splats[:, 5], self.y - splats[:, 6]
        if not self.look.surfels:
            squares = splats[:, 7] * dx * dx + splats[:, 9] * dy * dy + 2 * splats[:, 8] * dx * dy
            return squares, splats[None, :, 1]
        screen = ((self.x - splats[:, 7]) ** 2 + (self.y - splats[:, 8]) ** 2) / LOW_PASS_PX2
        h, (a, b), (along_u, along_v) = splats[:, 9:18].T, splats[:, 18:20].T, splats[:, 20:22].T
        px, py, pz = (h[i] * dx + h[i + 1] * dy + h[i + 2] for i in (0, 3, 6))
        u, v = px / pz, py / pz
        before = (pz > 0) & (splats[:, 1] * (1 + a * u + b * v) > NEAR)
        plane = torch.where(before, u * u + v * v, torch.inf)
        depths = splats[:, 1] + along_u * u + along_v * v
        nearer = plane <= screen
        return torch.where(nearer, plane, screen), torch.where(nearer, depths, splats[:, 1])

    def _alphas(self, splats: torch.Tensor, squares: torch.Tensor) -> torch.Tensor:
        """Opacity (pixels, n) of `splats` (n,m) at squared distances (pixels, n)."""
        import torch

        if self.look.mode == "centres":
            alpha = torch.where(squares <= 1, splats[:, 0], 0.0)
        else:
            alpha = (splats[:, 0] * torch.exp(-0.5 * squares)).clamp(max=LARGEST_ALPHA)
            alpha = torch.where(alpha >= FAINTEST_OPACITY, alpha, 0.0)
        if self.look.mode == "rings":
            inside = (alpha * RING_SHARE).clamp(min=RING_FAINTEST)
            ring = torch.where(squares > (RING_INSIDE * self.look.extent) ** 2, RING_ALPHA, inside)
            alpha = torch.where((alpha > 0) & (squares <= self.look.extent**2), ring, 0.0)
        if self.limit is not None:
            alpha = torch.where(splats[:, 1] <= self.limit, alpha, 0.0)
        return alpha


def _draw(gaussians: Gaussians, camera: Camera, limit: np.ndarray) -> Job[Layer]:
    return (yield from render(gaussians, camera, depth_limit=limit))


EXACT = ExactRecord(Gaussians, Stage.SPLAT, _draw)

"""A baked grid in the place of a decoder, so that the exact march shows what the bricks alone make of a picture."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from assets.fields.bricks.grid import BRICK
from assets.fields.decoder import blob_at
from assets.splats.spherical_harmonics import basis
from assets.triplane import Triplane
from renderers.camera import Camera

EMPTY = -1e4
"""Raw density where there is no brick."""


class GridField:
    """Answers as `Field.raw` does, from the grid of a triplane. What lies behind the bricks reads their border."""

    chunk = 1 << 16

    def __init__(self, triplane: Triplane, device: str | None = None, rest: bool = True) -> None:
        self.description, self.device, self.grid = triplane.description, torch.device("cpu"), triplane.grid
        self._index = torch.from_numpy(self.grid.index).long()
        self._samples = torch.from_numpy(np.asarray(self.grid.samples))

    def raw(self, points, viewdirs=None, time=None, radius=None) -> dict[str, torch.Tensor]:
        """Raw density (N,1) and colour (N,3)."""
        inside, values = self._values(points)
        density, color = torch.full((len(points), 1), EMPTY), torch.zeros(len(points), 3)
        density[inside] = values[:, :1]
        blob = self.description.output("density").blob
        if blob is not None:
            density -= blob_at(blob, points)
        if self.grid.coefficients > 1:
            functions = basis(viewdirs[inside].numpy(), round(self.grid.coefficients**0.5) - 1)
            functions[:, 0] = 1.0
            color[inside] = torch.einsum("nk,nkc->nc", torch.from_numpy(functions), values[:, 1:].unflatten(1, (-1, 3)))
        else:
            color[inside] = values[:, 1:]
        return {"density": density, "rgb": color}

    def _values(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which points lie in a brick, (N,) bool, and the trilinear values (M,C) there."""
        grid = self.grid
        low, high = (torch.tensor(side, dtype=torch.float32) for side in grid.box)
        last = torch.tensor(grid.resolution) - 1e-4
        cells = torch.minimum(((points - low) / (high - low) * torch.tensor(grid.resolution)).clamp_min(0), last)
        bricks = (cells // BRICK).long()
        slots = self._index[bricks[:, 2], bricks[:, 1], bricks[:, 0]]
        inside = slots >= 0
        local, slots = (cells - bricks * BRICK)[inside], slots[inside]
        corner = local.long()
        share = local - corner
        values = torch.zeros(len(slots), grid.samples.shape[-1])
        for side in itertools.product((0, 1), repeat=3):
            x, y, z = side
            weight = torch.where(torch.tensor(side) > 0, share, 1 - share).prod(1)
            found = self._samples[slots, corner[:, 2] + z, corner[:, 1] + y, corner[:, 0] + x]
            values += weight[:, None] * found.float()
        return inside, values


def family_view(path: Path) -> tuple[Camera, dict[str, np.ndarray]]:
    """The camera and the arrays of a family's own picture. DiffTF's pixel centres lie on whole numbers."""
    view = dict(np.load(path))
    height, width = view["rgb"].shape[:2]
    camera = Camera.with_fov(view["c2w"], float(np.degrees(view["fov_y"])), width, height)
    if path.parent.name == "difftf":
        camera = replace(camera, cx=width / 2 + 0.5, cy=height / 2 + 0.5)
    return camera, view


def over(picture: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Premultiplied (H,W,4) over a background (3,): (H,W,3), 0 … 1."""
    return np.clip(picture[..., :3] + (1 - picture[..., 3:]) * background.reshape(-1)[:3], 0, 1)

"""The inverse map of a field's warp: for every moved place, where it was at rest.

A field has no vertices that could be moved; it is asked at a place y, so what is needed is the rest place x(y). A
lattice over the moved matter holds it, made by splatting.py. What no matter comes to is empty: a place that was left
shows nothing, and a hand that leaves a hip takes no copy of the hip along. Where parts touch that were apart at rest,
the rest place leaps from one voxel to the next; such voxels are `TORN`, and between them nothing is interpolated.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import ref

import numpy as np

if TYPE_CHECKING:
    import torch

    from .warp import Warp

MOST_VOXELS = 96**3
"""Voxels of a lattice at most: 14 MB. Where moved matter spreads further, voxels are larger than cells."""

PRESENT = 0.19
"""Coverage from which a place is matter: a cell that stayed where it was covers all of itself and half of the next."""

TORN = 1024.0
"""Coverage of voxels between which the rest place leaps: so large that any share of it is noticed."""

_NEAR, _STEPS = 2.0, 6
"""Voxels by which the origin of the nearest voxel may be off, and steps towards a place from there."""

TEAR = 6.0
"""Difference of displacement between neighbouring voxels, in voxels, that is no stretch any more."""


@dataclass(frozen=True, eq=False)
class WarpVolume:
    """box: (2,3) f64 of the asset's frame, around all moved matter. lattice: (nz,ny,nx,4) f32 at the centres of the
    box's voxels: displacement · coverage (x, y, z), and coverage; so that both may be interpolated linearly. Coverage
    is 0 where nothing is, up to 1 in matter, TORN where the displacement must not be interpolated. The outer voxels are
    empty. matter: (2,3) f64, the box around what is no haze; None: not known."""

    box: np.ndarray
    lattice: np.ndarray
    matter: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Main memory, in bytes."""
        return self.lattice.nbytes

    @property
    def resolution(self) -> np.ndarray:
        """Voxels along x, y, z."""
        return np.array(self.lattice.shape[2::-1])

    @property
    def voxel(self) -> np.ndarray:
        """Size of a voxel, (3,) in the asset's units."""
        return (self.box[1] - self.box[0]) / self.resolution

    @property
    def bounds(self) -> np.ndarray:
        """The box (2,3) around what there is to see, as far as that is known."""
        return self.box if self.matter is None else self.matter

    @property
    def coverage(self) -> np.ndarray:
        """(nz,ny,nx) f32."""
        return self.lattice[..., 3]

    @property
    def displacement(self) -> np.ndarray:
        """Rest place − moved place, (nz,ny,nx,3) f32, 0 where nothing is."""
        coverage = self.lattice[..., 3:]
        return np.divide(self.lattice[..., :3], coverage, out=np.zeros_like(self.lattice[..., :3]), where=coverage > 0)

    def sources(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Where moved `points` (N,3) were at rest, (N,3), and whether there is matter at all, (N,) bool. Where there is
        none the point itself is returned. The shader of the march computes the same."""
        displacement, present = self._displaced(points)
        return points + displacement * present[:, None], present

    def rest_places(self, points: np.ndarray) -> np.ndarray:
        """Where moved `points` (N,3) were at rest, (N,3) f64; those where there is nothing stay."""
        import torch

        with torch.inference_mode():
            return self.sources(torch.from_numpy(np.array(points, np.float64)))[0].numpy()

    def moved_place(self, rest: np.ndarray) -> np.ndarray:
        """Where what was at `rest` (3,) is now, (3,) f64; `rest` itself where there was no matter. It starts at the
        voxel that comes from nearest by and takes Newton's steps from there, as long as they lead closer."""
        centres, origins = self._origins
        gaps = ((origins - rest) ** 2).sum(1)
        nearest = int(gaps.argmin()) if len(gaps) else 0
        if not len(gaps) or gaps[nearest] > (_NEAR * self.voxel.max()) ** 2:
            return np.array(rest, np.float64)
        import torch

        place, best, least = centres[nearest].astype(np.float64), None, np.inf
        for _ in range(_STEPS):
            gap = self.rest_places(place[None])[0] - rest
            if np.linalg.norm(gap) >= least:
                break
            best, least = place, float(np.linalg.norm(gap))
            with torch.inference_mode():
                gradient = self.gradients(torch.from_numpy(place[None]))[0].numpy()
            place = place - (np.linalg.solve(gradient, gap) if abs(np.linalg.det(gradient)) > 1e-3 else gap)
        return best

    @cached_property
    def _origins(self) -> tuple[np.ndarray, np.ndarray]:
        """The centres of the voxels in which there is matter, and where that was at rest: (n,3) f32 each."""
        z, y, x = np.nonzero(self.coverage >= PRESENT)
        centres = ((np.stack([x, y, z], 1) + 0.5) * self.voxel + self.box[0]).astype(np.float32)
        return centres, centres + self.displacement[z, y, x]

    def gradients(self, points: torch.Tensor) -> torch.Tensor:
        """The derivative of `sources` at `points`, (N,3,3), by differences over a voxel to both sides; the identity
        where matter ends or is torn."""
        import torch

        columns = []
        voxel = torch.as_tensor(self.voxel, dtype=points.dtype, device=points.device)
        eye = torch.eye(3, dtype=points.dtype, device=points.device)
        whole = torch.ones(len(points), dtype=torch.bool, device=points.device)
        for axis in range(3):
            step = eye[axis] * voxel[axis]
            (after, there), (before, here) = self._displaced(points + step), self._displaced(points - step)
            change = (after - before) / (2 * voxel[axis])
            leaps = (after - before).abs().amax(1) > 2 * TEAR * voxel.max()
            whole &= there & here & ~leaps
            columns.append(change)
        return torch.where(whole[:, None, None], torch.stack(columns, 2), torch.zeros_like(eye)) + eye

    def turn_back(self, points: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
        """Directions (N,3) at moved `points` (N,3) as they were at rest: turned by the rotation of the inverse map."""
        import torch

        turns = _polar(self.gradients(points))
        return torch.einsum("nij,nj->ni", turns, directions.to(turns.dtype))

    def _displaced(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Displacements (N,3) and whether there is matter (N,)."""
        import torch
        import torch.nn.functional as functional

        volume = self._on(points.device, points.dtype)
        low, high = (torch.as_tensor(side, dtype=points.dtype, device=points.device) for side in self.box)
        place = (points - low) / (high - low)
        inside = ((place >= 0) & (place <= 1)).all(1)
        grid = (place * 2 - 1)[None, None, None]
        found = functional.grid_sample(volume, grid, align_corners=False, padding_mode="border")[0, :, 0, 0]
        torn = torch.nonzero(found[3] > 1.001)[:, 0]
        if len(torn):
            count = torch.as_tensor(self.resolution, device=points.device)
            x, y, z = torch.minimum((place[torn] * count).long().clamp_(min=0), count - 1).T
            found[:, torn] = volume[0, :, z, y, x]
        displacement = (found[:3] / found[3].clamp_min(1e-6)).T
        return displacement, inside & (found[3] >= PRESENT)

    def _on(self, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """The lattice as a (1,4,nz,ny,nx) tensor."""
        import torch

        key = (str(device), dtype)
        if key not in self._tensors:
            # Kept for later callers, of which some may want gradients.
            with torch.inference_mode(False):
                channels = np.ascontiguousarray(np.moveaxis(self.lattice, 3, 0))[None]
                self._tensors[key] = torch.from_numpy(channels).to(device=device, dtype=dtype)
        return self._tensors[key]

    @cached_property
    def _tensors(self) -> dict:
        return {}

    def __getstate__(self) -> dict:
        return {"box": self.box, "lattice": self.lattice, "matter": self.matter}


RECENT = 4
"""Volumes that are kept: a history of warps would hold megabytes for each."""

_recent: deque[tuple[ref[Warp], WarpVolume]] = deque(maxlen=RECENT)


def scattered(warp: Warp) -> WarpVolume:
    """`scatter(warp)`, or what it returned lately."""
    for known, volume in tuple(_recent):
        if known() is warp:
            return volume
    volume = scatter(warp)
    _recent.append((ref(warp), volume))
    return volume


def scatter(warp: Warp) -> WarpVolume:
    """The inverse map of `warp`, which has a rig: that of a field."""
    from .splatting import splatted

    return WarpVolume(*splatted(warp), warp.moved_bounds)


def _polar(matrices: torch.Tensor) -> torch.Tensor:
    """The rotations (N,3,3) nearest to matrices (N,3,3), by Newton's iteration R ← (R + R⁻ᵀ) / 2 (Higham 1986); the
    identity where a matrix turns matter inside out."""
    import torch

    turns = torch.where((torch.linalg.det(matrices) > 1e-3)[:, None, None], matrices, torch.eye(3).to(matrices))
    for _ in range(7):
        a, b, c = turns.unbind(1)
        cofactors = torch.stack([torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], 1)
        determinant = (a * cofactors[:, 0]).sum(1)
        turns = 0.5 * (turns + cofactors / determinant[:, None, None])
    return turns

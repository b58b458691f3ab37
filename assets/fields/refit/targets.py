"""What a field that shall look like a surface has to say at given points: signed distance and colour.

Design. The surface is a cloud of oriented samples. Close to it, the normals of the nearest samples tell the side of a
point. Further away a lattice does: its points that are further from the surface than from their neighbours fall into
connected regions, each wholly inside or outside, and the generalised winding number of a few points decides which (as
a sum of dipoles: Barill et al. 2018, "Fast Winding Numbers for Soups and Clouds"). So meshes that are open or cut
themselves have an inside where there is one, and a sheet gets the thickness in which the normals decide.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from ...progress import Progress

LATTICE = 64
"""Cells of the lattice along each axis of the box."""

SKETCH = 12_000
"""Samples that tell distances far from the surface, where looking for the nearest of all would take longest."""

DIPOLES = 8192
WITNESSES = 9
"""Points of a region whose winding numbers decide its side."""

CHUNK = 8192
NEIGHBOURS = 4


@dataclass
class Targets:
    """At points (N,3) f32: distances (N,) f32 to the surface, positive inside; colors (N,3) f32 0…1 of the nearest
    place on it."""

    points: np.ndarray
    distances: np.ndarray
    colors: np.ndarray


class SampledSurface:
    """A surface of a known `area` as oriented samples, spread evenly in random order: positions (N,3), normals (N,3),
    colors (N,3); box (2,3) holds it. `measure` comes first, then `targets` may be asked for."""

    def __init__(
        self, positions: np.ndarray, normals: np.ndarray, colors: np.ndarray, area: float, box: np.ndarray
    ) -> None:
        from scipy.spatial import cKDTree

        self.positions = np.asarray(positions, np.float32)
        self.normals = np.asarray(normals, np.float32)
        self.colors = np.asarray(colors, np.float32)
        self.area = area
        self.box = box
        self.tree = cKDTree(self.positions)
        self.sketch = cKDTree(self.positions[:SKETCH])
        self.cell = float((box[1] - box[0]).max()) / LATTICE
        self.lattice = np.zeros((LATTICE + 1,) * 3, np.float32)
        """Signed distances at the lattice points, z, y, x."""

    def measure(self) -> Generator[Progress, None, None]:
        """Fills the lattice, as a job."""
        axes = [np.linspace(*self.box[:, axis], LATTICE + 1) for axis in (2, 1, 0)]
        points = np.stack(np.meshgrid(*axes, indexing="ij")[::-1], -1).reshape(-1, 3)
        distances = np.empty(len(points), np.float32)
        for start in range(0, len(points), CHUNK):
            rows = slice(start, start + CHUNK)
            distances[rows], _ = self.sketch.query(points[rows])
            close = start + np.flatnonzero(distances[rows] < 4 * self.cell)
            distances[close], _ = self._near_targets(points[close])
            yield Progress(start, len(points), "Measuring distances")
        self.lattice = self._settle_sides(points, distances).reshape(self.lattice.shape).astype(np.float32)

    def targets(self, points: np.ndarray) -> Generator[Progress, None, Targets]:
        """What the field has to say at `points` (N,3), as a job."""
        points = np.asarray(points, np.float32)
        distances = np.empty(len(points), np.float32)
        nearest = np.empty(len(points), np.int64)
        for start in range(0, len(points), CHUNK):
            rows = slice(start, start + CHUNK)
            distances[rows], nearest[rows] = self._near_targets(points[rows])
            yield Progress(start, len(points), "Measuring distances")
        far = np.abs(distances) > self.cell
        cells = (points[far] - self.box[0]) / (self.box[1] - self.box[0]) * LATTICE
        x, y, z = np.clip(np.rint(cells), 0, LATTICE).astype(int).T
        # The nearest lattice point lies nearer than the surface, hence on the same side of it.
        distances[far] = np.abs(distances[far]) * np.where(self.lattice[z, y, x] > 0, 1, -1)
        return Targets(points, distances, self.colors[nearest])

    def _near_targets(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances with the side that the normals tell, and the nearest sample."""
        distances, nearest = self.tree.query(points, k=NEIGHBOURS)
        sides = np.einsum("nkc,nkc->n", self.positions[nearest] - points[:, None], self.normals[nearest])
        return np.where(sides > 0, distances[:, 0], -distances[:, 0]), nearest[:, 0]

    def _settle_sides(self, points: np.ndarray, distances: np.ndarray) -> np.ndarray:
        """Signed distances of the lattice points, one sign in each region that the surface does not cut."""
        from scipy.ndimage import label

        regions, count = label((np.abs(distances) > self.cell).reshape(self.lattice.shape))
        regions = regions.reshape(-1)
        order = np.argsort(regions, kind="stable")
        starts = np.searchsorted(regions[order], np.arange(count + 2))
        windings = np.zeros(count + 1)
        for region in range(1, count + 1):
            members = order[starts[region] : starts[region + 1]]
            # Those deepest in the region are furthest from the errors of the sum near the surface.
            witnesses = members[np.argsort(-np.abs(distances[members]))[:WITNESSES]]
            windings[region] = np.median(self._winding_numbers(points[witnesses]))
        inside = np.abs(windings) > 0.5
        if windings[inside].sum() < 0:
            # The faces are turned in.
            self.normals, distances = -self.normals, -distances
        settled = np.abs(distances) * np.where(inside[regions], 1, -1)
        return np.where(regions > 0, settled, distances)

    def _winding_numbers(self, points: np.ndarray) -> np.ndarray:
        """About 1 (or −1, for faces turned in) inside and 0 outside: Σ aᵢ nᵢ · (pᵢ − x) / (4π |pᵢ − x|³)."""
        positions, normals = self.positions[:DIPOLES], self.normals[:DIPOLES]
        away = positions - points[:, None]
        cubes = np.maximum(np.linalg.norm(away, axis=-1), 1e-6 * self.cell) ** 3
        return (np.einsum("pnc,nc->pn", away, normals) / cubes).sum(1) * (self.area / len(positions) / (4 * np.pi))

"""Shapes for the tests of deformation: surfaces as vertices and faces, and rigs on them."""

from __future__ import annotations

import numpy as np

from assets.deform.drag import Drag, Handle, Region, as_point, as_rows
from assets.deform.kinds import Elements
from assets.deform.matter import Matter
from assets.deform.rig import Rig, assemble
from assets.deform.rotations import exponential
from assets.progress import run


def bar(cells: int = 80, across: int = 8, length: float = 10.0, width: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A closed box along x, its sides cut into squares: vertices (V,3) and faces (F,3)."""
    numbers: dict[tuple, int] = {}
    faces: list[tuple] = []

    def vertex(place: tuple) -> int:
        return numbers.setdefault(place, len(numbers))

    counts = (cells, across, across)
    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        for side in (0, counts[axis]):
            for i in range(counts[a]):
                for j in range(counts[b]):
                    corners = []
                    for da, db in ((0, 0), (1, 0), (1, 1), (0, 1)):
                        place = [0, 0, 0]
                        place[axis], place[a], place[b] = side, i + da, j + db
                        corners.append(vertex(tuple(place)))
                    corners = corners if side else corners[::-1]
                    faces += [tuple(corners[:3]), (corners[0], corners[2], corners[3])]
    grid = np.array(list(numbers), np.float64) / counts - 0.5
    return grid * (length, width, width), np.array(faces)


def edges_of(faces: np.ndarray) -> np.ndarray:
    """The edges of triangles, each once: (E,2)."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def rig_on(vertices: np.ndarray, edges: np.ndarray, nodes: int = 512) -> Rig:
    """A rig whose matter and elements are these vertices."""
    spacing = float(np.median(np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)))
    matter = Matter(np.asarray(vertices, np.float64), edges, spacing)
    size = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    return run(assemble(matter, [Elements(matter.points, np.arange(len(vertices)))], nodes, size))


def pull(sources: np.ndarray, targets: np.ndarray, **more) -> Drag:
    """A drag from sources (h,3) to targets (h,3)."""
    handles = tuple(Handle(as_point(a), as_point(b)) for a, b in zip(sources, targets, strict=True))
    return Drag(handles, **more)


def points(rows: np.ndarray) -> tuple:
    """Rows as pins."""
    return tuple(as_point(row) for row in rows)


def sphere_region(center, radius: float) -> Region:
    """A region within a sphere."""
    matrix = np.diag([1 / radius] * 3 + [1.0])
    matrix[:3, 3] = -np.asarray(center) / radius
    return Region("sphere", as_rows(matrix))


def turn(axis, degrees: float) -> np.ndarray:
    """A rotation matrix (3,3)."""
    return exponential(np.radians(degrees) * np.array([axis], np.float64) / np.linalg.norm(axis))[0]


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Volume of a closed surface."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->i", np.cross(a, b), c).sum() / 6)


def strain(before: np.ndarray, after: np.ndarray, edges: np.ndarray) -> float:
    """Root mean square of the relative change of edge lengths."""
    lengths = [np.linalg.norm(places[edges[:, 0]] - places[edges[:, 1]], axis=1) for places in (before, after)]
    return float(np.sqrt(((lengths[1] / lengths[0] - 1) ** 2).mean()))

"""Meshes under a deformation: vertices and normals follow, everything else of them stays."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from ...mesh import Mesh, MeshPart
from ...meshes.normals import filled, unit
from ...meshes.refinement import refined
from ...meshes.welding import border, components, welded
from ...progress import Job, Progress, stage
from ..applying import cofactors, dressed, moved_blocks
from ..binding import Binding
from ..clusters import WANTED, clustered, matter_of
from ..matter import Matter
from ..walls import wall_links
from ..warp import Warp
from . import Deformable, Elements

_EVENNESS = 2.3
"""Points per square of the longest edge after halving edges, at the least."""

_ROOM = 3 * WANTED
"""Points that may be added inside large faces."""


_CROOKED = 0.4
"""A cluster has a normal where those of its faces add up to this share of their areas."""


def stripped(asset: Mesh) -> Mesh:
    """A copy with places, faces and nodes alone."""
    parts = [MeshPart(part.name, part.vertices, part.faces, np.empty((0, 3), np.float32)) for part in asset.parts]
    return Mesh(asset.name, parts, asset.nodes)


def matter(asset: Mesh) -> Job[tuple[Matter, list[Elements]]]:
    """All faces are visible matter. Its points are clusters of vertices, with further ones inside large faces; seams
    are closed first. The elements are the vertices of every placed part."""
    yield Progress(0, 1, "Gathering vertices")
    placed = [_placed(part, matrix) for part, matrix in asset.instances()]
    starts = np.cumsum([0, *map(len, placed)])
    if not any(len(part.faces) for part in asset.parts) or not placed:
        return Matter(np.empty((0, 3)), np.empty((0, 2), np.int64), 0.0), [Elements(points) for points in placed]
    points = np.concatenate(placed).astype(np.float64, copy=False)
    faces = [part.faces + np.int64(start) for (part, _), start in zip(asset.instances(), starts, strict=False)]
    faces = np.concatenate(faces)
    label = yield from stage(welded(points, faces), 0.05, 0.45)
    used = np.zeros(int(label.max()) + 1, bool)
    used[label[faces]] = True
    number = np.where(used, np.cumsum(used) - 1, -1)
    corner = number[label]
    places = np.empty((int(used.sum()), 3))
    places[corner[corner >= 0]] = points[corner >= 0]
    faces = corner[faces]
    rims = yield from stage(border(faces, len(places)), 0.45, 0.5)
    yield Progress(0.5, 1, "Filling large faces")
    places, faces = refined(places, faces, _longest(places, faces), _ROOM)
    links = np.concatenate([faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    yield Progress(0.6, 1, "Thinning points")
    cluster = yield from stage(clustered(places, links), 0.6, 0.9)
    found = matter_of(places, links, cluster)
    yield Progress(0.92, 1, "Looking through walls")
    normals = _cluster_normals(places, faces, np.unique(rims[:, :2]), cluster, len(found.points))
    found = found.joined(wall_links(found.points, normals, found.spacing))
    yield Progress(0.97, 1, "Thinning points")
    near = np.where(corner >= 0, cluster[np.maximum(corner, 0)], -1)
    # A vertex without a face follows what it lies at.
    loose = near < 0
    near[loose] = found.tree.query(points[loose])[1]
    pieces = [near[start:end] for start, end in pairwise(starts)]
    return found, [Elements(*each) for each in zip(placed, pieces, strict=True)]


def _placed(part: MeshPart, matrix: np.ndarray) -> np.ndarray:
    """The vertices of a part in the asset's frame: its own f32 ones where they are that already, else f64."""
    if np.array_equal(matrix, np.eye(4)):
        return part.vertices
    return part.vertices.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def _cluster_normals(
    points: np.ndarray, faces: np.ndarray, rim: np.ndarray, cluster: np.ndarray, count: int
) -> np.ndarray:
    """Unit normals (count,3), outwards, of the clusters of `points` (n,3); zero where the surface is open, so that it
    has no inside, and where a cluster is too crooked to have one. rim: points at which a surface ends."""
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    part = components(len(points), np.concatenate([faces[:, :2], faces[:, 1:]]))
    across[np.isin(part, part[rim])[faces[:, 0]]] = 0.0
    total = np.zeros((count, 3))
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(cluster[faces[:, corner]], across[:, axis], count)
    area = np.bincount(cluster[faces].ravel(), np.repeat(np.linalg.norm(across, axis=1), 3), count)
    length = np.linalg.norm(total, axis=1)
    smooth = (length > _CROOKED * area) & (area > 0)
    # Turned inside out as a whole, it is meant the other way; an inner shell alone is rightly turned in.
    side = -1.0 if np.einsum("ni,ni->", a - points.mean(0), across) < 0 else 1.0
    return np.where(smooth[:, None], total * side / np.maximum(length, 1e-300)[:, None], 0.0)


def _longest(points: np.ndarray, faces: np.ndarray) -> float:
    """The longest edge that matter may have: with edges halved down to it, about WANTED points lie on the surface."""
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    first, second = b - a, c - a
    squares = np.einsum("ni,ni->n", first, first) * np.einsum("ni,ni->n", second, second)
    area = 0.5 * np.sqrt(np.maximum(squares - np.einsum("ni,ni->n", first, second) ** 2, 0.0)).sum()
    size = float(np.linalg.norm(np.ptp(points, axis=0)))
    return max((_EVENNESS * area / WANTED) ** 0.5, size / 2000, 1e-300)


def applied(asset: Mesh) -> Job[Mesh]:
    """A copy with bent vertices and normals. A part that was placed several times becomes one part for each place where
    it moved; nodes keep names and matrices. Tangents are derived where they are needed, from what is here."""
    bent: list[MeshPart] = []
    placed = asset.instances()
    for done, ((part, matrix), binding) in enumerate(zip(placed, asset.warp.bindings, strict=True)):
        share = done / len(placed), (done + 1) / len(placed)
        bent.append((yield from stage(_bent(part, matrix, asset.warp, binding), *share)))
    indices = [index for node in asset.nodes for index in node.parts]
    parts, proxies = list(asset.parts), dict(asset.proxies)
    # An index is free for another part once nothing that stayed needs it.
    taken = {index for index, part in zip(indices, bent, strict=True) if part is asset.parts[index]}
    for place, (index, part) in enumerate(zip(list(indices), bent, strict=True)):
        if part is asset.parts[index]:
            continue
        if index not in taken:
            parts[index] = part
            taken.add(index)
            continue
        indices[place] = len(parts)
        if index in proxies:
            proxies[len(parts)] = proxies[index]
        parts.append(part)
    following = iter(indices)
    nodes = [replace(node, parts=tuple(next(following) for _ in node.parts)) for node in asset.nodes]
    flat = Mesh(asset.name, parts, nodes, list(asset.materials), asset.provenance)
    flat.proxies = proxies
    return dressed(flat, asset)


def _bent(part: MeshPart, matrix: np.ndarray, warp: Warp, binding: Binding) -> Job[MeshPart]:
    """The part as the warp bends it where `matrix` places it, or the part itself where nothing of it moved."""
    linear, inverse = matrix[:3, :3], np.linalg.pinv(matrix)
    vertices, normals = part.vertices, part.normals
    for moved in moved_blocks(warp, binding, _placed(part, matrix)):
        if len(moved.rows):
            if vertices is part.vertices:
                vertices, normals = vertices.copy(), normals.copy()
            vertices[moved.rows] = moved.points @ inverse[:3, :3].T + inverse[:3, 3]
            # Normals go with inverse transposes, which the node's matrix needs on the way there and back.
            there = part.normals[moved.rows] @ inverse[:3, :3]
            bent = np.einsum("nij,nj->ni", cofactors(moved.gradients), there) @ linear
            normals[moved.rows] = filled(unit(bent).astype(np.float32))
        yield Progress(moved.done, len(part.vertices), f"Bending {part.name}")
    return part if vertices is part.vertices else replace(part, vertices=vertices, normals=normals)


DEFORMABLE = Deformable(Mesh, stripped, matter, applied)

"""Warps made by hand for tests of drawing: scattered nodes, weights of the nearest ones, and smooth poses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from assets.asset import Asset
from assets.deform.binding import FULL, INFLUENCES, Binding, Pose
from assets.deform.drag import Drag
from assets.deform.graph import Graph
from assets.deform.matter import Matter
from assets.deform.rig import Rig
from assets.deform.warp import Warp
from assets.gaussians import Gaussians
from assets.mesh import Mesh
from assets.splats import quaternions

Map = Callable[[np.ndarray], np.ndarray]


def elements_of(asset: Asset) -> list[np.ndarray]:
    """What follows the nodes, one array (N,3) f64 per placed part, in the asset's frame."""
    if isinstance(asset, Mesh):
        return [part.vertices @ matrix[:3, :3].T + matrix[:3, 3] for part, matrix in asset.instances()]
    return [(asset.means if isinstance(asset, Gaussians) else asset.positions).astype(np.float64)]


def bind(points: np.ndarray, nodes: np.ndarray, share: float = 1.0, first: int = 0) -> Binding:
    """The nearest nodes with weights that fall with the distance, adding up to `share`; the points are those of the
    matter from `first` on."""
    away = np.linalg.norm(points[:, None] - nodes[None], axis=2)
    nearest = np.argsort(away, axis=1, kind="stable")[:, :INFLUENCES]
    distances = np.take_along_axis(away, nearest, 1)
    weights = (1 - distances / (1.01 * distances[:, -1:])) ** 2
    weights = np.floor(share * FULL * weights / weights.sum(1, keepdims=True))
    near = np.arange(first, first + len(points), dtype=np.uint32)
    return Binding(nearest.astype(np.uint16), weights.astype(np.uint16), near)


def rig_of(asset: Asset, count: int = 48, seed: int = 0, share: float = 1.0) -> Rig:
    """A rig with nodes at some of the elements."""
    elements = elements_of(asset)
    points = np.concatenate(elements)
    nodes = np.random.default_rng(seed).permutation(points)[:count]
    none = np.zeros(0, np.int64)
    graph = Graph(nodes, none.reshape(0, 2), none, none.reshape(0, 1), np.zeros(len(nodes), np.int64), 1.0)
    matter = Matter(points, none.reshape(0, 2), 0.02 * float(np.ptp(points, 0).max()))
    starts = np.cumsum([0, *map(len, elements)])
    bindings = tuple(bind(part, nodes, share, start) for part, start in zip(elements, starts, strict=False))
    size = float(np.linalg.norm(np.ptp(points, 0)))
    return Rig(graph, matter, tuple(elements), bindings, bind(points, nodes, share), nodes.mean(0), size)


def pose_of(nodes: np.ndarray, move: Map) -> Pose:
    """The nodes after the smooth map `move`, with its gradients and the rotations nearest to them."""
    step = 1e-5 * float(np.ptp(nodes, 0).max())
    columns = [(move(nodes + step * axis) - move(nodes - step * axis)) / (2 * step) for axis in np.eye(3)]
    gradients = np.stack(columns, 2)
    left, _, right = np.linalg.svd(gradients)
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
    return Pose(move(nodes), gradients, quaternions.from_matrices(left @ right))


def warp_of(rig: Rig, move: Map, heat: np.ndarray | None = None) -> Warp:
    """The warp that `move` makes of the rig's nodes."""
    heat = np.zeros(len(rig.graph)) if heat is None else heat
    return Warp(Drag(()), rig, pose_of(rig.graph.nodes, move), rig.bindings, rig.matter_binding, heat)


def bend(rig: Rig, angle: float = 1.2, stretch: float = 1.25) -> Map:
    """Bends and twists around the rig's centre, and stretches along y."""

    def move(points: np.ndarray) -> np.ndarray:
        x, y, z = ((points - rig.centre) * (1.0, stretch, 1.0) / rig.size).T
        turn, twist = angle * x, 0.8 * angle * y
        c, s = np.cos(turn), np.sin(turn)
        x, y = x * c - y * s, x * s + y * c
        c, s = np.cos(twist), np.sin(twist)
        x, z = x * c - z * s, x * s + z * c
        return np.stack([x, y + 0.2 * x * x, z], 1) * rig.size + rig.centre + 0.05 * rig.size

    return move


def affine(matrix: np.ndarray) -> Map:
    """The map of a matrix (4,4)."""
    return lambda points: points @ matrix[:3, :3].T + matrix[:3, 3]


def still(points: np.ndarray) -> np.ndarray:
    """Moves nothing."""
    return points.copy()


def resting_warp(rig: Rig, heat: float = 1.0) -> Warp:
    """A warp that moves nothing, to the last bit, and shows heat."""
    count = len(rig.graph)
    turns = np.tile([1.0, 0.0, 0.0, 0.0], (count, 1))
    pose = Pose(rig.graph.nodes.copy(), np.tile(np.eye(3), (count, 1, 1)), turns)
    return Warp(Drag(()), rig, pose, rig.bindings, rig.matter_binding, np.full(count, heat))

"""Fields, rigs on their cells, and warps of a known map, for the tests of bent fields."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assets.deform.binding import Pose
from assets.deform.drag import Drag, Handle
from assets.deform.kinds import Elements
from assets.deform.matter import Matter
from assets.deform.rig import Rig, assemble
from assets.deform.warp import Warp
from assets.fields.description import FieldDescription, Group, Head, Input, Layer, March, Output, Plane, Space, Surface
from assets.progress import run
from assets.splats.quaternions import from_matrices
from assets.triplane import Triplane

CELL = 2.0 / 64


def lattice(low: tuple, high: tuple) -> np.ndarray:
    """Centres (N,3) of the cells of a 64³ lattice over −1 … 1 that lie in a box."""
    axis = -1 + (np.arange(64) + 0.5) * CELL
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    return points[((points > low) & (points < high)).all(1)]


def rig_of(dense: np.ndarray, haze: np.ndarray | None = None, nodes: int = 256) -> Rig:
    """A rig on cells: `dense` ones (N,3) hang together where they touch, `haze` (M,3) follows them."""
    from scipy.spatial import cKDTree

    tree = cKDTree(dense)
    matter = Matter(dense, tree.query_pairs(1.8 * CELL, output_type="ndarray"), CELL)
    cells = dense if haze is None else np.concatenate([dense, haze])
    return run(assemble(matter, [Elements(cells, tree.query(cells)[1])], nodes, 3.46))


def moved(rig: Rig, matrix: np.ndarray, shift=(0.0, 0.0, 0.0), which: np.ndarray | None = None) -> Warp:
    """A warp whose nodes follow x → matrix · x + shift, those `which` (n,) says, and others rest."""
    nodes = rig.graph.nodes
    which = np.ones(len(nodes), bool) if which is None else which
    matrix = np.asarray(matrix, np.float64)
    gradients = np.where(which[:, None, None], matrix, np.eye(3))
    places = np.where(which[:, None], nodes @ matrix.T + np.asarray(shift), nodes)
    pose = Pose(places, gradients, from_matrices(_rotations(gradients)))
    drag = Drag((Handle((0.0, 0.0, 0.0), (0.25, 0.0, 0.0)),), pins=((0.0, -1.0, 0.0),))
    return Warp(drag, rig, pose, rig.bindings, rig.matter_binding, np.where(which, 1.0, 0.0))


def _rotations(matrices: np.ndarray) -> np.ndarray:
    left, _, right = np.linalg.svd(matrices)
    return left @ right


def ball(
    centre: tuple[float, float, float] = (-0.2, 0.1, 0.0),
    march: March | None = None,
    outputs: tuple[Output, ...] | None = None,
    viewdirs: bool = False,
) -> Triplane:
    """A dense ball of radius 0.17 with a soft rim that ends at 0.44; its colour is the place, or with `viewdirs` the
    direction in which it is seen."""
    axis = np.linspace(-1, 1, 65)
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    planes = np.zeros((3, 4, 65, 65), np.float32)
    for index, (a, b) in enumerate(((0, 1), (0, 2), (1, 2))):
        planes[index, 0] = 5 / 3 - 30 * ((columns - centre[a]) ** 2 + (rows - centre[b]) ** 2)
        planes[index, 1 + a] += columns / 2
        planes[index, 1 + b] += rows / 2
    weight = np.eye(4, 7 if viewdirs else 4, dtype=np.float32)
    inputs = (Input("group", "planes"),)
    if viewdirs:
        weight[1:] = 0.0
        weight[1:, 4:] = np.eye(3)
        inputs = (*inputs, Input("viewdir"))
    tensors = {"planes": planes, "weight": weight, "bias": np.zeros(4, np.float32)}
    pairs = (("x", "y"), ("x", "z"), ("y", "z"))
    group = Group(
        "planes",
        tuple(Plane("planes", index, pair) for index, pair in enumerate(pairs)),
        combine="sum",
        align_corners=True,
        padding="border",
    )
    outputs = outputs or (Output("density", (0, 1), "exp"), Output("rgb", (1, 4), "none", scale=0.5, shift=0.5))
    head = Head("decoder", inputs, (Layer("weight", "bias"),), outputs)
    space = Space((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    march = march or March(samples=128)
    return Triplane("ball", tensors, FieldDescription("test", space, (group,), (head,), march, Surface(level=25.0)))


def with_description(triplane: Triplane, **changes) -> Triplane:
    """The same tensors under a changed description."""
    return Triplane(triplane.name, triplane.tensors, replace(triplane.description, **changes))

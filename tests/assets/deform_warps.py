"""Warps without a solver: every node of an asset's rig goes where a map says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from assets.asset import Asset
from assets.deform.binding import Pose
from assets.deform.drag import Drag
from assets.deform.rig import make_rig
from assets.deform.rotations import nearest_rotations
from assets.deform.warp import Warp
from assets.progress import run
from assets.splats.quaternions import from_matrices


def affine_warp(asset: Asset, linear: np.ndarray, offset=(0.0, 0.0, 0.0), nodes: int = 64) -> Warp:
    """All nodes follow one affine map."""
    return mapped_warp(asset, lambda points: points @ linear.T + offset, lambda points: linear, nodes)


def mapped_warp(asset: Asset, place: Callable, gradient: Callable, nodes: int = 64) -> Warp:
    """Nodes p (n,3) go to `place(p)` with the gradients `gradient(p)`, (n,3,3) or one for all."""
    rig = run(make_rig(asset, nodes))
    rest = rig.graph.nodes
    gradients = np.array(np.broadcast_to(gradient(rest), (len(rest), 3, 3)), np.float64)
    pose = Pose(place(rest), gradients, from_matrices(nearest_rotations(gradients)))
    return Warp(Drag(), rig, pose, rig.bindings, rig.matter_binding, np.ones(len(rest)))

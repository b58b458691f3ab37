"""How elements (vertices, splats, cells of a field) follow the nodes of a graph.

An element x is bound to eight nodes k, one and the ring around it, with weights wₖ whose sum is at most 1; what is
missing stays at rest:

    D(x) = x + Σ wₖ (Aₖ (x − pₖ) + pₖ' − x)        J(x) = I + Σ wₖ (Aₖ − I)        q(x) ∝ (1 − Σ wₖ) 1 + Σ wₖ qₖ

with a node's rest and moved position p and p', the gradient A of the map at it and the rotation q nearest to A. So a
map that is affine around an element is followed exactly, and J is its gradient to first order. Weights are kept as
16-bit shares, which the shaders read as they are: both sides compute the same map. shaders/common/warp.glsl is the
twin of this file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

INFLUENCES = 8
"""Nodes of an element. With half as many, the nearest one alone counts wherever those around it are equally far, and a
bent surface shows facets. Everything that reads bindings takes this number from here, the shaders as a define."""

FULL = 65535
"""Weight of 1."""

BLOCK = 65536


@dataclass(frozen=True)
class Pose:
    """Where the nodes of a graph went. moved: (n,3) f64. gradients: (n,3,3) f64, the A of each node. turns: (n,4) f64,
    unit quaternions w x y z, the rotations nearest to them."""

    moved: np.ndarray
    gradients: np.ndarray
    turns: np.ndarray

    @classmethod
    def at_rest(cls, nodes: np.ndarray) -> Pose:
        """The pose in which `nodes` (n,3) lie where they lie."""
        count = len(nodes)
        return cls(nodes.copy(), np.tile(np.eye(3), (count, 1, 1)), np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)))

    @property
    def nbytes(self) -> int:
        """Main memory, in bytes."""
        return self.moved.nbytes + self.gradients.nbytes + self.turns.nbytes


@dataclass(frozen=True, eq=False)
class Binding:
    """Which nodes elements follow. nodes, weights: (N,INFLUENCES) u16, weights as shares of FULL. near: (N,) u32, the
    matter point that each element lies at."""

    nodes: np.ndarray
    weights: np.ndarray
    near: np.ndarray

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def nbytes(self) -> int:
        """Main memory, in bytes."""
        return self.nodes.nbytes + self.weights.nbytes + self.near.nbytes

    def masked(self, mask: np.ndarray) -> Binding:
        """The same with each element's weights times `mask` (N,), 0 … 1."""
        weights = np.rint(self.weights * mask.astype(np.float32)[:, None]).astype(np.uint16)
        return Binding(self.nodes, weights, self.near)

    def shares(self, rows: slice | np.ndarray) -> np.ndarray:
        """The weights of `rows` as f64 (m,INFLUENCES)."""
        return self.weights[rows] / float(FULL)


def affine(rest: np.ndarray, pose: Pose, centre: np.ndarray) -> np.ndarray:
    """The map of each node, (n,3,4) f64 rows [A | t], on points from which `centre` was subtracted: with large
    coordinates f32 keeps its digits."""
    moved, rest = pose.moved - centre, rest - centre
    return np.concatenate([pose.gradients, (moved - np.einsum("nij,nj->ni", pose.gradients, rest))[:, :, None]], 2)


class Skin:
    """Applies a pose to bound elements, block by block. rest: (n,3) the nodes at rest."""

    def __init__(self, rest: np.ndarray, pose: Pose, centre: np.ndarray) -> None:
        self.centre = np.asarray(centre, np.float64)
        self.affine = affine(rest, pose, self.centre)
        self.turns = pose.turns

    def points(self, points: np.ndarray, binding: Binding, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """D(x) of `points` (m,3), the elements `rows` of `binding`: (m,3) f64."""
        local = points - self.centre
        blended, rest = self._blended(binding, rows)
        moved = np.einsum("nij,nj->ni", blended[:, :, :3], local) + blended[:, :, 3]
        return moved + rest[:, None] * local + self.centre

    def gradients(self, binding: Binding, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """J(x) of the elements `rows`: (m,3,3) f64."""
        blended, rest = self._blended(binding, rows)
        return blended[:, :, :3] + rest[:, None, None] * np.eye(3)

    def rotations(self, binding: Binding, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """q(x) of the elements `rows`: unit quaternions (m,4) f64."""
        shares = binding.shares(rows)
        turns = self.turns[binding.nodes[rows]]
        # A quaternion and its negative turn alike: all are taken on the side of the identity's neighbour, node 0's.
        turns = turns * np.where(np.einsum("nkc,nc->nk", turns, turns[:, 0]) < 0, -1.0, 1.0)[:, :, None]
        total = np.einsum("nk,nkc->nc", shares, turns)
        rest = 1.0 - shares.sum(1)
        total[:, 0] += rest * np.where(turns[:, 0, 0] < 0, -1.0, 1.0)
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)

    def _blended(self, binding: Binding, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Σ wₖ [A | t] (m,3,4), and the share that rests (m,)."""
        shares = binding.shares(rows)
        return np.einsum("nk,nkij->nij", shares, self.affine[binding.nodes[rows]]), 1.0 - shares.sum(1)

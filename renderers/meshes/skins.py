"""The warp of one placed part of a mesh on the GPU: its binding, and where it takes the blocks of its triangles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from assets.deform.binding import Binding

from ..gl.buffer import VertexArray
from ..skinning import BindingBuffer
from .buffers import BLOCK, Triangles

_BLOCKS_AT_ONCE = 4


@dataclass
class _Follower:
    """Triangles that follow nodes. blocks, nodes: (P,) pairs, sorted by block: which nodes move something of a block.
    boxes: those of the blocks under `maps`, (B,2,3) f64."""

    vertex_array: VertexArray
    blocks: np.ndarray
    nodes: np.ndarray
    maps: np.ndarray | None = None
    boxes: np.ndarray | None = None


class PartSkin:
    """The binding of `count` vertices of one placed part, and how its triangles follow it."""

    def __init__(self, count: int) -> None:
        self._buffer = BindingBuffer(count)
        self._nodes: np.ndarray | None = None
        self._followers: dict[Triangles, _Follower] = {}

    def upload(self, binding: Binding) -> Iterator[None]:
        """Copies the binding in slices. One with other nodes makes all that was attached follow no more."""
        if binding.nodes is not self._nodes:
            self._detach_all()
            self._nodes = binding.nodes
        yield from self._buffer.upload(binding)

    def attach(self, triangles: Triangles, faces: np.ndarray) -> Iterator[None]:
        """Lets `triangles`, which are `faces` (F,3) of the part, follow the binding; in slices."""
        if triangles in self._followers:
            return
        row = np.zeros(int(self._nodes.max(initial=0)) + 1, bool)
        blocks, nodes = [], []
        for index, first in enumerate(range(0, len(faces), BLOCK)):
            row[:] = False
            row[self._nodes[faces[first : first + BLOCK]].reshape(-1)] = True
            nodes.append(np.flatnonzero(row))
            blocks.append(np.full(len(nodes[-1]), index))
            if index % _BLOCKS_AT_ONCE == 0:
                yield
        vertex_array = triangles.make_vertex_array()
        self._buffer.feed(vertex_array)
        self._followers[triangles] = _Follower(vertex_array, np.concatenate(blocks), np.concatenate(nodes))

    def __contains__(self, triangles: Triangles | None) -> bool:
        return triangles in self._followers

    def vertex_array(self, triangles: Triangles) -> VertexArray:
        """What draws attached `triangles` with their binding."""
        return self._followers[triangles].vertex_array

    def boxes(self, triangles: Triangles, placed: np.ndarray, maps: np.ndarray) -> np.ndarray:
        """Boxes (B,2,3) f64 that hold the blocks of attached `triangles` where `maps` (n,3,4), the rows [A − 1 | t] of
        the nodes, take them; `placed` (4,4) leads from the part to where the maps hold.

        A bound position is a blend of where it was and where its nodes would take it, so it lies in the box around what
        they make of its block's box.
        """
        follower = self._followers[triangles]
        if follower.maps is not maps:
            follower.maps, follower.boxes = maps, _moved(follower, triangles.boxes, placed, maps)
        return follower.boxes

    def detach(self, triangles: Triangles | None) -> None:
        """Frees what drew `triangles`."""
        if triangles in self._followers:
            self._followers.pop(triangles).vertex_array.delete()

    def _detach_all(self) -> None:
        for triangles in list(self._followers):
            self.detach(triangles)

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return self._buffer.nbytes

    def delete(self) -> None:
        """Frees everything."""
        self._detach_all()
        self._buffer.delete()


def _moved(follower: _Follower, boxes: np.ndarray, placed: np.ndarray, maps: np.ndarray) -> np.ndarray:
    boxes = boxes.astype(np.float64)
    middle = boxes.mean(1) @ placed[:3, :3].T + placed[:3, 3]
    half = 0.5 * (boxes[:, 1] - boxes[:, 0]) @ np.abs(placed[:3, :3]).T
    linear, offset = maps[follower.nodes, :, :3], maps[follower.nodes, :, 3]
    # At once for all pairs of a block and a node.
    there = middle[follower.blocks] + np.einsum("pij,pj->pi", linear, middle[follower.blocks]) + offset
    reach = np.einsum("pij,pj->pi", np.abs(linear + np.eye(3)), half[follower.blocks])
    starts = np.flatnonzero(np.diff(follower.blocks, prepend=-1))
    low, high = np.minimum.reduceat(there - reach, starts), np.maximum.reduceat(there + reach, starts)
    return np.stack([np.minimum(low, middle - half), np.maximum(high, middle + half)], 1)

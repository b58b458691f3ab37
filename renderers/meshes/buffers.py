"""A mesh part on the GPU: its vertex arrays, its triangles in blocks with boxes around them, and its proxy.

Uploads are generators that yield after each slice, so that `sync` can stop between two of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from assets.mesh import MeshPart

from ..gl.buffer import Buffer, VertexArray

SLICE_BYTES = 4 << 20
"""Bytes copied at once: about 2 ms, with the first touch of fresh memory."""

BLOCK = 4096
"""Triangles with a common box. What is outside the picture is left out block by block."""

ATTRIBUTES = {"vertices": (0, 3, np.float32), "normals": (1, 3, np.float32), "uv": (2, 2, np.float32)}
ATTRIBUTES["colors"] = (3, 4, np.uint8)


def upload(buffer: Buffer, array: np.ndarray, dtype: np.dtype) -> Iterator[None]:
    """Copies `array`, row by row in `dtype`, into `buffer` in slices."""
    row_bytes = int(np.prod(array.shape[1:], dtype=np.int64)) * np.dtype(dtype).itemsize
    rows = max(1, SLICE_BYTES // max(row_bytes, 1))
    for first in range(0, len(array), rows):
        buffer.write(np.ascontiguousarray(array[first : first + rows], dtype), first * row_bytes)
        yield


class Triangles:
    """Triangles of a part: an element buffer on its vertices, and the boxes of its blocks, (B,2,3) f32."""

    def __init__(self, part: MeshPart, faces: np.ndarray, attributes: dict[str, Buffer]) -> None:
        self._part, self._faces, self._attributes = part, faces, attributes
        self.count = len(faces)
        self.boxes = np.zeros((-(-self.count // BLOCK), 2, 3), np.float32)
        self.buffer = Buffer(nbytes=faces.size * 4)
        self.vertex_array = self.make_vertex_array()

    def make_vertex_array(self) -> VertexArray:
        """A vertex array, the caller's, that draws the triangles and to which more can be added."""
        vertex_array = VertexArray()
        for name, buffer in self._attributes.items():
            location, components, dtype = ATTRIBUTES[name]
            vertex_array.attribute(location, buffer, components, dtype, normalized=dtype == np.uint8)
        vertex_array.elements(self.buffer)
        return vertex_array

    def upload(self) -> Iterator[None]:
        """Fills the buffer and the boxes."""
        yield from upload(self.buffer, self._faces, np.uint32)
        step = 4 * BLOCK
        for first in range(0, self.count, step):
            corners = self._part.vertices[self._faces[first : first + step].reshape(-1)]
            starts = np.arange(0, len(corners), 3 * BLOCK)
            blocks = slice(first // BLOCK, first // BLOCK + len(starts))
            self.boxes[blocks, 0] = np.minimum.reduceat(corners, starts)
            self.boxes[blocks, 1] = np.maximum.reduceat(corners, starts)
            yield
        self._part = self._faces = None

    def visible(self, clip: np.ndarray, boxes: np.ndarray | None = None) -> list[tuple[int, int]]:
        """Ranges (first, count) of triangles whose box the picture may show; `clip` is part → clip space, (4,4). boxes:
        where the blocks lie instead, (B,2,3)."""
        boxes = (self.boxes if boxes is None else boxes).astype(np.float64)
        lows, highs = boxes[:, 0], boxes[:, 1]
        shown = np.ones(len(boxes), bool)
        for axis in range(3):
            for sign in (1.0, -1.0):
                # The corner of a box that lies farthest inside a clip plane decides.
                plane = clip[3] + sign * clip[axis]
                shown &= np.where(plane[:3] > 0, highs, lows) @ plane[:3] + plane[3] >= 0
        edges = np.flatnonzero(np.diff(np.concatenate([[False], shown, [False]]).astype(np.int8)))
        ranges = edges.reshape(-1, 2) * BLOCK
        return [(int(first), int(min(last, self.count) - first)) for first, last in ranges]

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return self.buffer.nbytes

    def delete(self) -> None:
        """Frees the buffer and the vertex array."""
        self.vertex_array.delete()
        self.buffer.delete()


class PartBuffers:
    """The vertices of a part, its triangles, and the fewer triangles that stand in while the camera moves."""

    def __init__(self, part: MeshPart) -> None:
        self._part = part
        present = {name: getattr(part, name) for name in ATTRIBUTES}
        self._arrays = {name: array for name, array in present.items() if array is not None and len(array)}
        self.buffers: dict[str, Buffer] = {}
        self.triangles: Triangles | None = None
        self.proxy: Triangles | None = None

    def upload(self) -> Iterator[None]:
        """Makes the buffers, one at a time since large ones take a software GL 20 ms, and copies all but the proxy."""
        for name, array in self._arrays.items():
            _, components, dtype = ATTRIBUTES[name]
            self.buffers[name] = Buffer(nbytes=len(array) * components * np.dtype(dtype).itemsize)
            yield
        self.triangles = Triangles(self._part, self._part.faces, self.buffers)
        yield
        for name, array in self._arrays.items():
            yield from upload(self.buffers[name], array, ATTRIBUTES[name][2])
        self._arrays = {}
        yield from self.triangles.upload()

    def upload_proxy(self, faces: np.ndarray) -> Iterator[None]:
        """Makes `faces` (G,3), on the same vertices, the proxy."""
        proxy = Triangles(self._part, faces, self.buffers)
        try:
            yield from proxy.upload()
        except GeneratorExit:
            proxy.delete()
            raise
        if self.proxy:
            self.proxy.delete()
        self.proxy = proxy

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        proxy = self.proxy.nbytes if self.proxy else 0
        own = self.triangles.nbytes if self.triangles else 0
        return sum(buffer.nbytes for buffer in self.buffers.values()) + own + proxy

    def delete(self) -> None:
        """Frees everything."""
        if self.triangles:
            self.triangles.delete()
        if self.proxy:
            self.proxy.delete()
        for buffer in self.buffers.values():
            buffer.delete()

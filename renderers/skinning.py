"""Warps on the GPU: what the nodes of a graph do, and how the bindings of what follows them get there.

A warp comes in two parts of very different size. Its nodes, 80 bytes each, are written whenever the pose changes, many
times a second while a hand pulls. Its bindings, 32 bytes for each vertex or splat, stay while the rig and the region
stay, and are copied in slices. Shaders join the two: shaders/common/warp.glsl. Nodes lie in a buffer texture, which a
software GL reads twice as fast as one of two dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from OpenGL import GL

from assets.deform.binding import FULL, INFLUENCES, Binding, affine
from assets.deform.warp import Warp

from .gl.buffer import Buffer, VertexArray
from .gl.program import Program
from .gl.texture import BufferTexture
from .renderer import View

NODE_TEXELS = 5
BINDING_LOCATION = 4
"""Where vertex arrays feed bindings from, and on for BINDING_TEXELS."""

WARPED = {"WARP": 1, "INFLUENCES": INFLUENCES, "NODE_TEXELS": NODE_TEXELS, "BINDING_LOCATION": BINDING_LOCATION}
"""Defines of a shader that skins."""

STRAINED = {"STRAIN": 1}
"""Defines of one that also shows heat or stretch."""

BINDING_BYTES = 4 * INFLUENCES
BINDING_TEXELS = INFLUENCES // 4

_SLICE = 1 << 16


def packed(binding: Binding, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
    """The binding of the elements `rows` as shaders read it: (m,INFLUENCES) u32, the node below, the weight above."""
    words = binding.weights[rows].astype(np.uint32)
    words <<= 16
    words |= binding.nodes[rows]
    return words


def stretch_of(gradients: np.ndarray) -> np.ndarray:
    """The largest singular value of each of `gradients` (n,3,3): (n,) f64."""
    squares = np.linalg.eigvalsh(np.einsum("nki,nkj->nij", gradients, gradients))
    return np.sqrt(np.maximum(squares[:, 2], 0.0))


def centre_of(warp: Warp) -> np.ndarray:
    """The rig's centre as f32 holds it, (3,) f64: what shaders subtract, they subtract without an error."""
    return warp.rig.centre.astype(np.float32).astype(np.float64)


def from_centre(matrix: np.ndarray, warp: Warp) -> np.ndarray:
    """`matrix` (4,4), which leads on from the asset's frame, for positions relative to `centre_of` the warp."""
    out = np.array(matrix, np.float64)
    out[:3, 3] += matrix[:3, :3] @ centre_of(warp)
    return out


def node_table(warp: Warp, maps: np.ndarray) -> np.ndarray:
    """What shaders/common/warp.glsl reads of the nodes: (n,NODE_TEXELS,4) f32."""
    table = np.zeros((len(maps), NODE_TEXELS, 4), np.float32)
    table[:, :3] = maps
    table[:, 3] = warp.pose.turns
    table[:, 4, 0] = warp.heat if len(warp.heat) else 0.0
    table[:, 4, 1] = stretch_of(warp.pose.gradients)
    return table


class Nodes:
    """The nodes of a warp in a buffer texture. maps: (n,3,4) f64, their rows [A − 1 | t] on positions relative to
    `centre_of` the warp; another array for every pose. moving: whether they do anything; not under a warp that only
    shows what a drag would reach."""

    def __init__(self) -> None:
        self.maps = np.zeros((0, 3, 4))
        self.moving = False
        self._buffer: Buffer | None = None
        self._texture: BufferTexture | None = None

    def write(self, warp: Warp) -> None:
        """Takes the pose and the heat of `warp`."""
        self.maps = affine(warp.rig.graph.nodes, warp.pose, centre_of(warp)) - np.eye(3, 4)
        self.moving = bool(self.maps.any())
        table = node_table(warp, self.maps)
        if self._buffer is None or self._buffer.nbytes != table.nbytes:
            self.delete()
            self._buffer = Buffer(nbytes=table.nbytes, usage=GL.GL_DYNAMIC_DRAW)
            self._texture = BufferTexture(GL.GL_RGBA32F, self._buffer)
        self._buffer.write(table)

    def bind(self, program: Program, unit: int) -> None:
        """Binds the texture, where there is one, to `unit` and tells `program`, which is in use."""
        if self._texture:
            self._texture.bind(unit)
            program.set(nodes=unit)

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return self._buffer.nbytes if self._buffer else 0

    def delete(self) -> None:
        """Frees the texture and its buffer."""
        for owner in (self._texture, self._buffer):
            if owner:
                owner.delete()
        self._texture = self._buffer = None


class Skinning:
    """Keeps the GPU up with the warp of one asset.

    upload(index, binding): a generator, in slices, that copies a binding to where the renderer wants it; dropped where
    another rig comes. While a new region is on its way the old one is drawn on; while a new rig is, what is at rest.
    generation: counts up whenever what a picture in the making reads is freed.
    """

    def __init__(self, upload: Callable[[int, Binding], Iterator[None]]) -> None:
        self.nodes = Nodes()
        self.generation = 0
        self._upload = upload
        self._warp: Warp | None = None
        self._held: list[Binding | None] = []
        self._steps: Iterator[None] | None = None
        self._whole = self._written = False

    def follow(self, warp: Warp | None, counts: Sequence[int]) -> None:
        """Takes the asset's warp as it is now; `counts` are the elements that the renderer has. A warp that has no
        nodes, or that was made for other data, is as none."""
        if warp is not None and (warp.pose is None or [len(part) for part in warp.bindings] != list(counts)):
            warp = None
        if warp is None:
            self.clear()
            return
        if self._warp is None or warp.rig is not self._warp.rig:
            self.clear()
            self._held = [None] * len(counts)
        self._written = self._written and warp is self._warp
        self._warp = warp
        if self._steps is None and self._missing():
            self._steps = self._copy()

    def begin(self, view: View | None = None) -> Warp | None:
        """The warp under which a picture is begun, by `view` where that is given; None: at rest.

        Only now its pose is written, so that a picture in the making, which a newer one overtakes, keeps its own.
        """
        if not self._whole or (view and view.rest):
            return None
        if not self._written:
            self.nodes.write(self._warp)
            self._written = True
        return self._warp

    @property
    def follows(self) -> bool:
        """Whether there is a warp, on the GPU or on its way."""
        return self._warp is not None

    @property
    def busy(self) -> bool:
        """Whether there is something to upload."""
        return self._steps is not None

    def upload_some(self) -> None:
        """Copies a slice."""
        if self._steps is not None and next(self._steps, self) is self:
            self._steps = None

    def clear(self) -> None:
        """Forgets the warp and frees the nodes. What `upload` has made is the renderer's to free."""
        if self._steps is not None:
            self._steps.close()
        self._steps, self._warp, self._held, self._whole, self._written = None, None, [], False, False
        self.generation += 1
        self.nodes.delete()

    def _missing(self) -> list[int]:
        return [i for i, binding in enumerate(self._warp.bindings) if binding is not self._held[i]]

    def _copy(self) -> Iterator[None]:
        # A newer warp may come meanwhile. What is on its way is finished, or a quick hand would see nothing change.
        while missing := self._missing():
            for index in missing:
                binding = self._warp.bindings[index]
                yield from self._upload(index, binding)
                self._held[index] = binding
        self._whole = True


class BindingBuffer:
    """The binding of `count` elements as vertex attributes."""

    def __init__(self, count: int) -> None:
        self._buffer = Buffer(nbytes=max(4, count * BINDING_BYTES))

    def upload(self, binding: Binding) -> Iterator[None]:
        """Copies the binding in slices."""
        for first in range(0, len(binding), _SLICE):
            self._buffer.write(packed(binding, slice(first, first + _SLICE)), first * BINDING_BYTES)
            yield

    def feed(self, vertex_array: VertexArray, skip: int = 1) -> None:
        """Makes `vertex_array` read the binding of every `skip`-th element."""
        for texel in range(BINDING_TEXELS):
            place = {"stride": BINDING_BYTES * skip, "offset": 16 * texel}
            vertex_array.attribute(BINDING_LOCATION + texel, self._buffer, 4, np.uint32, integer=True, **place)

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return self._buffer.nbytes

    def delete(self) -> None:
        """Frees the buffer."""
        self._buffer.delete()


assert FULL == 0xFFFF and INFLUENCES % 4 == 0, "the shaders rely on it"

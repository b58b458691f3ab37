"""Orders splats on the card, by compute shaders (OpenGL 4.3): the same order as splats/order.py, to the last splat.

A card sorts a million splats faster than their indices could be sent to it. A software GL runs the same shaders on the
cores that draw, several times more slowly than numpy sorts, so there the other thread stays: `Capabilities.sorts`.
"""

from __future__ import annotations

import numpy as np
from OpenGL import GL

from assets.deform.warp import Warp

from ..gl.buffer import Buffer
from ..gl.program import Program
from ..skinning import WARPED, Skinning, centre_of
from .order import REACH, Frustum
from .textures import LAYOUT, SplatTextures

_BLOCK = 4096
_DIGITS = 256
_PASSES = 4
_MOST_GROUPS = 65535


class SplatSort:
    """Sorts the splats of `textures`. indices: a buffer of u32, the farthest first, as many as `sort` says."""

    def __init__(self, textures: SplatTextures) -> None:
        self._textures, size = textures, 4 * max(1, textures.count)
        self._keys = [Buffer(nbytes=size, usage=GL.GL_DYNAMIC_COPY) for _ in range(2)]
        self._splats = [Buffer(nbytes=size, usage=GL.GL_DYNAMIC_COPY) for _ in range(2)]
        self._table = Buffer(nbytes=4 * _DIGITS * self._blocks(textures.count), usage=GL.GL_DYNAMIC_COPY)
        self._totals = Buffer(nbytes=4 * (_DIGITS + 1), usage=GL.GL_DYNAMIC_COPY)
        self._programs: dict[tuple, Program] = {}
        self.indices = self._splats[0]

    @staticmethod
    def _blocks(count: int) -> int:
        return max(1, -(-count // _BLOCK))

    @staticmethod
    def fits(count: int) -> bool:
        """Whether so many splats can be sorted in one go: every card has 65535 groups."""
        return count <= 256 * _MOST_GROUPS

    def sort(self, count: int, frustum: Frustum, skinning: Skinning, warp: Warp | None) -> int:
        """Orders those of the first `count` splats that can be seen, where `warp` moves them; returns how many."""
        if not count:
            return 0
        blocks = self._blocks(count)
        self._totals.write(np.zeros(_DIGITS + 1, np.uint32))
        self._make_keys(count, frustum, skinning, warp)
        for step in range(_PASSES):
            self._bind(step % 2)
            for name, groups in (("COUNT", blocks), ("SCAN", _DIGITS), ("SCATTER", blocks)):
                program = self._program({f"STEP_{name}": 1, "BLOCK": _BLOCK})
                program.use()
                program.set(count=count, blocks=blocks, shift=8 * step)
                self._run(groups)
        # What follows reads the order as an attribute, and the count here.
        GL.glMemoryBarrier(GL.GL_VERTEX_ATTRIB_ARRAY_BARRIER_BIT | GL.GL_BUFFER_UPDATE_BARRIER_BIT)
        return int(self._totals.read(np.uint32, 1, 4 * _DIGITS)[0])

    def _make_keys(self, count: int, frustum: Frustum, skinning: Skinning, warp: Warp | None) -> None:
        textures = self._textures
        defines = LAYOUT | {"CHUNKS": textures.chunks, "COLOR_TEXELS": textures.color_texels, "STEP_KEYS": 1}
        program = self._program(defines | (WARPED if warp is not None else {}))
        program.use()
        textures.bind()
        textures.set_uniforms(program)
        if warp is not None:
            skinning.nodes.bind(program, textures.free_unit)
            program.set(centre=centre_of(warp))
        for side, row in enumerate(np.concatenate([frustum.normals, frustum.offsets[:, None]], 1)):
            program.set(**{f"sides[{side}]": row, f"reaches[{side}]": float(frustum.reaches[side])})
        program.set(count=count, reach=REACH)
        self._bind(1)
        self._run(-(-count // 256))

    def _bind(self, source: int) -> None:
        """Binds what a step reads, from the buffers `source`, and what it writes, into the others."""
        pair = (self._keys[source], self._splats[source], self._keys[1 - source], self._splats[1 - source])
        for binding, buffer in enumerate((*pair, self._table, self._totals)):
            GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, binding, buffer.id)

    def _run(self, groups: int) -> None:
        GL.glDispatchCompute(groups, 1, 1)
        GL.glMemoryBarrier(GL.GL_SHADER_STORAGE_BARRIER_BIT)

    def _program(self, defines: dict[str, object]) -> Program:
        key = tuple(sorted(defines.items()))
        if key not in self._programs:
            self._programs[key] = Program("gaussian_sort.glsl", defines)
        return self._programs[key]

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return sum(buffer.nbytes for buffer in (*self._keys, *self._splats, self._table, self._totals))

    def delete(self) -> None:
        """Frees buffers and programs."""
        for owner in (*self._keys, *self._splats, self._table, self._totals, *self._programs.values()):
            owner.delete()
        self._programs.clear()

"""Which splats are lit up, on the GPU: one bit each, in the order of the textures that hold the splats.

A row of the texture has ROW_TEXELS words of 32 bits, so a million splats take 128 KB, and a range that is dragged over
a histogram is there within a frame.
"""

from __future__ import annotations

import numpy as np
from OpenGL import GL

from ..gl.texture import Texture
from .shapes import LIT_COLOR, LIT_SHARE, UNLIT_SHARE
from .textures import SplatTextures

ROW_TEXELS = 1024
_PER_ROW = 32 * ROW_TEXELS
_ROWS_AT_ONCE = 4

DEFINES = {
    "LIT": 1,
    "LIT_ROW": ROW_TEXELS,
    "LIT_COLOR": "vec3({:.6f}, {:.6f}, {:.6f})".format(*LIT_COLOR),
    "LIT_SHARE": f"{LIT_SHARE:.6f}",
    "UNLIT_SHARE": f"{UNLIT_SHARE:.6f}",
}
"""What the projection has to know of it."""


class SplatLights:
    """The lit splats of one asset. `follow` begins anew, `upload_some` goes on until nothing is `busy`."""

    def __init__(self) -> None:
        self._mask: np.ndarray | None = None
        self._texture: Texture | None = None
        self._done = 0
        self._complete = False

    @property
    def busy(self) -> bool:
        """Whether there is something to upload."""
        return self._mask is not None

    @property
    def on(self) -> bool:
        """Whether a whole set of lit splats is there."""
        return self._texture is not None and self._complete

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return self._texture.nbytes if self._texture else 0

    def follow(self, mask: np.ndarray | None, count: int) -> None:
        """Takes which rows of the asset are lit, (N,) bool, or None; `count` splats are in the textures. What was
        there before is shown until all of it is replaced, as long as it is about as many splats."""
        size = (ROW_TEXELS, max(1, -(-count // _PER_ROW)))
        if self._texture is not None and (mask is None or self._texture.size != size):
            self.delete()
        self._mask, self._done = mask, 0
        if mask is not None and self._texture is None:
            self._texture = Texture(GL.GL_R32I, size, linear=False)

    def upload_some(self, textures: SplatTextures) -> None:
        """Uploads the bits of some hundred thousand splats."""
        end = min(self._done + _ROWS_AT_ONCE * _PER_ROW, textures.count)
        lit = self._mask[textures.rows(slice(self._done, end))]
        height = max(1, -(-len(lit) // _PER_ROW))
        bits = np.zeros(height * _PER_ROW // 8, np.uint8)
        packed = np.packbits(lit, bitorder="little")
        bits[: len(packed)] = packed
        self._texture.write(bits.view("<i4").astype(np.int32).reshape(height, ROW_TEXELS), (0, self._done // _PER_ROW))
        self._done = end
        if end == textures.count:
            self._mask, self._complete = None, True

    def bind(self, unit: int) -> None:
        """Binds the bits to a texture unit."""
        self._texture.bind(unit)

    def delete(self) -> None:
        """Frees the texture; nothing is lit."""
        if self._texture:
            self._texture.delete()
        self._texture = self._mask = None
        self._complete = False

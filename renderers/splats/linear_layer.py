"""Splats that were trained in linear light: blended in it among themselves, then laid over the picture as sRGB.

By KHR_gaussian_splatting, colours are evaluated and blended in the space that is declared, before any transfer curve.
The layer is a picture of its own for one asset, with the depth of what is drawn so far. When all of its splats are in
it, each pixel's mean colour is encoded (IEC 61966-2-1), and laid with the alpha that the splats have together over what
is behind: that stays in display space. There is no tone map; more than 1 is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from OpenGL import GL

from ..gl.buffer import VertexArray
from ..gl.framebuffer import Framebuffer
from ..gl.program import Program
from ..pacing import Pacer
from ..renderer import View

_SOFTWARE_PIECE = 262144


class LinearLayer:
    """The layer of one asset. Nothing is allocated before the first `drawn`."""

    def __init__(self) -> None:
        self._target: Framebuffer | None = None
        self._encode: Program | None = None
        self._nothing: VertexArray | None = None
        self._pacer: Pacer | None = None

    def drawn(self, view: View, draw: Callable[[View], Iterator[None]]) -> Iterator[None]:
        """Goes through the steps of draw(view) with the layer as the target, and then lays it over that of `view`."""
        self._begin(view)
        try:
            for _ in draw(replace(view, framebuffer=self._target.id)):
                yield
                GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self._target.id)
        finally:
            # Let go of it: the frame may free it, and a texture lives for as long as it is attached.
            self._test_against(0)
        bottom = 0
        while bottom < view.height:
            started = self._pacer.begin()
            rows = min(max(1, self._pacer.elements // view.width), view.height - bottom)
            self._lay(view, bottom, rows)
            self._pacer.finish(started, rows * view.width)
            bottom += rows
            yield

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return self._target.colors[0].nbytes if self._target else 0

    def delete(self) -> None:
        """Frees the GL objects."""
        for owner in (self._target, self._encode, self._nothing):
            if owner:
                owner.delete()
        self._target = self._encode = self._nothing = None

    def _begin(self, view: View) -> None:
        """An empty layer of the size of the picture, that tests against its depth."""
        size = view.width, view.height
        if self._encode is None:
            self._encode, self._nothing = Program("splat_encode.glsl"), VertexArray()
            self._pacer = Pacer(_SOFTWARE_PIECE)
        if self._target is not None and self._target.size != size:
            self._target.delete()
            self._target = None
        if self._target is None:
            self._target = Framebuffer(size, depth=False)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self._target.id)
        self._test_against(view.depth_texture)
        GL.glClearColor(0.0, 0.0, 0.0, 0.0)
        GL.glClear(GL.GL_COLOR_BUFFER_BIT)

    def _lay(self, view: View, bottom: int, rows: int) -> None:
        """Lays `rows` of the layer over the picture, from the one at `bottom` upwards."""
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, view.framebuffer)
        GL.glEnable(GL.GL_SCISSOR_TEST)
        GL.glScissor(0, bottom, view.width, rows)
        # What is opaque was tested against already.
        GL.glDisable(GL.GL_DEPTH_TEST)
        self._encode.use()
        self._target.colors[0].bind(0)
        self._encode.set(layer=0)
        self._nothing.bind()
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
        GL.glEnable(GL.GL_DEPTH_TEST)
        GL.glDisable(GL.GL_SCISSOR_TEST)

    def _test_against(self, depth_texture: int) -> None:
        """Makes a texture, or none (0), the depth of the layer, which is bound."""
        place = GL.GL_FRAMEBUFFER, GL.GL_DEPTH_ATTACHMENT, GL.GL_TEXTURE_2D
        GL.glFramebufferTexture2D(*place, depth_texture, 0)

"""Textures of materials on the GPU: copied and halved into mipmaps in slices, since both block a software GL."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from OpenGL import GL

from assets.mesh import Material

from ..gl.buffer import VertexArray
from ..gl.context import capabilities
from ..gl.lifetime import GLObject
from ..gl.program import Program
from ..gl.texture import Texture

SLICE_TEXELS = 1 << 19
"""Texels copied or averaged at once: under 10 ms in a software GL."""

SOFTWARE_SIDE = 4096
"""A software GL clears the memory of a new texture at once; for a larger one that would stop the window."""

COLOR_TEXTURES = ("base_color_texture", "emissive_texture")
"""Those that hold sRGB; the others hold numbers."""

TextureKey = tuple[int, bool]


def texture_key(image: np.ndarray, name: str) -> TextureKey:
    """What an uploaded image is found by: materials often share images, and one image may serve two purposes."""
    return id(image), name in COLOR_TEXTURES


class MaterialTextures:
    """The textures that the materials of a mesh use, each uploaded once."""

    def __init__(self) -> None:
        self._textures: dict[TextureKey, MipmappedTexture] = {}
        self._complete: set[TextureKey] = set()
        self._halver: Halver | None = None

    def upload(self, material: Material) -> Iterator[None]:
        """Copies what `material` uses and is not there yet."""
        for name, image in material.textures().items():
            key = texture_key(image, name)
            if key not in self._textures:
                factor = shrink_factor(image, largest_side())
                size = (max(1, image.shape[1] // factor), max(1, image.shape[0] // factor))
                internal = GL.GL_SRGB8_ALPHA8 if name in COLOR_TEXTURES else GL.GL_RGBA8
                self._textures[key] = texture = MipmappedTexture(internal, size)
                yield
                yield from _copy(texture, image, factor)
                self._halver = self._halver or Halver()
                yield from self._halver.build_mipmaps(texture)
                self._complete.add(key)

    def has_all(self, material: Material) -> bool:
        """Whether everything that `material` uses is there."""
        return all(texture_key(image, name) in self._complete for name, image in material.textures().items())

    def find(self, image: np.ndarray, name: str) -> Texture:
        """The texture that holds `image` for the material's attribute `name`."""
        return self._textures[texture_key(image, name)]

    @property
    def nbytes(self) -> int:
        """GPU memory with mipmaps, in bytes."""
        return sum(texture.nbytes * 4 // 3 for texture in self._textures.values())

    def delete(self) -> None:
        """Frees every texture."""
        for texture in self._textures.values():
            texture.delete()
        if self._halver:
            self._halver.delete()
            self._halver = None
        self._textures.clear()
        self._complete.clear()


def largest_side() -> int:
    """Texels that a side of a texture may have."""
    limit = capabilities().max_texture
    return min(limit, SOFTWARE_SIDE) if capabilities().software else limit


def shrink_factor(image: np.ndarray, limit: int) -> int:
    """The whole number by which `image` (H,W,4) must be divided so that no side exceeds `limit` texels."""
    return max(1, -(-max(image.shape[:2]) // limit))


def shrink(rows: np.ndarray, factor: int) -> np.ndarray:
    """Averages blocks of factor × factor texels of `rows` (H,W,4) u8; what is left over at the end is cut off."""
    height, width = rows.shape[0] // factor, rows.shape[1] // factor
    blocks = rows[: height * factor, : width * factor].reshape(height, factor, width, factor, rows.shape[2])
    return (blocks.sum((1, 3), dtype=np.uint32) // (factor * factor)).astype(np.uint8)


def _copy(texture: Texture, image: np.ndarray, factor: int) -> Iterator[None]:
    step = max(1, SLICE_TEXELS // (image.shape[1] * factor)) * factor
    for first in range(0, texture.size[1] * factor, step):
        rows = image[first : first + step]
        if factor > 1:
            rows = shrink(_padded(rows, factor), factor)
        texture.write(rows, (0, first // factor))
        yield


def _padded(rows: np.ndarray, factor: int) -> np.ndarray:
    """`rows` with sides of at least `factor`, so that a strip thinner than a block is not lost."""
    missing = [(0, max(0, factor - length)) for length in rows.shape[:2]]
    return np.pad(rows, [*missing, (0, 0)], mode="edge") if any(after for _, after in missing) else rows


class MipmappedTexture(Texture):
    """A repeating texture with room for all its smaller levels, which a `Halver` fills."""

    def __init__(self, internal: int, size: tuple[int, int]) -> None:
        super().__init__(internal, size, repeat=True, mipmapped=True)
        self.levels = [self.size]
        while max(self.levels[-1]) > 1:
            self.levels.append(tuple(max(1, n // 2) for n in self.levels[-1]))
        for level, shape in enumerate(self.levels[1:], 1):
            GL.glTexImage2D(self.target, level, internal, *shape, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, None)
        self.use_levels(0, len(self.levels) - 1)

    def use_levels(self, first: int, last: int) -> None:
        """Restricts sampling to these levels."""
        GL.glBindTexture(self.target, self.id)
        GL.glTexParameteri(self.target, GL.GL_TEXTURE_BASE_LEVEL, first)
        GL.glTexParameteri(self.target, GL.GL_TEXTURE_MAX_LEVEL, last)


class Halver(GLObject):
    """A framebuffer that draws into one level of a texture after the other, from the level above."""

    def __init__(self) -> None:
        super().__init__(GL.glGenFramebuffers(1))
        self._program = Program("mipmap.glsl")
        self._nothing = VertexArray()

    def build_mipmaps(self, texture: MipmappedTexture) -> Iterator[None]:
        """Fills the smaller levels of `texture` in slices."""
        for level, size in enumerate(texture.levels[1:], 1):
            rows = max(1, SLICE_TEXELS // (2 * size[0]))
            for first in range(0, size[1], rows):
                self._halve(texture, level, first, min(rows, size[1] - first))
                if size[0] * size[1] > SLICE_TEXELS // 16:
                    yield

    def _halve(self, texture: MipmappedTexture, level: int, first: int, rows: int) -> None:
        size = texture.levels[level]
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self.id)
        GL.glFramebufferTexture2D(GL.GL_FRAMEBUFFER, GL.GL_COLOR_ATTACHMENT0, texture.target, texture.id, level)
        GL.glViewport(0, 0, *size)
        for state in (GL.GL_DEPTH_TEST, GL.GL_BLEND, GL.GL_CULL_FACE):
            GL.glDisable(state)
        GL.glEnable(GL.GL_SCISSOR_TEST)
        GL.glScissor(0, first, size[0], rows)
        GL.glEnable(GL.GL_FRAMEBUFFER_SRGB)
        texture.bind(0)
        # Sampling is bound to the level above: reading and writing one level at once is undefined.
        texture.use_levels(level - 1, level - 1)
        self._program.use()
        self._program.set(level=0, size=(float(size[0]), float(size[1])))
        self._nothing.bind()
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
        texture.use_levels(0, len(texture.levels) - 1)
        GL.glDisable(GL.GL_FRAMEBUFFER_SRGB)
        GL.glDisable(GL.GL_SCISSOR_TEST)
        if capabilities().software:
            GL.glFinish()

    def delete(self) -> None:
        """Frees the framebuffer and the program."""
        self._program.delete()
        self._nothing.delete()
        super().delete()

    def _free(self, name: int) -> None:
        GL.glDeleteFramebuffers(1, [name])

"""Draws the planes of a field whose decoder is not known: each as a sheet through the middle of the box.

The pictures are those of `assets.fields.plane_images`: the principal components of the features. They are made in
slices, like an upload.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from OpenGL import GL

from assets.fields.description import Group, Plane
from assets.fields.plane_images import levels, pictures, planes_of, point_at, texels
from assets.triplane import Triplane

from ..gl.buffer import VertexArray
from ..gl.program import Program
from ..gl.texture import Texture
from ..renderer import View

MOST = 12
"""Sheets that are drawn: more would hide each other."""

Sheet = tuple[Texture, np.ndarray]
"""The picture, and in the asset's frame (3,3): a corner, the way along the columns, the way along the rows."""


class PlaneSheets:
    """Owns the textures and the program. Needs its GL context current."""

    def __init__(self, asset: Triplane) -> None:
        self._asset = asset
        self._made_of: tuple = ()
        self._steps: Iterator[None] | None = None
        self._sheets: list[Sheet] = []
        self._program: Program | None = None
        self._nothing: VertexArray | None = None

    @property
    def nbytes(self) -> int:
        """GPU memory, in bytes."""
        return sum(texture.nbytes for texture, _ in self._sheets)

    def sync(self, seconds: float) -> bool:
        """Makes the pictures, for about `seconds`. Returns whether they are there."""
        made_of = (self._asset.tensors, self._asset.description)
        if len(self._made_of) != 2 or any(now is not then for now, then in zip(made_of, self._made_of, strict=True)):
            self._made_of, self._steps = made_of, self._make()
        end = time.perf_counter() + seconds
        while self._steps is not None:
            if next(self._steps, self) is self:
                self._steps = None
            elif time.perf_counter() >= end:
                return False
        return True

    def draw(self, view: View) -> Iterator[None]:
        """Draws the sheets; they hide what is behind them."""
        if not self._sheets:
            return
        self._program = self._program or Program("plane_sheet.glsl")
        self._nothing = self._nothing or VertexArray()
        self._program.use()
        self._program.set(modelView=view.view @ self._asset.transform, projection=view.projection, features=0)
        self._nothing.bind()
        GL.glDisable(GL.GL_BLEND)
        for texture, (corner, columns, rows) in self._sheets:
            texture.bind(0)
            self._program.set(corner=corner, alongColumns=columns, alongRows=rows)
            GL.glDrawArrays(GL.GL_TRIANGLE_STRIP, 0, 4)
        GL.glEnable(GL.GL_BLEND)
        yield

    def delete(self) -> None:
        """Frees every GL object."""
        self._forget()
        for owned in (self._program, self._nothing):
            if owned:
                owned.delete()
        self._program = self._nothing = None
        self._made_of, self._steps = (), None

    def _forget(self) -> None:
        for texture, _ in self._sheets:
            texture.delete()
        self._sheets = []

    def _make(self) -> Iterator[None]:
        group = self._asset.description.groups[0]
        planes = [plane for plane in planes_of(group, levels(group)[0]) if _lies_in_space(plane)][:MOST]
        features = [texels(self._asset.tensors, plane) for plane in planes]
        made: list[Sheet] = []
        for width in dict.fromkeys(len(entry) for entry in features):
            numbers = [number for number, entry in enumerate(features) if len(entry) == width]
            job = pictures([features[number] for number in numbers], "pca")
            try:
                while True:
                    next(job)
                    yield
            except StopIteration as done:
                shown = done.value
            for number, picture in zip(numbers, shown, strict=True):
                made.append((_texture(picture), self._corners(group, planes[number], picture.shape[:2])))
                yield
        self._forget()
        self._sheets = made

    def _corners(self, group: Group, plane: Plane, size: tuple[int, int]) -> np.ndarray:
        """Where a plane of `size` (rows, columns) lies, as a `Sheet` says it."""
        description = self._asset.description
        # A contracted space has no end: its sheets stand in the part that is as it is.
        flat = replace(description, space=replace(description.space, contraction=None))
        middle = np.array([description.space.low, description.space.high]).mean(0)
        ends = ((-0.5, -0.5), (size[1] - 0.5, -0.5), (-0.5, size[0] - 0.5))
        found = [point_at(flat, group, plane, size, end, middle, 0.0)[0] for end in ends]
        return np.stack([found[0], found[1] - found[0], found[2] - found[0]])


def _lies_in_space(plane: Plane) -> bool:
    return len(plane.axes) >= 2 and all(axis[-1] != "t" for axis in plane.axes)


def _texture(picture: np.ndarray) -> Texture:
    """(H,W,3) u8 as a texture that shows its texels."""
    texture = Texture(GL.GL_RGBA8, picture.shape[1::-1], linear=False)
    texture.write(np.concatenate([picture, np.full_like(picture[..., :1], 255)], -1))
    return texture

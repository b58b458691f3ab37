"""Draws point clouds: round discs of a fixed size on the screen, with depth."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from OpenGL import GL

from assets.deform.binding import Binding
from assets.deform.warp import Warp
from assets.points import Points

from .camera import Camera
from .depth_pick import pick_depth
from .framing import depth_extent
from .gl.buffer import Buffer, VertexArray
from .gl.program import Program
from .meshes.buffers import upload
from .pacing import Pacer
from .renderer import Renderer, RendererRecord, Stage, View
from .skinning import STRAINED, WARPED, BindingBuffer, Skinning, centre_of, from_centre

SOFTWARE_POINTS = 15_000
"""First guess of what a software GL draws in a piece."""

DEFAULT_COLOR = (0.80, 0.815, 0.835, 1.0)
"""Points without colours, sRGB."""

POSITION, COLOR = 0, 1
"""Attribute locations."""


class PointsRenderer(Renderer):
    """Owns the buffers and the programs of one point cloud."""

    stage = Stage.OPAQUE

    def __init__(self, asset: Points) -> None:
        super().__init__(asset)
        self._programs: dict[tuple[str, ...], Program] = {}
        self._positions: Buffer | None = None
        self._colors: Buffer | None = None
        self._vertex_array: VertexArray | None = None
        self._warped: VertexArray | None = None
        self._bindings: BindingBuffer | None = None
        self._skinning = Skinning(self._upload_binding)
        self._count = 0
        self._upload: Iterator[None] | None = None
        self._pacer = Pacer(SOFTWARE_POINTS)

    def sync(self, seconds: float) -> bool:
        end = time.perf_counter() + seconds
        if "data" in self._stale:
            self.dispose()
            self._upload = self._upload_all()
        if self._stale & {"data", "warp"}:
            self._follow()
        self._stale.clear()
        while self._upload is not None or self._skinning.busy:
            if self._upload is None:
                self._skinning.upload_some()
            elif next(self._upload, self) is self:
                self._upload = None
            if time.perf_counter() >= end:
                break
        return self._upload is None and not self._skinning.busy

    def draw(self, view: View) -> Iterator[None]:
        return self._draw(view, self.asset.display.size_px * view.pixel_ratio, self._skinning.begin(view))

    def pick_depth(self, camera: Camera, x: float, y: float) -> float | None:
        size = self.asset.display.size_px
        # A point whose centre lies outside the picture is dropped whole, so the picture reaches as far as a disc does.
        reach = int(np.ceil(0.5 * size)) + 1
        bounds, warp = self.asset.bounds(), self._skinning.begin()
        return pick_depth(self, camera, x, y, bounds, draw=lambda view: self._draw(view, size, warp), reach_px=reach)

    def dispose(self) -> None:
        self._upload = None
        self._skinning.clear()
        self._free_skin()
        for item in (*self._programs.values(), self._positions, self._colors, self._vertex_array):
            if item:
                item.delete()
        self._programs.clear()
        self._positions = self._colors = self._vertex_array = None
        self._count = 0

    @property
    def gpu_bytes(self) -> int:
        held = (self._positions, self._colors, self._bindings, self._skinning.nodes)
        return sum(item.nbytes for item in held if item)

    def _follow(self) -> None:
        self._skinning.follow(self.asset.warp, [len(self.asset.positions)])
        if not self._skinning.follows:
            self._free_skin()

    def _upload_binding(self, index: int, binding: Binding) -> Iterator[None]:
        if self._bindings is None:
            self._bindings, self._warped = BindingBuffer(len(binding)), VertexArray()
        yield from self._bindings.upload(binding)

    def _free_skin(self) -> None:
        for item in (self._bindings, self._warped):
            if item:
                item.delete()
        self._bindings = self._warped = None

    def _upload_all(self) -> Iterator[None]:
        """Fills the buffers in slices; what is there of both can be drawn."""
        positions, colors = self.asset.positions, self.asset.colors
        self._positions = Buffer(nbytes=len(positions) * 12)
        self._colors = Buffer(nbytes=len(positions) * 4) if colors is not None else None
        self._vertex_array = VertexArray()
        yield
        if colors is not None:
            yield from upload(self._colors, colors, np.uint8)
        yield from upload(self._positions, positions, np.float32)
        self._count = len(positions)

    def _draw(self, view: View, size_px: float, warp: Warp | None) -> Iterator[None]:
        # Every n-th point stands for all while the camera moves: a longer stride through the same buffers.
        skip = max(1, round(1.0 / max(view.quality.detail, 1e-4)))
        total = -(-self._count // skip)
        done, generation = 0, self._skinning.generation
        while done < total and generation == self._skinning.generation:
            started = self._pacer.begin()
            piece = min(total - done, self._pacer.elements)
            self._bind(view, max(1.0, size_px), skip, warp)
            GL.glDrawArrays(GL.GL_POINTS, done, piece)
            GL.glDisable(GL.GL_PROGRAM_POINT_SIZE)
            GL.glDisable(GL.GL_BLEND)
            done += piece
            self._pacer.finish(started, piece)
            if done < total:
                yield

    def _bind(self, view: View, size_px: float, skip: int, warp: Warp | None) -> None:
        strained = warp is not None and (view.heat is self.asset or view.stretch)
        program = self._program((WARPED if warp is not None else {}) | (STRAINED if strained else {}))
        program.use()
        program.set(
            modelView=view.view @ self.asset.transform,
            projection=view.projection,
            sizePx=float(size_px),
            byDepth=self.asset.display.mode == "depth",
            depthRange=np.array(depth_extent(self.asset.bounds(), view.camera)),
        )
        vertex_array = self._vertex_array
        if warp is not None:
            program.set(modelView=from_centre(view.view @ self.asset.transform, warp), centre=centre_of(warp))
            program.set(showHeat=view.heat is self.asset, showStretch=view.stretch)
            self._skinning.nodes.bind(program, 0)
            vertex_array = self._warped
            self._bindings.feed(vertex_array, skip)
        vertex_array.attribute(POSITION, self._positions, 3, stride=12 * skip)
        if self._colors:
            vertex_array.attribute(COLOR, self._colors, 4, np.uint8, stride=4 * skip, normalized=True)
        else:
            GL.glVertexAttrib4f(COLOR, *DEFAULT_COLOR)
        GL.glEnable(GL.GL_PROGRAM_POINT_SIZE)
        GL.glEnable(GL.GL_BLEND)

    def _program(self, defines: dict[str, int]) -> Program:
        key = tuple(defines)
        if key not in self._programs:
            self._programs[key] = Program("points.glsl", defines)
        return self._programs[key]


RENDERER = RendererRecord(Points, PointsRenderer)

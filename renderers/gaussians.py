"""Splats by rasterising: each is projected once, then drawn as a quad, back to front.

The GPU holds the splats in the order in which they matter (`Gaussians.order`), in textures, so that any first part of
them is a coarse picture of all. A frame orders what it draws by depth (splats/order.py, or splats/sort.py on a card)
and then goes through it in pieces: one pass runs the vertex shader once per splat and captures its shape in the
picture and its colour by transform feedback, the next draws those as instances of a quad, or as what else
splats/shapes.py says. So projection and colour are computed once, not at each corner, and the captured records need
room for one piece only. Where the GL is software, the records are read back instead and painted by our own loops
(splats/tiles.py). Under a warp, splats are ordered where it moves them (splats/moving.py) and the projection bends
each. Needs no more than OpenGL 4.1.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from OpenGL import GL

from assets.deform.binding import Binding
from assets.deform.warp import Warp
from assets.errors import Cancelled
from assets.gaussians import Gaussians

from .camera import Camera
from .framing import depth_extent
from .gl.buffer import Buffer, VertexArray
from .gl.context import capabilities
from .gl.program import Program
from .pacing import Pacer
from .renderer import Picked, Renderer, RendererRecord, Stage, View
from .skinning import STRAINED, WARPED, Skinning, centre_of, from_centre
from .splats.lights import DEFINES, SplatLights
from .splats.linear_layer import LinearLayer
from .splats.moving import SplatMover, capture
from .splats.order import Frustum, SplatOrder, frustum_of
from .splats.picking import PickedSplat, median_splat
from .splats.projection import DOT_PX, MARGIN, camera_matrix, diagonal_of, largest_radius
from .splats.shapes import PAINTS, Shape, shape_of
from .splats.sort import SplatSort
from .splats.textures import LAYOUT, SplatTextures
from .splats.tiles import TileLayer, TilePicture, read_depth

_RECORDS_BYTES = 48 * 262144
_SOFTWARE_RECORDS_BYTES = 48 * 32768
"""Room for the records of a piece: on a card as many as keep it busy, elsewhere as many as 10 ms are for."""

_SOFTWARE_PIECE = 8192
_LARGEST_GROWTH = 2.5
_PAINT_UNIFORMS = ("viewport", "projection", "focal", "orthographic", "depthRange")


class GaussiansRenderer(Renderer):
    """Draws splats with the exact rules of their trainers, within the precision of half floats."""

    stage = Stage.SPLAT

    def __init__(self, asset: Gaussians) -> None:
        super().__init__(asset)
        self.asset: Gaussians = asset
        self._textures: SplatTextures | None = None
        self._order: SplatOrder | None = None
        self._mover: SplatMover | None = None
        self._sort: SplatSort | None = None
        self._skinning = Skinning(self._upload_binding)
        self._lights = SplatLights()
        self._layer = LinearLayer()
        self._tiles = TileLayer()
        self._in_tiles = capabilities().software
        self._programs: dict[tuple, Program] = {}
        self._indices: Buffer | None = None
        self._records: Buffer | None = None
        self._feeds: dict[tuple[str, ...], VertexArray] = {}
        self._source: VertexArray | None = None
        self._pacer: Pacer | None = None

    def sync(self, seconds: float) -> bool:
        end = time.perf_counter() + seconds
        if "data" in self._stale or ("prepared" in self._stale and self._is_out_of_order()):
            self._start()
            self._follow()
        if "warp" in self._stale:
            self._follow()
        if "highlight" in self._stale:
            self._lights.follow(self.asset.lit(), self._textures.count)
        self._stale.clear()
        while not self._textures.complete or self._skinning.busy or self._lights.busy:
            if self._textures.complete and self._lights.busy:
                self._lights.upload_some(self._textures)
            elif self._textures.complete:
                self._skinning.upload_some()
            else:
                self._textures.upload_some(self.asset)
            if time.perf_counter() >= end:
                break
        return self._textures.complete and not self._skinning.busy and not self._lights.busy

    def _follow(self) -> None:
        self._skinning.follow(self.asset.warp, [len(self.asset)])
        if not self._skinning.follows:
            self._free_skin()

    def _upload_binding(self, index: int, binding: Binding) -> Iterator[None]:
        yield from self._textures.upload_binding(binding)
        if self._mover is None:
            self._mover = SplatMover(self._textures, self._skinning)
        self._mover.forget()

    def _free_skin(self) -> None:
        self._textures.free_binding()
        if self._mover:
            self._mover.delete()
        self._mover = None

    def _is_out_of_order(self) -> bool:
        return self._textures is None or self._textures.order is not self.asset.order

    def _start(self) -> None:
        """Makes room for the asset's splats, empty so far."""
        self._free_data()
        self._textures = SplatTextures(self.asset)
        self._order = SplatOrder(self._textures.positions, self._textures.reaches)
        self._lights.follow(self.asset.lit(), self._textures.count)
        self._diagonal = diagonal_of(self.asset)
        if self._records is None:
            self._pacer = Pacer(_SOFTWARE_PIECE)
            nbytes = _SOFTWARE_RECORDS_BYTES if capabilities().software else _RECORDS_BYTES
            self._records = Buffer(nbytes=nbytes, usage=GL.GL_STREAM_COPY)
            self._source = VertexArray()
        if capabilities().sorts and SplatSort.fits(self._textures.count):
            self._sort = SplatSort(self._textures)
        else:
            self._indices = Buffer(nbytes=max(4, 4 * self._textures.count), usage=GL.GL_STREAM_DRAW)
        indices = self._sort.indices if self._sort else self._indices
        self._source.attribute(0, indices, 1, np.uint32, integer=True)

    def draw(self, view: View) -> Iterator[None]:
        if shape_of(self.asset).linear:
            return self._layer.drawn(view, self._steps)
        return self._steps(view)

    def _steps(self, view: View) -> Iterator[None]:
        """Draws into the target of `view`, as `draw` does."""
        textures = self._textures
        if textures is None or not textures.count:
            return
        if not textures.filled:
            raise Cancelled("Its splats are on their way.")
        count = max(1, min(textures.filled, round(textures.filled * view.quality.detail)))
        matrix, shape = camera_matrix(self.asset, view.camera), shape_of(self.asset)
        frustum = frustum_of(view.camera, matrix, self._size(view, shape))
        warp, generation = self._skinning.begin(view), self._skinning.generation
        for seen in self._ordered(count, frustum, warp):
            if seen is None:
                yield
                self._check(textures, generation)
        project, paint = self._prepared_programs(view, shape, warp)
        if paint is None:
            pieces = self._paint_tiles(project, shape, seen, view)
        else:
            pieces = self._paint_quads(project, paint, shape, seen)
        for _ in pieces:
            yield
            self._check(textures, generation)

    def _paint_quads(self, project: Program, paint: Program, shape: Shape, seen: int) -> Iterator[None]:
        """Draws the first `seen` splats of the index buffer, from its first on, the farthest."""
        first = 0
        while first < seen:
            started = self._pacer.begin()
            piece = min(self._pacer.elements, seen - first, self._records.nbytes // shape.record_bytes)
            self._project(project, first, piece)
            with _blending(shape):
                paint.use()
                self._feed(shape)
                GL.glDrawArraysInstanced(GL.GL_TRIANGLE_STRIP, 0, 4, piece)
            self._pacer.finish(started, piece)
            first += piece
            yield

    def _paint_tiles(self, project: Program, shape: Shape, seen: int, view: View) -> Iterator[None]:
        """Paints the same splats from the last one on, the nearest: one piece while the next is projected."""
        picture, left = TilePicture(view.width, view.height, read_depth(view.width, view.height)), seen
        while left > 0:
            started = self._pacer.begin()
            piece = min(self._pacer.elements, left, self._records.nbytes // shape.record_bytes)
            left -= piece
            self._project(project, left, piece)
            records = self._records.read(np.float32, piece * shape.record_bytes // 4).reshape(piece, -1)
            yield from picture.add(records)
            self._pacer.finish(started, piece)
        yield from self._tiles.lay(picture.finished())

    def _check(self, textures: SplatTextures, generation: int) -> None:
        """Raises Cancelled where a picture in the making reads what is not there any more."""
        if textures is not self._textures or generation != self._skinning.generation:
            raise Cancelled("Its splats are others now.")

    def _ordered(self, count: int, frustum: Frustum, warp: Warp | None) -> Iterator[int | None]:
        """Writes those of the first `count` splats that can be seen into the index buffer, in the order in which they
        are blended; yields None meanwhile, then how many they are."""
        moving = self._skinning.nodes.moving
        if self._sort is not None:
            yield self._sort.sort(count, frustum, self._skinning, warp if moving else None)
            return
        order = self._order
        if warp is not None and moving:
            yield from self._mover.steps(warp, count)
            order = self._mover.order
        for visible in order.steps(count, frustum):
            if visible is None:
                yield None
        self._indices.write(visible)
        yield len(visible)

    def _feed(self, shape: Shape) -> None:
        """Feeds the records to a program, each to an instance."""
        feed = self._feeds.get(shape.captures)
        if feed is not None:
            feed.bind()
            return
        feed = self._feeds[shape.captures] = VertexArray()
        for location in range(len(shape.captures)):
            place = {"stride": shape.record_bytes, "offset": 16 * location, "divisor": 1}
            feed.attribute(location, self._records, 4, **place)

    def _project(self, program: Program, first: int, count: int) -> None:
        """Turns `count` splats from `first` in the index buffer into records."""
        program.use()
        self._textures.bind()
        self._skinning.nodes.bind(program, self._textures.free_unit)
        if self._lights.on:
            self._lights.bind(self._lights_unit)
        self._source.bind()
        capture(self._records, first, count)

    def _prepared_programs(self, view: View, shape: Shape, warp: Warp | None) -> tuple[Program, Program | None]:
        """The programs that project and that draw, with what is the same for all splats of this view. None draws what
        is painted in tiles."""
        display, camera = self.asset.display, self._camera_uniforms(view, warp)
        defines = LAYOUT | shape.project
        defines |= {
            "CHUNKS": self._textures.chunks,
            "COLOR_TEXELS": self._textures.color_texels,
            "DEGREE": min(display.sh_degree, self.asset.sh_degree),
        }
        strained = warp is not None and (view.heat is self.asset or view.stretch)
        defines |= (WARPED if warp is not None else {}) | (STRAINED if strained else {})
        defines |= DEFINES if self._lights.on else {}
        if shape.linear and (strained or self._lights.on):
            # What tells something is meant to be seen as it is, so it is mixed in as on the screen.
            defines |= {"ENCODED": 1, "DECODED": 1}
        depths = {"DEPTHS": 1} if shape.depths and not strained and not self._lights.on else {}
        project = self._program("gaussian_project.glsl", defines | depths, shape.captures)
        project.use()
        self._textures.set_uniforms(project)
        if self._lights.on:
            project.set(lit=self._lights_unit)
        project.set(**camera)
        project.set(
            compensate=self.asset.notes.antialiasing == "mip",
            size=self._size(view, shape),
            opacityRange=(display.min_opacity, display.max_opacity),
            largestSize=display.max_scale * self._diagonal / 6 if display.max_scale < 1.0 else 3e38,
            largestRadius=largest_radius(self.asset, view.pixel_ratio),
            extent=float(display.extent),
            dotSize=DOT_PX * max(0.5, view.pixel_ratio),
            mode=PAINTS.get(display.mode, 0),
            showHeat=view.heat is self.asset,
            showStretch=view.stretch,
        )
        if shape.plain and self._in_tiles:
            return project, None
        paint = self._program(shape.program, shape.paint | depths, ())
        paint.use()
        paint.set(extent=float(display.extent), **{name: camera[name] for name in _PAINT_UNIFORMS})
        return project, paint

    def _size(self, view: View, shape: Shape) -> float:
        """Factor on all sizes: where splats are left out, the others grow to close some of the gaps."""
        detail = min(1.0, max(view.quality.detail, 1e-6)) if shape.grows else 1.0
        return float(self.asset.display.size) * min(detail**-0.25, _LARGEST_GROWTH)

    def _camera_uniforms(self, view: View, warp: Warp | None) -> dict:
        """Projection, and the limits within which its Jacobian is taken, with y upwards."""
        camera = view.camera
        orthographic = camera.ortho_height is not None
        inverse = np.linalg.inv(self.asset.transform)
        focal = np.array([camera.fx, camera.fy])
        size, middle = np.array([camera.width, camera.height]), np.array([camera.cx, camera.height - camera.cy])
        margin = MARGIN * 0.5 * size / focal
        eye = inverse[:3, :3] @ camera.eye + inverse[:3, 3]
        model_view = view.view @ self.asset.transform
        centre = np.zeros(3)
        if warp is not None:
            model_view, centre = from_centre(model_view, warp), centre_of(warp)
            eye = eye - centre
        if orthographic:
            focal = np.full(2, 1 / camera.ortho_pixel())
            eye = inverse[:3, :3] @ -camera.camera_to_world[:3, 2]
            eye = eye / np.linalg.norm(eye)
        return {
            "modelView": model_view,
            "centre": centre,
            "projection": view.projection,
            "turnToWorld": view.view[:3, :3].T,
            "viewport": size.astype(np.float64),
            "focal": focal,
            "slopeLow": -middle / focal - margin,
            "slopeHigh": (size - middle) / focal + margin,
            "orthographic": orthographic,
            "eye": eye,
            "depthRange": np.array(depth_extent(self.asset.bounds(), camera)),
        }

    def _program(self, file: str, defines: dict, captures: tuple[str, ...]) -> Program:
        key = (file, *sorted(defines.items()))
        if key not in self._programs:
            self._programs[key] = Program(file, defines, captures)
        return self._programs[key]

    @property
    def _lights_unit(self) -> int:
        """The texture unit of what is lit, behind those of the splats and of a warp's nodes."""
        return self._textures.free_unit + 1

    def pick(self, camera: Camera, x: float, y: float) -> Picked | None:
        found = self.pick_splat(camera, x, y)
        return Picked(found.depth, found.row) if found else None

    def pick_depth(self, camera: Camera, x: float, y: float) -> float | None:
        found = self.pick_splat(camera, x, y)
        return found.depth if found else None

    def pick_splat(self, camera: Camera, x: float, y: float) -> PickedSplat | None:
        """The splat that is seen at the pixel position (x, y): with it, half of the light is gone."""
        if self._textures is None or not self._textures.filled:
            return None
        rows, order, warp = self._textures.rows(slice(0, self._textures.filled)), self._order, self._skinning.begin()
        if warp is not None and self._skinning.nodes.moving:
            self._mover.move(warp, len(rows))
            order = self._mover.order
        return median_splat(self.asset, order, rows, camera, x, y, self._diagonal, warp)

    @property
    def gpu_bytes(self) -> int:
        textures = self._textures.nbytes if self._textures else 0
        held = (self._indices, self._sort, self._records, self._mover, self._skinning.nodes, self._lights)
        held += (self._layer, self._tiles)
        return textures + sum(item.nbytes for item in held if item)

    def _free_data(self) -> None:
        self._skinning.clear()
        self._lights.delete()
        for owner in (self._textures, self._indices, self._sort, self._mover):
            if owner:
                owner.delete()
        self._mover = self._sort = None
        self._textures = self._indices = None

    def dispose(self) -> None:
        self._free_data()
        self._layer.delete()
        self._tiles.delete()
        for owner in (self._records, self._source, *self._feeds.values(), *self._programs.values()):
            if owner:
                owner.delete()
        self._records = self._source = None
        self._feeds.clear()
        self._programs.clear()


@contextmanager
def _blending(shape: Shape) -> Iterator[None]:
    """What a frame does not set for its stage, and finds again as it was."""
    if shape.solid:
        GL.glDepthMask(True)
    if shape.adds:
        GL.glBlendFuncSeparate(GL.GL_ONE, GL.GL_ONE, GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
    yield
    if shape.solid:
        GL.glDepthMask(False)
    if shape.adds:
        GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)


RENDERER = RendererRecord(Gaussians, GaussiansRenderer)

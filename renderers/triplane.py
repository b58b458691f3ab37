"""Draws triplanes: rays through the grid of bricks that a bake left, marched by the step rule of the family or up to
what is opaque.

Design. A field is drawn in two passes. The march writes colour and the depth of half coverage into a picture of its
own, in bands of rows that take about 10 ms each; it reads the frame's opaque depth, which could not be sampled while
it is attached. Then the picture is laid into the frame. While the camera moves the picture may be smaller than the
frame. A finer grid is uploaded beside the one that is shown and replaces it when all of it is there. A field that a
drag has bent is marched in its moved place, through the inverse map of its warp (fields/warp_volume.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from OpenGL import GL

from assets.errors import TriptychError
from assets.fields.description import FieldDescription
from assets.triplane import Triplane

from .camera import Camera
from .depth_pick import pick_depth
from .fields.brick_atlas import BrickAtlas
from .fields.geometry import Rectangle, corner_depths, covered_by, march_box, picture_size, ray_uniforms
from .fields.plane_sheets import PlaneSheets
from .fields.programs import Look, look_of, look_uniforms
from .fields.rule import rule_uniforms
from .fields.warp_volume import WarpTextures
from .gl.buffer import VertexArray
from .gl.framebuffer import Framebuffer
from .gl.program import Program
from .gl.texture import Texture
from .pacing import Pacer
from .renderer import Renderer, RendererRecord, Stage, View

FIRST_BAND_PIXELS = 4000

MOST_PROGRAMS = 16
"""Programs that are kept: each mode has one, and each activation that is tried."""

INDEX, DENSITIES, COLORS, OPAQUE, WARP, STRAIN, VIEWS, EMPTY, KEY, FAR = 0, 1, 2, 3, 4, 6, 7, 13, 14, 15
"""Texture units: the first of those that belong together."""


class TriplaneRenderer(Renderer):
    """Draws one triplane, as soon as a first grid has been baked and uploaded."""

    stage = Stage.FIELD
    asset: Triplane

    def __init__(self, asset: Triplane) -> None:
        super().__init__(asset)
        self._atlas: BrickAtlas | None = None
        self._finer: BrickAtlas | None = None
        self._warp = WarpTextures()
        self._programs: dict[tuple[str, tuple], Program] = {}
        self._key: Texture | None = None
        self._keyed: tuple | None = None
        self._composites: dict[bool, Program] = {}
        self._picture: Framebuffer | None = None
        self._sheets: PlaneSheets | None = None
        self._corners = VertexArray()
        self._pacer = Pacer(FIRST_BAND_PIXELS)

    @property
    def gpu_bytes(self) -> int:
        parts = [part for part in (self._atlas, self._finer) if part]
        pictures = self._picture.colors if self._picture else ()
        sheets = (self._sheets,) if self._sheets else ()
        return sum(part.nbytes for part in (*parts, *pictures, *sheets, self._warp))

    def sync(self, seconds: float) -> bool:
        if not self.asset.has_decoder:
            self._sheets = self._sheets or PlaneSheets(self.asset)
            return self._sheets.sync(seconds)
        if self._sheets:
            self._sheets.delete()
            self._sheets = None
        if self._stale & {"data", "prepared"}:
            self._stale -= {"data", "prepared"}
            self._take_grid()
        if self._finer and self._finer.upload(seconds):
            if self._atlas:
                self._atlas.delete()
            self._atlas, self._finer = self._finer, None
        self._warp.follow(self.asset.warp, self._atlas.grid if self._atlas else None)
        return self._finer is None

    def _take_grid(self) -> None:
        grid = self.asset.grid
        known = [atlas.grid for atlas in (self._atlas, self._finer) if atlas]
        if grid is None or any(grid is other for other in known):
            return
        if self._finer:
            self._finer.delete()
            self._finer = None
        try:
            self._finer = BrickAtlas(grid)
        except ValueError as error:
            # A coarser grid that is shown already is a picture; an error would end the drawing of the whole scene.
            if self._atlas is None:
                raise TriptychError(f"{self.asset.name} cannot be drawn: {error}.") from error

    def draw(self, view: View) -> Iterator[None]:
        if self._sheets:
            yield from self._sheets.draw(view)
            return
        look = self._look(view) if self._atlas else None
        covered = self._covered(view, look) if look else None
        if covered is None or covered.empty:
            return
        if (look.file, look.defines) not in self._programs:
            self._program(look)
            yield
        size = picture_size(view)
        region = covered.scaled(size[0] / view.width, size[1] / view.height, *size)
        picture = self._borrow_picture(size)
        try:
            bottom, numbers = region.bottom, self._numbers(view, look, picture)
            while bottom < region.top:
                started = self._pacer.begin()
                rows = max(1, self._pacer.elements // (region.right - region.left))
                band = Rectangle(region.left, bottom, region.right, min(region.top, bottom + rows))
                self._march(view, look, picture, band, numbers)
                self._pacer.finish(started, (band.right - band.left) * (band.top - band.bottom))
                bottom = band.top
                yield
            self._composite(view, picture, covered, region, writes_depth=False)
            yield
            self._composite(view, picture, covered, region, writes_depth=True)
        finally:
            self._return_picture(picture)

    def _borrow_picture(self, size: tuple[int, int]) -> Framebuffer:
        """The picture for one drawing, which may be interrupted by another one of another size (to pick)."""
        kept, self._picture = self._picture, None
        if kept and kept.size == size:
            return kept
        if kept:
            kept.delete()
        return Framebuffer(size, (GL.GL_RGBA16F, GL.GL_R32F), depth=False)

    def _return_picture(self, picture: Framebuffer) -> None:
        if self._picture:
            self._picture.delete()
        self._picture = picture

    def pick_depth(self, camera: Camera, x: float, y: float) -> float | None:
        return pick_depth(self, camera, x, y, self.asset.bounds()) if self._atlas or self._sheets else None

    def dispose(self) -> None:
        programs = (*self._programs.values(), *self._composites.values())
        for owned in (self._atlas, self._finer, self._picture, self._corners, self._warp, self._key, *programs):
            if owned:
                owned.delete()
        if self._sheets:
            self._sheets.delete()
        self._atlas = self._finer = self._picture = self._key = self._sheets = None
        self._programs.clear()
        self._composites.clear()

    @property
    def _description(self) -> FieldDescription:
        return self.asset.description

    def _numbers(self, view: View, look: Look, picture: Framebuffer) -> dict[str, object]:
        """The uniforms of a whole drawing."""
        numbers = ray_uniforms(view, self.asset, self._atlas.grid) | look_uniforms(look, self.asset, self._atlas.grid)
        if look.look == "march":
            numbers |= self._rule(view, look)
        return numbers | {"pixelScale": np.array([view.width, view.height]) / picture.size}

    def _march(self, view: View, look: Look, picture: Framebuffer, band: Rectangle, numbers: dict[str, object]) -> None:
        """Draws the rows of `band` into the picture."""
        picture.bind()
        GL.glDisable(GL.GL_DEPTH_TEST)
        GL.glDisable(GL.GL_BLEND)
        band.scissor()
        program = self._program(look)
        program.use()
        self._bind_bricks(view, look, program)
        program.set(**numbers)
        self._bind_warp(view, program)
        self._corners.bind()
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
        GL.glDisable(GL.GL_SCISSOR_TEST)

    def _bind_bricks(self, view: View, look: Look, program: Program) -> None:
        """Binds the textures of the grid, of what is opaque in front of it, and of the labels' colours."""
        atlas = self._atlas
        units: dict[int, Texture | None] = {INDEX: atlas.index, DENSITIES: atlas.densities, COLORS: atlas.colors}
        units |= {VIEWS + number: texture for number, texture in enumerate(atlas.views)}
        units |= {EMPTY: atlas.empty, FAR: atlas.far}
        if look.what.kind == "labels":
            units[KEY] = self._label_key()
        for unit, texture in units.items():
            if texture is not None:
                texture.bind(unit)
        GL.glActiveTexture(GL.GL_TEXTURE0 + OPAQUE)
        GL.glBindTexture(GL.GL_TEXTURE_2D, view.depth_texture)
        program.set(brickIndex=INDEX, densities=DENSITIES, colors=COLORS, opaqueDepth=OPAQUE)
        program.set(**{f"views{number}": VIEWS + number for number in range(len(atlas.views))})
        program.set(emptyRaw=EMPTY, farSamples=FAR, labelKey=KEY, atlasTexel=1.0 / np.array(atlas.densities.size))

    def _label_key(self) -> Texture:
        """The colours of the labels, opaque where they are not hidden. Of an index without a label nothing is known:
        it is hidden."""
        labels = self._description.labels
        if self._keyed != labels:
            if self._key:
                self._key.delete()
            colors = np.array([(*label.color, 0.0 if label.hidden else 1.0) for label in labels] or [(0.0,) * 4])
            # One more, for indices beyond: a fetch out of the texture would be undefined.
            colors = np.concatenate([colors, np.zeros((1, 4))]).astype(np.float32)
            self._key, self._keyed = Texture(GL.GL_RGBA32F, (len(colors), 1), linear=False), labels
            self._key.write(colors[None])
        return self._key

    def _rule(self, view: View, look: Look) -> dict[str, object]:
        """How the march steps through the family's box, seen from the camera of `view`."""
        box = march_box(self.asset, self._atlas.grid)
        middle = float(corner_depths(view, self.asset, box)[1].mean())
        to_local = np.linalg.inv(self.asset.transform)
        return rule_uniforms(look.rule, self.asset.display.density, view.camera, to_local, box, middle)

    def _bind_warp(self, view: View, program: Program) -> None:
        """Tells the march how the field is bent, and what of its drag is shown."""
        if not self._bent(view):
            return
        grid = self._atlas.grid
        low, cell = grid.box[0], (grid.box[1] - grid.box[0]) / grid.resolution
        self._warp.bind(program, WARP, low, cell)
        sides = march_box(self.asset, grid)
        program.set(leastChord=float((sides[1] - sides[0]).min()))
        if self._strained(view):
            program.set(showHeat=view.heat is self.asset, showStretch=view.stretch)
            self._warp.bind_strain(program, STRAIN, self.asset.warp, low, cell)

    def _composite(
        self, view: View, picture: Framebuffer, covered: Rectangle, region: Rectangle, *, writes_depth: bool
    ) -> None:
        """Lays the marched `region` of the picture into the frame: its colour, or its depth."""
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, view.framebuffer)
        GL.glViewport(0, 0, view.width, view.height)
        covered.scissor()
        if writes_depth:
            GL.glDisable(GL.GL_BLEND)
            GL.glColorMask(False, False, False, False)
        else:
            # The march ended at what is opaque, so colour needs no test.
            GL.glDisable(GL.GL_DEPTH_TEST)
        if writes_depth not in self._composites:
            defines = {"DEPTH_PASS": 1} if writes_depth else {}
            self._composites[writes_depth] = Program("field_composite.glsl", defines)
        program = self._composites[writes_depth]
        program.use()
        picture.colors[int(writes_depth)].bind(0)
        scale = np.array(picture.size) / (view.width, view.height)
        inner = (region.left + 0.5, region.bottom + 0.5, region.right - 0.5, region.top - 0.5)
        program.set(source=0, scale=scale, region=inner)
        self._corners.bind()
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
        GL.glColorMask(True, True, True, True)
        GL.glEnable(GL.GL_BLEND)
        GL.glEnable(GL.GL_DEPTH_TEST)
        GL.glDisable(GL.GL_SCISSOR_TEST)

    def _bent(self, view: View) -> bool:
        """Whether the field is drawn with its warp."""
        return self._warp.volume is not None and not view.rest

    def _strained(self, view: View) -> bool:
        """Whether the reach of its drag, or how far it stretches, is shown."""
        warp = self.asset.warp
        shown = view.heat is self.asset or view.stretch
        return shown and self._bent(view) and warp is not None and warp.rig is not None

    def _look(self, view: View) -> Look | None:
        """How the field is drawn: by its mode, whether bent, whether strained."""
        return look_of(self.asset, self._atlas.grid, self._bent(view), self._strained(view))

    def _program(self, look: Look) -> Program:
        key = look.file, look.defines
        if key not in self._programs:
            if len(self._programs) >= MOST_PROGRAMS:
                self._programs.pop(next(iter(self._programs))).delete()
            self._programs[key] = Program(look.file, dict(look.defines))
        return self._programs[key]

    def _covered(self, view: View, look: Look) -> Rectangle:
        """The pixels of the frame in which the box can be seen, or that of the warp, or all where it does not end."""
        if look.beyond and np.linalg.det(self.asset.transform[:3, :3]) != 0:
            return Rectangle(0, 0, view.width, view.height)
        box = self._warp.volume.box if self._bent(view) else march_box(self.asset, self._atlas.grid)
        return covered_by(view, self.asset, box)


RENDERER = RendererRecord(Triplane, TriplaneRenderer)

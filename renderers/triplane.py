"""Draws triplanes: rays marched through the grid of bricks that a bake left, by the step rule of the family.

Design. A field is drawn in two passes. The march writes colour and the depth of half coverage into a picture of its
own, in bands of rows that take about 10 ms each; it reads the frame's opaque depth, which could not be sampled while
it is attached. Then the picture is laid into the frame. While the camera moves the picture may be smaller than the
frame. A finer grid is uploaded beside the one that is shown and replaces it when all of it is there. A field that a
drag has bent is marched in its moved place, through the inverse map of its warp (warp_volume.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from OpenGL import GL

from assets.errors import TriptychError
from assets.fields.description import FieldDescription, March, Output
from assets.triplane import Triplane

from .brick_atlas import BrickAtlas
from .camera import Camera
from .colormap import viridis_glsl
from .depth_pick import pick_depth
from .framing import depth_extent
from .gl.buffer import VertexArray
from .gl.framebuffer import Framebuffer
from .gl.program import Program
from .pacing import Pacer
from .renderer import Quality, Renderer, RendererRecord, Stage, View
from .warp_volume import STRAINED, WARPED, WarpTextures

MODES = {"colour": "MODE_COLOR", "density": "MODE_DENSITY", "depth": "MODE_DEPTH", "normal": "MODE_NORMAL"}

ACTIVATIONS = {
    "none": "{x}",
    "relu": "max({x}, 0.0)",
    "silu": "({x} * sigmoid({x}))",
    "softplus": "softplus({x})",
    "leaky_relu": "max({x}, 0.01 * {x})",
    "sin": "sin({x})",
    "tanh": "tanh({x})",
    "sigmoid": "sigmoid({x})",
    "exp": "exp({x})",
    "wide_sigmoid": "(sigmoid({x}) * 1.002 - 0.001)",
    "clip01": "clamp({x}, 0.0, 1.0)",
    "clip11": "clamp({x}, -1.0, 1.0)",
}
"""GLSL of the activations of `assets.fields.description`, for numbers and vectors alike."""

SCALES = (1.0, 0.75, 0.5, 0.35, 0.25)
"""Sizes of the picture relative to the frame. Few, since each change makes new targets."""

FIRST_BAND_PIXELS = 4000


@dataclass(frozen=True)
class Rectangle:
    """Pixels from (left, bottom) up to and without (right, top), counted from the lower left."""

    left: int
    bottom: int
    right: int
    top: int

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.right <= self.left or self.top <= self.bottom

    def scaled(self, x: float, y: float, width: int, height: int) -> Rectangle:
        """The pixels that this one touches in a picture of width × height, scaled by x and y."""
        right, top = min(width, int(np.ceil(self.right * x))), min(height, int(np.ceil(self.top * y)))
        return Rectangle(int(self.left * x), int(self.bottom * y), right, top)


class TriplaneRenderer(Renderer):
    """Draws one triplane, as soon as a first grid has been baked and uploaded."""

    stage = Stage.FIELD
    asset: Triplane

    def __init__(self, asset: Triplane) -> None:
        super().__init__(asset)
        self._atlas: BrickAtlas | None = None
        self._finer: BrickAtlas | None = None
        self._warp = WarpTextures()
        self._programs: dict[tuple[str, bool, bool], Program] = {}
        self._composites: dict[bool, Program] = {}
        self._picture: Framebuffer | None = None
        self._corners = VertexArray()
        self._pacer = Pacer(FIRST_BAND_PIXELS)

    @property
    def gpu_bytes(self) -> int:
        parts = [part for part in (self._atlas, self._finer) if part]
        pictures = self._picture.colors if self._picture else ()
        return sum(part.nbytes for part in (*parts, *pictures, self._warp))

    def sync(self, seconds: float) -> bool:
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
        covered = self._atlas and self._covered(view)
        if not covered or covered.empty or self._description.output("density") is None:
            return
        if self._variant(view) not in self._programs:
            self._program(view)
            yield
        size = _picture_size(view)
        region = covered.scaled(size[0] / view.width, size[1] / view.height, *size)
        picture = self._borrow_picture(size)
        try:
            bottom = region.bottom
            while bottom < region.top:
                started = self._pacer.begin()
                rows = max(1, self._pacer.elements // (region.right - region.left))
                band = Rectangle(region.left, bottom, region.right, min(region.top, bottom + rows))
                self._march(view, picture, band)
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
        return pick_depth(self, camera, x, y, self.asset.bounds()) if self._atlas else None

    def dispose(self) -> None:
        programs = (*self._programs.values(), *self._composites.values())
        for owned in (self._atlas, self._finer, self._picture, self._corners, self._warp, *programs):
            if owned:
                owned.delete()
        self._atlas = self._finer = self._picture = None
        self._programs.clear()
        self._composites.clear()

    @property
    def _description(self) -> FieldDescription:
        return self.asset.description

    def _march(self, view: View, picture: Framebuffer, band: Rectangle) -> None:
        """Draws the rows of `band` into the picture."""
        picture.bind()
        GL.glDisable(GL.GL_DEPTH_TEST)
        GL.glDisable(GL.GL_BLEND)
        _scissor(band)
        program = self._program(view)
        program.use()
        for unit, texture in enumerate((self._atlas.index, self._atlas.densities, self._atlas.colors)):
            texture.bind(unit)
        GL.glActiveTexture(GL.GL_TEXTURE3)
        GL.glBindTexture(GL.GL_TEXTURE_2D, view.depth_texture)
        program.set(brickIndex=0, densities=1, colors=2, opaqueDepth=3)
        scale = np.array([view.width, view.height]) / picture.size
        program.set(pixelScale=scale, atlasTexel=1.0 / np.array(self._atlas.densities.size))
        program.set(**self._rays(view), **_rule(self._description.march, self.asset.display.density))
        self._bind_warp(view, program)
        self._corners.bind()
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
        GL.glDisable(GL.GL_SCISSOR_TEST)

    def _bind_warp(self, view: View, program: Program) -> None:
        """Tells the march how the field is bent, and what of its drag is shown."""
        if not self._bent(view):
            return
        grid = self._atlas.grid
        low, cell = grid.box[0], (grid.box[1] - grid.box[0]) / grid.resolution
        self._warp.bind(program, 4, low, cell)
        sides = self._march_box()
        program.set(leastChord=float((sides[1] - sides[0]).min()))
        if self._strained(view):
            program.set(showHeat=view.heat is self.asset, showStretch=view.stretch)
            self._warp.bind_strain(program, 6, self.asset.warp, low, cell)

    def _composite(
        self, view: View, picture: Framebuffer, covered: Rectangle, region: Rectangle, *, writes_depth: bool
    ) -> None:
        """Lays the marched `region` of the picture into the frame: its colour, or its depth."""
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, view.framebuffer)
        GL.glViewport(0, 0, view.width, view.height)
        _scissor(covered)
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

    def _variant(self, view: View) -> tuple[str, bool, bool]:
        """Which program draws: the mode, whether bent, whether strained."""
        return self.asset.display.mode, self._bent(view), self._strained(view)

    def _program(self, view: View) -> Program:
        key = self._variant(view)
        if key not in self._programs:
            mode, bent, strained = key
            density, color = self._description.output("density"), self._description.output("rgb")
            defines = {"MODE": MODES[mode], "VIRIDIS(t)": viridis_glsl()}
            defines["ACTIVATE_DENSITY(x)"] = f"max(0.0, {_expression(density)})"
            if color:
                defines |= {"COLORED": 1, "ACTIVATE_COLOR(x)": _expression(color)}
            defines |= (WARPED if bent else {}) | (STRAINED if strained else {})
            self._programs[key] = Program("triplane_march.glsl", defines)
        return self._programs[key]

    def _march_box(self) -> np.ndarray:
        """What the family marches through, (2,3) in the asset's frame."""
        space = self._description.space
        low, high = np.array(space.low, np.float64), np.array(space.high, np.float64)
        half = (high - low) / 2 * (1.0 - self._description.march.box_shrink)
        return np.stack([(low + high) / 2 - half, (low + high) / 2 + half])

    def _corner_depths(self, view: View, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The corners of a box in camera space (8,3), and their depths along the viewing axis (8,)."""
        corners = np.stack(np.meshgrid(*box.T, indexing="ij"), -1).reshape(-1, 3)
        to_camera = view.view @ self.asset.transform
        seen = corners @ to_camera[:3, :3].T + to_camera[:3, 3]
        return seen, -seen[:, 2]

    def _covered(self, view: View) -> Rectangle:
        """The pixels of the frame in which the box can be seen, or that of the warp."""
        if np.linalg.det(self.asset.transform[:3, :3]) == 0:
            return Rectangle(0, 0, 0, 0)
        seen, depths = self._corner_depths(view, self._warp.volume.box if self._bent(view) else self._march_box())
        whole = Rectangle(0, 0, view.width, view.height)
        if view.camera.ortho_height is None and depths.min() <= 1e-6 * np.abs(depths).max():
            return whole if depths.max() > 0 else Rectangle(0, 0, 0, 0)
        clip = np.concatenate([seen, np.ones((8, 1))], 1) @ view.projection.T
        pixels = (clip[:, :2] / clip[:, 3:] * 0.5 + 0.5) * (view.width, view.height)
        left, bottom = np.clip(np.floor(pixels.min(0)), 0, (view.width, view.height)).astype(int)
        right, top = np.clip(np.ceil(pixels.max(0)), 0, (view.width, view.height)).astype(int)
        return Rectangle(int(left), int(bottom), int(right), int(top))

    def _rays(self, view: View) -> dict[str, object]:
        """The uniforms that say where the rays of `view` run through the grid."""
        grid, transform = self._atlas.grid, self.asset.transform
        low = np.asarray(grid.box[0], np.float64)
        cell = (grid.box[1] - low) / grid.resolution
        _, depths = self._corner_depths(view, self._march_box())
        middle = float(depths.mean())
        to_cells = np.diag(1.0 / cell) @ np.linalg.inv(transform[:3, :3])
        origin, direction = _affine_rays(view.camera, middle)
        origin = to_cells @ origin
        origin[:, 2] -= to_cells @ transform[:3, 3] + low / cell
        box = (self._march_box() - low) / cell
        projection = view.projection
        near = self._description.march.near
        return {
            "originOf": origin,
            "directionOf": to_cells @ direction,
            "cellSize": cell,
            "boxLow": box[0],
            "boxHigh": box[1],
            "middle": middle,
            "depthRow": (-projection[2, 2], projection[2, 3], -projection[3, 2], projection[3, 3]),
            "nearest": -1.0 if view.camera.ortho_height is not None else near,
            "depthRange": depth_extent(self.asset.bounds(), view.camera),
            "cellToWorld": transform[:3, :3] @ np.diag(cell),
            "normalToWorld": np.linalg.inv(transform[:3, :3]).T @ np.diag(cell.min() / cell),
        }


def _affine_rays(camera: Camera, middle: float) -> tuple[np.ndarray, np.ndarray]:
    """Rays as affine functions of the pixel (x, y, 1), y upwards: the world point at depth `middle` along the viewing
    axis, and the change of it per unit of depth; two (3,3) f64 to be multiplied from the left."""
    right, up, back = camera.camera_to_world[:3, :3].T
    below = camera.cy - camera.height
    if camera.ortho_height is not None:
        pixel = camera.ortho_pixel()
        direction = np.stack([np.zeros(3), np.zeros(3), -back], 1)
        origin = np.stack([right * pixel, up * pixel, camera.eye + pixel * (up * below - right * camera.cx)], 1)
        return origin + middle * direction, direction
    toward = up * below / camera.fy - right * camera.cx / camera.fx - back
    direction = np.stack([right / camera.fx, up / camera.fy, toward], 1)
    origin = middle * direction
    origin[:, 2] += camera.eye
    return origin, direction


def _rule(march: March, density: float) -> dict[str, object]:
    """The uniforms of the family's step rule."""
    normalised = march.step == "normalised"
    return {
        "samples": float(march.samples),
        "minChord": march.min_chord,
        "normalisedStep": normalised,
        "densityScale": density / march.samples if normalised else density,
    }


def _expression(output: Output) -> str:
    """GLSL of what `output` makes of its raw value x."""
    activated = ACTIVATIONS[output.activation].format(x=f"((x) + {float(output.bias)})")
    return f"({activated} * {float(output.scale)} + {float(output.shift)})"


def _picture_size(view: View) -> tuple[int, int]:
    """Pixels of the picture that a field is marched into."""
    scale = _picture_scale(view.quality)
    return max(1, round(view.width * scale)), max(1, round(view.height * scale))


def _picture_scale(quality: Quality) -> float:
    """The size of the picture relative to the frame at which the work is quality.detail of the full work; the frame
    itself is already smaller by quality.scale."""
    wanted = np.sqrt(min(1.0, quality.detail)) / min(1.0, quality.scale)
    return next((scale for scale in SCALES if scale <= wanted * 1.05), SCALES[-1])


def _scissor(rectangle: Rectangle) -> None:
    GL.glEnable(GL.GL_SCISSOR_TEST)
    width, height = rectangle.right - rectangle.left, rectangle.top - rectangle.bottom
    GL.glScissor(rectangle.left, rectangle.bottom, width, height)


RENDERER = RendererRecord(Triplane, TriplaneRenderer)

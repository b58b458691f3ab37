"""Draws one scene into one picture, in pass order, at once or spread over many short steps.

A picture is made in a float target of our own, premultiplied and without a background:

    opaque (meshes, points; averaged over jittered samples)  →  grid  →  fields  →  splats

and becomes the shown one when it is complete. `present` lays the shown picture over the background into whatever
framebuffer the caller has (a window's, or one for reading back) and draws what belongs on top. So an unfinished
picture is never seen, and the event loop of a window can run between two steps of a slow one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from OpenGL import GL

from assets.asset import Asset
from assets.errors import Cancelled
from assets.progress import Job, Progress
from assets.scene import Scene

from .camera import Camera
from .frame_settings import FrameSettings, background_colors
from .ghost import Ghost, haunted
from .gl.buffer import VertexArray
from .gl.context import capabilities
from .gl.framebuffer import Framebuffer
from .gl.program import Program
from .handles import DragOverlay, HandlePainter, PictureDepth
from .overlay import Overlay
from .passes import clip_range, enter
from .renderer import Quality, Renderer, Stage, View, renderer_for

STILL = Quality(samples=8)

SLICE_SECONDS = 0.01
"""How long a job of the frame works before it lets others."""

_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Hit:
    """What is seen at a pixel: the asset, the world point (3,) f64, its distance along the viewing axis, and which
    element of the asset it is, where that can be told."""

    asset: Asset
    point: np.ndarray
    depth: float
    element: int | None = None


class Frame:
    """Owns the renderers of a scene's assets and the targets of their pictures. Needs its GL context current."""

    def __init__(self) -> None:
        self._renderers: dict[Asset, Renderer] = {}
        self._overlay = Overlay()
        self._handles: HandlePainter | None = None
        self._present = Program("present.glsl")
        self._nothing = VertexArray()
        self._work: Framebuffer | None = None
        self._sample: Framebuffer | None = None
        self._shown: Framebuffer | None = None
        self._ghost = Ghost()
        self._ghost_key: tuple | None = None
        self._steps: Iterator[None] | None = None
        self._drawn: tuple[Camera, FrameSettings] | None = None

    @property
    def renderer_name(self) -> str:
        """The GL driver's name for the card, e.g. "llvmpipe"."""
        return capabilities().renderer

    def gpu_bytes(self, asset: Asset) -> int:
        """An estimate of the GPU memory that `asset` takes, in bytes."""
        renderer = self._renderers.get(asset)
        return renderer.gpu_bytes if renderer else 0

    def sync(self, scene: Scene, seconds: float) -> bool:
        """Makes and frees renderers and uploads data, for about `seconds`. Returns whether nothing is left to do."""
        for asset in set(self._renderers) - set(scene):
            self._steps = None  # an unfinished picture may hold a generator of the renderer that goes away
            self._renderers.pop(asset).dispose()
            self._ghost.keep(())
        for asset in scene:
            if asset not in self._renderers:
                self._renderers[asset] = renderer_for(asset)
        end = time.perf_counter() + seconds
        done = True
        for asset in scene.visible():
            done &= self._renderers[asset].sync(max(0.0, end - time.perf_counter()))
        return done

    def refines(self, scene: Scene) -> bool:
        """Whether more samples make a better picture: only what is opaque has edges to smooth."""
        known = [self._renderers[asset] for asset in scene.visible() if asset in self._renderers]
        return any(renderer.stage is Stage.OPAQUE for renderer in known)

    def begin(
        self,
        scene: Scene,
        camera: Camera,
        settings: FrameSettings,
        quality: Quality,
        stages: tuple[Stage, ...] = tuple(Stage),
    ) -> None:
        """Starts a picture of camera.width × camera.height (times quality.scale) and drops an unfinished one."""
        view = self._view(scene, camera, settings, quality)
        self._steps = self._picture(scene, scene.visible(), view, settings, stages)
        self._ghost_key = None
        self._drawn = (camera, settings)
        if settings.ghost > 0.0:
            self._ghost.keep(self._ghost.key(scene, camera, settings, self._renderers))
        else:
            self._ghost.delete()

    def lacks_ghost(self, scene: Scene, camera: Camera, settings: FrameSettings) -> bool:
        """Whether `settings` ask for a ghost of something in `scene` that is not there yet for this camera."""
        if settings.ghost <= 0.0 or settings.rest or not haunted(scene):
            return False
        return not self._ghost.fits(self._ghost.key(scene, camera, settings, self._renderers))

    def begin_ghost(self, scene: Scene, camera: Camera, settings: FrameSettings) -> None:
        """Starts a picture of what is warped as it is at rest, and drops an unfinished one.

        When `step` is through with it, the shown picture stays and `present` lays it over the ghost, until a picture of
        another camera is begun, or one of assets that were changed otherwise than by a warp.
        """
        settings = replace(settings, rest=True, heat=None, stretch=False, grid=False)
        view = self._view(scene, camera, settings, Quality())
        self._steps = self._picture(scene, haunted(scene), view, settings, tuple(Stage))
        self._ghost_key = self._ghost.key(scene, camera, settings, self._renderers)

    def step(self, seconds: float) -> bool:
        """Works on the picture for about `seconds`. Returns True when it is complete; then it is the shown one, unless
        what it shows became another meanwhile: then the one before stays."""
        end = time.perf_counter() + seconds
        while self._steps is not None:
            try:
                next(self._steps)
            except StopIteration:
                self._steps = None
                self._finish()
                break
            except Cancelled:
                self._steps = None
                break
            if time.perf_counter() >= end:
                return False
        return True

    def _finish(self) -> None:
        """Puts the finished picture where it belongs."""
        if self._ghost_key is None:
            self._work, self._shown = self._shown, self._work
        else:
            self._work = self._ghost.take(self._work, self._ghost_key)

    def _view(self, scene: Scene, camera: Camera, settings: FrameSettings, quality: Quality) -> View:
        """What renderers have to know of a picture, and a target for it in self._work."""
        width, height = (max(1, round(n * quality.scale)) for n in (camera.width, camera.height))
        self._work = _fitting(self._work, (width, height))
        drawn = camera.resized(width, height)
        near, far = self._work.planes = _clip_range(scene, drawn)
        return View(
            drawn,
            drawn.view_matrix(),
            drawn.projection_matrix(near, far),
            near,
            far,
            quality,
            self._work.depth.id,
            self._work.id,
            settings.pixel_ratio * quality.scale,
            settings.rest,
            settings.heat,
            settings.stretch,
        )

    def show(self, picture: np.ndarray, camera: Camera, settings: FrameSettings) -> None:
        """Makes `picture`, premultiplied (H,W,4) f32 with row 0 at the top, the shown one, until the next is drawn."""
        self._steps = None
        self._shown = _fitting(self._shown, (picture.shape[1], picture.shape[0]))
        self._shown.colors[0].write(picture[::-1].astype(np.float16))
        self._drawn = (camera, settings)

    def show_overlay(self, overlay: DragOverlay | None) -> None:
        """Shows other handles over the same picture from the next `present` on, without drawing it again."""
        if self._drawn is not None:
            self._drawn = (self._drawn[0], replace(self._drawn[1], overlay=overlay))

    def present(self, framebuffer: int, width: int, height: int, *, checker: bool = True) -> None:
        """Paints the shown picture over its background into `framebuffer` of that size, scaled to fill it.

        A transparent background stays transparent, or becomes a checkerboard where `checker` is set.
        """
        camera, settings = self._drawn or (None, FrameSettings())
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, framebuffer)
        GL.glViewport(0, 0, width, height)
        GL.glDisable(GL.GL_SCISSOR_TEST)
        GL.glDisable(GL.GL_DEPTH_TEST)
        GL.glDisable(GL.GL_BLEND)
        self._present.use()
        if self._shown:
            self._shown.colors[0].bind(0)
        ghost = self._ghost.shown if settings.ghost > 0.0 and not settings.rest else None
        if ghost:
            ghost.colors[0].bind(1)
        top, bottom = background_colors(settings.background)
        self._present.set(picture=0, hasPicture=self._shown is not None, top=top, bottom=bottom)
        self._present.set(ghost=1, ghostShare=float(settings.ghost) if ghost else 0.0)
        self._present.set(checker=checker and top[3] == 0.0, checkerSize=8.0 * settings.pixel_ratio)
        self._nothing.bind()
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
        if settings.axes and camera is not None:
            self._overlay.draw_axes(framebuffer, width, height, camera, settings.up, settings.pixel_ratio)
        if settings.overlay is not None and camera is not None:
            self._handles = self._handles or HandlePainter()
            seen = self._shown if self._shown and self._shown.planes else None
            depth = PictureDepth(seen.depth, *seen.planes) if seen else None
            self._handles.draw(framebuffer, width, height, camera, settings.overlay, settings.pixel_ratio, depth)

    def draw(
        self, scene: Scene, camera: Camera, settings: FrameSettings | None = None, quality: Quality = STILL
    ) -> np.ndarray:
        """A whole picture: (camera.height, camera.width, 4) u8, straight alpha, row 0 at the top."""
        while not self.sync(scene, 1.0):
            pass
        self.begin(scene, camera, settings or FrameSettings(), quality)
        while not self.step(1.0):
            pass
        return self.read(camera.width, camera.height)

    def read(self, width: int, height: int) -> np.ndarray:
        """The shown picture with its background: (height, width, 4) u8, straight alpha, row 0 at the top."""
        target = Framebuffer((width, height), (GL.GL_RGBA8,), depth=False)
        self.present(target.id, width, height, checker=False)
        picture = np.ascontiguousarray(target.read_color(dtype=np.uint8))
        target.delete()
        # In bands: whole pictures of floats would take as much memory again as all else that a frame has.
        for start in range(0, height, _ROWS_AT_ONCE):
            rows = picture[start : start + _ROWS_AT_ONCE]
            alpha = np.maximum(rows[..., 3:], np.uint8(1)).astype(np.float32)
            rows[..., :3] = np.minimum(rows[..., :3] * (255.0 / alpha), 255.0) + 0.5
        return picture

    def opaque_layer(
        self, scene: Scene, camera: Camera, settings: FrameSettings | None = None, quality: Quality = STILL
    ) -> Job[tuple[np.ndarray, np.ndarray]]:
        """A job that draws what is opaque, and the grid, alone, for pictures that compose the rest otherwise.

        Returns premultiplied colour (H,W,4) f32 and the distance along the viewing axis (H,W) f32, infinite where
        nothing is; row 0 at the top. What is shown stays. Raises Cancelled where another picture is begun meanwhile.
        """
        event = Progress(0, 0, "Drawing what is opaque")
        while not self.sync(scene, SLICE_SECONDS):
            yield event
        drawn = self._drawn
        self.begin(scene, camera, settings or FrameSettings(), quality, (Stage.OPAQUE,))
        steps, self._drawn = self._steps, drawn
        near, far = _clip_range(scene, camera)
        while not self.step(SLICE_SECONDS):
            yield event
            if self._steps is not steps:
                raise Cancelled("Another picture was begun.")
        self._work, self._shown = self._shown, self._work
        depth = self._work.read_depth()
        distance = camera.distance(depth.astype(np.float64), near, far)
        return self._work.read_color(), np.where(depth < 1.0, distance, np.inf).astype(np.float32)

    def pick(self, scene: Scene, camera: Camera, x: float, y: float) -> Hit | None:
        """What is seen at pixel position (x, y) from the top left, or None."""
        found: Hit | None = None
        for asset in scene.visible():
            renderer = self._renderers.get(asset)
            picked = renderer.pick(camera, x, y) if renderer else None
            if picked is not None and (found is None or picked.depth < found.depth):
                found = Hit(asset, camera.unproject(x, y, picked.depth), picked.depth, picked.element)
        return found

    def dispose(self) -> None:
        """Frees everything. The frame is not used afterwards."""
        self._steps = None
        for renderer in self._renderers.values():
            renderer.dispose()
        self._renderers.clear()
        for target in (self._work, self._sample, self._shown):
            if target:
                target.delete()
        self._ghost.delete()
        self._overlay.dispose()
        if self._handles:
            self._handles.dispose()
        self._present.delete()
        self._nothing.delete()

    def _picture(
        self, scene: Scene, assets: list[Asset], view: View, settings: FrameSettings, stages: tuple[Stage, ...]
    ) -> Iterator[None]:
        """The passes of one picture of these `assets` of a scene, into self._work."""
        self._work.bind()
        GL.glDisable(GL.GL_SCISSOR_TEST)
        _clear()
        ready = [self._renderers[asset] for asset in assets if asset in self._renderers]
        ready = [renderer for renderer in ready if renderer.stage in stages]
        opaque = [renderer for renderer in ready if renderer.stage is Stage.OPAQUE]
        yield from self._draw_stage(opaque, Stage.OPAQUE, view)
        if opaque and view.quality.samples > 1:
            yield from self._average(opaque, view)
        if settings.grid:
            enter(Stage.SPLAT, view.framebuffer, view.width, view.height)
            self._overlay.draw_grid(view, settings.up, scene.bounds())
        for stage in (Stage.FIELD, Stage.SPLAT):
            later = [renderer for renderer in ready if renderer.stage is stage]
            later.sort(key=lambda renderer: -_distance_to(renderer.asset, view.camera))
            yield from self._draw_stage(later, stage, view)
        if capabilities().software:
            GL.glFinish()

    def _draw_stage(self, renderers: list[Renderer], stage: Stage, view: View) -> Iterator[None]:
        for renderer in renderers:
            enter(stage, view.framebuffer, view.width, view.height)
            for _ in renderer.draw(view):
                yield
                enter(stage, view.framebuffer, view.width, view.height)

    def _average(self, opaque: list[Renderer], view: View) -> Iterator[None]:
        """Blends further samples, each seen through a picture shifted inside the pixel, into what is drawn."""
        self._sample = _fitting(self._sample, self._work.size)
        for index in range(1, view.quality.samples):
            camera = view.camera.shifted(_halton(index, 2) - 0.5, _halton(index, 3) - 0.5)
            projection = camera.projection_matrix(view.near, view.far)
            depth, target = self._sample.depth.id, self._sample.id
            shifted = replace(view, camera=camera, projection=projection, depth_texture=depth, framebuffer=target)
            self._sample.bind()
            _clear()
            yield from self._draw_stage(opaque, Stage.OPAQUE, shifted)
            self._work.bind()
            GL.glDisable(GL.GL_DEPTH_TEST)
            GL.glDepthMask(False)
            GL.glEnable(GL.GL_BLEND)
            GL.glBlendColor(0.0, 0.0, 0.0, 1.0 / (index + 1))
            GL.glBlendFunc(GL.GL_CONSTANT_ALPHA, GL.GL_ONE_MINUS_CONSTANT_ALPHA)
            self._present.use()
            self._sample.colors[0].bind(0)
            clear = (0.0, 0.0, 0.0, 0.0)
            self._present.set(picture=0, hasPicture=True, top=clear, bottom=clear, checker=False)
            self._present.set(ghost=1, ghostShare=0.0)
            self._nothing.bind()
            GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)


def _clear() -> None:
    GL.glDepthMask(True)
    GL.glColorMask(True, True, True, True)
    GL.glClearColor(0.0, 0.0, 0.0, 0.0)
    GL.glClearDepth(1.0)
    GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)


def _fitting(target: Framebuffer | None, size: tuple[int, int]) -> Framebuffer:
    """`target` if it has that size, else a new one in its place."""
    if target is not None:
        if target.size == size:
            return target
        target.delete()
    return Framebuffer(size)


def _clip_range(scene: Scene, camera: Camera) -> tuple[float, float]:
    """Near and far distances that hold everything visible in front of the camera."""
    bounds = scene.bounds()
    if bounds is None:
        bounds = np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])
    near, far = clip_range(bounds, camera) or (0.01, 1.0)
    # The grid reaches far beyond the assets; the precision of depth hangs on the near plane alone.
    return near, far + 20.0 * float(np.linalg.norm(bounds[1] - bounds[0]))


def _distance_to(asset: Asset, camera: Camera) -> float:
    bounds = asset.bounds()
    return 0.0 if bounds is None else float(np.linalg.norm(bounds.mean(0) - camera.eye))


def _halton(index: int, base: int) -> float:
    """The radical inverse: evenly spread samples in 0 … 1 (Halton 1960)."""
    value, share = 0.0, 1.0
    while index:
        share /= base
        value += share * (index % base)
        index //= base
    return value

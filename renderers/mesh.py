"""Draws meshes.

A draw is a list of instances, each a range of triangles of one part under one matrix. What lies outside the picture is
left out in blocks of triangles, the rest is handed over in pieces that the `Pacer` measures, so that a window stays
responsive where a software GL needs seconds for a picture. Matrices are multiplied in f64 up to camera space: a mesh in
survey coordinates, millions of units from its origin, stands still when the camera moves.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from OpenGL import GL

from assets.deform.binding import Binding
from assets.deform.warp import Warp
from assets.mesh import Material, Mesh, MeshPart

from .camera import Camera
from .depth_pick import pick_depth
from .framing import depth_extent
from .gl.buffer import VertexArray
from .meshes.buffers import PartBuffers, Triangles
from .meshes.skins import PartSkin
from .meshes.surfaces import TEXTURES, Style, SurfacePrograms, material_of, set_material
from .meshes.textures import MaterialTextures
from .pacing import Pacer
from .renderer import Renderer, RendererRecord, Stage, View
from .skinning import Skinning, centre_of, from_centre

SOFTWARE_TRIANGLES = 8_000
"""First guess of what a software GL draws in a piece."""

EDGE_WIDTH_PX = 1.1
NODES_UNIT = len(TEXTURES)


@dataclass
class _Placed:
    """One instance. index: of its part. number: its place in `Mesh.instances`. matrix: part → asset."""

    index: int
    number: int
    matrix: np.ndarray


@dataclass
class _Draw:
    """One instance in one picture. Under a warp its vertices are `placed` where the nodes move them, (4,4), and
    `model_view` leads on from there; otherwise placed is None."""

    part: MeshPart
    material: Material
    triangles: Triangles
    vertex_array: VertexArray
    ranges: list[tuple[int, int]]
    placed: np.ndarray | None
    model_view: np.ndarray
    distance: float
    blends: bool


class MeshRenderer(Renderer):
    """Owns the buffers, textures and shader variants of one mesh."""

    stage = Stage.OPAQUE

    def __init__(self, asset: Mesh) -> None:
        super().__init__(asset)
        self._buffers: dict[int, PartBuffers] = {}
        self._complete: set[int] = set()
        self._proxies: dict[int, np.ndarray] = {}
        self._textures = MaterialTextures()
        self._programs = SurfacePrograms()
        self._placed: dict[int, _Placed] = {}
        self._skins: dict[int, PartSkin] = {}
        self._skinning = Skinning(self._upload_skin)
        self._uploads: list[Iterator[None]] = []
        self._pacer = Pacer(SOFTWARE_TRIANGLES)

    def sync(self, seconds: float) -> bool:
        end = time.perf_counter() + seconds
        if "data" in self._stale:
            self._free()
            self._place()
            self._uploads = [self._upload()]
        if self._stale & {"data", "prepared"}:
            self._uploads.append(self._upload_proxies())
        if self._stale & {"data", "warp"}:
            self._follow()
        self._stale.clear()
        while self._uploads or self._skinning.busy:
            if not self._uploads:
                self._skinning.upload_some()
            elif next(self._uploads[0], self) is self:
                self._uploads.pop(0)
            if time.perf_counter() >= end:
                break
        return not self._uploads and not self._skinning.busy

    def draw(self, view: View) -> Iterator[None]:
        warp = self._skinning.begin(view)
        strained = warp is not None and (view.heat is self.asset or view.stretch)
        style = replace(Style.of(self.asset.display), warped=warp is not None, strained=strained)
        return self._draw(view, style, warp)

    def pick_depth(self, camera: Camera, x: float, y: float) -> float | None:
        # By depth everything is a whole surface: glass, and what a wireframe shows only the edges of.
        warp = self._skinning.begin()
        style = Style("depth", cull=not self.asset.display.two_sided, warped=warp is not None)
        return pick_depth(self, camera, x, y, self.asset.bounds(), draw=lambda view: self._draw(view, style, warp))

    def dispose(self) -> None:
        self._free()

    @property
    def gpu_bytes(self) -> int:
        held = (*self._buffers.values(), *self._skins.values(), self._skinning.nodes)
        return sum(item.nbytes for item in held) + self._textures.nbytes

    def _free(self) -> None:
        for upload in self._uploads:
            upload.close()
        self._uploads.clear()
        self._skinning.clear()
        self._free_skins()
        for buffers in self._buffers.values():
            buffers.delete()
        self._buffers.clear()
        self._complete.clear()
        self._proxies.clear()
        self._textures.delete()
        self._programs.delete()

    def _free_skins(self) -> None:
        for skin in self._skins.values():
            skin.delete()
        self._skins.clear()

    def _place(self) -> None:
        index_of = {id(part): index for index, part in enumerate(self.asset.parts)}
        placed = [_Placed(index_of[id(part)], i, matrix) for i, (part, matrix) in enumerate(self.asset.instances())]
        self._placed = {place.number: place for place in placed if len(self.asset.parts[place.index].faces)}

    def _follow(self) -> None:
        self._skinning.follow(self.asset.warp, [len(part.vertices) for part, _ in self.asset.instances()])
        if not self._skinning.follows:
            self._free_skins()

    def _upload(self) -> Iterator[None]:
        mesh: Mesh = self.asset
        for index in dict.fromkeys(place.index for place in self._placed.values()):
            part = mesh.parts[index]
            material = material_of(part, mesh.materials)
            self._buffers[index] = buffers = PartBuffers(part)
            yield
            yield from buffers.upload()
            if part.uv is not None:
                yield from self._textures.upload(material)
            self._programs.find(part, material, Style.of(mesh.display))
            yield
            self._complete.add(index)

    def _upload_proxies(self) -> Iterator[None]:
        for index, faces in dict(getattr(self.asset, "proxies", {})).items():
            if index in self._buffers and self._proxies.get(index) is not faces and len(faces):
                skins = [skin for number, skin in self._skins.items() if self._placed[number].index == index]
                for skin in skins:
                    skin.detach(self._buffers[index].proxy)
                yield from self._buffers[index].upload_proxy(faces)
                self._proxies[index] = faces
                for skin in skins:
                    yield from skin.attach(self._buffers[index].proxy, faces)

    def _upload_skin(self, number: int, binding: Binding) -> Iterator[None]:
        place = self._placed.get(number)
        if place is None:
            return
        if number not in self._skins:
            self._skins[number] = PartSkin(len(binding))
        skin, buffers, part = self._skins[number], self._buffers[place.index], self.asset.parts[place.index]
        yield from skin.upload(binding)
        yield from skin.attach(buffers.triangles, part.faces)
        if buffers.proxy is not None:
            yield from skin.attach(buffers.proxy, self._proxies[place.index])
        # Compiled now rather than at the first pull.
        style = replace(Style.of(self.asset.display), warped=True)
        self._programs.find(part, material_of(part, self.asset.materials), style)

    def _draw(self, view: View, style: Style, warp: Warp | None) -> Iterator[None]:
        draws = self._visible(view, style, warp)
        generation = self._skinning.generation
        # What lets light through comes last and from back to front; the rest by material, from front to back, so
        # that what is hidden fails the depth test before it is shaded.
        opaque = [draw for draw in draws if not draw.blends]
        opaque.sort(key=lambda draw: (draw.part.material, draw.distance))
        blended = sorted((draw for draw in draws if draw.blends), key=lambda draw: -draw.distance)
        started, spent = self._pacer.begin(), 0
        for draw in (*opaque, *blended):
            bound = False
            for first, count in draw.ranges:
                last = first + count
                while first < last:
                    if not bound:
                        self._bind(draw, view, style)
                        bound = True
                    piece = min(last - first, max(1, self._pacer.elements - spent))
                    GL.glDrawElements(GL.GL_TRIANGLES, piece * 3, GL.GL_UNSIGNED_INT, ctypes.c_void_p(first * 12))
                    first, spent = first + piece, spent + piece
                    if spent >= self._pacer.elements or self._pacer.overdue(started):
                        _leave()
                        self._pacer.finish(started, spent)
                        yield
                        if generation != self._skinning.generation:
                            return
                        started, spent, bound = self._pacer.begin(), 0, False
        _leave()
        self._pacer.finish(started, spent)

    def _visible(self, view: View, style: Style, warp: Warp | None) -> list[_Draw]:
        """What of the mesh the picture may show."""
        placed = [place for place in self._placed.values() if place.index in self._complete]
        draws = [self._draw_of(place, view, style, warp) for place in placed]
        return [draw for draw in draws if draw.ranges]

    def _draw_of(self, place: _Placed, view: View, style: Style, warp: Warp | None) -> _Draw:
        part, buffers = self.asset.parts[place.index], self._buffers[place.index]
        material = material_of(part, self.asset.materials)
        skin = self._skins[place.number] if warp is not None else None
        reduced = view.quality.detail < 1.0 and buffers.proxy is not None
        triangles = buffers.proxy if reduced and (skin is None or buffers.proxy in skin) else buffers.triangles
        model_view, boxes, placed = view.view @ (self.asset.transform @ place.matrix), triangles.boxes, None
        vertex_array = triangles.vertex_array
        if skin is not None:
            model_view = from_centre(view.view @ self.asset.transform, warp)
            placed = place.matrix.copy()
            placed[:3, 3] -= centre_of(warp)
            boxes = skin.boxes(triangles, placed, self._skinning.nodes.maps)
            vertex_array = skin.vertex_array(triangles)
        ranges = triangles.visible(view.projection @ model_view, boxes)
        middle = 0.5 * (boxes[:, 0].min(0).astype(np.float64) + boxes[:, 1].max(0))
        middle = model_view[:3, :3] @ middle + model_view[:3, 3]
        distance = -middle[2] if view.camera.ortho_height is not None else float(np.linalg.norm(middle))
        blends = style.blends(material)
        return _Draw(part, material, triangles, vertex_array, ranges, placed, model_view, distance, blends)

    def _bind(self, draw: _Draw, view: View, style: Style) -> None:
        """Sets program, uniforms, textures and state for one instance."""
        linear = draw.model_view[:3, :3]
        program = self._programs.find(draw.part, draw.material, style)
        program.use()
        program.set(
            modelView=draw.model_view,
            normalMatrix=_normal_matrix(linear),
            projection=view.projection,
            orthographic=view.camera.ortho_height is not None,
            cameraToWorld=view.camera.camera_to_world[:3, :3],
        )
        if draw.placed is not None:
            linear = linear @ draw.placed[:3, :3]
            program.set(placed=draw.placed, placedNormal=_normal_matrix(draw.placed[:3, :3]))
            self._skinning.nodes.bind(program, NODES_UNIT)
        if style.strained:
            program.set(showHeat=view.heat is self.asset, showStretch=view.stretch)
        if style.mode == "depth":
            program.set(depthRange=np.array(depth_extent(self.asset.bounds(), view.camera)))
        if style.edges:
            width = EDGE_WIDTH_PX * max(0.75, view.pixel_ratio)
            program.set(edgeWidth=width, viewportSize=np.array([view.width, view.height], np.float32))
        set_material(program, draw.part, draw.material, style, self._textures)
        draw.vertex_array.bind()
        if style.cull:
            GL.glEnable(GL.GL_CULL_FACE)
            GL.glFrontFace(GL.GL_CW if np.linalg.det(linear) < 0 else GL.GL_CCW)
        if draw.blends:
            GL.glEnable(GL.GL_BLEND)
            GL.glDepthMask(False)


def _leave() -> None:
    """Puts back the state that the stage began with."""
    GL.glDisable(GL.GL_CULL_FACE)
    GL.glFrontFace(GL.GL_CCW)
    GL.glDisable(GL.GL_BLEND)
    GL.glDepthMask(True)


def _normal_matrix(linear: np.ndarray) -> np.ndarray:
    """What turns normals: the inverse transpose of `linear` (3,3) up to a positive factor, also where it is flat."""
    a, b, c = linear.T
    cofactors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], 1)
    sign = -1.0 if np.dot(a, cofactors[:, 0]) < 0 else 1.0
    return cofactors * (sign / max(np.abs(cofactors).max(), 1e-300))


RENDERER = RendererRecord(Mesh, MeshRenderer)

"""COLLADA (.dae), through pycollada: geometries, materials and the node hierarchy."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..asset import Asset
from ..errors import BadFile
from ..files.companions import Companions
from ..mesh import Material, MeshNode
from ..meshes.builder import MeshBuilder, RawPart, fan, join_corners, plainly
from ..progress import Job, Progress
from . import Format, ReadOptions

_MOST_BYTES = 1 << 30
_MOST_NODES = 100_000


def _sniff(path: Path, head: bytes) -> int:
    return 95 if b"<COLLADA" in head and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else 0


def _load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    builder = MeshBuilder(path)
    with plainly(path, "COLLADA"):
        yield Progress(0, 2, f"Reading {path.name}")
        document = _open(path)
        yield Progress(1, 2, f"Building {path.name}")
        return (yield from _Scene(builder, document).read())


def _open(path: Path) -> Any:
    """The parsed document. Entities are refused, since they can multiply without end."""
    import collada

    if path.stat().st_size > _MOST_BYTES:
        raise BadFile(path, "is too large for a COLLADA file; its XML alone would fill the memory")
    data = path.read_bytes()
    if b"<!ENTITY" in data:
        raise BadFile(path, "defines XML entities, which COLLADA does not need and which are not expanded")
    if zipfile.is_zipfile(io.BytesIO(data)):
        raise BadFile(path, "is an archive and a COLLADA file in one, which is not opened")
    # Pictures are read later, through `Companions`; pycollada itself must touch no other file.
    return collada.Collada(io.BytesIO(data), ignore=[collada.common.DaeError], aux_file_loader=lambda name: b"")


class _Scene:
    """Walks the visual scene of a document."""

    def __init__(self, builder: MeshBuilder, document: Any) -> None:
        self.builder, self.document = builder, document
        self.companions = Companions(builder.path, builder.warn)
        self.nodes: list[MeshNode] = []
        self._parts: dict[tuple[int, int, int], int] = {}
        self._materials: dict[int, int] = {}

    def read(self) -> Job[list[Asset]]:
        """The assets of the scene."""
        info = self.document.assetInfo
        if info is not None and info.upaxis:
            self.builder.provenance.declared["up axis"] = str(info.upaxis).replace("_UP", "").lower()
        if info is not None and info.unitmeter:
            self.builder.provenance.declared["unit"] = f"{info.unitmeter:g} m"
        scene = self.document.scene
        pending = [(node, -1, 0) for node in reversed(scene.nodes if scene is not None else [])]
        while pending:
            node, parent, depth = pending.pop()
            if len(self.nodes) >= _MOST_NODES or depth > 200:
                raise BadFile(self.builder.path, "is damaged (its nodes contain each other without end)")
            if hasattr(node, "children"):
                # An instance of another node shows that node's children at its own place.
                matrix = np.array(node.matrix, np.float64)
                index = self._add_node(str(getattr(node, "name", None) or node.id or "node"), parent, matrix)
                pending.extend((child, index, depth + 1) for child in reversed(node.children))
            elif hasattr(node, "geometry") or hasattr(node, "controller"):
                self._place(node, parent)
            if len(self.nodes) % 32 == 0:
                yield Progress(0, 0, f"Building {self.builder.path.name}")
        if any(type(error).__name__ != "DaeUnsupportedError" for error in self.document.errors):
            self.builder.warn("Parts of the file are damaged and were left out.")
        return self.builder.finish(self.nodes)

    def _add_node(self, name: str, parent: int, matrix: np.ndarray) -> int:
        if not np.isfinite(matrix).all():
            self.builder.warn(f"The transform of {name!r} is damaged and was left out.")
            matrix = np.eye(4)
        self.nodes.append(MeshNode(name, parent, matrix))
        return len(self.nodes) - 1

    def _place(self, node: Any, parent: int) -> None:
        """Gives the parent the parts of an instanced geometry."""
        geometry = getattr(node, "geometry", None) or getattr(node.controller, "geometry", None)
        if geometry is None:
            return
        if not hasattr(node, "geometry"):
            self.builder.warn("Skinning is not applied; the mesh is shown in its bind pose.")
        bound = {entry.symbol: entry.target for entry in node.materials}
        name = str(geometry.name or geometry.id or "geometry")
        found = []
        for number, primitive in enumerate(geometry.primitives):
            material = self._material(bound.get(primitive.material))
            key = (id(geometry), number, material)
            if key not in self._parts:
                called = name if len(geometry.primitives) == 1 else f"{name} {number + 1}"
                self._parts[key] = self._part(primitive, called, material)
            found.append(self._parts[key])
        index = parent if parent >= 0 else self._add_node(name, -1, np.eye(4))
        self.nodes[index].parts += tuple(part for part in found if part >= 0)

    def _part(self, primitive: Any, name: str, material: int) -> int:
        sources = primitive.sources
        index = np.asarray(primitive.index)
        if "VERTEX" not in sources or type(primitive).__name__ == "LineSet" or not index.size:
            return -1
        counts = getattr(primitive, "vcounts", None)
        counts = np.full(len(index), 3) if counts is None else np.asarray(counts, np.int64)
        index = index.reshape(-1, index.shape[-1]).astype(np.int64)
        triangles, _ = fan(counts)
        corners = triangles.reshape(-1)
        values = {name: self._source(sources, name) for name in ("VERTEX", "TEXCOORD", "NORMAL", "COLOR")}
        chosen = {name: index[corners, source[0]] for name, source in values.items() if source is not None}
        used, v = np.unique(chosen.pop("VERTEX"), return_inverse=True)
        joined, place, *others = join_corners(v, list(chosen.values()), len(used))
        where = dict(zip(chosen, others, strict=True))
        raw = RawPart(name, values["VERTEX"][1][used[place]], joined, material=material, shared=place)
        if "TEXCOORD" in where:
            raw.uv = values["TEXCOORD"][1][where["TEXCOORD"], :2]
        if "NORMAL" in where:
            raw.normals = values["NORMAL"][1][where["NORMAL"], :3]
        if "COLOR" in where:
            raw.colors = values["COLOR"][1][where["COLOR"], :4]
        return self.builder.add(raw)

    def _source(self, sources: dict[str, Any], name: str) -> tuple[int, np.ndarray] | None:
        """The column of the index that reads the first source of a kind, and its data."""
        if not sources.get(name):
            return None
        return sources[name][0][0], np.asarray(sources[name][0][4].data, np.float64)

    def _material(self, target: Any) -> int:
        if target is None:
            return -1
        if id(target) not in self._materials:
            self.builder.materials.append(self._read_material(target))
            self._materials[id(target)] = len(self.builder.materials) - 1
        return self._materials[id(target)]

    def _read_material(self, target: Any) -> Material:
        """Phong, Lambert and Blinn as metallic-roughness: roughness is √(2 / (shininess + 2)), as in .mtl."""
        effect = target.effect
        material = Material(name=str(target.name or target.id or ""), double_sided=True)
        color, image = self._color(effect.diffuse)
        material.base_color_texture = image
        opacity = effect.transparency if isinstance(effect.transparency, (int, float)) else 1.0
        clear = effect.transparent
        if isinstance(clear, tuple) and len(clear) == 4:
            opacity *= clear[3]
        opacity = float(opacity) if 0.0 < opacity <= 1.0 else 1.0
        material.base_color = (*color[:3], opacity)
        material.alpha_mode = "BLEND" if opacity < 1.0 else "OPAQUE"
        shininess = effect.shininess
        if isinstance(shininess, (int, float)) and math.isfinite(shininess) and shininess > 1:
            material.roughness = math.sqrt(2.0 / (shininess + 2.0))
        glow, material.emissive_texture = self._color(effect.emission, (0.0, 0.0, 0.0))
        material.emissive = glow[:3]
        return material

    def _color(
        self, value: Any, default: tuple[float, ...] = (1.0, 1.0, 1.0)
    ) -> tuple[tuple[float, ...], np.ndarray | None]:
        """A colour, or the picture in its place."""
        if isinstance(value, tuple) and len(value) >= 3 and all(map(math.isfinite, value[:3])):
            return tuple(float(entry) for entry in value[:3]), None
        if hasattr(value, "sampler"):
            name = str(value.sampler.surface.image.path)
            name = name.removeprefix("file://").lstrip("/") if name.startswith("file://") else name
            image = self.companions.picture_at(name)
            return (1.0, 1.0, 1.0), image
        return default, None


FORMAT = Format("COLLADA", (".dae",), ("mesh",), _sniff, _load)

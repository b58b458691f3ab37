"""The scene graph of a glTF file and the geometry of its meshes, as a `MeshBuilder` takes them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...asset import Asset
from ...mesh import MeshNode
from ...meshes.builder import MeshBuilder, RawPart
from ...meshes.color_space import srgb_from_linear
from ...progress import Job, Progress
from .container import Container, decode_draco
from .materials import base_texture_info, read_material, transformed_uv
from .splats import PlacedSplats, holds_splats, read_splats

_POINTS, _TRIANGLES, _STRIP, _FAN = 0, 4, 5, 6


@dataclass
class _Cloud:
    name: str
    positions: np.ndarray
    colors: np.ndarray | None


_UNPACKED_SHARE = 5
"""How much less than bytes that lie in the file those count that were unpacked from it, for what a mesh may become."""


@dataclass
class _Content:
    """What one glTF mesh turned into."""

    parts: list[int] = field(default_factory=list)
    clouds: list[_Cloud] = field(default_factory=list)
    splats: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


class SceneReader:
    """Reads the default scene of a container. turn_spz: see `read_splats`."""

    def __init__(self, container: Container, builder: MeshBuilder, turn_spz: bool = True) -> None:
        self.container, self.builder, self._turn_spz = container, builder, turn_spz
        self._meshes: dict[int, _Content] = {}
        self._materials: dict[int, int] = {}
        self._splats: list[PlacedSplats] = []
        generator = str(container.tree.get("asset", {}).get("generator", ""))
        # trimesh and what is built on it write display-referred colours where the specification wants linear ones.
        self._linear_colors = "trimesh" not in generator
        if generator:
            builder.provenance.declared["generator"] = generator[:200]

    def read(self) -> Job[list[Asset]]:
        """The assets in the scene. Raises BadFile where the file is damaged or has nothing to show."""
        order, parents = self._order()
        nodes: list[MeshNode] = []
        worlds: list[np.ndarray] = []
        for done, (index, parent) in enumerate(zip(order, parents, strict=True)):
            if done % 64 == 0:
                yield Progress(done, len(order), f"Reading {self.builder.path.name}")
            entry = self.container.entry("nodes", index)
            matrix = self._matrix(entry, index)
            worlds.append(matrix if parent < 0 else worlds[parent] @ matrix)
            nodes.append(MeshNode(str(entry.get("name") or f"node {index}"), parent, matrix))
        for position, index in enumerate(order):
            yield Progress(position, len(order), f"Reading {self.builder.path.name}")
            self._fill(nodes, position, self.container.entry("nodes", index), worlds[position])
        if not order:
            for index in range(len(self.container.entries("meshes"))):
                content = self._mesh(index)
                nodes.append(MeshNode(self._mesh_name(index), parts=tuple(content.parts)))
                self._place(content, np.eye(4))
        self._mention_what_is_left_out()
        alone = not self.builder.parts and not self.builder.clouds
        assets = [] if self._splats and alone else self.builder.finish(nodes)
        warnings = self.builder.provenance.warnings
        return assets + (yield from read_splats(self.container, self._splats, warnings, alone, self._turn_spz))

    def _order(self) -> tuple[list[int], list[int]]:
        """The nodes of the scene with parents first, and for each the place of its parent in that list."""
        entries, scenes = self.container.entries("nodes"), self.container.entries("scenes")
        if scenes:
            roots = self.container.entry("scenes", self.container.tree.get("scene", 0)).get("nodes", [])
        else:
            children = {child for entry in entries for child in _indices(entry.get("children"))}
            roots = [index for index in range(len(entries)) if index not in children]
        order: list[int] = []
        parents: list[int] = []
        seen: set[int] = set()
        pending = [(index, -1) for index in reversed(_indices(roots))]
        while pending:
            index, parent = pending.pop()
            if index in seen:
                self.builder.warn("A node has several parents or is its own ancestor; it is placed once.")
                continue
            seen.add(index)
            order.append(index)
            parents.append(parent)
            entry = self.container.entry("nodes", index)
            pending.extend((child, len(order) - 1) for child in reversed(_indices(entry.get("children"))))
        return order, parents

    def _matrix(self, entry: dict[str, Any], index: int) -> np.ndarray:
        """Node → parent, from its matrix or its translation, rotation (x y z w) and scale."""
        try:
            if "matrix" in entry:
                matrix = np.array(entry["matrix"], np.float64).reshape(4, 4).T
            else:
                matrix = _placed(
                    np.array(entry.get("translation", (0, 0, 0)), np.float64).reshape(3),
                    np.array(entry.get("rotation", (0, 0, 0, 1)), np.float64).reshape(4),
                    np.array(entry.get("scale", (1, 1, 1)), np.float64).reshape(3),
                )
            if np.isfinite(matrix).all() and np.allclose(matrix[3], (0, 0, 0, 1)):
                return matrix
        except (TypeError, ValueError):
            pass
        self.builder.warn(f"The transform of node {index} is damaged and was left out.")
        return np.eye(4)

    def _fill(self, nodes: list[MeshNode], position: int, entry: dict[str, Any], world: np.ndarray) -> None:
        """Gives a node its parts, or one child with them for each instance of EXT_mesh_gpu_instancing."""
        if "mesh" not in entry:
            return
        content = self._mesh(entry["mesh"])
        extensions = entry.get("extensions")
        instancing = extensions.get("EXT_mesh_gpu_instancing") if isinstance(extensions, dict) else None
        if not isinstance(instancing, dict):
            nodes[position].parts = tuple(content.parts)
            self._place(content, world)
            return
        for number, matrix in enumerate(self._instances(instancing)):
            nodes.append(MeshNode(f"{nodes[position].name} {number + 1}", position, matrix, tuple(content.parts)))
            self._place(content, world @ matrix)

    def _instances(self, instancing: dict[str, Any]) -> list[np.ndarray]:
        attributes = instancing.get("attributes", {})
        read = {
            name: self.container.floats(attributes[name])
            for name in ("TRANSLATION", "ROTATION", "SCALE")
            if name in attributes
        }
        count = min((len(values) for values in read.values()), default=0)
        still = {"TRANSLATION": (0, 0, 0), "ROTATION": (0, 0, 0, 1), "SCALE": (1, 1, 1)}
        rows = {name: read.get(name, np.tile(value, (count, 1))) for name, value in still.items()}
        matrices = [_placed(*(rows[name][i].astype(np.float64) for name in still)) for i in range(count)]
        return [matrix for matrix in matrices if np.isfinite(matrix).all()]

    def _mesh_name(self, index: int) -> str:
        return str(self.container.entry("meshes", index).get("name") or f"mesh {index}")

    def _mesh(self, index: Any) -> _Content:
        """The content of one mesh, read once however often it is placed."""
        entry = self.container.entry("meshes", index)
        if index not in self._meshes:
            content, name = _Content(), self._mesh_name(index)
            primitives = entry.get("primitives")
            for number, primitive in enumerate(primitives if isinstance(primitives, list) else []):
                extras = primitive.get("extras")
                own = extras.get("name") if isinstance(extras, dict) else None
                called = own if isinstance(own, str) else name if len(primitives) == 1 else f"{name} {number + 1}"
                self._primitive(primitive, called, content)
            self._meshes[index] = content
        return self._meshes[index]

    def _primitive(self, entry: dict[str, Any], name: str, content: _Content) -> None:
        extensions = entry.get("extensions")
        extensions = extensions if isinstance(extensions, dict) else {}
        mode = entry.get("mode", _TRIANGLES)
        attributes = entry.get("attributes")
        if holds_splats(entry):
            content.splats.append((name, entry))
        elif not isinstance(attributes, dict) or "POSITION" not in attributes:
            self.builder.warn(f"{name!r} has no positions and was left out.")
        elif mode == _POINTS:
            colors = self._colors(attributes.get("COLOR_0"), None)
            content.clouds.append(_Cloud(name, self.container.floats(attributes["POSITION"]), colors))
        elif mode in (_TRIANGLES, _STRIP, _FAN):
            part = self.builder.add(self._geometry(entry, name, mode, extensions.get("KHR_draco_mesh_compression")))
            content.parts.extend([part] if part >= 0 else [])
        else:
            self.builder.warn("Lines are not shown.")

    def _geometry(self, entry: dict[str, Any], name: str, mode: int, draco: dict[str, Any] | None) -> RawPart:
        attributes, compressed, faces = entry["attributes"], None, None
        read = self.container.buffer_bytes + self.container.unpacked_bytes // _UNPACKED_SHARE
        self.builder.further_bytes = max(self.builder.further_bytes, read)
        if isinstance(draco, dict):
            faces, compressed = decode_draco(self.container, draco)
            self.builder.further_bytes += faces.nbytes

        def values(attribute: str) -> np.ndarray | None:
            index = attributes.get(attribute)
            found = compressed(attribute) if compressed else None
            if found is None:
                return None if index is None else self.container.floats(index)
            normalised = found.dtype.kind in "iu" and self.container.entry("accessors", index).get("normalized")
            return found.astype(np.float32) / np.iinfo(found.dtype).max if normalised else found

        positions = values("POSITION")
        if faces is None:
            faces = self._faces(entry, mode, len(positions))
        raw = RawPart(name, positions, faces, values("NORMAL"), material=self._material(entry.get("material")))
        info = base_texture_info(self.container.entry("materials", entry["material"])) if raw.material >= 0 else {}
        uv = values(f"TEXCOORD_{info.get('texCoord', 0)}")
        if uv is not None:
            raw.uv = transformed_uv(uv, info) * np.float32([1, -1]) + np.float32([0, 1])
        raw.colors = self._colors(attributes.get("COLOR_0"), compressed("COLOR_0") if compressed else None)
        return self._trimmed(raw, name)

    def _trimmed(self, raw: RawPart, name: str) -> RawPart:
        """`raw` without attributes that have another length than its positions."""
        for attribute in ("normals", "uv", "colors"):
            values = getattr(raw, attribute)
            if values is not None and len(values) != len(raw.vertices):
                self.builder.warn(f"The {attribute} of {name!r} do not fit its vertices and were left out.")
                setattr(raw, attribute, None)
        return _with_used_vertices(raw)

    def _faces(self, entry: dict[str, Any], mode: int, vertices: int) -> np.ndarray:
        if "indices" in entry:
            corners = self.container.array(entry["indices"]).reshape(-1).astype(np.int64)
        else:
            corners = np.arange(vertices)
        if mode == _TRIANGLES:
            return corners[: len(corners) // 3 * 3].reshape(-1, 3)
        if len(corners) < 3:
            return np.empty((0, 3), np.int64)
        first, second, third = corners[:-2], corners[1:-1], corners[2:]
        if mode == _FAN:
            return np.stack([second, third, np.full_like(second, corners[0])], 1)
        # Every other triangle of a strip turns the other way.
        odd = np.arange(len(first)) % 2 == 1
        return np.stack([first, np.where(odd, third, second), np.where(odd, second, third)], 1)

    def _colors(self, index: Any, decoded: np.ndarray | None) -> np.ndarray | None:
        """Vertex colours as floats in sRGB, straight alpha."""
        if index is None:
            return None
        values = self.container.array(index) if decoded is None else decoded
        if values.dtype.kind in "iu":
            values = values.astype(np.float32) / np.iinfo(values.dtype).max
        values = np.nan_to_num(values.astype(np.float32)).clip(0.0, 1.0)
        if self._linear_colors:
            values[:, :3] = srgb_from_linear(values[:, :3])
        return values

    def _material(self, index: Any) -> int:
        if index is None:
            return -1
        entry = self.container.entry("materials", index)
        if index not in self._materials:
            self.builder.materials.append(read_material(self.container, entry))
            self._materials[index] = len(self.builder.materials) - 1
        return self._materials[index]

    def _place(self, content: _Content, world: np.ndarray) -> None:
        """Puts points and splats of a mesh where a node has them."""
        self._splats += [PlacedSplats(name, primitive, world) for name, primitive in content.splats]
        for cloud in content.clouds:
            positions = cloud.positions @ world[:3, :3].T + world[:3, 3]
            self.builder.add_points(cloud.name, positions, cloud.colors)

    def _mention_what_is_left_out(self) -> None:
        for name, sentence in (
            ("animations", "Animations are not played; the mesh stands as the file places it."),
            ("skins", "Skinning is not applied; the mesh is shown in its bind pose."),
        ):
            if self.container.entries(name):
                self.builder.warn(sentence)
        primitives = [p for mesh in self.container.entries("meshes") for p in mesh.get("primitives", [])]
        if any(primitive.get("targets") for primitive in primitives):
            self.builder.warn("Morph targets are not shown.")


def _with_used_vertices(raw: RawPart) -> RawPart:
    """`raw` without vertices that it does not use, if those are most: exporters let primitives share long buffers."""
    faces = np.asarray(raw.faces, np.int64)
    if not faces.size or 2 * faces.size > len(raw.vertices) or faces.min() < 0 or faces.max() >= len(raw.vertices):
        return raw
    used, faces = np.unique(faces, return_inverse=True)
    kept = {name: getattr(raw, name) for name in ("vertices", "normals", "uv", "colors")}
    kept = {name: None if values is None else values[used] for name, values in kept.items()}
    return replace(raw, faces=faces.reshape(-1, 3), **kept)


def _indices(values: Any) -> list[int]:
    return [value for value in values if isinstance(value, int)] if isinstance(values, list) else []


def _placed(translation: np.ndarray, rotation: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The matrix T · R · S; `rotation` is a quaternion x y z w."""
    x, y, z, w = rotation / max(float(np.linalg.norm(rotation)), 1e-300)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * scale
    matrix[:3, 3] = translation
    return matrix

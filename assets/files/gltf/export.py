"""Writes a mesh as one .glb: its nodes, parts and materials as they are, textures as PNG inside the file."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from ...mesh import Material, Mesh, MeshPart
from ...meshes.color_space import linear_from_srgb
from ...progress import Job, Progress
from ..images import encode_png

_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_TEXTURES = {
    "base_color_texture": ("pbrMetallicRoughness", "baseColorTexture"),
    "metallic_roughness_texture": ("pbrMetallicRoughness", "metallicRoughnessTexture"),
    "normal_texture": (None, "normalTexture"),
    "occlusion_texture": (None, "occlusionTexture"),
    "emissive_texture": (None, "emissiveTexture"),
}


def write_glb(mesh: Mesh, path: Path) -> Job[None]:
    """Writes `mesh` to `path`; `mesh.transform`, where there is one, becomes a root node."""
    writer = _Writer(mesh)
    for index, material in enumerate(mesh.materials):
        yield Progress(index, len(mesh.materials) + len(mesh.parts), f"Writing {material.name or 'materials'}")
        writer.add_material(material)
    for index, part in enumerate(mesh.parts):
        done = len(mesh.materials) + index
        yield Progress(done, len(mesh.materials) + len(mesh.parts), f"Writing {part.name}")
        writer.add_part(part)
    writer.add_nodes()
    writer.write(path)


class _Writer:
    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.chunks: list[bytes] = []
        self.length = 0
        self.tree: dict[str, Any] = {"asset": {"version": "2.0", "generator": "Triptych"}, "scene": 0}
        self._primitives: list[dict[str, Any]] = []
        self._textures: dict[int, int] = {}
        self._meshes: dict[tuple[int, ...], int] = {}

    def _append(self, name: str, entry: dict[str, Any]) -> int:
        self.tree.setdefault(name, []).append(entry)
        return len(self.tree[name]) - 1

    def _view(self, data: bytes, target: int | None = None) -> int:
        entry = {"buffer": 0, "byteOffset": self.length, "byteLength": len(data)}
        data += b"\0" * (-len(data) % 4)
        self.chunks.append(data)
        self.length += len(data)
        return self._append("bufferViews", entry | ({"target": target} if target else {}))

    def _accessor(self, values: np.ndarray, target: int = _ARRAY_BUFFER, bounds: bool = False) -> int:
        component = {"f4": 5126, "u4": 5125}[values.dtype.str[1:]]
        width = 1 if values.ndim == 1 else values.shape[1]
        entry = {
            "bufferView": self._view(np.ascontiguousarray(values).tobytes(), target),
            "componentType": component,
            "count": len(values),
            "type": {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}[width],
        }
        if bounds:
            entry |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        return self._append("accessors", entry)

    def add_material(self, material: Material) -> None:
        """Appends a material; one picture that several materials share is stored once."""
        core: dict[str, Any] = {
            "baseColorFactor": [float(value) for value in material.base_color],
            "metallicFactor": material.metallic,
            "roughnessFactor": material.roughness,
        }
        entry: dict[str, Any] = {"pbrMetallicRoughness": core, "alphaMode": material.alpha_mode}
        if material.name:
            entry["name"] = material.name
        if material.alpha_mode == "MASK":
            entry["alphaCutoff"] = material.alpha_cutoff
        if material.double_sided:
            entry["doubleSided"] = True
        self._add_emission(entry, material)
        for attribute, (group, key) in _TEXTURES.items():
            image = getattr(material, attribute)
            if image is not None:
                (entry[group] if group else entry)[key] = {"index": self._texture(image)}
        if material.unlit:
            self._use_extension(entry, "KHR_materials_unlit", {})
        self._append("materials", entry)

    def _add_emission(self, entry: dict[str, Any], material: Material) -> None:
        strength = max(1.0, *material.emissive)
        if any(material.emissive):
            entry["emissiveFactor"] = [value / strength for value in material.emissive]
        if strength > 1.0:
            self._use_extension(entry, "KHR_materials_emissive_strength", {"emissiveStrength": strength})

    def _use_extension(self, entry: dict[str, Any], name: str, content: dict[str, Any]) -> None:
        entry.setdefault("extensions", {})[name] = content
        used = self.tree.setdefault("extensionsUsed", [])
        if name not in used:
            used.append(name)

    def _texture(self, image: np.ndarray) -> int:
        if id(image) not in self._textures:
            source = self._append("images", {"bufferView": self._view(encode_png(image)), "mimeType": "image/png"})
            self._textures[id(image)] = self._append("textures", {"source": source})
        return self._textures[id(image)]

    def add_part(self, part: MeshPart) -> None:
        """Stores the arrays of a part as a primitive; the meshes that `add_nodes` makes share it."""
        attributes = {
            "POSITION": self._accessor(part.vertices, bounds=True),
            "NORMAL": self._accessor(part.normals),
        }
        if part.uv is not None:
            attributes["TEXCOORD_0"] = self._accessor(part.uv * np.float32([1, -1]) + np.float32([0, 1]))
        if part.colors is not None:
            colors = part.colors.astype(np.float32) / np.float32(255)
            # Linear values need more than 8 bits to become the same sRGB again.
            colors[:, :3] = linear_from_srgb(colors[:, :3])
            attributes["COLOR_0"] = self._accessor(colors)
        indices = self._accessor(part.faces.reshape(-1), _ELEMENT_ARRAY_BUFFER)
        entry = {"attributes": attributes, "indices": indices, "extras": {"name": part.name}}
        if part.material >= 0:
            entry["material"] = part.material
        self._primitives.append(entry)

    def add_nodes(self) -> None:
        """Appends the nodes under the mesh's own transform."""
        placed = not np.allclose(self.mesh.transform, np.eye(4), atol=0, rtol=0)
        shift = 1 if placed else 0
        nodes: list[dict[str, Any]] = [_node(self.mesh.name, self.mesh.transform)] if placed else []
        roots: list[int] = [0] if placed else []
        for index, node in enumerate(self.mesh.nodes):
            entry = _node(node.name, node.matrix)
            if node.parts:
                entry["mesh"] = self._mesh_of(node.parts)
            nodes.append(entry)
            if node.parent >= 0 or placed:
                nodes[node.parent + shift if node.parent >= 0 else 0].setdefault("children", []).append(index + shift)
            else:
                roots.append(index)
        self.tree["nodes"], self.tree["scenes"] = nodes, [{"nodes": roots}]

    def _mesh_of(self, parts: tuple[int, ...]) -> int:
        if parts not in self._meshes:
            name = self.mesh.parts[parts[0]].name
            entry = {"name": name, "primitives": [self._primitives[index] for index in parts]}
            self._meshes[parts] = self._append("meshes", entry)
        return self._meshes[parts]

    def write(self, path: Path) -> None:
        """Writes the header, the JSON and the data."""
        if self.length:
            self.tree["buffers"] = [{"byteLength": self.length}]
        text = json.dumps(self.tree, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        with path.open("wb") as file:
            file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + self.length))
            file.write(struct.pack("<I4s", len(text), b"JSON") + text)
            file.write(struct.pack("<I4s", self.length, b"BIN\0"))
            for chunk in self.chunks:
                file.write(chunk)


def _node(name: str, matrix: np.ndarray) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name}
    if not np.array_equal(matrix, np.eye(4)):
        entry["matrix"] = [float(value) for value in matrix.T.reshape(-1)]
    return entry

"""Between our meshes and trimesh's, for what trimesh does well: exotic formats, ray casting, geometry queries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files.images import MAX_PIXELS
from ..mesh import Material, Mesh, MeshNode, MeshPart
from .builder import MeshBuilder, RawPart
from .normals import filled, unit

if TYPE_CHECKING:
    import trimesh


def placed_geometry(mesh: Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All instances in world space, one behind the other: vertices (V,3) f64, faces (F,3) i64, unit normals (V,3) f64.

    Instances that are mirrored have their faces turned, so that the winding stays outward.
    """
    vertices, faces, normals, count = [], [], [], 0
    for part, matrix in mesh.instances():
        world, own = world_part(mesh, part, matrix)
        vertices.append(world.vertices)
        normals.append(world.normals)
        faces.append(own.astype(np.int64) + count)
        count += len(part.vertices)
    if not vertices:
        return np.empty((0, 3)), np.empty((0, 3), np.int64), np.empty((0, 3))
    return np.concatenate(vertices), np.concatenate(faces), np.concatenate(normals)


def world_part(mesh: Mesh, part: MeshPart, matrix: np.ndarray) -> tuple[MeshPart, np.ndarray]:
    """One instance in world space: the part with vertices and unit normals in f64, and its faces, turned around where
    the instance is mirrored."""
    world = mesh.transform @ matrix
    linear = world[:3, :3]
    if np.array_equal(world, np.eye(4)):
        vertices, normals = part.vertices.astype(np.float64), part.normals.astype(np.float64)
    else:
        vertices = part.vertices @ linear.T + world[:3, 3]
        # Row normals take the inverse from the right; a node that is squashed flat has only a pseudo-inverse.
        normals = filled(unit(part.normals @ np.linalg.pinv(linear)))
    faces = part.faces[:, ::-1] if np.linalg.det(linear) < 0 else part.faces
    return replace(part, vertices=vertices, normals=normals), faces


def to_trimesh(mesh: Mesh) -> trimesh.Trimesh:
    """The mesh in world space as one trimesh object without its looks: vertices keep their order, none is merged."""
    import trimesh

    vertices, faces, normals = placed_geometry(mesh)
    return trimesh.Trimesh(vertices, faces, vertex_normals=normals, process=False)


def add_scene(builder: MeshBuilder, scene: trimesh.Scene) -> list[MeshNode]:
    """Adds a trimesh scene's meshes and point clouds to `builder` and returns its graph, names and transforms kept."""
    parts: dict[str, int] = {}
    for name, geometry in scene.geometry.items():
        if hasattr(geometry, "faces"):
            parts[name] = builder.add(_raw_part(builder, name, geometry))
        elif hasattr(geometry, "vertices") and not hasattr(geometry, "entities"):
            builder.add_points(name, geometry.vertices, getattr(geometry, "colors", None))
    graph = scene.graph
    nodes, index = [MeshNode(str(graph.base_frame))], {graph.base_frame: 0}
    pending = [graph.base_frame]
    while pending:
        parent = pending.pop()
        for child in graph.transforms.children.get(parent, []):
            if child in index:
                continue
            edge = graph.transforms.edge_data[(parent, child)]
            part = parts.get(edge.get("geometry"), -1)
            matrix = np.array(edge.get("matrix", np.eye(4)), np.float64)
            index[child] = len(nodes)
            nodes.append(MeshNode(str(child), index[parent], matrix, (part,) if part >= 0 else ()))
            pending.append(child)
    return nodes


def _raw_part(builder: MeshBuilder, name: str, geometry: Any) -> RawPart:
    raw = RawPart(name, geometry.vertices, geometry.faces)
    if "vertex_normals" in geometry._cache:
        raw.normals = geometry.vertex_normals
    visual = geometry.visual
    if getattr(visual, "kind", None) == "texture":
        raw.uv = visual.uv
        builder.materials.append(material_of(visual.material))
        raw.material = len(builder.materials) - 1
        raw.colors = visual.vertex_attributes.get("color")
    elif getattr(visual, "kind", None) in ("vertex", "face"):
        if visual.kind == "face":
            raw = RawPart(name, geometry.vertices[geometry.faces].reshape(-1, 3), np.arange(3 * len(geometry.faces)))
            raw.shared = geometry.faces.reshape(-1)
            raw.colors = np.repeat(visual.face_colors, 3, axis=0)
        else:
            raw.colors = visual.vertex_colors
    return raw


def material_of(material: Any) -> Material:
    """A trimesh material as ours; a picture that is too large is left out before it is decoded."""
    pbr = material.to_pbr() if hasattr(material, "to_pbr") else material
    color = getattr(pbr, "baseColorFactor", None)
    result = Material(name=str(getattr(pbr, "name", "") or ""))
    if color is not None:
        result.base_color = tuple(float(value) / 255 for value in color)
    for ours, theirs in (("metallic", "metallicFactor"), ("roughness", "roughnessFactor")):
        value = getattr(pbr, theirs, None)
        setattr(result, ours, getattr(result, ours) if value is None else float(value))
    image = getattr(pbr, "baseColorTexture", None)
    if image is not None and image.width * image.height <= MAX_PIXELS:
        result.base_color_texture = np.array(image.convert("RGBA"))
    return result

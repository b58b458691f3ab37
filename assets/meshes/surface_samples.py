"""Points on the surface of a mesh, with the normal and the colour that are seen there."""

from __future__ import annotations

import numpy as np

from ..mesh import Material, Mesh, MeshPart
from .color_space import linear_from_srgb, srgb_from_linear
from .exchange import world_part
from .normals import filled, unit

_PLAIN = Material()


def sample_surface(mesh: Mesh, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`count` points spread evenly by area over all placed parts, in world space.

    Returns positions (count,3) f32, unit normals (count,3) f32, interpolated from the vertices', and colours (count,3)
    f32, sRGB 0 … 1: base colour × vertex colour × texture, bilinear. Empty where the mesh has no area.
    """
    random = np.random.default_rng(seed)
    placed = [(part, *world_part(mesh, part, matrix)) for part, matrix in mesh.instances()]
    areas = [_areas(world.vertices, faces) for _, world, faces in placed]
    totals = np.array([area.sum() for area in areas])
    if not len(totals) or not totals.sum() > 0:
        return tuple(np.empty((0, 3), np.float32) for _ in range(3))
    shares = random.multinomial(count, totals / totals.sum())
    pieces = [
        _sample_part(mesh, part, world, faces, area, share, random)
        for (part, world, faces), area, share in zip(placed, areas, shares, strict=True)
        if share
    ]
    order = random.permutation(count)
    positions, normals, colors = (
        np.concatenate(column).astype(np.float32)[order] for column in zip(*pieces, strict=True)
    )
    return positions, normals, colors


def _areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def _sample_part(
    mesh: Mesh, part: MeshPart, world: MeshPart, faces: np.ndarray, areas: np.ndarray, count: int, random
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # One random number in each of `count` equal stretches of area: more even than drawing faces one by one.
    edges = np.cumsum(areas)
    picks = (np.arange(count) + random.random(count)) / count * edges[-1]
    corners = faces[np.minimum(np.searchsorted(edges, picks, side="right"), len(faces) - 1)]
    # Uniform on a triangle: Turk, "Generating random points in triangles", Graphics Gems 1990.
    root, second = np.sqrt(random.random(count)), random.random(count)
    weights = np.stack([1 - root, root * (1 - second), root * second], 1)[:, :, None]

    def interpolated(values: np.ndarray) -> np.ndarray:
        return (values[corners] * weights).sum(1)

    material = mesh.materials[part.material] if part.material >= 0 else _PLAIN
    uv = None if part.uv is None else interpolated(part.uv.astype(np.float64))
    colors = None if part.colors is None else interpolated(part.colors[:, :3] / 255.0)
    normals = filled(unit(interpolated(world.normals)))
    return interpolated(world.vertices), normals, surface_color(material, count, uv, colors)[:, :3]


def surface_color(
    material: Material, count: int, uv: np.ndarray | None, colors: np.ndarray | None, textures: bool = True
) -> np.ndarray:
    """The colour of a surface without light: (N,4) f32, sRGB 0 … 1 with straight alpha. `uv` (N,2) with v up, `colors`
    (N,3|4) sRGB 0 … 1; either may be missing. The factors are multiplied in linear light as glTF 2.0, 3.9.2 says."""
    result = np.tile(np.array(material.base_color, np.float32), (count, 1))
    if colors is not None:
        result[:, :3] *= linear_from_srgb(colors[:, :3])
        if colors.shape[1] > 3:
            result[:, 3] *= colors[:, 3]
    if textures and uv is not None and material.base_color_texture is not None:
        texel = sample_texture(material.base_color_texture, uv)
        result[:, :3] *= linear_from_srgb(texel[:, :3])
        result[:, 3] *= texel[:, 3]
    result[:, :3] = srgb_from_linear(result[:, :3])
    return result


def sample_texture(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """A picture (H,W,4) u8, row 0 on top, at `uv` (N,2) with v up, bilinear and repeated: (N,4) f32, 0 … 1."""
    height, width = image.shape[:2]
    x, y = uv[:, 0] * width - 0.5, (1.0 - uv[:, 1]) * height - 0.5
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    rows, columns = (top % height, (top + 1) % height), (left % width, (left + 1) % width)
    upper = image[rows[0], columns[0]] * (1 - fx) + image[rows[0], columns[1]] * fx
    lower = image[rows[1], columns[0]] * (1 - fx) + image[rows[1], columns[1]] * fx
    return ((upper * (1 - fy) + lower * fy) / 255.0).astype(np.float32)


def vertex_colors(mesh: Mesh, part: MeshPart, textures: bool = True) -> np.ndarray:
    """The colours of a part's vertices with its material in them: (V,4) u8 sRGB."""
    material = mesh.materials[part.material] if part.material >= 0 else _PLAIN
    colors = None if part.colors is None else part.colors / np.float32(255)
    if colors is None:
        colors = np.ones((len(part.vertices), 4), np.float32)
    return np.rint(surface_color(material, len(part.vertices), part.uv, colors, textures) * 255).astype(np.uint8)

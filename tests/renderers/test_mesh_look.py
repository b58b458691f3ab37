"""What a mesh looks like: colours that must come through exactly, materials against each other, and the studio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from OpenGL import GL
from PIL import Image

from assets.mesh import Material, Mesh, MeshNode, MeshPart
from renderers.camera import Camera
from renderers.gl.lifetime import living
from renderers.meshes import textures as mesh_textures
from renderers.meshes.textures import Halver, MaterialTextures, MipmappedTexture, shrink, shrink_factor
from renderers.renderer import Quality, renderer_for
from tests.renderers.opaque_pictures import draw, picture

IMAGES = Path(__file__).parent.parent / "images"
FRONT = Camera.look_at((0, 0, 4), (0, 0, 0), fov_y_deg=35, width=64, height=64)


def srgb(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, linear → encoded."""
    linear = np.asarray(linear, np.float64)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def tone_mapped(color: tuple[float, float, float]) -> np.ndarray:
    """Khronos PBR Neutral, written from the specification's text."""
    color = np.asarray(color, np.float64)
    x = color.min()
    color = color - (x - 6.25 * x * x if x < 0.08 else 0.04)
    peak = color.max()
    if peak < 0.76:
        return color
    squeezed = 1 - 0.24**2 / (peak + 0.24 - 0.76)
    color = color * squeezed / peak
    share = 1 / (0.15 * (peak - squeezed) + 1)
    return color * share + squeezed * (1 - share)


def square(z: float = 0.0, half: float = 1.0, **fields) -> MeshPart:
    """A square that faces +z, with texture coordinates over all of it."""
    corners = np.float32([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]])
    uv = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])
    normals = fields.pop("normals", np.tile(np.float32([0, 0, 1]), (4, 1)))
    return MeshPart("square", corners, np.uint32([[0, 1, 2], [0, 2, 3]]), normals, uv, **fields)


def shown(material: Material, mode: str = "shaded", **fields) -> np.ndarray:
    """The square in `material`, drawn from the front: (64,64,4)."""
    mesh = Mesh("square", [square(material=0, **fields)], materials=[material])
    mesh.set_display("mode", mode)
    return picture(mesh, FRONT)


def flat_image(*color: int, size: int = 4) -> np.ndarray:
    """An image of one colour."""
    return np.full((size, size, 4), color, np.uint8)


def test_base_colours_come_through_exactly(gl) -> None:
    vertex = np.tile(np.uint8([200, 30, 90, 255]), (4, 1))
    for fields, material, wanted in (
        ({"colors": vertex}, Material(), np.array([200, 30, 90]) / 255),
        ({}, Material(base_color=(0.2, 0.5, 0.01, 1.0)), srgb([0.2, 0.5, 0.01])),
        ({}, Material(base_color_texture=flat_image(10, 128, 250, 255)), np.array([10, 128, 250]) / 255),
    ):
        np.testing.assert_allclose(shown(material, "base colour", **fields)[32, 32, :3], wanted, atol=1.5 / 255)


def test_an_image_stands_upright(gl) -> None:
    image = np.zeros((8, 8, 4), np.uint8)
    image[..., 3] = 255
    image[:4, :4, 0] = image[:4, 4:, 1] = image[4:, :4, 2] = 255
    seen = shown(Material(base_color_texture=image), "base colour")
    for (y, x), wanted in {(22, 22): (1, 0, 0), (22, 41): (0, 1, 0), (41, 22): (0, 0, 1), (41, 41): (0, 0, 0)}.items():
        np.testing.assert_allclose(seen[y, x, :3], wanted, atol=0.02)


def test_emitted_light_goes_through_the_tone_map(gl) -> None:
    dark = {"base_color": (0, 0, 0, 1), "metallic": 1.0, "roughness": 1.0}
    black = shown(Material(**dark))[32, 32, :3]
    assert black.max() < 0.08
    for light in ((0.5, 0.2, 0.3), (3.0, 1.0, 0.4), (0.9, 0.95, 0.8)):
        seen = shown(Material(**dark, emissive=light))[32, 32, :3]
        np.testing.assert_allclose(seen, srgb(tone_mapped(light)), atol=0.02)
    by_image = shown(Material(**dark, emissive=(1, 1, 1), emissive_texture=flat_image(188, 100, 20, 255)))[32, 32, :3]
    linear = [((value / 255 + 0.055) / 1.055) ** 2.4 for value in (188, 100, 20)]
    np.testing.assert_allclose(by_image, srgb(tone_mapped(linear)), atol=0.02)


def test_numbers_in_images_equal_numbers_in_the_material(gl) -> None:
    by_image = shown(Material(metallic=1.0, roughness=1.0, metallic_roughness_texture=flat_image(0, 102, 204, 255)))
    by_number = shown(Material(metallic=0.8, roughness=0.4))
    np.testing.assert_allclose(by_image, by_number, atol=0.01)
    assert np.abs(by_number - shown(Material(metallic=0.0, roughness=0.4)))[32, 32].max() > 0.05
    occluded = shown(Material(occlusion_texture=flat_image(0, 255, 255, 255)))
    open_sky = shown(Material(occlusion_texture=flat_image(255, 0, 0, 255)))
    np.testing.assert_allclose(open_sky, shown(Material()), atol=1e-3)
    assert occluded[32, 32, :3].max() < open_sky[32, 32, :3].min()


@pytest.mark.parametrize("tilt", [(0.6, 0.0), (0.0, 0.6), (-0.5, 0.3)])
def test_a_normal_map_bends_the_light_as_bent_normals_do(gl, tilt: tuple[float, float]) -> None:
    normal = np.float32([*tilt, np.sqrt(1 - tilt[0] ** 2 - tilt[1] ** 2)])
    texel = np.round(255 * (normal + 1) / 2).astype(int)
    bumped = shown(Material(normal_texture=flat_image(*texel, 255), roughness=0.4))
    bent = shown(Material(roughness=0.4), normals=np.tile(normal, (4, 1)))
    plain = shown(Material(normal_texture=flat_image(128, 128, 255, 255), roughness=0.4))
    inside = (slice(20, 44), slice(20, 44), slice(0, 3))
    np.testing.assert_allclose(bumped[inside], bent[inside], atol=0.012)
    np.testing.assert_allclose(plain[inside], shown(Material(roughness=0.4))[inside], atol=0.012)
    assert np.abs(bumped[inside] - plain[inside]).mean() > 0.02


def test_masked_texels_are_holes(gl) -> None:
    image = flat_image(255, 255, 255, 255, size=8)
    image[:, 4:, 3] = 90
    seen = shown(Material(base_color_texture=image, alpha_mode="MASK", alpha_cutoff=0.5))
    assert seen[32, 24, 3] == 1.0 and seen[32, 40, 3] == 0.0
    assert shown(Material(base_color_texture=image, alpha_mode="MASK", alpha_cutoff=0.2))[32, 40, 3] == 1.0
    assert shown(Material(base_color_texture=image))[32, 40, 3] == 1.0


def test_glass_is_blended_from_back_to_front(gl) -> None:
    materials = [
        Material(base_color=(1, 0, 0, 0.5), alpha_mode="BLEND"),
        Material(base_color=(0, 0, 1, 0.25), alpha_mode="BLEND"),
        Material(base_color=(0, 1, 0, 1)),
    ]
    parts = [square(z=0.5, material=1), square(z=0.0, material=0), square(z=-0.5, material=2)]
    mesh = Mesh("glass", parts, materials=materials)
    mesh.set_display("mode", "base colour")
    behind = np.array([0, 0.75 * 0.5, 0.0]) + np.array([0.75 * 0.5, 0, 0]) + np.array([0, 0, 0.25])
    np.testing.assert_allclose(picture(mesh, FRONT)[32, 32], [*behind, 1.0], atol=0.01)
    back = Camera.look_at((0, 0, -4), (0, 0, 0), fov_y_deg=35, width=64, height=64)
    np.testing.assert_allclose(picture(mesh, back)[32, 32], [0, 1, 0, 1], atol=0.01)
    renderer = renderer_for(mesh)
    renderer._pacer._elements = 1.0  # a step after each triangle: the state of the stage holds between them
    color, depth, steps = draw(renderer, FRONT)
    np.testing.assert_allclose(color[32, 32], [*behind, 1.0], atol=0.01)
    assert steps > 3
    assert depth[32, 32] == pytest.approx(4.5, abs=1e-3)  # glass leaves no depth
    assert renderer.pick_depth(FRONT, 32, 32) == pytest.approx(3.5, abs=1e-3)  # but can be picked
    renderer.dispose()


@pytest.mark.parametrize("mirror", [(1, 1, 1), (-1, 1, 1), (0.5, 2, -3)])
def test_normals_are_shown_as_colours_of_the_world(gl, mirror: tuple[float, ...]) -> None:
    for eye, wanted in (((4, 0, 0), (1, 0.5, 0.5)), ((0, 4, 0), (0.5, 1, 0.5)), ((0, 0, -4), (0.5, 0.5, 0))):
        box = trimesh.creation.box()
        flat = trimesh.Trimesh(box.triangles.reshape(-1, 3), np.arange(36).reshape(-1, 3), process=False)
        part = MeshPart("box", *(a.astype(np.float32) for a in (flat.vertices, flat.faces, flat.vertex_normals)))
        part.faces = part.faces.astype(np.uint32)
        mesh = Mesh("box", [part])
        mesh.set_transform(np.diag([*mirror, 1.0]))
        mesh.set_display("mode", "normals")
        camera = Camera.look_at(eye, (0, 0, 0), (0.1, 0.2, 0.3), width=32, height=32)
        for use_faces in (False, True):
            mesh.set_display("flat", use_faces)
            np.testing.assert_allclose(picture(mesh, camera)[16, 16, :3], wanted, atol=0.01)


def test_depth_is_bright_near_and_dark_far(gl) -> None:
    near, far = square(z=1.0, half=0.3), square(z=-1.0)
    mesh = Mesh("steps", [near, far])
    mesh.set_display("mode", "depth")
    seen = picture(mesh, FRONT)
    np.testing.assert_allclose(seen[32, 32, :3], 0.95, atol=0.01)
    np.testing.assert_allclose(seen[20, 20, :3], 0.08, atol=0.01)


def test_edges_lie_on_the_edges(gl) -> None:
    mesh = Mesh("square", [square()])
    plain = picture(mesh, FRONT)
    mesh.set_display("wireframe", True)
    edged = picture(mesh, FRONT)
    np.testing.assert_array_equal(edged[..., 3], plain[..., 3])
    changed = np.abs(edged - plain).max(-1) > 0.05
    diagonal = np.abs(np.add.outer(np.arange(64), np.arange(64)) - 63) <= 2
    rim = np.ones((64, 64), bool)
    covered = np.argwhere(plain[..., 3] > 0)
    (top, left), (bottom, right) = covered.min(0), covered.max(0)
    rim[top + 2 : bottom - 1, left + 2 : right - 1] = False
    assert changed[diagonal & (plain[..., 3] > 0)].mean() > 0.3
    assert not changed[~diagonal & ~rim].any()
    mesh.set_display("mode", "wireframe")
    lines = picture(mesh, FRONT)[..., 3] > 0
    assert lines.any() and not lines[~diagonal & ~rim].any()


def test_every_mode_draws_every_kind_of_surface(gl) -> None:
    """Each shader variant compiles and covers the same pixels, with the coordinates or without."""
    image = flat_image(128, 128, 255, 255)
    names = [f"{name}_texture" for name in ("base_color", "metallic_roughness", "normal", "occlusion", "emissive")]
    covered = (picture(Mesh("plain", [square()]), FRONT)[..., 3] > 0).sum()
    for alpha_mode in ("OPAQUE", "MASK", "BLEND"):
        material = Material(alpha_mode=alpha_mode, **dict.fromkeys(names, image))
        for uv in (True, False):
            part = square(material=0, colors=np.full((4, 4), 255, np.uint8))
            part.uv = part.uv if uv else None
            mesh = Mesh("surface", [part], materials=[material])
            for mode in ("shaded", "base colour", "normals", "depth"):
                for name in ("flat", "wireframe"):
                    mesh.set_display("mode", mode)
                    mesh.set_display(name, True)
                    seen = picture(mesh, FRONT)
                    mesh.set_display(name, False)
                    assert np.isfinite(seen).all() and (seen[..., 3] > 0.99).sum() == covered


def test_smaller_levels_are_averages_of_light(gl) -> None:
    image = np.zeros((64, 64, 4), np.uint8)
    image[..., 3] = 255
    image[::2, ::2, :3] = image[1::2, 1::2, :3] = 255
    halver = Halver()
    for internal, wanted in ((GL.GL_SRGB8_ALPHA8, 188), (GL.GL_RGBA8, 128)):
        texture = MipmappedTexture(internal, (64, 64))
        texture.write(image)
        for _ in halver.build_mipmaps(texture):
            pass
        assert len(texture.levels) == 7
        for level in (1, 3, 6):
            GL.glBindTexture(texture.target, texture.id)
            texels = GL.glGetTexImage(texture.target, level, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
            texels = np.frombuffer(texels, np.uint8).reshape(-1, 4)
            np.testing.assert_allclose(texels[:, :3].astype(int), wanted, atol=1)
        texture.delete()
    halver.delete()


def test_images_larger_than_the_driver_takes_are_shrunk(gl, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((100, 260, 4), np.uint8)
    image[:, :130] = (200, 10, 10, 255)
    image[:, 130:] = (10, 10, 200, 255)
    assert shrink_factor(image, 64) == 5 and shrink_factor(image, 260) == 1
    np.testing.assert_array_equal(shrink(image, 10)[0, :, 0], [200] * 13 + [10] * 13)
    monkeypatch.setattr(mesh_textures, "largest_side", lambda: 64)
    before = living["MipmappedTexture"]
    textures = MaterialTextures()
    material = Material(base_color_texture=image, occlusion_texture=image)
    for _ in textures.upload(material):
        assert not textures.has_all(material)
    assert textures.has_all(material) and living["MipmappedTexture"] == before + 2
    texture = textures.find(image, "base_color_texture")
    assert texture.size == (52, 20)
    GL.glBindTexture(texture.target, texture.id)
    texels = GL.glGetTexImage(texture.target, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
    texels = np.frombuffer(texels, np.uint8).reshape(20, 52, 4)
    assert (texels[:, :26] == (200, 10, 10, 255)).all() and (texels[:, 26:] == (10, 10, 200, 255)).all()
    textures.delete()
    assert living["MipmappedTexture"] == before


def studio() -> Mesh:
    """Clay, painted plastic and metal, smooth and rough, as spheres in two rows."""
    ball = trimesh.creation.icosphere(4)
    parts, nodes, materials = [], [], []
    looks = [None, ((0.6, 0.05, 0.04, 1), 0.0, 0.2), ((0.85, 0.62, 0.3, 1), 1.0, 0.15)]
    looks += [((0.8, 0.8, 0.8, 1), 0.0, 0.6), ((0.05, 0.12, 0.5, 1), 0.0, 0.6), ((0.85, 0.62, 0.3, 1), 1.0, 0.6)]
    for index, look in enumerate(looks):
        arrays = ball.vertices.astype(np.float32), ball.faces.astype(np.uint32), ball.vertex_normals.astype(np.float32)
        parts.append(MeshPart("ball", *arrays))
        if look:
            parts[-1].material = len(materials)
            materials.append(Material(base_color=look[0], metallic=look[1], roughness=look[2]))
        matrix = np.eye(4)
        matrix[:2, 3] = 2.2 * (index % 3 - 1), 1.1 - 2.2 * (index // 3)
        nodes.append(MeshNode("ball", -1, matrix, (index,)))
    return Mesh("studio", parts, nodes, materials)


def test_the_studio_looks_as_it_did(gl) -> None:
    """tests/images/mesh_studio.png: change it only together with the light, and look at it."""
    camera = Camera.look_at((0, 0, 11), (0, 0, 0), fov_y_deg=33, width=216, height=144)
    seen = np.clip(picture(studio(), camera), 0, 1) * 255
    wanted = np.asarray(Image.open(IMAGES / "mesh_studio.png").convert("RGBA"), np.float64)
    assert np.mean((seen - wanted) ** 2) < 255**2 / 10 ** (45 / 10)


def test_clay_is_neither_dark_nor_burnt(gl) -> None:
    ball = trimesh.creation.icosphere(4)
    arrays = ball.vertices.astype(np.float32), ball.faces.astype(np.uint32), ball.vertex_normals.astype(np.float32)
    seen = picture(Mesh("clay", [MeshPart("ball", *arrays)]), FRONT, Quality())
    grey = seen[seen[..., 3] > 0][:, :3].mean(-1)
    low, middle, high = np.quantile(grey, [0.05, 0.5, 0.95])
    assert 0.2 < low < 0.45 and 0.5 < middle < 0.75 and 0.65 < high < 0.92

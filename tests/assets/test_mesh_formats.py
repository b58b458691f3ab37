"""Meshes of every format, against what trimesh or the format's own numbers say."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from assets.errors import BadFile
from assets.formats import open_path
from assets.mesh import Mesh
from assets.meshes.exchange import to_trimesh
from assets.progress import run
from tests.assets.mesh_files import same_surface, write_3dxml, write_xaml


def _opened(path: Path) -> Mesh:
    meshes = [asset for asset in run(open_path(path)) if isinstance(asset, Mesh)]
    assert len(meshes) == 1
    return meshes[0]


@pytest.mark.parametrize(
    "name",
    [
        "spot.obj", "spot.off", "spot.ply", "spot_ascii.ply", "spot.stl", "spot.glb", "suzanne.obj", "teapot.obj",
        "stanford-bunny.obj", "odd-obj/pdal-box.obj", "odd-ply/pdal-mesh.ply", "low-poly-tree.glb",
        "SunglassesKhronos.glb",
    ],
)  # fmt: skip
def test_geometry_is_what_trimesh_reads(shared: Path, name: str) -> None:
    path = shared / "data" / "meshes" / name
    mesh = _opened(path)
    ours, theirs = to_trimesh(mesh), trimesh.load_mesh(path, process=False)
    assert len(ours.faces) == len(theirs.faces) > 0
    assert same_surface(ours, theirs)
    for part in mesh.parts:
        assert part.vertices.dtype == part.normals.dtype == np.float32 and part.faces.dtype == np.uint32
        assert np.allclose(np.linalg.norm(part.normals, axis=1), 1, atol=1e-5)


def test_obj_with_materials_textures_objects_and_odd_faces(tmp_path: Path) -> None:
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(tmp_path / "a picture.png")
    (tmp_path / "stuff.mtl").write_text(
        "newmtl red\nKd 1 0.25 0\nNs 98\nd 0.5\n\n"
        "newmtl painted\r\nmap_Kd -s 1 1 1 -o 0 0 a picture.png\nPr 0.3\nPm 0.8\n"
    )
    (tmp_path / "scene.obj").write_text(
        "# made by hand\r\nmtllib stuff.mtl\no first\n"
        "v 0 0 0 # a comment\n  v 1 0 0\nv 1 1 0\nv 0 1 0\nv 0.5 1.5 0\n"
        "vt 0 0\nvt 1 0\nvt 1 1\nvn 0 0 2\n"
        "usemtl red\nf 1 2 3 \\\n 4\n"
        "usemtl painted\nf 1/1/1 2/2/1 3/3/1\nf -5//1 -3//1 -2//1\n"
        "o second\ng ignored\ns 1\nusemtl painted\nf 1/1 3/3 4/2 5/1\nf 1/1 2/2 3/3/1\nf 3 4 5\n"
    )
    mesh = _opened(tmp_path / "scene.obj")
    assert [part.name for part in mesh.parts] == ["first", "first", "second"]
    assert [len(part.faces) for part in mesh.parts] == [2, 2, 4]
    red, painted = mesh.materials
    assert [mesh.materials[part.material].name for part in mesh.parts] == ["red", "painted", "painted"]
    assert red.base_color == (1.0, 0.25, 0.0, 0.5) and red.alpha_mode == "BLEND"
    assert red.roughness == pytest.approx(0.02**0.5)
    assert (painted.roughness, painted.metallic) == (0.3, 0.8)
    assert painted.base_color_texture.shape == (4, 4, 4)
    assert painted.base_color_texture[0, 1, :3].tolist() == [3, 4, 5]
    corners = {
        tuple(v): tuple(uv) for v, uv in zip(mesh.parts[2].vertices.tolist(), mesh.parts[2].uv.tolist(), strict=True)
    }
    assert corners[1, 1, 0] in ((1, 1), (0, 0))
    assert to_trimesh(mesh).area == pytest.approx(1 + 0.5 + 0.5 + 0.75 + 0.5 + 0.25)
    assert mesh.provenance.warnings == []


def test_obj_keeps_the_order_of_vertices_and_smooths_over_seams(shared: Path, tmp_path: Path) -> None:
    lines = (shared / "data/meshes/stanford-bunny.obj").read_text().splitlines()
    written = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], np.float64).astype(np.float32)
    assert np.array_equal(_opened(shared / "data/meshes/stanford-bunny.obj").parts[0].vertices, written)
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nvt 1 1\n"
    (tmp_path / "seam.obj").write_text(text + "f 1/1 2/1 3/1\nf 1/2 3/2 4/2\n")
    part = _opened(tmp_path / "seam.obj").parts[0]
    assert len(part.vertices) == 6
    same = np.flatnonzero((part.vertices == 0).all(1))
    assert len(same) == 2 and np.allclose(part.normals[same[0]], part.normals[same[1]])


def test_stl_in_text_and_binary(tmp_path: Path) -> None:
    sphere = trimesh.creation.icosphere(2)
    (tmp_path / "text.stl").write_text(trimesh.exchange.stl.export_stl_ascii(sphere))
    sphere.export(tmp_path / "binary.stl")
    text, binary = _opened(tmp_path / "text.stl"), _opened(tmp_path / "binary.stl")
    assert np.allclose(text.parts[0].vertices, binary.parts[0].vertices, atol=1e-6)
    assert np.allclose(text.parts[0].normals[::3], sphere.face_normals, atol=1e-5)
    solid = b"solid of many bytes".ljust(80) + (tmp_path / "binary.stl").read_bytes()[80:]
    (tmp_path / "lies.stl").write_bytes(solid)
    assert len(_opened(tmp_path / "lies.stl").parts[0].faces) == len(sphere.faces)
    loop = "outer loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop"
    two = f"solid one\nfacet normal 0 0 0\n{loop}\nendfacet\nendsolid one\n"
    (tmp_path / "two.stl").write_text(two + two.replace("one", "two"))
    mesh = _opened(tmp_path / "two.stl")
    assert [part.name for part in mesh.parts] == ["one", "two"]
    assert np.allclose(mesh.parts[0].normals, [0, 0, 1])
    (tmp_path / "loud.stl").write_text(
        two.upper().replace(" NORMAL 0 0 0", "  NORMAL -NAN(IND) 1.#IND 0").replace("1.#IND", "0")
    )
    assert np.allclose(_opened(tmp_path / "loud.stl").parts[0].vertices, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])


def test_off_with_comments_polygons_and_colours(tmp_path: Path) -> None:
    text = "# a house\nCOFF # colours\n5 2 0\n0 0 0 255 0 0 255\n1 0 0 0 255 0 255\n1 1 0 0 0 255 255\n0 1 0 1 2 3 4\n"
    (tmp_path / "house.off").write_text(text + "0.5 2 0 9 9 9 9\n4 0 1 2 3\n3 3 2 4\n")
    part = _opened(tmp_path / "house.off").parts[0]
    assert part.faces.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 4]]
    assert part.colors.tolist() == [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [1, 2, 3, 4], [9, 9, 9, 9]]
    (tmp_path / "faces.off").write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2 1.0 0.5 0.0\n")
    assert _opened(tmp_path / "faces.off").parts[0].colors.tolist() == [[255, 128, 0, 255]] * 3


def test_ply_with_corner_uvs_face_colours_and_strips(tmp_path: Path) -> None:
    corners = "element vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    points = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"
    Image.fromarray(np.full((2, 2, 3), 9, np.uint8)).save(tmp_path / "skin.png")
    wedge = "element face 2\nproperty list uchar int vertex_indices\nproperty list uchar float texcoord\nend_header\n"
    rows = "3 0 1 2 6 0 0 1 0 1 1\n3 0 2 3 6 0.5 0 1 1 0 1\n"
    start = "ply\nformat ascii 1.0\n"
    (tmp_path / "wedge.ply").write_text(start + "comment TextureFile skin.png\n" + corners + wedge + points + rows)
    mesh = _opened(tmp_path / "wedge.ply")
    part = mesh.parts[0]
    assert len(part.vertices) == 5 and mesh.materials[0].base_color_texture.max() == 255
    assert part.uv[part.faces].reshape(-1, 6).tolist() == [[0, 0, 1, 0, 1, 1], [0.5, 0, 1, 1, 0, 1]]
    faces = "element face 1\nproperty list uchar int vertex_index\n"
    faces += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    (tmp_path / "faces.ply").write_text(start + corners + faces + "end_header\n" + points + "4 0 1 2 3 7 8 9\n")
    assert _opened(tmp_path / "faces.ply").parts[0].colors.tolist() == [[7, 8, 9, 255]] * 6
    strips = "element tristrips 1\nproperty list int int vertex_indices\nend_header\n"
    (tmp_path / "strips.ply").write_text(start + corners + strips + points + "8 0 1 3 2 -1 0 1 2\n")
    assert _opened(tmp_path / "strips.ply").parts[0].faces.tolist() == [[0, 1, 3], [1, 2, 3], [0, 1, 2]]


def test_collada_keeps_nodes_names_and_colours(tmp_path: Path) -> None:
    path = tmp_path / "scene.dae"
    path.write_text((Path(__file__).parents[1] / "data" / "two_quads.dae").read_text())
    mesh = _opened(path)
    assert [(node.name, node.parent) for node in mesh.nodes] == [("root", -1), ("left", 0), ("right", 0)]
    assert len(mesh.parts) == 1 and len(mesh.instances()) == 2
    assert mesh.parts[0].name == "quad" and mesh.materials[0].name == "paint"
    assert mesh.materials[0].base_color == pytest.approx((0.25, 0.5, 1.0, 1.0))
    assert mesh.provenance.declared == {"up axis": "z", "unit": "0.01 m"}
    assert np.allclose(mesh.bounds(), [[-2, 0, 1], [3, 1, 1]])
    assert np.array_equal(mesh.parts[0].uv, mesh.parts[0].vertices[:, :2])
    assert np.allclose(mesh.parts[0].normals, [0, 0, 1])
    assert same_surface(to_trimesh(mesh), trimesh.load_mesh(path, process=False))


def test_collada_as_trimesh_writes_it(tmp_path: Path) -> None:
    sphere = trimesh.creation.icosphere(1)
    (tmp_path / "sphere.dae").write_bytes(trimesh.exchange.dae.export_collada(sphere))
    mesh = _opened(tmp_path / "sphere.dae")
    assert same_surface(to_trimesh(mesh), sphere)
    assert len(mesh.parts[0].vertices) == len(sphere.vertices)


def test_3mf_with_components_colours_and_a_texture(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.fromarray(np.full((2, 2, 3), 200, np.uint8)).save(picture, "PNG")
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="0"/>' for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)))
    model = f"""<?xml version="1.0"?><model unit="inch" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
      xmlns:m="http://schemas.microsoft.com/3dmanufacturing/material/2015/02"><resources>
      <m:colorgroup id="1"><m:color color="#FF0000"/><m:color color="#00FF0080"/></m:colorgroup>
      <m:texture2d id="2" path="/3D/Textures/t.png" contenttype="image/png"/>
      <m:texture2dgroup id="3" texid="2"><m:tex2coord u="0" v="0"/><m:tex2coord u="1" v="0.5"/></m:texture2dgroup>
      <object id="4" name="plate" pid="1" pindex="1"><mesh><vertices>{vertices}</vertices><triangles>
        <triangle v1="0" v2="1" v3="2"/><triangle v1="0" v2="2" v3="3" pid="3" p1="0" p2="1" p3="0"/>
      </triangles></mesh></object>
      <object id="5" name="pair"><components><component objectid="4"/>
        <component objectid="4" transform="0 1 0 -1 0 0 0 0 1 5 0 0"/></components></object>
      </resources><build><item objectid="5" transform="1 0 0 0 1 0 0 0 1 0 0 7"/></build></model>"""
    with zipfile.ZipFile(tmp_path / "plates.3mf", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("3D/3dmodel.model", model)
        archive.writestr("3D/Textures/t.png", picture.getvalue())
    mesh = _opened(tmp_path / "plates.3mf")
    assert [(node.name, node.parent) for node in mesh.nodes] == [("pair", -1), ("plate", 0), ("plate", 0)]
    colored, textured = mesh.parts
    assert colored.colors.tolist() == [[0, 255, 0, 128]] * 3
    assert textured.uv[textured.faces[0]].tolist() == [[0, 0], [1, 0.5], [0, 0]]
    assert mesh.materials[textured.material].base_color_texture[0, 0].tolist() == [200, 200, 200, 255]
    assert np.allclose(mesh.bounds(), [[0, 0, 7], [5, 1, 7]])
    assert mesh.provenance.declared["unit"] == "inch"


def test_3mf_as_trimesh_writes_it(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    box = trimesh.creation.box()
    scene.add_geometry(box, node_name="a", geom_name="box")
    scene.add_geometry(
        box, node_name="b", geom_name="box", transform=trimesh.transformations.translation_matrix([3, 0, 0])
    )
    scene.export(tmp_path / "boxes.3mf")
    mesh = _opened(tmp_path / "boxes.3mf")
    assert same_surface(to_trimesh(mesh), scene.to_mesh())


def test_content_wins_over_the_suffix(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "meshes"
    for name, wrong in (
        ("spot.glb", "a.obj"),
        ("spot.obj", "a.stl"),
        ("spot.stl", "a.glb"),
        ("spot.off", "a.ply"),
        ("spot.ply", "a.dae"),
    ):
        (tmp_path / wrong).write_bytes((folder / name).read_bytes())
        assert _opened(tmp_path / wrong).counts()["faces"] == 5856, name


def test_xaml(tmp_path: Path) -> None:
    mesh = _opened(write_xaml(tmp_path / "a.xaml"))
    assert mesh.counts()["faces"] == 2 and np.allclose(mesh.bounds(), [[2, 3, 4], [3, 4, 4]])
    assert (mesh.parts[0].colors == [10, 20, 30, 255]).all()


def test_3dxml_and_assemblies_without_end(tmp_path: Path) -> None:
    mesh = _opened(write_3dxml(tmp_path / "a.3dxml"))
    assert len(mesh.instances()) == 2 and len(mesh.parts) == 1
    assert np.allclose(mesh.bounds(), [[0, 0, 0], [4, 1, 0]])
    assert (mesh.parts[0].colors == [255, 0, 0, 255]).all()
    with pytest.raises(BadFile, match="without end"):
        run(open_path(write_3dxml(tmp_path / "b.3dxml", levels=40)))

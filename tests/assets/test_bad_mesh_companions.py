"""Files around mesh files that are not to be trusted: paths, pictures, archives, XML."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image

from assets.errors import BadFile
from assets.files.images import BadPicture, decode_image
from assets.formats import open_path
from assets.progress import run
from tests.assets.bad_mesh_files import TRIANGLE, opened_mesh, refusal, write_triangle_gltf
from tests.assets.mesh_files import write_3dxml


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "..\\secret.png", "{absolute}", "file://{absolute}", "sub/../../secret.png", "http://host/x.png"],
)
def test_companions_outside_the_folder_are_ignored(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    secret = tmp_path / "secret.png"
    Image.new("RGB", (2, 2), (1, 2, 3)).save(secret)
    uri = name.format(absolute=secret)
    (folder / "a.mtl").write_text(f"newmtl m\nmap_Kd {uri}\n")
    (folder / "a.obj").write_text("mtllib a.mtl\n" + TRIANGLE + "vt 0 0\nusemtl m\nf 1/1 2/1 3/1\n")
    mesh = opened_mesh(folder / "a.obj")
    assert mesh.counts()["textures"] == 0 and len(mesh.provenance.warnings) == 1
    (folder / "b.obj").write_text(f"mtllib {uri}\n" + TRIANGLE + "f 1 2 3\n")
    assert len(opened_mesh(folder / "b.obj").provenance.warnings) == 1
    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    primitive = {"attributes": {"POSITION": 0}, "material": 0}
    extra = {"materials": [material], "textures": [{"source": 0}], "images": [{"uri": uri}]}
    mesh = opened_mesh(write_triangle_gltf(folder / "a.gltf", meshes=[{"primitives": [primitive]}], **extra))
    assert mesh.counts()["textures"] == 0 and len(mesh.provenance.warnings) == 1
    path = write_triangle_gltf(folder / "b.gltf", buffers=[{"byteLength": 36, "uri": uri}])
    assert "lacks its data" in refusal(path)


def _png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its few bytes of zeros could be unpacked to."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + chunk(b"IEND", b"")
    )


def test_pictures_are_measured_before_they_are_decoded(tmp_path: Path) -> None:
    with pytest.raises(BadPicture, match="100000 × 100000 pixels"):
        decode_image(_png_claiming(100_000, 100_000))
    for data in (b"", b"no picture", _png_claiming(64, 64)[:40], b"\xabKTX 20\xbb\r\n\x1a\n" + bytes(80)):
        with pytest.raises(BadPicture):
            decode_image(data)
    (tmp_path / "big.png").write_bytes(_png_claiming(60_000, 60_000))
    (tmp_path / "a.mtl").write_text("newmtl m\nmap_Kd big.png\n")
    (tmp_path / "a.obj").write_text("mtllib a.mtl\n" + TRIANGLE + "usemtl m\nf 1 2 3\n")
    tracemalloc.start()
    mesh = opened_mesh(tmp_path / "a.obj")
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
    assert "60000 × 60000 pixels" in mesh.provenance.warnings[0]


@pytest.mark.parametrize("name", ["Manifest.xml", "a.jpg"])
def test_members_that_say_they_are_small_are_unpacked_no_further(name: str, tmp_path: Path) -> None:
    """Neither by us nor by the reader that the archive is handed to."""
    whole, path = write_3dxml(tmp_path / "whole.3dxml"), tmp_path / "a.3dxml"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        members = {one: source.read(one) for one in source.namelist()}
        start = members.get(name, b"\xff\xd8")
        for one, data in (members | {name: start + b" " * (64 << 20)}).items():
            archive.writestr(one, data)
        info = archive.getinfo(name)
    told = struct.pack("<III", zlib.crc32(start), info.compress_size, len(start))
    honest = struct.pack("<III", info.CRC, info.compress_size, info.file_size)
    path.write_bytes(path.read_bytes().replace(honest, told))
    tracemalloc.start()
    try:
        assert opened_mesh(path).counts() == opened_mesh(whole).counts()
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_archives_that_unfold(tmp_path: Path) -> None:
    path = tmp_path / "a.3mf"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("3D/3dmodel.model", b"<model>" + b" " * (128 << 20))
    assert "not believable" in refusal(path)
    vertex = '<vertices><vertex x="0" y="0" z="0"/><vertex x="1" y="0" z="0"/><vertex x="0" y="1" z="0"/></vertices>'
    mesh = f'<object id="0"><mesh>{vertex}<triangles><triangle v1="0" v2="1" v3="2"/></triangles></mesh></object>'
    doubled = "".join(
        f'<object id="{i + 1}"><components><component objectid="{i}"/><component objectid="{i}"/></components></object>'
        for i in range(60)
    )
    ring = '<object id="90"><components><component objectid="90"/></components></object>'
    for objects, item in ((mesh + doubled, 60), (mesh + ring, 90)):
        model = f'<model><resources>{objects}</resources><build><item objectid="{item}"/></build></model>'
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("3D/3dmodel.model", model)
        start = time.monotonic()
        with pytest.raises(BadFile, match="without end"):
            run(open_path(path))
        assert time.monotonic() - start < 10
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("readme.txt", "no model here")
    path.write_bytes(data.getvalue())
    assert "no 3D model" in refusal(path)
    path.write_bytes(data.getvalue()[:60])
    assert "damaged" in refusal(path)


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'


def test_xml_entities_do_not_multiply(tmp_path: Path) -> None:
    path = tmp_path / "a.dae"
    path.write_text(f'<?xml version="1.0"?>{LAUGHS}<COLLADA><asset>&c;</asset></COLLADA>')
    assert "entities" in refusal(path)
    path.write_text('<?xml version="1.0"?><COLLADA version="1.4.1"><asset>')
    assert "damaged" in refusal(path)
    text = (Path(__file__).parents[1] / "data" / "two_quads.dae").read_text()
    path.write_text(text.replace('<node id="l" name="left">', '<node id="l" name="left"><instance_node url="#root"/>'))
    start = time.monotonic()
    try:
        run(open_path(path))
    except BadFile as error:
        assert "\n" not in str(error)
    assert time.monotonic() - start < 10
    path = tmp_path / "a.3mf"
    secret = tmp_path / "secret.txt"
    secret.write_text("7")
    model = (
        f'<!DOCTYPE x [<!ENTITY s SYSTEM "{secret.as_uri()}">]><model><build>&s;<item objectid="&s;"/></build></model>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("3D/3dmodel.model", model)
    refusal(path)

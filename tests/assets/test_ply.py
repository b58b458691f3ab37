"""The .ply container against plain rows written here by `struct`, and against trimesh."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from assets.errors import BadFile
from assets.files.ply import (
    PlyLists,
    looks_compressed,
    looks_like_gaussians,
    read_columns,
    read_element,
    read_header,
    sniff_header,
)

ODD_HEADER = """ply
format {format} 1.0
comment made by hand, with "element vertex 7" in it
obj_info a scanner
element extra 2
property uchar flag
property list ushort short lengths
element vertex 3
property double x
property float32 y
property int16 z
property uchar#label uchar
element face 3
property list uchar int vertex_indices
property float quality
end_header
"""
EXTRA = [(7, [1, -2, 3]), (8, [])]
VERTICES = [(0.5, 1.5, -3, 1), (1e10, 2.5, 4, 2), (-1.0, 3.5, 5, 255)]
FACES = [([0, 1, 2], 0.25), ([0, 1, 2, 0], 0.5), ([2, 1, 0], 0.75)]


def _written(path: Path, kind: str, line_end: str = "\n") -> Path:
    header = ODD_HEADER.replace("{format}", kind).replace("uchar#label uchar", "uchar label")
    body = b""
    if kind == "ascii":
        rows = [[flag, len(items), *items] for flag, items in EXTRA] + [list(row) for row in VERTICES]
        rows += [[len(items), *items, quality] for items, quality in FACES]
        body = line_end.join(" ".join(map(str, row)) for row in rows).encode()
    else:
        order = "<" if kind == "binary_little_endian" else ">"
        for flag, items in EXTRA:
            body += struct.pack(f"{order}BH{len(items)}h", flag, len(items), *items)
        for row in VERTICES:
            body += struct.pack(f"{order}dfhB", *row)
        for items, quality in FACES:
            body += struct.pack(f"{order}B{len(items)}if", len(items), *items, quality)
    path.write_bytes(header.replace("\n", line_end).encode() + body)
    return path


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_reads_every_column_of_an_odd_file(tmp_path: Path, kind: str, line_end: str) -> None:
    path = _written(tmp_path / "odd.ply", kind, line_end)
    header = read_header(path)
    assert header.format == kind
    assert header.raw == path.read_bytes()[: header.data_offset]
    assert header.obj_info == ("a scanner",) and len(header.comments) == 1
    assert [(e.name, e.count) for e in header.elements] == [("extra", 2), ("vertex", 3), ("face", 3)]
    vertices = read_element(path, header, "vertex")
    assert vertices.dtype.names == ("x", "y", "z", "label")
    assert [tuple(row) for row in vertices.tolist()] == VERTICES
    extra = read_columns(path, header, "extra")
    assert extra["flag"].tolist() == [7, 8]
    assert isinstance(extra["lengths"], PlyLists)
    assert extra["lengths"].counts.tolist() == [3, 0] and extra["lengths"].values.tolist() == [1, -2, 3]
    faces = read_columns(path, header, "face")
    assert faces["vertex_indices"].counts.tolist() == [3, 4, 3]
    assert faces["vertex_indices"].values.tolist() == [0, 1, 2, 0, 1, 2, 0, 2, 1, 0]
    assert faces["quality"].tolist() == [0.25, 0.5, 0.75]


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_agrees_with_trimesh_on_rows_of_equal_length(tmp_path: Path, encoding: str) -> None:
    mesh = trimesh.creation.icosphere(2)
    path = tmp_path / "sphere.ply"
    mesh.export(path, encoding=encoding)
    header = read_header(path)
    vertices = read_element(path, header, "vertex")
    lists = next(column for column in read_columns(path, header, "face").values() if isinstance(column, PlyLists))
    assert np.allclose(np.stack([vertices[name] for name in "xyz"], 1), mesh.vertices, atol=1e-7)
    assert np.array_equal(lists.values.reshape(-1, 3), mesh.faces)


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian"])
@pytest.mark.parametrize("element", ["extra", "vertex", "face"])
def test_says_where_a_file_ends(tmp_path: Path, kind: str, element: str) -> None:
    path = _written(tmp_path / "cut.ply", kind)
    header = read_header(path)
    path.write_bytes(path.read_bytes()[: header.data_offset + 1])
    with pytest.raises(BadFile, match=r"ends after 0 of \d"):
        read_columns(path, header, element)


def test_ignores_what_follows_the_data(tmp_path: Path) -> None:
    path = _written(tmp_path / "more.ply", "binary_little_endian")
    path.write_bytes(path.read_bytes() + b"\x00" * 99)
    assert read_columns(path, read_header(path), "face")["quality"].tolist() == [0.25, 0.5, 0.75]


@pytest.mark.parametrize("kind", ["ascii", "binary_big_endian"])
def test_huge_counts_take_no_memory(tmp_path: Path, kind: str) -> None:
    for line in ("element vertex 4000000000", "element face 4000000000", "element face 99999999999999999999"):
        name = line.split()[1]
        column = "list uchar int v" if name == "face" else "float x"
        text = f"ply\nformat {kind} 1.0\n{line}\nproperty {column}\nend_header\n"
        path = tmp_path / "huge.ply"
        path.write_bytes(text.encode() + b"1 2 3 4 ")
        with pytest.raises(BadFile, match="ends after"):
            read_columns(path, read_header(path), name)


@pytest.mark.parametrize(
    "text",
    [
        "element vertex 1\nproperty float x\nend_header\n",
        "format binary_middle_endian 1.0\nend_header\n",
        "format ascii 1.0\nelement vertex -5\nend_header\n",
        "format ascii 1.0\nelement vertex many\nend_header\n",
        "format ascii 1.0\nproperty float x\nend_header\n",
        "format ascii 1.0\nelement vertex 1\nproperty quaternion x\nend_header\n",
        "format ascii 1.0\nelement vertex 1\nproperty list float int x\nend_header\n",
        "format ascii 1.0\nelement vertex 1\nend_header\n",
        "format ascii 1.0\nelement vertex 0\nelement vertex 0\nend_header\n",
        "format ascii 1.0\nwhatever\nend_header\n",
        "format ascii 1.0\nelement vertex 1\nproperty float x\n",
    ],
)
def test_refuses_damaged_headers(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.ply"
    path.write_text("ply\n" + text)
    assert sniff_header(path.read_bytes()) is None
    with pytest.raises(BadFile) as caught:
        read_header(path)
    assert "\n" not in str(caught.value)


def test_numbers_that_are_none_and_lists_that_lie(tmp_path: Path) -> None:
    start = "ply\nformat ascii 1.0\nelement face 2\nproperty list int int v\nend_header\n"
    for body in ("3 0 1 2\n3 0 one 2\n", "-3 0 1 2\n3 0 1 2\n", "3 0 1 2\n1e300 0 1 2\n", "nan 1 2 3 4 5"):
        path = tmp_path / "lists.ply"
        path.write_text(start + body)
        with pytest.raises(BadFile):
            read_columns(path, read_header(path), "face")


def test_columns_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "twice.ply"
    path.write_text("ply\nformat ascii 1.0\nelement vertex 1\nproperty int x\nproperty int x\nend_header\n1 2\n")
    assert read_element(path, read_header(path), "vertex").tolist() == [(1, 2)]


def test_tells_splats_by_their_columns(shared: Path) -> None:
    folder = shared / "data" / "gaussians"
    assert looks_like_gaussians(read_header(folder / "synthetic" / "axes_2dgs.ply"))
    assert looks_compressed(read_header(folder / "real" / "biker.compressed.ply"))
    assert not looks_like_gaussians(read_header(folder / "real" / "biker.compressed.ply"))
    assert not looks_like_gaussians(read_header(shared / "data" / "meshes" / "spot.ply"))


def test_odd_files_open(shared: Path) -> None:
    folder = shared / "data" / "meshes" / "odd-ply"
    counts = {}
    for path in sorted(folder.glob("*.ply")):
        header = read_header(path)
        counts[path.stem] = [len(read_element(path, header, e.name)) for e in header.elements if e.dtype is not None]
    assert counts == {
        "pdal-issue_2421": [1],
        "pdal-mesh": [4],
        "pdal-mesh_fixed": [4],
        "pdal-no_vertex": [],
        "pdal-simple_binary": [3],
        "pdal-simple_text": [3],
        "pdal-text_extradim": [1],
    }

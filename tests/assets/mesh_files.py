"""Meshes for tests, written by hand rather than by the code under test, and how two meshes are compared."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from scipy.spatial import cKDTree

XAML = """<Viewport3D xmlns="http://schemas.microsoft.com/winfx/2006/xaml/presentation"><ModelVisual3D>
<ModelVisual3D.Transform><MatrixTransform3D Matrix="1 0 0 0 0 1 0 0 0 0 1 0 2 3 4 1"/></ModelVisual3D.Transform>
<GeometryModel3D><GeometryModel3D.Material><DiffuseMaterial><DiffuseMaterial.Brush>
<SolidColorBrush Color="#0A141E" Opacity="1"/></DiffuseMaterial.Brush></DiffuseMaterial></GeometryModel3D.Material>
<GeometryModel3D.Geometry><MeshGeometry3D Positions="0,0,0 1,0,0 0,1,0 1,1,0" Normals="0,0,1 0,0,1 0,0,1 0,0,1"
TriangleIndices="0,1,2 2,1,3"/></GeometryModel3D.Geometry></GeometryModel3D></ModelVisual3D></Viewport3D>"""


def same_surface(ours: trimesh.Trimesh, theirs: trimesh.Trimesh, tolerance: float = 1e-6) -> bool:
    """Whether both have the same triangles, in whatever order: equal in centre, area and facing."""
    if len(ours.faces) != len(theirs.faces):
        return False
    size = float(np.ptp(theirs.bounds, axis=0).max())

    def rows(mesh: trimesh.Trimesh) -> np.ndarray:
        return np.hstack(
            [mesh.triangles.mean(1) / size, np.cross(*np.diff(mesh.triangles, axis=1).swapaxes(0, 1)) / size**2]
        )

    distance, nearest = cKDTree(rows(theirs)).query(rows(ours))
    return bool(distance.max() < tolerance) and len(np.unique(nearest)) == len(nearest)


def glb_bytes(tree: dict[str, Any], data: bytes) -> bytes:
    """A .glb whose JSON is written by hand."""
    data += b"\0" * (-len(data) % 4)
    tree = {"asset": {"version": "2.0"}, "buffers": [{"byteLength": len(data)}], **tree}
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def buffer_views(*arrays: np.ndarray) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bytes]:
    """Buffer views and accessors for the arrays, and their bytes."""
    types = {"f4": 5126, "u4": 5125, "u2": 5123, "u1": 5121, "i1": 5120, "i2": 5122}
    views, accessors, data = [], [], b""
    for array in arrays:
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": array.nbytes})
        width = 1 if array.ndim == 1 else array.shape[1]
        kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}[width]
        entry = {"bufferView": len(views) - 1, "componentType": types[array.dtype.str[1:]], "count": len(array)}
        accessors.append(entry | {"type": kind})
        data += array.tobytes() + b"\0" * (-array.nbytes % 4)
    return views, accessors, data


def write_xaml(path: Path) -> Path:
    """Two coloured triangles, moved by (2, 3, 4)."""
    path.write_text(XAML, "utf-8")
    return path


def write_3dxml(path: Path, levels: int = 1) -> Path:
    """A triangle, placed twice in an assembly, which is placed twice in another one, and so on."""
    rep = """<XMLRepresentation xmlns="x"><Root><Rep><Faces><Face triangles="0 1 2"><SurfaceAttributes>
      <Color xmlns:t="t" t:type="RGBAColorType" red="1" green="0" blue="0"/></SurfaceAttributes></Face></Faces>
      <VertexBuffer><Positions>0 0 0,1 0 0,0 1 0</Positions><Normals>0 0 1,0 0 1,0 0 1</Normals></VertexBuffer>
      </Rep></Root></XMLRepresentation>"""
    body = '<Reference3D id="1" name="part"/>'
    body += '<ReferenceRep id="r" format="TESSELLATED" associatedFile="urn:3DXML:p.3DRep"/>'
    body += '<InstanceRep id="i"><IsAggregatedBy>1</IsAggregatedBy><IsInstanceOf>r</IsInstanceOf></InstanceRep>'
    for level in range(1, levels + 1):
        body += f'<Reference3D id="{level + 1}" name="assembly {level}"/>'
        for copy in range(2):
            body += (
                f'<Instance3D id="c{level}{copy}" name="copy {copy}"><IsAggregatedBy>{level + 1}</IsAggregatedBy>'
                f"<IsInstanceOf>{level}</IsInstanceOf>"
                f"<RelativeMatrix>1 0 0 0 1 0 0 0 1 {3 * copy} 0 0</RelativeMatrix></Instance3D>"
            )
    root = f'<Model xmlns="x"><ProductStructure root="{levels + 1}">{body}</ProductStructure></Model>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Manifest.xml", '<Manifest xmlns="x"><Root>a.3dxml</Root></Manifest>')
        archive.writestr("a.3dxml", root)
        archive.writestr("p.3DRep", rep)
    return path

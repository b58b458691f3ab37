"""glTF 2.0, as one binary file (.glb) or as JSON with files beside it (.gltf): meshes, point clouds and splats."""

from __future__ import annotations

from pathlib import Path

from ..asset import Asset
from ..files.companions import Companions
from ..files.gltf.container import MAGIC, Container
from ..files.gltf.export import write_glb
from ..files.gltf.scene import SceneReader
from ..mesh import Mesh
from ..meshes.builder import MeshBuilder, plainly
from ..progress import Job, Progress
from . import Format, ReadOptions

_KINDS = ("mesh", "points", "gaussians")


def _sniff_binary(path: Path, head: bytes) -> int:
    return 95 if head.startswith(MAGIC) else 0


def _sniff_text(path: Path, head: bytes) -> int:
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return 0
    if b'"asset"' in head and (b'"meshes"' in head or b'"scenes"' in head or b'"nodes"' in head):
        return 80
    return 40 if path.suffix.lower() == ".gltf" else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads the scene of a file; see `Format.load`."""
    builder = MeshBuilder(path)
    with plainly(path, "glTF"):
        container = Container(path, Companions(path, builder.warn))
        return (yield from SceneReader(container, builder, options.spz_frame != "ply").read())


def _save(asset: Mesh, path: Path) -> Job[None]:
    yield Progress(0, 1, f"Writing {path.name}")
    yield from write_glb(asset, path)


FORMAT = (
    Format("glTF binary", (".glb",), _KINDS, _sniff_binary, load, _save, writes=("mesh",)),
    Format("glTF", (".gltf",), _KINDS, _sniff_text, load),
)

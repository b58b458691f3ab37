"""XAML and 3DXML, which CAD programs export, through trimesh: coloured faces, placed parts, names."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from ..asset import Asset
from ..errors import BadFile
from ..files.archives import check_unpacked, unpacked
from ..meshes.builder import MeshBuilder, plainly
from ..meshes.exchange import add_scene
from ..progress import Job, Progress
from . import Format, ReadOptions

_MOST_BYTES = 1 << 30
_MOST_PLACES = 100_000


def _sniff_xaml(path: Path, head: bytes) -> int:
    return 80 if b"winfx/2006/xaml" in head and b"3D" in head else 0


def _sniff_3dxml(path: Path, head: bytes) -> int:
    if not head.startswith(b"PK\x03\x04") or path.suffix.lower() != ".3dxml":
        return 0
    return 85


def _load_xaml(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    with plainly(path, "XAML"):
        if path.stat().st_size > _MOST_BYTES:
            raise BadFile(path, "is too large for a XAML file; its XML alone would fill the memory")
        return (yield from _through_trimesh(path, io.BytesIO(path.read_bytes()), "xaml"))


def _load_3dxml(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    with plainly(path, "3DXML"):
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise BadFile(path, "is a damaged or incomplete archive") from error
        with archive:
            check_unpacked(path, archive.infolist())
            content = unpacked(archive)
        with zipfile.ZipFile(content) as archive:
            _check_places(path, archive)
        content.seek(0)
        return (yield from _through_trimesh(path, content, "3dxml"))


def _through_trimesh(path: Path, content: io.BytesIO, kind: str) -> Job[list[Asset]]:
    import trimesh

    yield Progress(0, 2, f"Reading {path.name}")
    scene = trimesh.load_scene(content, file_type=kind, process=False)
    yield Progress(1, 2, f"Building {path.name}")
    builder = MeshBuilder(path)
    return builder.finish(add_scene(builder, scene))


def _check_places(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuses assemblies of assemblies that would place their parts without end: trimesh walks every single way."""
    from lxml import etree

    safe = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    manifest = etree.fromstring(archive.read("Manifest.xml"), safe)
    tree = etree.fromstring(archive.read(manifest.find("{*}Root").text), safe)
    children: dict[str, list[str]] = defaultdict(list)
    for kind in ("Instance3D", "InstanceRep"):
        for element in tree.iter(f"{{*}}{kind}"):
            children[_text(element, "IsAggregatedBy")].append(_text(element, "IsInstanceOf"))
    level, places = [tree.find("{*}ProductStructure").get("root")], 0
    while level:
        places += len(level)
        if places > _MOST_PLACES:
            raise BadFile(path, "is damaged (its assemblies contain each other without end)")
        level = [child for parent in level for child in children[parent]]


def _text(element: Any, name: str) -> str:
    return (element.findtext(f"{{*}}{name}") or "").strip()


FORMAT = (
    Format("XAML", (".xaml",), ("mesh",), _sniff_xaml, _load_xaml),
    Format("3DXML", (".3dxml",), ("mesh",), _sniff_3dxml, _load_3dxml),
)

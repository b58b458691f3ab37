"""3MF, the archive of 3D printing: objects, their components, colours and textures.

Written after the 3MF core specification 1.3, its materials extension 1.2 (colour groups, textures) and its production
extension 1.1 (objects in further files of the archive). Sizes are checked before anything is unpacked.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..asset import Asset
from ..errors import BadFile
from ..files.archives import check_unpacked, read_member
from ..files.companions import Companions
from ..mesh import Material, MeshNode
from ..meshes.builder import MeshBuilder, RawPart, join_corners, plainly
from ..progress import Job, Progress
from . import Format, ReadOptions

_MOST_NODES = 100_000
_MODEL = "3d/3dmodel.model"


def _sniff(path: Path, head: bytes) -> int:
    if not head.startswith(b"PK\x03\x04"):
        return 0
    named = path.suffix.lower() == ".3mf"
    try:
        with zipfile.ZipFile(path) as archive:
            return 95 if any(name.lower().endswith(".model") for name in archive.namelist()) else 40 if named else 0
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return 40 if named else 0


@dataclass
class _Group:
    """Properties that triangles point at: colours (N,4) u8, or uvs (N,2) with the picture they read."""

    colors: np.ndarray | None = None
    uvs: np.ndarray | None = None
    texture: str = ""


@dataclass
class _Object:
    name: str
    parts: list[int] = field(default_factory=list)
    components: list[tuple[tuple[str, str], np.ndarray]] = field(default_factory=list)


def _load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    builder = MeshBuilder(path)
    with plainly(path, "3MF"):
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise BadFile(path, "is a damaged or incomplete archive") from error
        with archive:
            return (yield from _Package(builder, archive).read())


class _Package:
    """Reads the models of an archive."""

    def __init__(self, builder: MeshBuilder, archive: zipfile.ZipFile) -> None:
        self.builder, self.archive = builder, archive
        self.companions = Companions(builder.path, builder.warn)
        self.names = {name.lstrip("/").lower(): name for name in archive.namelist()}
        self.objects: dict[tuple[str, str], _Object] = {}
        self.items: list[tuple[tuple[str, str], np.ndarray, str]] = []
        self._groups: dict[str, _Group] = {}
        self._pictures: dict[str, str] = {}
        self._materials: dict[str, int] = {}
        self._opened: list[zipfile.ZipInfo] = []

    def read(self) -> Job[list[Asset]]:
        """The assets in the archive."""
        main = _MODEL if _MODEL in self.names else next((n for n in self.names if n.endswith(".model")), None)
        if main is None:
            raise BadFile(self.builder.path, "has no 3D model inside")
        # Objects of other files first, as the main model's components point at them.
        for name in [*(n for n in self.names if n.endswith(".model") and n != main), main]:
            yield from self._model(name, is_main=name == main)
        nodes: list[MeshNode] = []
        for key, matrix, label in self.items:
            self._place(nodes, key, matrix, label, -1, 0)
            yield Progress(len(nodes), 0, f"Building {self.builder.path.name}")
        return self.builder.finish(nodes)

    def _member(self, name: str) -> zipfile.ZipInfo:
        """A member of the archive, after a look at what it would unpack to."""
        info = self.archive.getinfo(self.names[name])
        self._opened.append(info)
        check_unpacked(self.builder.path, self._opened)
        self.builder.further_bytes += info.file_size
        return info

    def _model(self, name: str, is_main: bool) -> Job[None]:
        from lxml import etree

        self._groups, self._pictures = {}, {}
        wanted = ("object", "build", "basematerials", "colorgroup", "texture2d", "texture2dgroup")
        with self.archive.open(self._member(name)) as stream:
            # Entities stay unexpanded and the network untouched: the archive comes from anywhere.
            safe = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
            for done, (_, element) in enumerate(etree.iterparse(stream, tag=[f"{{*}}{t}" for t in wanted], **safe)):
                yield Progress(done, 0, f"Reading {self.builder.path.name}")
                kind = etree.QName(element).localname
                if kind == "object":
                    self._object(name, element)
                elif kind == "build" and is_main:
                    self._build(name, element)
                elif kind == "texture2d":
                    self._pictures[element.get("id")] = element.get("path", "").lstrip("/").lower()
                elif kind != "build":
                    self._groups[element.get("id")] = self._group(kind, element)
                if kind in ("object", "build"):
                    element.clear()
                if kind == "build" and is_main:
                    unit = element.getroottree().getroot().get("unit") or "millimeter"
                    self.builder.provenance.declared["unit"] = unit[:40]

    def _group(self, kind: str, element: Any) -> _Group:
        if kind == "texture2dgroup":
            uvs = np.array([[float(e.get("u")), float(e.get("v"))] for e in element.iter("{*}tex2coord")], np.float64)
            return _Group(uvs=uvs.reshape(-1, 2), texture=self._pictures.get(element.get("texid"), ""))
        key = "color" if kind == "colorgroup" else "displaycolor"
        rows = [_color(e.get(key, "")) for e in element if e.get(key) is not None]
        return _Group(colors=np.array(rows, np.uint8).reshape(-1, 4))

    def _build(self, model: str, element: Any) -> None:
        for item in element.iter("{*}item"):
            key = (_path_of(item) or model, item.get("objectid", ""))
            self.items.append((key, _matrix(item.get("transform")), item.get("partnumber") or ""))

    def _object(self, model: str, element: Any) -> None:
        entry = _Object(element.get("name") or f"object {element.get('id')}")
        for mesh in element.iterfind("{*}mesh"):
            entry.parts += self._mesh(entry.name, mesh, element.get("pid"), element.get("pindex"))
        for component in element.iterfind("{*}components/{*}component"):
            key = (_path_of(component) or model, component.get("objectid", ""))
            entry.components.append((key, _matrix(component.get("transform"))))
        self.objects[model, element.get("id", "")] = entry

    def _mesh(self, name: str, mesh: Any, pid: str | None, pindex: str | None) -> list[int]:
        """The parts of a mesh: one for all triangles that use the same group of properties."""
        rows = [(v.get("x"), v.get("y"), v.get("z")) for v in mesh.iterfind("{*}vertices/{*}vertex")]
        vertices = np.array(rows, "S32").astype(np.float64).reshape(-1, 3)
        triangles = mesh.findall("{*}triangles/{*}triangle")
        corners = [(t.get("v1"), t.get("v2"), t.get("v3")) for t in triangles]
        faces = np.array(corners, "S20").astype(np.int64).reshape(-1, 3)
        groups = [t.get("pid") or pid or "" for t in triangles]
        chosen = [key for key in dict.fromkeys(groups) if key in self._groups]
        if not chosen:
            part = self.builder.add(RawPart(name, vertices, faces))
            return [part] if part >= 0 else []
        first = pindex or "0"
        points = [(t.get("p1") or first, t.get("p2"), t.get("p3")) for t in triangles]
        properties = np.array([(a, b or a, c or a) for a, b, c in points], "S20").astype(np.int64).reshape(-1, 3)
        which = np.array([chosen.index(key) if key in chosen else -1 for key in groups])
        found = []
        for number in [*range(len(chosen)), -1]:
            mask = which == number
            group = self._groups[chosen[number]] if number >= 0 else _Group()
            called = name if mask.all() else f"{name} {len(found) + 1}"
            part = self._part(called, vertices, faces[mask], properties[mask], group) if mask.any() else -1
            found += [part] if part >= 0 else []
        return found

    def _part(self, name: str, vertices: np.ndarray, faces: np.ndarray, points: np.ndarray, group: _Group) -> int:
        sound = ((faces >= 0) & (faces < len(vertices))).all(1)
        lost = np.full(3 * int((~sound).sum()), -1)
        used, v = np.unique(faces[sound], return_inverse=True)
        values = group.colors if group.uvs is None else group.uvs
        if values is None or not len(values) or not len(used):
            return self.builder.add(RawPart(name, vertices, faces))
        which = np.clip(points[sound].reshape(-1), 0, len(values) - 1)
        corner, place, picked = join_corners(v.reshape(-1), [which], len(used))
        raw = RawPart(name, vertices[used[place]], np.concatenate([corner, lost]), shared=place)
        if group.uvs is None:
            raw.colors = values[picked]
        else:
            raw.uv, raw.material = values[picked], self._material(group.texture)
        return self.builder.add(raw)

    def _material(self, texture: str) -> int:
        if texture not in self._materials:
            data = None
            if texture in self.names:
                data = read_member(self.archive, self._member(texture))
            else:
                self.builder.warn(f"The texture {texture!r} is missing in the archive.")
            image = self.companions.picture(texture, data, texture)
            self.builder.materials.append(Material(name=Path(texture).stem, base_color_texture=image))
            self._materials[texture] = len(self.builder.materials) - 1
        return self._materials[texture]

    def _place(
        self, nodes: list[MeshNode], key: tuple[str, str], matrix: np.ndarray, label: str, parent: int, depth: int
    ) -> None:
        entry = self.objects.get(key)
        if entry is None:
            self.builder.warn(f"Object {key[1]!r} is placed but does not exist.")
            return
        if depth > 100 or len(nodes) >= _MOST_NODES:
            raise BadFile(self.builder.path, "is damaged (its objects contain each other without end)")
        nodes.append(MeshNode(label or entry.name, parent, matrix, tuple(entry.parts)))
        index = len(nodes) - 1
        for component, local in entry.components:
            self._place(nodes, component, local, "", index, depth + 1)


def _path_of(element: Any) -> str:
    """The file of the archive that an item or component points into, if it is another one."""
    return next((value.lstrip("/").lower() for key, value in element.attrib.items() if key.endswith("}path")), "")


def _matrix(text: str | None) -> np.ndarray:
    """A transform of twelve numbers, which 3MF multiplies row vectors with."""
    matrix = np.eye(4)
    if text:
        numbers = np.array(text.split(), np.float64)
        if len(numbers) == 12 and np.isfinite(numbers).all():
            matrix[:3] = numbers.reshape(4, 3).T
    return matrix


def _color(text: str) -> tuple[int, int, int, int]:
    """#RRGGBB or #RRGGBBAA; white where it is neither."""
    digits = text.strip().lstrip("#")
    try:
        values = bytes.fromhex(digits)
    except ValueError:
        values = b""
    return (*values[:3], values[3] if len(values) > 3 else 255) if len(values) in (3, 4) else (255, 255, 255, 255)


FORMAT = Format("3MF", (".3mf",), ("mesh",), _sniff, _load)

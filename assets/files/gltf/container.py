"""The outside of a glTF file: JSON, buffers and typed arrays, each checked against the bytes that are really there.

Written after the glTF 2.0 specification, sections 3.6 (binary data) and 4 (GLB). Draco replaces accessors that have no
bytes of their own (KHR_draco_mesh_compression); `Container.array` never makes up zeros for those. Buffer views that are
compressed with meshopt are unpacked, so that nobody else knows of them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import BadFile
from ..companions import Companions
from . import meshopt

MAGIC = b"glTF"
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
MAX_JSON_BYTES = 512 << 20
SUPPORTED_IF_REQUIRED = {
    "KHR_draco_mesh_compression",
    "KHR_mesh_quantization",
    "KHR_texture_transform",
    "KHR_texture_basisu",
    "EXT_texture_webp",
    "EXT_mesh_gpu_instancing",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_unlit",
    "KHR_gaussian_splatting",
    "KHR_gaussian_splatting_compression_spz_2",
    "KHR_gaussian_splatting_compression_spz",
    "KHR_spz_gaussian_splats_compression",
    "KHR_spz_compression",
    *meshopt.EXTENSIONS,
}
"""Extensions that a file may require. Other materials (KHR_materials_*) fall back to the core one."""


_MOST_UNPACKED, _MOST_GROWTH = 256 << 20, 100
"""What all compressed buffer views together may unpack to: at most so many bytes, or so many times their own."""


class Container:
    """An opened glTF file. `tree` is its JSON; everything else is fetched from it on demand."""

    def __init__(self, path: Path, companions: Companions) -> None:
        self.path, self.companions = path, companions
        self.tree, self._chunk = _open(path)
        self._lists: dict[str, list[dict[str, Any]]] = {}
        self._buffers: dict[int, bytes] = {}
        self._arrays: dict[int, np.ndarray] = {}
        self._unpacked: dict[int, memoryview] = {}
        self._packed_bytes = 0
        self._check_version()

    def entries(self, name: str) -> list[dict[str, Any]]:
        """A top-level list of the file ("nodes", "meshes", …), empty where it has none."""
        if name not in self._lists:  # looked through once, as files of 20,000 nodes ask for each of them
            found = self.tree.get(name, [])
            if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
                raise BadFile(self.path, f"is damaged ({name!r} is not a list of objects)")
            self._lists[name] = found
        return self._lists[name]

    def entry(self, name: str, index: Any) -> dict[str, Any]:
        """One entry of a top-level list. Raises BadFile for an index that does not exist."""
        found = self.entries(name)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(found):
            raise BadFile(self.path, f"is damaged (it names {name}[{index}], which does not exist)")
        return found[index]

    def view(self, index: Any) -> memoryview:
        """The bytes of a buffer view, unpacked. Raises BadFile where they lie outside the buffer or are damaged."""
        view = self.entry("bufferViews", index)
        extensions = view.get("extensions")
        if isinstance(extensions, dict):
            packed = next((extensions[name] for name in meshopt.EXTENSIONS if name in extensions), None)
            if isinstance(packed, dict):
                if index not in self._unpacked:
                    self._unpacked[index] = self._unpack(packed, index)
                return self._unpacked[index]
        return self._part(view, index)

    def _part(self, view: dict[str, Any], index: Any) -> memoryview:
        """The bytes of a buffer that a view, or its extension, points at."""
        buffer = self._buffer(view.get("buffer"))
        start, length = self._count(view, "byteOffset", 0), self._count(view, "byteLength")
        if start + length > len(buffer):
            raise BadFile(
                self.path, f"is damaged or incomplete (bufferViews[{index}] ends behind its {len(buffer)} bytes)"
            )
        return memoryview(buffer)[start : start + length]

    def _unpack(self, packed: dict[str, Any], index: Any) -> memoryview:
        """What a view that is compressed with meshopt holds."""
        data = bytes(self._part(packed, index))
        try:
            layout = meshopt.read_layout(packed)
            self._packed_bytes += len(data)
            total = layout.nbytes + self.unpacked_bytes
            if total > max(_MOST_UNPACKED, _MOST_GROWTH * self._packed_bytes):
                raise BadFile(self.path, f"would unpack to {total >> 20} MiB, which is not believable")
            return meshopt.decode(layout, data)
        except ValueError as error:
            raise BadFile(self.path, f"is damaged (the compressed bufferViews[{index}] {error})") from error

    def array(self, index: Any) -> np.ndarray:
        """An accessor as (count, width), in its own type. Raises BadFile where its bytes are missing."""
        if index not in self._arrays:
            self._arrays[index] = self._read_array(index)
        return self._arrays[index]

    def floats(self, index: Any) -> np.ndarray:
        """An accessor as (count, width) f32; normalised integers become −1 … 1 or 0 … 1."""
        values, accessor = self.array(index), self.entry("accessors", index)
        if accessor.get("normalized") and values.dtype.kind in "iu":
            return np.maximum(values.astype(np.float32) / np.iinfo(values.dtype).max, np.float32(-1.0))
        return values.astype(np.float32)

    def _read_array(self, index: Any) -> np.ndarray:
        accessor = self.entry("accessors", index)
        dtype, width = self._type(accessor, index)
        count = self._count(accessor, "count")
        if "bufferView" in accessor:
            start = self._count(accessor, "byteOffset", 0)
            stride = self._count(self.entry("bufferViews", accessor["bufferView"]), "byteStride", 0)
            values = self._strided(accessor["bufferView"], dtype, width, count, start, stride)
        elif "sparse" in accessor:
            # Zeros that no bytes stand for: not more of them than a file of this size could fill sparsely.
            if count > 1000 * max(self.path.stat().st_size, 1):
                raise BadFile(self.path, f"is damaged (accessors[{index}] claims {count} values)")
            values = np.zeros((count, width), dtype)
        else:
            raise BadFile(self.path, f"is damaged (accessors[{index}] has no data)")
        if "sparse" in accessor:
            values = self._with_sparse(values, accessor["sparse"])
        return values

    def _with_sparse(self, values: np.ndarray, sparse: dict[str, Any]) -> np.ndarray:
        count, where, what = self._count(sparse, "count"), sparse.get("indices", {}), sparse.get("values", {})
        dtype, _ = self._type({**where, "type": "SCALAR"}, "sparse")
        places = self._strided(where.get("bufferView"), dtype, 1, count, self._count(where, "byteOffset", 0), 0)
        start = self._count(what, "byteOffset", 0)
        replaced = self._strided(what.get("bufferView"), values.dtype, values.shape[1], count, start, 0)
        values = values.copy()
        inside = places[:, 0] < len(values)
        values[places[inside, 0]] = replaced[inside]
        return values

    def _strided(self, view: Any, dtype: np.dtype, width: int, count: int, start: int, stride: int) -> np.ndarray:
        data = self.view(view)
        row = dtype.itemsize * width
        if 0 < stride < row:
            raise BadFile(self.path, f"is damaged (rows of {row} bytes follow each other after {stride})")
        needed = start + (count - 1) * (stride or row) + row if count else 0
        if needed > len(data):
            raise BadFile(
                self.path, f"is damaged or incomplete (it needs {needed} bytes of {len(data)} for {count} rows)"
            )
        return np.ndarray((count, width), dtype, data, start if count else 0, (stride or row, dtype.itemsize))

    def _type(self, accessor: dict[str, Any], index: Any) -> tuple[np.dtype, int]:
        try:
            return np.dtype(_COMPONENTS[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        except (KeyError, TypeError):
            raise BadFile(self.path, f"is damaged (accessors[{index}] has no known type)") from None

    def _count(self, entry: dict[str, Any], name: str, default: int | None = None) -> int:
        value = entry.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise BadFile(self.path, f"is damaged ({name} is {value})")
        return value

    @property
    def buffer_bytes(self) -> int:
        """How many bytes of buffers were read so far, as they lie in the file."""
        return sum(map(len, self._buffers.values()))

    @property
    def unpacked_bytes(self) -> int:
        """How many bytes were unpacked so far."""
        return sum(map(len, self._unpacked.values()))

    def _buffer(self, index: Any) -> bytes:
        if index not in self._buffers:
            buffer = self.entry("buffers", index)
            uri = buffer.get("uri")
            data = self.companions.read(uri) if isinstance(uri, str) else self._chunk
            if data is None:
                raise BadFile(self.path, "lacks its data" + (f" ({uri[:80]!r})" if isinstance(uri, str) else ""))
            self._buffers[index] = data
        return self._buffers[index]

    def _check_version(self) -> None:
        asset = self.tree.get("asset")
        version = str(asset.get("version", "")) if isinstance(asset, dict) else ""
        if not version.startswith("2"):
            raise BadFile(self.path, f"is glTF of version {version or 'unknown'}; only version 2 is supported")
        required = self.tree.get("extensionsRequired", [])
        names = {str(name) for name in required} if isinstance(required, list) else set()
        unknown = sorted(n for n in names - SUPPORTED_IF_REQUIRED if not n.startswith("KHR_materials_"))
        if unknown:
            raise BadFile(self.path, f"needs the glTF extension {unknown[0]}, which is not supported")


def decode_draco(
    container: Container, extension: dict[str, Any]
) -> tuple[np.ndarray, Callable[[str], np.ndarray | None]]:
    """A Draco-compressed primitive: its faces (F,3), and a function from an attribute's glTF name to its values (V,k).

    Raises BadFile where the stream is damaged or holds something else.
    """
    import DracoPy

    data = bytes(container.view(extension.get("bufferView")))
    try:
        decoded = DracoPy.decode(data)
        faces = np.asarray(decoded.faces).reshape(-1, 3)
        values = {entry["unique_id"]: np.asarray(entry["data"]) for entry in decoded.attributes}
    except Exception as error:  # the decoder raises its own kinds, and numpy's on odd shapes
        raise BadFile(container.path, "is damaged (its Draco-compressed geometry cannot be decoded)") from error
    names = extension.get("attributes", {})

    def attribute(name: str) -> np.ndarray | None:
        found = values.get(names.get(name))
        return None if found is None else found.reshape(len(found), -1)

    return faces, attribute


def _open(path: Path) -> tuple[dict[str, Any], bytes | None]:
    """The JSON of a .gltf or .glb, and the binary chunk of a .glb."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(20)
            if not head.startswith(MAGIC):
                if size > MAX_JSON_BYTES:
                    raise BadFile(path, "is too large for a .gltf; its JSON alone would fill the memory")
                return _parse(path, head + file.read()), None
            return _chunks(path, head, size, file)
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error


def _chunks(path: Path, head: bytes, size: int, file: Any) -> tuple[dict[str, Any], bytes | None]:
    if len(head) < 20:
        raise BadFile(path, f"ends after {len(head)} bytes, within its header")
    _, version, length, json_length, kind = struct.unpack("<4sIIII", head)
    if version != 2:
        raise BadFile(path, f"is glTF of version {version}; only version 2 is supported")
    if length > size:
        raise BadFile(path, f"ends after {size} of {length} bytes")
    if kind != _JSON or json_length > min(size - 20, MAX_JSON_BYTES):
        raise BadFile(path, "is damaged (it does not begin with its description)")
    tree = _parse(path, file.read(json_length))
    while len(chunk := file.read(8)) == 8:
        length, kind = struct.unpack("<II", chunk)
        if length > size - file.tell():
            raise BadFile(path, f"ends after {size - file.tell()} of {length} bytes of its data")
        if kind == _BIN:
            return tree, file.read(length)
        file.seek(length, 1)
    return tree, None


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadFile(path, "is damaged (its description is no JSON)") from error
    if not isinstance(tree, dict):
        raise BadFile(path, "is damaged (its description is no JSON object)")
    return tree

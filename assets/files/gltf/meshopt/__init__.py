"""Buffer views that are compressed with meshopt: EXT_meshopt_compression and its successor KHR_meshopt_compression.

Three codecs (rows of attributes, triangles, other indices) and, for attributes, filters that are taken back afterwards.
The sizes that a file claims are checked against the length of the stream before memory is taken. Source of all formulas
in this folder: github.com/KhronosGroup/glTF, extensions/2.0/Khronos/KHR_meshopt_compression, appendices A and B, which
holds for the older extension as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .attributes import decode_attributes, least_bytes
from .filters import FILTERS
from .indices import decode_indices, decode_triangles

EXTENSIONS = ("KHR_meshopt_compression", "EXT_meshopt_compression")

_INDEX_TYPES = {2: "<u2", 4: "<u4"}


@dataclass(frozen=True)
class Layout:
    """What an extension object says of the uncompressed bytes: `count` elements of `stride` bytes. mode: "ATTRIBUTES",
    "TRIANGLES" or "INDICES". filter: "NONE" or a name in FILTERS."""

    count: int
    stride: int
    mode: str
    filter: str

    @property
    def nbytes(self) -> int:
        """The bytes that there will be."""
        return self.count * self.stride


def read_layout(entry: dict[str, Any]) -> Layout:
    """The checked layout in an extension object. Raises ValueError with what is wrong, as the end of a sentence."""
    count, stride = entry.get("count"), entry.get("byteStride")
    mode, filtered = str(entry.get("mode")), str(entry.get("filter", "NONE"))
    if not all(isinstance(value, int) and not isinstance(value, bool) and value > 0 for value in (count, stride)):
        raise ValueError("has no count or no stride")
    if mode == "ATTRIBUTES":
        if stride % 4 or stride > 256:
            raise ValueError(f"has rows of {stride} bytes, which are not 4 to 256 in fours")
        if filtered != "NONE" and (filtered not in FILTERS or stride not in FILTERS[filtered].strides):
            raise ValueError(f"has the unknown filter {filtered[:20]!r} on rows of {stride} bytes")
    elif mode in ("TRIANGLES", "INDICES"):
        if stride not in _INDEX_TYPES or filtered != "NONE" or (mode == "TRIANGLES" and count % 3):
            raise ValueError(f"has {count} indices of {stride} bytes, which is impossible")
    else:
        raise ValueError(f"has the unknown mode {mode[:20]!r}")
    return Layout(count, stride, mode, filtered)


def decode(layout: Layout, data: bytes) -> memoryview:
    """The uncompressed bytes of a stream. Raises ValueError with what is wrong, as the end of a sentence."""
    if len(data) < _least_bytes(layout):
        raise ValueError(f"claims {layout.count:,} elements in {len(data):,} bytes")
    try:
        if layout.mode == "ATTRIBUTES":
            rows = decode_attributes(data, layout.count, layout.stride)
            if layout.filter != "NONE":
                rows = FILTERS[layout.filter].undo(rows)
            return memoryview(np.ascontiguousarray(rows)).cast("B")
        indices = (decode_triangles if layout.mode == "TRIANGLES" else decode_indices)(data, layout.count)
    except IndexError as error:
        raise ValueError("ends too early") from error
    return memoryview(indices.astype(_INDEX_TYPES[layout.stride])).cast("B")


def _least_bytes(layout: Layout) -> int:
    """What a stream of so many elements takes at the very least."""
    if layout.mode == "ATTRIBUTES":
        return least_bytes(layout.count, layout.stride)
    return 17 + layout.count // 3 if layout.mode == "TRIANGLES" else 5 + layout.count

"""The safetensors container, read with our own checks: a length, a JSON header, then the bytes of the tensors.

Layout: https://huggingface.co/docs/safetensors (8 bytes little-endian header length, header, data).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadFile
from ..progress import Job, Progress
from .tensor_file import Tensors

MAX_HEADER = 32 << 20
"""Bytes of the longest header that is read."""

DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def is_safetensors(head: bytes) -> bool:
    """Whether a file that begins with `head` looks like one: a plausible length, then an opening brace."""
    length = int.from_bytes(head[:8], "little")
    return len(head) > 9 and 2 <= length <= MAX_HEADER and head[8:9] == b"{" and head[9:10] in b'"} \t\r\n'


def open_safetensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """The tensors and the metadata of the file. bfloat16 is read as float32. Raises BadFile."""
    header, start, size = _read_header(path)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise BadFile(path, "has metadata that are not strings")
    places = {name: _check_entry(path, name, entry, size - start) for name, entry in header.items()}
    _check_overlap(path, places)

    def read(name: str) -> np.ndarray:
        dtype, shape, first, _ = places[name]
        with path.open("rb") as file:
            file.seek(start + first)
            values = np.fromfile(file, DTYPES[dtype], math.prod(shape))
        if len(values) != math.prod(shape):
            raise BadFile(path, f"ends in the middle of {name}")
        if dtype == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        return values.reshape(shape)

    return Tensors({name: place[1] for name, place in places.items()}, read), metadata


def write_safetensors(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> Job[None]:
    """Writes `tensors` as they are, in their order, as a job. Raises BadFile where the file cannot be written."""
    names = {np.dtype(kind): name for name, kind in DTYPES.items() if name != "BF16"}
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, array in tensors.items():
        start, end = end, end + array.nbytes
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    try:
        with path.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name, array in tensors.items():
                yield Progress(header[name]["data_offsets"][0], max(end, 1), f"Writing {name}")
                np.ascontiguousarray(array).tofile(file)
    except OSError as error:
        raise BadFile(path, f"cannot be written ({error.strerror or error})") from error


def _read_header(path: Path) -> tuple[dict[str, Any], int, int]:
    """The parsed header, where the data start, and the size of the file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > size - 8:
                raise BadFile(path, f"ends inside its header ({size} of {length + 8} bytes)")
            if length > MAX_HEADER:
                raise BadFile(path, f"has a header of {length >> 20} MiB, which no tensor file needs")
            text = file.read(length)
        header = json.loads(text)
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise BadFile(path, "has a header that is not JSON") from error
    if not isinstance(header, dict):
        raise BadFile(path, "has a header that lists no tensors")
    return header, 8 + length, size


def _check_entry(path: Path, name: str, entry: Any, available: int) -> tuple[str, tuple[int, ...], int, int]:
    """The type, shape, and first and last byte of a tensor, if they agree with each other and with the file."""
    try:
        dtype, shape, (first, last) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        whole = all(type(number) is int and number >= 0 for number in (*shape, first, last))
    except (TypeError, KeyError, ValueError) as error:
        raise BadFile(path, f"describes the tensor {name!r} wrongly") from error
    if not whole or not isinstance(dtype, str):
        raise BadFile(path, f"describes the tensor {name!r} wrongly")
    if dtype not in DTYPES:
        raise BadFile(path, f"stores {name!r} as {dtype}, which is not supported")
    if math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize != last - first:
        raise BadFile(path, f"gives {name!r} the shape {list(shape)} but {last - first} bytes")
    if last > available:
        raise BadFile(path, f"ends after {available} of {last} bytes of tensors")
    return dtype, shape, first, last


def _check_overlap(path: Path, places: dict[str, tuple[str, tuple[int, ...], int, int]]) -> None:
    end = 0
    for _, _, first, last in sorted(places.values(), key=lambda place: place[2:]):
        if first < end and first != last:
            raise BadFile(path, "has tensors that overlap")
        end = max(end, last)

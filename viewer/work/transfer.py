"""Values between processes: big arrays cross by a file that the receiver maps, everything else by the pipe.

Pickle protocol 5 hands out the memory of large buffers instead of copying it. The sender writes them one after the
other into a temporary file; the receiver maps that file copy-on-write, so the arrays can be changed and nothing is
read before it is looked at. A file needs no shared memory segment, which exists under other names (or is tiny, in
containers) on each system. The file's name is removed as soon as the map stands, where the system allows that;
elsewhere with the folder, at the end of the session.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import pickle
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np

SMALL_BYTES = 16384
"""Buffers below this size travel inside the pickle."""

ALIGNMENT = 64


@dataclass(frozen=True)
class Packet:
    """A packed value: the pickle, the file with its large buffers (None: there are none), and where each one lies."""

    pickled: bytes
    file: str | None = None
    spans: tuple[tuple[int, int], ...] = ()


class _Pickler(pickle.Pickler):
    """Hands out array memory as buffers, also of arrays that are views with gaps, which numpy would copy in-band."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is np.ndarray and value.nbytes >= SMALL_BYTES and not value.dtype.hasobject:
            if not (value.flags.c_contiguous or value.flags.f_contiguous):
                return np.ascontiguousarray(value).__reduce_ex__(5)
            return value.__reduce_ex__(5)
        return NotImplemented


def pack(value: Any, folder: str) -> Packet:
    """`value` ready for the pipe; its large arrays are written to a new file in `folder`. Raises OSError, when the
    disk is full for example, and whatever pickling raises."""
    buffers: list[memoryview] = []

    def hand_out(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < SMALL_BYTES:
            return True
        buffers.append(raw)
        return False

    target = io.BytesIO()
    _Pickler(target, protocol=5, buffer_callback=hand_out).dump(value)
    if not buffers:
        return Packet(target.getvalue())
    name, spans = _write(buffers, folder)
    return Packet(target.getvalue(), name, tuple(spans))


def unpack(packet: Packet) -> Any:
    """The value of a packet. Its file is consumed: a packet is unpacked once."""
    if packet.file is None:
        return pickle.loads(packet.pickled)
    with open(packet.file, "rb") as file:  # noqa: PTH123
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    discard(packet)
    whole = memoryview(mapped)
    return pickle.loads(packet.pickled, buffers=[whole[start:end] for start, end in packet.spans])


def discard(packet: Packet) -> None:
    """Removes the file of a packet; where the system holds it while it is mapped, the folder's end removes it."""
    if packet.file is not None:
        with contextlib.suppress(OSError):
            os.unlink(packet.file)  # noqa: PTH108


def _write(buffers: list[memoryview], folder: str) -> tuple[str, list[tuple[int, int]]]:
    """Writes the buffers one after the other, aligned; returns the file's name and their (start, end)."""
    spans = []
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".buffers", delete=False, buffering=0) as file:
        try:
            for buffer in buffers:
                file.seek(-file.tell() % ALIGNMENT, os.SEEK_CUR)
                start = file.tell()
                written = 0
                while written < buffer.nbytes:
                    written += file.write(buffer[written : written + (64 << 20)])
                spans.append((start, start + buffer.nbytes))
        except OSError:
            file.close()
            os.unlink(file.name)  # noqa: PTH108
            raise
    return file.name, spans

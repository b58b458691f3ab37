"""Torch checkpoints as named arrays, without ever running what a pickle asks for.

A checkpoint is a zip archive of a small pickle and the raw bytes of the tensors (or, before torch 1.6, one pickle).
`torch.load(weights_only=True)` accepts tensors, containers and numbers alone; everything else is refused. Numbers of
numpy, which schedules of training rates leave behind, are read by stand-ins of our own, so that nothing of numpy is
called by a pickle either. The archive is memory-mapped, so that the planes and the decoder come out of a large
generator's checkpoint without reading it.
"""

from __future__ import annotations

import contextlib
import pickle
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadFile
from .archives import read_member
from .pickled import MOST_STEPS, end_of_pickle
from .tensor_file import ZIP_MAGIC, Tensors

MAX_PICKLE = 8 << 20
"""Bytes of the pickle in a checkpoint: far above any real one, and few enough to be walked in seconds."""

LEGACY_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
"""How a checkpoint from before torch 1.6 begins."""

_LEGACY_PICKLES = 5
"""It goes on with the version, the machine, the tensors and the names of their values, each a pickle."""

_DAMAGED = "is not a torch file of tensors, or is damaged or cut off"

MAX_DEPTH = 8
"""How deep dictionaries are looked into."""

LONGEST_LIST = 16
"""Numbers of a plain list that may say something of the tensors: a box, a size."""


class _NumpyType:
    """Stands for a type of numpy in a pickle: its code ("f8") and byte order, and nothing that could be called."""

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code, self.order = code, "<"

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"


def _numpy_number(kind: Any = None, data: Any = b"", *_: Any) -> int | float | bool | None:
    """Stands for the function that makes numbers of numpy: the plain number, None for what is none."""
    code = kind.code if isinstance(kind, _NumpyType) else None
    letter = _LETTERS.get(code) if isinstance(code, str) else None
    if letter is None or not isinstance(data, bytes) or len(data) != struct.calcsize("<" + letter):
        return None
    return struct.unpack(kind.order + letter, data)[0]


_LETTERS = {
    **{"f2": "e", "f4": "f", "f8": "d", "b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q"},
    **{"u1": "B", "u2": "H", "u4": "I", "u8": "Q"},
}
"""How `struct` calls numpy's types."""

_STAND_INS = [
    (_numpy_number, "numpy.core.multiarray.scalar"),
    (_numpy_number, "numpy._core.multiarray.scalar"),
    (_NumpyType, "numpy.dtype"),
]
"""What a pickle gets that asks for these functions and types of numpy."""


def is_torch(head: bytes) -> bool:
    """Whether a file that begins with `head` is a torch checkpoint."""
    return head.startswith(LEGACY_MAGIC) or (head.startswith(ZIP_MAGIC) and b"data.pkl" in head[:256])


def open_torch(path: Path) -> Tensors:
    """The tensors in a checkpoint by their dotted names ("state_dict.decoder.weight"). Raises BadFile."""
    zipped = _check_container(path)
    _check_pickles(path, zipped)
    import torch  # takes seconds, which a file that is refused needs not wait for

    try:
        with torch.serialization.safe_globals(_STAND_INS):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except (pickle.UnpicklingError, AttributeError, ModuleNotFoundError) as error:
        raise BadFile(path, _why_refused(str(error))) from error
    except RecursionError as error:
        raise BadFile(path, "is nested too deeply") from error
    except MemoryError:
        raise
    except Exception as error:  # torch raises anything at damaged files, failed assertions among them
        raise BadFile(path, _DAMAGED) from error
    found = {name: tensor for name, tensor in _tensors(content, "", MAX_DEPTH) if _is_plain(path, name, tensor)}
    shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
    return Tensors(shapes, lambda name: _copy(found[name]), dict(_numbers(content, "", MAX_DEPTH)))


def _check_container(path: Path) -> bool:
    """Whether the file is a zip archive; raises BadFile for one that claims more than it holds."""
    try:
        with path.open("rb") as file:
            head = file.read(len(LEGACY_MAGIC))
        size = path.stat().st_size
        if not head.startswith(ZIP_MAGIC):
            if not head.startswith(LEGACY_MAGIC):
                raise BadFile(
                    path,
                    "is a pickle but no torch checkpoint; pickles can run programs and are never opened: "
                    "save its tensors with torch.save or as .safetensors",
                )
            return False
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadFile(path, "is damaged or cut off (its archive has no sound end)") from error
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in members):
        raise BadFile(path, "is a compressed archive, which torch does not write")
    if sum(entry.file_size for entry in members) > size:
        raise BadFile(path, "declares more bytes than it holds")
    pickles = [entry.file_size for entry in members if entry.filename.endswith("data.pkl")]
    if not pickles:
        raise BadFile(path, "is a zip archive but no torch checkpoint")
    if max(pickles) > MAX_PICKLE:
        raise BadFile(path, f"has a pickle of {max(pickles) >> 20} MiB, which no checkpoint of tensors needs")
    return True


def _check_pickles(path: Path, zipped: bool) -> None:
    """Raises BadFile where the pickles of a checkpoint would take long to read."""
    try:
        if zipped:
            with zipfile.ZipFile(path) as archive:
                steps = MOST_STEPS
                for entry in archive.infolist():
                    if entry.filename.endswith("data.pkl"):
                        _, steps = end_of_pickle(path, read_member(archive, entry), steps=steps)
            return
        with path.open("rb") as file:
            data = file.read(MAX_PICKLE)
    except (zipfile.BadZipFile, ValueError, OSError, RuntimeError, EOFError, struct.error) as error:
        raise BadFile(path, _DAMAGED) from error
    end, steps = 0, MOST_STEPS
    for _ in range(_LEGACY_PICKLES):
        end, steps = end_of_pickle(path, data, end, steps)


def _tensors(content: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    import torch

    if isinstance(content, torch.Tensor):
        yield name, content
    elif depth and isinstance(content, dict):
        for key, value in content.items():
            yield from _tensors(value, f"{name}.{key}" if name else str(key), depth - 1)
    elif depth and isinstance(content, (list, tuple)):
        for index, value in enumerate(content):
            yield from _tensors(value, f"{name}.{index}" if name else str(index), depth - 1)


def _numbers(content: Any, name: str, depth: int) -> Iterator[tuple[str, np.ndarray]]:
    """Numbers and short lists of them in nested dictionaries, those that a float holds."""
    if isinstance(content, dict):
        for key, value in content.items() if depth else ():
            yield from _numbers(value, f"{name}.{key}" if name else str(key), depth - 1)
        return
    listed = content if isinstance(content, (list, tuple)) else (content,)
    if 0 < len(listed) <= LONGEST_LIST and all(isinstance(value, (int, float)) for value in listed):
        with contextlib.suppress(OverflowError):
            numbers = np.array([float(value) for value in listed])
            yield name, numbers if listed is content else numbers.reshape(())


def _is_plain(path: Path, name: str, tensor: Any) -> bool:
    """Whether a tensor is an ordinary array of numbers; raises BadFile where a view claims more than its storage."""
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.device.type != "cpu":
        return False
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise BadFile(path, f"gives {name or 'its tensor'} the shape {list(tensor.shape)} but fewer values")
    return True


def _copy(tensor: Any) -> np.ndarray:
    import torch

    tensor = tensor.detach()
    if tensor.dtype not in (torch.float16, torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8):
        tensor = tensor.float()
    return np.array(tensor.contiguous().numpy())


def _why_refused(message: str) -> str:
    """The end of the sentence "FILE …" from what torch says about a pickle that it will not load."""
    asked = re.search(r"(?:GLOBAL|global|class)\s+`?([\w.]+)", message)
    needs = f" (it asks for {asked[1][:80]})" if asked else ""
    return (
        f"holds Python objects that could run programs{needs} and is not opened; "
        "save its tensors alone, as torch.save(model.state_dict(), …) does"
    )

"""Files of named arrays: safetensors, torch checkpoints, .npz, .npy and .h5, opened without reading what is not needed.

None of them is trusted. Counts are checked against the size of the file before memory is taken, and nothing is
unpickled that could run a program.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from ..errors import BadFile
from .archives import check_packing

MAX_RATIO = 200
"""How many times larger than its file a compressed .npz may be."""

MAX_BYTES = 32 << 30
"""Bytes that the arrays of one compressed file may take."""

NUMBERS = "fiub"
"""Kinds of numpy types that are read; text beside the planes is skipped."""

PICKLED = "holds Python objects, which can run programs and are never opened"
NPY_MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK\x03\x04"


class Tensors(Mapping[str, np.ndarray]):
    """Named arrays of a file. `shapes` is known at once; `tensors[name]` copies one out of the file. `numbers`: lone
    numbers, () f64, and short lists of them, (N,) f64, that lie beside the arrays of a checkpoint, by their names."""

    def __init__(
        self,
        shapes: dict[str, tuple[int, ...]],
        read: Callable[[str], np.ndarray],
        numbers: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.shapes = shapes
        self.numbers = dict(numbers or {})
        self._read = read

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.shapes:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def with_decoder(self, decoder: Tensors) -> Tensors:
        """These planes read with the weights of another file: its arrays are added, and its weights (up to two
        dimensions) go before ours; planes stay ours."""
        theirs = {name for name, shape in decoder.shapes.items() if len(shape) <= 2 or name not in self.shapes}
        shapes = {**self.shapes, **{name: decoder.shapes[name] for name in decoder.shapes if name in theirs}}
        numbers = {**self.numbers, **decoder.numbers}
        return Tensors(shapes, lambda name: decoder[name] if name in theirs else self[name], numbers)

    def part(self, names: Iterable[str]) -> Tensors:
        """The arrays with these names alone."""
        return Tensors({name: self.shapes[name] for name in names}, self._read, self.numbers)

    def renamed(self, before: str, after: str) -> Tensors:
        """The same with another name for one array."""
        shapes = {after if name == before else name: shape for name, shape in self.shapes.items()}
        return Tensors(shapes, lambda name: self[before if name == after else name], self.numbers)

    def summary(self, count: int = 4) -> str:
        """The first names with their shapes, for a sentence: "a [3, 4], b [8] and 12 more"."""
        if not self.shapes:
            return "no arrays"
        shown = [f"{name or 'an array'} {list(self.shapes[name])}" for name in list(self.shapes)[:count]]
        rest = len(self.shapes) - len(shown)
        return ", ".join(shown) + (f" and {rest} more" if rest else "")


def open_tensors(path: Path) -> Tensors:
    """The arrays in the file, whatever of the known containers it is. Raises BadFile."""
    from .h5_file import is_h5, open_h5
    from .safetensors_file import is_safetensors, open_safetensors
    from .torch_file import open_torch

    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    if is_safetensors(head):
        return open_safetensors(path)[0]
    if head.startswith(NPY_MAGIC):
        return open_npy(path)
    if is_npz(head):
        return open_npz(path)
    if is_h5(head):
        return open_h5(path)
    if head.startswith((ZIP_MAGIC, b"\x80")):
        return open_torch(path)
    raise BadFile(path, "holds no tensors (known are .safetensors, .pt, .pth, .ckpt, .tar, .npz, .npy and .h5)")


def is_npz(head: bytes) -> bool:
    """Whether a file that begins with `head` is a zip archive whose first member is an .npy array."""
    length = int.from_bytes(head[26:28], "little")
    return head.startswith(ZIP_MAGIC) and head[30 : 30 + length].endswith(b".npy")


def open_npy(path: Path) -> Tensors:
    """The one array of an .npy file, under the name "". Raises BadFile."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, OverflowError) as error:
        raise BadFile(path, _why_no_array(error)) from error
    if array.dtype.kind not in NUMBERS:
        raise BadFile(path, f"holds values of the type {array.dtype}, not numbers")
    return Tensors({"": array.shape}, lambda _: np.array(array))


def open_npz(path: Path) -> Tensors:
    """The arrays of an .npz file by their names. Raises BadFile."""
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
            total = sum(entry.file_size for entry in members)
            if total > min(MAX_BYTES, MAX_RATIO * path.stat().st_size):
                raise BadFile(path, f"would unpack to {total / 2**30:.1f} GiB, which is more than such a file can hold")
            for entry in members:
                check_packing(path, entry)
                with archive.open(entry) as file:
                    shape, dtype = _read_npy_header(file)
                if dtype.kind not in NUMBERS:
                    _refuse_objects(path, dtype)
                    continue
                if math.prod(shape) * dtype.itemsize > entry.file_size:
                    raise BadFile(path, f"declares more values in {entry.filename} than it holds")
                shapes[entry.filename.removesuffix(".npy")] = shape
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, SyntaxError, NotImplementedError, RuntimeError) as error:
        raise BadFile(path, _why_no_array(error)) from error
    return Tensors(shapes, lambda name: _read_npz_member(path, name))


def _read_npz_member(path: Path, name: str) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive[name]
    except (zipfile.BadZipFile, zipfile.zlib.error, ValueError, OSError, EOFError) as error:
        raise BadFile(path, _why_no_array(error)) from error


def _read_npy_header(file) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(file)
    return shape, dtype


def _refuse_objects(path: Path, dtype: np.dtype) -> None:
    if dtype.kind == "O":
        raise BadFile(path, PICKLED)


def _why_no_array(error: Exception) -> str:
    if any(words in str(error) for words in ("allow_pickle", "Object arrays", "Python objects")):
        return PICKLED
    return "is damaged or cut off (its arrays cannot be read)"

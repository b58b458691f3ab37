"""Gaussian splats as .ply: the layout of Kerbl et al. ("INRIA"), and what other trainers made of it.

Columns are found by name. They may come in any order and type, as text or in either byte order, with more or fewer of
them: normals are optional, SH has 0, 9, 24 or 45 columns f_rest (all red ones first), surfels (2DGS) lack scale_2.
Whatever has no meaning here is kept, so that an unchanged asset is saved as the bytes it came from.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..asset import Asset, Provenance
from ..errors import BadFile
from ..files.folders import FolderLayout, newest
from ..files.ply import PlyElement, PlyHeader, looks_compressed, looks_like_gaussians, read_header, sniff_header
from ..files.series import SERIES
from ..gaussians import Gaussians, PlyLayout, TrainerNotes
from ..progress import Job, Progress, stage
from ..splats.columns import (
    BLOCK,
    BLOCKS_PER_STEP,
    DC,
    MEANS,
    NORMALS,
    OPACITY,
    ROTATION,
    SCALES,
    SplatColumns,
    attribute_columns,
    rest_columns,
)
from ..splats.declarations import DECLARATION, UP, declared_mode, declared_up
from ..splats.linear_light import caveat, encoded
from ..splats.transform import baked
from . import Format, ReadOptions

_LARGEST_TEXT = 64 << 20
_LARGEST_TAIL = 1 << 20
_USUAL_UP = "-y"
"""Trainers keep COLMAP's frame, whose y points down, and say nothing about it."""


def sniff(path: Path, head: bytes) -> int:
    """How sure it is that these are splats: by the columns of the header."""
    header = sniff_header(head)
    if header is None:
        # A damaged header is refused by the reader that it was meant for.
        return 60 if head.startswith(b"ply") and b" f_dc_0" in head and b" scale_0" in head else 0
    return 95 if looks_like_gaussians(header) and not looks_compressed(header) else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads splats. Rows with a NaN or infinite value are left out and counted. Raises BadFile."""
    header = read_header(path)
    element = header.element("vertex")
    if element is None or element.dtype is None or not looks_like_gaussians(header):
        raise BadFile(path, "holds no Gaussian splats")
    rest = rest_columns(path, element)
    before = _bytes_before(path, header, element)
    columns = SplatColumns(element, len(rest))
    if header.format == "ascii":
        yield from columns.take_text(path, header, element)
    else:
        yield from stage(columns.take_binary(path, header, element, before), 0.0, 0.8)
    provenance = Provenance()
    asset = columns.asset(path.stem, provenance)
    asset.notes = _notes(header, element, provenance)
    asset.layout = _layout(path, header, element, before, columns, provenance.warnings)
    asset.order = yield from stage(asset.by_visibility(), 0.8, 1.0)
    return [asset]


def _bytes_before(path: Path, header: PlyHeader, element: PlyElement) -> int:
    """How many bytes lie between the header and the splats."""
    size = 0
    for other in header.elements:
        if other is element or header.format == "ascii":
            return size
        if other.dtype is None:
            raise BadFile(path, f"has lists in {other.name!r} before its splats, which Triptych does not read")
        size += other.count * other.dtype.itemsize
    return size


def _notes(header: PlyHeader, element: PlyElement, provenance: Provenance) -> TrainerNotes:
    """What the trainer declared, and what the columns suggest where it said nothing."""
    mode = declared_mode(header.comments)
    flat = SCALES[2] not in element.names
    antialiasing, kernel = ("mip" if mode == "mip" else "classic"), ("2dgs" if mode == "2dgs" else "3dgs")
    told = {"antialiasing": antialiasing, "kernel": kernel}
    (provenance.declared if mode else provenance.guessed).update(told)
    if mode is None and "filter_3D" in element.names:
        # Mip-Splatting writes the column and draws with a 2D filter that keeps opacity, but declares neither.
        antialiasing = provenance.guessed["antialiasing"] = "mip"
    if flat and mode != "2dgs":
        kernel = provenance.guessed["kernel"] = "2dgs"
        provenance.declared.pop("kernel", None)
    up = declared_up(header.comments)
    if up:
        provenance.declared["up axis"] = up
    else:
        provenance.guessed["up axis"] = f"{_USUAL_UP} (the frame of COLMAP)"
    return TrainerNotes(antialiasing, kernel, up_axis=up or _USUAL_UP)


def _layout(
    path: Path, header: PlyHeader, element: PlyElement, before: int, columns: SplatColumns, warnings: list[str]
) -> PlyLayout:
    """What is needed to write the same bytes again."""
    start = header.data_offset
    size = path.stat().st_size
    others = len(header.elements) > 1
    layout = PlyLayout(header.raw, element.dtype, exact=columns.exact)
    with path.open("rb") as file:
        file.seek(start)
        if header.format == "ascii":
            layout.text = file.read() if size - start <= _LARGEST_TEXT else None
            return layout
        layout.before = file.read(before)
        end = start + before + element.count * element.dtype.itemsize
        if not others and size > end:
            warnings.append(f"{size - end:,} bytes behind the {element.count:,} splats of the header are ignored.")
        if others or size - end <= _LARGEST_TAIL:
            file.seek(end)
            layout.after = file.read()
    return layout


def save(asset: Gaussians, path: Path) -> Job[None]:
    """Writes splats in the layout that they came in where it fits, else in INRIA's. A transform is baked in, and
    colours of linear light become sRGB."""
    notes = replace(asset.notes, up_axis=asset.world_up())
    if not np.array_equal(asset.transform, np.eye(4)):
        asset = yield from stage(baked(asset), 0.0, 0.5)
    asset = yield from stage(encoded(asset), 0.5, 0.6)
    columns = asset.extra | attribute_columns(asset)
    layout = asset.layout if asset.layout and _fits(asset, columns) else _standard_layout(asset)
    header = _with_notes(_with_count(layout.header, len(asset)), notes)
    parsed = sniff_header(layout.header)
    text = parsed.format == "ascii"
    with path.open("wb") as file:
        file.write(header)
        if text and layout.text is not None and _same_text(layout, columns, len(asset)):
            file.write(layout.text)
            return
        file.write(layout.before)
        for start in range(0, len(asset), BLOCK):
            table = _table(layout, columns, slice(start, min(start + BLOCK, len(asset))))
            _write_text(file, table) if text else file.write(table.tobytes())
            if start % (BLOCK * BLOCKS_PER_STEP) == 0:
                yield Progress(start, len(asset), f"Writing {len(asset):,} splats")
        if len(parsed.elements) > 1 or parsed.count("vertex") == len(asset):
            file.write(layout.after)


def _fits(asset: Gaussians, columns: dict[str, np.ndarray]) -> bool:
    """Whether the layout has a place for every column of the asset, and the asset a value for every column."""
    names, header = set(asset.layout.dtype.names), sniff_header(asset.layout.header)
    own = set(attribute_columns(asset))
    if header.format == "ascii" and len(header.elements) > 1 and not _same_text(asset.layout, columns, len(asset)):
        return False
    rest = {name for name in names if name.startswith("f_rest_") or name in SCALES}
    return set(columns) <= names and rest <= own


def _standard_layout(asset: Gaussians) -> PlyLayout:
    """INRIA's columns, then those that only this asset has."""
    terms = asset.sh.shape[1] - 1
    names = [*MEANS, *NORMALS, *DC, *(f"f_rest_{index}" for index in range(3 * terms)), OPACITY]
    names += [*SCALES[: asset.log_scales.shape[1]], *ROTATION]
    types = {name: np.dtype("<f4") for name in names}
    types |= {name: column.dtype.newbyteorder("<") for name, column in asset.extra.items() if name not in types}
    dtype = np.dtype(list(types.items()))
    words = {"f2": "half", "f4": "float", "f8": "double", "u1": "uchar", "i1": "char", "u2": "ushort", "i2": "short"}
    words |= {"u4": "uint", "i4": "int", "u8": "uint64", "i8": "int64"}
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(asset)}"]
    lines += [f"property {words[types[name].str[1:]]} {name}" for name in types]
    return PlyLayout(("\n".join([*lines, "end_header"]) + "\n").encode(), dtype)


def _with_count(header: bytes, count: int) -> bytes:
    """The header with another number of splats, else as it was."""
    return re.sub(rb"([\r\n][ \t]*element[ \t]+vertex[ \t]+)\d+", rb"\g<1>" + str(count).encode(), header, count=1)


def _with_notes(header: bytes, notes: TrainerNotes) -> bytes:
    """The header with what the notes say about drawing, where its own comments say otherwise."""
    parsed = sniff_header(header)
    mode = declared_mode(parsed.comments)
    flat = SCALES[2] not in parsed.element("vertex").names
    wanted = "2dgs" if notes.kernel == "2dgs" else "mip" if notes.antialiasing == "mip" else "default"
    implied = "2dgs" if flat else "mip" if "filter_3D" in parsed.element("vertex").names else "default"
    if wanted != (mode or implied) and not (flat and wanted == "2dgs"):
        header = _with_comment(header, DECLARATION, f"SplatRenderMode: {wanted}")
    up = notes.up_axis or _USUAL_UP
    if up != (declared_up(parsed.comments) or _USUAL_UP):
        header = _with_comment(header, UP, f"up_axis {up}")
    return header


def _with_comment(header: bytes, replaced: re.Pattern, text: str) -> bytes:
    """The header with one more comment, in place of those that match `replaced`."""
    lines = header.splitlines(keepends=True)
    kept = [line for line in lines if not _is_comment(line, replaced)]
    ending = re.search(rb"\r?\n|\r", lines[0])[0]
    place = next(index for index, line in enumerate(kept) if line.lstrip().startswith(b"format")) + 1
    kept.insert(place, b"comment " + text.encode() + ending)
    return b"".join(kept)


def _is_comment(line: bytes, pattern: re.Pattern) -> bool:
    word, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
    return word == "comment" and pattern.fullmatch(rest) is not None


def _table(layout: PlyLayout, columns: dict[str, np.ndarray], rows: slice) -> np.ndarray:
    """Some rows as they lie in the file. A column that is not there was zero everywhere."""
    table = np.zeros(rows.stop - rows.start, layout.dtype)
    for name in layout.dtype.names:
        column = columns.get(name)
        if column is None:
            continue
        values, exact = column[rows], layout.exact.get(name)
        if exact is not None and len(exact) == len(column):
            with np.errstate(over="ignore"):
                same = exact[rows].astype(np.float32) == values
            values = np.where(same, exact[rows], values)
        table[name] = np.rint(values) if layout.dtype[name].kind in "iu" and values.dtype.kind == "f" else values
    return table


def _same_text(layout: PlyLayout, columns: dict[str, np.ndarray], count: int) -> bool:
    """Whether a text file's splats are still what its text says."""
    header = sniff_header(layout.header)
    element = header.element("vertex")
    if layout.text is None or element.count != count or header.elements[0] is not element:
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        numbers = np.fromstring(layout.text.strip(), np.float64, sep=" ", count=count * len(element.names))
        table = _table(layout, columns, slice(0, count))
        numbers = numbers.reshape(count, -1)
        return all(
            np.array_equal(numbers[:, index].astype(table.dtype[index]), table[name])
            for index, name in enumerate(element.names)
        )


def _write_text(file: BinaryIO, table: np.ndarray) -> None:
    """Rows as text, each number as short as it can be read back from."""
    columns = [[str(value) for value in table[name]] for name in table.dtype.names]
    file.write("".join(" ".join(row) + "\n" for row in zip(*columns)).encode())


_OUTPUT = FolderLayout(
    holds="INRIA's point_cloud/iteration_…/point_cloud.ply",
    find=newest("point_cloud/iteration_{n}/point_cloud.ply", "iteration_{n}/point_cloud.ply", called="iteration {n}"),
    precedence=4,
)

FORMAT = Format(
    name="Gaussian splats (.ply)",
    extensions=(".ply",),
    kinds=("gaussians",),
    sniff=sniff,
    load=load,
    save=save,
    writes=("gaussians",),
    caveat=caveat,
    folders=(SERIES, _OUTPUT),
)

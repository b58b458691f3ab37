"""The native triplane file: a .safetensors whose header describes the field (docs/triplane-format.md).

Planes and weights are its tensors; the metadata key `triptych.triplane` holds JSON with a version, the description,
and the asset's name, transform and provenance. What a drag has made of the field is kept as a further tensor and a
section of the header (deform/stored.py). A .safetensors without that key is searched for a published family.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..asset import Asset, Provenance
from ..deform.stored import check_shape, tensor_name, warp_form, warp_from
from ..deform.warp import Warp
from ..errors import BadFile, BadInput
from ..fields.description import FieldDescription
from ..fields.source import check_triplane, missing_decoder_warning, repair, triplanes_in
from ..files.safetensors_file import is_safetensors, open_safetensors, write_safetensors
from ..files.strict_json import from_json, to_json
from ..files.tensor_file import Tensors, open_tensors
from ..progress import Job, Progress
from ..triplane import Triplane
from . import Format, ReadOptions

KEY = "triptych.triplane"
VERSION = 1
WARP = "warp"
"""The section of the header, and the tensor's name where it is free."""

IDENTITY = tuple(tuple(float(row == column) for column in range(4)) for row in range(4))
Row = tuple[float, float, float, float]


@dataclass(frozen=True)
class Note:
    """A declared or guessed term of the provenance."""

    term: str
    value: str


@dataclass(frozen=True)
class Header:
    """What the metadata say. transform: local → world, rows of a 4×4 matrix."""

    version: int
    description: FieldDescription
    name: str = ""
    transform: tuple[Row, Row, Row, Row] = IDENTITY
    declared: tuple[Note, ...] = ()
    guessed: tuple[Note, ...] = ()


def sniff(path: Path, head: bytes) -> int:
    """See `Format.sniff`."""
    return 95 if is_safetensors(head) else 30 if path.suffix.lower() == ".safetensors" and _is_binary(head) else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads the triplane, or those of a known family; see `Format.load`."""
    yield Progress(0, 2, "Reading the header")
    tensors, metadata = open_safetensors(path)
    header, section = _read_header(path, metadata[KEY]) if KEY in metadata else (None, None)
    yield Progress(1, 2, "Reading the tensors")
    if header is None:
        return triplanes_in(tensors, path, options.decoder)
    warp = None if section is None else _read_warp(path, section, tensors)
    if options.decoder is not None and header.description.heads:
        tensors = tensors.with_decoder(open_tensors(options.decoder))
    if options.decoder is None or header.description.heads:
        return [_place(_make_triplane(path, header, tensors), header, warp)]
    return [_place(triplane, header, warp) for triplane in triplanes_in(tensors, path, options.decoder)]


def save(asset: Triplane, path: Path) -> Job[None]:
    """Writes the triplane; see `Format.save`. Every array keeps its type."""
    named = (*asset.description.plane_tensors(), *asset.description.decoder_tensors())
    tensors = {name: asset.tensors[name] for name in named if name in asset.tensors}
    header = Header(
        version=VERSION,
        description=asset.description,
        name=asset.name,
        transform=tuple(tuple(float(value) for value in row) for row in asset.transform),
        declared=tuple(Note(term, value) for term, value in asset.provenance.declared.items()),
        guessed=tuple(Note(term, value) for term, value in asset.provenance.guessed.items()),
    )
    form = to_json(header)
    if asset.warp is not None and not asset.warp.drag.empty:
        name = WARP
        while name in tensors:
            name += "_"
        form[WARP] = warp_form(asset.warp, name)
        tensors[name] = asset.warp.volume.lattice
    yield from write_safetensors(path, tensors, {KEY: json.dumps(form, ensure_ascii=False)})


def _read_warp(path: Path, section: Any, tensors: Tensors) -> Warp:
    try:
        name = tensor_name(section)
        check_shape(section, tensors.shapes.get(name))
        return warp_from(section, tensors[name])
    except BadInput as error:
        raise BadFile(path, f"{KEY}: {str(error).rstrip('.')}") from error


def _read_header(path: Path, text: str) -> tuple[Header, Any]:
    """The header, and its section about a warp, None where there is none."""
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFile(path, f"has metadata {KEY} that are not JSON") from error
    version = content.get("version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise BadFile(path, f"was written by a later version of Triptych (format {version}, known is {VERSION})")
    section = content.pop(WARP, None) if isinstance(content, dict) else None
    try:
        header = from_json(Header, content)
    except BadInput as error:
        raise BadFile(path, f"{KEY}: {str(error).rstrip('.')}") from error
    if version != VERSION:
        raise BadFile(path, f"{KEY}: version: is {version}, known is {VERSION}")
    if abs(np.linalg.det(np.array(header.transform)[:3, :3])) < 1e-30 or header.transform[3] != IDENTITY[3]:
        raise BadFile(path, f"{KEY}: transform: is not an affine placement that can be undone")
    return header, section


def _make_triplane(path: Path, header: Header, tensors: Tensors) -> Triplane:
    description = header.description
    named = (*description.plane_tensors(), *description.decoder_tensors())
    kept, warnings = repair({name: tensors[name] for name in named if name in tensors})
    provenance = Provenance(
        path,
        family=description.family,
        declared={note.term: note.value for note in header.declared},
        guessed={note.term: note.value for note in header.guessed},
        warnings=warnings,
    )
    triplane = Triplane(path.stem, kept, description, provenance)
    if not triplane.has_decoder:
        warnings.append(missing_decoder_warning(path))
    check_triplane(triplane, path)
    return triplane


def _place(triplane: Triplane, header: Header, warp: Warp | None) -> Triplane:
    triplane.name = header.name or triplane.name
    triplane.transform = np.array(header.transform, np.float64)
    triplane.warp = warp
    return triplane


def _is_binary(head: bytes) -> bool:
    return b"\0" in head[:64]


FORMAT = Format("Triptych triplane", (".safetensors",), ("triplane",), sniff, load, save=save, writes=("triplane",))

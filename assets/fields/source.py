"""From the tensors of a file, whatever container they came in, to triplane assets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..asset import Provenance
from ..errors import BadFile, BadInput
from ..families import Found, families, recognise
from ..files.tensor_file import Tensors, open_tensors
from ..triplane import Triplane
from .description_check import check_description, check_tensors


def triplanes_in(tensors: Tensors, path: Path, decoder: Path | None) -> list[Triplane]:
    """The triplanes of a known family among `tensors` of the file `path`, with the weights of the file `decoder`.

    Raises BadFile where no family knows the tensors or the decoder does not fit the planes.
    """
    joined = tensors if decoder is None else tensors.with_decoder(open_tensors(decoder))
    family = recognise(joined.shapes)
    if family is None:
        raise BadFile(path, _why_unknown(tensors, path))
    found = family.describe(joined)
    if decoder is not None and not found[0].description.heads:
        what = "does not fit" if family.has_weights(open_tensors(decoder).shapes) else "holds no decoder for"
        raise BadFile(decoder, f"{what} the planes of {path.name}")
    return [_make_triplane(entry, family.name, path, decoder) for entry in found]


def repair(tensors: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """`tensors` with values that are not finite set to 0, and a sentence about each array where there were any."""
    repaired, warnings = {}, []
    for name, array in tensors.items():
        repaired[name] = array
        if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
            repaired[name] = np.where(finite, array, array.dtype.type(0))
            warnings.append(f"{name}: {int((~finite).sum())} values were not finite and are read as 0.")
    return repaired, warnings


def check_triplane(triplane: Triplane, path: Path) -> None:
    """Raises BadFile where the description contradicts itself or the tensors."""
    try:
        check_description(triplane.description)
        known = triplane.description if triplane.has_decoder else replace(triplane.description, heads=())
        check_tensors(known, {name: array.shape for name, array in triplane.tensors.items()})
    except BadInput as error:
        raise BadFile(path, str(error).rstrip(".")) from error
    for name, array in triplane.tensors.items():
        if array.dtype.kind != "f":
            raise BadFile(path, f"stores {name} as {array.dtype}, expected floating-point numbers")


def missing_decoder_warning(path: Path) -> str:
    """What to tell about planes without a decoder."""
    return f"{path.name} holds planes without their decoder: open it with --decoder WEIGHTS to see and query the field."


def _make_triplane(found: Found, family: str, path: Path, decoder: Path | None) -> Triplane:
    tensors, warnings = repair(found.tensors)
    if not found.description.heads:
        warnings.append(missing_decoder_warning(path))
    declared = {**found.declared, **({"decoder file": decoder.name} if decoder else {})}
    provenance = Provenance(path, "", family, declared, found.guessed, warnings)
    triplane = Triplane(path.stem + found.suffix, tensors, found.description, provenance)
    check_triplane(triplane, path)
    return triplane


def _why_unknown(tensors: Tensors, path: Path) -> str:
    """The end of the sentence "FILE …" for tensors that no family knows."""
    owners = [family.name for family in families() if family.has_weights(tensors.shapes)]
    if owners:
        return f"holds a {owners[0]} decoder but no planes; open the planes with --decoder {path.name}"
    if any(name.rsplit(".", 1)[-1] in ("means", "quats") for name in tensors.shapes):
        return f"holds Gaussian splats ({tensors.summary(3)}), which are not read from this kind of file"
    return f"holds no triplane of a known family; its arrays are {tensors.summary()}"

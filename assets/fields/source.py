"""From the tensors of a file, whatever container they came in, to triplane assets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..asset import Provenance
from ..errors import BadFile, BadInput
from ..families import Family, Found, families, name_planes, recognise
from ..families.unknown import layout_of
from ..files.tensor_file import Tensors, open_tensors
from ..triplane import Triplane
from .description_check import check_description, check_tensors


def triplanes_in(tensors: Tensors, path: Path, decoder: Path | None) -> list[Triplane]:
    """The triplanes among `tensors` of the file `path`, with the weights of the file `decoder`, as the family has them
    that knows them best, or else as planes of no known one.

    Raises BadFile where nothing can be planes or the decoder does not fit them.
    """
    alone = recognise(tensors.shapes)
    weights = None if decoder is None else _weights(decoder, planes=alone is None)
    joined = tensors if weights is None else tensors.with_decoder(weights)
    family = recognise(joined.shapes)
    if weights is not None and "" in joined.shapes and (family is None or not family.known):
        joined = joined.renamed("", name_planes(joined.shapes))
        family = recognise(joined.shapes)
    if family is None or not family.known:
        if alone is None or (weights is None and _owners(tensors)):
            raise BadFile(path, _why_unknown(tensors, path))
        if weights is not None:
            raise BadFile(decoder, _why_unfit(weights, path))
    try:
        found = family.describe(joined)
    except BadInput as error:
        raise BadFile(path, f"cannot be read as {family.name}: {str(error).rstrip('.')}") from error
    except (LookupError, ValueError, RuntimeError) as error:  # from numpy and torch, of shapes that nobody publishes
        raise BadFile(path, f"cannot be read as {family.name}: its arrays do not fit each other") from error
    if weights is not None and not found[0].description.heads:
        raise BadFile(decoder, _why_unfit(weights, path))
    return [_make_triplane(entry, family, path, decoder) for entry in found]


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


def missing_decoder_warning(path: Path, family: str = "") -> str:
    """What to tell about planes, of a known `family` or not, without a decoder."""
    of_family = f"{family} planes" if family else "planes"
    return (
        f"{path.name} holds {of_family} without their decoder: "
        "choose the file of the decoder (--decoder WEIGHTS) to see and query the field."
    )


def _make_triplane(found: Found, family: Family, path: Path, decoder: Path | None) -> Triplane:
    tensors, warnings = repair(found.tensors)
    warnings += found.warnings
    if not found.description.heads:
        warnings.append(missing_decoder_warning(path, family.name) if family.known else _unknown_warning(path))
    declared = {**found.declared, **({"decoder file": decoder.name} if decoder else {})}
    provenance = Provenance(path, "", family.name, declared, found.guessed, warnings)
    triplane = Triplane(path.stem + found.suffix, tensors, found.description, provenance)
    if found.transform is not None:
        triplane.set_transform(found.transform)
    check_triplane(triplane, path)
    return triplane


def _unknown_warning(path: Path) -> str:
    return (
        f"{path.name} holds planes of no family that is known here, so only the planes themselves can be looked at: "
        "choose the file of the decoder (--decoder WEIGHTS) where you have that of a known one."
    )


def _weights(decoder: Path, planes: bool) -> Tensors:
    """The arrays of the file with the decoder; planes: with those that can be planes, since the other file has none."""
    weights = open_tensors(decoder)
    if planes:
        return weights
    # What a family counts among its weights may look like planes.
    return weights.part(
        name
        for name, shape in weights.shapes.items()
        if not layout_of(shape) or any(family.has_weights({name: shape}) for family in families())
    )


def _owners(tensors: Tensors) -> list[str]:
    """Names of the families whose decoder is among `tensors`."""
    return [family.name for family in families() if family.has_weights(tensors.shapes)]


def _why_unknown(tensors: Tensors, path: Path) -> str:
    """The end of the sentence "FILE …" for tensors that no family knows."""
    owners = _owners(tensors)
    if owners:
        return f"holds a {_any_of(owners)} decoder but no planes; open the planes with --decoder {path.name}"
    if any(name.rsplit(".", 1)[-1] in ("means", "quats") for name in tensors.shapes):
        return f"holds Gaussian splats in a form that Triptych does not read ({tensors.summary(3)})"
    if not tensors.shapes:
        return "holds no arrays of numbers"
    return f"holds no triplane of a known family; its arrays are {tensors.summary()}"


def _why_unfit(weights: Tensors, path: Path) -> str:
    """The end of the sentence "DECODER …" for weights that the planes of `path` cannot be read with."""
    owners = _owners(weights)
    if not owners:
        return f"holds no decoder for the planes of {path.name}; its arrays are {weights.summary(3)}"
    return f"does not fit the planes of {path.name}; it is a decoder of {_any_of(owners)}"


def _any_of(names: list[str]) -> str:
    """ "A, B or C"; of many, the first."""
    shown = names[:4] if len(names) <= 4 else [*names[:3], "another family"]
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)

"""Gaussian splats as .spz (Niantic), versions 1 to 4; versions 3 and 4 are written.

An .spz ought to have the axes of OpenGL (right, up, back), and many have: those of Niantic's library when it is told
what it gets, of Scaniverse, of PlayCanvas' own scenes. Many others have those of the .ply that they were made from,
which no flag tells. So a file that doesn't name its axes by an extension is read as its specification calls for, and as
a .ply where `ReadOptions.spz_frame` says so; the asset has the frame of the .ply either way. Files are written with the
axes of the specification, upright as the asset stands, or with those of the asset (`frame=raw`), which version 4 then
names by an extension.
"""

from __future__ import annotations

from pathlib import Path

from ..asset import Asset, Provenance
from ..errors import BadFile, BadInput
from ..gaussians import Gaussians
from ..progress import Job, stage
from ..splats import frames, spz, spz_writing
from ..splats.linear_light import caveat
from ..splats.plain import plain, received, told
from . import Format, ReadOptions

_USUAL = "RUB"
_NAMES = {"rub": _USUAL, "ply": frames.PLY}
_WRITTEN = ("rub", "raw")
_FRAMES = {None: frames.PLY, "-y": frames.PLY, "y": _USUAL, "z": "RFU", "-z": "RBD"}
"""The frame of splats with this axis up: those that a turn about x leads to."""

_VERSIONS = (3, 4)
_KNOWN = {"RUB": "right, up, back", "RDF": "right, down, front"}


def sniff(path: Path, head: bytes) -> int:
    """Its magic number is there, also behind gzip's."""
    if spz.is_spz(head):
        return 100
    return 40 if path.suffix.lower() == ".spz" and head.startswith(spz.GZIP) else 0


def load(path: Path, options: ReadOptions) -> Job[list[Asset]]:
    """Reads splats into the frame of the .ply. Raises BadFile, and BadInput for a frame that doesn't exist."""
    wanted = options.spz_frame or "rub"
    if wanted not in _NAMES:
        raise BadInput(f"{path}: the frame of an .spz is {' or '.join(_NAMES)}, not {wanted!r}.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    contents = yield from stage(spz.decode(path, data), 0.0, 0.7)
    frame = contents.frame or _NAMES[wanted]
    splats = _as_stored(path.stem, contents, frame)
    turned = yield from stage(frames.converted(splats, frame, frames.PLY, in_place=True), 0.7, 0.8)
    return (yield from stage(received(path, turned), 0.8, 1.0))


def _as_stored(name: str, contents: spz.SpzContents, frame: str) -> Gaussians:
    """The splats in the axes of the file, `frame`, and what is known of it."""
    provenance = Provenance(format=f"SPZ version {contents.version}", warnings=contents.warnings)
    notes = told(None, None, provenance, silent="mip" if contents.antialiased else "default")
    provenance.declared["antialiasing"] = provenance.guessed.pop("antialiasing")
    where = provenance.declared if contents.frame else provenance.guessed
    where["frame"] = f"{frame} ({_KNOWN[frame]})" if frame in _KNOWN else frame
    arrays = (contents.means, contents.log_scales, contents.rotations, contents.logit_opacities, contents.sh)
    return Gaussians(name, *arrays, notes=notes, provenance=provenance)


def save(
    asset: Gaussians,
    path: Path,
    version: int = 4,
    frame: str = "rub",
    sh_bits: int | None = None,
    position_bits: int | None = None,
) -> Job[None]:
    """Writes splats; a transform is baked in. Raises BadInput for an option that is not possible."""
    _check(asset.name, version, frame, sh_bits)
    splats = yield from stage(plain(asset), 0.0, 0.2)
    own = _FRAMES[splats.notes.up_axis]
    if frame == "rub":
        splats = yield from stage(frames.converted(splats, own, _USUAL), 0.2, 0.3)
    most = spz_writing.most_bits(splats.means)
    if most < 0:
        raise BadInput(f"{asset.name}: the scene is larger than an .spz can hold (8 million units).")
    if position_bits is not None and not (type(position_bits) is int and 0 <= position_bits <= most):
        raise BadInput(f"{asset.name}: positions of this scene can have 0 to {most} bits behind the point.")
    bits = spz_writing.fractional_bits(splats.means) if position_bits is None else position_bits
    kept = spz_writing.USUAL_SH_BITS if sh_bits is None else (sh_bits, sh_bits)
    with path.open("wb") as file:
        named = None if frame == "rub" else own
        yield from stage(spz_writing.encode(splats, file, version, bits, kept, named), 0.3, 1.0)


def _check(name: str, version: int, frame: str, sh_bits: int | None) -> None:
    if type(version) is not int or version not in _VERSIONS:
        raise BadInput(f"{name}: .spz is written in version 3 or 4, not {version}.")
    if frame not in _WRITTEN:
        raise BadInput(f"{name}: the frame of an .spz is {' or '.join(_WRITTEN)}, not {frame!r}.")
    if sh_bits is not None and not (type(sh_bits) is int and 1 <= sh_bits <= 8):
        raise BadInput(f"{name}: a coefficient of SH keeps 1 to 8 bits, not {sh_bits}.")


FORMAT = Format(
    name="SPZ",
    extensions=(".spz",),
    kinds=("gaussians",),
    sniff=sniff,
    load=load,
    save=save,
    writes=("gaussians",),
    caveat=caveat,
    options={
        "version": "4 (Zstandard, the default) or 3 (gzip, for older programs)",
        "frame": "rub: right, up, back, as specified (default); raw: the numbers of the .ply, as some programs expect",
        "sh_bits": "bits kept of each coefficient of SH, 1 to 8; default: 5 of band 1, 4 of the others",
        "position_bits": "bits behind the point of positions; default: 12, or what the size of the scene calls for",
    },
)

"""What the meta.json of a SOG says, checked: version 2 with its codebooks, and the older version 1 with its ranges.

Written after PlayCanvas' specification of SOG 2 (developer.playcanvas.com, "The SOG Format") and, for version 1, which
says no version, after files. Fields that mean nothing here are passed over, as the specification asks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadFile

MOST_SPLATS = 200_000_000
PALETTE_COLUMNS = 64
"""Entries of the palette of SH in a row of its picture."""
MOST_ENTRIES = 65536
TERMS = {1: 3, 2: 8, 3: 15}
"""Coefficients beyond the first one, by the number of bands."""
_BYTES = np.arange(256) / 255
_FURTHEST = 87.0
"""ln(1+|x|) beyond which x leaves f32."""
_MODES = {"default": "default", "antialiased": "mip", "2dgs": "2dgs"}


@dataclass(frozen=True)
class Harmonics:
    """The palette of SH: `count` entries (None: as many as its picture has), `bands` (None: as wide as its picture is),
    the value (256,) f32 of each byte, and the names of the pictures: entries, labels."""

    count: int | None
    bands: int | None
    values: np.ndarray
    files: tuple[str, str]


@dataclass(frozen=True)
class SogMeta:
    """A checked description. `mins`, `maxs` (3,) f64: the range of ln(1+|x|)·sign(x). `scales` and `colors` (3,256)
    f32: the value of each byte by axis or channel. `logits` (256,) f32 that of opacity; None: the byte is α·255.
    `mode`: "default", "mip", "2dgs", or None where nothing is said."""

    version: int
    count: int
    mins: np.ndarray
    maxs: np.ndarray
    scales: np.ndarray
    colors: np.ndarray
    logits: np.ndarray | None
    means_files: tuple[str, str]
    scales_file: str
    rotations_file: str
    colors_file: str
    harmonics: Harmonics | None
    mode: str | None
    up: str | None
    generator: str

    def files(self) -> tuple[str, ...]:
        """The names of all pictures."""
        own = (*self.means_files, self.scales_file, self.rotations_file, self.colors_file)
        return own if self.harmonics is None else (*own, *self.harmonics.files)


class _Reader:
    """Takes values out of a description. Raises BadFile that names the place of a wrong one."""

    def __init__(self, path: Path, meta: dict[str, Any]) -> None:
        self.path, self.meta = path, meta

    def wrong(self, place: str, what: str) -> BadFile:
        """What is to be raised for the value at `place`."""
        return BadFile(self.path, f"is damaged: {place} of its description {what}")

    def part(self, name: str) -> dict[str, Any]:
        """An object."""
        value = self.meta.get(name)
        if not isinstance(value, dict):
            raise self.wrong(name, "is missing")
        return value

    def files(self, name: str, count: int) -> tuple[str, ...]:
        """The names of the pictures of a part."""
        value = self.part(name).get("files")
        if not isinstance(value, list) or len(value) < count or not all(isinstance(file, str) for file in value):
            raise self.wrong(f"{name}.files", f"is no list of {count} names")
        return tuple(value[:count])

    def whole(self, place: str, value: Any, low: int, high: int) -> int:
        """A whole number in low … high."""
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(place, f"is no whole number from {low} to {high:,}")
        return value

    def numbers(self, name: str, key: str, count: int) -> np.ndarray:
        """Finite numbers (count,) f64."""
        value = self.part(name).get(key)
        listed = value if isinstance(value, list) else [value]
        if len(listed) != count:
            raise self.wrong(f"{name}.{key}", f"has {len(listed)} entries instead of {count}")
        for number in listed:
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not _finite(number):
                raise self.wrong(f"{name}.{key}", "is not made of finite numbers")
        return np.array(listed, np.float64)

    def codebook(self, name: str) -> np.ndarray:
        """The value (256,) f32 of each byte. Some writers left the first one out (null): it follows from the others,
        as PlayCanvas' engine has it."""
        listed = self.part(name).get("codebook")
        if isinstance(listed, list) and len(listed) == 256 and listed[0] is None:
            self.part(name)["codebook"] = [0.0, *listed[1:]]
            values = self.numbers(name, "codebook", 256)
            values[0] = values[1] + (values[1] - values[255]) / 255
        else:
            values = self.numbers(name, "codebook", 256)
        return self._f32(f"{name}.codebook", values)

    def ranges(self, name: str, count: int) -> np.ndarray:
        """The values (count,256) f32 of bytes between `mins` and `maxs`."""
        low, high = self.numbers(name, "mins", count), self.numbers(name, "maxs", count)
        return self._f32(name, low[:, None] * (1 - _BYTES) + high[:, None] * _BYTES)

    def _f32(self, place: str, values: np.ndarray) -> np.ndarray:
        if np.abs(values).max() > 1e30:
            raise self.wrong(place, "holds values beyond belief")
        return values.astype(np.float32)


def check_meta(path: Path, meta: dict[str, Any]) -> SogMeta:
    """The description in `meta` as parsed. Raises BadFile with the place of what is wrong."""
    reader = _Reader(path, meta)
    version = meta.get("version", 1)
    if version not in (1, 2) or isinstance(version, bool):
        raise BadFile(path, f"is a SOG of version {str(version)[:20]}, of which Triptych reads 1 and 2")
    mins, maxs = reader.numbers("means", "mins", 3), reader.numbers("means", "maxs", 3)
    if max(np.abs(mins).max(), np.abs(maxs).max()) > _FURTHEST:
        raise reader.wrong("means", "places splats beyond the largest number that they can have")
    mode, up, generator = _notes(meta)
    colors, logits = _colors(reader, version)
    return SogMeta(
        version=version,
        count=_count(reader, version),
        mins=mins,
        maxs=maxs,
        scales=np.tile(reader.codebook("scales"), (3, 1)) if version == 2 else reader.ranges("scales", 3),
        colors=colors,
        logits=logits,
        means_files=reader.files("means", 2),
        scales_file=reader.files("scales", 1)[0],
        rotations_file=reader.files("quats", 1)[0],
        colors_file=reader.files("sh0", 1)[0],
        harmonics=_harmonics(reader, version) if meta.get("shN") else None,
        mode=mode,
        up=up,
        generator=generator,
    )


def _count(reader: _Reader, version: int) -> int:
    if version == 2:
        return reader.whole("count", reader.meta.get("count"), 1, MOST_SPLATS)
    shape = reader.part("means").get("shape")
    if not isinstance(shape, list) or not shape:
        raise reader.wrong("means.shape", "is missing")
    return reader.whole("means.shape[0]", shape[0], 1, MOST_SPLATS)


def _colors(reader: _Reader, version: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The tables of colour and of opacity: version 1 stores a logit, version 2 the opacity itself."""
    if version == 2:
        return np.tile(reader.codebook("sh0"), (3, 1)), None
    values = reader.ranges("sh0", 4)
    return values[:3], values[3]


def _harmonics(reader: _Reader, version: int) -> Harmonics:
    files = reader.files("shN", 2)
    if version == 1:
        return Harmonics(None, None, reader.ranges("shN", 1)[0], files)
    part = reader.part("shN")
    # Files of the first writers of version 2 leave both out; the picture of the entries shows them.
    count, bands = part.get("count"), part.get("bands")
    return Harmonics(
        None if count is None else reader.whole("shN.count", count, 1, MOST_ENTRIES),
        None if bands is None else reader.whole("shN.bands", bands, 1, 3),
        reader.codebook("shN"),
        files,
    )


def _notes(meta: dict[str, Any]) -> tuple[str | None, str | None, str]:
    """How it is to be drawn, which way is up, and what wrote it, where it says so."""
    mode = _MODES.get(meta["model"]) if isinstance(meta.get("model"), str) else None
    if mode is None and isinstance(meta.get("antialias"), bool):
        mode = "mip" if meta["antialias"] else "default"
    asset = meta.get("asset") if isinstance(meta.get("asset"), dict) else {}
    up = asset.get("up_axis") if asset.get("up_axis") in ("y", "-y", "z", "-z") else None
    return mode, up, str(asset.get("generator", ""))[:80]


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False

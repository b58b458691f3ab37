"""Gaussian splats in glTF: primitives of KHR_gaussian_splatting, plain or as an .spz, and those of its older drafts.

A primitive of points carries position, rotation (x y z w), linear sizes, opacity and SH as attributes; drafts called
them `_ROTATION`, `_SCALE`, `_OPACITY` and kept colour and opacity in COLOR_0. With one of the SPZ extensions the
attributes are placeholders, and the splats lie in a buffer view as an .spz, which is to be turned to glTF's axes (left,
up, front). CesiumJS does not turn it, so there are files with numbers that are glTF's as they stand; no flag tells, and
they are read so where the user says so (`ReadOptions.spz_frame` "ply"). Source: github.com/KhronosGroup/glTF,
KHR_gaussian_splatting and KHR_gaussian_splatting_compression_spz_2.

Splats are kept in the frame of a trainer's .ply (right, down, front), so those of a file that holds nothing else are
turned by 180° about z. Beside meshes, which keep glTF's axes, they get that turn back as their transform. Where the
file says that its splats had another axis up (see `UP`, ours), they get that one again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...asset import Asset, Provenance
from ...errors import BadFile, BadInput
from ...gaussians import Gaussians
from ...progress import Job, Progress, stage
from ...splats import frames, packing, spz
from ...splats.plain import logarithms, received, told
from ...splats.room import MOST_BYTES, bytes_of
from ...splats.spherical_harmonics import C0, MAX_DEGREE
from ...splats.transform import baked
from .container import Container

EXTENSION = "KHR_gaussian_splatting"
COMPRESSIONS = (
    "KHR_gaussian_splatting_compression_spz_2",
    "KHR_gaussian_splatting_compression_spz",
    "KHR_spz_gaussian_splats_compression",
    "KHR_spz_compression",
)
"""The extensions that hold an .spz: today's draft, within the base extension, and those before it, beside it."""

FRAME = "LUF"
UP, MODE = "up_axis", "splat_render_mode"
"""What Triptych adds to the `extras` of a primitive: the axis of the splats that glTF's y was made from ("-y", "y",
"z", "-z"), and how they are drawn ("default", "mip", "2dgs")."""

FRAMES = {"-y": frames.PLY, "y": FRAME, "z": "LBU", "-z": "LFD"}
"""The frame of splats with this axis up, of which glTF's is made."""

COLOR_SPACES = {"srgb": "srgb_rec709_display", "linear": "lin_rec709_display"}

_MOST_PLACES = 500
"""Each becomes an asset of its own, and a row in the list of them."""

_MOST_GROWTH = 40
"""How many times larger than their buffers splats that are placed again and again may become."""


@dataclass(frozen=True, eq=False)
class PlacedSplats:
    """A primitive of splats where a node puts it. world: (4,4)."""

    name: str
    primitive: dict[str, Any]
    world: np.ndarray


def holds_splats(primitive: dict[str, Any]) -> bool:
    """Whether a primitive is one of splats."""
    extensions = primitive.get("extensions")
    return isinstance(extensions, dict) and any(name in extensions for name in (EXTENSION, *COMPRESSIONS))


def read_splats(
    container: Container, placed: list[PlacedSplats], warnings: list[str], alone: bool, turn_spz: bool = True
) -> Job[list[Asset]]:
    """A job that returns an asset for each of `placed`. alone: whether the file holds nothing else. turn_spz: whether
    an .spz that doesn't name its axes has those of its specification, or else glTF's.

    Raises BadFile where they are damaged, or flattened by their node.
    """
    if len(placed) > _MOST_PLACES:
        raise BadFile(container.path, f"places splats {len(placed):,} times; Triptych takes at most {_MOST_PLACES}")
    read: dict[int, Gaussians] = {}
    assets: list[Asset] = []
    held = 0
    for number, one in enumerate(placed):
        start, end = number / len(placed), (number + 1) / len(placed)
        key = id(one.primitive)
        if key not in read:
            read[key] = yield from stage(_Primitive(container, one, turn_spz).read(held), start, (start + end) / 2)
        held += read[key].nbytes
        _check_held(container, held)
        asset = yield from stage(_stood_up(container, one, read[key], alone), (start + end) / 2, end)
        asset.provenance.warnings[:0] = [text for text in warnings if text not in asset.provenance.warnings]
        assets.append(asset)
    return assets


def _check_held(container: Container, held: int) -> None:
    """Raises BadFile where the splats of a file would take more memory than its buffers make believable."""
    if held > max(MOST_BYTES, _MOST_GROWTH * container.buffer_bytes):
        raise BadFile(container.path, f"unfolds to {held >> 20} MiB of splats, which is not believable")


def _stood_up(container: Container, one: PlacedSplats, splats: Gaussians, alone: bool) -> Job[Gaussians]:
    """The splats where their node puts them, in the frame that splats are kept in."""
    extras = one.primitive.get("extras")
    extras = extras if isinstance(extras, dict) else {}
    up = extras.get(UP) if extras.get(UP) in FRAMES else "-y"
    mode = extras.get(MODE) if extras.get(MODE) in ("default", "mip", "2dgs") else None
    provenance = Provenance(format=splats.provenance.format, warnings=list(splats.provenance.warnings))
    notes = told(mode, up, provenance)
    notes.color_space = splats.notes.color_space
    provenance.declared |= splats.provenance.declared
    provenance.guessed |= splats.provenance.guessed
    moved = not np.array_equal(one.world, np.eye(4))
    if moved:
        try:
            splats = yield from stage(baked(splats, one.world), 0.0, 0.4)
        except BadInput as error:
            raise BadFile(container.path, f"flattens its splats ({one.name!r}) by the transform of a node") from error
    turned = yield from stage(frames.converted(splats, FRAME, FRAMES[up], in_place=moved), 0.4, 0.6)
    arrays = (turned.means, turned.log_scales, turned.rotations, turned.logit_opacities, turned.sh)
    asset = Gaussians(one.name, *arrays, notes=notes, provenance=provenance)
    (asset,) = yield from stage(received(container.path, asset), 0.6, 1.0)
    if not alone:
        asset.transform[:3, :3] = frames.between(FRAMES[up], FRAME)
    return asset


class _Primitive:
    """Reads one primitive as splats in glTF's axes."""

    def __init__(self, container: Container, one: PlacedSplats, turn_spz: bool) -> None:
        self.container, self.name, self._spz_frame = container, one.name, "RUB" if turn_spz else FRAME
        extensions = one.primitive["extensions"]
        base = extensions.get(EXTENSION)
        self._base: dict[str, Any] = base if isinstance(base, dict) else {}
        attributes = one.primitive.get("attributes")
        self._attributes: dict[str, Any] = attributes if isinstance(attributes, dict) else {}
        nested = self._base.get("extensions")
        self._extensions = extensions | (nested if isinstance(nested, dict) else {})
        self.provenance = Provenance(format=f"glTF ({EXTENSION})")

    def read(self, held: int) -> Job[Gaussians]:
        """The splats, not yet checked for values that are not finite. held: bytes of those that the file placed so
        far."""
        generator = str(self.container.tree["asset"].get("generator", ""))
        if generator:
            self.provenance.declared["generator"] = generator[:200]
        packed = next((self._extensions[name] for name in COMPRESSIONS if name in self._extensions), None)
        if isinstance(packed, dict):
            return (yield from self._unpacked(packed))
        yield Progress(0, 1, f"Reading {self.name}")
        means = self._floats("POSITION", 3)
        if means is None:
            raise BadFile(self.container.path, f"has splats without positions ({self.name!r})")
        degree = MAX_DEGREE if any("SH_DEGREE_1" in name for name in self._attributes) else 0
        _check_held(self.container, held + bytes_of(len(means), degree))
        rotations = self._own("ROTATION", 4)
        scales = self._own("SCALE", 3)
        if scales is None:
            raise BadFile(self.container.path, f"has splats without sizes ({self.name!r})")
        if rotations is None:
            rotations = np.tile(np.float32([0, 0, 0, 1]), (len(means), 1))
        color = self._floats("COLOR_0", None)
        yield Progress(0.3, 1, f"Reading {self.name}")
        sh = self._harmonics(len(means), color)
        arrays = (means, logarithms(scales), rotations[:, [3, 0, 1, 2]], packing.logits(self._opacity(means, color)))
        if any(len(array) != len(means) for array in (*arrays, sh)):
            raise BadFile(self.container.path, f"has splats whose attributes differ in length ({self.name!r})")
        splats = Gaussians(self.name, *arrays, sh, provenance=self.provenance)
        self._note_color_space(splats)
        return splats

    def _unpacked(self, packed: dict[str, Any]) -> Job[Gaussians]:
        """The splats of an .spz in a buffer view."""
        data = self.container.view(packed.get("bufferView"))
        contents = yield from spz.decode(self.container.path, data)
        self.provenance.format = f"glTF (SPZ version {contents.version})"
        self.provenance.warnings += contents.warnings
        arrays = (contents.means, contents.log_scales, contents.rotations, contents.logit_opacities, contents.sh)
        splats = Gaussians(self.name, *arrays, provenance=self.provenance)
        self._note_color_space(splats)
        frame = contents.frame or self._spz_frame
        where = self.provenance.declared if contents.frame else self.provenance.guessed
        where["frame"] = f"{frame} of the .spz"
        return (yield from frames.converted(splats, frame, FRAME, in_place=True))

    def _note_color_space(self, splats: Gaussians) -> None:
        space = self._base.get("colorSpace")
        if isinstance(space, str):
            self.provenance.declared["colour space"] = space[:80]
        if space == COLOR_SPACES["linear"]:
            splats.notes.color_space = "linear"
        kernel = self._base.get("kernel", "ellipse")
        if kernel != "ellipse":
            self.provenance.warnings.append(
                f"{self.name!r} is made of another kernel ({str(kernel)[:40]}); it is drawn as ellipsoids."
            )

    def _own(self, name: str, width: int) -> np.ndarray | None:
        """An attribute of the extension, also under the name that drafts gave it."""
        values = self._floats(f"{EXTENSION}:{name}", width)
        return self._floats(f"_{name}", width) if values is None else values

    def _floats(self, name: str, width: int | None) -> np.ndarray | None:
        """An attribute (n,width) f32; None where there is none. width: None for colours, which have 3 or 4."""
        if name not in self._attributes:
            return None
        index = self._attributes[name]
        accessor = self.container.entry("accessors", index)
        # What has no bytes of its own could claim any number of splats.
        if "bufferView" not in accessor:
            raise BadFile(self.container.path, f"is damaged (the attribute {name} has no data)")
        values = self.container.floats(index)
        if values.shape[1] != width and not (width is None and values.shape[1] in (3, 4)):
            raise BadFile(self.container.path, f"is damaged (the attribute {name} has {values.shape[1]} columns)")
        return values

    def _opacity(self, means: np.ndarray, color: np.ndarray | None) -> np.ndarray:
        """Opacities (n,) 0 … 1."""
        values = self._own("OPACITY", 1)
        if values is not None:
            return values[:, 0]
        if color is not None and color.shape[1] == 4:
            return color[:, 3]
        return np.ones(len(means), np.float32)

    def _harmonics(self, count: int, color: np.ndarray | None) -> np.ndarray:
        """Coefficients (n,K,3). Bands count up to the first one that is not whole."""
        bands: list[list[np.ndarray]] = []
        for degree in range(MAX_DEGREE + 1):
            band = [self._own(f"SH_DEGREE_{degree}_COEF_{index}", 3) for index in range(2 * degree + 1)]
            if degree == 0 and band[0] is None:
                if color is None:
                    raise BadFile(self.container.path, f"has splats without colours ({self.name!r})")
                band = [(color[:, :3] - np.float32(0.5)) / np.float32(C0)]
            if any(values is None for values in band):
                break
            bands.append(band)
        pattern = re.compile(rf"(?:{EXTENSION}:|_)SH_DEGREE_(\d+)_COEF_\d+")
        named = [int(found[1]) for found in map(pattern.fullmatch, map(str, self._attributes)) if found]
        if named and max(named) >= len(bands):
            self.provenance.warnings.append(
                f"SH of {self.name!r} is read up to degree {len(bands) - 1}; the rest is incomplete or unknown."
            )
        terms = [values for band in bands for values in band]
        if any(len(values) != count for values in terms):
            raise BadFile(self.container.path, f"has splats whose attributes differ in length ({self.name!r})")
        return np.stack(terms, 1)

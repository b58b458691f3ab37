"""Gaussian splats among the tensors of a trainer's checkpoint.

gsplat's examples keep a dictionary `splats`; nerfstudio's splatfacto `_model.gauss_params`, or the same names right
under `_model`; INRIA's trainer, and those that were made from it, a tuple of the model's arrays and an iteration. All
of them hold ln σ, the logit of opacity, w x y z and SH term by term. What the tensors don't say is looked for in the
small text files that the trainers leave beside them. Sources: github.com/nerfstudio-project/gsplat,
examples/simple_trainer.py; github.com/nerfstudio-project/nerfstudio, models/splatfacto.py;
github.com/graphdeco-inria/gaussian-splatting, scene/gaussian_model.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..asset import Provenance
from ..errors import BadFile
from ..files.tensor_file import Tensors
from ..files.torch_file import open_torch
from ..gaussians import Gaussians
from ..progress import Job, Progress, stage
from . import packing
from .plain import received, told
from .rows import joined
from .spherical_harmonics import C0, MAX_DEGREE, coefficient_count

Shapes = Mapping[str, tuple[int, ...]]

_TRANSFORMS = "dataparser_transforms.json"
_LARGEST_TEXT = 4 << 20
_MOST_GAPS = 5


@dataclass(frozen=True)
class Layout:
    """How a trainer names its arrays, behind a common beginning of their names.

    means: one of these names. first, rest: the DC terms (N,3) or (N,1,3) and the other ones (N,K,3). up: the axis that
    is up after the trainer has laid a scene out. logits_without_rest: whether `first` holds colours before a sigmoid
    where there are no other terms. plain: colours before a sigmoid that may stand in for SH; "": there are none.
    settings: the file beside the checkpoint, or one folder up, that has the trainer's settings, and drawn: the pattern
    in it that says how the splats are drawn, antialiased or not.
    """

    trainer: str
    means: tuple[str, ...]
    scales: str
    rotations: str
    opacities: str
    first: str
    rest: str
    up: str
    logits_without_rest: bool = False
    plain: str = ""
    settings: str = ""
    drawn: str = ""


LAYOUTS = (
    Layout(
        trainer="nerfstudio",
        means=("means", "xyz"),
        scales="scales",
        rotations="quats",
        opacities="opacities",
        first="features_dc",
        rest="features_rest",
        up="z",
        logits_without_rest=True,
        settings="config.yml",
        drawn=r"^[ \t]*rasterize_mode:[ \t]*(antialiased|classic)[ \t\r]*$",
    ),
    Layout(
        trainer="gsplat",
        means=("means", "means3d"),
        scales="scales",
        rotations="quats",
        opacities="opacities",
        first="sh0",
        rest="shN",
        plain="colors",
        up="z",
        settings="cfg.yml",
        drawn=r"^antialiased:[ \t]*(true|false)[ \t\r]*$",
    ),
    Layout(
        trainer="INRIA",
        means=("1",),
        scales="4",
        rotations="5",
        opacities="6",
        first="2",
        rest="3",
        up="-y",
    ),
)


@dataclass(frozen=True)
class FoundSplats:
    """Splats among tensors: their layout, and the full names of their arrays; `rest` is "" where there is none."""

    layout: Layout
    means: str
    scales: str
    rotations: str
    opacities: str
    first: str
    rest: str


def find_splats(shapes: Shapes) -> FoundSplats | None:
    """The splats among tensors of these names and shapes, or None."""
    for layout in LAYOUTS:
        for name in shapes:
            prefix, dot, last = name.rpartition(".")
            if last in layout.means and (found := _under(shapes, layout, name, prefix + dot)):
                return found
    return None


def _under(shapes: Shapes, layout: Layout, means: str, prefix: str) -> FoundSplats | None:
    """The splats whose arrays have names that begin with `prefix`, where all are there and fit each other."""
    names = [prefix + name for name in (layout.scales, layout.rotations, layout.opacities)]
    first = next((prefix + name for name in (layout.first, layout.plain) if name and prefix + name in shapes), None)
    if first is None or any(name not in shapes for name in names) or len(shapes[means]) != 2:
        return None
    count = shapes[means][0]
    rest = prefix + layout.rest if first == prefix + layout.first and prefix + layout.rest in shapes else ""
    scales, rotations, opacities = (shapes[name] for name in names)
    fits = shapes[means] == (count, 3) and scales in ((count, 3), (count, 2)) and rotations == (count, 4)
    fits = fits and opacities in ((count,), (count, 1)) and shapes[first] in ((count, 3), (count, 1, 3))
    if rest:
        fits = fits and len(shapes[rest]) == 3 and (shapes[rest][0], shapes[rest][2]) == (count, 3)
    return FoundSplats(layout, means, *names, first, rest) if fits else None


def splats_of(tensors: Tensors, found: FoundSplats, path: Path, further: tuple[Path, ...] = ()) -> Job[list[Gaussians]]:
    """A job that returns the splats `found` among the tensors of the file `path`, as one asset with those in `further`
    files of the same training. Raises BadFile."""
    layout, share = found.layout, 0.5 / (1 + len(further))
    pieces = [(yield from stage(_piece(tensors, found, path), 0.0, share))]
    for number, other in enumerate(further, 1):
        others = open_torch(other)
        found = find_splats(others.shapes)
        if found is None or found.layout is not layout:
            raise BadFile(other, f"holds no splats of {layout.trainer}, as {path.name} beside it does")
        pieces.append((yield from stage(_piece(others, found, other), number * share, (number + 1) * share)))
    splats = joined(path.stem, pieces)
    _note_ranks((path, *further), splats.provenance)
    assets = yield from stage(received(path, splats), 0.5, 1.0)
    if layout.trainer == "nerfstudio":
        _take_out_of_training(splats, path)
    return assets


def _piece(tensors: Tensors, found: FoundSplats, path: Path) -> Job[Gaussians]:
    """The splats of one file, as they stand there."""
    layout = found.layout
    provenance = Provenance(format=f"{layout.trainer} checkpoint")
    yield Progress(0, 1, f"Reading the checkpoint of {layout.trainer}")
    means, log_scales, rotations = (
        tensors[name].astype(np.float32, copy=False) for name in (found.means, found.scales, found.rotations)
    )
    yield Progress(0.4, 1, "Reading splats")
    opacities = tensors[found.opacities].astype(np.float32, copy=False).reshape(len(means))
    sh = _harmonics(tensors, found, path, provenance.warnings)
    mode = _declared_mode(path, layout)
    flat = log_scales.shape[1] == 2
    notes = told("2dgs" if flat else mode, layout.up, provenance)
    if flat:
        # What the shape of the sizes says is no word of the trainer's.
        provenance.guessed["kernel"] = provenance.declared.pop("kernel")
        notes.antialiasing = "mip" if mode == "mip" else "classic"
    provenance.guessed["up axis"] = f"{provenance.declared.pop('up axis')} (as {layout.trainer} lays scenes out)"
    return Gaussians(path.stem, means, log_scales, rotations, opacities, sh, notes=notes, provenance=provenance)


def _harmonics(tensors: Tensors, found: FoundSplats, path: Path, warnings: list[str]) -> np.ndarray:
    """Coefficients (N,K,3) f32."""
    layout = found.layout
    first = tensors[found.first].astype(np.float32, copy=False)
    first = first.reshape(len(first), 1, 3)
    terms = tensors.shapes[found.rest][1] if found.rest else 0
    stands_in = found.first.rpartition(".")[2] == layout.plain
    if stands_in or (layout.logits_without_rest and not terms):
        if stands_in:
            warnings.append("Colours come from a network for the appearance of photos; what is shown is their base.")
        return (packing.opacities(first) - np.float32(0.5)) / np.float32(C0)
    if 1 + terms not in [coefficient_count(degree) for degree in range(MAX_DEGREE + 1)]:
        raise BadFile(path, f"has {terms} terms of SH a splat, expected 0, 3, 8 or 15")
    if not terms:
        return first
    return np.concatenate([first, tensors[found.rest].astype(np.float32, copy=False)], 1)


def _declared_mode(path: Path, layout: Layout) -> str | None:
    """How the splats are drawn by what the trainer's settings beside the checkpoint say: "mip", "default" or None."""
    for folder in (path.parent, path.parent.parent):
        found = re.search(layout.drawn, _text(folder / layout.settings) or "", re.MULTILINE) if layout.drawn else None
        if found:
            return "mip" if found[1] in ("true", "antialiased") else "default"
    return None


def _text(path: Path) -> str | None:
    """The text of a small file, or None."""
    try:
        if path.is_file() and path.stat().st_size <= _LARGEST_TEXT:
            return path.read_text("utf-8", "replace")
    except OSError:
        pass
    return None


def _note_ranks(paths: tuple[Path, ...], provenance: Provenance) -> None:
    """Says of a training on several graphics cards, each of which has saved splats of its own, what lies elsewhere."""
    first = re.fullmatch(r"(.*_rank)(\d+)(\.\w+)", paths[0].name)
    if not first:
        return
    pattern = re.compile(re.escape(first[1]) + r"(\d+)" + re.escape(first[3]))
    try:
        names = sorted(other.name for other in paths[0].parent.iterdir() if pattern.fullmatch(other.name))
    except OSError:
        names = []
    read = [path.name for path in paths]
    others = [name for name in names if name not in read]
    if others:
        shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        provenance.warnings.append(
            f"The scene was trained on several graphics cards; its other splats lie in {shown}. "
            "Open their folder to see them all."
        )
    if len(read) > 1:
        provenance.declared["files"] = ", ".join(read[:3]) + (f" and {len(read) - 3} more" if len(read) > 3 else "")
        gone = _first_gaps({int(pattern.fullmatch(name)[1]) for name in read})
        if gone:
            provenance.warnings.append(f"The splats of rank {', '.join(map(str, gone))} are missing beside it.")


def _first_gaps(ranks: set[int]) -> list[int]:
    """The lowest few numbers from 0 on that lie below one of `ranks` and are none of them."""
    # Ranks come from names of files: a list of all numbers below one could fill any memory.
    lowest = range(min(max(ranks), len(ranks) + _MOST_GAPS))
    return [number for number in lowest if number not in ranks][:_MOST_GAPS]


def _take_out_of_training(asset: Gaussians, path: Path) -> None:
    """Places the splats where they lie in the coordinates of the photos' own reconstruction.

    nerfstudio moves and shrinks scenes for training, x' = s (R x + t), and writes R, t and s beside the checkpoint; the
    asset gets the inverse as its transform.
    """
    for folder in (path.parent, path.parent.parent):
        text = _text(folder / _TRANSFORMS)
        if text is None:
            continue
        try:
            form = json.loads(text)
            whole = np.eye(4)
            whole[:3] = np.array(form["transform"], np.float64).reshape(3, 4)
            whole[:3] *= float(form["scale"])
            inverse = np.linalg.inv(whole)
            if not np.isfinite(inverse).all() or np.linalg.cond(whole[:3, :3]) > 1e3:
                raise ValueError
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError, np.linalg.LinAlgError):
            asset.provenance.warnings.append(f"{_TRANSFORMS} beside it is damaged; its splats stay as in training.")
            return
        asset.set_transform(inverse)
        asset.provenance.declared["transform"] = f"out of training, by {_TRANSFORMS}"
        return

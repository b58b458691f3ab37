"""Which of the two frames the splats of an .spz were read in, and the other reading, after the fact.

A file that doesn't name its axes may have those of the specification (RUB) or those of the .ply that it was made from
(RDF): formats/gaussian_spz.py. The splats are in the frame of the .ply either way; the other reading turns them half
around x.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..fields.adjusting.adjust import CHOSEN
from ..gaussians import Gaussians
from ..progress import Job, Progress
from .frames import spz_flipped
from .rows import BLOCK, State

TERM = "frame"
_FRAMES = {"rub": "RUB (right, up, back)", "ply": "RDF (right, down, front)"}
_TURNED = ("means", "rotations", "sh")


def says_frame(asset: object) -> str | None:
    """How `asset` was read, "rub" or "ply" as `ReadOptions.spz_frame` has it, where that is not said by its file; None
    for everything else."""
    if not isinstance(asset, Gaussians) or not asset.provenance.format.startswith("SPZ"):
        return None
    told = asset.provenance
    text = told.guessed.get(TERM) or told.declared.get(TERM, "")
    if TERM not in told.guessed and not text.endswith(CHOSEN):
        return None
    return "rub" if text.startswith("RUB") else "ply"


def other_frame(asset: Gaussians) -> Job[State]:
    """A job that returns the data of `asset`, as `Asset.set_state` takes them, as if its .spz had been read in the
    other frame."""
    other = "ply" if says_frame(asset) == "rub" else "rub"
    state: State = {name: np.empty_like(getattr(asset, name)) for name in _TURNED}
    for start in range(0, len(asset), BLOCK):
        rows = slice(start, start + BLOCK)
        part = Gaussians("", asset.means[rows], asset.log_scales[rows], asset.rotations[rows],
                         asset.logit_opacities[rows], asset.sh[rows])  # fmt: skip
        turned = spz_flipped(part)
        for name in _TURNED:
            state[name][rows] = getattr(turned, name)
        yield Progress(start, len(asset), "Turning splats")
    told = asset.provenance
    guessed = {term: text for term, text in told.guessed.items() if term != TERM}
    declared = told.declared | {TERM: f"{_FRAMES[other]}, {CHOSEN}"}
    state["provenance"] = replace(told, declared=declared, guessed=guessed)
    return state

"""Tailor3D (Qi et al. 2024, "Tailor3D: Customized 3D Assets Editing and Generation with Dual-Side Images").

Its planes, fused from those of a front and a back image, are decoded and drawn by OpenLRM's code as it is; what tells
its checkpoint apart are the layers that fuse them.
"""

from __future__ import annotations

from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from .openlrm import TAILORED, describe_as, tailored
from .openlrm import match as match_openlrm


def match(shapes: Shapes) -> int:
    """How surely these tensors are Tailor3D's: see `Family.match`."""
    score = match_openlrm(shapes)
    return score + 5 if score and tailored(shapes) else 0


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one for each set of planes; without heads where no decoder fits them."""
    return describe_as("Tailor3D", tensors)


FAMILY = Family("Tailor3D", match, describe, weights=rf"(?:.*\.)?(?:{'|'.join(TAILORED)})\..*")

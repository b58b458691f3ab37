"""Published triplane families: one module, one family, each declared in a `FAMILY` record that maps a file's keys to
the declarative description of `assets.fields.description`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..fields.description import FieldDescription
from ..files.tensor_file import Tensors
from ..registry import records

Shapes = Mapping[str, tuple[int, ...]]


@dataclass
class Found:
    """One asset that a family recognises in a file.

    tensors: the arrays that `description` names, in its layout (planes (P,C,H,W), weights (out,in)), stored type kept.
    suffix: what tells several assets of one file apart, appended to the name. declared, guessed and warnings: see
    Provenance. transform: where the asset lies (4,4), None for where its own frame puts it.
    """

    description: FieldDescription
    tensors: dict[str, np.ndarray]
    suffix: str = ""
    declared: dict[str, str] = field(default_factory=dict)
    guessed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    transform: np.ndarray | None = None


@dataclass(frozen=True)
class Family:
    """A published family of triplanes.

    `match(shapes)` returns how sure it is, 0 (no) … 100, from the names and shapes of all tensors (those of a second
    file with the decoder among them; the name of a lone array is ""). `describe(tensors)` returns the assets; it reads
    only the arrays that it needs (`tensors[name]` copies one out of the file) and raises BadInput where they do not
    fit. weights: a pattern of the names of the decoder's weights, so that a file of them alone is known. known: whether
    it is a published family at all, rather than what is left over. planes: what it calls its planes, where it goes by
    that name: a nameless array beside a decoder is tried under it.
    """

    name: str
    match: Callable[[Shapes], int]
    describe: Callable[[Tensors], list[Found]]
    weights: str
    known: bool = True
    planes: str = ""

    @property
    def about(self) -> str:
        """Who published it, when, and under which title: what stands in the first brackets of its module."""
        brackets = re.search(r"\((.*?)\)", sys.modules[self.describe.__module__].__doc__ or "", re.DOTALL)
        return " ".join(brackets[1].split()) if brackets else ""

    def has_weights(self, shapes: Shapes) -> bool:
        """Whether the family's decoder is among these tensors."""
        return any(re.fullmatch(self.weights, name) for name in shapes)


def families() -> tuple[Family, ...]:
    """Every known family."""
    return records(__name__, "FAMILY")


def recognise(shapes: Shapes) -> Family | None:
    """The family that these tensors most probably belong to, or None."""
    scored = [(entry.match(shapes), entry) for entry in families()]
    score, best = max(scored, key=lambda pair: pair[0], default=(0, None))
    return best if score > 0 else None


def name_planes(shapes: Shapes) -> str:
    """The name under which the family of the decoder among these tensors would know the nameless array, or ""."""
    named = [entry for entry in families() if entry.planes and entry.has_weights(shapes)]
    scored = [(entry.match({name or entry.planes: shape for name, shape in shapes.items()}), entry) for entry in named]
    score, best = max(scored, key=lambda pair: pair[0], default=(0, None))
    return best.planes if score > 0 else ""

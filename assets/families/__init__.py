"""Published triplane families: one module, one family, each declared in a `FAMILY` record that maps a file's keys to
the declarative description of `assets.fields.description`."""

from __future__ import annotations

import re
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
    suffix: what tells several assets of one file apart, appended to the name. declared and guessed: see Provenance.
    """

    description: FieldDescription
    tensors: dict[str, np.ndarray]
    suffix: str = ""
    declared: dict[str, str] = field(default_factory=dict)
    guessed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """A published family of triplanes.

    `match(shapes)` returns how sure it is, 0 (no) … 100, from the names and shapes of all tensors (those of a second
    file with the decoder among them; the name of a lone array is ""). `describe(tensors)` returns the assets; it reads
    only the arrays that it needs (`tensors[name]` copies one out of the file) and raises BadInput where they do not
    fit. weights: a pattern of the names of the decoder's weights, so that a file of them alone is known.
    """

    name: str
    match: Callable[[Shapes], int]
    describe: Callable[[Tensors], list[Found]]
    weights: str

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

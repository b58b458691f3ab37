"""What a field says at one point: a small job for the window, which sends the field to another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..progress import Job

if TYPE_CHECKING:
    from ..triplane import Triplane


def bare(triplane: Triplane) -> Triplane:
    """`triplane` without what was prepared for drawing: all that `probe` needs, and nothing that makes it heavy."""
    from ..triplane import Triplane

    light = Triplane(triplane.name, triplane.tensors, triplane.description)
    light.warp = triplane.warp
    return light


def probe(triplane: Triplane, point: np.ndarray, viewdir: np.ndarray, time: float) -> Job[dict[str, np.ndarray]]:
    """The values of the field at `point` (3,) of its frame, seen along `viewdir` (3,), at `time`: what `Field.query`
    returns, each (c,). Raises BadInput where there is no decoder."""
    from .decoder import Field

    directions = viewdir[None] if triplane.description.needs_viewdirs else None
    when = np.array([time]) if triplane.description.needs_time else None
    found = yield from Field(triplane, "cpu").query_job(point[None], directions, when)
    return {name: values[0] for name, values in found.items()}

"""What a value keeps in memory, thing by thing: two edits that hold the same array are counted once."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ..deform.rig import Rig
from ..deform.warp import Warp


def holdings(value: Any) -> dict[int, int]:
    """The `id` of every array, byte string, warp and rig within `value` and its bytes: through lists, tuples,
    dictionaries and dataclasses. The ids are good as long as `value` is there."""
    found: dict[int, int] = {}
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, (np.ndarray, Rig)):
            found[id(part)] = part.nbytes
        elif isinstance(part, bytes):
            found[id(part)] = len(part)
        elif isinstance(part, Warp):
            found |= warp_holdings(part)
            waiting.append(part.rig)
        elif isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, (list, tuple)):
            waiting += part
        elif is_dataclass(part):
            waiting += [getattr(part, entry.name) for entry in fields(part)]
    return found


def warp_holdings(warp: Warp | None) -> dict[int, int]:
    """What `warp` alone keeps: its rig, which many warps share, is left out."""
    return {id(warp): warp.nbytes} if warp is not None else {}

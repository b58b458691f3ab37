"""The loops of splats that are compiled for the processor, once in a process."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..native import Compiled

_COMPILING = threading.Lock()


def loops() -> Compiled:
    """`pack` of splats/pack_code.py, `mark`, `tally`, `deal` and `paint` of splats/tile_code.py. The first call takes a
    tenth of a second."""
    with _COMPILING:
        return _compiled()


def warm_up() -> None:
    """Has a thread make the first call of `loops`."""
    threading.Thread(target=loops, name="compiling loops", daemon=True).start()


@cache
def _compiled() -> Compiled:
    from llvmlite import ir

    from ..native import Compiled
    from .pack_code import add_pack
    from .tile_code import add_painting

    module = ir.Module("splats")
    add_pack(module)
    add_painting(module)
    return Compiled(module)

"""How many threads share long work on a field."""

from __future__ import annotations

import os

MOST_THREADS = 16


def threads() -> int:
    """Cores that this process may use, at most `MOST_THREADS`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MOST_THREADS)

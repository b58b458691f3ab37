"""The threads that share the work of drawing on the processor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

from assets.cores import threads


@cache
def pool() -> ThreadPoolExecutor:
    """As many threads as there are cores, for all renderers of this process."""
    return ThreadPoolExecutor(threads(), thread_name_prefix="drawing")

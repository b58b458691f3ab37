"""How many threads share long work, and how: each with one torch thread, so that none waits for another at the barrier
that ends every small matrix product of torch's own threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

MOST_THREADS = 16


def threads() -> int:
    """Cores that this process may use, at most `MOST_THREADS`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MOST_THREADS)


def pool(cuda: bool) -> ThreadPoolExecutor:
    """Threads for work on the CPU, or a single one that hands it to the card."""
    import torch

    return ThreadPoolExecutor(1 if cuda else threads(), initializer=lambda: torch.set_num_threads(1))

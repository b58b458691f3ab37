"""Many points asked on all cores: chunk after chunk, several at a time, each by a thread with one torch thread, so that
none waits for another at a barrier."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

from ..cores import threads
from ..decoder import Field


def in_chunks(field: Field, count: int, work: Callable[[slice], None]) -> Generator[int, None, None]:
    """Calls `work(rows)` for each chunk of `count` points, and yields how many are done. `work` may be called by
    several threads at once and writes its results itself; what it raises is raised here."""
    import torch

    def ask(rows: slice) -> None:
        with torch.inference_mode():
            work(rows)

    chunks = [slice(start, min(start + field.chunk, count)) for start in range(0, count, field.chunk)]
    several = 1 if field.device.type == "cuda" else threads()
    pool = ThreadPoolExecutor(several, initializer=lambda: torch.set_num_threads(1))
    try:
        asked = [pool.submit(ask, rows) for rows in chunks]
        for rows, answer in zip(chunks, asked, strict=True):
            answer.result()
            yield rows.stop
    finally:
        pool.shutdown(cancel_futures=True)

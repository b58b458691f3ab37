"""Many points asked on all cores: chunk after chunk, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator

from ...cores import pool
from ..decoder import Field


def in_chunks(field: Field, count: int, work: Callable[[slice], None]) -> Generator[int, None, None]:
    """Calls `work(rows)` for each chunk of `count` points, and yields how many are done. `work` may be called by
    several threads at once and writes its results itself; what it raises is raised here."""
    import torch

    def ask(rows: slice) -> None:
        with torch.inference_mode():
            work(rows)

    chunks = [slice(start, min(start + field.chunk, count)) for start in range(0, count, field.chunk)]
    asking = pool(cuda=field.device.type == "cuda")
    try:
        asked = [asking.submit(ask, rows) for rows in chunks]
        for rows, answer in zip(chunks, asked, strict=True):
            answer.result()
            yield rows.stop
    finally:
        asking.shutdown(cancel_futures=True)

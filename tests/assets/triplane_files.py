"""Opening, refusing and writing small files of tensors, for the tests of triplane files."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from assets.errors import BadFile
from assets.formats import ReadOptions, open_path
from assets.progress import run
from assets.triplane import Triplane

DATA = Path(__file__).parent.parent / "data" / "triposr"


def opened(path: Path, decoder: Path | None = None) -> list[Triplane]:
    """The assets in a file."""
    return run(open_path(path, ReadOptions(decoder=decoder)))


def refused(path: Path, decoder: Path | None = None) -> str:
    """The sentence with which a file is refused, in good time."""
    start = time.monotonic()
    with pytest.raises(BadFile) as caught:
        opened(path, decoder)
    assert time.monotonic() - start < 10
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".") and len(sentence) < 400
    return sentence


def saved(tensors: dict, path: Path) -> Path:
    """A torch file of arrays."""
    torch.save({name: torch.from_numpy(np.asarray(array)) for name, array in tensors.items()}, path)
    return path

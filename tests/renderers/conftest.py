"""What several tests of drawing share."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.formats import open_path
from assets.progress import run
from assets.triplane import Triplane


@pytest.fixture(scope="session")
def triposr(shared: Path) -> Triplane:
    """The TripoSR oracle, baked to the finest."""
    triplane = run(open_path(shared / "oracles" / "triposr" / "asset.pt"))[0]
    run(triplane.preparation(), on_partial=triplane.accept)
    return triplane

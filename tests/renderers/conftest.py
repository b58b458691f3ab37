"""What several tests of drawing share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.formats import open_path
from assets.gaussians import Gaussians
from assets.progress import run
from assets.triplane import Triplane
from renderers.renderer import Renderer


@pytest.fixture(scope="session")
def triposr(shared: Path) -> Triplane:
    """The TripoSR oracle, baked to the finest."""
    triplane = run(open_path(shared / "oracles" / "triposr" / "asset.pt"))[0]
    run(triplane.preparation(), on_partial=triplane.accept)
    return triplane


@pytest.fixture
def frame(gl) -> Iterator[object]:
    """A frame of the GL context without a window."""
    from renderers.frame import Frame

    frame = Frame()
    yield frame
    frame.dispose()


@pytest.fixture
def renderers(gl) -> Iterator[list[Renderer]]:
    """Renderers put in here are disposed of after the test."""
    made: list[Renderer] = []
    yield made
    for renderer in made:
        renderer.dispose()


@pytest.fixture
def drawn(renderers: list[Renderer]) -> object:
    """Makes renderers of splats that are disposed of at the end of the test."""

    def make(splats: Gaussians) -> Renderer:
        from tests.renderers.splat_pictures import ready

        renderers.append(ready(splats))
        return renderers[-1]

    return make

"""What a bake keeps of the families' own pictures: their march over the bricks instead of the decoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.fields.bricks.bake import LEVELS, bake
from assets.progress import run
from assets.triplane import Triplane
from renderers.reference import field_sampler
from renderers.reference.triplane import march
from tests.assets.triplane_files import opened
from tests.renderers.field_pictures import psnr
from tests.renderers.grid_field import GridField, family_view, over

FILES = {
    "triposr": ("asset.pt", None),
    "openlrm": ("asset.pt", None),
    "eg3d": ("asset.pt", None),
    "hexplane": ("asset.pt", None),
    "difftf": ("asset_fitted.pt", None),
    "difftf sample": ("sample_triplane.npz", "decoder_sample.pt"),
}
"""The asset and the decoder of each family with pictures of its own."""


def quality(shared: Path, case: str, view: str, monkeypatch: pytest.MonkeyPatch, levels: tuple[int, ...]) -> float:
    """PSNR in dB of the bricks against the family's own picture."""
    folder = shared / "oracles" / case.split()[0]
    asset, decoder = FILES[case]
    triplane: Triplane = opened(folder / asset, folder / decoder if decoder else None)[0]
    camera, expected = family_view(folder / f"{view}.npz")
    if "time" in expected:
        triplane.set_display("time", float(expected["time"]))
    run(bake(triplane, levels=levels, device="cpu", eye=camera.eye), on_partial=triplane.accept)
    monkeypatch.setattr(field_sampler, "Field", GridField)
    picture, _ = run(march(triplane, camera, device="cpu"))
    background = expected.get("background", np.ones(3))
    return psnr(over(picture, background), np.clip(expected.get("rgb_dense", expected["rgb"]), 0, 1))


def test_a_field_that_changes_keeps_its_picture_of_a_time(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert quality(shared, "hexplane", "view_1", monkeypatch, LEVELS[:3]) > 45


def test_colours_by_direction_and_the_veil_at_the_sides_are_kept(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert quality(shared, "difftf", "view_fitted_1", monkeypatch, LEVELS[:3]) > 30


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "view"),
    [
        *((case, f"view_{index}") for case in ("triposr", "openlrm", "eg3d", "hexplane") for index in (0, 1)),
        *(("difftf", f"view_fitted_{index}") for index in (0, 1)),
        ("difftf sample", "view_sample_0"),
    ],
)
def test_the_finest_bricks_keep_the_pictures_of_the_families(
    shared: Path, monkeypatch: pytest.MonkeyPatch, case: str, view: str
) -> None:
    assert quality(shared, case, view, monkeypatch, LEVELS) > 45

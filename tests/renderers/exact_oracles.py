"""Pictures that families' own code has drawn, and ours of the same assets from the same cameras."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assets.progress import run
from assets.triplane import Triplane
from renderers.camera import Camera
from renderers.reference.triplane import march
from tests.assets.triplane_files import opened

PICTURES = {
    "triposr-0": ("triposr", "asset.pt", None, "view_0"),
    "triposr-1": ("triposr", "asset.pt", None, "view_1"),
    "openlrm-0": ("openlrm", "asset.pt", None, "view_0"),
    "openlrm-1": ("openlrm", "asset.pt", None, "view_1"),
    "eg3d-0": ("eg3d", "asset.pt", None, "view_0"),
    "eg3d-1": ("eg3d", "asset.pt", None, "view_1"),
    "difftf-fitted-0": ("difftf", "asset_fitted.pt", None, "view_fitted_0"),
    "difftf-fitted-1": ("difftf", "asset_fitted.pt", None, "view_fitted_1"),
    "difftf-sample-0": ("difftf", "sample_triplane.npz", "decoder_sample.pt", "view_sample_0"),
    "hexplane-0": ("hexplane", "asset.pt", None, "view_0"),
    "hexplane-1": ("hexplane", "asset.pt", None, "view_1"),
}
"""Folder, asset, decoder and view of each."""

Part = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


def oracle(shared: Path, name: str) -> tuple[Triplane, Camera, dict[str, np.ndarray]]:
    """An asset as a user opens it, at the view's time; the view's camera; and its arrays."""
    folder, asset, decoder, view_name = PICTURES[name]
    folder = shared / "oracles" / folder
    triplane = opened(folder / asset, folder / decoder if decoder else None)[0]
    view = dict(np.load(folder / f"{view_name}.npz"))
    camera = Camera.with_fov(view["c2w"], float(np.degrees(view["fov_y"])), int(view["width"]), int(view["height"]))
    if folder.name == "difftf":
        # Its pixel centres lie at whole coordinates.
        camera = camera.shifted(0.5, 0.5)
    if "time" in view:
        triplane.set_display("time", float(view["time"]))
    return triplane, camera, view


def expected(view: dict[str, np.ndarray], part: Part | None = None) -> np.ndarray:
    """The family's picture (h,w,3), 0 … 1: of families that draw by chance the one with the most samples."""
    left, top, width, height = part or (0, 0, int(view["width"]), int(view["height"]))
    picture = view["rgb_dense"] if "rgb_dense" in view else view["rgb"]
    return picture[top : top + height, left : left + width].clip(0, 1)


def drawn(triplane: Triplane, camera: Camera, view: dict[str, np.ndarray], part: Part | None = None) -> np.ndarray:
    """Ours (h,w,3), exact, over the view's background."""
    picture, _ = run(march(triplane, camera.cropped(*part) if part else camera, device="cpu"))
    return (picture[..., :3] + (1 - picture[..., 3:]) * view["background"].astype(np.float32)).clip(0, 1)

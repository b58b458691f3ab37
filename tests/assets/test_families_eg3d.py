"""EG3D, AvatarArtist and Instant3D: whose axes, weights and planes are meant, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assets.fields.decoder import Field

from . import lrm_files as files
from .lrm_files import POINTS, bilinear, same
from .triplane_files import opened, refused, saved


def matrices(*axes: str) -> np.ndarray:
    """`plane_axes` (P,3,3) that send the first letter to the columns and the second to the rows."""
    rows = np.eye(3)
    return np.stack([[rows["xyz".index(letter)] for letter in word] for word in axes]).astype(np.float32)


def test_eg3d_says_its_axes_where_the_file_does(tmp_path: Path) -> None:
    tensors = {"planes": files.planes(4)} | files.osg()
    original = opened(saved(tensors, tmp_path / "original.pt"))[0]
    assert [plane.axes for plane in original.description.groups[0].planes] == [("x", "y"), ("x", "z"), ("z", "x")]
    assert "xy, xz, zx" in original.provenance.guessed["axes"]
    # Rows as in the code: its corrected axes and the ones with the mistake, which are not their own inverse.
    fixed = tensors | {"renderer.plane_axes": matrices("xyz", "xzy", "zyx")}
    corrected = opened(saved(fixed, tmp_path / "fixed.pt"))[0]
    assert [plane.axes for plane in corrected.description.groups[0].planes] == [("x", "y"), ("x", "z"), ("z", "y")]
    assert corrected.description.family == "EG3D, corrected axes"
    assert corrected.provenance.declared["axes"] == "xy, xz, zy" and "axes" not in corrected.provenance.guessed
    mistaken = tensors | {"renderer.plane_axes": matrices("xyz", "xzy", "zxy")}
    same(original, opened(saved(mistaken, tmp_path / "mistaken.pt"))[0])


def test_axes_that_are_askew_are_refused(tmp_path: Path) -> None:
    tensors = {"planes": files.planes(4)} | files.osg()
    askew = matrices("xyz", "xzy", "zyx") * 2
    wrongs = ((np.zeros((3, 3, 3)), "no inverse"), (askew, "turns or scales"), (askew[:2], "expected (3, 3, 3)"))
    for wrong, words in wrongs:
        path = saved(tensors | {"plane_axes": wrong.astype(np.float32)}, tmp_path / "wrong.pt")
        assert words in refused(path)


def test_the_equalised_learning_rate_is_folded(tmp_path: Path) -> None:
    tensors = {"planes": files.planes(4)} | files.osg()
    layers = opened(saved(tensors, tmp_path / "file.pt"))[0].description.heads[0].layers
    assert [layer.weight_scale for layer in layers] == [4**-0.5, 64**-0.5]


def test_super_resolution_is_left_out_and_said(tmp_path: Path) -> None:
    tensors = {"planes": files.planes(4)} | files.osg()
    tensors["superresolution.block0.conv0.weight"] = np.zeros((8, 8, 3, 3), np.float32)
    triplane = opened(saved(tensors, tmp_path / "file.pt"))[0]
    assert "before it" in triplane.provenance.declared["super-resolution"]
    assert not any("superresolution" in name for name in triplane.tensors)


def test_avatarartist_without_its_face_says_so(tmp_path: Path) -> None:
    decoder, four = files.osg(), files.planes(4, 4)
    unblended = opened(saved({"planes": four} | decoder, tmp_path / "four.pt"))[0]
    assert unblended.provenance.family == "AvatarArtist" and "face is missing" in unblended.provenance.warnings[0]
    static = opened(saved({"triplane": four[:, 1:]} | decoder, tmp_path / "three.pt"))[0]
    assert static.provenance.family == "AvatarArtist" and not static.provenance.warnings
    same(unblended, static)


def test_instant3d_follows_its_published_formula(tmp_path: Path) -> None:
    """The mean of xy, xz and zy in a box of ±1.75, equalised layers, a cone of density 10 at the middle."""
    planes, decoder = files.planes(4), files.osg(outputs=4)
    points = 1.75 * POINTS
    axes = ((0, 1), (0, 2), (2, 1))
    features = [bilinear(planes[0, k], POINTS[:, a], POINTS[:, b], "zeros") for k, (a, b) in enumerate(axes)]
    x = np.mean(features, 0) @ decoder["decoder.net.0.weight"].T / np.sqrt(4) + decoder["decoder.net.0.bias"]
    x = np.logaddexp(0, x) @ decoder["decoder.net.2.weight"].T / np.sqrt(64) + decoder["decoder.net.2.bias"]
    cone = 10 * (1 - np.linalg.norm(points, axis=1, keepdims=True) / 0.6)
    found = Field(opened(saved({"planes": planes} | decoder, tmp_path / "file.pt"))[0], "cpu").query(points)
    np.testing.assert_allclose(found["density_raw"], x[:, :1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["density"], np.logaddexp(0, x[:, :1] + cone - 1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["rgb"], 1.002 / (1 + np.exp(-x[:, 1:])) - 0.001, rtol=1e-4, atol=1e-5)

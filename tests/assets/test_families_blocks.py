"""CRM, TriplaneTurbo and BlockFusion: what their files say of planes, boxes and places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assets.files.tensor_file import open_tensors

from . import lrm_files as files
from .lrm_files import same
from .triplane_files import opened, refused, saved


def test_crm_at_its_published_size(tmp_path: Path) -> None:
    planes = files.planes(32, size=256).astype(np.float16)
    path = saved({"triplane_feature2": files.rolled(planes)} | files.crm(32), tmp_path / "crm.pt")
    assert open_tensors(path).shapes["triplane_feature2"] == (1, 32, 256, 768)
    triplane = opened(path)[0]
    assert triplane.tensors["planes"].dtype == np.float16 and (triplane.tensors["planes"] == planes[0]).all()


@pytest.mark.parametrize(("name", "family"), [("triplane_feature2", "CRM"), ("space_cache", "TriplaneTurbo")])
def test_some_planes_are_known_by_their_name(name: str, family: str, tmp_path: Path) -> None:
    planes = files.planes(4, 6 if family == "TriplaneTurbo" else 3)
    array = planes if family == "TriplaneTurbo" else files.rolled(planes)
    triplane = opened(saved({name: array}, tmp_path / "planes.pt"))[0]
    assert triplane.provenance.family == family and not triplane.has_decoder
    assert "--decoder" in triplane.provenance.warnings[0]


def test_the_box_of_triplaneturbo_is_declared(tmp_path: Path) -> None:
    tensors = {"space_cache": files.planes(4, 6)} | files.triplaneturbo()
    tensors["state_dict.geometry.bbox"] = np.array([[-2, -1, -1], [2, 1, 1]], np.float32)
    triplane = opened(saved(tensors, tmp_path / "file.pt"))[0]
    assert triplane.description.space.low == (-2.0, -1.0, -1.0) and triplane.description.space.high == (2.0, 1.0, 1.0)
    assert triplane.provenance.declared["box"] == "x -2 … 2, y -1 … 1, z -1 … 1"
    tensors["state_dict.geometry.bbox"] = np.zeros((2, 3), np.float32)
    assert "holds no box" in refused(saved(tensors, tmp_path / "flat.pt"))


def blocks(count: int) -> dict[str, np.ndarray]:
    """A BlockFusion file with so many blocks and the matrices of its code."""
    axes = np.array(
        [[[0, 1, 0], [1, 0, 0], [0, 0, 1]], [[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]]],
        np.float32,
    )
    return {"triplane": files.planes(4, batch=count), "plane_axes": axes} | files.blockfusion()


def test_blocks_stand_where_the_file_puts_them(tmp_path: Path) -> None:
    tensors = blocks(3)
    middles = np.array([[0.0, 0.0, 0.0], [2.4, 0.0, 0.0], [2.4, 0.0, 2.4]])
    boxes = np.stack([middles - 1.6, middles + 1.6], 1)
    in_boxes = opened(saved(tensors | {"bbxs": boxes}, tmp_path / "boxes.pt"))
    at_centers = opened(saved(tensors | {"centers": middles}, tmp_path / "centers.pt"))
    for found in (in_boxes, at_centers):
        for block, middle, box in zip(found, middles, boxes, strict=True):
            np.testing.assert_allclose(block.bounds(), box, atol=1e-6)
            # (p − centre) · 0.625
            world = np.append(middle + 0.8, 1.0)
            np.testing.assert_allclose(np.linalg.inv(block.transform) @ world, [0.5, 0.5, 0.5, 1.0], atol=1e-6)
            assert block.provenance.declared["place"].startswith("the centre of ")


def test_blocks_without_a_place_stand_side_by_side(tmp_path: Path) -> None:
    found = opened(saved(blocks(2), tmp_path / "two.pt"))
    np.testing.assert_allclose(found[0].bounds(), [[-1, -1, -1], [1, 1, 1]])
    np.testing.assert_allclose(found[1].bounds(), [[1, -1, -1], [3, 1, 1]])
    assert "side by side" in found[0].provenance.guessed["place"]
    single = opened(saved(blocks(1), tmp_path / "one.pt"))[0]
    assert (single.transform == np.eye(4)).all() and "place" not in single.provenance.guessed


def test_the_axes_of_blockfusion_are_those_of_its_matrices(tmp_path: Path) -> None:
    tensors = blocks(1)
    told = opened(saved(tensors, tmp_path / "told.pt"))[0]
    assert told.provenance.declared["axes"] == "yx, zx, yz"
    same(told, opened(saved({k: v for k, v in tensors.items() if k != "plane_axes"}, tmp_path / "guessed.pt"))[0])


def test_lengths_of_directions_are_folded(tmp_path: Path) -> None:
    tensors = blocks(1)
    triplane = opened(saved(tensors, tmp_path / "file.pt"))[0]
    weight = triplane.tensors["lin1.weight"]
    np.testing.assert_allclose(np.linalg.norm(weight, axis=1), tensors["lin1.weight_g"][:, 0], rtol=1e-5)


def test_fitted_blocks_are_known_without_their_decoder(tmp_path: Path) -> None:
    tensors = {name: array for name, array in blocks(2).items() if not name.startswith("lin")}
    planes = saved(tensors, tmp_path / "planes.pt")
    assert opened(planes)[0].provenance.family == "BlockFusion"
    assert opened(planes, saved(files.blockfusion(), tmp_path / "mlp.tar"))[1].has_decoder

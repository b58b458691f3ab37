"""The bundled scene: the files are there, open as what they are, and come from the script beside them."""

from __future__ import annotations

import importlib.util
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from assets.asset import Asset
from assets.convert import conversions
from assets.fields.decoder import Field
from assets.formats import open_path, save_path
from assets.gaussians import Gaussians
from assets.mesh import Mesh
from assets.progress import run
from assets.samples import sample_paths
from assets.triplane import Triplane

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "make_samples.py"


@pytest.fixture(scope="module")
def assets() -> list[Asset]:
    return [run(open_path(path))[0] for path in sample_paths()]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its own module up.
    sys.modules["make_samples"] = module
    spec.loader.exec_module(module)
    return module


def test_the_files_are_small_and_one_of_each_kind(assets: list[Asset]) -> None:
    assert [type(asset) for asset in assets] == [Mesh, Gaussians, Triplane]
    assert sum(path.stat().st_size for path in sample_paths()) < 3_000_000
    assert not [warning for asset in assets for warning in asset.provenance.warnings]
    assert 10_000 <= assets[0].counts()["faces"] <= 20_000
    assert 15_000 <= len(assets[1]) <= 20_000 and assets[1].sh_degree >= 1


def test_they_stand_side_by_side_on_the_ground(assets: list[Asset]) -> None:
    boxes = [asset.bounds() for asset in assets]
    for box in boxes[:2]:
        assert abs(box[0, 1]) < 0.01 and 0.5 < box[1, 1] <= 1.01
    for left, right in pairwise(boxes):
        assert left[1, 0] < right[0, 0]
    field = assets[2]
    heights = np.linspace(*field.local_bounds()[:, 1], 200)
    axis = np.stack([np.zeros(200), heights, np.zeros(200)], 1)
    matter = heights[Field(field, "cpu").query(axis)["density"][:, 0] > 25]
    assert abs(matter.min() + field.transform[1, 3]) < 0.02


def test_the_field_was_fitted_by_our_own_conversion(assets: list[Asset]) -> None:
    assert ("mesh", "triplane") in {(entry.source, entry.target) for entry in conversions()}
    assert assets[2].provenance.declared["fitted from"] == "bowl"


def test_the_script_makes_the_same_mesh_and_splats_again(script: ModuleType, tmp_path: Path) -> None:
    for path, make in zip(
        sample_paths(),
        (
            lambda: script.vessel_mesh(script.BOTTLE, "bottle", -script.SPACING),
            lambda: script.vessel_splats(script.JAR, "Moon jar", 0.0),
        ),
        strict=False,
    ):
        run(save_path(make(), tmp_path / path.name))
        again, bundled = (run(open_path(folder / path.name))[0] for folder in (tmp_path, path.parent))
        for found, expected in zip(arrays(again), arrays(bundled), strict=True):
            # Another processor may round the last bits otherwise.
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def arrays(asset: Asset) -> list[np.ndarray]:
    """What is compared: the places, faces and colours of a mesh, all of a splat."""
    if isinstance(asset, Gaussians):
        return [asset.means, asset.log_scales, asset.logit_opacities, asset.sh, np.abs(asset.rotations)]
    return [array for part in asset.parts for array in (part.vertices, part.faces, part.normals)]


def test_the_meshes_are_closed_and_face_outwards(script: ModuleType) -> None:
    import trimesh

    for vessel in (script.BOTTLE, script.JAR, script.BOWL):
        part = script.vessel_mesh(vessel, "v", 0.0).parts[0]
        solid = trimesh.Trimesh(part.vertices, part.faces)
        solid.merge_vertices(merge_norm=True)
        assert solid.is_watertight and solid.volume > 0.01
        corner = part.normals[part.faces].mean(1)
        own = np.cross(
            part.vertices[part.faces[:, 1]] - part.vertices[part.faces[:, 0]],
            part.vertices[part.faces[:, 2]] - part.vertices[part.faces[:, 0]],
        )
        assert (np.einsum("fc,fc->f", corner, own) > -1e-9).mean() > 0.99

"""No family takes another one's file: every oracle is recognised, and by one family more surely than by all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.families import Shapes, families, recognise
from assets.files.tensor_file import Tensors, open_tensors

ORACLES = {
    "triposr/asset.pt": "TripoSR",
    "openlrm/asset.pt": "OpenLRM",
    "eg3d/asset.pt": "EG3D",
    "instantmesh_mesh/asset.pt": "InstantMesh",
    "crm/asset.pt": "CRM",
    "triplaneturbo/asset.pt": "TriplaneTurbo",
    "direct3d/asset.pt": "Direct3D",
    "blockfusion/asset.pt": "BlockFusion",
    "difftf/asset_fitted.pt": "DiffTF",
    "difftf/sample_triplane.npz+decoder_sample.pt": "DiffTF",
    "hexplane/asset.pt": "HexPlane",
    "nfd/asset.pt": "NFD",
    "mtn/asset.pt": "MTN",
    "sin3dm/feat.npz+ckpt.pth": "Sin3DM",
    "trinerflet/asset.pt": "TriNeRFLet",
    "unibo/asset.pt": "Unibo tri-planes",
    "unibo/shape.h5": "Unibo tri-planes",
}
MARGIN = 3
"""By how much the right family is surer than the next."""


def check(shapes: Shapes, family: str) -> None:
    """Whether `family` is recognised, by a margin."""
    scores = sorted(((entry.match(shapes), entry.name) for entry in families()), reverse=True)
    found = recognise(shapes)
    assert found is not None and found.name == family, scores[:3]
    assert scores[0][0] - scores[1][0] >= MARGIN, scores[:3]


def oracle(folder: Path, files: str) -> Tensors:
    """The tensors of a file, or of planes + decoder."""
    planes, _, decoder = files.partition("+")
    tensors = open_tensors(folder / planes)
    return tensors.with_decoder(open_tensors(folder / planes.rpartition("/")[0] / decoder)) if decoder else tensors


@pytest.mark.parametrize("files", ORACLES)
def test_each_oracle_belongs_to_its_family(shared: Path, files: str) -> None:
    check(oracle(shared / "oracles", files).shapes, ORACLES[files])

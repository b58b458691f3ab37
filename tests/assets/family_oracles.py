"""Assets whose values the families' own code has computed, opened as a user would and compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from assets.fields.decoder import Field
from assets.triplane import Triplane

from .triplane_files import opened

OUR_NAMES = {"sigma_raw": "density_raw", "sigma": "density", "rgb32": "features", "deformation_raw": "deformation"}
"""What oracles call differently from `Field.query`."""

CLOSE = 1e-4
"""Share of an array's largest magnitude: ten times closer than promised."""


def differences(
    folder: Path,
    asset: str = "asset.pt",
    decoder: str | None = None,
    field: str = "field.npz",
    names: Mapping[str, str] = OUR_NAMES,
) -> dict[str, float]:
    """The largest difference of each array that both know, as a share of its largest magnitude, by our names."""
    triplane = opened(folder / asset, None if decoder is None else folder / decoder)[0]
    return compared(triplane, dict(np.load(folder / field)), names)


def compared(
    triplane: Triplane, expected: Mapping[str, np.ndarray], names: Mapping[str, str] = OUR_NAMES
) -> dict[str, float]:
    """The same for an opened triplane and the arrays of an oracle."""
    time = expected["time"].reshape(-1) if "time" in expected else None
    found = Field(triplane, "cpu").query(expected["points"], expected.get("viewdirs"), time)
    renamed = {names.get(name, name): array for name, array in expected.items()}
    return {
        name: float(np.abs(found[name] - array.reshape(found[name].shape)).max() / np.abs(array).max())
        for name, array in renamed.items()
        if name in found
    }

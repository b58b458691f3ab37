"""What each kind of asset brings to a deformation: one module, one kind, declared in a `DEFORMABLE` record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...asset import Asset
from ...errors import BadInput
from ...progress import Job
from ...registry import records
from ..matter import Matter


@dataclass(frozen=True, eq=False)
class Elements:
    """Things that follow the nodes. points: (N,3) in the asset's frame. near: (N,) the matter point that each lies at;
    None: the nearest in space."""

    points: np.ndarray
    near: np.ndarray | None = None


@dataclass(frozen=True)
class Deformable:
    """How a kind deforms.

    stripped(asset): a copy with no more than `matter` looks at, to be sent to another process. matter(asset): a job
    that returns the visible matter and the elements. applied(asset): a job that returns a copy with the asset's warp in
    its data and none on it; for a field, which keeps its warp as a layer, the asset itself. is_field: whether it is
    one; its warps are drawn by their volumes.
    """

    asset_type: type[Asset]
    stripped: Callable[[Asset], Asset]
    matter: Callable[[Asset], Job[tuple[Matter, list[Elements]]]]
    applied: Callable[[Asset], Job[Asset]]
    is_field: bool = False


def deformable(asset: Asset) -> Deformable:
    """The record for `asset`. Raises BadInput for one that does not deform."""
    if asset.fixed:
        raise BadInput(f"{asset.name}: {asset.fixed}.")
    for record in records(__name__, "DEFORMABLE"):
        if isinstance(asset, record.asset_type):
            return record
    raise BadInput(f"{asset.name}: {asset.kind} cannot be dragged.")


def flattened(asset: Asset) -> Job[Asset]:
    """`asset` as it is seen: with its warp in its data, where it wears one. What is saved and converted."""
    if asset.warp is None:
        return asset
    return (yield from deformable(asset).applied(asset))

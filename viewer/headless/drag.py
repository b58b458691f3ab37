"""`--drag`: bends assets as a DRAG.json says before they are drawn or saved. No Qt, no GL."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from assets.asset import Asset
from assets.deform.drag import Drag, Handle, Point, as_point
from assets.deform.kinds import deformable
from assets.deform.solver import dragged
from assets.deform.warp import Warp
from assets.errors import BadInput

from . import drive


def pull(assets: Sequence[Asset], drag: Drag, path: Path) -> None:
    """Gives the assets the warps that `drag`, in world units and read from `path`, leads to. What the solver has to say
    goes to stderr, one sentence per line.

    Each handle acts on the asset whose visible matter is nearest to its source, pins and region on all that have a
    handle. What was dragged before it was saved keeps its handles. Raises BadInput, before any asset is changed.
    """
    warps = []
    for asset, handles in _shares(assets, drag, path):
        of_several = f"{asset.name} (with handle {_numbers(handles)}): " if len(assets) > 1 else ""
        own = replace(drag, handles=tuple(drag.handles[index] for index in handles))
        try:
            own = own.placed(_to_local(asset))
            warp, notes = drive(dragged(asset, own if asset.warp is None else _added(own, asset.warp)))
        except BadInput as error:
            raise BadInput(f"{path}: {of_several}{error}") from error
        warps.append((asset, warp))
        sys.stderr.writelines(f"{path}: {of_several}{note}\n" for note in notes)
    for asset, warp in warps:
        asset.set_warp(warp)


def _shares(assets: Sequence[Asset], drag: Drag, path: Path) -> list[tuple[Asset, list[int]]]:
    """Each asset that is pulled, and the indices of its handles."""
    if len(assets) == 1:
        return [(assets[0], list(range(len(drag.handles))))]
    sources = np.array([handle.source for handle in drag.handles], np.float64)
    distances = np.stack([_distances(asset, sources) for asset in assets])
    if not np.isfinite(distances).any():
        raise BadInput(f"{path}: nothing here has visible matter that could be dragged.")
    nearest = np.argmin(distances, 0)
    return [
        (asset, np.flatnonzero(nearest == index).tolist()) for index, asset in enumerate(assets) if index in nearest
    ]


def _distances(asset: Asset, points: np.ndarray) -> np.ndarray:
    """World distance of world `points` (n,3) to the nearest visible matter of the asset; infinite where it has none."""
    try:
        matter, _ = drive(deformable(asset).matter(asset))
    except BadInput:
        return np.full(len(points), np.inf)
    if not len(matter.points):
        return np.full(len(points), np.inf)
    to_local = _to_local(asset)
    near = matter.tree.query(points @ to_local[:3, :3].T + to_local[:3, 3])[1]
    world = matter.points[near] @ asset.transform[:3, :3].T + asset.transform[:3, 3]
    return np.linalg.norm(world - points, axis=1)


def _added(drag: Drag, worn: Warp) -> Drag:
    """`drag`, which takes hold of what is seen, together with the drag of a warp that was read from a file."""
    import torch

    def at_rest(points: Sequence[Point]) -> list[Point]:
        seen = torch.tensor(np.array(points, np.float64).reshape(-1, 3))
        return [as_point(point) for point in worn.volume.sources(seen)[0].numpy()]

    pulls = zip(at_rest([handle.source for handle in drag.handles]), drag.handles, strict=True)
    fresh = [Handle(rest, _reached(handle, drag.strength)) for rest, handle in pulls]
    return replace(
        drag,
        handles=(*(Handle(old.source, _reached(old, worn.drag.strength)) for old in worn.drag.handles), *fresh),
        pins=(*worn.drag.pins, *at_rest(drag.pins)),
        region=drag.region or worn.drag.region,
        dabs=worn.drag.dabs + drag.dabs,
        base_fixed=drag.base_fixed or worn.drag.base_fixed,
        radius=drag.radius or worn.drag.radius,
        strength=1.0,
    )


def _reached(handle: Handle, strength: float) -> Point:
    """Where a handle goes at a strength."""
    source, target = np.array(handle.source), np.array(handle.target)
    return as_point(source + strength * (target - source))


def _to_local(asset: Asset) -> np.ndarray:
    """World → the asset's own frame, (4,4). Raises BadInput where there is no way back."""
    try:
        return np.linalg.inv(asset.transform)
    except np.linalg.LinAlgError as error:
        raise BadInput(f"{asset.name}: is flattened by its transform and cannot be dragged.") from error


def _numbers(indices: list[int]) -> str:
    """How people count: "1, 3, 4"."""
    return ", ".join(str(index + 1) for index in indices)

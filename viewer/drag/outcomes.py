"""What becomes of a drag: the shape of the asset itself, new planes, finer splats. No Qt.

Each is a task, whose result becomes one entry of the history; the asset may not have changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assets.asset import Asset
from assets.edits.data import DataEdit

from ..work.runner import Task

APPLY = "assets.deform.kinds:flattened"
BAKE = "assets.fields.refit.refit:refit"
SPLIT = "assets.deform.kinds.gaussians:applied"


def apply_drag(session: Any, asset: Asset) -> Task:
    """Makes the dragged shape the asset's own data."""
    return _start(session, asset, f"Applying the drag to {asset.name}", APPLY, "Apply the drag")


def bake_drag(session: Any, asset: Asset, told: Callable[[str], None]) -> Task:
    """Fits new planes to a dragged field. `told` hears how well that went, and the history keeps it."""

    def unpack(refit: Any) -> tuple[Asset, str]:
        told(f"Baked to planes: {refit.summary}")
        return refit.triplane, refit.summary

    return _start(session, asset, f"Baking {asset.name} to planes", BAKE, "Bake to planes", unpack)


def split_splats(session: Any, asset: Asset) -> Task:
    """Makes the dragged shape the asset's own data, in which splats that were stretched far are several."""
    return _start(session, asset, f"Splitting splats of {asset.name}", SPLIT, "Split stretched splats", split=True)


def _start(
    session: Any,
    asset: Asset,
    title: str,
    function: str,
    name: str,
    unpack: Callable[[Any], tuple[Asset, str]] = lambda result: (result, ""),
    **keywords: Any,
) -> Task:
    warp = asset.warp

    def take(result: Any) -> None:
        if asset not in session.scene or asset.warp is not warp:
            session.failed.emit(f"{asset.name} was changed meanwhile, so what was made of it is dropped.", "")
        else:
            made, detail = unpack(result)
            session.do(DataEdit(asset, asset.state(), made.state(), name, detail))

    return session.runner.start(
        Task(
            title=title,
            function=function,
            arguments=(asset,),
            keywords=keywords,
            lane="making",
            on_result=take,
            on_failure=lambda error, details: session.failed.emit(str(error), details),
        )
    )

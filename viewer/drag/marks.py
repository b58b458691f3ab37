"""What the drag tool shows over the picture, as plain data. No Qt."""

from __future__ import annotations

import numpy as np

from assets.deform.drag import as_point
from renderers.handle_layout import BrushMark, DragOverlay, Gizmo, HandleMark, PinMark

from .places import in_world, length_in_world
from .state import DragState, Mark


def overlay(
    state: DragState, brush: BrushMark | None = None, axis: int | None = None, rest: bool = False
) -> DragOverlay | None:
    """The marks of the asset that is dragged; None while the tool is not active. axis: the one of the gizmo that is
    held or hovered. rest: the shape is shown as before the drag."""
    if not state.active:
        return None
    if state.asset is None or not state.asset.visible:
        return DragOverlay()
    marks = [
        HandleMark(
            source,
            target,
            selected=_is(state.selected, index, "handle", "target"),
            hovered=_is(state.hovered, index, "handle", "target"),
        )
        for index, (source, target) in enumerate(zip(state.sources(rest), state.targets(), strict=True))
    ]
    if state.plan.pending is not None:
        marks.append(HandleMark(in_world(state.asset, state.plan.pending), None, selected=True))
    pins = tuple(
        PinMark(at, selected=state.selected == ("pin", index), hovered=state.hovered == ("pin", index))
        for index, at in enumerate(state.pins())
    )
    return DragOverlay(tuple(marks), pins, _gizmo(state, axis), brush)


def brush_mark(state: DragState, world: np.ndarray, fixed: bool) -> BrushMark:
    """The ring of the brush around a world point."""
    radius = length_in_world(state.asset, state.paint.size * state.size)
    return BrushMark(as_point(world), radius, through=state.paint.through, fixed=fixed)


def _is(mark: Mark | None, index: int, *kinds: str) -> bool:
    return mark is not None and mark[0] in kinds and mark[1] == index


def _gizmo(state: DragState, axis: int | None) -> Gizmo | None:
    """The arrows at the selected target."""
    if state.selected is None or state.mode == "paint" or state.selected[0] not in ("handle", "target"):
        return None
    targets = state.targets()
    index = state.selected[1]
    return Gizmo(targets[index], active=axis if axis is not None else state.lock) if index < len(targets) else None

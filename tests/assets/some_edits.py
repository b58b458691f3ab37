"""A scene, a clock and edits of every sort, for the tests of edits and of their history."""

from __future__ import annotations

from typing import Any

import numpy as np

from assets.asset import Asset
from assets.deform.binding import Pose
from assets.deform.drag import Drag, Handle
from assets.deform.warp import Warp
from assets.edits.attributes import DisplayEdit, NameEdit, TransformEdit, VisibleEdit
from assets.edits.data import DataEdit
from assets.edits.edit import Edit
from assets.edits.scene import AddEdit, RemoveEdit
from assets.edits.warps import WarpEdit
from assets.scene import Scene
from tests.small_assets import KINDS


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def scene_of_all() -> Scene:
    """One asset of each kind, the first one active."""
    scene = Scene()
    for make in KINDS.values():
        scene.add(make())
    scene.activate(next(iter(scene)))
    return scene


def snapshot(scene: Scene) -> list[Any]:
    """All that edits can change, with data by identity."""
    rows: list[Any] = [scene.active]
    for asset in scene:
        state = {name: id(value) for name, value in asset.state().items()}
        rows.append((asset, asset.name, asset.visible, asset.transform.tolist(), vars(asset.display).copy(), state))
    return rows


def warp(nodes: int = 8, at: float = 1.0) -> Warp:
    """One without a rig: histories keep it and look no further."""
    pose = Pose(np.full((nodes, 3), at), np.tile(np.eye(3), (nodes, 1, 1)), np.tile([1.0, 0, 0, 0], (nodes, 1)))
    return Warp(Drag((Handle((0, 0, 0), (0, 0, at)),)), None, pose)


def other_data(asset: Asset, factor: float) -> dict[str, Any]:
    """A state in which every array of numbers is another one."""
    fresh = KINDS[asset.kind]()
    for name, value in fresh.state().items():
        if isinstance(value, np.ndarray):
            setattr(fresh, name, value * np.float32(factor))
    return fresh.state()


def edit_from(scene: Scene, what: str, index: int, amount: float) -> Edit:
    """An edit of a random sort on one of the assets, or a new one where none is left."""
    assets = list(scene)
    if not assets or what == "add":
        return AddEdit(scene, list(KINDS.values())[index % 4]())
    asset = assets[index % len(assets)]
    if what == "name":
        return NameEdit(asset, f"name {amount:.2f}")
    if what == "visible":
        return VisibleEdit(asset, not asset.visible)
    if what == "place":
        return TransformEdit(asset, np.diag([amount, amount, amount, 1.0]))
    if what == "display":
        mode = type(asset.display).setting("mode")
        return DisplayEdit(asset, "mode", mode.choices[int(amount * 100) % len(mode.choices)])
    if what == "warp":
        return WarpEdit(asset, asset.warp, warp(at=amount) if amount > 0.3 else None)
    if what == "data":
        return DataEdit(asset, asset.state(), other_data(asset, amount), "Apply")
    return RemoveEdit(scene, asset)


SORTS = ("name", "visible", "place", "display", "warp", "data", "remove", "add")

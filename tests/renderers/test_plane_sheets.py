"""Planes without their decoder, drawn as sheets where their texels lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assets.fields.plane_images import pictures, point_at, texels
from assets.progress import run
from assets.scene import Scene
from renderers.camera import Camera
from renderers.fields.plane_sheets import PlaneSheets
from renderers.handle_layout import project
from tests.small_assets import triplane


def planes_alone():
    """Three planes of 6 × 8 random texels, the second one mirrored, in a box of three different sides."""
    asset = triplane()
    rng = np.random.default_rng(4)
    asset.tensors = {"planes": rng.normal(size=(3, 4, 6, 8)).astype(np.float32)}
    group = asset.description.groups[0]
    first, second, third = group.planes
    group = replace(group, planes=(first, replace(second, axes=("-x", "z")), third))
    space = replace(asset.description.space, low=(-1.0, -0.5, -0.7), high=(1.0, 0.5, 0.7))
    asset.description = replace(asset.description, groups=(group,), space=space, heads=())
    asset.transform = np.array([[0, -1, 0, 0.2], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    return asset


def test_each_texel_lies_where_the_field_reads_it(gl) -> None:
    from renderers.frame import Frame, FrameSettings

    asset = planes_alone()
    scene = Scene()
    scene.add(asset)
    frame = Frame()
    camera = Camera.look_at((2.2, 2.6, 1.9), (0, 0, 0), width=400, height=300)
    picture = frame.draw(scene, camera, FrameSettings(background=(0.0, 0.0, 0.0)))
    group = asset.description.groups[0]
    shown = run(pictures([texels(asset.tensors, plane) for plane in group.planes], "pca"))
    middle = asset.local_bounds().mean(0)
    seen = 0
    for plane, expected in zip(group.planes, shown, strict=True):
        for row in range(6):
            for column in range(8):
                local, _ = point_at(asset.description, group, plane, (6, 8), (column, row), middle, 0.0)
                world = asset.transform[:3, :3] @ local + asset.transform[:3, 3]
                (x, y), depth = project(camera, world[None])[0][0], project(camera, world[None])[1][0]
                found = frame.pick(scene, camera, x, y)
                assert found is not None and found.depth < depth + 1e-3
                if abs(found.depth - depth) < 1e-3:  # not behind another sheet
                    seen += 1
                    assert np.abs(picture[int(y), int(x), :3].astype(int) - expected[row, column]).max() <= 2
    assert seen > 60
    frame.dispose()


def test_sheets_go_when_the_decoder_comes(gl) -> None:
    from renderers.frame import Frame

    asset = triplane()
    whole, description = asset.tensors, asset.description
    asset.tensors = {"planes": whole["planes"]}
    scene = Scene()
    scene.add(asset)
    frame = Frame()
    camera = Camera.look_at((3.0, 2.0, 2.5), (0, 0, 0), width=64, height=48)
    frame.draw(scene, camera)
    assert frame.gpu_bytes(asset) >= 3 * 16 * 16 * 4
    assert frame.pick(scene, camera, 32, 24) is not None
    asset.set_state({"tensors": whole, "description": description})
    frame.draw(scene, camera)
    assert frame.pick(scene, camera, 32, 24) is None
    frame.dispose()


def test_lines_times_and_empty_groups_have_no_sheets(gl) -> None:
    asset = planes_alone()
    group = asset.description.groups[0]
    planes = tuple(replace(plane, axes=("x", "t")) for plane in group.planes)
    asset.description = replace(asset.description, groups=(replace(group, planes=planes),))
    sheets = PlaneSheets(asset)
    assert sheets.sync(1.0) and sheets.nbytes == 0
    sheets.delete()

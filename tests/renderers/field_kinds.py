"""Small fields of each kind that is drawn, with a known shape: a ball of radius 0.7 in the box of ±1."""

from __future__ import annotations

import numpy as np

from assets.fields.description import (
    FieldDescription,
    Group,
    Head,
    Input,
    Label,
    Layer,
    March,
    Output,
    Plane,
    Space,
    Surface,
)
from assets.triplane import Triplane

RADIUS = 0.7
TEXELS = 65
LABELS = (
    Label("air", (0.0, 0.0, 0.0), hidden=True),
    Label("left", (0.9, 0.3, 0.2)),
    Label("right", (0.2, 0.4, 0.9)),
)


def squares() -> dict[str, np.ndarray]:
    """Planes whose sum is r² at the texels."""
    axis = np.linspace(-1, 1, TEXELS, dtype=np.float32)
    return {"planes": np.repeat((np.add.outer(axis**2, axis**2) / 2)[None, None], 3, 0)}


def _described(heads: tuple[Head, ...], tensors: dict[str, np.ndarray], name: str, **more: object) -> Triplane:
    axes = (("x", "y"), ("x", "z"), ("y", "z"))
    planes = tuple(Plane("planes", index, pair) for index, pair in enumerate(axes))
    group = Group("planes", planes, combine="sum", align_corners=True)
    description = FieldDescription(name, Space((-1.0,) * 3, (1.0,) * 3), (group,), heads, **more)
    return Triplane(name, squares() | tensors, description)


def ball(name: str = "sdf", colored: bool = True, matter: str = "below") -> Triplane:
    """r² − 0.49 as a distance, or its negative where matter is "above"; the colour is the place."""
    sign = 1.0 if matter == "below" else -1.0
    tensors = {
        "shape": np.float32([[sign]]),
        "shape_bias": np.float32([-sign * RADIUS**2]),
        "color": np.float32(np.eye(3) * 0.4),
        "color_bias": np.full(3, 0.5, np.float32),
    }
    heads = (Head("shape", (Input("group", "planes"),), (Layer("shape", "shape_bias"),), (Output(name),)),)
    if colored:
        rgb = (Output("rgb", (0, 3)),)
        heads += (Head("color", (Input("position"),), (Layer("color", "color_bias"),), rgb),)
    return _described(heads, tensors, name, surface=Surface(name, 0.0, 64, matter))


def fog(colored: bool = True, march: March | None = None) -> Triplane:
    """A density that is large in the ball and fades over its rim."""
    made = ball("density", colored, "above")
    head = made.description.heads[0]
    dense = Head(head.name, head.inputs, head.layers, (Output("density", (0, 1), "exp", bias=2.0),))
    made.tensors["shape"] = made.tensors["shape"] * 12
    made.tensors["shape_bias"] = made.tensors["shape_bias"] * 12
    heads = (dense, *made.description.heads[1:])
    rule = march or March(samples=96)
    surface = Surface("density", float(np.exp(2.0)), 64)
    return _described(heads, made.tensors, "fog", march=rule, surface=surface)


def halves() -> Triplane:
    """Labels: two halves of the ball, and air."""
    weight = np.zeros((3, 4), np.float32)
    weight[0, 3], weight[1, 0], weight[2, 0] = 1.0, -0.001, 0.001
    tensors = {"weight": weight, "bias": np.float32([0.0, RADIUS**2, RADIUS**2])}
    inputs = (Input("position"), Input("group", "planes"))
    head = Head("labels", inputs, (Layer("weight", "bias"),), (Output("label", (0, 3)),))
    return _described((head,), tensors, "labels", labels=LABELS)

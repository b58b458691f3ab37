"""Published families written down in our schema, to show that it carries them: one function, one family.

Each takes the arrays of an oracle file and returns the tensors (planes (P,C,H,W)) and the description.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from assets.fields.description import (
    Blob,
    Encoding,
    FieldDescription,
    Group,
    Head,
    Input,
    Layer,
    Output,
    Plane,
    Space,
)

Arrays = Mapping[str, np.ndarray]
Field = tuple[dict[str, np.ndarray], FieldDescription]

XY_XZ_ZY = (("x", "y"), ("x", "z"), ("z", "y"))


def cube(half: float = 1.0) -> Space:
    """A box of ±half."""
    return Space((-half,) * 3, (half,) * 3)


def stacked(axes: tuple, tensor: str = "planes", first: int = 0) -> tuple[Plane, ...]:
    """Planes that lie in one tensor."""
    return tuple(Plane(tensor, first + index, pair) for index, pair in enumerate(axes))


def layers(names: list[str], activation: str, tensors: Arrays, **options) -> tuple[Layer, ...]:
    """Linear layers with an activation between them; `names` without ".weight"."""
    return tuple(
        Layer(
            f"{name}.weight",
            f"{name}.bias" if f"{name}.bias" in tensors else None,
            "none" if name == names[-1] else activation,
            **options,
        )
        for name in names
    )


def from_group(name: str = "planes") -> tuple[Input, ...]:
    """The features of one group alone."""
    return (Input("group", name),)


def openlrm(a: Arrays) -> Field:
    """OpenLRM."""
    tensors = dict(a) | {"planes": a["planes"][0]}
    mlp = layers([f"synthesizer.decoder.net.{i}" for i in (0, 2, 4, 6)], "relu", tensors)
    outputs = (Output("density", (0, 1), "softplus", bias=-1.0), Output("rgb", (1, 4), "wide_sigmoid"))
    group = Group("planes", stacked(XY_XZ_ZY))
    return tensors, FieldDescription("OpenLRM", cube(), (group,), (Head("mlp", from_group(), mlp, outputs),))


def eg3d(a: Arrays) -> Field:
    """EG3D with its original axes; raw weights of the equalised learning rate."""
    tensors = dict(a) | {"planes": a["planes"][0]}
    first = Layer("decoder.net.0.weight", "decoder.net.0.bias", "softplus", weight_scale=32**-0.5)
    last = Layer("decoder.net.2.weight", "decoder.net.2.bias", weight_scale=64**-0.5)
    outputs = (
        Output("density", (0, 1), "softplus", bias=-1.0),
        Output("rgb", (1, 4), "wide_sigmoid"),
        Output("features", (1, 33), "wide_sigmoid"),
    )
    group = Group("planes", stacked((("x", "y"), ("x", "z"), ("z", "x"))), combine="mean")
    return tensors, FieldDescription("EG3D", cube(0.5), (group,), (Head("mlp", from_group(), (first, last), outputs),))


def difftf(a: Arrays, planes: np.ndarray, box_warp: float) -> Field:
    """DiffTF: the colour depends on the view."""
    prefix = "network_fn_state_dict."
    tensors = {name.removeprefix(prefix): array for name, array in a.items() if not name.endswith("tri_planes")}
    tensors["planes"] = planes.reshape(3, 6, *planes.shape[-2:]).astype(np.float32)
    view = Input("viewdir", encoding=Encoding("frequencies", count=10))
    density = Output("density", (0, 1), "softplus", bias=-1.0)
    trunk = Layer("pts_linears.0.weight", "pts_linears.0.bias", "relu")
    color = (Layer("views_linears.0.weight", "views_linears.0.bias", "relu"), *layers(["rgb_linear"], "none", tensors))
    heads = (
        Head("trunk", from_group(), (trunk,)),
        Head("alpha", (Input("head", "trunk"),), layers(["alpha_linear"], "none", tensors), (density,)),
        Head("feature", (Input("head", "trunk"),), layers(["feature_linear"], "none", tensors)),
        Head("color", (Input("head", "feature"), view), color, (Output("rgb", (0, 3), "wide_sigmoid"),)),
    )
    return tensors, FieldDescription("DiffTF", cube(box_warp / 2), (Group("planes", stacked(XY_XZ_ZY)),), heads)


def hexplane(a: Arrays) -> Field:
    """HexPlane: products of space and time planes, colour from features and view."""
    tensors = dict(a)
    axes = ((("x", "y"), ("t", "z")), (("x", "z"), ("t", "y")), (("y", "z"), ("t", "x")))
    groups = tuple(
        Group(
            f"{kind}{index}",
            (Plane(f"{kind}_plane.{index}", 0, space), Plane(f"{kind}_line_time.{index}", 0, time)),
            combine="product",
            align_corners=True,
        )
        for kind in ("density", "app")
        for index, (space, time) in enumerate(axes)
    )
    waves = Encoding("frequencies", count=2, identity=False, coordinate_major=True)
    every = {kind: tuple(Input("group", f"{kind}{index}") for index in range(3)) for kind in ("density", "app")}
    inputs = (
        Input("head", "features"),
        Input("head", "features", encoding=waves),
        Input("viewdir"),
        Input("viewdir", encoding=waves),
    )
    density = Output("density", (0, 1), "softplus", bias=-10.0)
    mlp = layers([f"app_regressor.mlp.{index}" for index in (0, 2, 4)], "relu", tensors)
    heads = (
        Head("density", every["density"], layers(["density_basis_mat"], "none", tensors), (density,)),
        Head("features", every["app"], layers(["app_basis_mat"], "none", tensors)),
        Head("color", inputs, mlp, (Output("rgb", (0, 3), "sigmoid"),)),
    )
    return tensors, FieldDescription("HexPlane", cube(1.5), groups, heads)


def crm(a: Arrays) -> Field:
    """CRM: planes rolled out along the width, a sphere added to the distance."""
    rolled = a["triplane_feature2"][0]
    tensors = dict(a) | {"planes": np.stack(np.split(rolled, 3, axis=2))}
    group = Group(
        "planes", stacked((("x", "y"), ("y", "z"), ("z", "x"))), combine="sum", align_corners=True, padding="border"
    )
    geometry = (
        Output("sdf", (0, 1), blob=Blob(0.5, 0.5)),
        Output("deformation", (1, 4)),
    )
    # clip(raw / 2 + 1/2, 0, 1) = clip(raw, -1, 1) / 2 + 1/2
    color = Output("rgb", (0, 3), "clip11", scale=0.5, shift=0.5)
    heads = (
        Head("geometry", from_group(), layers([f"sdfMlp.fc{i}" for i in (1, 2, 3)], "relu", tensors), geometry),
        Head("color", from_group(), layers([f"rgbMlp.fc{i}" for i in (1, 2, 3)], "relu", tensors), (color,)),
    )
    return tensors, FieldDescription("CRM", cube(), (group,), heads)


def triplaneturbo(a: Arrays) -> Field:
    """TriplaneTurbo: two sets of planes with signed axes, as stored."""
    prefix = "state_dict.geometry."
    tensors = {name.removeprefix(prefix): array for name, array in a.items()} | {"planes": a["space_cache"][0]}
    axes = (("y", "x"), ("-x", "-z"), ("y", "-z"))
    groups = (
        Group("geometry", stacked(axes), combine="sum"),
        Group("texture", stacked(axes, first=3), combine="concat"),
    )

    def mlp(name: str) -> tuple[Layer, ...]:
        return layers([f"{name}_network.layers.{index}" for index in (0, 2, 4)], "relu", tensors)

    heads = (
        Head("sdf", from_group("geometry"), mlp("sdf"), (Output("sdf", (0, 1), blob=Blob(-0.5, 0.5)),)),
        Head("color", from_group("texture"), mlp("feature"), (Output("rgb", (0, 3), "wide_sigmoid"),)),
        Head("deformation", from_group("geometry"), mlp("deformation"), (Output("deformation", (0, 3)),)),
    )
    return tensors, FieldDescription("TriplaneTurbo", cube(), groups, heads)


def direct3d(a: Arrays) -> Field:
    """Direct3D: an occupancy logit."""
    tensors = dict(a) | {"planes": a["planes"][0]}
    mlp = layers([f"vae.occ_decoder.net.{index}" for index in (0, 2, 4, 6, 8)], "relu", tensors)
    head = Head("mlp", from_group(), mlp, (Output("occupancy_logit"),))
    return tensors, FieldDescription("Direct3D", cube(), (Group("planes", stacked(XY_XZ_ZY)),), (head,))


def blockfusion(a: Arrays) -> Field:
    """BlockFusion: weight-normed layers (folded here), a sharp softplus."""
    tensors = {"planes": a["triplane"][0]}
    for index in range(4):
        direction = a[f"lin{index}.weight_v"]
        length = np.linalg.norm(direction, axis=1, keepdims=True)
        tensors[f"lin{index}.weight"] = a[f"lin{index}.weight_g"] * direction / length
        tensors[f"lin{index}.bias"] = a[f"lin{index}.bias"]
    axes = (("y", "x"), ("z", "x"), ("y", "z"))
    group = Group("planes", stacked(axes), combine="sum", align_corners=True, padding="border")
    mlp = layers([f"lin{index}" for index in range(4)], "softplus", tensors, parameter=100.0)
    head = Head("mlp", from_group(), mlp, (Output("sdf"),))
    return tensors, FieldDescription("BlockFusion", cube(), (group,), (head,))


def instantmesh(a: Arrays) -> Field:
    """InstantMesh, mesh variant: heads of their own for distance, colour and deformation."""
    tensors = dict(a) | {"planes": a["planes"][0]}
    prefix = "state_dict.lrm_generator.synthesizer.decoder.net_"

    def head(name: str, output: Output) -> Head:
        mlp = layers([f"{prefix}{name}.{index}" for index in (0, 2, 4, 6)], "relu", tensors)
        return Head(name, from_group(), mlp, (output,))

    heads = (
        head("sdf", Output("sdf")),
        head("rgb", Output("rgb", (0, 3), "wide_sigmoid")),
        head("deformation", Output("deformation", (0, 3))),
    )
    return tensors, FieldDescription("InstantMesh", cube(), (Group("planes", stacked(XY_XZ_ZY)),), heads)


def mtn(a: Arrays) -> Field:
    """Multi-scale triplane: three levels of planes and one of lines, weighted, bicubic; a density blob."""
    axes = (("x", "y"), ("y", "z"), ("x", "z"))
    lines = (("x",), ("y",), ("z",))
    prefix = "model.encoder."
    tensors = {name.removeprefix("model."): array for name, array in a.items()}
    for index in range(3):
        tensors[f"line.{index}"] = a[f"{prefix}vector_1.{index}"].transpose(0, 1, 3, 2)
    planes = [
        Plane(f"encoder.plane_{level}.{index}", 0, pair, weight)
        for level, weight in ((4, 1.0), (3, 0.7), (2, 0.5))
        for index, pair in enumerate(axes)
    ]
    planes += [Plane(f"line.{index}", 0, axis, 0.3) for index, axis in enumerate(lines)]
    group = Group("planes", tuple(planes), "sum", "bicubic", align_corners=True, padding="border")
    fourier = Encoding("fourier", matrix="encoder.net1.0._B")
    outputs = (
        Output("density", (0, 1), "exp", blob=Blob(5.0, 0.2, "gaussian")),
        Output("rgb", (1, 4), "sigmoid"),
    )
    mlp = layers([f"sigma_net.net.{index}" for index in range(3)], "relu", tensors)
    head = Head("mlp", (Input("group", "planes", encoding=fourier),), mlp, outputs)
    return tensors, FieldDescription("MTN", cube(), (group,), (head,))


def nfd(a: Arrays) -> Field:
    """Neural field diffusion: summed planes through Fourier features."""
    tensors = dict(a)
    axes = (("x", "y"), ("y", "z"), ("x", "z"))
    planes = tuple(Plane(f"embeddings.{index}", 0, pair) for index, pair in enumerate(axes))
    fourier = Encoding("fourier", matrix="net.0._B")
    mlp = layers([f"net.{index}" for index in (1, 3, 5)], "relu", tensors)
    head = Head("mlp", (Input("group", "planes", encoding=fourier),), mlp, (Output("occupancy_logit"),))
    return tensors, FieldDescription("NFD", cube(), (Group("planes", planes, "sum", align_corners=True),), (head,))


def unibo(a: Arrays) -> Field:
    """Neural processing of tri-planes: position encoding, a SIREN whose weights lie in one vector."""
    tensors = {"planes": a["triplane"]}
    rest = a["params"]
    sizes = [79, 64, 64, 64, 64, 1]
    for index, (count, width) in enumerate(pairwise(sizes)):
        tensors[f"net.{index}.weight"] = rest[: count * width].reshape(width, count)
        tensors[f"net.{index}.bias"] = rest[count * width : count * width + width]
        rest = rest[count * width + width :]
    assert not len(rest)
    group = Group("planes", stacked((("x", "y"), ("x", "z"), ("y", "z"))), combine="sum")
    inputs = (Input("group", "planes"), Input("position", encoding=Encoding("frequencies", count=10)))
    mlp = layers([f"net.{index}" for index in range(5)], "sin", tensors, parameter=30.0)
    head = Head("mlp", inputs, mlp, (Output("sdf", (0, 1), "sigmoid", scale=0.2, shift=-0.1),))
    return tensors, FieldDescription("Unibo", cube(), (group,), (head,))

"""Tri-planes of the CVLab in Bologna (Cardace et al. 2024, "Neural Processing of Tri-Plane Hybrid Neural Fields").

One .h5 per shape: `triplane` (3,16,32,32), the weights of its own network in one vector `params`, weight and bias layer
by layer, and what it was fitted to: a mesh (`vertices`, `triangles`) or a point cloud (`pcd`). Planes xy, xz, yz are
summed; after them come the position and ten frequencies of it, and layers with sin(30 x) between them. How many layers
there are is found from the length of the vector. Of a mesh the output is the logit of (distance + 0.1) / 0.2, below 0
inside; of points the logit of 1 − distance / 0.1, or else of the occupancy of 64³ voxels: both are stored alike, so it
is looked at which of the two the values around the points are. Four outputs are colour and density of a radiance field.
"""

from __future__ import annotations

from itertools import pairwise
from math import log

import numpy as np

from ..fields.description import Encoding, FieldDescription, Group, Head, Input, March, Output, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._numbers import numbers
from ._parts import XY_XZ_YZ, cube, find, layers, size_of, stacked

WAVES = 10
POSITION = 3 * (1 + 2 * WAVES)
WIDTHS = (64, 128, 32, 256, 512, 16)
"""Widths of the hidden layers that are tried, the published one first."""

MOST_LAYERS = 16
VOXELS = 64
TOLD = (("vertices", "triangles"), ("pcd",))
"""Arrays that tell what a shape was fitted to."""

NEVER_APART = r"(?!)"
"""No file holds the weights alone: every shape has its own, beside its planes."""

OUTPUTS = {
    "sdf": (Output("sdf", (0, 1), "sigmoid", scale=0.2, shift=-0.1),),
    "udf": (Output("udf", (0, 1), "sigmoid", scale=-0.1, shift=0.1),),
    "occupancy": (Output("occupancy_logit", (0, 1)),),
    "radiance": (Output("rgb", (0, 3), "sigmoid"), Output("density", (3, 4), "exp", bias=-1.0)),
}
SURFACES = {
    "sdf": Surface("sdf", 0.0, 256, "below"),
    # A shell: an unsigned distance has no inside. Wide enough for cells of the grid to hit it.
    "udf": Surface("udf", 0.01, 256, "below"),
    # Its voxels are those of a probability above 0.3.
    "occupancy": Surface("occupancy_logit", log(0.3 / 0.7), VOXELS, "above"),
    "radiance": Surface("density", 10.0, 256, "above"),
}


def match(shapes: Shapes) -> int:
    """How surely these tensors are of this family: see `Family.match`."""
    planes, params = find(shapes, "triplane"), find(shapes, "params")
    if planes is None or params is None or len(shapes[planes]) != 4 or shapes[planes][0] != 3:
        return 0
    return 95 if min(shapes[planes]) > 0 and _sizes(shapes, planes, params) else 0


def describe(tensors: Tensors) -> list[Found]:
    """The asset in `tensors`."""
    shapes = tensors.shapes
    planes, params = find(shapes, "triplane"), find(shapes, "params")
    sizes = _sizes(shapes, planes, params)
    kept = {"planes": tensors[planes], **_unpacked(tensors[params], sizes)}
    kind, reason = _kind(tensors, kept, sizes)
    description = _field(kind, len(sizes) - 1)
    weights = [f"net.{index}.weight" for index in range(len(sizes) - 1)]
    declared = {
        "planes": size_of(kept["planes"]),
        "decoder": decoder_note({name: kept[name].shape for name in weights}, weights),
        **_also(tensors),
    }
    guessed = conventions(description) | {"kind": f"{kind}, {reason}", "layers": "from the length of params"}
    return [Found(description, kept, "", declared, guessed)]


def _sizes(shapes: Shapes, planes: str, params: str) -> list[int]:
    """Widths of all layers, the input among them, such that weights and biases are as many as `params`; empty where
    there are none."""
    if len(shapes[params]) != 1:
        return []
    inputs, length = shapes[planes][1] + POSITION, shapes[params][0]
    for outputs in (1, 4):
        for width in WIDTHS:
            rest = length - (inputs + 1) * width - (width + 1) * outputs
            hidden, over = divmod(rest, width * (width + 1))
            if not over and 0 <= hidden <= MOST_LAYERS:
                return [inputs, *[width] * (hidden + 1), outputs]
    return []


def _unpacked(params: np.ndarray, sizes: list[int]) -> dict[str, np.ndarray]:
    """The layers net.N.weight (out,in) and net.N.bias (out,) in the vector."""
    found, at = {}, 0
    for index, (inputs, outputs) in enumerate(pairwise(sizes)):
        end = at + inputs * outputs
        found[f"net.{index}.weight"] = params[at:end].reshape(outputs, inputs)
        found[f"net.{index}.bias"] = params[end : end + outputs]
        at = end + outputs
    return found


def _kind(tensors: Tensors, kept: dict[str, np.ndarray], sizes: list[int]) -> tuple[str, str]:
    """What the field is, a key of OUTPUTS, and why we think so."""
    if sizes[-1] == 4:
        return "radiance", "from four outputs"
    if (cloud := find(tensors.shapes, "pcd")) is None:
        meshed = find(tensors.shapes, "vertices") is not None
        return "sdf", "from the mesh beside the planes" if meshed else "as nothing says otherwise"
    points = np.asarray(tensors[cloud], np.float64).reshape(-1, tensors.shapes[cloud][-1])[:, :3]
    if points.shape[1] != 3 or len(points) < 8 or not np.isfinite(points).all():
        return "udf", "from the point cloud beside the planes"
    return _nearer(points, kept, len(sizes) - 1), "from the values around the point cloud beside the planes"


def _nearer(points: np.ndarray, kept: dict[str, np.ndarray], layers_count: int) -> str:
    """Whether the field around `points` (N,3) f64 is nearer to an unsigned distance or to an occupancy."""
    from scipy.spatial import cKDTree

    from ..fields.decoder import Field
    from ..triplane import Triplane

    random = np.random.default_rng(0)
    chosen = points[random.integers(len(points), size=1024)]
    asked = np.clip(chosen + random.uniform(-0.1, 0.1, chosen.shape), -1, 1)
    field = Field(Triplane("", kept, _field("occupancy", layers_count)), "cpu")
    logit = np.clip(field.query(asked.astype(np.float32))["occupancy_logit"][:, 0], -50, 50)
    value = 1 / (1 + np.exp(-logit))
    distance = cKDTree(points).query(asked)[0]
    filled = np.zeros((VOXELS,) * 3)
    filled[tuple(_cells(points).T)] = 1.0
    as_distance = np.abs(value - np.clip(1 - distance / 0.1, 0, 1)).mean()
    as_occupancy = np.abs(value - filled[tuple(_cells(asked).T)]).mean()
    return "udf" if as_distance <= as_occupancy else "occupancy"


def _cells(points: np.ndarray) -> np.ndarray:
    """The voxel (N,3) of each point in ±1."""
    return np.clip(((points + 1) / 2 * VOXELS).astype(int), 0, VOXELS - 1)


def _field(kind: str, count: int) -> FieldDescription:
    names = [f"net.{index}.weight" for index in range(count)]
    biases = {name.replace("weight", "bias") for name in names}
    inputs = (Input("group", "planes"), Input("position", encoding=Encoding("frequencies", count=WAVES)))
    return FieldDescription(
        family=FAMILY.name,
        # Meshes are those of ModelNet, which stand on xy. Radiance fields have no density out of their box.
        space=cube(1.0, up="z" if kind == "sdf" else "y", outside="empty" if kind == "radiance" else "padding"),
        groups=(Group("planes", stacked("planes", XY_XZ_YZ), combine="sum"),),
        heads=(Head("net", inputs, layers(names, biases, "sin", parameter=30.0), OUTPUTS[kind]),),
        march=March(samples=256, background=(1.0, 1.0, 1.0)),
        surface=SURFACES[kind],
    )


def _also(tensors: Tensors) -> dict[str, str]:
    """What else the file has, which is not opened."""
    shapes = tensors.shapes
    told = {}
    for names in TOLD:
        found = [(name, find(shapes, name)) for name in names]
        if any(name is not None for _, name in found):
            counts = [f"{shapes[name][0]} {short}" for short, name in found if name is not None and shapes[name]]
            told["fitted to"] = f"{', '.join(counts)} (in the file; not opened)"
            break
    shape_class = numbers(tensors, "class_id")
    if shape_class is not None:
        told["class"] = f"{shape_class[0]:g}"
    return told


FAMILY = Family("Unibo tri-planes", match, describe, weights=NEVER_APART)

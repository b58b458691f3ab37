"""MTN (Yi et al. 2023, "Progressive Text-to-3D Generation for Automatic 3D Prototyping").

`encoder.plane_4` (32²), `plane_3` (64²), `plane_2` (128²) and the lines `vector_1` (256) lie in a checkpoint of
stable-dreamfusion under `model`, three each, (1,C,H,W), xy, yz, xz, and x, y, z. All are sampled with cubic
interpolation and summed with the weights 1, 0.7, 0.5 and 0.3; training opens the gates of the finer levels after 3000,
4000 and 5000 steps. The step is not stored: we take all levels, as training shows them in its end. Random frequencies
widen the sum, ReLU layers decode it to density, exp(raw + blob), and colour.
"""

from __future__ import annotations

from ..fields.description import Blob, Encoding, FieldDescription, Group, Head, Input, March, Output, Plane, Surface
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._numbers import box, box_text
from ._parts import cube, layers, numbered, prefix, with_biases

AXES = (("x", "y"), ("y", "z"), ("x", "z"))
LINES = (("x",), ("y",), ("z",))
LEVELS = (("plane_4", 1.0), ("plane_3", 0.7), ("plane_2", 0.5), ("vector_1", 0.3))
"""Names and weights, coarse to fine."""

MATRIX = "net1.0._B"
GATES = (
    "the gates of all levels are open (weights 1, 0.7, 0.5, 0.3), as after 5000 steps of training; "
    "weights of 0 show an earlier step"
)


def match(shapes: Shapes) -> int:
    """How surely these tensors are MTN's: see `Family.match`."""
    start = _start(shapes)
    if start is None:
        return 0
    return 95 if f"{start}{MATRIX}" in shapes else 75


def describe(tensors: Tensors) -> list[Found]:
    """The asset in `tensors`; without heads where there is no decoder."""
    shapes, start = tensors.shapes, _start(tensors.shapes)
    planes = {}
    for name, _ in LEVELS:
        for index in range(3):
            array = tensors[f"{start}{name}.{index}"]
            # A line (1,C,N,1) runs along the rows; ours run along the columns.
            planes[f"{name}.{index}"] = array.transpose(0, 1, 3, 2).copy() if name == "vector_1" else array
    matrix = f"{start}{MATRIX}"
    weights = numbered(shapes, f"{start.removesuffix('encoder.')}sigma_net.net.")
    fits = bool(weights) and matrix in shapes and shapes[weights[-1]][0] == 4
    kept = {name: tensors[name] for name in (matrix, *with_biases(weights, shapes))} if fits else {}
    corners = box(tensors, "aabb_infer") or box(tensors, "aabb_train")
    description = _field(matrix, weights if fits else [], shapes)
    sizes = [str(planes[f"{name}.0"].shape[-1]) for name, _ in LEVELS]
    channels = shapes[f"{start}plane_4.0"][1]
    declared = {"planes": f"3 × 3 planes of {channels} channels, {', '.join(sizes[:3])} texels; 3 lines of {sizes[3]}"}
    if corners is not None:
        declared["bound"] = box_text(*corners)
    if fits:
        declared["decoder"] = f"{decoder_note(shapes, weights)}, after random frequencies"
    guessed = conventions(description) | {"levels": GATES}
    return [Found(description, {**planes, **kept}, "", declared, guessed)]


def _start(shapes: Shapes) -> str | None:
    """What stands before the names of the planes, or None where some are missing."""
    start = prefix(shapes, "encoder.plane_4.0")
    if start is None:
        return None
    named = [f"{start}encoder.{name}.{index}" for name, _ in LEVELS for index in range(3)]
    whole = all(len(shapes.get(name, ())) == 4 and shapes[name][0] == 1 and min(shapes[name]) > 0 for name in named)
    return f"{start}encoder." if whole else None


def _field(matrix: str, weights: list[str], shapes: Shapes) -> FieldDescription:
    planes = tuple(
        Plane(f"{name}.{index}", 0, axes, weight, level=len(LEVELS) - 1 - depth)
        for depth, (name, weight) in enumerate(LEVELS)
        for index, axes in enumerate(LINES if name == "vector_1" else AXES)
    )
    group = Group("planes", planes, "sum", "bicubic", align_corners=True, padding="border")
    waves = Input("group", "planes", encoding=Encoding("fourier", matrix=matrix))
    outputs = (
        Output("density", (0, 1), "exp", blob=Blob(5.0, 0.2, "gaussian")),
        Output("rgb", (1, 4), "sigmoid"),
    )
    head = Head("sigma_net", (waves,), layers(weights, shapes, "relu"), outputs)
    return FieldDescription(
        family=FAMILY.name,
        # Coordinates go to the planes as they are, whatever the bound.
        space=cube(1.0, up="y"),
        groups=(group,),
        heads=(head,) if weights else (),
        march=March(samples=512, near=0.01, weight_floor=1e-4, background=(1.0, 1.0, 1.0)),
        surface=Surface("density", level=10.0, resolution=256),
    )


FAMILY = Family("MTN", match, describe, weights=r"(?:.*\.)?(?:sigma_net\.net\.\d+\.weight|encoder\.net1\.0\._B)")

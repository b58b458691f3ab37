"""HexPlane (Cao & Johnson 2023, "HexPlane: A Fast Representation for Dynamic Scenes").

Published checkpoints are whole modules, which are not opened; their state_dict has `density_plane.N` (1,C,·,·) for xy,
xz, yz, `density_line_time.N` (1,C,·,T) for the third coordinate with time along the columns, the same for `app`, the
matrices that project features, and an MLP for the colour. A plane is multiplied with the time plane of the coordinate
that it lacks (the first fusion), and the three products are concatenated, or all multiplied (the second fusion); which
one it was shows in the width of the matrices. Box, shifts and counts of frequencies are taken from the file where it
has them. Samples lie on one lattice from `near` to `far`, and those out of the box are empty.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from ..errors import BadInput
from ..fields.description import Encoding, FieldDescription, Group, Head, Input, Layer, March, Output, Plane, Space
from ..fields.description import Surface as SurfaceRule
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._notes import conventions, decoder_note
from ._numbers import Corner, box, number, numbers
from ._parts import layers, numbered, prefix, with_biases

KINDS = ("density", "app")
SPACE = (("x", "y"), ("x", "z"), ("y", "z"))
TIME = (("t", "z"), ("t", "y"), ("t", "x"))
BASIS, COLOR_BASIS = "density_basis_mat.weight", "app_basis_mat.weight"
WEIGHTS = r"(?:.*\.)?(?:app_basis_mat\.weight|app_regressor\.mlp\.\d+\.weight|density_basis_mat\.(?:weight|\d+))"

HALF_BOX = ((-1.5,) * 3, (1.5,) * 3)
STEP_RATIO = 0.5
"""Of a step of the march to a texel, in the published configurations."""

MOST_WAVES = 12
"""Frequencies of an encoding that are looked for."""

EXTINCTION = 10.0
"""Where we put the surface, of which the family has none: density · distance_scale, per unit of length."""


def match(shapes: Shapes) -> int:
    """How surely these tensors are HexPlane's: see `Family.match`."""
    start = prefix(shapes, "density_plane.0")
    if start is None:
        return 0
    named = [f"{start}{name}" for kind in KINDS for name in _plane_names(kind)]
    whole = all(len(shapes.get(name, ())) == 4 and shapes[name][0] == 1 and min(shapes[name]) > 0 for name in named)
    return 90 if whole else 0


def describe(tensors: Tensors) -> list[Found]:
    """The asset in `tensors`; without heads where there are no matrices, or none that fits."""
    start = prefix(tensors.shapes, "density_plane.0")
    kept = {name: tensors[f"{start}{name}"] for kind in KINDS for name in _plane_names(kind)}
    kept.update(_decoder(tensors, start))
    there = {name: array.shape for name, array in kept.items()}
    corners = box(tensors, "aabb") or HALF_BOX
    groups, heads = _groups_and_heads(tensors, there)
    scale = number(tensors, "distance_scale", 25.0)
    if scale <= 0:
        raise BadInput("distance_scale: is not positive.")
    description = FieldDescription(
        family=FAMILY.name,
        space=Space(*corners, up="z"),
        groups=groups,
        heads=heads,
        march=_march(tensors, there, corners, scale),
        surface=SurfaceRule("density", level=EXTINCTION / scale, resolution=256),
    )
    declared, guessed = _what_is_known(tensors, there, description, box(tensors, "aabb") is not None)
    used = {*description.plane_tensors(), *description.decoder_tensors()}
    return [Found(description, {name: kept[name] for name in kept if name in used}, "", declared, guessed)]


def _plane_names(kind: str) -> list[str]:
    return [f"{kind}_{name}.{index}" for name in ("plane", "line_time") for index in range(3)]


def _decoder(tensors: Tensors, start: str) -> dict[str, np.ndarray]:
    """The matrices and layers by their names without `start`, where all are there. The slim model keeps the matrix of
    the density as three columns (C,1)."""
    shapes = tensors.shapes
    found = {}
    columns = numbered(shapes, f"{start}density_basis_mat.", "")
    if len(columns) == 3 and all(shapes[name][1] == 1 for name in columns):
        found[BASIS] = np.concatenate([tensors[name] for name in columns]).T.copy()
    wanted = [f"{start}{name}" for name in (BASIS, COLOR_BASIS)]
    for regressor in ("density_regressor", "app_regressor"):
        wanted += with_biases(numbered(shapes, f"{start}{regressor}.mlp."), shapes)
    fitting = [name for name in wanted if len(shapes.get(name, ())) == (1 if name.endswith("bias") else 2)]
    found.update({name.removeprefix(start): tensors[name] for name in fitting})
    return found if BASIS in found and COLOR_BASIS in found else {}


def _groups_and_heads(tensors: Tensors, there: Shapes) -> tuple[tuple[Group, ...], tuple[Head, ...]]:
    if BASIS not in there:
        return (*_groups("density", None, there), *_groups("app", None, there)), ()
    density_groups = _groups("density", there[BASIS][1], there)
    app_groups = _groups("app", there[COLOR_BASIS][1], there)
    density = Output("density", (0, 1), "softplus", bias=number(tensors, "density_shift", -10.0))
    own = numbered(there, "density_regressor.mlp.")
    matrix = Layer(BASIS)
    heads = [Head("density", _all(density_groups), (matrix,), () if own else (density,))]
    if own:
        inputs = _regressed(tensors, "density", "density", there[BASIS][0], there[own[0]][1])
        heads.append(Head("density_regressor", inputs, layers(own, there, "relu"), (density,)))
    return (*density_groups, *app_groups), (*heads, *_colors(tensors, there, app_groups))


def _groups(kind: str, width: int | None, there: Shapes) -> tuple[Group, ...]:
    """How the six planes of `kind` become `width` features; None: nobody says how many. Raises BadInput."""
    space = [Plane(f"{kind}_plane.{index}", 0, axes) for index, axes in enumerate(SPACE)]
    time = [Plane(f"{kind}_line_time.{index}", 0, axes) for index, axes in enumerate(TIME)]
    channels = [there[plane.tensor][1] for plane in space]
    if width in (None, sum(channels)):
        return tuple(
            Group(f"{kind}{index}", pair, "product", align_corners=True)
            for index, pair in enumerate(zip(space, time, strict=True))
        )
    if width == 2 * sum(channels):
        return (Group(kind, (*space, *time), "concat", align_corners=True),)
    if width == channels[0]:
        return (Group(kind, (*space, *time), "product", align_corners=True),)
    raise BadInput(f"The matrix of the {kind} features reads {width}, the planes have {channels}.")


def _all(groups: tuple[Group, ...]) -> tuple[Input, ...]:
    return tuple(Input("group", group.name) for group in groups)


def _colors(tensors: Tensors, there: Shapes, groups: tuple[Group, ...]) -> tuple[Head, ...]:
    """The heads of the colour: the projected features, and then an MLP, or spherical harmonics of degree 2 (of 27
    features), or nothing (of 3). Raises BadInput."""
    weights = numbered(there, "app_regressor.mlp.")
    count = there[COLOR_BASIS][0]
    rgb = (Output("rgb", (0, 3)),) if count == 3 and not weights else ()
    features = Head("features", _all(groups), (Layer(COLOR_BASIS),), rgb)
    if rgb:
        return (features,)
    if weights:
        inputs = _regressed(tensors, "app", "features", count, there[weights[0]][1])
        mlp = layers(weights, there, "relu")
        return features, Head("color", inputs, mlp, (Output("rgb", (0, 3), "sigmoid"),))
    if count != 27:
        raise BadInput(f"There is no network for the colour, and {count} features are neither a colour nor harmonics.")
    seen = Input("viewdir", encoding=Encoding("spherical_harmonics", count=3))
    harmonic = (Output("rgb", (0, 3), "relu", bias=0.5),)
    return features, Head("color", (seen, Input("head", "features")), (), harmonic, join="dot")


def _regressed(tensors: Tensors, kind: str, head: str, features: int, width: int) -> tuple[Input, ...]:
    """What the MLP of `kind` reads, `width` numbers, beside the `features` of a head: as the file says, or else as the
    width allows, without time and position where it does. Raises BadInput."""
    told = [number(tensors, f"{kind}_{name}_pe", -1) for name in ("t", "fea", "pos", "view")]
    counts = range(MOST_WAVES + 1)
    # A density never depends on the view.
    views = (-1, *counts) if kind == "app" else (-1,)
    guesses = [
        (-1, fea, -1, view) for fea, view in sorted(product(counts, views), key=lambda pair: abs(pair[0] - pair[1]))
    ]
    guesses += [(0, fea, position, view) for fea, position, view in product(counts, (-1, *counts), views)]
    for waves in (tuple(int(value) for value in told), *guesses):
        time, fea, position, view = waves
        sizes = ((1, time), (3, position), (3, view))
        total = features * (1 + 2 * max(fea, 0)) + sum(size * (1 + 2 * count) for size, count in sizes if count >= 0)
        if total == width:
            return (
                Input("head", head),
                *_widened("time", time),
                *_widened("head", fea, head)[1:],
                *_widened("position", position),
                *_widened("viewdir", view),
            )
    raise BadInput(f"The network of the {kind} features reads {width} numbers, which {features} features cannot give.")


def _widened(source: str, count: int, name: str = "") -> tuple[Input, ...]:
    """A source and its waves, all sines before all cosines; nothing for a negative count."""
    if count < 0:
        return ()
    waves = Encoding("frequencies", count=count, identity=False, coordinate_major=True)
    return (Input(source, name), *((Input(source, name, encoding=waves),) if count else ()))


def _march(tensors: Tensors, there: Shapes, corners: tuple[Corner, Corner], scale: float) -> March:
    """One lattice from near to far, as fine as the diagonal of the box divided by the step says."""
    near, far = numbers(tensors, "near_far", 2) or (2.0, 6.0)
    sizes = np.array([*there["density_plane.0"][:1:-1], there["density_plane.1"][2]], np.float64)
    sides = np.subtract(corners[1], corners[0])
    step = (sides / np.maximum(sizes - 1, 1)).mean() * number(tensors, "step_ratio", STEP_RATIO)
    samples = int(np.linalg.norm(sides) / step) + 1 if step > 0 else 1
    return March(
        samples=int(np.clip(samples, 2, 4096)),
        placement="edges",
        limits="range",
        near=near,
        far=far,
        step_scale=scale,
        weight_floor=1e-4,
        outside="empty",
        background=(1.0, 1.0, 1.0),
    )


def _what_is_known(
    tensors: Tensors, there: Shapes, description: FieldDescription, has_box: bool
) -> tuple[dict[str, str], dict[str, str]]:
    first, line, colors = there["density_plane.0"], there["density_line_time.0"], there["app_plane.0"][1]
    declared = {
        "planes": f"12 planes of {first[1]} (density) and {colors} (colour) channels, {first[3]} × {first[2]} texels",
        "times": str(line[3]),
    }
    guessed = conventions(description) | {"time": "−1 … 1"}
    if has_box:
        declared["box"] = guessed.pop("box")
    for name, value in (("density_shift", -10.0), ("distance_scale", 25.0)):
        (guessed if numbers(tensors, name) is None else declared)[name] = f"{number(tensors, name, value):g}"
    if description.heads:
        declared["decoder"] = decoder_note(there, [layer.weight for head in description.heads for layer in head.layers])
    return declared, guessed


FAMILY = Family("HexPlane", match, describe, weights=WEIGHTS)

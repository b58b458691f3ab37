"""DynamicCity (Bian et al. 2025, "DynamicCity: Large-Scale 4D Occupancy Generation from Dynamic Scenes").

A scene of several frames is six planes xy, xz, yz, tx, ty, tz, rolled out into one picture `rollout` (B,C,X+T+Z,Y+Z+T)
of an .npz, with zeros where nothing lies. The decoder, `decoder.*` of a checkpoint of its autoencoder, doesn't look
places up: it widens and scales up the planes, multiplies them over T × X × Y × Z, and runs convolutions that end in one
number per class and voxel. It is run here once, frame by frame. What is kept are the labels: a volume with one channel
per frame, read at the nearest voxel; a line over time picks the frame. The last layer makes of label v the numbers
2 v c − c² for each class c, of which that for c = v is the largest. Colours are those of its own pictures.
"""

from __future__ import annotations

import numpy as np

from ..errors import BadInput
from ..fields.description import FieldDescription, Group, Head, Input, Layer, Output, Plane, Space
from ..files.tensor_file import Tensors
from . import Family, Found, Shapes
from ._dynamiccity_decoder import Decoder
from ._labels import key, numbered_key
from ._parts import find, from_group, prefix

Sizes = tuple[int, int, int, int]
"""T, X, Y, Z."""

PLANES = "rollout"
NAMES = ("xy", "xz", "yz", "tx", "ty", "tz")
FIRST = "decoder.conv_block.in_layers_h.weight"
PUBLISHED = (8, 64, 64, 4)
"""The sizes of the published models, where a rollout does not show its own."""

LOW, HIGH = (-25.6, -25.6, -2.0), (25.6, 25.6, 4.4)
"""The box of CarlaSC (Wilson et al. 2022, "MotionSC"), in metres."""

PLANE_GROUPS = tuple(Group(name, (Plane(name, 0, (name[1], name[0])),), interpolation="nearest") for name in NAMES)
CARLA = {
    "free": (255, 255, 255),
    "building": (255, 118, 72),
    "barrier": (100, 40, 40),
    "other": (55, 90, 80),
    "pedestrian": (0, 0, 255),
    "pole": (153, 153, 153),
    "road": (255, 255, 255),
    "ground": (31, 135, 23),
    "sidewalk": (179, 52, 255),
    "vegetation": (159, 255, 84),
    "vehicle": (0, 215, 255),
    "bicycle": (102, 102, 156),
}


def match(shapes: Shapes) -> int:
    """How surely these tensors are DynamicCity's: see `Family.match`."""
    planes = find(shapes, PLANES)
    if planes is None or len(shapes[planes]) not in (3, 4):
        return 0
    return 95 if _decoder_fits(shapes, shapes[planes][-3]) else 70


def describe(tensors: Tensors) -> list[Found]:
    """The assets in `tensors`, one per scene of the batch; planes alone where no decoder fits them."""
    shapes = tensors.shapes
    rollouts = tensors[find(shapes, PLANES)]
    rollouts = rollouts.reshape(-1, *rollouts.shape[-3:])
    sizes, seen = _sizes(rollouts)
    decoder = Decoder(tensors, prefix(shapes, FIRST)) if _decoder_fits(shapes, rollouts.shape[1]) else None
    found = []
    for number, rollout in enumerate(rollouts, 1):
        planes = unrolled(rollout, sizes)
        description, kept = _planes_alone(planes) if decoder is None else _decoded(planes, decoder)
        suffix = f" {number}" if len(rollouts) > 1 else ""
        found.append(Found(description, kept, suffix, *_what_is_known(sizes, seen, decoder)))
    return found


def unrolled(rollout: np.ndarray, sizes: Sizes) -> list[np.ndarray]:
    """The planes xy, xz, yz, tx, ty, tz, (C, first letter, second letter) each, of a rollout (C,X+T+Z,Y+Z+T)."""
    t, x, y, z = sizes
    return [
        rollout[:, :x, :y],
        rollout[:, :x, y : y + z],
        rollout[:, x + t :, :y].swapaxes(1, 2),
        rollout[:, :x, y + z :].swapaxes(1, 2),
        rollout[:, x : x + t, :y],
        rollout[:, x : x + t, y : y + z],
    ]


def _decoder_fits(shapes: Shapes, channels: int) -> bool:
    name = find(shapes, FIRST)
    return name is not None and len(shapes[name]) == 4 and shapes[name][1] == channels


def _sizes(rollouts: np.ndarray) -> tuple[Sizes, bool]:
    """T, X, Y, Z, and whether they show: the last Z rows of a rollout end in Z + T zeros, the T rows above in T.

    Raises BadInput where neither that nor the published sizes fit.
    """
    rows, columns = rollouts.shape[-2:]
    used = (rollouts != 0).any((0, 1))
    empty = np.where(used.any(1), np.argmax(used[:, ::-1], axis=1), columns)  # zeros at the end of each row
    padded = int(empty[-1])
    if 1 < padded < min(rows, columns):
        x, y, t = rows - padded, columns - padded, int(empty[rows - padded])
        z = padded - t
        if min(t, z) > 0 and (empty[x:] == [t] * t + [padded] * z).all():
            return (t, x, y, z), True
    t, x, y, z = PUBLISHED
    if (rows, columns) != (x + t + z, y + z + t):
        raise BadInput(f"{PLANES} has the shape {list(rollouts.shape)}, in which the sizes of the planes do not show.")
    return PUBLISHED, False


def _planes_alone(planes: list[np.ndarray]) -> tuple[FieldDescription, dict[str, np.ndarray]]:
    space = Space(LOW, HIGH, up="z", outside="zero")
    return FieldDescription(family="DynamicCity", space=space, groups=PLANE_GROUPS), _by_name(planes)


def _by_name(planes: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(plane)[None] for name, plane in zip(NAMES, planes, strict=True)}


def _decoded(planes: list[np.ndarray], decoder: Decoder) -> tuple[FieldDescription, dict[str, np.ndarray]]:
    """The labels that the decoder makes of the planes; these are kept to be looked at, though nothing reads them."""
    labels = decoder.labels(planes)
    index = np.arange(decoder.classes, dtype=np.float32)
    return _describe_labels(len(labels), decoder.classes), {
        "labels": np.ascontiguousarray(labels.transpose(0, 3, 2, 1), np.float16)[None],
        "frames": np.eye(len(labels), dtype=np.float32)[None, :, None, :],
        "classes.weight": 2 * index[:, None],
        "classes.bias": -(index**2),
        **_by_name(planes),
    }


def _describe_labels(frames: int, classes: int) -> FieldDescription:
    labels = key(CARLA, hidden=("free",)) if classes == len(CARLA) else numbered_key(classes)
    volume = Group("labels", (Plane("labels", 0, ("x", "y", "z")),), interpolation="nearest", padding="border")
    frame = Group("frame", (Plane("frames", 0, ("t",)),), interpolation="nearest", padding="border")
    inputs: tuple[Input, ...] = from_group("frame", "labels")
    layers = (Layer("classes.weight", "classes.bias"),)
    return FieldDescription(
        family="DynamicCity",
        # A frame is the middle of its cell, so that whole numbers count them.
        space=Space(LOW, HIGH, up="z", outside="zero", time=(-0.5, frames - 0.5)),
        groups=(volume, frame, *PLANE_GROUPS),
        heads=(Head("label", inputs, layers, (Output("label", (0, classes)),), join="dot"),),
        labels=labels,
    )


def _what_is_known(sizes: Sizes, seen: bool, decoder: Decoder | None) -> tuple[dict[str, str], dict[str, str]]:
    t, x, y, z = sizes
    declared, guessed = {}, {"family": "DynamicCity, from the name of the tensor"}
    (declared if seen else guessed)["planes"] = f"6 of {x} × {y} × {z} cells and {t} times"
    guessed |= {"box": "±25.6 m, −2 … 4.4 m (CarlaSC)", "up": "z", "time": "the number of the frame, from 0"}
    if decoder is not None:
        declared["decoder"] = f"{decoder.classes} classes, run once on all frames"
        guessed["combination"] = "product of the six planes"
        guessed["classes"] = "CarlaSC's, 0 hidden" if decoder.classes == len(CARLA) else "numbered, 0 hidden"
    return declared, guessed


FAMILY = Family("DynamicCity", match, describe, r"(?:.*\.)?" + FIRST.replace(".", r"\."), planes=PLANES)

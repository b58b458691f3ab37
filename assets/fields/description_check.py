"""Whether a description makes sense: its parts refer to each other rightly, and the tensors have the shapes it needs.

Everything is refused in one sentence that names the place, before anything is computed: a file is not trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import BadInput
from .description import Encoding, FieldDescription, Group, Head, Input, March, Output, Plane

Shapes = Mapping[str, tuple[int, ...]]

MAX_WIDTH = 65536
"""Features that a head may take: far above any published decoder, and small enough for a batch to fit into memory."""

SH_DEGREES = 4
"""Bands of spherical harmonics that an encoding may have (degrees 0 … 3)."""

MOST_SAMPLES = 4096
"""Samples that a march may have on a ray, in each of its passes."""

MIP_LEVELS = 16
"""Levels that a pyramid may have: those of planes of 32768 texels."""


def check_description(description: FieldDescription) -> None:
    """Raises BadInput where names, ranges or boxes contradict each other; no tensors are needed."""
    space = description.space
    for axis, low, high in zip("xyz", space.low, space.high, strict=True):
        _demand(low < high, f"space.high: must lie above space.low along {axis}")
    _demand(space.time[0] < space.time[1], "space.time: must be a first and a later time")
    _demand(bool(description.groups), "groups: is empty")
    _check_names([group.name for group in description.groups], "groups")
    _check_names([head.name for head in description.heads], "heads")
    for path, group in _numbered("groups", description.groups):
        _check_group(path, group)
    for index, head in enumerate(description.heads):
        _check_head(f"heads[{index}]", head, description, {earlier.name for earlier in description.heads[:index]})
    outputs = [output.name for head in description.heads for output in head.outputs]
    _demand(len(set(outputs)) == len(outputs), "heads: two outputs have the same name")
    _demand(not description.heads or bool(outputs), "heads: none of them has outputs")
    _check_labels(description)
    _check_march("march", description.march)
    _demand(2 <= description.surface.resolution <= 4096, "surface.resolution: lies between 2 and 4096")


def check_tensors(description: FieldDescription, shapes: Shapes) -> None:
    """Raises BadInput where a tensor is missing or its shape does not fit the description."""
    widths = {group.name: _group_width(path, group, shapes) for path, group in _numbered("groups", description.groups)}
    last: dict[str, int] = {}
    for path, head in _numbered("heads", description.heads):
        last[head.name] = _head_width(path, head, shapes, widths, last)


def _check_group(path: str, group: Group) -> None:
    _demand(bool(group.planes), f"{path}.planes: is empty")
    _demand(1 <= group.mip_levels <= MIP_LEVELS, f"{path}.mip_levels: lies between 1 and {MIP_LEVELS}")
    # A line is one row, and rows can be read with any of them but the mean of two.
    fitting = {"bicubic": (1, 2), "mip": (2,)}.get(group.interpolation, (1, 2, 3))
    for place, plane in _numbered(f"{path}.planes", group.planes):
        _check_plane(place, plane)
        _demand(len(plane.axes) in fitting, f"{path}.interpolation: {group.interpolation!r} needs two axes")


def _check_labels(description: FieldDescription) -> None:
    output = description.output("label")
    if output is None:
        _demand(not description.labels, "labels: no head has an output 'label'")
        return
    width, known = output.channels[1] - output.channels[0], len(description.labels)
    _demand(width == known, f"labels: has {known} entries, the output 'label' has {width} channels")
    for path, label in _numbered("labels", description.labels):
        _check_color(f"{path}.color", label.color)


def _check_march(path: str, march: March) -> None:
    _demand(1 <= march.samples <= MOST_SAMPLES, f"{path}.samples: lies between 1 and {MOST_SAMPLES}")
    _demand(0 <= march.fine <= MOST_SAMPLES, f"{path}.fine: lies between 0 and {MOST_SAMPLES}")
    both_ends = march.placement != "midpoints" or march.between == "segment"
    _demand(march.samples > 1 or not both_ends, f"{path}.samples: is 1, which has no second sample beside it")
    _demand(march.limits == "around" or march.near >= 0, f"{path}.near: is negative")
    _demand(march.limits == "box" or march.near < march.far, f"{path}.far: must lie behind {path}.near")
    _demand(march.counted == "merged" or march.fine > 0, f"{path}.counted: is 'fine', but {path}.fine is 0")
    _demand(march.step_scale > 0, f"{path}.step_scale: is not positive")
    _demand(march.last_step is None or march.last_step >= 0, f"{path}.last_step: is negative")
    _demand(0 <= march.alpha_floor < 1, f"{path}.alpha_floor: lies between 0 and 1")
    _demand(0 <= march.weight_floor < 1, f"{path}.weight_floor: lies between 0 and 1")
    _demand(0 <= march.box_shrink < 1, f"{path}.box_shrink: lies between 0 and 1")
    _demand(march.min_chord >= 0, f"{path}.min_chord: is negative")
    _check_color(f"{path}.background", march.background)


def _check_color(path: str, color: tuple[float, float, float]) -> None:
    _demand(all(0 <= part <= 1 for part in color), f"{path}: lies between 0 and 1")


def _check_plane(path: str, plane: Plane) -> None:
    _demand(1 <= len(plane.axes) <= 3, f"{path}.axes: has one axis (a line), two, or three (a volume)")
    bare = [axis.lstrip("-") for axis in plane.axes]
    _demand(len(set(bare)) == len(bare), f"{path}.axes: names the same axis twice")
    _demand(plane.index >= 0, f"{path}.index: is negative")
    _demand(plane.level >= 0, f"{path}.level: is negative")
    _check_range(f"{path}.channels", plane.channels)


def _check_head(path: str, head: Head, description: FieldDescription, earlier: set[str]) -> None:
    _demand(bool(head.inputs), f"{path}.inputs: is empty")
    _demand(bool(head.layers) or head.join == "dot", f"{path}.layers: is empty")
    _demand(head.join != "dot" or len(head.inputs) == 2, f"{path}.inputs: a dot joins two, not {len(head.inputs)}")
    known = {"group": {group.name for group in description.groups}, "head": earlier}
    for place, entry in _numbered(f"{path}.inputs", head.inputs):
        names = known.get(entry.source)
        if names is None:
            _demand(not entry.name, f"{place}.name: has no meaning for the source {entry.source!r}")
        else:
            _demand(entry.name in names, f"{place}.name: there is no such {entry.source} before it: {entry.name!r}")
        _check_range(f"{place}.channels", entry.channels)
        if entry.encoding:
            _check_encoding(f"{place}.encoding", entry.encoding, entry)
    for place, output in _numbered(f"{path}.outputs", head.outputs):
        _check_output(place, output)


def _check_encoding(path: str, encoding: Encoding, entry: Input) -> None:
    if encoding.kind == "fourier":
        _demand(bool(encoding.matrix), f"{path}.matrix: is missing")
    elif encoding.kind == "spherical_harmonics":
        _demand(entry.source == "viewdir", f"{path}.kind: spherical harmonics are of a viewdir")
        _demand(1 <= encoding.count <= SH_DEGREES, f"{path}.count: lies between 1 and {SH_DEGREES}")
    else:
        _demand(1 <= encoding.count <= 32, f"{path}.count: lies between 1 and 32")


def _check_output(path: str, output: Output) -> None:
    _check_range(f"{path}.channels", output.channels)
    width = output.channels[1] - output.channels[0]
    needed = {"rgb": 3, "deformation": 3, "features": width, "label": width}.get(output.name, 1)
    _demand(width == needed, f"{path}.channels: {output.name} has {needed} channels, not {width}")
    _demand(output.blob is None or output.blob.radius > 0, f"{path}.blob.radius: is not positive")


def _group_width(path: str, group: Group, shapes: Shapes) -> int:
    widths = []
    for place, plane in _numbered(f"{path}.planes", group.planes):
        shape = _shape(f"{place}.tensor", plane.tensor, shapes)
        volume = len(plane.axes) == 3
        _demand(
            len(shape) == 4 + volume and min(shape) > 0,
            f"{place}.tensor: {plane.tensor} has the shape {list(shape)}, "
            f"{'volumes' if volume else 'planes'} have (planes, channels, {'slices, ' * volume}rows, columns)",
        )
        _demand(plane.index < shape[0], f"{place}.index: is {plane.index}, {plane.tensor} has {shape[0]} planes")
        _demand(len(plane.axes) > 1 or shape[2] == 1, f"{place}.axes: a single axis needs planes with one row")
        coarsest = 2 ** (group.mip_levels - 1) if group.interpolation == "mip" else 1
        _demand(
            shape[-2] % coarsest == 0 and shape[-1] % coarsest == 0,
            f"{path}.mip_levels: {plane.tensor} with {shape[-1]} × {shape[-2]} texels cannot be halved "
            f"{group.mip_levels - 1} times",
        )
        widths.append(_sliced(f"{place}.channels", plane.channels, shape[1]))
    if group.combine == "concat":
        return sum(widths)
    _demand(len(set(widths)) == 1, f"{path}.planes: have different channel counts, which {group.combine!r} cannot join")
    return widths[0] * (len(widths) if group.combine == "concat_channel_major" else 1)


def _head_width(path: str, head: Head, shapes: Shapes, groups: dict[str, int], heads: dict[str, int]) -> int:
    """Width of the last layer of `head`."""
    own = {"position": 3, "viewdir": 3, "time": 1}
    widths = []
    for place, entry in _numbered(f"{path}.inputs", head.inputs):
        known = {"group": groups, "head": heads}.get(entry.source)
        width = _sliced(f"{place}.channels", entry.channels, own[entry.source] if known is None else known[entry.name])
        widths.append(_encoded(f"{place}.encoding", entry.encoding, width, shapes) if entry.encoding else width)
    entered = sum(widths)
    _demand(entered <= MAX_WIDTH, f"{path}.inputs: are {entered} wide, more than {MAX_WIDTH}")
    if head.join == "dot":
        _demand(
            widths[1] % widths[0] == 0,
            f"{path}.inputs: the second is {widths[1]} wide, which is no multiple of the first, {widths[0]}",
        )
        entered = widths[1] // widths[0]
    width = entered
    for place, layer in _numbered(f"{path}.layers", head.layers):
        expected = width + entered if layer.skip else width
        shape = _shape(f"{place}.weight", layer.weight, shapes)
        _demand(
            len(shape) == 2 and shape[1] == expected and 0 < shape[0] <= MAX_WIDTH,
            f"{place}.weight: {layer.weight} has the shape {list(shape)}, expected (out, {expected})",
        )
        width = shape[0]
        if layer.bias is not None:
            bias = _shape(f"{place}.bias", layer.bias, shapes)
            _demand(bias == (width,), f"{place}.bias: {layer.bias} has the shape {list(bias)}, expected ({width})")
    for place, output in _numbered(f"{path}.outputs", head.outputs):
        _sliced(f"{place}.channels", output.channels, width)
    return width


def _encoded(path: str, encoding: Encoding, width: int, shapes: Shapes) -> int:
    if encoding.kind == "spherical_harmonics":
        _demand(width == 3, f"{path}: spherical harmonics take three channels, not {width}")
        return encoding.count**2
    if encoding.kind == "fourier":
        shape = _shape(f"{path}.matrix", encoding.matrix, shapes)
        _demand(
            len(shape) == 2 and shape[0] == width,
            f"{path}.matrix: {encoding.matrix} has the shape {list(shape)}, expected ({width}, frequencies)",
        )
        return 2 * shape[1]
    return width * (2 * encoding.count + int(encoding.identity))


def _shape(path: str, name: str, shapes: Shapes) -> tuple[int, ...]:
    _demand(name in shapes, f"{path}: there is no tensor {name!r}")
    return tuple(shapes[name])


def _sliced(path: str, channels: tuple[int, int] | None, width: int) -> int:
    if channels is None:
        return width
    _demand(channels[1] <= width, f"{path}: ends at {channels[1]}, there are {width}")
    return channels[1] - channels[0]


def _check_range(path: str, channels: tuple[int, int] | None) -> None:
    _demand(channels is None or 0 <= channels[0] < channels[1], f"{path}: is a first channel and a later end")


def _check_names(names: list[str], path: str) -> None:
    _demand(all(names) and len(set(names)) == len(names), f"{path}: need different names")


def _numbered(path: str, items: tuple[Any, ...]) -> list[tuple[str, Any]]:
    return [(f"{path}[{index}]", item) for index, item in enumerate(items)]


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise BadInput(f"{what}.")

"""The parts of a description that people may change, as properties: what `adjust` puts together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import permutations
from typing import Any

from ...errors import BadInput
from ..description import HIDDEN_ACTIVATIONS, QUANTITIES, FieldDescription, Group, Head, Output
from .plane_axes import MIXED, axis_choices, in_order, order_of, with_axes, with_one_plane, with_sign

MOST_ORDERS = 3
"""Planes of which every order is offered; more have too many."""

Put = Callable[[Any], FieldDescription]
Row = tuple[str, str, str]

TERMS = {
    "align_corners": "sampling", "padding": "sampling", "interpolation": "sampling", "combine": "combination",
    "activation": "activations", "hidden": "activations", "outside": "sampling", "sign": "axes", "order": "axes",
    "samples": "march", "placement": "march", "step": "march", "background": "march",
}  # fmt: skip
"""Under which word families tell a property, where it is not its own key."""


@dataclass(frozen=True)
class Property:
    """One thing that may be changed: `value` now, and `change(value)`, which returns the description with another one
    of the same type and raises BadInput.

    key: for scripts, with the group's or the output's name before it where there are several. choices: the words that
    it takes; none where it is free. term: under which the provenance tells it. aside: rather for scripts than for a
    list, since other properties say the same.
    """

    key: str
    label: str
    help: str
    section: str
    value: str | bool | int | float
    change: Put
    choices: tuple[str, ...] = ()
    term: str = ""
    aside: bool = False


# Planes.

SAMPLING: tuple[Row, ...] = (
    ("combine", "combination", "How the features of the planes become one vector"),
    ("align_corners", "align corners", "Whether the box ends at the centres of the outer texels, or at their edges"),
    ("padding", "padding", "What lies outside a plane: zeros, or its nearest texel"),
    ("interpolation", "interpolation", "What lies between the texels"),
    ("mip_levels", "mip levels", "Levels of the pyramid of means that a mip field reads"),
)


def of_planes(description: FieldDescription) -> list[Property]:
    """Order, axes, signs and sampling of each group, and of all groups together where they agree."""
    groups = description.groups
    found: list[Property] = []
    for place, group in enumerate(groups):
        prefix = f"{group.name}." if len(groups) > 1 else ""
        put = _into(description, "groups", place)
        found += [*_of_axes(group, prefix, put), *_scalars(group, SAMPLING, "Planes", prefix, put)]
    if all(group.interpolation != "mip" for group in groups):
        found = [entry for entry in found if not entry.key.endswith("mip_levels")]
    return found if len(groups) == 1 else _with_common(description, found)


def _with_common(description: FieldDescription, found: list[Property]) -> list[Property]:
    """The properties of several groups, and before them one for each that has the same value in all of them; those of
    the single groups stand aside then."""
    of_groups: dict[str, list[Property]] = {}
    for entry in found:
        name = next(group.name for group in description.groups if entry.key.startswith(f"{group.name}."))
        key = entry.key.removeprefix(f"{name}.")
        if key.startswith("sign.") or key in {row[0] for row in SAMPLING}:
            of_groups.setdefault(key, []).append(entry)
    common = {key: entries for key, entries in of_groups.items() if len({entry.value for entry in entries}) == 1}
    aside = {entry.key for entries in common.values() for entry in entries}
    made = []
    for key, entries in common.items():
        label = entries[0].label.removeprefix(f"{entries[0].key.removesuffix(f'.{key}')} ")
        keys = [entry.key for entry in entries]
        made.append(replace(entries[0], key=key, label=label, change=partial(_in_all, description, keys)))
    return [*made, *(replace(entry, aside=True) if entry.key in aside else entry for entry in found)]


def _in_all(description: FieldDescription, keys: Sequence[str], value: Any) -> FieldDescription:
    """`description` with one value for the properties of several groups."""
    for key in keys:
        description = next(entry for entry in of_planes(description) if entry.key == key).change(value)
    return description


def _of_axes(group: Group, prefix: str, put: Put) -> Iterator[Property]:
    label = f"{prefix[:-1]} " if prefix else ""
    told = " ".join("".join(plane.axes) for plane in group.planes)
    names = sorted({axis[-1] for plane in group.planes for axis in plane.axes}, key="xyzt".index)
    yield Property(
        f"{prefix}axes", f"{label}axes", "The axes of all planes, first along the columns: xy x-z yz", "Planes", told,
        lambda text: put(replace(group, planes=with_axes(group.planes, text))), term="axes",
        aside=len(group.planes) <= 6,
    )  # fmt: skip
    for number, plane in enumerate(group.planes):
        yield Property(
            f"{prefix}axes.{number}", f"{label}plane {number}",
            "Which axes run along the columns and the rows of this plane", "Planes", "".join(plane.axes),
            lambda text, number=number: put(replace(group, planes=with_one_plane(group.planes, number, text))),
            axis_choices(len(plane.axes), "t" in names), "axes", aside=len(group.planes) > 6,
        )  # fmt: skip
    for name in names:
        signs = {axis[:-1] or "+" for plane in group.planes for axis in plane.axes if axis[-1] == name}
        sign = signs.pop() if len(signs) == 1 else MIXED
        yield Property(
            f"{prefix}sign.{name}", f"{label}sign of {name}", f"Whether {name} runs forwards in the planes", "Planes",
            sign, lambda text, name=name: put(replace(group, planes=with_sign(group.planes, name, text))),
            ("+", "-", MIXED) if sign == MIXED else ("+", "-"), "axes",
        )  # fmt: skip
    if len(group.planes) > 1:
        count = len(group.planes)
        orders = [" ".join(map(str, order)) for order in permutations(range(count))] if count <= MOST_ORDERS else []
        yield Property(
            f"{prefix}order", f"{label}order", "Which of the stored planes each one reads", "Planes",
            " ".join(map(str, order_of(group.planes))),
            lambda text: put(replace(group, planes=in_order(group.planes, text))), tuple(orders), "axes",
            aside=not orders,
        )  # fmt: skip


# Space.


def of_space(description: FieldDescription) -> list[Property]:
    """Box, up, and what lies beyond."""
    space = description.space

    def put(changed: Any) -> FieldDescription:
        return replace(description, space=changed)

    box = Property(
        "box", "box", "Half the side of a cube around the origin, or its low and its high corner: six numbers",
        "Space", _box_text(space.low, space.high), lambda text: put(replace(space, **_box(text))), term="box",
    )  # fmt: skip
    rows = (
        ("up", "up", "The axis that the family calls up"),
        ("outside", "beyond box", "What a point beyond the box reads"),
        ("contraction", "contraction", "How far places are drawn into the box"),
    )
    found = [box, *_scalars(space, rows, "Space", "", put)]
    if description.needs_time:
        text = _numbers_text(space.time)
        found.append(Property("time", "times", "The first and the last time", "Space", text,
                              lambda text: put(replace(space, time=_numbers(text, (2,)))), term="time"))  # fmt: skip
    return found


def _box_text(low: Sequence[float], high: Sequence[float]) -> str:
    half = high[0]
    if all(value == half for value in high) and all(value == -half for value in low):
        return f"±{half:.7g}"
    return f"{_numbers_text(low)} … {_numbers_text(high)}"


def _box(text: str) -> dict[str, tuple[float, ...]]:
    numbers = _numbers(text.replace("…", " ").replace("±", " "), (1, 2, 6))
    if len(numbers) == 1:
        numbers = (-numbers[0], numbers[0])
    if len(numbers) == 2:
        numbers = (*numbers[:1] * 3, *numbers[1:] * 3)
    return {"low": numbers[:3], "high": numbers[3:]}


# Decoder.

OUTPUT: tuple[Row, ...] = (
    ("activation", "activation", "What makes the value of the raw number"),
    ("bias", "bias", "What is added before the activation"),
    ("scale", "scale", "Factor after the activation"),
    ("shift", "shift", "What is added last"),
)
BLOB: tuple[Row, ...] = (
    ("gain", "blob gain", "What the radial term adds in the middle"),
    ("radius", "blob radius", "How far the radial term reaches"),
    ("kind", "blob", "How the radial term falls off"),
)


def of_decoder(description: FieldDescription) -> list[Property]:
    """Activations and the numbers beside them, output by output."""
    found: list[Property] = []
    for place, head in enumerate(description.heads):
        put = _into(description, "heads", place)
        if len(head.layers) > 1:
            found.append(_hidden(head, put))
        for number, output in enumerate(head.outputs):
            found += _of_output(description, head, number, output, put)
    return found


def _hidden(head: Head, put: Put) -> Property:
    kinds = {layer.activation for layer in head.layers[:-1]}
    value = kinds.pop() if len(kinds) == 1 else MIXED

    def change(word: str) -> FieldDescription:
        if word == MIXED:
            return put(head)
        # β, slope and ω mean something else after another activation.
        layers = [layer if layer.activation == word else replace(layer, activation=word, parameter=None)
                  for layer in head.layers[:-1]]  # fmt: skip
        return put(replace(head, layers=(*layers, head.layers[-1])))

    choices = (*HIDDEN_ACTIVATIONS, MIXED) if value == MIXED else HIDDEN_ACTIVATIONS
    return Property(f"{head.name}.hidden", f"{head.name} layers", "What follows each layer but the last", "Decoder",
                    value, change, choices, "activations")  # fmt: skip


def _of_output(
    description: FieldDescription, head: Head, number: int, output: Output, put_head: Put
) -> Iterator[Property]:
    prefix, label = f"{output.name}.", output.name.replace("_", " ")

    def put(changed: Output) -> FieldDescription:
        outputs = (*head.outputs[:number], changed, *head.outputs[number + 1 :])
        whole = put_head(replace(head, outputs=outputs))
        if whole.surface.field == output.name != changed.name:
            whole = replace(whole, surface=replace(whole.surface, field=changed.name))
        return whole

    yield Property(f"{prefix}quantity", f"{label} is", "What this number of the decoder means", "Decoder",
                   output.name, lambda word: put(replace(output, name=word)), QUANTITIES, "activations")  # fmt: skip
    yield from _scalars(output, OUTPUT, "Decoder", prefix, put)
    yield Property(f"{prefix}channels", f"{label} channels", "The first channel of the last layer, and the end",
                   "Decoder", " ".join(map(str, output.channels)),
                   lambda text: put(replace(output, channels=_channels(text))), term="activations")  # fmt: skip
    if output.blob is not None:
        yield from _scalars(output.blob, BLOB, "Decoder", f"{prefix}blob.",
                            lambda blob: put(replace(output, blob=blob)))  # fmt: skip


def _channels(text: str) -> tuple[int, int]:
    first, end = _numbers(text, (2,))
    if first != int(first) or end != int(end):
        raise BadInput(f"is two whole numbers, not {text!r}.")
    return int(first), int(end)


# March and surface.

MARCH: tuple[Row, ...] = (
    ("samples", "samples", "Samples of the first pass along a ray"),
    ("fine", "fine samples", "Samples of the second pass"),
    ("placement", "placement", "Where in their bins samples lie"),
    ("limits", "limits", "Between which distances samples lie"),
    ("axial", "axial", "Whether distances are along the viewing axis"),
    ("near", "near", "Nearest distance of a sample"),
    ("far", "far", "Farthest distance of a sample"),
    ("counted", "counted", "Which samples make the picture"),
    ("step", "step", "Whether a step is a share of the way or a length"),
    ("step_scale", "step scale", "Factor on the length of a step"),
    ("last_step", "last step", "Length of the last step, or none"),
    ("between", "between", "Whether a sample stands alone or with its neighbour"),
    ("alpha_floor", "alpha floor", "Opacities below it are none"),
    ("weight_floor", "weight floor", "Weights up to it have no colour"),
    ("outside", "outside", "What samples beyond the box are"),
    ("box_shrink", "box shrink", "By which share the box is smaller for rays"),
    ("min_chord", "shortest chord", "Rays that stay shorter in the box are empty"),
)
SURFACE: tuple[Row, ...] = (
    ("level", "level", "The value on the surface"),
    ("resolution", "resolution", "Points of the grid along each axis"),
    ("matter", "matter", "On which side of the level matter is"),
)


SURFACE_FIELDS = ("density", "sdf", "udf", "occupancy_logit")


def of_march(description: FieldDescription) -> list[Property]:
    """How the family's renderer walks a ray."""
    march = description.march

    def put(changed: Any) -> FieldDescription:
        return replace(description, march=changed)

    background = Property(
        "background", "background", "Behind the field: one grey or three colours, 0 … 1", "Ray march",
        _numbers_text(march.background), lambda text: put(replace(march, background=_color(text))), term="march",
    )  # fmt: skip
    return [background, *_scalars(march, MARCH, "Ray march", "march.", put)]


def of_surface(description: FieldDescription) -> list[Property]:
    """Where the family's mesh lies."""
    surface = description.surface

    def put(changed: Any) -> FieldDescription:
        return replace(description, surface=changed)

    having = [output.name for head in description.heads for output in head.outputs]
    words = tuple(dict.fromkeys([surface.field, *(name for name in having if name in SURFACE_FIELDS)]))
    field = Property("surface.field", "field", "Of which value the surface is a level set", "Surface", surface.field,
                     lambda word: put(replace(surface, field=word)), words, "surface")  # fmt: skip
    return [field, *_scalars(surface, SURFACE, "Surface", "surface.", put)]


def _color(text: str) -> tuple[float, float, float]:
    numbers = _numbers(text, (1, 3))
    if not all(0 <= value <= 1 for value in numbers):
        raise BadInput(f"lies between 0 and 1, not at {text!r}.")
    return numbers * 3 if len(numbers) == 1 else numbers


# What they have in common.


def _into(description: FieldDescription, name: str, place: int) -> Put:
    """A way to put another record in the place of one of `description.NAME`."""
    items = getattr(description, name)
    return lambda changed: replace(description, **{name: (*items[:place], changed, *items[place + 1 :])})


def _scalars(record: Any, rows: Sequence[Row], section: str, prefix: str, put: Put) -> Iterator[Property]:
    """Properties of the fields of a dataclass that hold one word, number or truth value; None is the word "none"."""
    declared = {entry.name: entry for entry in fields(record)}
    before = f"{prefix[:-1]} " if prefix and section in ("Planes", "Decoder") else ""
    before = before.replace("_", " ") if section == "Decoder" else before
    for name, label, help in rows:
        words = declared[name].metadata.get("choices", ())
        value, optional = getattr(record, name), "None" in str(declared[name].type)
        if optional:
            words = ("none", *words) if words else ()
            value = "none" if value is None else value if words else f"{value:.7g}"
        yield Property(
            f"{prefix}{name}", f"{before}{label}".replace(".blob blob", " blob"), help, section, value,
            lambda value, name=name, optional=optional, words=words: put(
                replace(record, **{name: _optional(value, bool(words)) if optional else value})
            ),
            words, TERMS.get(name, name),
        )  # fmt: skip


def _optional(text: str, word: bool) -> Any:
    if text == "none" or word:
        return None if text == "none" else text
    return _numbers(text, (1,))[0]


def _numbers(text: str, counts: tuple[int, ...]) -> tuple[float, ...]:
    words = str(text).replace("−", "-").replace(",", " ").split()
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError:
        numbers = ()
    if len(numbers) not in counts or not all(abs(value) < float("inf") for value in numbers):
        raise BadInput(f"is {' or '.join(map(str, counts))} numbers, not {text!r}.")
    return numbers


def _numbers_text(numbers: Sequence[float]) -> str:
    return " ".join(f"{value:.7g}" for value in numbers)

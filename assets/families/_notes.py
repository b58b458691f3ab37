"""What is told about a file: the sizes that it declares, and the conventions of its family, which no file says."""

from __future__ import annotations

from collections.abc import Sequence

from ..fields.description import FieldDescription, Group, Head, March
from ._parts import Shapes

BACKGROUNDS = {(1.0, 1.0, 1.0): "white", (0.0, 0.0, 0.0): "black"}


def decoder_note(shapes: Shapes, weights: Sequence[str]) -> str:
    """What is declared about a decoder: how many layers it has, and how wide the widest hidden one is."""
    widths = [shapes[name][0] for name in weights]
    hidden = widths[:-1] or widths
    return f"{len(weights)} layers, {max(hidden)} wide" if len(weights) > 1 else f"1 layer, {widths[0]} wide"


def conventions(description: FieldDescription, reason: str = "the names and shapes of the tensors") -> dict[str, str]:
    """What was guessed when `description` was made from names and shapes alone: {term: value for people}.

    What the file does declare after all is for the caller to move.
    """
    space = description.space
    guessed = {
        "family": f"{description.family}, from {reason}",
        "box": _box(space.low, space.high),
        "up": space.up,
        "axes": "; ".join(dict.fromkeys(_axes(group) for group in description.groups)),
        "sampling": "; ".join(dict.fromkeys(_sampling(group) for group in description.groups)),
        "combination": ", ".join(dict.fromkeys(group.combine for group in description.groups)),
    }
    if description.heads:
        guessed["activations"] = ", ".join(
            dict.fromkeys(text for head in description.heads for text in _activations(head))
        )
        if description.output("density") is not None:
            guessed["march"] = _march(description.march)
        surface = description.surface
        guessed["surface"] = f"{surface.field} = {surface.level:.5g}, matter {surface.matter} it"
    return guessed


def _box(low: Sequence[float], high: Sequence[float]) -> str:
    if len(set(high)) == 1 and all(a == -b for a, b in zip(low, high, strict=True)):
        return f"±{high[0]:g}"
    return ", ".join(f"{axis} {a:g} … {b:g}" for axis, a, b in zip("xyz", low, high, strict=True))


def _axes(group: Group) -> str:
    return ", ".join("".join(plane.axes) for plane in group.planes)


def _sampling(group: Group) -> str:
    corners = "outer texels" if group.align_corners else "texel edges"
    outside = "zeros outside" if group.padding == "zeros" else "the nearest texel outside"
    return f"{group.interpolation}, {corners} at the box, {outside}"


def _activations(head: Head) -> list[str]:
    hidden = [layer.activation for layer in head.layers if layer.activation != "none"]
    outputs = []
    for output in head.outputs:
        bias = f"({output.bias:+g})" if output.bias else ""
        outputs.append(f"{output.name} {output.activation}{bias}")
    return hidden + [text for text in outputs if not text.endswith(" none")]


def _march(march: March) -> str:
    count = f"{march.samples} + {march.fine}" if march.fine else str(march.samples)
    where = {
        "box": "between the sides of the box",
        "range": f"from {march.near:g} to {march.far:g} before the eye",
        "around": f"from {-march.near:g} before to {march.far:g} behind the middle of the box",
    }[march.limits]
    background = BACKGROUNDS.get(march.background, "coloured")
    return f"{count} samples {where}, {march.step} step, {background} background"

"""A field that a drag has bent: it is asked where its matter was at rest, and where none has come to it holds nothing.

What the field says stays a raw value, of which the caller makes a density or a colour at the *moved* place. So where
there is nothing, the raw value is one that the output's own activation turns into nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from .decoder import blob_at
from .description import FieldDescription, Output

if TYPE_CHECKING:
    import torch

    from ..deform.volume import WarpVolume

VANISHING = -1e4
"""Raw value that exponentials and their like turn into 0, and f16 can still hold."""

SURELY_EMPTY = 100.0
"""Size of the logit of an occupancy where there is nothing."""

Maybe = "torch.Tensor | None"
Ask = Callable[["torch.Tensor", Maybe, Maybe, Maybe], "dict[str, torch.Tensor]"]


class Bent:
    """Asks a field with a `description` through the inverse map `volume`."""

    def __init__(self, volume: WarpVolume, description: FieldDescription) -> None:
        self.volume, self.description = volume, description
        self._outputs = [output for head in description.heads for output in head.outputs]

    def raw(
        self,
        ask: Ask,
        points: torch.Tensor,
        viewdirs: torch.Tensor | None,
        time: torch.Tensor | None,
        radius: torch.Tensor | None,
    ) -> dict[str, torch.Tensor]:
        """What `Field.raw` returns for moved `points` (N,3); `ask` answers for places at rest."""
        import torch

        rest, present = self.volume.sources(points)
        there = torch.nonzero(present & self._in_the_box(rest))[:, 0]
        if self.description.needs_viewdirs:
            viewdirs = self.volume.turn_back(points[there], viewdirs.to(points)[there])
        time, radius = (None if each is None else each.to(points.device)[there] for each in (time, radius))
        found = ask(rest[there], viewdirs, time, radius)
        whole = {}
        for output in self._outputs:
            values = found[output.name]
            if output.blob is not None:
                # The caller will add the blob of the moved place.
                values = values + blob_at(output.blob, rest[there]) - blob_at(output.blob, points[there])
            whole[output.name] = nothing(self.description, output, points)
            whole[output.name][there] = values
        return whole

    def _in_the_box(self, rest: torch.Tensor) -> torch.Tensor | bool:
        """Which places at rest (N,3) a ray of the family comes to: what planes say beyond their box is never seen."""
        space = self.description.space
        if space.contraction is not None:
            return True
        low, high = (rest.new_tensor(side) for side in (space.low, space.high))
        return ((rest >= low) & (rest <= high)).all(1)


def nothing(description: FieldDescription, output: Output, points: torch.Tensor) -> torch.Tensor:
    """Raw values (N,c) of an output at `points` (N,3) where there is nothing; of labels, the first hidden one's."""
    width = output.channels[1] - output.channels[0]
    if output.name == "label":
        hidden = [label.hidden for label in description.labels]
        sure = [SURELY_EMPTY * (True in hidden and index == hidden.index(True)) for index in range(width)]
        return points.new_tensor(sure).expand(len(points), width).clone()
    before = unactivated(output.activation, (_empty_value(description, output) - output.shift) / (output.scale or 1.0))
    values = points.new_full((len(points), width), before - output.bias)
    return values if output.blob is None else values - blob_at(output.blob, points)


def _empty_value(description: FieldDescription, output: Output) -> float:
    """What an output is where there is no matter."""
    space, surface = description.space, description.surface
    far = {"sdf": math.dist(space.low, space.high), "udf": math.dist(space.low, space.high)}
    far["occupancy_logit"] = -SURELY_EMPTY
    value = far.get(output.name, 0.0)
    if output.name == surface.field and value:
        return abs(value) * (-1.0 if surface.matter == "above" else 1.0)
    return value


def unactivated(name: str, value: float) -> float:
    """A finite number that the activation called `name` turns into `value`, or into the nearest that it can reach."""
    if name in ("none", "clip01", "clip11"):
        return value
    if name == "leaky_relu":
        return value if value >= 0 else value / 0.01
    if name in ("tanh", "sin"):
        return (math.atanh if name == "tanh" else math.asin)(min(max(value, -0.9999), 0.9999))
    if name in ("sigmoid", "wide_sigmoid"):
        share = value if name == "sigmoid" else (value + 0.001) / 1.002
        return math.log(share / (1 - share)) if 0 < share < 1 else VANISHING if share <= 0 else -VANISHING
    if name == "silu" and value:
        # It falls to −0.278 at −1.278 and rises from there.
        low, high = -1.2785, max(value, 0.0) + 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if middle / (1 + math.exp(-middle)) < value else (low, middle)
        return low
    if value <= 0:
        return VANISHING
    return {"exp": math.log(value), "softplus": math.log(math.expm1(min(value, 700.0)))}.get(name, value)

"""Some outputs of a field without the others, and what they are along many viewing directions at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..decoder import Field
from ..description import FieldDescription, Head

if TYPE_CHECKING:
    import torch


class FieldPart(Field):
    """Those heads of `field` that the outputs called `names` need. The tensors are shared. Not for bent fields."""

    def __init__(self, field: Field, names: tuple[str, ...]) -> None:
        # No call of the base's: that would read the tensors once more.
        self.__dict__.update(field.__dict__)
        self.description = replace(field.description, heads=heads_for(field.description, names))
        self._looking = _seen(self.description)

    def raw_along(
        self,
        points: torch.Tensor,
        directions: torch.Tensor,
        time: torch.Tensor | None = None,
        radius: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """The outputs that depend on the viewing direction, before their activation, as seen along each of the unit
        `directions` (K,3): {name: (N,K,c)}. What does not depend on it is evaluated once."""
        import torch

        directions = directions.to(self.device).float()
        sources = self._sources(points.to(self.device).float(), directions[:1], time, radius)
        last: dict[str, torch.Tensor] = {}
        for head in self.description.heads:
            if head.name not in self._looking:
                last[head.name] = self._run_head(head, sources, last)
        found: dict[str, list[torch.Tensor]] = {}
        for direction in directions:
            sources["viewdir"], seen = direction[None], dict(last)
            for head in self.description.heads:
                if head.name in self._looking:
                    seen[head.name] = self._run_head(head, sources, seen)
                    for output in head.outputs:
                        found.setdefault(output.name, []).append(seen[head.name][:, slice(*output.channels)])
        return {name: torch.stack(values, 1) for name, values in found.items()}

    def _read(self, entry, sources: dict, last: dict[str, torch.Tensor]) -> torch.Tensor:
        found = super()._read(entry, sources, last)
        # One direction for all points is encoded once.
        return found.expand(len(sources["position"]), -1) if entry.source == "viewdir" else found


def heads_for(description: FieldDescription, names: tuple[str, ...]) -> tuple[Head, ...]:
    """The heads that the outputs called `names` come from, and those that these read, in order."""
    wanted: set[str] = set()
    for head in reversed(description.heads):
        if head.name in wanted or any(output.name in names for output in head.outputs):
            wanted |= {head.name, *(entry.name for entry in head.inputs if entry.source == "head")}
    return tuple(head for head in description.heads if head.name in wanted)


def _seen(description: FieldDescription) -> set[str]:
    """Names of the heads that depend on the viewing direction, of their own or by a head that they read."""
    found: set[str] = set()
    for head in description.heads:
        if any(entry.source == "viewdir" or (entry.source == "head" and entry.name in found) for entry in head.inputs):
            found.add(head.name)
    return found

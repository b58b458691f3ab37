"""The edit that describes a triplane otherwise, and the one that gives it a decoder."""

from __future__ import annotations

from typing import Any, ClassVar

from ..asset import Provenance
from ..fields.adjusting.adjust import adjust, changed_state, properties, readable
from ..fields.description import FieldDescription
from ..triplane import Triplane
from .data import DataEdit
from .edit import Edit


class DescriptionEdit(DataEdit):
    """Another description. key: the property of it that a field of the inspector changes; consecutive changes of one
    property merge."""

    kind: ClassVar[str] = "description"

    def __init__(
        self,
        triplane: Triplane,
        description: FieldDescription,
        provenance: Provenance | None = None,
        name: str = "Description",
        detail: str = "",
        key: str = "",
    ) -> None:
        after = changed_state(triplane, description, provenance or triplane.provenance)
        super().__init__(triplane, _now(triplane, after), after, name, detail)
        self.key = key
        self._first = triplane.description

    def merge(self, later: Edit) -> bool:
        fits = isinstance(later, DescriptionEdit) and later.asset is self.asset and later.key == self.key != ""
        if fits:
            self.after = {**self.after, **later.after}
            self._held = None
            self._detail = _detail(self.asset.name, self._first, later.after["description"], self.key)
        return fits


class DecoderEdit(DataEdit):
    """A decoder for planes that had none, as `decoded`, the same planes read with it, has it."""

    kind: ClassVar[str] = "decoder"

    def __init__(self, triplane: Triplane, decoded: Triplane, detail: str) -> None:
        after = {**changed_state(triplane, decoded.description, decoded.provenance), "tensors": decoded.tensors}
        super().__init__(triplane, _now(triplane, after), after, "Decoder", detail)


def edit_property(triplane: Triplane, key: str, value: Any) -> DescriptionEdit:
    """The edit that sets one property of the description: see fields/adjust.py. Raises BadInput."""
    description, provenance = adjust(triplane, key, value)
    label = next(entry.label for entry in properties(triplane.description) if entry.key == key)
    detail = _detail(triplane.name, triplane.description, description, key)
    return DescriptionEdit(triplane, description, provenance, f"{label[:1].upper()}{label[1:]}", detail, key)


def _now(triplane: Triplane, state: dict[str, Any]) -> dict[str, Any]:
    """The present values of what `state` names."""
    now = triplane.state()
    return {name: now[name] for name in state}


def _detail(name: str, before: FieldDescription, after: FieldDescription, key: str) -> str:
    """What is changed into what."""
    words = []
    for description in (before, after):
        table = {entry.key: readable(entry.value) for entry in properties(description)}
        words.append(table.get(key, "…"))
    return f"{name}: {' → '.join(words)}"

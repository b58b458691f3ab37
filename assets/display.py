"""How an asset is shown, declared once: the inspector, the command line and the renderers read the same fields.

Each kind has a dataclass of `setting` fields. Nothing here changes the asset's data or what is saved.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from .errors import BadInput


@dataclass(frozen=True)
class Setting:
    """One displayed value: its name in code, its label and help for people, its domain, whether it is set by a slider
    that shows each value at once, and whether equal steps of that are equal factors."""

    name: str
    label: str
    help: str
    default: Any
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    slider: bool = False
    factors: bool = False

    def check(self, value: Any) -> Any:
        """`value` in the type of the default. Raises BadInput where it lies outside the domain."""
        if self.choices:
            if value not in self.choices:
                raise BadInput(f"{self.label} is one of {', '.join(self.choices)}, not {value!r}.")
            return value
        if isinstance(self.default, bool):
            return bool(value)
        value = type(self.default)(value)
        if isinstance(value, (int, float)):
            low, high = self.low, self.high
            if value != value or (low is not None and value < low) or (high is not None and value > high):
                raise BadInput(f"{self.label} lies between {low} and {high}, not at {value}.")
        return value


def setting(default: Any, label: str, help: str, **domain: Any) -> Any:
    """A dataclass field that is a `Setting`; `domain` is any other field of that."""
    return field(default=default, metadata={"setting": dict(label=label, help=help, default=default, **domain)})


@dataclass
class Display:
    """Base of the display settings of a kind. `mode` is what is drawn; every kind has it, with its own choices."""

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """The declared settings, in order."""
        declared = [entry for entry in fields(cls) if "setting" in entry.metadata]
        return tuple(Setting(name=entry.name, **entry.metadata["setting"]) for entry in declared)

    @classmethod
    def setting(cls, name: str) -> Setting:
        """The setting called `name`. Raises KeyError."""
        return {entry.name: entry for entry in cls.settings()}[name]

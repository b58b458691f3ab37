"""Changes of kind: one module, one conversion, each declared in a `CONVERSION` record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..asset import Asset
from ..errors import BadInput
from ..progress import Job
from ..registry import records


@dataclass(frozen=True)
class Conversion:
    """A way from one kind of asset to another. `convert(asset, **options)` is a job that returns the new asset.

    options: each with a line of help. choices: the words that some of them may be, the default first. idle: those that
    change nothing for an asset.
    """

    source: str
    target: str
    name: str
    convert: Callable[..., Job[Asset]]
    options: dict[str, str] = field(default_factory=dict)
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    idle: Callable[[Any], tuple[str, ...]] = lambda _: ()


def conversions() -> tuple[Conversion, ...]:
    """Every known conversion."""
    return records(__name__, "CONVERSION")


def convert(asset: Asset, target: str, **options: Any) -> Job[Asset]:
    """`asset` as the kind `target`. Raises BadInput where there is no way."""
    for entry in conversions():
        if (entry.source, entry.target) == (asset.kind, target):
            return (yield from entry.convert(asset, **options))
    raise BadInput(f"{asset.name}: {asset.kind} cannot be converted to {target}.")


def checked_numbers(ranges: dict[str, tuple[Any, type, float, float]]) -> list[int | float]:
    """Options as numbers, in order: each is given as (value, int or float, least, most) by its name. Raises BadInput
    for what is no number or lies outside."""
    checked = []
    for name, (value, kind, low, high) in ranges.items():
        try:
            number = kind(value)
        except (TypeError, ValueError, OverflowError):
            number = low - 1
        if not low <= number <= high:
            raise BadInput(f"The option {name} lies between {low} and {high}, not at {value!r}.")
        checked.append(number)
    return checked

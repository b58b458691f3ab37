"""Discovery: a folder's modules each declare themselves in one record, and nothing else has to be edited."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any


@cache
def modules(package: str) -> tuple[ModuleType, ...]:
    """Every public module directly inside `package`, imported, in the order of their names."""
    parent = importlib.import_module(package)
    names = sorted(info.name for info in pkgutil.iter_modules(parent.__path__) if not info.name.startswith("_"))
    return tuple(importlib.import_module(f"{package}.{name}") for name in names)


@cache
def records(package: str, attribute: str) -> tuple[Any, ...]:
    """The value of `attribute` in each module of `package` that has it; a tuple there counts as several records."""
    found: list[Any] = []
    for module in modules(package):
        value = getattr(module, attribute, None)
        if value is not None:
            found.extend(value if isinstance(value, tuple) else (value,))
    return tuple(found)

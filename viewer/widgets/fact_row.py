"""A row of the inspector that only tells something: two texts, no widgets, so that many of them cost nothing.

Importing this imports pyqtgraph; the inspector does it when it is first filled.
"""

from __future__ import annotations

from typing import Any

from pyqtgraph.parametertree import Parameter, ParameterItem, registerParameterType

FACT = "fact"
"""The type of parameter that these rows show."""


class FactRow(ParameterItem):
    """Label and text; the whole text is in the tool tip."""

    def __init__(self, parameter: Any, depth: int) -> None:
        super().__init__(parameter, depth)
        self.valueChanged(parameter, parameter.value())

    def valueChanged(self, parameter: Any, value: Any) -> None:
        """pyqtgraph calls this with each new value."""
        self.setText(1, str(value))
        self.setToolTip(1, str(value))
        self.setToolTip(0, parameter.title())


class Fact(Parameter):
    """The parameter behind a row."""

    itemClass = FactRow  # noqa: N815  pyqtgraph's name


registerParameterType(FACT, Fact, override=True)

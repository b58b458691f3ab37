"""The colours of a quantity: one map for shaders and for torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

VIRIDIS = (
    (0.267, 0.004, 0.330),
    (0.218, 1.430, 1.402),
    (-0.745, 0.001, 0.414),
    (-4.545, -5.136, -21.864),
    (8.263, 13.254, 63.384),
    (1.425, -13.128, -72.685),
    (-3.893, 4.481, 29.163),
)
"""Powers 0 … 6 of a polynomial fitted to the table of viridis (Smith and van der Walt 2015) within 0.02."""


def viridis(values: torch.Tensor) -> torch.Tensor:
    """sRGB colours (N,3), 0 … 1, of `values` (N,); those outside 0 … 1 take the ends of the map."""
    import torch

    powers = torch.stack([values.clamp(0, 1) ** power for power in range(len(VIRIDIS))], 1)
    return (powers @ torch.tensor(VIRIDIS, dtype=values.dtype, device=values.device)).clamp(0, 1)


def viridis_glsl() -> str:
    """The same as a GLSL expression of a float `t`, 0 … 1."""
    terms = [f"vec3{power}" for power in VIRIDIS]
    nested = terms[-1]
    for term in reversed(terms[:-1]):
        nested = f"({term} + t * {nested})"
    return nested

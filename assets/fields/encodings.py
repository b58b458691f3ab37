"""How the inputs of a head are widened before its first layer: see `description.Encoding`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..splats.spherical_harmonics import basis
from .description import Encoding

if TYPE_CHECKING:
    import torch


def encode(encoding: Encoding, value: torch.Tensor, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """`value` (N,c) as the encoding says (N,c'); `tensors` holds its matrix."""
    import torch

    if encoding.kind == "spherical_harmonics":
        return basis(value, encoding.count - 1)
    if encoding.kind == "fourier":
        phase = 2 * math.pi * (value @ tensors[encoding.matrix])
        return torch.cat([torch.sin(phase), torch.cos(phase)], 1)
    factors = [encoding.scale * 2.0**octave for octave in range(encoding.count)]
    if encoding.coordinate_major:
        phase = (value[:, :, None] * value.new_tensor(factors)).flatten(1)
        waves = [torch.sin(phase), torch.cos(phase)]
    else:
        waves = [wave(value * factor) for factor in factors for wave in (torch.sin, torch.cos)]
    return torch.cat([value, *waves] if encoding.identity else waves, 1)

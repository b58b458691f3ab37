"""The decoder of DynamicCity: six planes → a label for every voxel of every frame. What the names of its tensors mean:

conv_block: per plane two convolutions of 3 × 3 with an instance norm (own gain and bias) and SiLU between them, beside
a shortcut of 1 × 1; the three planes of space, and the three of time, lie in one tensor each as its groups.
hex_upsample_block.N: a transposed convolution whose kernel is its stride, and a convolution of 3 × 3, each followed by
an instance norm without parameters and a leaky ReLU (slope 0.1).
voxel_decoder: on the product of the planes of one frame: 1 × 1 × 1 (conv_in), two residual blocks of two convolutions
(conv_layers), a transposed convolution to the full resolution, and after sines and cosines of the voxel's numbers (t,
x, y, z) two of 1 × 1 × 1 that end in the classes (final_conv).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from ..fields.decoder import bounded_threads
from ..files.tensor_file import Tensors

if TYPE_CHECKING:
    import torch

ALL = slice(None)
SLOPE = 0.1
EMPTY_AXES = ((2, 5), (2, 4), (2, 3), (4, 5), (3, 5), (3, 4))
"""Where the planes xy, xz, yz, tx, ty, tz have no extent in (1,C,T,X,Y,Z)."""


class Decoder:
    """The weights `before` + "decoder.*" of `tensors`, as they are needed."""

    def __init__(self, tensors: Tensors, before: str) -> None:
        self._tensors, self._before = tensors, f"{before}decoder."
        self.classes = len(self._weight("voxel_decoder.final_conv.3.bias"))

    def labels(self, planes: Sequence[np.ndarray]) -> np.ndarray:
        """The label (T,X,Y,Z) u8 of every voxel, from the planes xy, xz, yz, tx, ty, tz (C,rows,columns).

        Raises BadInput where a tensor is missing or does not fit the others.
        """
        import torch

        with bounded_threads():
            found = [torch.from_numpy(np.ascontiguousarray(plane, np.float32))[None] for plane in planes]
            found = [self._scale_up(index, self._widen(index, plane)) for index, plane in enumerate(found)]
            spread = [plane.unsqueeze(a).unsqueeze(b) for plane, (a, b) in zip(found, EMPTY_AXES, strict=True)]
            frames = max(plane.shape[2] for plane in spread)
            return np.stack([self._frame(spread, frame) for frame in range(frames)])

    def _frame(self, spread: list[torch.Tensor], number: int) -> np.ndarray:
        product = None
        for plane in spread:
            frame = plane[:, :, number if plane.shape[2] > 1 else 0]
            product = frame if product is None else product * frame
        return self._voxels(product, number).argmax(1)[0].numpy().astype(np.uint8)

    def _weight(self, name: str) -> torch.Tensor:
        import torch

        if self._before + name not in self._tensors:
            raise BadInput(f"There is no {self._before}{name}.")
        return torch.from_numpy(self._tensors[self._before + name].astype(np.float32))

    def _conv(self, name: str, x: torch.Tensor, part: slice = ALL) -> torch.Tensor:
        """A convolution that keeps the size, with a `part` of its kernels."""
        import torch.nn.functional as functional

        weight, bias = self._weight(f"{name}.weight")[part], self._weight(f"{name}.bias")[part]
        run = functional.conv2d if weight.ndim == 4 else functional.conv3d
        return run(x, weight, bias, padding=weight.shape[-1] // 2)

    def _widen(self, index: int, plane: torch.Tensor) -> torch.Tensor:
        """`conv_block` of one plane. (Published code pads the three to one size with zeros, convolves them together and
        cuts them apart, which is the same, since convolutions pad with zeros too.)"""
        import torch.nn.functional as functional

        letter, group = ("h", "t")[index // 3], index % 3
        width = self._tensors.shapes[f"{self._before}conv_block.norms.{index}.weight"][0]
        part = slice(group * width, (group + 1) * width)
        gain, bias = (self._weight(f"conv_block.norms.{index}.{name}") for name in ("weight", "bias"))
        inner = self._conv(f"conv_block.in_layers_{letter}", plane, part)
        inner = functional.silu(functional.instance_norm(inner, weight=gain, bias=bias, eps=1e-6))
        outer = self._conv(f"conv_block.out_layers_{letter}.1", inner, part)
        return outer + self._conv(f"conv_block.shortcut_{letter}", plane, part)

    def _scale_up(self, index: int, plane: torch.Tensor) -> torch.Tensor:
        """`hex_upsample_block` of one plane."""
        import torch.nn.functional as functional

        name = f"hex_upsample_block.{index}.upsample"
        weight = self._weight(f"{name}.0.weight")
        plane = functional.conv_transpose2d(plane, weight, self._weight(f"{name}.0.bias"), stride=weight.shape[2:])
        return _normed(self._conv(f"{name}.3", _normed(plane)))

    def _voxels(self, x: torch.Tensor, frame: int) -> torch.Tensor:
        """`voxel_decoder` on one frame (1,C,X,Y,Z): (1,classes,X,Y,Z)."""
        import torch
        import torch.nn.functional as functional

        x = functional.leaky_relu(self._conv("voxel_decoder.conv_in.0", x), SLOPE)
        for block in ("voxel_decoder.conv_layers.0", "voxel_decoder.conv_layers.1"):
            x = x + _normed(self._conv(f"{block}.3", _normed(self._conv(f"{block}.0", x))))
        weight = self._weight("voxel_decoder.transpose_conv.weight")
        bias = self._weight("voxel_decoder.transpose_conv.bias")
        x = functional.conv_transpose3d(x, weight, bias, stride=weight.shape[2:])
        width = self._tensors.shapes[f"{self._before}voxel_decoder.final_conv.0.weight"][1]
        x = torch.cat([x, *_waves(x.shape[2:], frame, (width - x.shape[1]) // 8)], 1)
        return self._conv("voxel_decoder.final_conv.3", _normed(self._conv("voxel_decoder.final_conv.0", x)))


def _normed(x: torch.Tensor) -> torch.Tensor:
    """Instance norm and leaky ReLU."""
    import torch.nn.functional as functional

    return functional.leaky_relu(functional.instance_norm(x), SLOPE)


def _waves(sizes: torch.Size, frame: int, count: int) -> list[torch.Tensor]:
    """sin and cos of 2^k (t, x, y, z), k < count, at every voxel: `count` times (1,4,X,Y,Z) each."""
    import torch

    counts = [torch.arange(size, dtype=torch.float32) for size in sizes]
    place = torch.stack([torch.full(tuple(sizes), float(frame)), *torch.meshgrid(*counts, indexing="ij")])[None]
    return [wave(place * 2.0**index) for index in range(count) for wave in (torch.sin, torch.cos)]

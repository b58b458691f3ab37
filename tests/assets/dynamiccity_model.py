"""DynamicCity's decoder as its publication describes it, made of torch modules under the published names.

No oracle of its own code exists. Here the planes are padded, stacked and convolved in groups, and the frames are one
batch, as published; ours goes plane by plane and frame by frame.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

AXES = ("xy", "xz", "yz", "tx", "ty", "tz")


def joint(planes: list[torch.Tensor]) -> torch.Tensor:
    """Planes as channels of one, zeros behind them."""
    rows = max(plane.shape[2] for plane in planes)
    columns = max(plane.shape[3] for plane in planes)
    return torch.cat([functional.pad(p, (0, columns - p.shape[3], 0, rows - p.shape[2])) for p in planes], 1)


def apart(whole: torch.Tensor, like: list[torch.Tensor]) -> list[torch.Tensor]:
    """What `joint` has put together, in the sizes of `like`."""
    return [part[:, :, : plane.shape[2], : plane.shape[3]] for part, plane in zip(whole.chunk(3, 1), like, strict=True)]


class Widening(nn.Module):
    """`decoder.conv_block`."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        for letter in "ht":
            self.add_module(f"in_layers_{letter}", nn.Conv2d(3 * channels, 3 * width, 3, padding=1, groups=3))
            outer = nn.Sequential(nn.SiLU(), nn.Conv2d(3 * width, 3 * width, 3, padding=1, groups=3))
            self.add_module(f"out_layers_{letter}", outer)
            self.add_module(f"shortcut_{letter}", nn.Conv2d(3 * channels, 3 * width, 1, groups=3))
        self.norms = nn.ModuleList(nn.InstanceNorm2d(width, eps=1e-6, affine=True) for _ in AXES)

    def forward(self, planes: list[torch.Tensor]) -> list[torch.Tensor]:
        found = []
        for first, letter in ((0, "h"), (3, "t")):
            three = planes[first : first + 3]
            inner = apart(self.get_submodule(f"in_layers_{letter}")(joint(three)), three)
            inner = [self.norms[first + index](plane) for index, plane in enumerate(inner)]
            outer = self.get_submodule(f"out_layers_{letter}")(joint(inner))
            found += apart(outer + self.get_submodule(f"shortcut_{letter}")(joint(three)), three)
        return found


def convolved(channels: int, kernel: int, norm: type, convolution: type) -> list[nn.Module]:
    """A convolution that keeps the size, its norm and a leaky ReLU."""
    return [convolution(channels, channels, kernel, padding=kernel // 2), norm(channels), nn.LeakyReLU(0.1)]


class ScalingUp(nn.Module):
    """`decoder.hex_upsample_block.N`."""

    def __init__(self, width: int, factors: tuple[int, int]) -> None:
        super().__init__()
        first = [nn.ConvTranspose2d(width, width, factors, factors), nn.InstanceNorm2d(width), nn.LeakyReLU(0.1)]
        self.upsample = nn.Sequential(*first, *convolved(width, 3, nn.InstanceNorm2d, nn.Conv2d))


class Voxels(nn.Module):
    """`decoder.voxel_decoder`."""

    def __init__(self, width: int, hidden: int, fine: int, classes: int, frequencies: int) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.conv_in = nn.Sequential(nn.Conv3d(width, hidden, 1), nn.LeakyReLU(0.1))
        self.conv_layers = nn.ModuleList(
            nn.Sequential(*(part for _ in range(2) for part in convolved(hidden, kernel, nn.InstanceNorm3d, nn.Conv3d)))
            for kernel in (3, 1)
        )
        self.transpose_conv = nn.ConvTranspose3d(hidden, fine, 2, 2)
        self.final_conv = nn.Sequential(
            nn.Conv3d(fine + 8 * frequencies, classes, 1),
            nn.InstanceNorm3d(classes),
            nn.LeakyReLU(0.1),
            nn.Conv3d(classes, classes, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(T,C,X,Y,Z) → (T,classes,2X,2Y,2Z)."""
        x = self.conv_in(x)
        for layer in self.conv_layers:
            x = x + layer(x)
        x = self.transpose_conv(x)
        numbers = [torch.linspace(0, size - 1, size) for size in (x.shape[0], *x.shape[2:])]
        place = torch.stack(torch.meshgrid(*numbers, indexing="ij"), 1)
        for power in range(self.frequencies):
            x = torch.cat([x, torch.sin(2.0**power * place), torch.cos(2.0**power * place)], 1)
        return self.final_conv(x)


class Model(nn.Module):
    """A whole autoencoder of which only the decoder matters. Planes are scaled up twice along t."""

    def __init__(self, channels: int = 4, width: int = 6, classes: int = 12) -> None:
        super().__init__()
        self.decoder = nn.Module()
        self.decoder.conv_block = Widening(channels, width)
        factors = [(2 if pair[0] == "t" else 1, 1) for pair in AXES]
        self.decoder.hex_upsample_block = nn.ModuleList(ScalingUp(width, pair) for pair in factors)
        self.decoder.voxel_decoder = Voxels(width, 8, 5, classes, 3)
        self.encoder = nn.Linear(3, 3)

    @torch.no_grad()
    def logits(self, planes: list[torch.Tensor]) -> torch.Tensor:
        """(T,classes,X,Y,Z) of the planes (1,C,first,second)."""
        planes = self.decoder.conv_block(planes)
        blocks = self.decoder.hex_upsample_block
        product = 1.0
        for block, pair, plane in zip(blocks, AXES, planes, strict=True):
            spread = (slice(None), *(slice(None) if axis in pair else None for axis in "txyz"))
            product = product * block.upsample(plane)[0][spread]
        return self.decoder.voxel_decoder(product.transpose(0, 1))

"""Mesh → triplane: fits planes and a small decoder with TripoSR's layout to the surface of a mesh.

Design. Targets are measured once, at points around the surface and all over the box: density must cross its surface
level where the distance is 0, rise to matter and fall to nothing within one texel; beyond that only a wrong side costs.
Colour is asked for close to the surface alone, since nothing else is ever seen. Adam then fits planes and weights
together. Now and then it looks for places far from the surface that are on the wrong side, and goes on to train on
those as well: specks that float in empty space are too small to be hit by chance. The mesh's colours are lit softly
from above first: a radiance field has no lamp of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..asset import Provenance
from ..errors import BadInput
from ..families._parts import bias_of
from ..families.triposr import PLANES, describe_field
from ..fields.decoder import THREADS, best_device
from ..fields.description import FieldDescription
from ..fields.refit.targets import SampledSurface, Targets
from ..meshes.surface_samples import sample_surface
from ..progress import Job, Progress, stage
from ..triplane import Triplane
from . import Conversion, checked_numbers

if TYPE_CHECKING:
    import torch

    from ..mesh import Mesh

SURFACE_SAMPLES = 120_000
NEAR_POINTS = 300_000
BATCH = 12_288
MINED = 1 << 18
"""Random points among which wrong ones are looked for at a time."""

MINE_EVERY = 60
PADDING = 0.06
"""Space around the bounds, as a share of their longest side."""

WIDTH = 48
EMPTY, FULL = -9.0, 8.0
"""Raw densities of nothing and of matter: exp(raw − 1) is 4e-5 and 1100, of which one step of 128 absorbs 99.98 %."""

SURFACE = np.log(25.0) + 1.0
"""Raw density at the surface: TripoSR extracts its meshes at density 25."""


@dataclass
class _Fit:
    """What is being fitted, in the box's own coordinates (−1 … 1)."""

    planes: torch.Tensor
    layers: list[torch.nn.Linear]

    def raw(self, points: torch.Tensor) -> torch.Tensor:
        """Raw density and colour (N,4) at points (N,3)."""
        import torch
        from torch.nn import functional

        grids = torch.stack([points[:, [0, 1]], points[:, [0, 2]], points[:, [1, 2]]])[:, None]
        sampled = functional.grid_sample(self.planes, grids, mode="bilinear", align_corners=False)
        x = sampled[:, :, 0].permute(2, 0, 1).flatten(1)
        for layer in self.layers[:-1]:
            x = functional.silu(layer(x))
        return self.layers[-1](x)

    def parameters(self) -> list[dict[str, Any]]:
        """Groups for the optimiser: planes learn faster than weights."""
        weights = [parameter for layer in self.layers for parameter in layer.parameters()]
        return [{"params": [self.planes], "lr": 2e-2}, {"params": weights, "lr": 3e-3}]


def convert(
    mesh: Mesh, resolution: int = 96, channels: int = 16, steps: int = 1200, seed: int = 0, light: float = 0.5
) -> Job[Triplane]:
    """Fits a triplane to `mesh`, keeping its frame and transform. The same arguments give the same field.

    resolution, channels: of each plane. steps: of the optimiser, about 40 ms each on a processor core. light: how much
    soft light from above is baked into the colours, 0 … 1. Raises BadInput for a mesh without a surface and for values
    outside their range.
    """
    resolution, channels, steps, seed, light = _check(resolution, channels, steps, seed, light)
    yield Progress(0, 1, "Sampling the surface")
    surface = _sample(mesh, seed, light)
    texel = float((surface.box[1] - surface.box[0]).max()) / resolution
    yield from stage(surface.measure(), 0.0, 0.06)
    near = yield from stage(surface.targets(_points_near(surface, texel, seed)), 0.06, 0.12)
    examples = _Examples(near, surface, texel, best_device(), seed)
    fit = yield from stage(_optimise(examples, resolution, channels, steps), 0.12, 1.0)
    description, tensors = _describe(fit, surface.box, mesh.up_axis() or "y")
    options = {"resolution": resolution, "channels": channels, "steps": steps, "seed": seed, "light": light}
    declared = {"fitted from": mesh.name, **{name: str(value) for name, value in options.items()}}
    triplane = Triplane(f"{mesh.name} (triplane)", tensors, description, Provenance(family="fitted", declared=declared))
    triplane.transform = mesh.transform.copy()
    return triplane


def _check(resolution: Any, channels: Any, steps: Any, seed: Any, light: Any) -> tuple[int, int, int, int, float]:
    ranges = {
        "resolution": (resolution, int, 8, 512),
        "channels": (channels, int, 1, 64),
        "steps": (steps, int, 1, 100_000),
        "seed": (seed, int, 0, 2**31 - 1),
        "light": (light, float, 0.0, 1.0),
    }
    return tuple(checked_numbers(ranges))


def _sample(mesh: Mesh, seed: int, light: float) -> SampledSurface:
    """Oriented samples of the surface, in the padded box around it."""
    bounds = mesh.local_bounds()
    area = _area(mesh)
    if bounds is None or not area > 0:
        raise BadInput(f"{mesh.name}: has no surface that a field could be fitted to.")
    positions, normals, colors = sample_surface(mesh, SURFACE_SAMPLES, seed)
    # Samples come in world space; the field keeps the mesh's own frame.
    placement = mesh.transform[:3, :3]
    positions = (positions - mesh.transform[:3, 3]) @ np.linalg.inv(placement).T
    normals = normals @ placement
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    padding = PADDING * (bounds[1] - bounds[0]).max()
    up = {"y": (0, 1, 0), "-y": (0, -1, 0), "z": (0, 0, 1), "-z": (0, 0, -1)}[mesh.up_axis() or "y"]
    lit = _light(np.asarray(colors, np.float32), np.asarray(normals) @ np.array(up, np.float32), light)
    return SampledSurface(positions, normals, lit, area, bounds + [[-padding], [padding]])


def _area(mesh: Mesh) -> float:
    total = 0.0
    for part, matrix in mesh.instances():
        corners = (part.vertices @ matrix[:3, :3].T)[part.faces]
        total += (
            0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
        )
    return float(total)


def _light(colors: np.ndarray, upward: np.ndarray, amount: float) -> np.ndarray:
    """sRGB colours under a bright sky and a dim ground, mixed in linear light. upward: the normals' share of up."""
    sky = 0.45 + 0.65 * (0.5 + 0.5 * upward[:, None])
    factor = 1.0 + amount * (sky - 1.0)
    return np.clip(colors * factor ** (1 / 2.2), 0.0, 1.0).astype(np.float32)


def _points_near(surface: SampledSurface, texel: float, seed: int) -> np.ndarray:
    """Points at three scales of distance from the surface: (N,3) f32."""
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(surface.positions), size=NEAR_POINTS)
    spread = texel * rng.choice([0.35, 1.0, 3.0], p=[0.4, 0.4, 0.2], size=NEAR_POINTS)
    points = surface.positions[chosen] + rng.normal(size=(NEAR_POINTS, 3)) * spread[:, None]
    return np.clip(points, *surface.box).astype(np.float32)


class _Examples:
    """Points (−1 … 1 in the box) with what the field has to be there: distances in texels, colours."""

    def __init__(self, near: Targets, surface: SampledSurface, texel: float, device: str, seed: int) -> None:
        import torch

        low, high = (torch.tensor(side, dtype=torch.float32) for side in surface.box)
        self.random = torch.Generator().manual_seed(seed)
        self.device = device
        self.points = ((torch.from_numpy(near.points) - low) / (high - low) * 2 - 1).to(device)
        self.distances = torch.from_numpy(near.distances / texel).to(device)
        self.colors = torch.from_numpy(near.colors).to(device)
        self.lattice = torch.from_numpy(surface.lattice / texel)[None, None].to(device)
        self.known = 1.0 + 1.5 * surface.cell / texel
        """Distance in texels beyond which the lattice tells the side for sure."""
        self.wrong = self.points[:0]

    def batch(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Points, distances and colours: mostly near the surface, some far from it, and of those that were wrong."""
        import torch

        rows = torch.randint(len(self.points), (BATCH * 3 // 4,), generator=self.random).to(self.device)
        far = self._far(BATCH // 8)
        if len(self.wrong):
            chosen = torch.randint(len(self.wrong), (BATCH // 8,), generator=self.random).to(self.device)
            far = torch.cat([far, self.wrong[chosen]])
        colors = torch.cat([self.colors[rows], torch.zeros_like(far)])
        return torch.cat([self.points[rows], far]), torch.cat([self.distances[rows], self._distances(far)]), colors

    def mine(self, fit: _Fit) -> None:
        """Remembers places far from the surface where the field is on the wrong side."""
        import torch

        with torch.no_grad():
            for points in self._far(MINED).split(1 << 15):
                density = fit.raw(points)[:, 0]
                empty = self._distances(points) < 0
                wrong = torch.where(empty, density > EMPTY + 3, density < FULL - 3)
                self.wrong = torch.cat([self.wrong, points[wrong]])[-MINED:]

    def _far(self, count: int) -> torch.Tensor:
        import torch

        points = (torch.rand(count, 3, generator=self.random) * 2 - 1).to(self.device)
        return points[self._distances(points).abs() > self.known]

    def _distances(self, points: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        return functional.grid_sample(self.lattice, points[None, None, None], align_corners=True)[0, 0, 0, 0]


def _optimise(examples: _Examples, resolution: int, channels: int, steps: int) -> Job[_Fit]:
    """Fits planes and weights; yields the loss."""
    import torch

    fit = _start(resolution, channels, examples.random, examples.device)
    optimiser = torch.optim.Adam(fit.parameters(), betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [2e-2, 3e-3], total_steps=steps + 1, pct_start=0.05)
    before = torch.get_num_threads()
    for step in range(steps):
        torch.set_num_threads(min(THREADS, before))
        if step % MINE_EVERY == MINE_EVERY - 1:
            examples.mine(fit)
        points, distances, colors = examples.batch()
        loss = _loss(fit.raw(points), distances, colors)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        torch.set_num_threads(before)
        yield Progress(step + 1, steps, f"Fitting, loss {loss.item():.4f}")
    return fit


def _start(resolution: int, channels: int, random: torch.Generator, device: str) -> _Fit:
    import torch

    planes = 0.1 * torch.randn(3, channels, resolution, resolution, generator=random)
    sizes = [3 * channels, WIDTH, WIDTH, 4]
    layers = []
    for count, width in pairwise(sizes):
        layer = torch.nn.Linear(count, width)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(width, count, generator=random) * (2.0 / count) ** 0.5)
            layer.bias.zero_()
        layers.append(layer.to(device))
    return _Fit(planes.to(device).requires_grad_(), layers)


def _loss(raw: torch.Tensor, distances: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """The error of raw values (N,4) at points with signed `distances` (N,) in texels, positive inside."""
    import torch
    from torch.nn import functional

    density = raw[:, 0]
    ramp = SURFACE + torch.where(distances > 0, (FULL - SURFACE), (SURFACE - EMPTY)) * distances.clamp(-1, 1)
    # Beyond the ramp, more of the same is not wrong.
    beyond = ((distances >= 1) & (density > FULL)) | ((distances <= -1) & (density < EMPTY))
    error = functional.smooth_l1_loss(density, ramp, reduction="none", beta=2.0)
    seen = torch.exp(-((distances / 2.0) ** 2))[:, None]
    colour = (torch.sigmoid(raw[:, 1:]) - colors).abs() * seen
    return torch.where(beyond, 0.0, error).mean() * 0.1 + colour.mean() * 4.0


def _describe(fit: _Fit, box: np.ndarray, up: str) -> tuple[FieldDescription, dict[str, np.ndarray]]:
    tensors = {PLANES: fit.planes.detach().cpu().half().numpy()}
    weights = [f"decoder.layers.{2 * index}.weight" for index in range(len(fit.layers))]
    for name, layer in zip(weights, fit.layers, strict=True):
        tensors[name] = layer.weight.detach().cpu().numpy().copy()
        tensors[bias_of(name)] = layer.bias.detach().cpu().numpy().copy()
    low, high = (tuple(float(value) for value in side) for side in box)
    biases = {bias_of(name) for name in weights}
    return describe_field(weights, biases, low, high, up=up, family="fitted (TripoSR layout)"), tensors


CONVERSION = Conversion(
    "mesh",
    "triplane",
    "Fit a triplane",
    convert,
    {
        "resolution": "texels along each side of a plane (96)",
        "channels": "features per plane (16)",
        "steps": "of the optimiser (1200)",
        "seed": "of the random numbers (0)",
        "light": "soft light from above that is baked into the colours, 0 … 1 (0.5)",
    },
)

"""Measures triplanes: a frame by the family's own algorithm, in plain torch, against ours, and what ours bakes first.

usage: python -m tests.bench.fields FAMILY FILE STARTED (STARTED: time.time() of the caller); prints one line of JSON;
of TripoSR also how long its surface takes

The family's algorithm is its published one with its own numbers of samples: TripoSR takes 128 midpoints of every ray
that meets the box, 8192 points at a time; EG3D 48 samples of every ray, and then 48 where those have weight. It is
written here without our decoder, and has two threads.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .measure import draw, tell

if TYPE_CHECKING:
    import torch

SIZE = (256, 256)
CHUNK = 8192
FRAMES = 12
CAMERAS = {"triposr": ((1.55, 0.89, 0.65), (0, 0, 1), 40.0), "eg3d": ((1.3, 0.7, 2.26), (0, 1, 0), 13.4)}
"""Eye, upwards and vertical field of view in degrees of the family's own views; all look at the origin."""

THREADS = 2
RADIUS = 0.87
"""Half of TripoSR's box."""


def measure_field(family: str, path: Path) -> dict[str, float]:
    """Times of one triplane.

    first_s, baked_s: from choosing the file to its first picture, and to the bricks of the finest level, in a process
    that has drawn a triplane before. own_s: a frame by the family's algorithm; full_ms: our complete frame; ratio: of
    the two. agree_db: how near ours is to the other. bricks_mib: memory of the finest bricks.
    """
    import torch

    from assets.samples import sample_paths
    from renderers.camera import Camera
    from renderers.gl.context import create_context

    create_context()
    Running(sample_paths()[2])
    eye, up, fov = CAMERAS[family]
    camera = Camera.look_at(np.array(eye), np.zeros(3), up, fov, *SIZE)
    began = time.perf_counter()
    app = Running(path, camera)
    found = {"first_s": app.first - began, "baked_s": app.baked - began}
    found["bricks_mib"] = app.triplane.grid.nbytes / 2**20
    found["full_ms"] = 1e3 * app.time_frames()
    picture = app.picture()
    arrays = read_arrays(path)
    torch.set_num_threads(THREADS)
    began = time.perf_counter()
    with torch.inference_mode():
        own = OWN[family](arrays, *rays_of(camera))
    found["own_s"] = time.perf_counter() - began
    found["ratio"] = 1e3 * found["own_s"] / found["full_ms"]
    error = np.mean((own.reshape(*SIZE, 3).numpy().clip(0, 1) - picture) ** 2)
    found["agree_db"] = float(-10 * np.log10(error))
    return found


class Running:
    """A triplane that has been opened, baked and drawn as the application does it."""

    def __init__(self, path: Path, camera=None) -> None:
        from assets.formats import open_path
        from assets.progress import Partial, run
        from assets.scene import Scene
        from renderers.frame import Frame, FrameSettings
        from renderers.framing import framing

        self.scene, self.frame = Scene(), Frame()
        self.settings = FrameSettings(background=(1.0, 1.0, 1.0))
        (self.triplane,) = run(open_path(path))
        self.scene.add(self.triplane)
        self.camera = camera or framing(self.triplane.bounds(), "y", SIZE)
        self.first = None
        for event in self.triplane.preparation():
            if isinstance(event, Partial):
                self.triplane.accept(event.value)
                if self.first is None:
                    self.draw()
                    self.first = time.perf_counter()
        self.draw()
        self.baked = time.perf_counter()

    def draw(self) -> None:
        """A complete frame."""
        from renderers.renderer import Quality

        draw(self.frame, self.scene, self.camera, self.settings, Quality())

    def time_frames(self) -> float:
        """Median of complete frames, seconds."""
        walls = []
        for _ in range(FRAMES):
            began = time.perf_counter()
            self.draw()
            walls.append(time.perf_counter() - began)
        return float(np.median(walls))

    def picture(self) -> np.ndarray:
        """What is drawn, (H,W,3), 0 … 1."""
        return self.frame.draw(self.scene, self.camera, self.settings)[..., :3] / 255.0


def read_arrays(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .pt or .npz."""
    import torch

    if path.suffix == ".npz":
        return {name: torch.from_numpy(array) for name, array in np.load(path).items()}
    return torch.load(path, weights_only=True)


def rays_of(camera) -> tuple[torch.Tensor, torch.Tensor]:
    """Origins and unit directions (n,3) f32."""
    import torch

    return tuple(torch.from_numpy(np.ascontiguousarray(part.reshape(-1, 3), np.float32)) for part in camera.rays())


def crossing(origin: torch.Tensor, direction: torch.Tensor, half: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Where rays (n,3) enter and leave a cube of ±half, (n,) both."""
    import torch

    sides = torch.stack([(side - origin) / direction for side in (-half, half)])
    return sides.amin(0).amax(1).clamp_min(0), sides.amax(0).amin(1)


def features(planes: torch.Tensor, points: torch.Tensor, axes: tuple[tuple[int, int], ...]) -> torch.Tensor:
    """Features (planes,n,C) of planes (planes,C,H,W) at points (n,3), −1 … 1."""
    import torch

    grid = torch.stack([points[:, list(pair)] for pair in axes])[:, None]
    return torch.nn.functional.grid_sample(planes, grid, align_corners=False)[:, :, 0].transpose(1, 2)


def triposr(tensors: dict[str, torch.Tensor], origin: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """The picture (n,3) of TripoSR's algorithm on white."""
    import torch

    samples = 128
    enter, leave = crossing(origin, direction, RADIUS * (1 - 1e-3))
    valid = leave - enter > 0.01
    enter, leave = enter[valid, None], leave[valid, None]
    way = enter + (torch.arange(samples) + 0.5) / samples * (leave - enter)
    points = (origin[valid, None] + direction[valid, None] * way[..., None]).reshape(-1, 3)
    raw = triposr_raw(tensors, points).reshape(len(way), samples, 4)
    alpha = 1 - torch.exp(-torch.exp(raw[..., 0] - 1) / samples)
    picture = torch.ones(len(origin), 3)
    picture[valid] = composite(alpha, torch.sigmoid(raw[..., 1:]))[0]
    return picture


def triposr_raw(tensors: dict[str, torch.Tensor], points: torch.Tensor) -> torch.Tensor:
    """What TripoSR's decoder says at points (n,3), a chunk at a time: (n,4)."""
    import torch
    from torch.nn import functional

    planes = tensors["scene_codes"].reshape(-1, *tensors["scene_codes"].shape[-3:])[:3].float()
    names = [name for index in range(0, 20, 2) if (name := f"decoder.layers.{index}") + ".weight" in tensors]
    layers = [(tensors[f"{name}.weight"].float(), tensors[f"{name}.bias"].float()) for name in names]
    parts = []
    for part in points.split(CHUNK):
        x = features(planes, part / RADIUS, ((0, 1), (0, 2), (1, 2))).transpose(0, 1).flatten(1)
        for number, (weight, bias) in enumerate(layers):
            x = functional.linear(x, weight, bias)
            x = functional.silu(x) if number < len(layers) - 1 else x
        parts.append(x)
    return torch.cat(parts)


def measure_surface(path: Path) -> dict[str, float]:
    """Times of TripoSR's surface on 256³ points. grid_s: its own way, every point through the decoder; mesh_s: ours,
    from the opened asset to the coloured mesh; mesh_ratio: of the two."""
    import torch

    from assets.convert import convert
    from assets.formats import open_path
    from assets.progress import run

    (triplane,) = run(open_path(path))
    began = time.perf_counter()
    mesh = run(convert(triplane, "mesh", resolution=256))
    found = {"mesh_s": time.perf_counter() - began, "faces": len(mesh.parts[0].faces)}
    tensors, axis = read_arrays(path), torch.linspace(-RADIUS, RADIUS, 256)
    torch.set_num_threads(THREADS)
    began = time.perf_counter()
    with torch.inference_mode():
        for x in axis:
            triposr_raw(tensors, torch.stack(torch.meshgrid(x[None], axis, axis, indexing="ij"), -1).reshape(-1, 3))
    found["grid_s"] = time.perf_counter() - began
    return found | {"mesh_ratio": found["grid_s"] / found["mesh_s"]}


def composite(alpha: torch.Tensor, color: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Colours (n,3) on white and weights (n,k) of samples (n,k) and (n,k,3) in their order."""
    import torch

    through = torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha + 1e-10], 1), 1)[:, :-1]
    weights = alpha * through
    return (weights[..., None] * color).sum(1) + 1 - weights.sum(1, keepdim=True), weights


def eg3d(tensors: dict[str, torch.Tensor], origin: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """The picture (n,3) of EG3D's algorithm on white, without chance, 8 rows of it at a time."""
    import torch

    rows = 8 * SIZE[0]
    parts = zip(origin.split(rows), direction.split(rows), strict=True)
    return torch.cat([_eg3d_rows(tensors, *part) for part in parts])


def _eg3d_rows(tensors: dict[str, torch.Tensor], origin: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    import torch

    near, far, samples = 2.25, 3.15, 48
    first = near + (torch.arange(samples) + 0.5) / (samples - 1) * (far - near)
    first = first.expand(len(origin), -1)
    raw, color = _eg3d_decoder(tensors, origin, direction, first)
    weights = _eg3d_march(first, raw, color)[1]
    pairs = torch.nn.functional.max_pool1d(weights[:, None], 2, 1, padding=1)
    weights = torch.nn.functional.avg_pool1d(pairs, 2, 1)[:, 0, 1:-1] + 0.01
    shares = torch.cumsum(weights / weights.sum(1, keepdim=True), 1)
    shares = torch.cat([torch.zeros_like(shares[:, :1]), shares], 1)
    wanted = ((torch.arange(samples) + 0.5) / samples).expand(len(origin), -1).contiguous()
    above = torch.searchsorted(shares, wanted, right=True).clamp(1, shares.shape[1] - 1)
    borders = (first[:, 1:] + first[:, :-1]) / 2
    low, start = shares.gather(1, above - 1), borders.gather(1, above - 1)
    second = start + (wanted - low) / (shares.gather(1, above) - low) * (borders.gather(1, above) - start)
    more_raw, more_color = _eg3d_decoder(tensors, origin, direction, second)
    way, order = torch.cat([first, second], 1).sort(1)
    raw = torch.cat([raw, more_raw], 1).gather(1, order)
    color = torch.cat([color, more_color], 1).gather(1, order[..., None].expand(-1, -1, color.shape[-1]))
    return _eg3d_march(way, raw, color)[0][:, :3]


def _eg3d_decoder(
    tensors: dict[str, torch.Tensor], origin: torch.Tensor, direction: torch.Tensor, way: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Raw density (n,k) and the 32 colour features (n,k,32) at ways (n,k)."""
    import torch
    from torch.nn import functional

    points = (origin[:, None] + direction[:, None] * way[..., None]).reshape(-1, 3) * 2
    x = features(tensors["planes"][0].float(), points, ((0, 1), (0, 2), (2, 0))).mean(0)
    for number in (0, 2):
        weight, bias = tensors[f"decoder.net.{number}.weight"], tensors[f"decoder.net.{number}.bias"]
        x = functional.linear(x, weight.float() / weight.shape[1] ** 0.5, bias.float())
        x = functional.softplus(x) if number == 0 else x
    x = x.reshape(*way.shape, -1)
    return x[..., 0], torch.sigmoid(x[..., 1:]) * 1.002 - 0.001


def _eg3d_march(way: torch.Tensor, raw: torch.Tensor, color: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    density = torch.nn.functional.softplus((raw[:, 1:] + raw[:, :-1]) / 2 - 1)
    alpha = 1 - torch.exp(-density * (way[:, 1:] - way[:, :-1]))
    return composite(alpha, (color[:, 1:] + color[:, :-1]) / 2)


OWN = {"triposr": triposr, "eg3d": eg3d}


def main() -> None:
    """Measures the family and the file of the arguments."""
    family, path = sys.argv[1], Path(sys.argv[2])
    tell(measure_field(family, path) | (measure_surface(path) if family == "triposr" else {}))


if __name__ == "__main__":
    main()

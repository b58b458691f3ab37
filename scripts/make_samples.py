"""Makes the bundled sample scene: three thrown vessels of one glaze, as a mesh, as splats and as a triplane.

    python scripts/make_samples.py [FOLDER]

All shapes are computed here, so the files are ours to ship. The triplane is fitted to the mesh of its vessel by the
same conversion that the window offers. The same machine writes the same files; it takes about two minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from assets.convert.mesh_to_triplane import convert  # noqa: E402
from assets.formats import save_path  # noqa: E402
from assets.gaussians import Gaussians, TrainerNotes  # noqa: E402
from assets.mesh import Material, Mesh, MeshNode, MeshPart  # noqa: E402
from assets.progress import run  # noqa: E402
from assets.samples import NAMES  # noqa: E402
from assets.splats.spherical_harmonics import C0, basis  # noqa: E402
from assets.triplane import Triplane  # noqa: E402
from main import main as triptych  # noqa: E402

SPACING = 0.92
"""Between the vessels, which stand side by side along x."""

SPLATS = 15_000
CARD_SIZE = "504x300"
"""Pixels of the small pictures: three times those of a card on the start page."""
LIGHT = np.array([0.45, 0.8, 0.4]) / np.linalg.norm([0.45, 0.8, 0.4])
INK, TEAL, SAND, CORAL, GOLD = (
    np.array(color) / 255 for color in ((22, 42, 64), (38, 128, 134), (236, 220, 190), (226, 110, 80), (228, 170, 84))
)


@dataclass(frozen=True)
class Vessel:
    """A thrown vessel. profile: control points (radius, height) from the foot up the wall, over the rim and down
    inside. lobes: flutes around it, of relative `depth`, turned by `twist` radians from foot to rim. glaze: the colour
    (N,3) at height shares and angles."""

    profile: tuple[tuple[float, float], ...]
    lobes: int
    depth: float
    twist: float
    glaze: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def points(self, along: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """Places (…,3) at shares 0…1 of the profile's length and angles in radians."""
        radius, height = _curve(np.array(self.profile), along)
        share = height / max(h for _, h in self.profile)
        # Flutes fade out at the foot and the rim, where a hand has smoothed them.
        envelope = np.clip(share * 6, 0, 1) * np.clip((1 - share) * 5, 0, 1)
        flute = 1 + self.depth * envelope * np.cos(self.lobes * angles + self.twist * share)
        return np.stack([radius * flute * np.cos(angles), height, radius * flute * np.sin(angles)], -1)

    def normals(self, along: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """Unit normals (…,3) that point out of the clay."""
        step = 1e-4
        up = self.points(np.minimum(along + step, 1), angles) - self.points(np.maximum(along - step, 0), angles)
        around = self.points(along, angles + step) - self.points(along, angles - step)
        normals = np.cross(up, around)
        lengths = np.linalg.norm(normals, axis=-1, keepdims=True)
        below = np.where(along[..., None] < 0.5, [0.0, -1.0, 0.0], [0.0, 1.0, 0.0])
        return np.where(lengths > 1e-12, normals / np.maximum(lengths, 1e-12), below)

    def colors(self, along: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """sRGB colours (…,3), 0…1; the inside is unglazed sand, the rim gilded."""
        points = self.points(along, angles)
        share = points[..., 1] / max(h for _, h in self.profile)
        outside = self.glaze(share, angles + self.twist * share / max(self.lobes, 1))
        rim_at = _knots(np.array(self.profile))[np.argmax([h for _, h in self.profile])]
        inside = np.clip((along - rim_at) * 40, 0, 1)[..., None]
        gilded = np.exp(-(((along - rim_at) / 0.012) ** 2))[..., None]
        color = outside + (0.82 * SAND - outside) * inside
        return color + (GOLD - color) * gilded


def bottle_glaze(share: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Ink at the foot, teal above, a coral band with a wavy border, sand at the neck."""
    wave = 0.02 * np.sin(3 * angles) + 0.012 * np.sin(7 * angles + 1)
    color = _mix(INK, TEAL, _ramp(share, 0.05, 0.45))
    color = _mix(color, CORAL, _ramp(share + wave, 0.49, 0.52))
    color = _mix(color, GOLD, _ramp(share + wave, 0.57, 0.59))
    return _mix(color, SAND, _ramp(share + wave, 0.60, 0.62))


def jar_glaze(share: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Sand over a teal foot, with coral flames that rise and thin out, and ink specks."""
    flames = 0.34 + 0.10 * np.sin(5 * angles) + 0.05 * np.sin(9 * angles + 2) + 0.03 * np.sin(17 * angles)
    color = _mix(TEAL, CORAL, _ramp(share, flames - 0.20, flames - 0.06))
    color = _mix(color, SAND, _ramp(share, flames + 0.02, flames + 0.10))
    return _mix(color, TEAL, 0.85 * _ramp(share, 0.86, 0.92))


def bowl_glaze(share: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Coral at the foot, gold line, then broad diagonal stripes of ink and teal."""
    stripes = _ramp(np.sin(6 * angles + 5 * share), -0.10, 0.10)
    color = _mix(INK, TEAL, stripes)
    color = _mix(color, SAND, _ramp(share, 0.80, 0.84))
    color = _mix(GOLD, color, _ramp(share, 0.27, 0.29))
    return _mix(CORAL, color, _ramp(share, 0.23, 0.25))


BOTTLE = Vessel(
    ((0.0, 0.0), (0.19, 0.0), (0.225, 0.02), (0.31, 0.20), (0.30, 0.38), (0.18, 0.58), (0.105, 0.74), (0.115, 0.90),
     (0.165, 1.0), (0.15, 0.995), (0.09, 0.90), (0.075, 0.74), (0.145, 0.575), (0.26, 0.37), (0.265, 0.20),
     (0.16, 0.06), (0.0, 0.05)),
    lobes=14, depth=0.035, twist=3.2, glaze=bottle_glaze,
)  # fmt: skip
JAR = Vessel(
    ((0.0, 0.0), (0.16, 0.0), (0.20, 0.03), (0.33, 0.20), (0.375, 0.38), (0.34, 0.57), (0.22, 0.70), (0.175, 0.76),
     (0.20, 0.80), (0.17, 0.79), (0.145, 0.75), (0.19, 0.68), (0.30, 0.55), (0.335, 0.38), (0.29, 0.21), (0.0, 0.07)),
    lobes=20, depth=0.025, twist=-3.4, glaze=jar_glaze,
)  # fmt: skip
BOWL = Vessel(
    ((0.0, 0.0), (0.155, 0.0), (0.175, 0.015), (0.125, 0.07), (0.125, 0.11), (0.25, 0.21), (0.335, 0.36), (0.365, 0.54),
     (0.352, 0.562), (0.33, 0.54), (0.298, 0.37), (0.22, 0.245), (0.09, 0.165), (0.0, 0.155)),
    lobes=10, depth=0.04, twist=1.6, glaze=bowl_glaze,
)  # fmt: skip


def vessel_mesh(vessel: Vessel, name: str, x: float, rows: int = 80, columns: int = 120) -> Mesh:
    """A vessel as a mesh with vertex colours, placed at `x`."""
    along, angles = np.meshgrid(
        np.linspace(0, 1, rows), np.linspace(0, 2 * np.pi, columns, endpoint=False), indexing="ij"
    )
    colors = np.concatenate([vessel.colors(along, angles), np.ones((rows, columns, 1))], -1)
    first = np.arange(rows - 1)[:, None] * columns + np.arange(columns)
    right = np.arange(rows - 1)[:, None] * columns + (np.arange(columns) + 1) % columns
    quads = np.stack([first, first + columns, right + columns, first, right + columns, right], -1)
    # The ends of the profile lie on the axis: there one triangle of each quad is a point.
    triangles = quads.reshape(rows - 1, columns, 2, 3)
    faces = np.concatenate([triangles[0, :, 0], triangles[1:-1].reshape(-1, 3), triangles[-1, :, 1]])
    part = MeshPart(
        name,
        vessel.points(along, angles).reshape(-1, 3).astype(np.float32),
        faces.astype(np.uint32),
        vessel.normals(along, angles).reshape(-1, 3).astype(np.float32),
        colors=(colors.reshape(-1, 4) * 255).round().astype(np.uint8),
        material=0,
    )
    placement = np.eye(4)
    placement[0, 3] = x
    return Mesh(name, [part], [MeshNode(name, matrix=placement, parts=(0,))], [Material("glaze", roughness=0.35)])


def vessel_splats(vessel: Vessel, name: str, x: float, count: int = SPLATS) -> Gaussians:
    """A vessel as flat splats that cover it evenly, with a sheen that moves with the eye (spherical harmonics)."""
    along, angles, area = _spread_evenly(vessel, count)
    points, normals = vessel.points(along, angles), vessel.normals(along, angles)
    around = np.stack([-np.sin(angles), np.zeros(count), np.cos(angles)], -1)
    around -= normals * np.sum(around * normals, -1, keepdims=True)
    around /= np.linalg.norm(around, axis=-1, keepdims=True)
    axes = np.stack([around, np.cross(normals, around), normals], -1)
    sigma = 0.62 * (area / count) ** 0.5
    scales = np.tile(np.array([0.85, 1.25, 0.12]) * sigma, (count, 1))
    # Where the clay bends sharply, at the rim, a long disc would stick out like a hair.
    scales[:, 1] = np.clip(0.35 / _bend(vessel, along, angles), 0.3 * sigma, scales[:, 1])
    return Gaussians(
        name,
        (points + [x, 0, 0]).astype(np.float32),
        np.log(scales).astype(np.float32),
        _quaternions(axes).astype(np.float32),
        np.full(count, 3.5, np.float32),
        _lit_harmonics(vessel.colors(along, angles), normals).astype(np.float32),
        notes=TrainerNotes(up_axis="y"),
    )


def vessel_triplane(vessel: Vessel, name: str, x: float) -> Triplane:
    """A vessel as a field, fitted to its mesh."""
    triplane = run(convert(vessel_mesh(vessel, name, 0.0, 240, 288), resolution=96, channels=12, steps=1200), _show)
    triplane.name = name
    triplane.transform[0, 3] = x
    return triplane


def main(folder: Path) -> None:
    """Writes the three files into `folder`, and beside each a small picture for the start page."""
    folder.mkdir(parents=True, exist_ok=True)
    bottle, jar, bowl = (folder / name for name in NAMES)
    run(save_path(vessel_mesh(BOTTLE, "bottle", -SPACING), bottle))
    run(save_path(vessel_splats(JAR, "jar", 0.0), jar))
    run(save_path(vessel_triplane(BOWL, "bowl", SPACING), bowl))
    for path in (bottle, jar, bowl):
        picture = path.with_suffix(".png")
        triptych([str(path), "--screenshot", str(picture), "--size", CARD_SIZE, "--background", "transparent"])


def _curve(profile: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radius and height on the smooth curve through the profile's points."""
    from scipy.interpolate import CubicSpline

    radius, height = CubicSpline(_knots(profile), profile)(along).T
    return np.maximum(radius, 0).T, height.T


def _knots(profile: np.ndarray) -> np.ndarray:
    """Where the points lie on the curve, 0…1 (centripetal: Lee 1989), so that it neither loops nor overshoots."""
    steps = np.linalg.norm(np.diff(profile, axis=0), axis=1) ** 0.5
    return np.concatenate([[0], np.cumsum(steps)]) / steps.sum()


def _spread_evenly(vessel: Vessel, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Shares of the profile and angles of `count` places of equal area, and the area (R2 sequence, Roberts 2018)."""
    along, angles = np.meshgrid(np.linspace(0, 1, 800), np.linspace(0, 2 * np.pi, 257), indexing="ij")
    points = vessel.points(along, angles)
    up, right = np.diff(points, axis=0)[:, :-1], np.diff(points, axis=1)[:-1]
    rings = np.linalg.norm(np.cross(up, right), axis=-1).sum(1)
    golden = 1.32471795724474602596
    index = np.arange(1, count + 1)
    u, v = (0.5 + index / golden) % 1, (0.5 + index / golden**2) % 1
    shares = np.concatenate([[0], np.cumsum(rings)]) / rings.sum()
    return np.interp(u, shares, along[:, 0]), v * 2 * np.pi, float(rings.sum())


def _bend(vessel: Vessel, along: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Curvature along the profile (N,), 1 / length."""
    before, after = np.maximum(along - 2e-3, 0), np.minimum(along + 2e-3, 1)
    turned = np.linalg.norm(vessel.normals(after, angles) - vessel.normals(before, angles), axis=-1)
    walked = np.linalg.norm(vessel.points(after, angles) - vessel.points(before, angles), axis=-1)
    return np.maximum(turned / np.maximum(walked, 1e-9), 1e-3)


def _lit_harmonics(colors: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """SH coefficients (N,4,3): the colour under a soft light, and a lobe around the mirrored light.

    A lobe Σ zₗ Yₗₘ(axis) Yₗₘ(d) is a zonal function around `axis`; d runs from the eye to the splat.
    """
    facing = normals @ LIGHT
    base = colors * (0.55 + 0.45 * (0.5 + 0.5 * facing[:, None]) + 0.10 * np.clip(normals[:, 1:2], 0, 1))
    mirrored = 2 * facing[:, None] * normals - LIGHT
    lobe = basis(-mirrored, 1)[:, :, None] * np.array([0.0, 0.26, 0.26, 0.26])[:, None]
    harmonics = lobe * (0.35 + 0.65 * np.clip(facing, 0, 1))[:, None, None] * (0.6 * SAND + 0.4)
    harmonics[:, 0] += (np.clip(base, 0, 1) - 0.5) / C0
    return harmonics


def _quaternions(axes: np.ndarray) -> np.ndarray:
    """Unit quaternions (N,4) w x y z of rotations (N,3,3)."""
    from scipy.spatial.transform import Rotation

    return np.roll(Rotation.from_matrix(axes).as_quat(), 1, axis=1)


def _ramp(value: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    share = np.clip((value - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _mix(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return first + (second - first) * share[..., None]


def _show(progress) -> None:
    if progress.text.startswith("Fitting") and round(progress.fraction * 1000) % 100 == 0:
        sys.stderr.write(f"{progress.fraction:4.0%}  {progress.text}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "assets" / "samples")

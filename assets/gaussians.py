"""Gaussian splats, in the space that trainers store them in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .asset import Asset, Provenance
from .display import Display, Setting, setting
from .progress import Job, Partial, Progress
from .splats.sorting import ascending

LARGEST_LOG_SCALE = 20.0
"""Sizes are clamped to e^±20 when drawn: beyond that they are damage, and their squares leave f32."""

FAINTEST_OPACITY = 1 / 255
"""What adds less than this to a pixel is not drawn, as in the trainers' own renderers."""

LARGEST_RADIUS_PX = 2048.0
"""Where the limit of radii in the picture ends, and hides nothing."""

MODES = ("colour", "depth", "normal", "opacity", "centres", "rings", "ellipsoids", "overdraw")

_BLOCK = 131072
_SAMPLE = 20_000

_STRAY = 8.0
"""How many times larger than most of them a set of splats may be and still be shown as a whole."""


@dataclass
class GaussiansDisplay(Display):
    """How splats are shown."""

    mode: str = setting("colour", "Mode", "What is drawn", choices=MODES)
    sh_degree: int = setting(
        3, "SH degree", "Highest band of view-dependent colour that is drawn", low=0, high=3, slider=True
    )
    size: float = setting(1.0, "Splat size", "Factor on the size of every splat", low=0.01, high=4.0, step=0.05)
    extent: float = setting(
        2.0, "Extent", "How far ellipsoids and rings reach", low=1.0, high=3.0, step=0.1, unit="σ", slider=True
    )
    min_opacity: float = setting(0.0, "Opacity from", "Hide fainter splats", low=0.0, high=1.0, step=0.01, slider=True)
    max_opacity: float = setting(1.0, "Opacity to", "Hide denser splats", low=0.0, high=1.0, step=0.01, slider=True)
    max_scale: float = setting(
        1.0,
        "Largest splat",
        "Hide splats larger than this share of the scene",
        low=0.0,
        high=1.0,
        step=0.01,
        slider=True,
    )
    max_radius: float = setting(
        LARGEST_RADIUS_PX,
        "Largest radius",
        "Hide splats that reach farther than this in the picture; at its end, none",
        low=1.0,
        high=LARGEST_RADIUS_PX,
        step=1.0,
        unit="px",
        slider=True,
        factors=True,
    )


@dataclass
class PlyLayout:
    """How a .ply stored its splats, so that it can be saved byte for byte.

    header: as it was in the file. dtype: a row of the vertex element, in the file's byte order. before, after: bytes
    between header and vertices, and behind them. exact: columns whose type holds more than f32 does, (N,) each. text:
    everything behind the header of a text file, None for binary ones and for those too long to keep.
    """

    header: bytes
    dtype: np.dtype
    before: bytes = b""
    after: bytes = b""
    exact: dict[str, np.ndarray] = field(default_factory=dict)
    text: bytes | None = None

    @property
    def nbytes(self) -> int:
        """Main memory that is kept for saving, in bytes."""
        kept = sum(len(part) for part in (self.header, self.before, self.after, self.text or b""))
        return kept + sum(array.nbytes for array in self.exact.values())


@dataclass
class TrainerNotes:
    """What the trainer declared. `antialiasing`: "classic" (2D covariance + 0.3 px) or "mip" (with opacity
    compensation). `kernel`: "3dgs" or "2dgs". `color_space`: "srgb" or "linear", in which colours are evaluated and
    blended. None in `up_axis`: not said."""

    antialiasing: str = "classic"
    kernel: str = "3dgs"
    color_space: str = "srgb"
    up_axis: str | None = None


class Gaussians(Asset):
    """Splats. means (N,3) f32; log_scales (N,3) f32, natural log of σ, or (N,2) for surfels; rotations (N,4) f32
    w x y z as stored (not necessarily unit); logit_opacities (N,) f32; sh (N,K,3) f32 with K = (degree+1)²,
    coefficient 0 the DC term. extra: further columns of the file by name, each (N,), kept for saving; those that held
    only zeros are left out. order: (N,) u32, the most visible splats first, None until prepared. An edit replaces
    arrays and never writes into them: what was computed from one is kept for as long as it is there."""

    kind = "gaussians"
    display_type = GaussiansDisplay
    data_fields = (
        "means", "log_scales", "rotations", "logit_opacities", "sh", "extra", "layout", "order", "notes", "provenance",
    )  # fmt: skip
    prepared_fields = ("order",)

    def __init__(
        self,
        name: str,
        means: np.ndarray,
        log_scales: np.ndarray,
        rotations: np.ndarray,
        logit_opacities: np.ndarray,
        sh: np.ndarray,
        extra: dict[str, np.ndarray] | None = None,
        notes: TrainerNotes | None = None,
        layout: PlyLayout | None = None,
        provenance: Provenance | None = None,
    ) -> None:
        super().__init__(name, provenance)
        self.means = means
        self.log_scales = log_scales
        self.rotations = rotations
        self.logit_opacities = logit_opacities
        self.sh = sh
        self.extra = extra or {}
        self.notes = notes or TrainerNotes()
        self.layout = layout
        self.order: np.ndarray | None = None
        self.highlight: np.ndarray | None = None
        """Which splats (N,) bool are lit up in pictures of the window; it belongs to the look, and no edit keeps it."""
        self._bounds: tuple[np.ndarray, np.ndarray] | None = None
        self._most: tuple[np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.means)

    @property
    def sh_degree(self) -> int:
        """Highest band of spherical harmonics that is stored: 0 … 3."""
        return round(self.sh.shape[1] ** 0.5) - 1

    def local_bounds(self) -> np.ndarray | None:
        if not len(self.means):
            return None
        if self._bounds is None or self._bounds[0] is not self.means:
            # Column by column: numpy reduces rows of three ten times more slowly.
            ends = [[reduce(column) for column in self.means.T] for reduce in (np.min, np.max)]
            self._bounds = (self.means, np.array(ends, np.float64))
        return self._bounds[1].copy()

    def seen_bounds(self) -> np.ndarray | None:
        """The box around all splats; around most of them where few lie so far away that the others would be a dot."""
        whole = self.local_bounds()
        if whole is None:
            return None
        box, middle = whole, self._middle()
        size = float(np.linalg.norm(middle[1] - middle[0]))
        if 0 < size * _STRAY < np.linalg.norm(whole[1] - whole[0]):
            box = np.stack([np.maximum(whole[0], middle[0] - size / 8), np.minimum(whole[1], middle[1] + size / 8)])
        return self._placed(self._with_warp(box))

    def _middle(self) -> np.ndarray:
        """`middle_box` of a sample of the centres."""
        if self._most is None or self._most[0] is not self.means:
            self._most = (self.means, middle_box(self.means[:: -(-len(self.means) // _SAMPLE)]))
        return self._most[1]

    def up_axis(self) -> str | None:
        return self.notes.up_axis

    def sharing(self, **changed: Any) -> Gaussians:
        """Another asset of which some arguments of the constructor are `changed`; it shares all else, its place and
        its look among it, and the order in which splats matter."""
        names = ("means", "log_scales", "rotations", "logit_opacities", "sh", "extra", "notes", "layout", "provenance")
        out = Gaussians(self.name, **({name: getattr(self, name) for name in names} | changed))
        out.transform, out.display, out.visible, out.order = self.transform, self.display, self.visible, self.order
        return out

    def set_highlight(self, highlight: np.ndarray | None) -> None:
        """Lights up the splats (N,) bool, or none, and emits "highlight"."""
        self.highlight = highlight
        self.changed.emit(self, "highlight")

    def lit(self) -> np.ndarray | None:
        """`highlight`, where it is about the splats that are there."""
        return self.highlight if self.highlight is not None and len(self.highlight) == len(self) else None

    def set_state(self, state: dict[str, Any]) -> None:
        if len(state.get("means", self.means)) != len(self):
            self.highlight = None
        super().set_state(state)

    def settings(self) -> tuple[Setting, ...]:
        idle = set() if self.display.mode in ("ellipsoids", "rings") else {"extent"}
        if not self.sh_degree or self.display.mode in ("depth", "normal", "opacity", "overdraw"):
            idle.add("sh_degree")
        degree = {"default": self.sh_degree, "high": self.sh_degree}
        return tuple(
            replace(entry, **degree) if entry.name == "sh_degree" else entry
            for entry in super().settings()
            if entry.name not in idle
        )

    @property
    def nbytes(self) -> int:
        own = (self.means, self.log_scales, self.rotations, self.logit_opacities, self.sh)
        kept = self.layout.nbytes if self.layout else 0
        return sum(array.nbytes for array in (*own, *self.extra.values())) + kept

    def counts(self) -> dict[str, int]:
        return {"splats": len(self.means)}

    def facts(self) -> dict[str, str]:
        return {
            "SH degree": str(self.sh_degree),
            "antialiasing": self.notes.antialiasing,
            "kernel": self.notes.kernel,
            "colour space": "linear light" if self.notes.color_space == "linear" else "sRGB",
        }

    def drawn(self, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sizes σ (n,3) and opacities (n,) of `rows` as they are drawn, f32 linear: a surfel has no thickness, and
        where the trainer smoothed in 3D (a column filter_3D of lengths f) σ' = √(σ²+f²) and α' = α·√(Πσ²/Πσ'²), as
        in Mip-Splatting (Yu et al. 2024, eq. 9)."""
        scales = np.exp(np.clip(self.log_scales[rows], -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE))
        with np.errstate(over="ignore"):
            opacities = 1 / (1 + np.exp(-self.logit_opacities[rows]))
        width = self.extra.get("filter_3D")
        if width is not None:
            smoothed = np.sqrt(scales**2 + np.asarray(width[rows], np.float32)[:, None] ** 2)
            opacities = opacities * np.prod(scales / smoothed, 1)
            scales = smoothed
        if scales.shape[1] == 2:
            scales = np.concatenate([scales, np.zeros((len(scales), 1), scales.dtype)], 1)
        return scales, opacities

    def preparation(self, eye: np.ndarray | None = None) -> Job[None] | None:
        return self._prepare() if self.order is None and len(self) else None

    def accept(self, prepared: np.ndarray) -> None:
        """Takes the order in which splats matter."""
        self.order = prepared
        self.changed.emit(self, "prepared")

    def _prepare(self) -> Job[None]:
        yield Partial((yield from self.by_visibility()))

    def by_visibility(self) -> Job[np.ndarray]:
        """A job that returns the order (N,) u32 in which splats matter: any first part of it covers the whole asset.

        A weighted random order: splat i comes before splat j with the odds of their weights, opacity × the area of the
        two largest axes, so each part of a surface keeps its share of splats; sorting by weight alone would leave out
        what is made of many small ones. Sorted by −ln(u)/w with u uniform (Efraimidis & Spirakis 2006). Those too faint
        to be drawn come last.
        """
        random = np.random.default_rng(0)
        rank = np.empty(len(self), np.float32)
        for start in range(0, len(self), _BLOCK):
            rows = slice(start, start + _BLOCK)
            scales, opacities = self.drawn(rows)
            x, y, z = scales.T
            weights = opacities * np.maximum(np.maximum(x * y, y * z), x * z)
            weights[opacities < FAINTEST_OPACITY] = 0
            with np.errstate(divide="ignore", over="ignore"):
                rank[rows] = random.standard_exponential(len(weights), np.float32) / weights
            yield Progress(min(start + _BLOCK, len(self)), len(self), "Ordering splats")
        return ascending(rank)


def middle_box(points: np.ndarray) -> np.ndarray:
    """The box (2,3) f64 around `points` (n,3) but for one in a hundred at each end of each axis."""
    return np.percentile(points.astype(np.float64), (1, 99), axis=0)

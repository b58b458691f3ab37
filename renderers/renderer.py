"""What a renderer is: the one interface through which a frame draws an asset of any kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np

from assets.asset import Asset
from assets.registry import records

from .camera import Camera


class Stage(IntEnum):
    """When a renderer draws. Opaque ones write depth; fields and splats are drawn against it."""

    OPAQUE = 0
    FIELD = 1
    SPLAT = 2


@dataclass(frozen=True)
class Quality:
    """How much of the picture is drawn. 1 everywhere is the full picture.

    scale: linear share of the resolution. detail: share of splats, steps or triangles, each renderer in its own terms
    (an importance-ordered prefix, longer steps, a proxy). samples: jittered pictures of the opaque stage that are
    averaged.
    """

    scale: float = 1.0
    detail: float = 1.0
    samples: int = 1

    @property
    def full(self) -> bool:
        """Whether nothing is left out."""
        return self.scale >= 1.0 and self.detail >= 1.0


@dataclass(frozen=True)
class View:
    """All that a renderer needs to know of the picture being drawn.

    camera fits width × height in pixels of the *drawn* target (already scaled by quality). view and projection are
    (4,4) f64 with depth −1 at near and 1 at far. depth_texture: id of the GL texture (DEPTH_COMPONENT32F) that holds
    what is opaque so far; it may be sampled in stage FIELD only. framebuffer: the target, already bound. pixel_ratio:
    drawn pixels per logical pixel, for what has a size on the screen. rest: draw as if assets had no warp. heat: the
    asset on which the reach of its drag is shown. stretch: show where a warp stretches too far.
    """

    camera: Camera
    view: np.ndarray
    projection: np.ndarray
    near: float
    far: float
    quality: Quality
    depth_texture: int
    framebuffer: int
    pixel_ratio: float = 1.0
    rest: bool = False
    heat: Asset | None = None
    stretch: bool = False

    @property
    def width(self) -> int:
        """Pixels."""
        return self.camera.width

    @property
    def height(self) -> int:
        """Pixels."""
        return self.camera.height


@dataclass(frozen=True)
class Picked:
    """depth: distance along the viewing axis. element: which row of the asset it is, where that can be told."""

    depth: float
    element: int | None = None


class Renderer(ABC):
    """Draws one asset. Owns its GL objects; everything here happens on the thread of the GL context.

    The target holds premultiplied, display-referred colour (RGBA16F) and is blended with (ONE, ONE_MINUS_SRC_ALPHA).
    Before each step of `draw` the frame binds the framebuffer, sets the viewport and the depth and blend state of the
    stage (OPAQUE: depth test and write, no blending; FIELD: both depth test and write, blending; SPLAT: depth test
    only, blending); between steps anything else may use the context. So after every `yield` a renderer binds its own
    program, vertex array and textures again, and leaves no other state behind.
    """

    stage: ClassVar[Stage]

    def __init__(self, asset: Asset) -> None:
        self.asset = asset
        asset.changed.connect(self._on_changed)
        self._stale: set[str] = {"data", "prepared", "display"}
        self.rest_changes = 0
        """How often the asset changed in a way that is seen without its warp."""

    def _on_changed(self, asset: Asset, part: str) -> None:
        self._stale.add(part)
        self.rest_changes += part not in ("warp", "name")

    @abstractmethod
    def sync(self, seconds: float) -> bool:
        """Uploads what changed, for about `seconds` at most. Returns whether everything is on the GPU."""

    @abstractmethod
    def draw(self, view: View) -> Iterator[None]:
        """Draws into the bound target, yielding after each piece of work of about 10 ms, so a frame can be spread.
        Raises Cancelled where what it draws became another meanwhile, and the picture is worth nothing."""

    @abstractmethod
    def dispose(self) -> None:
        """Frees every GL object. The renderer is not used afterwards."""

    @property
    def gpu_bytes(self) -> int:
        """An estimate of the GPU memory in use, in bytes."""
        return 0

    def pick(self, camera: Camera, x: float, y: float) -> Picked | None:
        """What is seen of this asset alone at pixel position (x, y), or None."""
        depth = self.pick_depth(camera, x, y)
        return None if depth is None else Picked(depth)

    def pick_depth(self, camera: Camera, x: float, y: float) -> float | None:
        """Distance along the viewing axis to what is seen of this asset alone at pixel position (x, y), or None.

        For meshes and points the nearest surface; for fields and splats where the opacity in front reaches one half.
        """
        return None


@dataclass(frozen=True)
class RendererRecord:
    """Declares in a module of this folder which class draws which kind: `RENDERER = RendererRecord(Mesh, …)`."""

    asset_type: type[Asset]
    renderer_type: type[Renderer]


def renderer_for(asset: Asset) -> Renderer:
    """A new renderer for `asset`. Raises LookupError for a kind that nothing draws."""
    for record in records("renderers", "RENDERER"):
        if isinstance(asset, record.asset_type):
            return record.renderer_type(asset)
    raise LookupError(f"nothing draws {asset.kind}")

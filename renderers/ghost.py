"""The ghost: what is warped as it was at rest, kept as one more picture behind the present one.

It belongs to a camera and to the rest of the scene's state, but not to the poses: while a hand pulls it stays as it is.
"""

from __future__ import annotations

from typing import Any

from assets.asset import Asset
from assets.scene import Scene

from .camera import Camera
from .frame_settings import FrameSettings
from .gl.framebuffer import Framebuffer
from .renderer import Renderer


def haunted(scene: Scene) -> list[Asset]:
    """The assets that have a ghost: those that wear a warp, and are seen."""
    return [asset for asset in scene.visible() if asset.warp is not None]


class Ghost:
    """A picture, once it is made, and what it was made of."""

    def __init__(self) -> None:
        self.picture: Framebuffer | None = None
        self._made_of: tuple | None = None

    def key(self, scene: Scene, camera: Camera, settings: FrameSettings, renderers: dict[Asset, Renderer]) -> tuple:
        """Tells ghosts apart: all that they depend on."""
        states = [(id(asset), renderers[asset].rest_changes) for asset in haunted(scene) if asset in renderers]
        return (_key_of(camera), settings.pixel_ratio, *states)

    def take(self, picture: Framebuffer, key: tuple) -> Framebuffer | None:
        """Takes a finished picture and gives the old one for another use."""
        old, self.picture, self._made_of = self.picture, picture, key
        return old

    def keep(self, key: tuple) -> None:
        """Forgets the ghost where it is of something else."""
        if key != self._made_of:
            self._made_of = None

    def fits(self, key: tuple) -> bool:
        """Whether the ghost is there."""
        return self._made_of is not None and key == self._made_of

    @property
    def shown(self) -> Framebuffer | None:
        """The ghost's picture, as long as it fits."""
        return self.picture if self._made_of is not None else None

    def delete(self) -> None:
        """Frees the picture."""
        if self.picture:
            self.picture.delete()
        self.picture = self._made_of = None


def _key_of(camera: Camera) -> tuple[Any, ...]:
    numbers = (camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height, camera.ortho_height)
    return (camera.camera_to_world.tobytes(), *numbers)

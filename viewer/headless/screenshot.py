"""`--screenshot`: a picture of files without a window. No Qt where EGL exists; elsewhere only Qt makes a GL context."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.asset import Asset
from assets.deform.drag_json import read_drag
from assets.errors import BadInput
from assets.formats import replacing
from assets.gaussian_sequence import GaussianSequence
from assets.progress import Job, Partial
from assets.scene import Scene
from renderers.camera import Camera, read_camera
from renderers.framing import common_up, framing

from ..command_line import Request, check_size
from . import check_described, check_target, drive, load_files, report_warnings
from .drag import pull

if TYPE_CHECKING:
    import numpy as np

    from renderers.frame import FrameSettings

DEFAULT_SIZE = (1280, 720)


def screenshot(request: Request) -> None:
    """Draws all files of `request` together and writes the PNG. Raises BadInput, BadFile, TriptychError."""
    if request.out.suffix.lower() != ".png":
        raise BadInput(f"{request.out}: --screenshot writes .png files.")
    check_target(request.out)
    camera = read_camera(request.camera, request.size) if request.camera else None
    if camera:
        check_size(camera.width, camera.height)
    drag = read_drag(request.drag) if request.drag else None
    scene = Scene()
    for asset in load_files(request):
        scene.add(asset)
    check_described(scene, request.fields)
    report_warnings(scene)
    if request.mode:
        set_mode(scene, request.mode)
    set_display(scene, request.display)
    if request.time is not None:
        set_time(scene, request.time)
    if drag:
        # Before anything is prepared, as in an export: what is known of a field decides what is found to hang together.
        pull(list(scene), drag, request.drag)
    for asset in scene:
        if not request.exact:
            prepare(asset)
        elif camera is None or isinstance(asset, GaussianSequence):
            prepare(asset, coarsely=True)
    camera = camera or framing(scene.seen_bounds(), common_up(scene), request.size or DEFAULT_SIZE)
    background = request.background or own_background(scene)
    picture = render(scene, camera, background, request.exact)
    save_png(request.out, picture, keep_alpha=background == "transparent")


def set_mode(scene: Scene, mode: str) -> None:
    """Shows every asset that has this display mode in it. Raises BadInput with the possible ones where none has."""
    choices = {asset: asset.display_type.setting("mode").choices for asset in scene}
    having = [asset for asset, modes in choices.items() if mode in modes]
    if not having:
        possible = dict.fromkeys(name for modes in choices.values() for name in modes)
        raise BadInput(f"Nothing here has the display mode {mode!r}; possible are {', '.join(possible)}.")
    for asset in having:
        asset.set_display("mode", mode)


def set_display(scene: Scene, values: dict[str, Any]) -> None:
    """Gives every asset that has a setting of such a name its value. Raises BadInput where none has, or for a value
    that is not possible."""
    declared = {asset: [entry.name for entry in asset.display_type.settings()] for asset in scene}
    for name, value in values.items():
        having = [asset for asset, names in declared.items() if name in names]
        if not having:
            possible = ", ".join(dict.fromkeys(each for names in declared.values() for each in names))
            raise BadInput(f"Nothing here has the setting {name!r}; possible are {possible}.")
        for asset in having:
            try:
                asset.set_display(name, value)
            except (TypeError, ValueError) as error:
                raise BadInput(f"The setting {name!r} cannot be {value!r}.") from error


def set_time(scene: Scene, time: float) -> None:
    """Shows every field that changes at a time. Raises BadInput where none does, or where it knows no such time."""
    changing = {asset: entry for asset in scene for entry in asset.settings() if entry.name == "time"}
    if not changing:
        raise BadInput("Nothing here changes with time.")
    for asset, entry in changing.items():
        asset.set_display("time", entry.check(time))


def own_background(scene: Scene) -> str | tuple[float, float, float]:
    """What lies behind the scene where nobody said: an only asset's own backdrop, else the viewport's gradient."""
    assets = list(scene)
    return (assets[0].backdrop() if len(assets) == 1 else None) or "gradient"


def render(scene: Scene, camera: Camera, background: str | tuple[float, float, float], exact: bool) -> np.ndarray:
    """The full picture, (H,W,4) u8 straight alpha, row 0 at the top. Raises TriptychError where there is no GL."""
    context = _context()
    try:
        from renderers.frame import Frame, FrameSettings

        settings = FrameSettings(background=background)
        frame = Frame()
        try:
            return _render_exact(frame, scene, camera, settings) if exact else _render(frame, scene, camera, settings)
        finally:
            frame.dispose()
    finally:
        context.release()


def _render(frame, scene: Scene, camera: Camera, settings: FrameSettings) -> np.ndarray:
    return frame.draw(scene, camera, settings)


def _render_exact(frame, scene: Scene, camera: Camera, settings: FrameSettings) -> np.ndarray:
    from renderers.reference.still import draw_exact

    return drive(draw_exact(frame, scene, camera, settings))


def prepare(asset: Asset, coarsely: bool = False) -> None:
    """Makes what drawing the asset needs, to the finest, or only the first piece of it."""
    job = asset.preparation()
    if job is not None:
        drive(_until_first_piece(job) if coarsely else job, asset.accept)


def _until_first_piece(job: Job[None]) -> Job[None]:
    for event in job:
        yield event
        if isinstance(event, Partial):
            return


def _context():
    """A current GL context. Raises TriptychError with what to install."""
    from renderers.gl import context

    if sys.platform in ("win32", "darwin") and not context.providers:
        from ..offscreen import OffscreenContext

        context.providers.append(OffscreenContext)
    return context.create_context()


def save_png(path: Path, picture: np.ndarray, keep_alpha: bool = True) -> None:
    """Writes (H,W,4) u8 as PNG, without its alpha where nothing is transparent. Raises BadFile."""
    from PIL import Image

    with replacing(path) as fresh:
        Image.fromarray(picture if keep_alpha else picture[..., :3]).save(fresh, format="PNG")

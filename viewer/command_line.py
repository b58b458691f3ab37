"""The command line as a table of arguments, and the checks that need no file to be opened. No Qt.

Scripts depend on it: options are added, not renamed, and abbreviations are refused so that a new one breaks nobody.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from assets.errors import BadInput
from assets.formats import ReadOptions

from .colors import parse_color

LARGEST_SIDE_PX = 16384
LARGEST_PICTURE_PX = 64_000_000
"""Limits of a screenshot: the side that today's GPUs draw, and half a GiB for the float target."""

SCREENSHOT_ONLY = ("size", "camera", "mode", "set", "time", "background", "exact")


@dataclass
class Request:
    """What the command line asks for. `job`: "window", "info", "screenshot", "export", "query" or "formats".

    background: "gradient", "transparent", an rgb triple 0 … 1, or None where nothing was said. size: (width, height).
    """

    job: str
    files: list[Path]
    reading: ReadOptions = field(default_factory=ReadOptions)
    json: bool = False
    out: Path | None = None
    size: tuple[int, int] | None = None
    camera: Path | None = None
    mode: str | None = None
    display: dict[str, Any] = field(default_factory=dict)
    time: float | None = None
    background: str | tuple[float, float, float] | None = None
    exact: bool = False
    drag: Path | None = None
    fields: list[tuple[str, str]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    points: Path | None = None
    samples: bool = False
    window_picture: Path | None = None

    def window_files(self) -> list[Path]:
        """The files that the window opens first."""
        if not self.samples:
            return self.files
        from assets.samples import sample_paths

        return [*sample_paths(), *self.files]


class Parser(argparse.ArgumentParser):
    """Reports a wrong argument as one sentence instead of a page of usage."""

    def error(self, message: str) -> NoReturn:
        """Raises BadInput with `message`, which exits with 2."""
        raise BadInput(f"{message[:1].upper()}{message[1:].rstrip('.')} (see --help).")


def parse(arguments: list[str] | None = None) -> Request:
    """The request in `arguments` (those of the process where None). Raises BadInput, or SystemExit after --help."""
    parser = build_parser()
    given = parser.parse_args(arguments)
    chosen = [job for job in ("info", "screenshot", "export", "query", "formats") if getattr(given, job)]
    job = chosen[0] if chosen else "window"
    _check_combination(parser, given, job)
    request = Request(job=job, files=given.files, json=given.json)
    request.reading = ReadOptions(decoder=given.decoder, spz_frame=given.spz_frame, lod=given.lod)
    request.fields = list(given.field)
    request.size, request.camera, request.mode = given.size, given.camera, given.mode
    request.display, request.time = dict(given.set), given.time
    request.background, request.exact = given.background, given.exact
    request.drag, request.options = given.drag, dict(given.option)
    request.samples, request.window_picture = given.samples, given.window_picture
    if job == "query":
        request.points, request.out = given.query
    else:
        request.out = given.screenshot or given.export
    return request


def build_parser() -> Parser:
    """The table of arguments."""
    from assets import __version__

    parser = Parser(
        description="Opens triplanes, Gaussian splats and meshes in one window, or does one job without it.",
        epilog="Errors are one sentence on stderr. Exit code 0: done, 1: failed, 2: the input is wrong.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="a file or a folder to open; none: the start page"
    )
    parser.add_argument("--version", action="version", version=f"Triptych {__version__}")
    parser.add_argument("--decoder", type=Path, metavar="WEIGHTS", help="file with the decoder of planes")
    parser.add_argument(
        "--spz-frame",
        choices=("rub", "ply"),
        help="the axes of .spz files that don't say: rub (their specification's, the default) or ply (the trainer's)",
    )
    parser.add_argument(
        "--field",
        action="append",
        default=[],
        type=key_and_text,
        metavar="KEY=VALUE",
        help="read a triplane otherwise: the inspector's keys, as box=0.87, sign.z=- or padding=border; repeatable",
    )
    parser.add_argument("--lod", type=level_of_detail, metavar="N", help="level of streamed splats (0, the finest)")
    jobs = parser.add_argument_group("jobs that need no window (one at a time)").add_mutually_exclusive_group()
    jobs.add_argument("--info", action="store_true", help="print kind, counts, bounds, memory, origin and warnings")
    jobs.add_argument("--screenshot", type=Path, metavar="OUT.png", help="save a picture of all FILEs together")
    jobs.add_argument("--export", type=Path, metavar="OUT.EXT", help="save FILE as another format or kind")
    jobs.add_argument(
        "--query", nargs=2, type=Path, metavar=("POINTS", "OUT.npz"), help="save the field of FILE at world points"
    )
    jobs.add_argument("--formats", action="store_true", help="list what can be read, written and converted")
    info = parser.add_argument_group("with --info")
    info.add_argument("--json", action="store_true", help="for programs: one object, a list for several assets")
    _add_screenshot_options(parser.add_argument_group("with --screenshot"))
    both = parser.add_argument_group("with --screenshot or --export")
    both.add_argument("--drag", type=Path, metavar="DRAG.json", help="pull handles to their targets first")
    export = parser.add_argument_group("with --export")
    export.add_argument(
        "--option",
        action="append",
        default=[],
        type=key_and_value,
        metavar="KEY=VALUE",
        help="an option of the format or conversion (see --formats); may be repeated",
    )
    parser.add_argument("--samples", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--window-picture", type=Path, help=argparse.SUPPRESS)
    return parser


def _add_screenshot_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--size", type=picture_size, metavar="WxH", help="pixels; default: of the camera, or 1280x720")
    group.add_argument("--camera", type=Path, metavar="CAM.json", help="default: a view of everything")
    group.add_argument("--mode", metavar="MODE", help="display mode, such as normals or depth")
    group.add_argument(
        "--set",
        action="append",
        default=[],
        type=key_and_value,
        metavar="NAME=VALUE",
        help="a setting of the inspector, such as level=20 or slice_at=0.3; may be repeated",
    )
    group.add_argument("--time", type=finite_number, metavar="T", help="when fields that change are shown")
    group.add_argument(
        "--background", type=picture_background, metavar="COLOUR", help="a CSS name, #rrggbb, or transparent"
    )
    group.add_argument("--exact", action="store_true", help="march the decoders themselves instead of their bricks")


def _check_combination(parser: Parser, given: argparse.Namespace, job: str) -> None:
    """Refuses options of another job and a wrong number of files. Raises BadInput."""
    for name in SCREENSHOT_ONLY:
        value = getattr(given, name)
        if (bool(value) or type(value) is float) and job != "screenshot":
            parser.error(f"--{name} belongs to --screenshot")
    if given.json and job != "info":
        parser.error("--json belongs to --info")
    if given.field and job in ("formats", "window"):
        parser.error("--field belongs to --info, --query, --screenshot or --export")
    if given.drag and job not in ("screenshot", "export"):
        parser.error("--drag belongs to --screenshot or --export")
    if given.option and job != "export":
        parser.error("--option belongs to --export")
    if given.window_picture and job != "window":
        parser.error("--window-picture belongs to the window")
    if job in ("export", "query") and len(given.files) != 1:
        parser.error(f"--{job} takes exactly one FILE, not {len(given.files)}")
    if job in ("info", "screenshot") and not given.files:
        parser.error(f"--{job} needs a FILE")
    if job == "formats" and given.files:
        parser.error("--formats takes no FILE")


def level_of_detail(text: str) -> int:
    """A level of detail, 0 or more. Raises ArgumentTypeError."""
    if not re.fullmatch(r"\d{1,3}", text.strip(), re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a level such as 0")
    return int(text)


def picture_size(text: str) -> tuple[int, int]:
    """WxH as (width, height) in pixels. Raises ArgumentTypeError."""
    match = re.fullmatch(r"(\d{1,9})[x×X](\d{1,9})", text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1280x720")
    width, height = int(match[1]), int(match[2])
    try:
        check_size(width, height)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error
    return width, height


def check_size(width: int, height: int) -> None:
    """Raises BadInput for a picture that is empty or too large to draw."""
    if not (1 <= width <= LARGEST_SIDE_PX and 1 <= height <= LARGEST_SIDE_PX):
        raise BadInput(f"A picture of {width}x{height} is not possible: each side is 1 to {LARGEST_SIDE_PX} pixels.")
    if width * height > LARGEST_PICTURE_PX:
        raise BadInput(f"A picture of {width}x{height} is too large: at most {LARGEST_PICTURE_PX // 10**6} megapixels.")


def picture_background(text: str) -> str | tuple[float, float, float]:
    """ "transparent", or the colour as rgb 0 … 1. Raises ArgumentTypeError."""
    if text.strip().lower() == "transparent":
        return "transparent"
    try:
        return parse_color(text)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def finite_number(text: str) -> float:
    """A number that is not infinite. Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return number


def key_and_text(text: str) -> tuple[str, str]:
    """KEY=VALUE, both as they stand there. Raises ArgumentTypeError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key.strip(), value


def key_and_value(text: str) -> tuple[str, Any]:
    """KEY=VALUE with the value as a number or truth value where it reads as one. Raises ArgumentTypeError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    return key.strip().replace("-", "_"), parsed if isinstance(parsed, (int, float, bool)) else value

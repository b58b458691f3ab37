"""`--query`: the field of a triplane at points of the world. No Qt, no GL."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assets.asset import Asset
from assets.errors import BadFile, BadInput
from assets.formats import replacing
from assets.triplane import Triplane

from ..command_line import Request
from . import check_target, drive, load, report_warnings

LARGEST_POINTS_BYTES = 4 << 30
"""Of a POINTS array in memory: a header that asks for more is refused before it is obeyed."""


def query(request: Request) -> None:
    """Evaluates the field of the one file of `request` at its points and writes the .npz. Raises BadInput, BadFile."""
    from assets.fields.decoder import Field

    if request.out.suffix.lower() != ".npz":
        raise BadInput(f"{request.out}: the answer of --query is an .npz file.")
    check_target(request.out)
    given = read_points(request.points)
    asset = _the_field(load(request.files[0], request.reading, request.fields), request.files[0])
    if not asset.has_decoder:
        raise BadFile(request.files[0], "holds planes without their decoder; name its file with --decoder WEIGHTS")
    field = Field(asset)
    report_warnings([asset])
    to_local = np.linalg.inv(asset.transform)
    points = given["points"] @ to_local[:3, :3].T + to_local[:3, 3]
    directions = given.get("viewdirs")
    if directions is not None:
        directions = directions @ to_local[:3, :3].T
    values = drive(field.query_job(points, directions, given.get("time")))
    with replacing(request.out) as fresh:
        np.savez(fresh, **values)


def read_points(path: Path) -> dict[str, np.ndarray]:
    """points (N,3) f64 and, where given, viewdirs (N,3) and time (N,), from an .npy or .npz file. Raises BadFile."""
    try:
        arrays = _read_arrays(path)
    except BadFile:
        raise
    except FileNotFoundError as error:
        raise BadFile(path, "does not exist") from error
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror or error})") from error
    except Exception as error:
        raise BadFile(path, "is not a readable .npy or .npz file of numbers") from error
    if "points" not in arrays:
        raise BadFile(path, "has no array called 'points'")
    count = len(arrays["points"]) if arrays["points"].ndim else 0
    shapes = {"points": (count, 3), "viewdirs": (count, 3), "time": (count,)}
    checked: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        if name not in arrays:
            continue
        array = arrays[name]
        if name == "time" and array.shape == (count, 1):
            array = array[:, 0]
        if array.shape != shape and not (name == "time" and array.shape == ()):
            wanted = "(N, 3)" if name == "points" else str(shape)
            raise BadFile(path, f"has {name} of shape {array.shape}, not {wanted}")
        if array.dtype.kind not in "fiu":
            raise BadFile(path, f"has {name} that are not real numbers ({array.dtype})")
        if not np.isfinite(array).all():
            raise BadFile(path, f"has {name} that are not finite")
        checked[name] = array.astype(np.float64)
    return checked


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays that a query takes, by name; a lone array counts as "points". Nothing is unpickled."""
    import zipfile

    with path.open("rb") as file:
        magic = file.read(6)
    if magic != b"\x93NUMPY":
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_POINTS_BYTES:
                raise BadFile(path, "holds more than 4 GiB of points")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in ("points", "viewdirs", "time") if name in archive}
    # Mapped first: a header that promises more than the file holds fails here instead of taking the memory.
    return {"points": np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))}


def _the_field(assets: list[Asset], path: Path) -> Triplane:
    """The one triplane among the assets. Raises BadInput."""
    fields = [asset for asset in assets if isinstance(asset, Triplane)]
    if len(fields) != 1:
        kinds = ", ".join(sorted({asset.kind for asset in assets}))
        what = f"holds {len(fields)} triplanes" if fields else f"holds no triplane ({kinds}) and so no field"
        raise BadInput(f"{path}: {what}; --query asks exactly one.")
    return fields[0]

"""HDF5 files: what is read of them, what is refused, and the tri-planes of Unibo that come in them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from assets.fields.decoder import Field
from assets.files import h5_file
from assets.files.h5_file import open_h5
from assets.files.tensor_file import open_tensors

from .family_oracles import CLOSE
from .triplane_files import opened, refused

SHAPE = Path(__file__).parent.parent / "data" / "unibo" / "shape.h5"


# The container


def test_arrays_have_the_names_on_the_way_to_them(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    packed = np.arange(600, dtype=">i4").reshape(20, 30)
    with h5py.File(path, "w") as file:
        file["group/inner/planes"] = np.float16([[1, 2], [3, 4]])
        file["again"] = file["group/inner/planes"]
        file["soft"] = h5py.SoftLink("/group")
        file.create_dataset("packed", data=packed, chunks=(5, 30), compression="gzip", shuffle=True)
        file["number"] = 7
        file["text"], file["words"] = "a name", np.array(["a", "b"], "S1")
    tensors = open_tensors(path)
    assert dict(tensors.shapes) == {"again": (2, 2), "number": (), "packed": (20, 30)}
    assert tensors["again"].dtype == np.float16 and (tensors["packed"] == packed).all()
    assert tensors["packed"].dtype.isnative and tensors["number"] == 7


def test_a_group_within_itself_ends(tmp_path: Path) -> None:
    path = tmp_path / "ring.h5"
    with h5py.File(path, "w") as file:
        inner = file.create_group("inner")
        inner["outer"] = file["/"]
        inner["planes"] = np.zeros(3)
    assert list(open_h5(path)) == ["inner.planes"]


def outside(file: h5py.File, folder: Path) -> None:
    """A link to another file."""
    file["triplane"] = h5py.ExternalLink(str(folder / "other.h5"), "/secret")


def elsewhere(file: h5py.File, folder: Path) -> None:
    """Values that lie in another file."""
    (folder / "secret.bin").write_bytes(bytes(64))
    file.create_dataset("triplane", (16,), "f4", external=[(str(folder / "secret.bin"), 0, 64)])


def view(file: h5py.File, folder: Path) -> None:
    """A view of a dataset of another file."""
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "secret", (4,))
    file.create_virtual_dataset("triplane", layout)


def references(file: h5py.File, folder: Path) -> None:
    """References to objects."""
    file.create_dataset("triplane", (3,), h5py.ref_dtype)


def lists(file: h5py.File, folder: Path) -> None:
    """Rows of any length."""
    file.create_dataset("triplane", (3,), h5py.vlen_dtype(np.float32))


def huge(file: h5py.File, folder: Path) -> None:
    """A petabyte, of which nothing is stored."""
    file.create_dataset("triplane", (1 << 25, 1 << 25), "u1", chunks=(1024, 1024))


def zeros(file: h5py.File, folder: Path) -> None:
    """A compressed gigabyte of zeros."""
    file.create_dataset("triplane", data=np.zeros((1 << 24,), np.float32), chunks=(1 << 22,), compression="gzip")


def crowd(file: h5py.File, folder: Path) -> None:
    """More names than any file has."""
    value = file.create_dataset("value", data=1.0)
    group = file.create_group("names", track_order=False)
    for index in range(101):
        group[str(index)] = value


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (outside, "links triplane to another file"),
        (elsewhere, "keeps the values of triplane in another file"),
        (view, "keeps the values of triplane in another file"),
        (references, "stores triplane as objects"),
        (lists, "stores triplane as objects"),
        (huge, "declares more values in triplane than it holds"),
        (zeros, "declares more values in triplane than it holds"),
        (crowd, "holds more than"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_hostile_files_are_refused(write, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h5_file, "MAX_NAMES", 100)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones(4, np.float32)
    with h5py.File(tmp_path / "hostile.h5", "w") as file:
        write(file, tmp_path)
    assert said in refused(tmp_path / "hostile.h5")


def test_damaged_and_missing_files_are_refused(tmp_path: Path) -> None:
    content = SHAPE.read_bytes()
    (tmp_path / "cut.h5").write_bytes(content[: len(content) // 2])
    assert "damaged or cut off" in refused(tmp_path / "cut.h5")
    (tmp_path / "text.h5").write_text("not at all")
    assert "text.h5" in refused(tmp_path / "text.h5")
    assert "missing.h5" in refused(tmp_path / "missing.h5")


# Tri-planes of Unibo


def unibo_shape(
    path: Path, outputs: int = 1, width: int = 64, hidden: int = 3, cloud: np.ndarray | None = None
) -> list:
    """A random shape as published; returns planes, weights and biases as tensors."""
    random = np.random.default_rng(0)
    sizes = [16 + 63, *[width] * (hidden + 1), outputs]
    layers = []
    for index in range(len(sizes) - 1):
        reach = 1 / sizes[0] if index == 0 else np.sqrt(6 / sizes[index]) / 30
        layers.append(random.uniform(-reach, reach, (sizes[index + 1], sizes[index])).astype(np.float32))
        layers.append(random.uniform(-0.1, 0.1, sizes[index + 1]).astype(np.float32))
    planes = random.normal(0, 0.1, (3, 16, 32, 32)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file["triplane"], file["params"] = planes, np.concatenate([array.ravel() for array in layers])
        file["class_id"] = np.int64(11)
    return [torch.from_numpy(array) for array in (planes, *layers)]


def unibo_output(arrays: list, points: torch.Tensor) -> torch.Tensor:
    """What the network gives (N,outputs), as published."""
    planes, *layers = arrays
    pairs = points[:, [0, 1]], points[:, [0, 2]], points[:, [1, 2]]
    grid = torch.stack(pairs)[:, None]
    features = functional.grid_sample(planes, grid, align_corners=False)[:, :, 0].sum(0).T
    waves = [wave(points * 2.0**k) for k in range(10) for wave in (torch.sin, torch.cos)]
    x = torch.cat([features, points, *waves], 1)
    for index in range(0, len(layers), 2):
        x = functional.linear(x, layers[index], layers[index + 1])
        x = torch.sin(30 * x) if index < len(layers) - 2 else x
    return x


def places(count: int = 400) -> torch.Tensor:
    """Points in and around the box."""
    return torch.from_numpy(np.random.default_rng(1).uniform(-1.2, 1.2, (count, 3)).astype(np.float32))


def same(found: np.ndarray, expected: torch.Tensor) -> None:
    """As close as the oracles are, with room for what sin(30 x) makes of rounding, four times over."""
    assert np.abs(found - expected.numpy()).max() < 10 * CLOSE * np.abs(expected.numpy()).max()


@pytest.mark.parametrize(("width", "hidden"), [(64, 3), (64, 1), (128, 2), (32, 4)])
def test_layers_are_found_from_the_length_of_the_vector(width: int, hidden: int, tmp_path: Path) -> None:
    arrays = unibo_shape(tmp_path / "0.h5", width=width, hidden=hidden)
    triplane = opened(tmp_path / "0.h5")[0]
    assert triplane.facts()["decoder"] == f"{hidden + 2} layers, {width} wide"
    found = Field(triplane, "cpu").query(places().numpy())["sdf"]
    same(found, torch.sigmoid(unibo_output(arrays, places())) * 0.2 - 0.1)


def test_four_outputs_are_a_radiance_field(tmp_path: Path) -> None:
    """The family's code for these is not published; activations are those of its radiance fields elsewhere."""
    arrays = unibo_shape(tmp_path / "0.h5", outputs=4)
    triplane = opened(tmp_path / "0.h5")[0]
    inside = places().clamp(-0.99, 0.99)
    found, expected = Field(triplane, "cpu").query(inside.numpy()), unibo_output(arrays, inside)
    same(found["rgb"], torch.sigmoid(expected[:, :3]))
    same(found["density"], torch.exp(expected[:, 3:] - 1))
    assert "radiance" in triplane.provenance.guessed["kind"]


def ball_shape(path: Path, kind: str) -> np.ndarray:
    """A shape whose field is that of a cloud on a sphere, 1 − 10 · distance or its voxels; returns the cloud (2048,3).

    The three planes sum up to r², waves of which are the hidden layer; the last layer is solved for.
    """
    random = np.random.default_rng(2)
    cloud = random.normal(size=(2048, 3))
    cloud *= 0.6 / np.linalg.norm(cloud, axis=1, keepdims=True)
    centers = (np.arange(32) + 0.5) / 16 - 1
    planes = np.zeros((3, 16, 32, 32), np.float32)
    planes[:, 0] = (centers[:, None] ** 2 + centers**2) / 2
    waves, shifts = np.repeat(np.arange(128), 2) * np.pi / 2, np.tile([0, np.pi / 2], 128)
    first = np.zeros((256, 79))
    first[:, 0] = waves / 30
    squared = np.linspace(0, 3.5, 4000)
    distance = np.abs(np.sqrt(squared) - 0.6)
    share = np.clip(1 - distance / 0.1, 0.02, 0.98) if kind == "udf" else np.where(distance < 0.016, 0.98, 0.02)
    hidden = np.sin(np.outer(squared, waves) + shifts)
    last = np.linalg.solve(hidden.T @ hidden + 1e-3 * np.eye(256), hidden.T @ np.log(share / (1 - share)))
    with h5py.File(path, "w") as file:
        file["triplane"], file["pcd"] = planes, cloud.astype(np.float32)
        file["params"] = np.float32(np.concatenate([first.ravel(), shifts / 30, last, [0]]))
    return cloud


@pytest.mark.parametrize("kind", ["udf", "occupancy"])
def test_distances_and_voxels_of_a_cloud_are_told_apart_by_their_values(kind: str, tmp_path: Path) -> None:
    cloud = ball_shape(tmp_path / "0.h5", kind)
    triplane = opened(tmp_path / "0.h5")[0]
    assert triplane.provenance.guessed["kind"].startswith(kind)
    assert triplane.provenance.declared["fitted to"] == "2048 pcd (in the file; not opened)"
    found = Field(triplane, "cpu").query(cloud[:64].astype(np.float32))
    if kind == "udf":
        assert triplane.description.surface.field == "udf" and np.median(found["udf"]) < 0.03
    else:
        assert triplane.description.surface.resolution == 64 and "occupancy_logit" in found


def test_the_mesh_beside_the_planes_is_named(tmp_path: Path) -> None:
    triplane = opened(SHAPE)[0]
    assert "not opened" in triplane.provenance.declared["fitted to"]
    assert "mesh beside" in triplane.provenance.guessed["kind"]
    assert triplane.provenance.format == "HDF5" and triplane.provenance.family == "Unibo tri-planes"
    with h5py.File(tmp_path / "short.h5", "w") as file:
        file["triplane"], file["params"] = np.zeros((3, 16, 32, 32), np.float32), np.zeros(1234, np.float32)
    assert opened(tmp_path / "short.h5")[0].provenance.family != "Unibo tri-planes"

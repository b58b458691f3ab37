"""Gaussian splats in glTF: what another program writes, all forms of the extension, and the way back."""

from __future__ import annotations

import base64
import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.asset import Asset
from assets.errors import BadFile, BadInput
from assets.formats import ReadOptions, open_path, save_path
from assets.gaussians import Gaussians
from assets.progress import run
from assets.splats import quaternions
from assets.splats.spherical_harmonics import C0
from tests.assets.splat_comparison import DATA, assert_within, far_apart, read
from tests.assets.splat_files import random_splats
from tests.small_assets import gaussians as small_splats
from tests.small_files import CUBE_CORNERS, CUBE_FACES

BASE = "KHR_gaussian_splatting"
SPZ = "KHR_gaussian_splatting_compression_spz_2"
TYPES = {"f": 5126, "B": 5121, "b": 5120, "H": 5123, "h": 5122, "I": 5125}
WIDTHS = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
TURNED = np.diag([-1.0, -1.0, 1.0])
"""From the frame of the .ply to glTF's and back."""


class Builder:
    """Puts a .gltf together by hand, its buffer inside."""

    def __init__(self) -> None:
        self.data = b""
        self.tree: dict[str, Any] = {"asset": {"version": "2.0"}, "extensionsUsed": [BASE], "scene": 0}
        self.tree |= {name: [] for name in ("accessors", "bufferViews", "meshes", "nodes")}

    def view(self, data: bytes) -> int:
        """A buffer view of these bytes."""
        self.tree["bufferViews"].append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)})
        self.data += data + b"\0" * (-len(data) % 4)
        return len(self.tree["bufferViews"]) - 1

    def accessor(self, values: np.ndarray, normalized: bool = False) -> int:
        """An accessor of rows."""
        values = np.ascontiguousarray(values.reshape(len(values), -1))
        entry = {"bufferView": self.view(values.tobytes()), "componentType": TYPES[values.dtype.char]}
        entry |= {"count": len(values), "type": WIDTHS[values.shape[1]], "normalized": normalized}
        self.tree["accessors"].append(entry)
        return len(self.tree["accessors"]) - 1

    def mesh(self, primitive: dict[str, Any], **node: Any) -> None:
        """A mesh of one primitive, and a node that places it."""
        self.tree["meshes"].append({"primitives": [primitive], "name": f"part {len(self.tree['meshes'])}"})
        self.tree["nodes"].append({"mesh": len(self.tree["meshes"]) - 1, **node})

    def splats(self, splats: Gaussians, prefix: str = f"{BASE}:", **node: Any) -> dict[str, Any]:
        """A primitive with the numbers of `splats` as they are, under a node; for further changes."""
        attributes = {
            "POSITION": self.accessor(splats.means),
            f"{prefix}ROTATION": self.accessor(splats.rotations[:, [1, 2, 3, 0]]),
            f"{prefix}SCALE": self.accessor(np.exp(splats.log_scales)),
            f"{prefix}OPACITY": self.accessor(1 / (1 + np.exp(-splats.logit_opacities))),
        }
        for degree in range(splats.sh_degree + 1):
            for index in range(2 * degree + 1):
                name = f"{prefix}SH_DEGREE_{degree}_COEF_{index}"
                attributes[name] = self.accessor(splats.sh[:, degree**2 + index])
        extension = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}
        primitive = {"mode": 0, "attributes": attributes, "extensions": {BASE: extension}}
        self.mesh(primitive, **node)
        return primitive

    def cube(self) -> None:
        """A mesh as others are."""
        attributes = {"POSITION": self.accessor(CUBE_CORNERS)}
        self.mesh({"attributes": attributes, "indices": self.accessor(CUBE_FACES.reshape(-1))})

    def write(self, path: Path) -> Path:
        """Writes the file."""
        uri = "data:application/octet-stream;base64," + base64.b64encode(self.data).decode()
        self.tree["buffers"] = [{"byteLength": len(self.data), "uri": uri}]
        self.tree["scenes"] = [{"nodes": list(range(len(self.tree["nodes"])))}]
        path.write_text(json.dumps(self.tree), "utf-8")
        return path


def opened(path: Path) -> list[Asset]:
    """The assets in a file."""
    return run(open_path(path))


def covariances(splats: Gaussians) -> np.ndarray:
    """Σ (N,3,3): what a rotation and three sizes mean, however they are written."""
    axes = quaternions.to_matrices(splats.rotations) * np.exp(splats.log_scales.astype(np.float64))[:, None]
    return axes @ axes.transpose(0, 2, 1)


def check_alike(asset: Gaussians, other: Gaussians, share: float = 1e-5) -> None:
    """Fails where two assets differ in more than rounding."""
    assert_within(far_apart(asset, other), means=1e-5, opacity=1e-6, dc=1e-5, sh=1e-5)
    size = np.abs(covariances(other)).max((1, 2), keepdims=True)
    assert (np.abs(covariances(asset) - covariances(other)) / size).max() < share


def test_what_another_program_writes() -> None:
    asset = read(DATA / "big200.glb")
    check_alike(asset, read(DATA / "big200.ply"))
    assert asset.notes.up_axis == "-y" and np.array_equal(asset.transform, np.eye(4))
    assert asset.provenance.declared["generator"].startswith("splat-transform")
    assert asset.provenance.declared["colour space"] == "srgb_rec709_display"


def test_a_scene_of_31_000(shared: Path) -> None:
    folder = shared / "data/gaussians"
    asset = read(folder / "derived/playbot_lod3.khr.glb")
    assert len(asset) == 31000 and asset.sh_degree == 2
    (other,) = run(open_path(folder / "real/playbot-streamed-sog/3_0/meta.json"))
    check_alike(asset, other, 1e-3)


def test_the_old_draft(shared: Path) -> None:
    """Five splats with display colours in COLOR_0, under a node that turns them."""
    (asset,) = opened(shared / "data/gaussians/real/cesium_legacy_draft_synthetic.gltf")
    assert len(asset) == 5 and asset.sh_degree == 0
    assert np.allclose(np.exp(asset.log_scales[:, 0]), np.exp([1, 1.1, 1.2, 1.3, 1.4]), rtol=1e-5)
    assert np.allclose(asset.sh[0, 0] * C0 + 0.5, np.array([127, 199, 255]) / 255, atol=1e-5)
    assert np.allclose(1 / (1 + np.exp(-asset.logit_opacities[:2])), np.array([140, 152]) / 255, atol=1e-5)
    # The first lies at −2 in all axes; the node makes (x, y, z) (x, z, −y) and moves it.
    assert np.allclose(asset.means[0] @ TURNED, (-2 + 2, -2 + 12, 2 - 7))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_round_trip_loses_nothing_but_rounding(degree: int, tmp_path: Path) -> None:
    splats = random_splats(500, degree)
    run(save_path(splats, tmp_path / "a.glb"))
    check_alike(read(tmp_path / "a.glb"), splats)


@pytest.mark.parametrize("up", ["y", "-y", "z", "-z"])
def test_up_is_y_in_the_file_and_as_before_behind_it(up: str, tmp_path: Path) -> None:
    splats = random_splats(100, 3)
    splats.notes.up_axis = up
    run(save_path(splats, tmp_path / "a.glb"))
    axis = {"y": 1, "z": 2}[up[-1]]
    height = splats.means[:, axis] * (-1 if up[0] == "-" else 1)
    assert np.allclose(points_of(tmp_path / "a.glb")[:, 1], height, atol=1e-6)
    again = read(tmp_path / "a.glb")
    check_alike(again, splats)
    assert again.notes.up_axis == up


def points_of(path: Path) -> np.ndarray:
    """The positions in a .glb as another reader has them."""
    import trimesh

    scene = trimesh.load(path, force="scene")
    (cloud,) = scene.geometry.values()
    return np.asarray(cloud.vertices)


def test_a_transform_is_baked_in_and_declarations_are_kept(tmp_path: Path) -> None:
    splats = random_splats(50, 1)
    splats.notes.antialiasing, splats.notes.color_space = "mip", "linear"
    splats.set_transform(np.diag([2.0, 2.0, 2.0, 1.0]))
    run(save_path(splats, tmp_path / "a.glb"))
    asset = read(tmp_path / "a.glb")
    assert np.allclose(asset.means, 2 * splats.means)
    assert (asset.notes.antialiasing, asset.notes.kernel, asset.notes.color_space) == ("mip", "3dgs", "linear")
    assert asset.provenance.declared["colour space"] == "lin_rec709_display" and not asset.provenance.warnings
    flat = random_splats(50, 0, flat=True)
    flat.notes.kernel = "2dgs"
    run(save_path(flat, tmp_path / "b.glb"))
    again = read(tmp_path / "b.glb")
    assert again.notes.kernel == "2dgs" and np.allclose(again.log_scales[:, :2], flat.log_scales, atol=1e-5)


def test_points_have_colours_for_other_programs(tmp_path: Path) -> None:
    splats = small_splats()
    splats.sh[:, 0] = (np.float32([0.5, 1.0, 0.0]) - 0.5) / C0
    run(save_path(splats, tmp_path / "a.glb"))
    content = (tmp_path / "a.glb").read_bytes()
    length = struct.unpack_from("<I", content, 12)[0]
    tree = json.loads(content[20 : 20 + length])
    view = tree["bufferViews"][tree["accessors"][1]["bufferView"]]
    colours = np.frombuffer(content, np.uint8, 4 * len(splats), 28 + length + view["byteOffset"]).reshape(-1, 4)
    assert (colours[:, :3] == (55, 255, 0)).all(), "linear light"


def test_meshes_and_splats_of_one_file(tmp_path: Path) -> None:
    splats, builder = small_splats(), Builder()
    builder.cube()
    builder.splats(splats, translation=[5, 0, 0])
    builder.splats(splats)
    mesh, moved, still = opened(builder.write(tmp_path / "both.gltf"))
    assert (mesh.kind, moved.kind, still.kind) == ("mesh", "gaussians", "gaussians")
    places = [one.means @ one.transform[:3, :3].T + one.transform[:3, 3] for one in (moved, still)]
    assert np.allclose(places[1], splats.means, atol=1e-6) and np.allclose(places[0], splats.means + [5, 0, 0])
    assert still.world_up() == "y" and still.up_axis() == "-y"


def test_a_node_that_stretches(tmp_path: Path) -> None:
    splats, builder = small_splats(), Builder()
    stretch = np.diag([2.0, 1.0, 0.5])
    builder.splats(splats, scale=[2.0, 1.0, 0.5])
    (asset,) = opened(builder.write(tmp_path / "a.gltf"))
    whole = TURNED @ stretch
    assert np.allclose(asset.means, splats.means @ whole.T, atol=1e-5)
    assert np.allclose(covariances(asset), whole @ covariances(splats) @ whole.T, atol=1e-6)


def test_small_integers(tmp_path: Path) -> None:
    """Attributes as KHR_gaussian_splatting allows them: shares of i8 and u16, and whole numbers as they are."""
    builder, splats = Builder(), small_splats()
    attributes, count = builder.splats(splats)["attributes"], len(splats)
    quaternion = np.tile(np.int8([0, 0, 127, 0]), (count, 1))
    attributes[f"{BASE}:ROTATION"] = builder.accessor(quaternion, normalized=True)
    attributes[f"{BASE}:SCALE"] = builder.accessor(np.tile(np.uint8([1, 2, 3]), (count, 1)))
    attributes[f"{BASE}:OPACITY"] = builder.accessor(np.full(count, 13107, np.uint16), normalized=True)
    (asset,) = opened(builder.write(tmp_path / "a.gltf"))
    assert np.allclose(np.exp(asset.log_scales), (1, 2, 3), atol=1e-5)
    assert np.allclose(1 / (1 + np.exp(-asset.logit_opacities)), 0.2, atol=1e-5)
    assert np.allclose(np.abs(asset.rotations), (0, 0, 0, 1))


def packed(nested: bool, name: str, data: bytes) -> Builder:
    """Splats as an .spz in a buffer view."""
    builder = Builder()
    extension = {name: {"bufferView": builder.view(data)}}
    extensions = {BASE: {"extensions": extension}} if nested else {BASE: {}} | extension
    builder.tree["accessors"].append({"componentType": 5126, "count": 200, "type": "VEC3"})
    builder.tree["extensionsRequired"] = [BASE, name]
    builder.mesh({"mode": 0, "attributes": {"POSITION": 0}, "extensions": extensions})
    return builder


@pytest.mark.parametrize("nested, name", [(True, SPZ), (False, "KHR_spz_gaussian_splats_compression")])
@pytest.mark.parametrize("file", ["big200_v3.spz", "big200_v4.spz"])
def test_spz_in_gltf(file: str, nested: bool, name: str, tmp_path: Path) -> None:
    (asset,) = opened(packed(nested, name, (DATA / file).read_bytes()).write(tmp_path / "a.gltf"))
    check_alike(asset, read(DATA / file))
    assert asset.provenance.guessed["frame"] == "RUB of the .spz"


def test_spz_in_gltf_as_cesium_reads_it(tmp_path: Path) -> None:
    """Its numbers are glTF's, whatever the specification says; the difference is half a turn about the vertical."""
    path = packed(True, SPZ, (DATA / "big200_v4.spz").read_bytes()).write(tmp_path / "a.gltf")
    (asset,) = run(open_path(path, ReadOptions(spz_frame="ply")))
    assert np.allclose(asset.means, read(DATA / "big200_v4.spz").means * [-1, 1, -1])


def test_what_is_incomplete(tmp_path: Path) -> None:
    builder = Builder()
    primitive = builder.splats(random_splats(20, 2))
    del primitive["attributes"][f"{BASE}:SH_DEGREE_2_COEF_3"]
    (asset,) = opened(builder.write(tmp_path / "a.gltf"))
    assert asset.sh_degree == 1 and any("degree 1" in warning for warning in asset.provenance.warnings)
    builder = Builder()
    splats = random_splats(20, 0)
    splats.means[3], splats.log_scales[4, 0] = np.nan, np.inf
    builder.splats(splats)
    (asset,) = opened(builder.write(tmp_path / "b.gltf"))
    assert len(asset) == 18 and any(warning.startswith("2 of 20") for warning in asset.provenance.warnings)


def _without(name: str) -> Callable[[Builder, dict[str, Any]], None]:
    return lambda _, primitive: primitive["attributes"].pop(name)


def _longer(builder: Builder, primitive: dict[str, Any]) -> None:
    primitive["attributes"][f"{BASE}:SCALE"] = builder.accessor(np.ones((21, 3), np.float32))


def _wider(builder: Builder, primitive: dict[str, Any]) -> None:
    primitive["attributes"]["POSITION"] = builder.accessor(np.ones((20, 4), np.float32))


def _without_bytes(builder: Builder, primitive: dict[str, Any]) -> None:
    form = {"componentType": 5126, "type": "VEC3", "count": 2_000_000_000}
    empty = {"count": 0, "indices": {"bufferView": 0, "componentType": 5125}, "values": {"bufferView": 0}}
    builder.tree["accessors"].append(form | {"sparse": empty})
    primitive["attributes"]["POSITION"] = len(builder.tree["accessors"]) - 1


def _flattened(builder: Builder, _: dict[str, Any]) -> None:
    builder.tree["nodes"][0]["scale"] = [1, 0, 1]


BAD = {
    "without positions": _without("POSITION"),
    "without sizes": _without(f"{BASE}:SCALE"),
    "without colours": _without(f"{BASE}:SH_DEGREE_0_COEF_0"),
    "differ in length": _longer,
    "has 4 columns": _wider,
    "has no data": _without_bytes,
    "flattens": _flattened,
}


@pytest.mark.parametrize("words", BAD)
def test_damage_is_refused_in_a_sentence(words: str, tmp_path: Path) -> None:
    builder = Builder()
    BAD[words](builder, builder.splats(random_splats(20, 0)))
    with pytest.raises(BadFile, match=words):
        opened(builder.write(tmp_path / "a.gltf"))


def test_splats_that_are_placed_too_often(tmp_path: Path) -> None:
    """A small file that would fill the memory."""
    builder = Builder()
    builder.splats(random_splats(20_000, 3))
    builder.tree["nodes"] *= 80
    with pytest.raises(BadFile, match="not believable"):
        opened(builder.write(tmp_path / "a.gltf"))


def test_a_damaged_spz_in_gltf(tmp_path: Path, shared: Path) -> None:
    for name in ("v3_huge_count.spz", "v4_toc_overflow.spz", "v4_huge_count_tiny_file.spz"):
        data = (shared / "data/gaussians/bad" / name).read_bytes()
        with pytest.raises(BadFile):
            opened(packed(True, SPZ, data).write(tmp_path / "a.gltf"))


def leaves(form: Any) -> list[tuple[Any, Any]]:
    """Every place of a JSON tree as (container, key)."""
    items = form.items() if isinstance(form, dict) else enumerate(form) if isinstance(form, list) else ()
    return [place for key, value in items for place in [(form, key), *leaves(value)]]


ODD = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.integers(-(2**40), 2**40), st.text(max_size=3))
ODD = st.one_of(ODD, st.floats(), st.just([]), st.just({}), st.just({"bufferView": 0}))


@settings(max_examples=150)
@given(data=st.data(), form=st.sampled_from(["plain", "packed"]))
def test_any_change_of_the_description_is_read_or_refused(
    data: st.DataObject, form: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    builder = Builder() if form == "plain" else packed(True, SPZ, (DATA / "big200_v4.spz").read_bytes())
    if form == "plain":
        builder.splats(random_splats(10, 1), rotation=[0, 0, 0, 1])
    for _ in range(data.draw(st.integers(1, 2))):
        places = leaves({name: value for name, value in builder.tree.items() if name != "scene"})
        container, key = places[data.draw(st.integers(0, len(places) - 1))]
        container[key] = data.draw(ODD)
    path = builder.write(tmp_path_factory.getbasetemp() / "changed.gltf") if isinstance(builder.tree, dict) else None
    try:
        assets = opened(path)
    except BadInput as error:
        assert "\n" not in str(error)
        return
    assert all(np.isfinite(asset.bounds()).all() for asset in assets if asset.bounds() is not None)


def test_splats_in_very_many_places_are_refused_soon(tmp_path: Path) -> None:
    built = Builder()
    built.splats(random_splats(5, 0))
    built.tree["nodes"] += [{"mesh": 0}] * 20_000
    with pytest.raises(BadFile, match="places splats 20,001 times"):
        run(open_path(built.write(tmp_path / "a.gltf")))


def test_a_chain_of_nodes_takes_no_square_of_its_length(tmp_path: Path) -> None:
    built = Builder()
    built.splats(random_splats(5, 0))
    built.tree["nodes"] = [{"children": [index + 1]} for index in range(20_000)] + [{"mesh": 0}]
    path = built.write(tmp_path / "a.gltf")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scenes": [{"nodes": [0]}]}))
    start = time.process_time()
    (asset,) = run(open_path(path))
    assert len(asset) == 5 and time.process_time() - start < 3

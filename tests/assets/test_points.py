"""Point clouds: opened, cleaned and saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from assets.errors import BadFile
from assets.formats import detect, open_path, save_path
from assets.points import Points
from assets.progress import run


def _opened(path: Path) -> Points:
    (asset,) = run(open_path(path))
    assert isinstance(asset, Points)
    return asset


def test_reads_what_trimesh_writes(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    cloud = trimesh.PointCloud(random.random((50, 3)), colors=random.integers(0, 255, (50, 4), dtype=np.uint8))
    cloud.export(tmp_path / "cloud.ply")
    points = _opened(tmp_path / "cloud.ply")
    assert np.array_equal(points.positions, cloud.vertices.astype(np.float32))
    assert np.array_equal(points.colors, cloud.colors)
    assert points.name == "cloud" and points.provenance.format == "PLY points"


def test_saving_keeps_positions_colours_and_unknown_columns(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    extra = {
        "label": np.arange(20, dtype=np.uint8),
        "time": random.random(20),
        "count": np.arange(20, dtype=np.int64) - 5,
        "colors": np.arange(20, dtype=np.float32),
    }
    colors = random.integers(0, 255, (20, 4), dtype=np.uint8)
    points = Points("p", random.random((20, 3)).astype(np.float32), colors, extra)
    run(save_path(points, tmp_path / "out.ply"))
    again = _opened(tmp_path / "out.ply")
    assert np.array_equal(again.positions, points.positions)
    assert np.array_equal(again.colors, colors)
    assert list(again.extra) == list(extra)
    for name, values in extra.items():
        assert np.array_equal(again.extra[name], values)
    assert again.extra["label"].dtype == np.uint8


def test_saving_places_the_points_in_the_world(tmp_path: Path) -> None:
    points = Points("p", np.array([[1, 0, 0], [0, 1, 0]], np.float32))
    matrix = np.array([[0, -2, 0, 5], [2, 0, 0, 6], [0, 0, 2, 7], [0, 0, 0, 1.0]])
    points.set_transform(matrix)
    run(save_path(points, tmp_path / "out.ply"))
    assert np.allclose(_opened(tmp_path / "out.ply").positions, [[5, 8, 7], [3, 6, 7]])


def test_drops_points_that_are_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "nan.ply"
    head = "ply\nformat ascii 1.0\nelement vertex 4\n" + "".join(
        f"property float {name}\n" for name in ("x", "y", "z", "w")
    )
    path.write_text(head + "end_header\n0 0 0 1\nnan 0 0 2\n1 1 1 3\n0 -inf 0 4\n")
    points = _opened(path)
    assert points.positions.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert points.extra["w"].tolist() == [1, 3]
    assert points.provenance.warnings == ["2 of 4 points are not finite and were dropped."]
    path.write_text(head + "end_header\n" + "nan nan nan 0\n" * 4)
    with pytest.raises(BadFile, match="not one of them is finite"):
        run(open_path(path))


def test_a_header_decides_what_a_ply_is(shared: Path) -> None:
    expected = {
        "meshes/spot.ply": "PLY mesh",
        "meshes/odd-ply/pdal-mesh.ply": "PLY mesh",
        "meshes/odd-ply/pdal-simple_text.ply": "PLY points",
        "meshes/odd-ply/pdal-text_extradim.ply": "PLY points",
    }
    assert {name: detect(shared / "data" / name)[0].name for name in expected} == expected
    splats = detect(shared / "data" / "gaussians" / "synthetic" / "axes_sh0.ply")[0]
    assert "gaussians" in splats.kinds


def test_no_vertices_is_a_plain_refusal(shared: Path) -> None:
    with pytest.raises(BadFile, match="has no faces and no points"):
        run(open_path(shared / "data/meshes/odd-ply/pdal-no_vertex.ply"))


def test_bare_vertices_of_other_formats_are_points(tmp_path: Path) -> None:
    path = tmp_path / "cloud.obj"
    path.write_text("v 1 2 3 0.5 0.25 1\nv 4 5 6 0 0 0\n")
    points = _opened(path)
    assert points.positions.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert points.colors.tolist() == [[128, 64, 255, 255], [0, 0, 0, 255]]
    cloud = trimesh.PointCloud(np.random.default_rng(3).random((9, 3)))
    scene = trimesh.Scene()
    scene.add_geometry(cloud, transform=trimesh.transformations.translation_matrix([1, 2, 3]))
    scene.export(tmp_path / "cloud.glb")
    assert np.allclose(_opened(tmp_path / "cloud.glb").positions, cloud.vertices + [1, 2, 3], atol=1e-6)

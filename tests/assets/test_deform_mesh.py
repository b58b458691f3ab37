"""Meshes under a deformation: what hangs together, and what bends with the vertices."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from assets.deform.clusters import MOST
from assets.deform.kinds import deformable, flattened
from assets.deform.kinds.mesh import applied, matter, stripped
from assets.deform.rig import make_rig
from assets.errors import BadInput
from assets.mesh import Material, Mesh, MeshNode, MeshPart
from assets.meshes.normals import face_normals, vertex_normals
from assets.meshes.proxy import watertight
from assets.meshes.refinement import refined
from assets.meshes.welding import welded
from assets.progress import run
from tests.assets.deform_shapes import bar, turn, volume
from tests.assets.deform_warps import affine_warp, mapped_warp
from tests.small_files import CUBE_CORNERS, CUBE_FACES

TURN = turn((1, 2, 3), 70)


def part_of(vertices: np.ndarray, faces: np.ndarray, name: str = "part") -> MeshPart:
    vertices, faces = np.asarray(vertices, np.float32), np.asarray(faces, np.uint32)
    return MeshPart(name, vertices, faces, vertex_normals(vertices, faces))


def cube_soup(offset=(0.0, 0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    """A cube of side 2 whose triangles share nothing."""
    corners = (CUBE_CORNERS + np.array(offset))[CUBE_FACES].reshape(-1, 3)
    return corners, np.arange(len(corners)).reshape(-1, 3)


def closed_cube(offset=(0.0, 0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    """A cube of side 2 with eight vertices."""
    return CUBE_CORNERS + np.array(offset), CUBE_FACES


def cube_of_sides(offset=(0.0, 0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    """A cube of side 2 with four vertices of its own for each side, as files with flat normals have it."""
    normals = face_normals(CUBE_CORNERS, CUBE_FACES).round().astype(int)
    vertices, faces, numbers = [], [], {}
    for face, normal in zip(CUBE_FACES, normals, strict=True):
        row = []
        for corner in face:
            key = (int(corner), *normal)
            if key not in numbers:
                numbers[key] = len(vertices)
                vertices.append(CUBE_CORNERS[corner] + np.array(offset))
            row.append(numbers[key])
        faces.append(row)
    assert len(vertices) == 24
    return np.array(vertices), np.array(faces)


def joined(*pieces: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in pieces)])
    faces = [faces + start for (_, faces), start in zip(pieces, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in pieces]), np.concatenate(faces)


def parts_of(mesh: Mesh) -> tuple[int, list[np.ndarray]]:
    """How many loose parts the matter has, and in which the vertices of each placed part lie."""
    found, elements = run(matter(mesh))
    count, label = connected_components(found.lengths(), directed=False)
    return count, [label[element.near] for element in elements]


# Welding


@pytest.mark.parametrize("cube", [cube_soup, cube_of_sides])
def test_seams_are_closed(cube) -> None:
    vertices, faces = cube()
    label = run(welded(vertices.astype(np.float64), faces))
    assert label.max() + 1 == 8
    places = np.zeros((8, 3))
    places[label] = vertices
    np.testing.assert_array_equal(places[label], vertices)
    assert watertight(places, label[faces])


@pytest.mark.parametrize("cube", [cube_soup, cube_of_sides, closed_cube])
@pytest.mark.parametrize(
    "offset", [(2, 0, 0), (2, 2, 0), (2, 2, 2), (2, 0.5, 0)], ids=["side", "edge", "corner", "aside"]
)
def test_touching_cubes_stay_two(cube, offset) -> None:
    vertices, faces = joined(cube((0, 0, 0)), cube(offset))
    label = run(welded(vertices.astype(np.float64), faces))
    half = len(vertices) // 2
    assert label.max() + 1 == 16
    assert not set(label[:half]) & set(label[half:])


def test_a_stack_of_eight_cubes_is_eight() -> None:
    offsets = [(x, y, z) for x in (0, 2) for y in (0, 2) for z in (0, 2)]
    vertices, faces = joined(*(cube_of_sides(offset) for offset in offsets))
    label = run(welded(vertices.astype(np.float64), faces))
    assert label.max() + 1 == 64


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), noise=st.sampled_from([0.0, 1e-8]))
def test_a_soup_is_the_mesh_it_was_cut_from(seed: int, noise: float) -> None:
    """Also turned, and with the rounding of f32 in every corner."""
    random = np.random.default_rng(seed)
    vertices, faces = bar(5, 2)
    vertices = vertices @ turn(random.normal(size=3), random.uniform(0, 180)).T
    soup = vertices[faces].reshape(-1, 3)
    soup = soup + noise * random.normal(size=soup.shape)
    label = run(welded(soup, np.arange(len(soup)).reshape(-1, 3)))
    assert label.max() + 1 == len(vertices)
    first = np.unique(label, return_index=True)[1]
    np.testing.assert_allclose(soup, soup[first][label], atol=1e-6)


def test_a_vertex_that_only_touches_is_not_welded() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [-1, 0, 0], [0, -1, 0]], np.float64)
    assert run(welded(vertices, np.array([[0, 1, 2], [3, 4, 5]]))).max() == 5


def test_many_corners_in_one_place_take_no_time() -> None:
    """A damaged file may put everything into one place, or nearly so."""
    points = 1e-9 * np.random.default_rng(0).normal(size=(30_000, 3))
    points[0] = 1.0
    label = run(welded(points, np.arange(30_000).reshape(-1, 3)))
    assert label.max() + 1 < 30_000


# Refining


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), longest=st.floats(0.1, 1.0), room=st.sampled_from([0, 7, 100, 100_000]))
def test_refining_keeps_the_surface(seed: int, longest: float, room: int) -> None:
    random = np.random.default_rng(seed)
    corners = CUBE_CORNERS.astype(np.float64) * random.uniform(0.2, 1.5, 3)
    points, faces = refined(corners, CUBE_FACES.astype(np.int64), longest, room)
    assert len(points) <= 8 + room
    np.testing.assert_array_equal(points[:8], corners)
    assert watertight(points.astype(np.float64), faces)
    assert volume(points, faces) == pytest.approx(volume(corners, CUBE_FACES), rel=1e-9)
    if room == 100_000:
        edges = points[faces] - points[np.roll(faces, -1, 1)]
        assert np.linalg.norm(edges, axis=2).max() <= longest


# Matter


def test_matter_fills_large_faces_and_hangs_together() -> None:
    mesh = Mesh("box", [part_of(*cube_of_sides())])
    found, elements = run(matter(mesh))
    assert 8_000 < len(found.points) <= MOST
    assert connected_components(found.lengths(), directed=False)[0] == 1
    np.testing.assert_allclose(np.abs(found.points).max(1), 1.0, atol=1e-12)
    assert (found.edges[:, 0] != found.edges[:, 1]).all()
    assert len(np.unique(np.sort(found.edges, axis=1), axis=0)) == len(found.edges)
    np.testing.assert_allclose(found.points[elements[0].near], mesh.parts[0].vertices, atol=1e-12)
    # No place of the surface is far from matter.
    random = np.random.default_rng(0)
    corners = CUBE_CORNERS[CUBE_FACES[random.integers(0, 12, 5000)]]
    surface = (corners * random.dirichlet((1, 1, 1), 5000)[:, :, None]).sum(1)
    assert found.tree.query(surface)[0].max() < 2.5 * found.spacing


def test_parts_and_instances_hang_together_only_through_seams() -> None:
    vertices, faces = cube_of_sides()
    sides = [faces[2 * side : 2 * side + 2] for side in range(6)]
    parts = [part_of(vertices[np.unique(side)], np.searchsorted(np.unique(side), side)) for side in sides]
    aside = np.eye(4)
    aside[0, 3] = 2.0
    nodes = [MeshNode("a", parts=tuple(range(6))), MeshNode("b", matrix=aside, parts=tuple(range(6)))]
    count, labels = parts_of(Mesh("two", parts, nodes))
    assert count == 2
    assert len({int(each) for label in labels[:6] for each in label}) == 1
    assert len({int(each) for label in labels[6:] for each in label}) == 1


def test_sheets_closer_than_matter_is_fine_stay_two() -> None:
    axis = np.linspace(0, 1, 301)
    grid = np.stack(np.meshgrid(axis, axis, [0.0], indexing="ij"), -1).reshape(-1, 3)
    corner = (np.arange(300)[:, None] * 301 + np.arange(300)).ravel()
    squares = np.stack([corner, corner + 1, corner + 301, corner + 1, corner + 302, corner + 301], 1)
    faces = squares.reshape(-1, 3)
    mesh = Mesh("sheets", [part_of(grid, faces), part_of(grid + [0, 0, 1e-3], faces)])
    found, elements = run(matter(mesh))
    assert 20_000 < len(found.points) <= MOST and found.spacing > 3e-3
    count, label = connected_components(found.lengths(), directed=False)
    assert count == 2
    assert (label[elements[0].near] == label[elements[0].near[0]]).all()
    assert (label[elements[0].near] != label[elements[1].near]).all()
    for element in elements:
        assert np.linalg.norm(found.points[element.near] - element.points, axis=1).max() < 2.5 * found.spacing


def test_loose_triangles_are_thinned_as_well() -> None:
    """Leaves and hair cards: far more loose parts than matter may have points."""
    random = np.random.default_rng(0)
    places = random.uniform(-1, 1, (60_000, 1, 3)) * (1, 1, 0.02)
    corners = (places + 0.004 * random.normal(size=(60_000, 3, 3))).reshape(-1, 3)
    mesh = Mesh("leaves", [part_of(corners, np.arange(180_000).reshape(-1, 3))])
    found, elements = run(matter(mesh))
    assert 1_000 < len(found.points) <= MOST
    assert np.linalg.norm(found.points[elements[0].near] - corners, axis=1).max() < 10 * found.spacing


def test_vertices_without_faces_follow_what_they_lie_at() -> None:
    vertices = np.concatenate([CUBE_CORNERS, [[1.0, 0.1, 0.2], [0.1, 0.2, 5.0]]])
    found, elements = run(matter(Mesh("cube", [part_of(vertices, CUBE_FACES)])))
    away = np.linalg.norm(found.points[elements[0].near] - vertices, axis=1)
    np.testing.assert_allclose(away[:8], 0, atol=1e-12)
    assert away[8] < found.spacing and away[9] == pytest.approx(4.0, abs=0.01)


def test_odd_meshes() -> None:
    nothing = Mesh("nothing", [])
    assert len(run(matter(nothing))[0].points) == 0
    with pytest.raises(BadInput):
        run(make_rig(nothing))
    with pytest.raises(BadInput, match="no visible matter"):
        run(make_rig(Mesh("loose", [part_of(CUBE_CORNERS, np.empty((0, 3)))])))
    points = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 0, 0]], np.float32)
    found, _ = run(matter(Mesh("line", [part_of(points, [[0, 1, 2], [0, 0, 1], [3, 3, 3]])])))
    assert np.isfinite(found.points).all() and len(found.points) <= MOST


def test_stripped_is_light_and_has_the_same_matter() -> None:
    mesh = two_cubes()
    light = stripped(mesh)
    assert not light.materials and all(part.uv is None and not len(part.normals) for part in light.parts)
    np.testing.assert_array_equal(run(matter(light))[0].points, run(matter(mesh))[0].points)
    np.testing.assert_array_equal(light.local_bounds(), mesh.local_bounds())


# Applying


def two_cubes() -> Mesh:
    """One part under two nodes, one of them below another, turned, stretched and mirrored, and a part used once."""
    part = part_of(*cube_of_sides(), "cube")
    part.uv = np.random.default_rng(0).random((24, 2)).astype(np.float32)
    part.colors = np.full((24, 4), 200, np.uint8)
    part.material = 0
    other = part_of(*bar(12, 2, 3.0), "bar")
    placed = np.eye(4)
    placed[:3, :3] = TURN @ np.diag([1.0, 0.5, -2.0])
    placed[:3, 3] = (4, 1, 0)
    lifted = np.eye(4)
    lifted[1, 3] = 3.0
    nodes = [MeshNode("root", parts=(0,)), MeshNode("under", 0, placed, (0,)), MeshNode("top", -1, lifted, (1,))]
    mesh = Mesh("cubes", [part, other], nodes, [Material("red")])
    mesh.proxies = {0: part.faces[:4]}
    return mesh


def placed_vertices(mesh: Mesh) -> list[np.ndarray]:
    return [part.vertices @ matrix[:3, :3].T + matrix[:3, 3] for part, matrix in mesh.instances()]


def placed_normals(mesh: Mesh) -> list[np.ndarray]:
    turned = [part.normals @ np.linalg.inv(matrix[:3, :3]) for part, matrix in mesh.instances()]
    return [each / np.linalg.norm(each, axis=1, keepdims=True) for each in turned]


@pytest.mark.parametrize("linear", [TURN, TURN @ np.diag([1.0, 1.5, 0.7])], ids=["rigid", "stretch"])
def test_instances_bend_where_they_are(linear: np.ndarray) -> None:
    mesh = two_cubes()
    mesh.set_transform(np.diag([2.0, 2.0, 2.0, 1.0]))
    mesh.set_warp(affine_warp(mesh, linear, (1, 2, 3)))
    before = copy.deepcopy([part.vertices for part in mesh.parts])
    flat = run(flattened(mesh))
    assert flat.warp is None and np.array_equal(flat.transform, mesh.transform)
    for old, new in zip(placed_vertices(mesh), placed_vertices(flat), strict=True):
        np.testing.assert_allclose(new, old @ linear.T + [1, 2, 3], atol=3e-6)
    for old, new in zip(placed_normals(mesh), placed_normals(flat), strict=True):
        expected = old @ np.linalg.inv(linear)
        np.testing.assert_allclose(new, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)
    assert [node.name for node in flat.nodes] == ["root", "under", "top"]
    assert all(np.array_equal(a.matrix, b.matrix) for a, b in zip(flat.nodes, mesh.nodes, strict=True))
    assert len(flat.parts) == 3 and len({flat.nodes[0].parts, flat.nodes[1].parts}) == 2
    for (part, _), (rest, _) in zip(flat.instances(), mesh.instances(), strict=True):
        assert part.faces is rest.faces and part.uv is rest.uv and part.colors is rest.colors
        assert (part.name, part.material) == (rest.name, rest.material)
        assert part.vertices.dtype == np.float32 and part.normals.dtype == np.float32
    cubes = {flat.nodes[0].parts[0], flat.nodes[1].parts[0]}
    assert set(flat.proxies) == cubes and all(proxy is mesh.proxies[0] for proxy in flat.proxies.values())
    assert all(np.array_equal(a, part.vertices) for a, part in zip(before, mesh.parts, strict=True))


def test_the_identity_shares_everything() -> None:
    mesh = two_cubes()
    mesh.set_warp(affine_warp(mesh, np.eye(3)))
    flat = run(applied(mesh))
    assert len(flat.parts) == 2
    assert all(a is b for a, b in zip(flat.parts, mesh.parts, strict=True))


def test_what_does_not_move_keeps_its_bytes() -> None:
    """Only the far end of a bar and one of two instances move."""
    part = part_of(*bar(40, 4))
    aside = np.eye(4)
    aside[:3, :3], aside[:3, 3] = TURN, (0, 0, 7)
    mesh = Mesh("bars", [part], [MeshNode("a", parts=(0,)), MeshNode("b", matrix=aside, parts=(0,))])

    def place(points: np.ndarray) -> np.ndarray:
        return points + np.where((points[:, :1] > 2) & (points[:, 2:] < 1), [[0.0, 1.0, 0.0]], 0.0)

    mesh.set_warp(mapped_warp(mesh, place, lambda points: np.eye(3), 256))
    flat = run(applied(mesh))
    assert flat.nodes[1].parts == (0,) and flat.parts[0] is part
    bent = flat.instances()[0][0]
    still = part.vertices[:, 0] < 0
    assert (bent.vertices[still] == part.vertices[still]).all() and (bent.normals[still] == part.normals[still]).all()
    far = part.vertices[:, 0] > 4
    np.testing.assert_allclose(bent.vertices[far], part.vertices[far] + [0, 1, 0], atol=1e-5)


def test_bent_normals_are_those_of_the_bent_surface() -> None:
    """A bar bent to an arc: normals that were turned along agree with those computed anew."""
    part = part_of(*bar(120, 12))
    mesh = Mesh("bar", [part])

    def angle(points: np.ndarray) -> np.ndarray:
        return points[:, 0] / 6.0

    def place(points: np.ndarray) -> np.ndarray:
        radius = 6.0 - points[:, 1]
        return np.stack([radius * np.sin(angle(points)), 6.0 - radius * np.cos(angle(points)), points[:, 2]], 1)

    def gradient(points: np.ndarray) -> np.ndarray:
        a, out = angle(points), np.zeros((len(points), 3, 3))
        stretch = 1 - points[:, 1] / 6.0
        out[:, 0, 0], out[:, 0, 1] = stretch * np.cos(a), -np.sin(a)
        out[:, 1, 0], out[:, 1, 1], out[:, 2, 2] = stretch * np.sin(a), np.cos(a), 1
        return out

    mesh.set_warp(mapped_warp(mesh, place, gradient, 512))
    bent = run(applied(mesh)).parts[0]
    size = np.linalg.norm(np.ptp(part.vertices, axis=0))
    assert np.abs(bent.vertices - place(part.vertices.astype(np.float64))).max() < 5e-3 * size
    agreement = (bent.normals * vertex_normals(bent.vertices, bent.faces)).sum(1)
    # As well as the smooth normals at the corners of the bar allow.
    assert np.percentile(agreement, 1) > 0.99 and agreement.min() > 0.95


def test_a_flat_node_is_no_obstacle() -> None:
    matrix = np.diag([1.0, 1.0, 0.0, 1.0])
    mesh = Mesh("shadow", [part_of(CUBE_CORNERS, CUBE_FACES)], [MeshNode("flat", matrix=matrix, parts=(0,))])
    mesh.set_warp(affine_warp(mesh, np.eye(3), (1, 2, 0)))
    flat = run(applied(mesh))
    np.testing.assert_allclose(placed_vertices(flat)[0], placed_vertices(mesh)[0] + [1, 2, 0], atol=1e-5)
    assert np.isfinite(flat.parts[0].normals).all()


def test_the_record_is_found() -> None:
    assert deformable(two_cubes()).applied is applied

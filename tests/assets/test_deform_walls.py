"""What has two sides moves as one: walls of cups, thick or thin, and no ways through the open."""

from __future__ import annotations

import numpy as np
import pytest

from assets.deform.kinds import deformable
from assets.deform.rig import make_rig
from assets.deform.solver import Solver
from assets.deform.walls import cloud_wall_links, wall_links
from assets.gaussians import Gaussians
from assets.mesh import Mesh, MeshPart
from assets.meshes.normals import vertex_normals
from assets.progress import run
from tests.assets.deform_shapes import bar, points, pull


def revolved(profile: np.ndarray, count: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """A profile (n,2) of radius and height turned about y; its ends lie on the axis. Vertices, faces."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    ring = np.stack([np.cos(turn), 0 * turn, np.sin(turn)], 1)
    vertices = (profile[:, None, :1] * ring + profile[:, None, 1:] * (0.0, 1.0, 0.0)).reshape(-1, 3)
    number = np.arange(len(vertices)).reshape(len(profile), count)
    a, b = number[:-1], number[1:]
    c, d = np.roll(b, -1, 1), np.roll(a, -1, 1)
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return vertices.astype(np.float32), faces.astype(np.uint32)


def cup(wall: float) -> Mesh:
    """A cylinder of radius 1 and height 2 with a floor, closed: an outer and an inner surface that meet at the rim."""
    outer = [(r, -1.0) for r in np.linspace(1e-3, 1, 30)] + [(1.0, y) for y in np.linspace(-1, 1, 60)[1:]]
    inner = [(1 - wall, y) for y in np.linspace(1, -1 + wall, 60)] + [
        (r, -1 + wall) for r in np.linspace(1 - wall, 1e-3, 30)[1:]
    ]
    profile = np.array([(0.0, -1.0), *outer, *inner, (0.0, -1 + wall)])
    vertices, faces = revolved(profile)
    return Mesh("cup", [MeshPart("cup", vertices, faces, vertex_normals(vertices, faces))])


def splats_on(mesh: Mesh, count: int) -> Gaussians:
    """Flat splats on the surface of a mesh."""
    from assets.meshes.surface_samples import sample_surface

    places, normals, _ = sample_surface(mesh, count)
    turned = np.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], 0 * normals[:, 0]], 1)
    turned[np.abs(turned).max(1) < 1e-3] = (0, 1, 0, 0)
    sizes = np.log(np.tile(np.float32([0.02, 0.02, 0.002]), (count, 1)))
    sh = np.zeros((count, 1, 3), np.float32)
    return Gaussians("splats", places, sizes, turned.astype(np.float32), np.full(count, 4.0, np.float32), sh)


@pytest.mark.parametrize("wall", [0.06, 0.15])
@pytest.mark.parametrize("kind", ["mesh", "splats"])
def test_the_two_sides_of_a_wall_move_together(kind: str, wall: float) -> None:
    """Pushed in at its outside, a cup's inside gives way: nowhere do the two come through each other."""
    asset = cup(wall) if kind == "mesh" else splats_on(cup(wall), 60_000)
    rig = run(make_rig(asset))
    source = np.float64([[1.0, 0.0, 0.0]])
    drag = pull(source, source + (-0.3, 0.1, 0.1), radius=0.9)
    warp = Solver(rig, drag).solve_drag()
    heights = np.linspace(-0.5, 0.5, 11)
    outer = np.stack([np.ones(11), heights, 0 * heights], 1)
    inner = outer - (wall, 0, 0)
    moved = []
    for side in (outer, inner):
        near = rig.matter.tree.query(side)[1]
        moved.append(warp.skin.points(side, rig.graph.bind(side, near)) - side)
    assert np.abs(moved[0]).max() > 0.25
    thickness = (outer + moved[0] - inner - moved[1])[:, 0] / wall
    # Left to themselves the sides would be four walls deep in each other. A place beside the splats may be ill-bound.
    assert thickness.mean() > 0.5 and thickness.min() > (0.1 if kind == "mesh" else -0.5)


def test_links_go_through_matter_and_not_through_the_open() -> None:
    """Two bars, one beside the other: each is linked through itself, and neither to the other."""
    vertices, faces = bar(40, 8)
    normals = vertex_normals(vertices, faces).astype(np.float64)
    both = np.concatenate([vertices, vertices + (0.0, 1.1, 0.0)])
    links = wall_links(both, np.concatenate([normals, normals]), 0.2)
    assert len(links) > 200
    assert not ((links[:, 0] < len(vertices)) ^ (links[:, 1] < len(vertices))).any()
    across = both[links[:, 1]] - both[links[:, 0]]
    assert np.linalg.norm(across, axis=1).min() > 0.6


def test_what_faces_itself_is_not_linked() -> None:
    """The hollow of a cup is open space."""
    asset = cup(0.06)
    matter, _ = run(deformable(asset).matter(asset))
    lengths = np.linalg.norm(matter.points[matter.edges[:, 0]] - matter.points[matter.edges[:, 1]], axis=1)
    assert lengths.max() < 0.5


def test_an_open_sheet_has_no_inside() -> None:
    side = np.linspace(-1, 1, 60)
    sheet = np.stack([*np.meshgrid(side, side), np.zeros((60, 60))], -1).reshape(-1, 3)
    assert not len(cloud_wall_links(sheet, np.zeros(len(sheet), int), sheet, 0.034))
    assert not len(wall_links(sheet, np.zeros_like(sheet), 0.034))


def test_a_thick_body_keeps_its_width() -> None:
    """Squeezed by two handles at one side, the other side of a solid bar gives way instead of being pierced."""
    vertices, faces = bar(80, 8)
    asset = Mesh(
        "bar", [MeshPart("bar", vertices.astype(np.float32), faces.astype(np.uint32), np.zeros_like(vertices))]
    )
    rig = run(make_rig(asset))
    source = np.float64([[0.0, 0.5, 0.0]])
    ends = vertices[np.abs(vertices[:, 0]) == 5.0][::6]
    warp = Solver(rig, pull(source, source - (0, 0.6, 0), pins=points(ends))).solve_drag()
    below = np.float64([[0.0, -0.5, 0.0]])
    moved = warp.skin.points(below, rig.graph.bind(below, rig.matter.tree.query(below)[1]))
    assert moved[0, 1] < -0.9

"""The graph over matter, and what is bound to it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from assets.deform.binding import FULL, Binding, Pose, Skin
from assets.deform.drag import Dab, Drag, Region, as_rows, smoothstep
from assets.deform.graph import build_graph
from assets.deform.kinds import Elements
from assets.deform.matter import Matter, bridged, unconnected
from assets.deform.rig import assemble, make_rig, region_mask
from assets.deform.rotations import exponential, logarithm, nearest_rotations, rigid_fit, turned_towards
from assets.errors import BadInput
from assets.progress import run
from assets.splats.quaternions import from_matrices, to_matrices
from tests.assets.deform_shapes import bar, edges_of, pull, rig_on, sphere_region, turn
from tests.small_assets import KINDS

VERTICES, FACES = bar()
EDGES = edges_of(FACES)


def matter_of(points: np.ndarray, edges: np.ndarray) -> Matter:
    return Matter(points, edges, float(np.median(np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1))))


def test_nodes_are_spread_evenly() -> None:
    rig = rig_on(VERTICES, EDGES, 200)
    nodes = rig.graph.nodes
    apart = cKDTree(nodes).query(nodes, k=2)[0][:, 1]
    covered = cKDTree(nodes).query(VERTICES)[0]
    assert len(np.unique(nodes, axis=0)) == 200
    # Farthest points: no two nodes are nearer to each other than the worst covered point is to its node.
    assert covered.max() <= apart.min() + 1e-9


def test_elements_follow_near_nodes_with_weights_of_one() -> None:
    rig = rig_on(VERTICES, EDGES)
    binding = rig.bindings[0]
    assert (binding.weights.sum(1, dtype=np.int64) == FULL).all()
    away = np.linalg.norm(rig.graph.nodes[binding.nodes] - VERTICES[:, None], axis=2)
    assert away[binding.weights > 0].max() < 4 * rig.graph.spacing
    # Weights change little from one vertex to the next.
    dense = np.zeros((len(VERTICES), len(rig.graph)))
    np.put_along_axis(dense, binding.nodes.astype(int), binding.weights / FULL, 1)
    assert np.abs(dense[EDGES[:, 0]] - dense[EDGES[:, 1]]).max() < 0.65


def test_the_skin_reproduces_affine_maps() -> None:
    """Nodes that all follow one affine map make every element follow it."""
    rig = rig_on(VERTICES + (100.0, 0.0, 0.0), EDGES)
    linear = turn((1, 2, 3), 40) @ np.diag([1.5, 0.8, 1.1])
    count = len(rig.graph)
    turns = np.tile(from_matrices(nearest_rotations(linear[None])), (count, 1))
    pose = Pose(rig.graph.nodes @ linear.T + 3, np.tile(linear, (count, 1, 1)), turns)
    skin = Skin(rig.graph.nodes, pose, rig.centre)
    points = VERTICES + (100.0, 0.0, 0.0)
    assert np.allclose(skin.points(points, rig.bindings[0]), points @ linear.T + 3, atol=1e-9)
    assert np.allclose(skin.gradients(rig.bindings[0]), linear, atol=1e-12)
    expected = nearest_rotations(linear[None])[0]
    assert np.allclose(to_matrices(skin.rotations(rig.bindings[0])), expected, atol=1e-9)


def test_what_is_masked_rests() -> None:
    rig = rig_on(VERTICES, EDGES)
    half = rig.bindings[0].masked(np.where(VERTICES[:, 0] > 0, 1.0, 0.0))
    pose = Pose(rig.graph.nodes + 1, np.tile(np.eye(3), (512, 1, 1)), np.tile([1.0, 0, 0, 0], (512, 1)))
    moved = Skin(rig.graph.nodes, pose, rig.centre).points(VERTICES, half)
    assert np.array_equal(moved[VERTICES[:, 0] <= 0], VERTICES[VERTICES[:, 0] <= 0])
    assert np.allclose(moved[VERTICES[:, 0] > 0], VERTICES[VERTICES[:, 0] > 0] + 1)


def test_quaternions_and_their_negatives_blend_alike() -> None:
    binding = Binding(np.uint16([[0, 1, 0, 0]]), np.uint16([[32767, 32768, 0, 0]]), np.zeros(1, np.uint32))
    quarter = from_matrices(turn((0, 0, 1), 90)[None])[0]
    for sign in (1.0, -1.0):
        pose = Pose(np.zeros((2, 3)), np.tile(np.eye(3), (2, 1, 1)), np.stack([quarter, sign * quarter]))
        blended = Skin(np.zeros((2, 3)), pose, np.zeros(3)).rotations(binding)
        assert np.allclose(to_matrices(blended)[0], turn((0, 0, 1), 90))


def test_floating_elements_follow_nothing() -> None:
    matter = matter_of(VERTICES, EDGES)
    lost = np.float64([[0, 30, 0]])
    rig = run(assemble(matter, [Elements(np.concatenate([VERTICES, lost]))], 64, 10.0))
    assert rig.bindings[0].weights[-1].sum() == 0 and rig.bindings[0].weights[:-1].any(1).all()


def test_crumbs_hang_on_what_they_lie_on() -> None:
    crumbs = VERTICES[::7] + (0.0, 0.0, 0.01)
    matter = Matter(np.concatenate([VERTICES, crumbs]), EDGES, 0.125)
    joined = bridged(matter, 1)
    assert len(joined.edges) == len(EDGES) + len(crumbs)
    bridges = joined.edges[len(EDGES) :]
    assert np.linalg.norm(joined.points[bridges[:, 0]] - joined.points[bridges[:, 1]], axis=1).max() < 0.02
    graph, _ = run(build_graph(matter, 128))
    assert (graph.owner >= 0).all()


def test_gaps_can_be_bridged_on_request() -> None:
    two = np.concatenate([VERTICES, VERTICES + (0.0, 1.2, 0.0)])
    matter = matter_of(two, np.concatenate([EDGES, EDGES + len(VERTICES)]))
    apart, _ = run(build_graph(matter, 128))
    together, _ = run(build_graph(unconnected(matter), 128))
    assert apart.part.max() == 1 and together.part.max() == 0


def test_nodes_have_bounds() -> None:
    for nodes in (3, 5000):
        with pytest.raises(BadInput, match="nodes"):
            run(make_rig(KINDS["mesh"](), nodes))


def test_rotations_near_matrices() -> None:
    random = np.random.default_rng(3)
    wanted = exponential(random.normal(size=(50, 3)))
    matrices = wanted @ (np.eye(3) + 0.2 * random.normal(size=(50, 3, 3)))
    exact = nearest_rotations(matrices)
    assert np.allclose(np.linalg.det(exact), 1) and np.allclose(exact @ exact.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(turned_towards(matrices, wanted, rounds=40), exact, atol=1e-6)
    # Also where a reflection would be nearer.
    mirrored = nearest_rotations(np.diag([1.0, 1.0, -0.5])[None])
    assert np.allclose(mirrored[0], np.eye(3))


@pytest.mark.parametrize("angle", [0.0, 1e-4, 1.0, np.pi - 1e-4, np.pi])
def test_logarithm_undoes_the_exponential(angle: float) -> None:
    axis = np.array([1.0, -2.0, 0.5])
    rotation = exponential(angle * axis[None] / np.linalg.norm(axis))[0]
    assert np.allclose(exponential(logarithm(rotation)[None])[0], rotation, atol=1e-6)


def test_rigid_fit_finds_the_motion() -> None:
    points = np.random.default_rng(4).normal(size=(6, 3))
    rotation = turn((1, 1, 0), 170)
    found, left = rigid_fit(points, points @ rotation.T + 5)
    assert np.allclose(found, rotation) and left < 1e-12
    # Points on a line turn with it and not about it.
    line = np.float64([[0, 0, 0], [1, 0, 0], [2, 0, 0]])
    found, left = rigid_fit(line, line @ turn((0, 0, 1), 90).T)
    assert np.allclose(found, turn((0, 0, 1), 90)) and left < 1e-12


def test_regions_and_dabs_in_another_frame() -> None:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = 2.5 * turn((0, 1, 0), 30), (1, 2, 3)
    points = np.random.default_rng(5).uniform(-2, 2, (300, 3))
    placed = points @ matrix[:3, :3].T + matrix[:3, 3]
    box = Region("box", as_rows(np.diag([1, 0.5, 2, 1.0])))
    dab = Dab((0.1, 0.2, 0.3), 0.8, True, 0.5, direction=(0.0, 0.0, 1.0))
    for region in (box, sphere_region((0.2, 0, 0), 1.5)):
        drag = pull(points[:1], points[1:2], region=region, dabs=(dab,), radius=0.4).placed(matrix)
        assert np.allclose(drag.region.mask(placed), region.mask(points), atol=1e-9)
        assert np.allclose(drag.dabs[0].cover(placed), dab.cover(points), atol=1e-9)
        assert np.isclose(drag.radius, 1.0) and np.allclose(drag.handles[0].target, placed[1])
        back = drag.placed(np.linalg.inv(matrix))
        assert np.allclose(back.handles[0].source, points[0])


def test_masks_are_zero_outside_and_one_inside() -> None:
    region = sphere_region((0, 0, 0), 2.0)
    points = np.float64([[0, 0, 0], [1.5, 0, 0], [1.99, 0, 0], [2, 0, 0], [5, 0, 0]])
    mask = region_mask(points, region)
    assert mask[0] == mask[1] == 1 and 0 < mask[2] < 0.1 and mask[3] == mask[4] == 0
    assert (region_mask(points, None) == 1).all()
    assert smoothstep(np.float64([-1, 0, 0.5, 1, 2])).tolist() == [0, 0, 0.5, 1, 1]


def test_a_drag_is_plain_data() -> None:
    drag = pull(VERTICES[:2], VERTICES[:2] + 1)
    assert drag == pull(VERTICES[:2], VERTICES[:2] + 1) and hash(drag) is not None
    assert Drag().empty and not drag.empty

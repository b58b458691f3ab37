"""The drag engine: what it must do to any shape, whatever it is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.deform.anchors import BORDER_NOTE, fading
from assets.deform.drag import FALLOFFS, Dab, Drag, Handle, as_point
from assets.deform.rig import Rig
from assets.deform.solver import Solver
from assets.errors import BadInput
from tests.assets.deform_shapes import (
    bar,
    edges_of,
    points,
    pull,
    rig_on,
    sphere_region,
    strain,
    turn,
    volume,
)

VERTICES, FACES = bar()
EDGES = edges_of(FACES)
LEFT = VERTICES[VERTICES[:, 0] == -5.0][::5]
RIGHT = VERTICES[VERTICES[:, 0] == 5.0][::5]
TOP = VERTICES[np.argmin(((VERTICES - (0.0, 0.5, 0.0)) ** 2).sum(1))]


@pytest.fixture(scope="module")
def rig() -> Rig:
    return rig_on(VERTICES, EDGES)


def moved(rig: Rig, drag: Drag) -> np.ndarray:
    """Where the vertices go."""
    warp = Solver(rig, drag).solve_drag()
    return warp.skin.points(VERTICES, warp.bindings[0])


def at(places: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """`places` of the vertices that lie at `wanted` (h,3) at rest."""
    return places[[np.argmin(((VERTICES - row) ** 2).sum(1)) for row in wanted]]


def arc(degrees: float) -> np.ndarray:
    """Where the right end lies when the bar is bent into an arc around z."""
    radius = 10.0 / np.radians(degrees)
    end = np.array([radius * np.sin(np.radians(degrees)) - 5, radius * (1 - np.cos(np.radians(degrees))), 0])
    return (RIGHT - (5, 0, 0)) @ turn((0, 0, 1), degrees).T + end


finite = st.floats(-3, 3)
vectors = st.tuples(finite, finite, finite)


@given(st.lists(st.integers(0, len(VERTICES) - 1), min_size=1, max_size=8, unique=True), st.booleans())
@settings(max_examples=25)
def test_handles_at_rest_are_the_identity(rig: Rig, chosen: list[int], pinned: bool) -> None:
    sources = VERTICES[chosen]
    drag = pull(sources, sources, pins=points(LEFT) if pinned else ())
    assert np.abs(moved(rig, drag) - VERTICES).max() < 1e-5 * rig.size


@given(vectors, vectors, st.integers(0, 1000), st.integers(3, 12))
@settings(max_examples=25)
def test_a_rigid_motion_of_all_handles_moves_everything_rigidly(rig: Rig, axis, shift, seed: int, count: int) -> None:
    rotation = turn(axis, 60 * np.linalg.norm(axis)) if np.linalg.norm(axis) > 1e-3 else np.eye(3)
    sources = VERTICES[np.random.default_rng(seed).choice(len(VERTICES), count, replace=False)]
    if np.linalg.matrix_rank(sources - sources.mean(0), tol=0.3) < 2:
        return
    expected = VERTICES @ rotation.T + shift
    found = moved(rig, pull(sources, sources @ rotation.T + shift))
    assert np.abs(found - expected).max() < 1e-4 * rig.size


@given(vectors, st.floats(0, 1))
@settings(max_examples=20)
def test_handles_arrive_and_pins_stay(rig: Rig, shift, rigidity: float) -> None:
    targets = RIGHT + shift
    found = moved(rig, pull(RIGHT, targets, pins=points(LEFT), rigidity=rigidity))
    assert np.linalg.norm(at(found, RIGHT) - targets, axis=1).max() < 0.005 * rig.size
    assert np.linalg.norm(at(found, LEFT) - LEFT, axis=1).max() < 0.001 * rig.size


@pytest.mark.parametrize("center", [TOP, RIGHT[3]])
def test_nothing_outside_the_region_moves(rig: Rig, center: np.ndarray) -> None:
    drag = pull(center[None], center[None] + (0.2, 0.9, 0.3), region=sphere_region(center, 1.7))
    found = moved(rig, drag)
    outside = np.linalg.norm(VERTICES - center, axis=1) >= 1.7
    assert outside.any() and np.array_equal(found[outside], VERTICES[outside])
    assert np.linalg.norm(at(found, center[None]) - center - (0.2, 0.9, 0.3)) < 0.005 * rig.size


@pytest.mark.parametrize("degrees", [30, 60, 90, 135, 180])
def test_a_bent_bar_keeps_its_volume_and_its_edges(rig: Rig, degrees: float) -> None:
    targets = arc(degrees)
    found = moved(rig, pull(RIGHT, targets, pins=points(LEFT)))
    assert abs(volume(found, FACES) / volume(VERTICES, FACES) - 1) < 0.10
    share = ((VERTICES[:, 0] + 5) / 10)[:, None]
    blended = VERTICES + share * (targets - RIGHT).mean(0)
    assert strain(VERTICES, found, EDGES) * 3 < strain(VERTICES, blended, EDGES)
    assert np.linalg.norm(at(found, RIGHT) - targets, axis=1).max() < 0.005 * rig.size


@pytest.mark.parametrize("degrees", [90, -90, 180])
@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 0, 1)])
def test_a_group_of_handles_turns(rig: Rig, axis, degrees: float) -> None:
    """About the bar it twists; across it the end flips over in place: no part is turned inside out."""
    middle = RIGHT.mean(0)
    targets = (RIGHT - middle) @ turn(axis, degrees).T + middle
    found = moved(rig, pull(RIGHT, targets, pins=points(LEFT)))
    assert np.linalg.norm(at(found, RIGHT) - targets, axis=1).max() < 0.005 * rig.size
    assert np.linalg.norm(at(found, LEFT) - LEFT, axis=1).max() < 0.001 * rig.size
    assert np.isfinite(found).all()
    if axis == (1, 0, 0):
        assert abs(volume(found, FACES) / volume(VERTICES, FACES) - 1) < 0.10
        # The middle has turned by half of it.
        sides = VERTICES[np.abs(VERTICES[:, 0]) < 1e-9]
        half = sides @ turn(axis, degrees / 2).T
        assert np.linalg.norm(at(found, sides) - half, axis=1).mean() < 0.02 * rig.size


def test_there_and_back_ends_at_rest(rig: Rig) -> None:
    solver = Solver(rig, pull(RIGHT, arc(120), pins=points(LEFT)))
    solver.solve(RIGHT)
    for share in (*np.linspace(0, 1, 12), *np.linspace(1, 0, 12)):
        solver.step(solver.targets(share))
    for _ in range(60):
        pose = solver.step(RIGHT)
    assert np.abs(pose.moved - rig.graph.nodes).max() < 1e-3 * rig.size
    pose = solver.solve(RIGHT)
    assert np.abs(pose.moved - rig.graph.nodes).max() < 1e-5 * rig.size


def test_the_answer_does_not_depend_on_the_way(rig: Rig) -> None:
    drag = pull(RIGHT, arc(90), pins=points(LEFT))
    fresh, used = Solver(rig, drag), Solver(rig, drag)
    used.solve(RIGHT)
    for share in (0.2, 0.9, -0.5):
        used.step(used.targets(share))
    assert np.array_equal(fresh.solve().moved, used.solve().moved)


def test_live_steps_lead_to_the_answer(rig: Rig) -> None:
    solver = Solver(rig, pull(RIGHT, arc(60), pins=points(LEFT)))
    solver.solve(RIGHT)
    for share in np.linspace(0, 1, 30):
        solver.step(solver.targets(share))
    for _ in range(80):
        live = solver.step(solver.targets(1.0))
    assert np.abs(live.moved - solver.solve().moved).max() < 2e-3 * rig.size


def test_the_same_rig_twice(rig: Rig) -> None:
    again = rig_on(VERTICES, EDGES)
    assert np.array_equal(again.graph.nodes, rig.graph.nodes) and np.array_equal(again.graph.links, rig.graph.links)
    assert np.array_equal(again.bindings[0].weights, rig.bindings[0].weights)


def test_one_handle_without_pins_is_held_softly_at_its_border(rig: Rig) -> None:
    solver = Solver(rig, pull(TOP[None], TOP[None] + (0, 1.5, 0)))
    assert solver.notes == [BORDER_NOTE]
    warp = solver.solve_drag()
    found = warp.skin.points(VERTICES, warp.bindings[0])
    assert np.linalg.norm(at(found, TOP[None]) - TOP - (0, 1.5, 0)) < 0.005 * rig.size
    assert np.abs(found - VERTICES)[np.abs(VERTICES[:, 0]) > 4.5].max() < 1e-3 * rig.size
    assert not Solver(rig, pull(TOP[None], TOP[None] + (0, 1.5, 0), pins=points(LEFT))).notes


@pytest.mark.parametrize("falloff", FALLOFFS)
def test_a_radius_limits_the_reach(rig: Rig, falloff: str) -> None:
    drag = pull(TOP[None], TOP[None] + (0, 0.8, 0), radius=2.0, falloff=falloff, pins=points(LEFT))
    found = moved(rig, drag)
    assert np.linalg.norm(at(found, TOP[None]) - TOP - (0, 0.8, 0)) < 0.005 * rig.size
    far = np.abs(VERTICES[:, 0]) > 3.2
    assert np.abs(found[far] - VERTICES[far]).max() < 1e-6 * rig.size


@pytest.mark.parametrize("falloff", FALLOFFS)
def test_falloffs_go_from_one_to_zero(falloff: str) -> None:
    share = np.linspace(0, 1.5, 301)
    values = fading(falloff, share)
    assert values[0] == 1.0 and (values[share >= 1] == 0).all()
    assert (np.diff(values) <= 1e-12).all() and (values >= 0).all()


def test_painted_matter_stays(rig: Rig) -> None:
    dabs = (Dab(as_point(TOP), 2.0, fixed=False, feather=0.3),)
    found = moved(rig, pull(TOP[None], TOP[None] + (0, 0.7, 0), dabs=dabs, base_fixed=True))
    outside = np.linalg.norm(VERTICES - TOP, axis=1) > 2.2
    assert np.array_equal(found[outside], VERTICES[outside])
    fixed = (Dab((-5.0, 0.0, 0.0), 3.0, fixed=True),)
    found = moved(rig, pull(RIGHT, RIGHT + (0, 2, 0), dabs=fixed))
    assert np.abs(found - VERTICES)[VERTICES[:, 0] < -4.0].max() < 1e-6


def test_touching_parts_do_not_drag_each_other() -> None:
    """Two bars, one on the other: they share a plane in space and no edge."""
    vertices = np.concatenate([VERTICES, VERTICES + (0.0, 1.0, 0.0)])
    edges = np.concatenate([EDGES, EDGES + len(VERTICES)])
    rig = rig_on(vertices, edges)
    warp = Solver(rig, pull(RIGHT, RIGHT + (0, -2, 0), pins=points(LEFT))).solve_drag()
    found = warp.skin.points(vertices, warp.bindings[0])
    assert np.abs(found[len(VERTICES) :] - vertices[len(VERTICES) :]).max() < 1e-9
    assert np.abs(found[: len(VERTICES)] - VERTICES).max() > 1.9


def test_a_fold_does_not_drag_its_other_half() -> None:
    """A strip folded like a U with a narrow gap: its arms are close in space and far apart through matter."""
    across, along = np.meshgrid(np.linspace(-0.5, 0.5, 9), np.linspace(0, 10, 161), indexing="ij")
    gap = 0.05
    bend = np.clip((along - 4.9) / 0.2, 0, 1) * np.pi
    x = np.where(along < 5, np.minimum(along, 4.9), 10 - np.maximum(along, 5.1))
    x = np.where((bend > 0) & (bend < np.pi), 4.9 + gap / 2 * np.sin(bend), x)
    strip = np.stack([x, gap / 2 * (1 - np.cos(bend)), across], -1).reshape(-1, 3)
    number = np.arange(9 * 161).reshape(9, 161)
    quads = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]], -1).reshape(-1, 4)
    edges = edges_of(np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]))
    rig = rig_on(strip, edges)
    source = strip[number[4, 10]]
    warp = Solver(rig, pull(source[None], source[None] + (0, -0.8, 0), radius=2.0)).solve_drag()
    found = warp.skin.points(strip, warp.bindings[0]).reshape(9, 161, 3)
    rest = strip.reshape(9, 161, 3)
    assert np.abs(found[4, 10] - source - (0, -0.8, 0)).max() < 0.01
    assert np.abs(found[:, 100:] - rest[:, 100:]).max() < 1e-9


def test_strength_goes_from_rest_to_the_targets(rig: Rig) -> None:
    drag = pull(RIGHT, arc(60), pins=points(LEFT))
    assert np.abs(moved(rig, replace(drag, strength=0.0)) - VERTICES).max() < 1e-5 * rig.size
    half = moved(rig, replace(drag, strength=0.5))
    assert np.linalg.norm(at(half, RIGHT) - (RIGHT + arc(60)) / 2, axis=1).max() < 0.005 * rig.size


def test_rigidity_stiffens(rig: Rig) -> None:
    """The stiffer, the smoother the rotations change from node to node."""
    roughness = []
    for rigidity in (0.0, 1.0):
        warp = Solver(rig, pull(TOP[None], TOP[None] + (0, 1.2, 0), rigidity=rigidity, radius=2.0)).solve_drag()
        first, second = rig.graph.links.T
        roughness.append(np.abs(warp.pose.turns[first] - warp.pose.turns[second]).mean())
    assert roughness[1] < 0.7 * roughness[0]


def test_influence_is_known_before_the_drag(rig: Rig) -> None:
    heat = Solver(rig, pull(TOP[None], TOP[None], radius=2.0)).heat
    nearest = np.argmin(((rig.graph.nodes - TOP) ** 2).sum(1))
    assert heat.min() >= 0 and heat.max() <= 1 and heat[nearest] > 0.8
    assert heat[np.abs(rig.graph.nodes[:, 0]) > 3.5].max() < 1e-3


def test_stretch_is_limited(rig: Rig) -> None:
    warp = Solver(rig, pull(TOP[None], TOP[None] + (0, 30, 0), radius=1.0)).solve_drag()
    assert np.linalg.svd(warp.pose.gradients)[1].max() <= 4.0 + 1e-9
    assert np.isfinite(warp.pose.moved).all()


BAD = {
    "no handles": (Drag(), "no handles"),
    "off": (pull(np.float64([[0, 9, 0]]), np.float64([[0, 10, 0]])), "Handle 1 lies .* away from anything visible"),
    "nan": (pull(np.float64([[0, np.nan, 0]]), TOP[None]), "Handle 1 holds numbers that are not finite"),
    "infinite": (pull(TOP[None], np.float64([[np.inf, 0, 0]])), "Handle 1 holds numbers that are not finite"),
    "far": (pull(TOP[None], np.float64([[1e9, 0, 0]])), "times the asset's size"),
    "coincident": (pull(np.stack([TOP, TOP]), np.stack([TOP, TOP + 1])), "Handles 1 and 2 start at one place"),
    "contradicting pin": (pull(TOP[None], TOP[None] + 1, pins=points(TOP[None])), "away from where pin 1 holds it"),
    "nan pin": (pull(TOP[None], TOP[None], pins=((0.0, 0.0, np.nan),)), "pin holds numbers"),
    "outside": (pull(TOP[None], TOP[None] + 1, region=sphere_region((4, 0, 0), 1.0)), "outside of the region"),
    "radius": (pull(TOP[None], TOP[None] + 1, radius=-1.0), "radius"),
    "rigidity": (pull(TOP[None], TOP[None] + 1, rigidity=2.0), "rigidity"),
    "strength": (pull(TOP[None], TOP[None] + 1, strength=np.nan), "strength"),
    "falloff": (pull(TOP[None], TOP[None] + 1, falloff="steep"), "falloff"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused(rig: Rig, name: str) -> None:
    drag, sentence = BAD[name]
    with pytest.raises(BadInput, match=sentence):
        Solver(rig, drag).solve_drag()


def test_equal_handles_at_one_place_are_one(rig: Rig) -> None:
    found = moved(rig, pull(np.stack([TOP, TOP]), np.stack([TOP, TOP]) + (0, 1, 0), pins=points(LEFT)))
    assert np.linalg.norm(at(found, TOP[None]) - TOP - (0, 1, 0)) < 0.005 * rig.size


def test_pins_beside_the_asset_are_left_out_with_a_note(rig: Rig) -> None:
    solver = Solver(rig, pull(RIGHT, RIGHT + (0, 1, 0), pins=(*points(LEFT), (0.0, 50.0, 0.0))))
    assert "1 of" in solver.notes[0] and "beside the asset" in solver.notes[0]
    assert np.isfinite(solver.solve().moved).all()


def test_a_graph_that_falls_apart_still_moves() -> None:
    """Dust: a hundred points, none linked to another."""
    dust = np.random.default_rng(0).uniform(-1, 1, (100, 3))
    rig = rig_on(np.concatenate([dust, dust[:1] + 0.01]), np.array([[0, 100]]), nodes=64)
    warp = Solver(rig, pull(dust[:1], dust[:1] + (0, 1, 0))).solve_drag()
    found = warp.skin.points(dust, _head(warp.bindings[0], 100))
    assert np.isfinite(found).all() and abs(found[0, 1] - dust[0, 1] - 1) < 0.01


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_hardly_any_matter(count: int) -> None:
    vertices = np.random.default_rng(1).uniform(-1, 1, (count + 1, 3))
    edges = np.stack([np.arange(count), np.arange(1, count + 1)], 1)
    rig = rig_on(vertices, edges, nodes=16)
    warp = Solver(rig, Drag((Handle(as_point(vertices[0]), as_point(vertices[0] + 1)),))).solve_drag()
    assert np.allclose(warp.skin.points(vertices, warp.bindings[0])[0], vertices[0] + 1, atol=0.01 * rig.size)


@pytest.mark.parametrize("nodes", [4, 64, 2048])
def test_other_numbers_of_nodes(nodes: int) -> None:
    rig = rig_on(VERTICES, EDGES, nodes)
    assert len(rig.graph) == nodes
    found = moved(rig, pull(RIGHT, RIGHT + (0, 2, 0), pins=points(LEFT)))
    # Four nodes have fewer ways to move than there are pins.
    assert np.linalg.norm(at(found, LEFT) - LEFT, axis=1).max() < (0.1 if nodes == 4 else 0.005) * rig.size


def _head(binding, count: int):
    return type(binding)(binding.nodes[:count], binding.weights[:count], binding.near[:count])

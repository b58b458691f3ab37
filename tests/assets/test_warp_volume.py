"""The inverse map of a bent field: what it must hit, where it must be empty, and what fields say through it."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest
import torch

from assets.deform import splatting
from assets.deform.kinds import deformable
from assets.deform.rig import make_rig
from assets.deform.solver import Solver
from assets.deform.volume import MOST_VOXELS, TORN, WarpVolume, scatter
from assets.errors import BadInput
from assets.fields.bent import unactivated
from assets.fields.bricks.bake import bake
from assets.fields.bricks.grid import BrickGrid
from assets.fields.decoder import Field, activate
from assets.fields.description import OUTPUT_ACTIVATIONS, Blob, Output
from assets.progress import run
from tests.small_assets import triplane as small_triplane

from .deform_shapes import points as pins
from .deform_shapes import pull, sphere_region, turn
from .warped_fields import CELL, ball, lattice, moved, rig_of, with_description

BODY = lattice((-0.7, -0.25, -0.25), (0.7, 0.25, 0.25))
TURN = turn((0.3, 0.7, -0.4), 50)


@pytest.fixture(scope="module")
def body():
    """A rig on a block of 6,000 cells with haze around it."""
    around = lattice((-0.8, -0.33, -0.33), (0.8, 0.33, 0.33))
    return rig_of(BODY, around[~(np.abs(around) < (0.7, 0.25, 0.25)).all(1)])


def looked_up(volume: WarpVolume, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rest places and whether there is matter, as arrays."""
    rest, present = volume.sources(torch.tensor(points, dtype=torch.float32))
    return rest.numpy(), present.numpy()


def within(cells: np.ndarray, count: int = 4) -> np.ndarray:
    """Random points in cells."""
    return (cells[:, None] + np.random.uniform(-CELL / 2, CELL / 2, (len(cells), count, 3))).reshape(-1, 3)


def test_at_rest_nothing_is_displaced_and_every_visible_cell_is_covered(body) -> None:
    volume = scatter(moved(body, np.eye(3)))
    assert (volume.displacement == 0).all()
    places = within(body.elements[0])
    rest, present = looked_up(volume, places)
    assert present.all() and (rest == places.astype(np.float32)).all()
    far = np.random.uniform(-1, 1, (20000, 3))
    away = far[(np.abs(far) > np.array([0.8, 0.33, 0.33]) + 1.1 * CELL).any(1)]
    assert not looked_up(volume, away)[1].any()


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.31, -0.17, 2.3)])
def test_a_rigid_motion_is_exact(body, shift: tuple) -> None:
    volume = scatter(moved(body, TURN, shift))
    places = within(BODY)
    rest, present = looked_up(volume, places @ TURN.T + shift)
    assert present.all()
    assert np.abs(rest - places).max() < 1e-5
    assert np.abs(volume.rest_places(places @ TURN.T + shift) - places).max() < 1e-5
    for place in places[::2000]:
        assert np.abs(volume.moved_place(place) - (TURN @ place + shift)).max() < 1e-4
    assert (volume.moved_place(np.array([0.0, 0.9, 0.0])) == (0.0, 0.9, 0.0)).all()


@pytest.mark.parametrize(
    "matrix", [4.0 * np.eye(3), TURN @ np.diag([4.0, 1.0, 0.3]), 0.25 * TURN, np.diag([0.3, 3, 1])]
)
def test_stretched_matter_has_no_holes(body, matrix: np.ndarray) -> None:
    volume = scatter(moved(body, matrix))
    places = within(BODY)
    rest, present = looked_up(volume, places @ matrix.T)
    assert present.all()
    assert np.quantile(np.abs(rest - places), 0.999) < 0.5 * CELL


@pytest.mark.parametrize("degrees", [30, 80])
def test_it_hits_what_a_bend_has_moved(body, degrees: float) -> None:
    end, held = BODY[BODY[:, 0] > 0.6][::40], BODY[BODY[:, 0] < -0.6][::40]
    drag = pull(end, (end - (0.1, 0, 0)) @ turn((0, 0, 1), degrees).T + (0.1, 0, 0), pins=pins(held))
    warp = Solver(body, drag).solve_drag()
    where = warp.skin.points(body.elements[0], warp.bindings[0])
    rest, present = looked_up(warp.volume, where)
    error = np.linalg.norm(rest - body.elements[0], axis=1)[: len(BODY)]
    assert present.all()
    # Where the inside of the bend nearly folds, a few cells are off by a little more.
    assert np.quantile(error, 0.995) < 0.5 * CELL and error.max() < CELL and error.mean() < 0.05 * CELL
    assert np.linalg.norm(where - body.elements[0], axis=1).max() > 10 * CELL


def test_what_was_left_is_empty_and_nothing_is_there_twice() -> None:
    """A hand beside a hip, a gap of two cells between them."""
    hand, hip = lattice((0.1, -0.2, -0.2), (0.4, 0.2, 0.2)), lattice((-0.4, -0.2, -0.2), (0.02, 0.2, 0.2))
    rig = rig_of(np.concatenate([hand, hip]))
    of_hand = rig.graph.nodes[:, 0] > 0.05
    warp = moved(rig, np.eye(3), (0.45, 0.0, 0.0), of_hand)
    rest, present = looked_up(warp.volume, within(hip))
    assert present.all() and np.abs(rest - within(hip)).max() < 2 * CELL
    assert not looked_up(warp.volume, within(hand[hand[:, 0] < 0.38]))[1].any()
    every = np.random.uniform((-0.6, -0.4, -0.4), (1.0, 0.4, 0.4), (60000, 3))
    rest, present = looked_up(warp.volume, every)
    came_from_hand = present & (every[:, 0] > 0.45)
    assert came_from_hand.any() and (rest[came_from_hand, 0] > 0.1 - CELL).all()


def test_where_parts_collide_nothing_is_mixed() -> None:
    hand, body = lattice((0.4, -0.1, -0.1), (0.7, 0.1, 0.1)), lattice((-0.4, -0.3, -0.3), (0.1, 0.3, 0.3))
    rig = rig_of(np.concatenate([hand, body]))
    warp = moved(rig, turn((1, 0, 0), 10), (-0.5, 0.02, 0.0), rig.graph.nodes[:, 0] > 0.25)
    every = np.random.uniform((-0.5, -0.4, -0.4), (0.8, 0.4, 0.4), (60000, 3))
    rest, present = looked_up(warp.volume, every)
    rest = rest[present]
    near = [((rest > np.array(low) - 1.25 * CELL) & (rest < np.array(high) + 1.25 * CELL)).all(1) for low, high in
            (((0.4, -0.1, -0.1), (0.7, 0.1, 0.1)), ((-0.4, -0.3, -0.3), (0.1, 0.3, 0.3)))]  # fmt: skip
    assert near[0].sum() > 200 and near[1].sum() > 5000
    assert (near[0] | near[1]).all()
    assert (warp.volume.coverage == TORN).any()


def test_haze_gives_way_to_matter(body) -> None:
    """Faint cells that are moved into dense ones that rest leave them as they were."""
    wall = lattice((-0.3, -0.3, -0.3), (0.0, 0.3, 0.3))
    other = lattice((0.5, -0.1, -0.1), (0.6, 0.1, 0.1))
    rig = rig_of(np.concatenate([wall, other]), lattice((0.3, -0.1, -0.1), (0.5, 0.1, 0.1)))
    warp = moved(rig, np.eye(3), (-0.45, 0.0, 0.0), rig.graph.nodes[:, 0] > 0.25)
    rest, present = looked_up(warp.volume, wall)
    assert present.all()
    assert (np.abs(rest - wall).max(1) < 1e-5).mean() > 0.97


def test_haze_outside_the_region_rests_though_its_matter_moves() -> None:
    """However far it floats: nothing outside a region moves."""
    cloud = lattice((-0.1, 0.5, -0.1), (0.1, 0.99, 0.1))
    rig = rig_of(lattice((-0.3, -0.3, -0.1), (0.3, -0.1, 0.1)), cloud)
    assert not rig.bindings[0].weights[-1].any(), "the last cell floats"
    top = np.array([[0.0, -0.11, 0.0]])
    warp = Solver(rig, pull(top, top + (0.1, 0, 0), region=sphere_region(top[0], 0.4))).solve_drag()
    rest, present = looked_up(warp.volume, cloud)
    assert present.all() and np.array_equal(rest, cloud.astype(np.float32))


def test_directions_turn_back_with_matter(body) -> None:
    volume = scatter(moved(body, TURN @ np.diag([1.5, 1.0, 0.8]), (0.2, 0.1, 0.0)))
    places = lattice((-0.6, -0.2, -0.2), (0.6, 0.2, 0.2))
    there = torch.tensor(places @ (TURN @ np.diag([1.5, 1.0, 0.8])).T + (0.2, 0.1, 0.0), dtype=torch.float32)
    directions = torch.nn.functional.normalize(torch.randn(len(places), 3), dim=1)
    back = volume.turn_back(there, directions)
    assert np.abs(back.numpy() - directions.numpy() @ TURN).max() < 1e-3
    gradients = volume.gradients(there)
    assert np.abs(gradients.numpy() - np.linalg.inv(TURN @ np.diag([1.5, 1.0, 0.8]))).max() < 1e-3


def test_what_stays_takes_a_short_cut_to_the_same_answer(body, monkeypatch: pytest.MonkeyPatch) -> None:
    which = body.graph.nodes[:, 0] > 0.2
    for shift in ((0.0, 0.1, 0.0), (-0.5, 0.02, 0.0)):
        warp = moved(body, turn((1, 0, 0), 20), shift, which)
        quick = scatter(warp)
        with monkeypatch.context() as patch:
            patch.setattr(splatting, "_STILL", -1.0)
            slow = scatter(warp)
        assert quick.lattice.shape == slow.lattice.shape
        assert np.abs(quick.lattice - slow.lattice).max() < 1e-5


def test_matter_that_is_dragged_far_takes_no_more_memory(body) -> None:
    volume = scatter(moved(body, np.eye(3), (200.0, 30.0, 0.0), body.graph.nodes[:, 0] > 0.3))
    assert np.prod(volume.resolution) <= MOST_VOXELS
    assert looked_up(volume, lattice((0.5, -0.1, -0.1), (0.6, 0.1, 0.1)) + (200.0, 30.0, 0.0))[1].mean() > 0.9


def test_it_is_made_while_a_hand_moves(body) -> None:
    many = rig_of(lattice((-0.6, -0.55, -0.5), (0.6, 0.55, 0.55)), nodes=512)
    assert len(many.elements[0]) > 38_000
    warp = moved(many, TURN)
    scatter(warp)
    took = []
    for _ in range(3):
        began = time.process_time()
        scatter(warp)
        took.append(time.process_time() - began)
    assert min(took) < 0.2


def test_a_volume_crosses_processes(body) -> None:
    volume = scatter(moved(body, TURN))
    looked_up(volume, BODY)
    again = pickle.loads(pickle.dumps(volume))
    assert (again.lattice == volume.lattice).all() and (again.box == volume.box).all()
    assert again.nbytes == volume.nbytes and (again.bounds == volume.bounds).all()


# The matter of a field


def test_the_cells_of_a_field_are_found_with_and_without_bricks() -> None:
    field = ball()
    kind = deformable(field)
    matter, (cells,) = run(kind.matter(field))
    away = np.linalg.norm(matter.points - (-0.2, 0.1, 0.0), axis=1)
    assert matter.spacing == pytest.approx(CELL) and 0.15 < away.max() < 0.2 + CELL
    around = np.linalg.norm(cells.points - (-0.2, 0.1, 0.0), axis=1)
    assert around.max() > 0.44 and len(cells.points) < 0.12 * 64**3
    assert np.abs(cells.points - matter.points[cells.near]).max() < 0.4
    run(bake(field, levels=(64, 128), device="cpu"), on_partial=field.accept)
    light = kind.stripped(field)
    assert not light.tensors and len(pickle.dumps(light)) < 2 << 20
    again, (more,) = run(kind.matter(light))
    assert len(again.points) == pytest.approx(len(matter.points), rel=0.1)
    assert np.linalg.norm(more.points - (-0.2, 0.1, 0.0), axis=1).max() > 0.44
    # A ball of cells hangs together, each with up to 26 others.
    assert len(again.edges) / len(again.points) == pytest.approx(10.5, abs=2.5)


def test_haze_links_nothing() -> None:
    peaks = np.full((64, 64, 64), 0.1, np.float32)
    peaks[20:40, 20:40, 10:25] = peaks[20:40, 20:40, 28:50] = 100.0
    index, samples = np.zeros((8, 8, 8), np.int32), np.zeros((1, 9, 9, 9, 4), np.float16)
    field = ball()
    field.grid = BrickGrid(np.array([[-1.0] * 3, [1.0] * 3]), np.full(3, 64), index, samples, peaks=peaks)
    matter, (cells,) = run(deformable(field).matter(field))
    assert len(cells.points) == 64**3 and len(matter.points) == 20 * 20 * 37
    sides = matter.points[matter.edges][:, :, 0] > -1 + 26.5 * CELL
    assert (sides[:, 0] == sides[:, 1]).all()


def test_mist_without_a_surface_can_be_dragged_and_nothing_cannot() -> None:
    mist = ball()
    mist.tensors["bias"] = np.float32([-5.0, 0, 0, 0])
    matter, _ = run(deformable(mist).matter(mist))
    assert len(matter.points) > 30
    mist.tensors["bias"] = np.float32([-50.0, 0, 0, 0])
    with pytest.raises(BadInput, match="no visible matter"):
        run(make_rig(mist))
    planes = ball(outputs=(Output("sdf", (0, 1)),))
    with pytest.raises(BadInput, match="no density"):
        run(make_rig(planes))
    assert run(deformable(mist).applied(mist)) is mist
    assert len(run(make_rig(small_triplane())).matter.points) > 1000


# Fields that are asked


SHIFT = (0.5, 0.2, -0.1)


def shifted(field, matrix: np.ndarray = TURN) -> np.ndarray:
    """Bends a field as a rigid body, and returns places of its rest shape."""
    if "density" in [output.name for head in field.description.heads for output in head.outputs]:
        rig = run(make_rig(field))
    else:
        rig = run(make_rig(ball()))
    field.set_warp(moved(rig, matrix, SHIFT))
    return rig.elements[0][::7]


def test_a_bent_field_says_what_it_said_before_at_the_moved_place() -> None:
    field = ball()
    places = shifted(field)
    places = places[np.linalg.norm(places - (-0.2, 0.1, 0.0), axis=1) < 0.42]
    bent, rest = Field(field, "cpu"), Field(field, "cpu", rest=True)
    before = rest.query(places)
    after = bent.query(places @ TURN.T + SHIFT)
    for name in before:
        assert np.abs(after[name] - before[name]).max() < 2e-3, name
    left = bent.query(np.array([[-0.2, 0.1, 0.0], [5.0, 5.0, 5.0]]))
    assert (left["density"] == 0).all() and (left["density_raw"] < -1000).all()
    assert np.abs(left["rgb"]).max() < 1e-6
    assert len(bent.query(np.empty((0, 3)))["rgb"]) == 0
    field.set_warp(None)
    assert (Field(field, "cpu").query(places)["density"] == before["density"]).all()


@pytest.mark.parametrize("activation", OUTPUT_ACTIVATIONS)
@pytest.mark.parametrize("blob", [None, Blob(10.0, 0.5), Blob(2.0, 0.3, "gaussian")])
def test_nothing_has_no_density_whatever_the_activation(activation: str, blob: Blob | None) -> None:
    output = Output("density", (0, 1), activation, bias=-1.0, scale=2.0, blob=blob)
    field = ball(outputs=(output,))
    field.set_warp(moved(run(make_rig(ball())), np.eye(3), SHIFT))
    empty = Field(field, "cpu").query(np.array([[-0.5, -0.3, 0.1], [0.0, 3.0, 0.0]]))["density"]
    assert empty.max() <= 1e-6 and empty.min() > -3e-3


def test_a_blob_moves_with_its_field() -> None:
    field = ball(outputs=(Output("density", (0, 1), "softplus", blob=Blob(10.0, 0.5)),))
    places = shifted(field)
    before = Field(field, "cpu", rest=True).query(places)["density"]
    assert np.abs(Field(field, "cpu").query(places @ TURN.T + SHIFT)["density"] - before).max() < 5e-3


@pytest.mark.parametrize(("matter", "sign"), [("below", 1), ("above", -1)])
def test_distances_are_far_on_the_empty_side(matter: str, sign: int) -> None:
    plain = ball(outputs=(Output("sdf", (0, 1)), Output("label", (1, 4))))
    surface = plain.description.surface.__class__("sdf", 0.0, 64, matter)
    field = with_description(plain, surface=surface)
    shifted(field)
    found = Field(field, "cpu").query(np.array([[-0.2, 0.1, 0.0]]))
    assert found["sdf"][0, 0] * sign > 3 and found["label"].dtype.kind == "i"


def test_colour_that_hangs_on_the_view_turns_with_matter() -> None:
    field = ball(viewdirs=True)
    places = shifted(field, TURN)
    directions = np.random.default_rng(1).normal(size=(len(places), 3))
    before = Field(field, "cpu", rest=True).query(places, directions @ TURN)["rgb"]
    after = Field(field, "cpu").query(places @ TURN.T + SHIFT, directions)["rgb"]
    inner = np.linalg.norm(places - (-0.2, 0.1, 0.0), axis=1) < 0.35
    assert np.abs(after - before)[inner].max() < 2e-3
    with pytest.raises(BadInput, match="viewdirs"):
        Field(field, "cpu").query(places)


def test_a_bake_holds_the_field_at_rest() -> None:
    field = ball()
    shifted(field)
    grids: list = []
    run(bake(field, levels=(64,), device="cpu"), on_partial=grids.append)
    assert grids[0].matter.mean(0) == pytest.approx((-0.2, 0.1, 0.0), abs=CELL)


@pytest.mark.parametrize("name", OUTPUT_ACTIVATIONS)
@pytest.mark.parametrize("value", [0.0, 0.3, 0.8, -0.4, 4.0])
def test_activations_are_undone(name: str, value: float) -> None:
    reachable = activate(name, torch.linspace(-20, 20, 4001)).double()
    found = float(activate(name, torch.tensor([unactivated(name, value)])))
    best = float((reachable - value).abs().min())
    assert abs(found - value) <= best + 2e-2


def test_only_a_few_volumes_are_kept(body) -> None:
    warps = [moved(body, np.eye(3), (0.01 * step, 0.0, 0.0)) for step in range(6)]
    first = warps[0].volume
    assert warps[0].volume is first
    for warp in warps:
        assert warp.volume.coverage.max() <= 1
    assert warps[0].volume is not first and (warps[0].volume.lattice == first.lattice).all()
    assert all("volume" not in vars(warp) for warp in warps)

"""The warp in a native triplane file: kept to the bit, re-editable, and refused by name where it is damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from assets.deform.drag import Dab, Drag, Region, as_rows
from assets.deform.rig import make_rig
from assets.deform.solver import dragged
from assets.deform.stored import MOST_VOXELS
from assets.deform.volume import WarpVolume
from assets.deform.warp import Warp
from assets.fields.decoder import Field
from assets.formats import save_path
from assets.progress import run
from assets.triplane import Triplane

from .deform_shapes import turn
from .triplane_files import DATA, opened, refused, saved
from .warped_fields import ball, moved

KEY = "triptych.triplane"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a bent ball."""
    field = ball()
    field.set_warp(moved(run(make_rig(field)), turn((0, 1, 0), 40), (0.4, 0.0, 0.1)))
    path = tmp_path_factory.mktemp("warped") / "bent.safetensors"
    run(save_path(field, path))
    return path


def changed(whole: Path, folder: Path, change=None, lattice: np.ndarray | None = None) -> Path:
    """The file with a changed header or map."""
    tensors = safetensors.numpy.load_file(whole)
    with safetensors.safe_open(whole, "np") as file:
        content = json.loads(file.metadata()[KEY])
    if change:
        change(content)
    if lattice is not None:
        tensors["warp"] = lattice
    path = folder / "changed.safetensors"
    safetensors.numpy.save_file(tensors, path, {KEY: json.dumps(content)})
    return path


def test_a_warp_comes_back_to_the_bit(whole: Path) -> None:
    field = ball()
    field.set_warp(moved(run(make_rig(field)), turn((0, 1, 0), 40), (0.4, 0.0, 0.1)))
    again = opened(whole)[0]
    assert again.warp.drag == field.warp.drag
    assert (again.warp.volume.lattice == field.warp.volume.lattice).all()
    assert (again.warp.volume.box == field.warp.volume.box).all()
    assert again.warp.nbytes == again.warp.volume.nbytes and set(again.tensors) == set(field.tensors)
    places = np.random.default_rng(1).uniform(-1, 1, (500, 3))
    ours, theirs = Field(field, "cpu").query(places), Field(again, "cpu").query(places)
    assert all((ours[name] == theirs[name]).all() for name in ours)
    # The moved matter counts for the bounds, though no rig is known.
    assert (again.bounds() == field.bounds()).all() and (again.warp.moved_bounds == field.warp.moved_bounds).all()


def test_a_drag_that_was_read_can_be_taken_up_again(whole: Path) -> None:
    again = opened(whole)[0]
    warp, _ = run(dragged(again, again.warp.drag))
    assert warp.rig is not None and warp.drag == again.warp.drag
    # The rig is that of the field at rest, not of the bent one.
    assert warp.rig.matter.points.mean(0) == pytest.approx((-0.2, 0.1, 0.0), abs=0.02)


def test_all_of_a_drag_is_kept(tmp_path: Path) -> None:
    field = ball()
    warp = moved(run(make_rig(field)), np.eye(3), (0.1, 0.0, 0.0))
    region = Region("box", as_rows(np.diag([2.0, 3.0, 4.0, 1.0])))
    dabs = (Dab((0.1, 0.2, 0.3), 0.25, True, 0.4, (0.0, 1.0, 0.0)),)
    drag = Drag(warp.drag.handles, warp.drag.pins, region, dabs, True, 0.37, "sharp", 0.2, 0.8)
    field.set_warp(Warp(drag, None, None, stored=warp.volume))
    run(save_path(field, tmp_path / "a.safetensors"))
    assert opened(tmp_path / "a.safetensors")[0].warp.drag == drag


def test_what_was_not_dragged_has_no_warp_in_its_file(whole: Path, tmp_path: Path) -> None:
    plain = ball()
    run(save_path(plain, tmp_path / "plain.safetensors"))
    assert opened(tmp_path / "plain.safetensors")[0].warp is None
    assert b"warp" not in (tmp_path / "plain.safetensors").read_bytes()[:4096]
    assert opened(changed(whole, tmp_path, lambda c: c.update(warp=None)))[0].warp is None
    unbounded = opened(changed(whole, tmp_path, lambda c: c["warp"].pop("bounds")))[0]
    assert (unbounded.warp.moved_bounds == unbounded.warp.volume.box).all()


def test_a_tensor_of_the_field_may_be_called_as_the_map_would_be(tmp_path: Path) -> None:
    field = ball()
    head = field.description.heads[0]
    layer = replace(head.layers[0], weight="warp")
    field.description = replace(field.description, heads=(replace(head, layers=(layer,)),))
    field.tensors["warp"] = field.tensors.pop("weight")
    field.set_warp(moved(run(make_rig(field)), np.eye(3), (0.1, 0.0, 0.0)))
    run(save_path(field, tmp_path / "a.safetensors"))
    again = opened(tmp_path / "a.safetensors")[0]
    assert (again.tensors["warp"] == field.tensors["warp"]).all()
    assert (again.warp.volume.lattice == field.warp.volume.lattice).all()


def test_planes_keep_their_warp_when_their_decoder_comes_from_another_file(tmp_path: Path) -> None:
    planes = opened(DATA / "asset.pt")[0]
    volume = WarpVolume(np.array([[-1.0] * 3, [1.0] * 3]), np.zeros((4, 4, 4, 4), np.float32))
    drag = moved(run(make_rig(ball())), np.eye(3)).drag
    weights = saved({n: t for n, t in planes.tensors.items() if n != "scene_codes"}, tmp_path / "model.ckpt")
    description = replace(planes.description, heads=())
    alone = Triplane("Mine", {"scene_codes": planes.tensors["scene_codes"]}, description)
    alone.set_warp(Warp(drag, None, None, stored=volume))
    run(save_path(alone, tmp_path / "planes.safetensors"))
    whole = opened(tmp_path / "planes.safetensors", weights)[0]
    assert whole.has_decoder and whole.warp.drag == drag


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda w: w.pop("map"), "warp.map: is missing"),
        (lambda w: w.pop("low"), "warp.low: is missing"),
        (lambda w: w.pop("drag"), "warp.drag: is missing"),
        (lambda w: w.update(map="nothing"), "warp.map: there is no tensor 'nothing'"),
        (lambda w: w.update(map="bias"), "warp.map: bias has the shape [4]"),
        (lambda w: w.update(map=3), "warp.map: expected a string"),
        (lambda w: w.update(low=[0, 0]), "warp.low: expected 3 entries"),
        (lambda w: w.update(high=w["low"]), "warp.high: spans no box"),
        (lambda w: w.update(high=[1e30, 1e30, 1e30]), "warp.high: spans no box"),
        (lambda w: w.update(bounds=[[0, 0, 0], [1, 0, 1]]), "warp.bounds: span no box"),
        (lambda w: w.update(bounds=[[0, 0, 0]]), "warp.bounds: expected 2 entries"),
        (lambda w: w.update(colour="red"), "warp.colour: is not a field"),
        (lambda w: w["drag"].update(handles=[]), "warp.drag: The drag has no handles"),
        (lambda w: w["drag"]["handles"][0].pop("to"), "warp.drag: handles[0].to: is missing"),
        (lambda w: w["drag"].update(radius=-1), "warp.drag: radius"),
    ],
)
def test_a_damaged_section_is_refused_by_name(whole: Path, tmp_path: Path, change, named: str) -> None:
    assert named in refused(changed(whole, tmp_path, lambda content: change(content["warp"])))


@pytest.mark.parametrize("section", [[], 3, "warp", True])
def test_a_section_that_is_none_is_refused(whole: Path, tmp_path: Path, section: object) -> None:
    assert "warp: expected an object" in refused(changed(whole, tmp_path, lambda c: c.update(warp=section)))


@pytest.mark.parametrize(
    ("lattice", "named"),
    [
        (np.zeros((4, 4, 4), np.float32), "shape [4, 4, 4]"),
        (np.zeros((4, 4, 4, 3), np.float32), "shape [4, 4, 4, 3]"),
        (np.zeros((0, 4, 4, 4), np.float32), "shape [0, 4, 4, 4]"),
        (np.zeros((4, 4, 4, 4), np.int32), "int32"),
        (np.full((4, 4, 4, 4), np.nan, np.float32), "no places"),
        (np.full((4, 4, 4, 4), -1.0, np.float32), "negative coverage"),
        (np.full((4, 4, 4, 4), 1e20, np.float32), "no places"),
        (np.zeros((1, 1, 4096, 4), np.float16), "more voxels"),
        (np.zeros((257, 256, MOST_VOXELS // (1 << 16), 4), np.float16), "more voxels"),
    ],
)
def test_a_map_that_is_none_is_refused(whole: Path, tmp_path: Path, lattice: np.ndarray, named: str) -> None:
    sentence = refused(changed(whole, tmp_path, lattice=lattice))
    assert "warp.map" in sentence and named in sentence


def test_half_precision_is_enough_for_a_map(whole: Path, tmp_path: Path) -> None:
    exact = opened(whole)[0].warp.volume
    again = opened(changed(whole, tmp_path, lattice=exact.lattice.astype(np.float16)))[0].warp.volume
    assert again.lattice.dtype == np.float32
    assert np.abs(again.displacement - exact.displacement).max() < 1e-3


def test_a_file_that_is_cut_off_in_its_map_is_refused(whole: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole.read_bytes()[:-100])
    assert "ends" in refused(cut)

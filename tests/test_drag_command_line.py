"""`--drag`: what is drawn and saved is bent as the DRAG.json says, for every kind and in each of its formats."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assets.asset import Asset
from assets.deform.drag import Drag, Handle
from assets.deform.drag_json import from_json, sphere_region, to_json
from assets.deform.kinds import deformable
from assets.errors import BadInput
from assets.formats import ReadOptions, formats, open_path, save_path
from assets.mesh import Mesh, MeshPart
from assets.points import Points
from assets.progress import run
from assets.samples import sample_paths
from renderers.camera import Camera
from renderers.framing import framing
from tests.assets.test_drag_json import WRONG, write
from tests.processes import refused, succeeded
from tests.small_files import write_splats
from viewer.command_line import parse
from viewer.headless import do
from viewer.headless.drag import pull

SAMPLES = {path.suffix: path for path in sample_paths()}
SOURCES = {"mesh": SAMPLES[".glb"], "gaussians": SAMPLES[".ply"], "triplane": SAMPLES[".safetensors"]}

SIZE = (160, 120)
SAME_DB = 40.0
MOVES = [Handle((0, 0, 0), (1, 0, 0))]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that run here must not silence the libraries of the other tests."""
    monkeypatch.setattr("viewer.headless._silence_libraries", lambda: None)


def job(*arguments: object) -> str:
    """Does a job of the command line in this process, which saves a test the seconds of a start."""
    return do(parse([str(argument) for argument in arguments]))


def opened(path: Path) -> list[Asset]:
    """The assets in a file."""
    return run(open_path(path, ReadOptions()))


def cloud() -> Points:
    """A dense coloured sphere of points."""
    turn = np.arange(4000) * 2.399963
    height = np.linspace(-1, 1, 4000)
    around = np.sqrt(1 - height**2)
    positions = np.stack([around * np.cos(turn), height, around * np.sin(turn)], 1).astype(np.float32)
    colors = np.uint8(np.clip(np.c_[positions * 127 + 128, np.full(4000, 255)], 0, 255))
    return Points("cloud", positions, colors)


def plate(offset: float) -> Mesh:
    """A flat grid of 2 × 2 in x and y, with its middle at x = `offset`."""
    line = np.linspace(-1, 1, 17)
    x, y = np.meshgrid(line + offset, line, indexing="ij")
    vertices = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3).astype(np.float32)
    index = np.arange(17 * 17).reshape(17, 17)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    normals = np.tile(np.float32([0, 0, 1]), (len(vertices), 1))
    return Mesh("plate", [MeshPart("plate", vertices, faces.astype(np.uint32), normals)])


def matter_of(asset: Asset) -> np.ndarray:
    """Its visible matter in the world, (n,3)."""
    matter, _ = run(deformable(asset).matter(asset))
    return matter.points @ asset.transform[:3, :3].T + asset.transform[:3, 3]


def example(kind: str) -> Asset:
    """An asset of a kind: that of the bundled scene."""
    return cloud() if kind == "points" else opened(SOURCES[kind])[0]


@cache
def bend(kind: str) -> dict:
    """A DRAG.json for the example of a kind."""
    return bend_of(example(kind))


def bend_of(asset: Asset) -> dict:
    """A DRAG.json for an asset: its top goes aside and a little down, its foot stays."""
    points = matter_of(asset)
    size = float(np.linalg.norm(np.ptp(points, axis=0)))
    top, foot = points[points[:, 1].argmax()], points[np.argsort(points[:, 1])[:: max(1, len(points) // 400)][:5]]
    target = top + size * np.array([0.15, -0.03, 0.05])
    return {"handles": [{"from": top.tolist(), "to": target.tolist()}], "pins": foot.tolist(), "region": None}


@cache
def camera_for(kind: str) -> dict:
    """A CAM.json that sees the example of a kind and the room around it."""
    return camera_of(example(kind))


def camera_of(asset: Asset) -> dict:
    """A CAM.json that sees an asset and the room around it."""
    box = asset.bounds()
    grown = box.mean(0) + 1.4 * (box - box.mean(0))
    return framing(grown, "y", SIZE).to_json()


def decibels(one: Path, other: Path) -> float:
    """PSNR of two pictures."""
    first, second = (np.asarray(Image.open(path).convert("RGB"), np.float64) for path in (one, other))
    return float(10 * np.log10(255**2 / max(((first - second) ** 2).mean(), 1e-9)))


def writable() -> list[tuple[str, str]]:
    """Every kind with the suffix of every format that writes it and reads it again."""
    return [
        (kind, form.extensions[0])
        for form in formats()
        for kind in form.writes
        if form.save and form.load and kind in form.kinds
    ]


@pytest.fixture
def source(tmp_path: Path, request: pytest.FixtureRequest):
    """Returns a file with the example of a kind, as saved in a format."""

    def make(kind: str, suffix: str) -> Path:
        run(save_path(example(kind), tmp_path / f"rest{suffix}"))
        return tmp_path / f"rest{suffix}"

    return make


# What is drawn and saved


@pytest.mark.parametrize("kind, suffix", writable())
def test_what_was_dragged_and_saved_looks_as_before_saving(gl, source, tmp_path: Path, kind: str, suffix: str) -> None:
    rest = source(kind, suffix)
    # Not the example: a format may have axes of its own.
    (asset,) = opened(rest)
    drag, camera = write(tmp_path / "drag.json", bend_of(asset)), write(tmp_path / "cam.json", camera_of(asset))
    shot = ("--camera", camera, "--background", "#404040", "--screenshot")
    job(rest, "--drag", drag, *shot, tmp_path / "dragged.png")
    job(rest, "--drag", drag, "--export", tmp_path / f"saved{suffix}")
    job(tmp_path / f"saved{suffix}", *shot, tmp_path / "saved.png")
    if kind != "triplane":  # A bake takes seconds; the exact pictures below tell the same of fields.
        job(rest, *shot, tmp_path / "rest.png")
        assert decibels(tmp_path / "rest.png", tmp_path / "dragged.png") < 30, "the drag is seen"
    assert decibels(tmp_path / "saved.png", tmp_path / "dragged.png") >= SAME_DB
    (again,) = opened(tmp_path / f"saved{suffix}")
    assert again.kind == kind and again.counts() == opened(rest)[0].counts()


@pytest.mark.parametrize("kind", ["gaussians", "triplane"])
def test_the_exact_picture_is_bent_as_well(gl, tmp_path: Path, kind: str) -> None:
    path = SOURCES[kind]
    drag, camera = write(tmp_path / "drag.json", bend(kind)), write(tmp_path / "cam.json", camera_for(kind))
    shot = ("--size", "64x48", "--camera", camera, "--background", "#404040", "--screenshot")
    job(path, *shot, tmp_path / "rest.png", "--exact")
    job(path, "--drag", drag, *shot, tmp_path / "exact.png", "--exact")
    job(path, "--drag", drag, *shot, tmp_path / "drawn.png")
    assert decibels(tmp_path / "rest.png", tmp_path / "exact.png") < 30
    assert decibels(tmp_path / "drawn.png", tmp_path / "exact.png") >= 30


def test_the_exact_picture_at_rest_knows_no_warp() -> None:
    from renderers.frame_settings import FrameSettings
    from renderers.reference.still import exact_still

    asset = example("gaussians")
    camera = Camera.from_json(camera_for("gaussians"), (48, 36))
    rest = run(exact_still([asset], camera, FrameSettings()))
    pull([asset], from_json(bend("gaussians")), Path("drag.json"))
    assert np.array_equal(run(exact_still([asset], camera, FrameSettings(rest=True))), rest)
    assert np.abs(run(exact_still([asset], camera, FrameSettings())) - rest).max() > 0.1
    assert asset.warp is not None


def test_a_saved_field_tells_of_its_warp(tmp_path: Path) -> None:
    path, bent = SOURCES["triplane"], tmp_path / "bent.safetensors"
    job(path, "--drag", write(tmp_path / "drag.json", bend("triplane")), "--export", bent)
    assert json.loads(job(bent, "--info", "--json"))["facts"]["warp"] == "1 handle, 5 pins"
    assert "1 handle, 5 pins" in job(bent, "--info")
    assert "warp" not in json.loads(job(path, "--info", "--json"))["facts"]


def test_a_second_drag_goes_on_from_what_was_saved(tmp_path: Path) -> None:
    """It takes hold of the moved shape, and the handles of the first drag stay where they are."""
    path, bent = SOURCES["triplane"], tmp_path / "bent.safetensors"
    first = bend("triplane")
    job(path, "--drag", write(tmp_path / "drag.json", first | {"strength": 0.5}), "--export", bent)
    (asset,) = opened(bent)
    (one,) = first["handles"]
    halfway = 0.5 * (np.array(one["from"]) + one["to"])
    points = matter_of(opened(path)[0])
    side = points[np.argsort(points[:, 0])[-1]] if one["from"][0] < 0 else points[np.argsort(points[:, 0])[0]]
    moved = seen_at(asset, side)
    target = moved + [0, 0.1, 0]
    pull([asset], Drag((Handle(tuple(moved), tuple(target)),)), Path("drag.json"))
    assert asset.warp.drag.summary() == "2 handles, 5 pins"
    source = asset.warp.drag.handles[1].source + asset.transform[:3, 3]
    assert np.abs(source - side).max() < 0.01 * asset.warp.rig.size
    found = ends(asset, asset.warp.drag)
    assert np.abs(found - [halfway, target]).max() < 0.006 * asset.warp.rig.size


def test_a_conversion_takes_what_is_seen(tmp_path: Path) -> None:
    """A dragged mesh that becomes a field lies where the mesh went."""
    run(save_path(plate(0.0), tmp_path / "plate.ply"))
    moved = [{"from": [x, y, 0], "to": [x + 0.5, y + 2, 1]} for x, y in ((0, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))]
    drag = write(tmp_path / "drag.json", {"handles": moved})
    options = ("--option", "steps=2", "--option", "resolution=16", "--option", "channels=4")
    job(tmp_path / "plate.ply", "--drag", drag, "--export", tmp_path / "f.safetensors", *options)
    (field,) = opened(tmp_path / "f.safetensors")
    assert field.bounds().mean(0) == pytest.approx([0.5, 2, 1], abs=0.1)


def test_the_published_drag_points_do_the_same(triptych, tmp_path: Path) -> None:
    splats = write_splats(tmp_path / "dots.ply", 300)
    (asset,) = opened(splats)
    ends = matter_of(asset)[[0, 10]]
    targets = ends + [[0.3, 0, 0], [0, 0.4, 0]]
    pairs = [{"from": a, "to": b} for a, b in zip(ends.tolist(), targets.tolist(), strict=True)]
    write(tmp_path / "drag.json", {"handles": pairs, "pins": [], "region": None})
    published = {"handle_points": ends.tolist(), "target_points": targets.tolist()}
    write(tmp_path / "drag_points.json", published)
    for name in ("drag", "drag_points"):
        succeeded(triptych(splats, "--drag", f"{name}.json", "--export", f"{name}.ply"))
    one, two = ((tmp_path / f"{name}.ply").read_bytes() for name in ("drag", "drag_points"))
    assert one == two != splats.read_bytes()


def test_a_lone_handle_is_told_how_it_was_understood(triptych, tmp_path: Path) -> None:
    run(save_path(plate(0.0), tmp_path / "plate.ply"))
    write(tmp_path / "drag.json", {"handles": [{"from": [1, 1, 0], "to": [1, 1, 0.5]}]})
    done = triptych("plate.ply", "--drag", "drag.json", "--export", "out.ply")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "", 1)
    assert done.stderr.startswith("drag.json: One handle without pins")
    assert (tmp_path / "out.ply").exists()


# Frames and several assets


def seen_at(asset: Asset, rest: np.ndarray) -> np.ndarray:
    """Where a world place at rest is seen, by looking through the inverse map of all moved places."""
    import torch

    volume, shift = asset.warp.volume, asset.transform[:3, 3]
    places = volume.box[0] + (np.argwhere(volume.coverage > 0.9)[:, ::-1] + 0.5) * volume.voxel
    found = volume.sources(torch.tensor(places))[0].numpy()
    return places[np.linalg.norm(found + shift - rest, axis=1).argmin()] + shift


def ends(asset: Asset, drag: Drag) -> np.ndarray:
    """Where the matter at the handles of a world drag went, in the world, (h,3)."""
    warp, matrix = asset.warp, asset.transform
    sources = np.array([handle.source for handle in warp.drag.handles])
    near = warp.rig.matter.tree.query(sources)[1]
    binding = warp.rig.graph.bind(sources, near)
    return warp.skin.points(sources, binding) @ matrix[:3, :3].T + matrix[:3, 3]


def test_the_drag_is_in_world_units_wherever_the_asset_stands() -> None:
    asset = plate(0.0)
    turn = np.array([[0, 0, 3.0, 5], [3.0, 0, 0, -2], [0, 3.0, 0, 1], [0, 0, 0, 1]])
    asset.set_transform(turn)
    corners = np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 0]]) @ turn[:3, :3].T + turn[:3, 3]
    targets = corners + [[0.5, 0, 1], [0, 1, 0], [1, 0, 0]]
    drag = Drag(tuple(Handle(tuple(a), tuple(b)) for a, b in zip(corners.tolist(), targets.tolist(), strict=True)))
    pull([asset], drag, Path("drag.json"))
    assert np.abs(ends(asset, drag) - targets).max() < 0.005 * 3 * asset.warp.rig.size
    assert asset.warp.drag == drag.placed(np.linalg.inv(turn))


def test_each_handle_acts_on_the_asset_that_is_nearest_to_it() -> None:
    left, right, idle = plate(-2.0), plate(2.0), plate(50.0)
    right.set_transform(np.diag([1.0, 2.0, 1.0, 1.0]))
    pairs = [((-1.5, 1, 0), (-1.5, 1.4, 0)), ((1.2, 2, 0), (1.2, 2, 1)), ((-2.5, -1, 0), (-2.5, -1, 0.3))]
    drag = Drag(tuple(Handle(a, b) for a, b in pairs), pins=((-2, 0, 0), (2, 0, 0)))
    pull([left, right, idle], drag, Path("drag.json"))
    assert idle.warp is None
    assert [len(asset.warp.drag.handles) for asset in (left, right)] == [2, 1]
    assert [len(asset.warp.drag.pins) for asset in (left, right)] == [2, 2]
    for asset, targets in ((left, [pairs[0][1], pairs[2][1]]), (right, [pairs[1][1]])):
        assert np.abs(ends(asset, drag) - targets).max() < 0.005 * asset.warp.rig.size * 2


def test_a_drag_that_fails_on_one_asset_leaves_all_as_they_were() -> None:
    left, right = plate(-2.0), plate(2.0)
    drag = Drag((Handle((-2, 0, 0), (-2, 0, 1)), Handle((2, 0, 40), (2, 0, 41))))
    with pytest.raises(BadInput, match=r"^drag.json: plate \(with handle 2\): Handle 1 lies .*\.$"):
        pull([left, right], drag, Path("drag.json"))
    assert left.warp is None and right.warp is None


def test_a_scene_of_two_files_is_drawn_bent(gl, tmp_path: Path) -> None:
    for name, offset in (("left", -2.0), ("right", 2.0)):
        run(save_path(plate(offset), tmp_path / f"{name}.ply"))
    both = (tmp_path / "left.ply", tmp_path / "right.ply")
    form = {"handles": [{"from": [2, 1, 0], "to": [2, 1.8, 0]}], "pins": [[2, -1, 0], [1, 0, 0], [3, 0, 0]]}
    drag = write(tmp_path / "drag.json", form)
    camera = write(tmp_path / "cam.json", framing(np.array([[-3, -2, -1], [3, 2, 1.0]]), "y", SIZE).to_json())
    for name, more in (("rest", ()), ("bent", ("--drag", drag))):
        job(*both, *more, "--camera", camera, "--screenshot", tmp_path / f"{name}.png")
    rest, bent = (np.asarray(Image.open(tmp_path / f"{name}.png"), int) for name in ("rest", "bent"))
    changed = np.abs(rest - bent).max(-1) > 8
    # The camera looks from aside, so a little of the right one may reach into the left half.
    columns = np.flatnonzero(changed.any(0))
    assert changed.sum() > 50 and columns.min() > 0.4 * SIZE[0]


# What is wrong


@pytest.mark.parametrize("content, words", WRONG, ids=[words[:60] for _, words in WRONG])
@pytest.mark.parametrize("out", [("--export", "out.ply"), ("--screenshot", "out.png")], ids=lambda out: out[0])
def test_a_wrong_drag_is_refused_before_a_file_is_opened(tmp_path: Path, content: object, words: str, out) -> None:
    drag = write(tmp_path / "drag.json", content)
    with pytest.raises(BadInput) as caught:
        job("nowhere.ply", "--drag", drag, out[0], tmp_path / out[1])
    assert "drag.json" in str(caught.value) and words in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["drag.json"]


TOP = (0.0, 1.0, 0.0)

UNFIT = {
    "beside the asset": (Drag((Handle((0, 0, 9), (1, 0, 0)),)), "Handle 1 lies"),
    "coincident": (Drag((Handle(TOP, (0, 2, 0)), Handle(TOP, (1, 1, 0)))), "Handles 1 and 2"),
    "pinned": (Drag((Handle(TOP, (0, 2, 0)),), (TOP,)), "pin 1"),
    "too far": (Drag((Handle(TOP, (0, 1e20, 0)),)), "target"),
    "outside the region": (
        Drag((Handle(TOP, (0, 2, 0)),), region=sphere_region((0.0, -1.0, 0.0), 0.5)),
        "outside of the region",
    ),
}


@pytest.mark.parametrize("drag, words", UNFIT.values(), ids=UNFIT)
def test_a_drag_that_does_not_fit_is_one_sentence(tmp_path: Path, drag: Drag, words: str) -> None:
    run(save_path(cloud(), tmp_path / "cloud.ply"))
    path = write(tmp_path / "drag.json", to_json(drag))
    for out in (("--export", "out.ply"), ("--screenshot", "out.png")):
        with pytest.raises(BadInput) as caught:
            job(tmp_path / "cloud.ply", "--drag", path, out[0], tmp_path / out[1])
        assert str(caught.value).startswith(f"{path}: ") and words in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cloud.ply", "drag.json"]


def test_a_wrong_drag_ends_the_process_with_one_sentence(triptych, tmp_path: Path) -> None:
    splats = write_splats(tmp_path / "dots.ply")
    (tmp_path / "drag.json").write_text('{"handles": [{"from": [0, 0, 0], "to": [0, NaN, 0]}]}', "utf-8")
    refused(triptych(splats, "--drag", "drag.json", "--export", "out.ply"), "drag.json", "handles[0].to: holds NaN")
    refused(triptych(splats, "--drag", "drag.json", "--screenshot", "out.png"), "handles[0].to: holds NaN")
    refused(triptych(splats, "--drag", "none.json", "--screenshot", "out.png"), "none.json", "does not exist")
    refused(triptych(splats, "--drag", "drag.json"), "--drag", "--screenshot", "--export")
    write(tmp_path / "drag.json", to_json(UNFIT["too far"][0]))
    refused(triptych(splats, "--drag", "drag.json", "--export", "out.ply"), "drag.json: A target lies")
    assert not list(tmp_path.glob("out.*"))


def test_what_has_no_matter_cannot_be_dragged(tmp_path: Path) -> None:
    """Splats that are all transparent."""
    (asset,) = opened(write_splats(tmp_path / "dots.ply"))
    asset.logit_opacities[:] = -20.0
    drag = Drag(tuple(MOVES))
    for assets in ([asset], [asset, asset]):
        with pytest.raises(BadInput, match=r"visible matter"):
            pull(assets, drag, Path("drag.json"))

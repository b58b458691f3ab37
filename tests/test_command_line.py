"""The promises of the command line, each in a process of its own as a script would meet them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assets.formats import save_path
from assets.progress import run
from tests import small_assets
from tests.processes import ROOT, refused, succeeded
from tests.small_files import write_obj, write_splats, write_stl

# Help, formats, arguments


def test_help_tells_what_exists(triptych) -> None:
    text = succeeded(triptych("--help"))
    for option in ("--info", "--json", "--screenshot", "--size", "--camera", "--mode", "--background", "--exact"):
        assert option in text
    for option in ("--export", "--query", "--decoder", "--formats", "--drag", "--set", "--time"):
        assert option in text
    for absent in ("turntable", "samples", "window-picture"):
        assert absent not in text


@pytest.mark.parametrize("option", ["--help", "--formats", "--version"])
def test_quick_answers_need_no_heavy_modules(option: str, no_qt: Path) -> None:
    program = (
        f"import sys, time; start = time.perf_counter(); sys.path.insert(0, {str(ROOT)!r})\n"
        "import main\n"
        "try: code = main.main([%r])\n"
        "except SystemExit as end: code = end.code\n"
        "print(code or 0, time.process_time(), *{'torch', 'scipy', 'trimesh', 'PIL', 'OpenGL'} & set(sys.modules))\n"
    ) % option
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    code, seconds, *heavy = done.stdout.splitlines()[-1].split()
    assert code == "0" and not heavy
    assert float(seconds) < 0.5, "of processor time, interpreter included"


def test_formats_lists_every_record(triptych) -> None:
    from assets.convert import conversions
    from assets.formats import formats

    lines = succeeded(triptych("--formats")).splitlines()
    for form in formats():
        line = next(line for line in lines if line.startswith(form.name))
        assert all(suffix in line.split() for suffix in form.extensions)
    for conversion in conversions():
        assert any(conversion.name in line and conversion.source in line for line in lines)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--turntable", "x.mp4"], ["--turntable"]),
        (["--inf"], ["--inf"]),
        (["a.ply", "--info", "--screenshot", "x.png"], ["--info"]),
        (["--screenshot", "x.png"], ["FILE"]),
        (["--info"], ["FILE"]),
        (["a.ply", "b.ply", "--export", "x.ply"], ["one FILE"]),
        (["a.ply", "--json"], ["--json", "--info"]),
        (["a.ply", "--info", "--size", "10x10"], ["--size", "--screenshot"]),
        (["a.ply", "--screenshot", "x.png", "--size", "big"], ["big"]),
        (["a.ply", "--screenshot", "x.png", "--size", "0x10"], ["0x10"]),
        (["a.ply", "--screenshot", "x.png", "--size", "16385x10"], ["16385"]),
        (["a.ply", "--screenshot", "x.png", "--size", "16384x16384"], ["64"]),
        (["a.ply", "--screenshot", "x.png", "--background", "reddish"], ["reddish"]),
        (["a.ply", "--screenshot", "x.jpg"], ["x.jpg", ".png"]),
        (["a.ply", "--export", "x.ply", "--option", "fast"], ["fast"]),
        (["a.ply", "--field", "box=1"], ["--field", "--info", "--export"]),
        (["a.ply", "--info", "--field", "box"], ["--field", "KEY=VALUE"]),
        (["a.ply", "--info", "--drag", "drag.json"], ["--drag", "--screenshot", "--export"]),
        (["a.ply", "--drag", "drag.json"], ["--drag", "--screenshot", "--export"]),
        (["a.ply", "--export", "x.ply", "--drag", "nowhere.json"], ["nowhere.json", "does not exist"]),
        (["a.ply", "--export", "x.nothing"], ["x.nothing", ".ply"]),
        (["a.ply", "--query", "p.npy", "out.npy"], ["out.npy", ".npz"]),
        (["a.ply", "--query", "p.npy"], ["--query"]),
        (["a.ply", "--screenshot", "missing/x.png"], ["missing", "x.png"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_arguments_are_one_sentence(triptych, arguments: list[str], words: list[str]) -> None:
    refused(triptych(*arguments), *words)


def test_no_display_is_one_sentence(triptych) -> None:
    # Empty: tests of the window in the same process may have set it.
    refused(triptych(QT_QPA_PLATFORM=""), "display", code=1)


def test_unexpected_failure_is_one_sentence_and_debug_shows_it(triptych, no_qt: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    failure = "import assets.formats\nassets.formats.open_path = lambda *_: 1 // 0\n"
    (broken / "sitecustomize.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{failure}", "utf-8")
    splats = write_splats(tmp_path / "a.ply")
    refused(triptych(splats, "--info", PYTHONPATH=str(broken)), "ZeroDivisionError", "TRIPTYCH_DEBUG", code=1)
    shown = triptych(splats, "--info", PYTHONPATH=str(broken), TRIPTYCH_DEBUG="1")
    assert shown.returncode == 1 and "Traceback" in shown.stderr


def test_interrupt_is_quiet(tmp_path: Path, no_qt: Path) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    program = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nimport assets.formats\n"
    program += "def interrupted(*_):\n    raise KeyboardInterrupt\n    yield\nassets.formats.open_path = interrupted\n"
    (slow / "sitecustomize.py").write_text(program, "utf-8")
    command = [sys.executable, str(ROOT / "main.py"), str(write_splats(tmp_path / "a.ply")), "--info"]
    env = os.environ | {"PYTHONPATH": str(slow)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_closed_pipe_is_no_failure(tmp_path: Path) -> None:
    command = f'"{sys.executable}" "{ROOT / "main.py"}" --formats | head -n 1; exit ${{PIPESTATUS[0]}}'
    if sys.platform == "win32":
        pytest.skip("needs a POSIX shell")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


# --info


def test_info_of_splats_for_people(triptych, tmp_path: Path) -> None:
    text = succeeded(triptych(write_splats(tmp_path / "dots.ply", 1234), "--info"))
    assert text.startswith(str(tmp_path / "dots.ply"))
    assert "gaussians" in text and "1 234" in text and "KiB" in text
    columns = {line.index(line.split()[1]) for line in text.splitlines()[1:4]}
    assert len(columns) == 1, "the values stand under each other"


def test_info_as_json(triptych, tmp_path: Path) -> None:
    splats, cube = write_splats(tmp_path / "dots.ply", 77), write_obj(tmp_path / "cube.obj")
    one = json.loads(succeeded(triptych(splats, "--info", "--json")))
    keys = {"file", "format", "family", "kind", "name", "counts", "bounds", "memory_bytes", "declared", "guessed"}
    assert set(one) == keys | {"facts", "warnings", "findings"}
    assert (one["kind"], one["counts"]["splats"], one["file"]) == ("gaussians", 77, str(splats))
    several = json.loads(succeeded(triptych(splats, cube, "--info", "--json")))
    assert [entry["kind"] for entry in several] == ["gaussians", "mesh"]
    assert several[1]["bounds"] == {"min": [-1, -1, -1], "max": [1, 1, 1]}
    assert several[1]["counts"]["faces"] == 12


def test_the_frame_of_an_spz_is_said(triptych) -> None:
    path = ROOT / "tests" / "data" / "gaussians" / "big200_v4.spz"
    usual, raw = (
        json.loads(succeeded(triptych(path, "--info", "--json", *more))) for more in ([], ["--spz-frame", "ply"])
    )
    assert usual["guessed"]["frame"].startswith("RUB") and raw["guessed"]["frame"].startswith("RDF")
    assert usual["bounds"]["min"][1] == -raw["bounds"]["max"][1]
    refused(triptych(path, "--info", "--spz-frame", "luf"), "--spz-frame", "luf")


# --screenshot


def picture(path: Path) -> np.ndarray:
    """(H,W,C) u8."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_screenshot_of_a_mixed_scene(triptych, tmp_path: Path) -> None:
    splats, cube = write_splats(tmp_path / "dots.ply"), write_obj(tmp_path / "cube.obj", 0.5)
    succeeded(triptych(splats, cube, "--screenshot", "out.png", "--size", "160x90", "--background", "#102030"))
    drawn = picture(tmp_path / "out.png")
    assert drawn.shape == (90, 160, 3)
    assert tuple(drawn[0, 0]) == (16, 32, 48)
    assert (drawn != drawn[0, 0]).any(-1).mean() > 0.1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cube.obj", "dots.ply", "out.png"]


def test_screenshot_through_a_camera_on_nothing(triptych, tmp_path: Path) -> None:
    cube = write_obj(tmp_path / "cube.obj")
    pose = np.eye(4)
    pose[2, 3] = 4.0
    camera = {"camera_to_world": pose.tolist(), "fx": 100, "fy": 100, "cx": 32, "cy": 32, "width": 64, "height": 64}
    (tmp_path / "cam.json").write_text(json.dumps(camera), "utf-8")
    transparent = ["--camera", "cam.json", "--background", "transparent"]
    succeeded(triptych(cube, "--screenshot", "own.png", *transparent))
    drawn = picture(tmp_path / "own.png")
    assert drawn.shape == (64, 64, 4)
    # The front face at distance 3: a square of 2 · 100 / 3 pixels, wider than the 64 of the picture.
    assert drawn[32, 32, 3] == 255 and (drawn[..., 3] == 255).all()
    succeeded(triptych(cube, "--screenshot", "wide.png", "--size", "256x128", *transparent))
    alpha = picture(tmp_path / "wide.png")[..., 3] / 255
    assert alpha.shape == (128, 256)
    # Twice the height is twice the focal length: 133 px wide, cut to 128 rows.
    assert alpha.sum() == pytest.approx(2 * 200 / 3 * 128, rel=0.01)


def test_screenshot_in_a_mode(triptych, tmp_path: Path) -> None:
    cube = write_obj(tmp_path / "cube.obj")
    succeeded(triptych(cube, "--screenshot", "shaded.png", "--size", "64x64"))
    succeeded(triptych(cube, "--screenshot", "normals.png", "--size", "64x64", "--mode", "normals"))
    shaded, normals = (picture(tmp_path / name).astype(float) for name in ("shaded.png", "normals.png"))
    assert np.abs(shaded - normals).max() > 50
    refused(triptych(cube, "--screenshot", "x.png", "--mode", "x-ray"), "x-ray", "normals", "wireframe")


def test_screenshot_with_settings_of_the_inspector(triptych, tmp_path: Path) -> None:
    fog = tmp_path / "fog.safetensors"
    run(save_path(small_assets.triplane(steepness=16.0), fog))
    cut = ("--mode", "slice", "--set", "slice_axis=y", "--size", "64x64")
    succeeded(triptych(fog, "--screenshot", "low.png", *cut, "--set", "slice_at=0.3"))
    succeeded(triptych(fog, "--screenshot", "high.png", *cut, "--set", "slice_at=0.7"))
    low, high = (picture(tmp_path / name).astype(float) for name in ("low.png", "high.png"))
    assert np.abs(low - high).max() > 50
    refused(triptych(fog, "--screenshot", "x.png", "--set", "height=3"), "height", "slice_at")
    refused(triptych(fog, "--screenshot", "x.png", "--set", "slice_at=3"), "between 0.0 and 1.0")
    refused(triptych(fog, "--screenshot", "x.png", "--time", "3"), "changes with time")
    refused(triptych(fog, "--info", "--time", "0"), "--time belongs to --screenshot")


@pytest.mark.parametrize("form", ["{", "[]", "{}", '{"camera_to_world": [[1]]}'])
def test_a_wrong_camera_is_one_sentence(triptych, tmp_path: Path, form: str) -> None:
    (tmp_path / "cam.json").write_text(form, "utf-8")
    cube = write_obj(tmp_path / "cube.obj")
    refused(triptych(cube, "--screenshot", "x.png", "--camera", "cam.json"), "cam.json", "camera")
    assert not (tmp_path / "x.png").exists()


def test_a_lone_triplane_stands_before_its_own_background(triptych, tmp_path: Path, shared: Path) -> None:
    field = shared / "oracles" / "triposr" / "asset.pt"
    succeeded(triptych(field, "--screenshot", "exact.png", "--size", "48x48", "--exact"))
    drawn = picture(tmp_path / "exact.png")
    assert tuple(drawn[0, 0]) == (255, 255, 255)
    assert (drawn != 255).any(-1).mean() > 0.1


# --export


def test_export_keeps_splats_byte_for_byte(triptych, tmp_path: Path) -> None:
    splats = write_splats(tmp_path / "dots.ply", 20, degree=2)
    succeeded(triptych(splats, "--export", "again.ply"))
    assert (tmp_path / "again.ply").read_bytes() == splats.read_bytes()


def test_export_says_what_becomes_of_linear_light(triptych, tmp_path: Path) -> None:
    splats = small_assets.KINDS["gaussians"]()
    splats.notes.color_space = "linear"
    run(save_path(splats, tmp_path / "linear.glb"))
    assert re.search(r"^  colour space +linear light$", succeeded(triptych("linear.glb", "--info")), re.M)
    succeeded(triptych("linear.glb", "--export", "again.glb"))
    done = triptych("linear.glb", "--export", "out.spz")
    assert done.returncode == 0 and re.fullmatch(r"out\.spz: .*linear light.*sRGB.*\.\n", done.stderr)
    assert re.search(r"^  colour space +sRGB$", succeeded(triptych("out.spz", "--info")), re.M)


def test_export_changes_the_format(triptych, tmp_path: Path) -> None:
    import trimesh

    cube = write_stl(tmp_path / "cube.stl")
    for name in ("cube.glb", "cube.obj", "cube.ply"):
        succeeded(triptych(cube, "--export", name))
        read = trimesh.load(tmp_path / name, force="mesh")
        assert len(read.faces) == 12 and read.area == pytest.approx(24)


def test_export_changes_the_kind_where_a_conversion_leads_there(triptych, tmp_path: Path) -> None:
    cube = write_obj(tmp_path / "cube.obj")
    options = ["--option", "steps=3", "--option", "resolution=16", "--option", "channels=4"]
    succeeded(triptych(cube, "--export", "cube.safetensors", *options))
    found = json.loads(succeeded(triptych("cube.safetensors", "--info", "--json")))
    assert (found["kind"], found["counts"]["channels"], found["counts"]["rows"]) == ("triplane", 4, 16)
    np.save(tmp_path / "points.npy", np.array([[0, 0, 0], [0.5, 0.2, 0.1]]))
    succeeded(triptych("cube.safetensors", "--query", "points.npy", "out.npz"))
    assert np.load(tmp_path / "out.npz")["density"].shape == (2, 1)


def test_export_refuses_what_nothing_leads_to(triptych, tmp_path: Path) -> None:
    splats = write_splats(tmp_path / "dots.ply")
    refused(triptych(splats, "--export", "x.stl"), "x.stl", "gaussians")
    refused(triptych(splats, "--export", "x.ply", "--option", "colour=red"), "colour")
    assert not list(tmp_path.glob("x.*"))


# --field


def test_a_field_is_read_otherwise(triptych, tmp_path: Path) -> None:
    run(save_path(small_assets.triplane(), tmp_path / "fog.safetensors"))
    write_stl(tmp_path / "cube.stl")
    told = json.loads(
        succeeded(triptych("fog.safetensors", "--info", "--json", "--field", "box=0.5", "--field", "sign.x=-"))
    )
    assert told["bounds"]["max"] == [0.5, 0.5, 0.5]
    assert told["declared"]["sign.x"] == "-, set by you"
    refused(triptych("fog.safetensors", "--info", "--field", "padding=sometimes"), "--field padding", "zeros")
    refused(triptych("cube.stl", "--info", "--field", "box=1"), "--field box", "triplane")


# --query


def test_query_answers_as_the_family_does(triptych, tmp_path: Path, shared: Path) -> None:
    expected = np.load(shared / "oracles" / "triposr" / "field.npz")
    np.save(tmp_path / "points.npy", expected["points"][:500])
    field = shared / "oracles" / "triposr" / "asset.pt"
    succeeded(triptych(field, "--query", "points.npy", "out.npz"))
    found = np.load(tmp_path / "out.npz")
    for name in ("density_raw", "density", "rgb_raw", "rgb"):
        if name in expected:
            values = expected[name][:500].reshape(found[name].shape)
            assert np.abs(found[name] - values).max() <= 1e-3 * np.abs(values).max()


def test_query_with_the_decoder_in_another_file(triptych, tmp_path: Path, shared: Path) -> None:
    folder = shared / "oracles" / "triposr"
    points = np.load(folder / "field.npz")["points"][:100]
    np.savez(tmp_path / "points.npz", points=points)
    succeeded(triptych(folder / "asset.pt", "--query", "points.npz", "one.npz"))
    succeeded(triptych(folder / "planes.pt", "--decoder", folder / "decoder.ckpt", "--query", "points.npz", "two.npz"))
    one, two = np.load(tmp_path / "one.npz"), np.load(tmp_path / "two.npz")
    assert set(one.files) == set(two.files) and all(np.array_equal(one[name], two[name]) for name in one.files)


@pytest.mark.parametrize(
    "arrays, words",
    [
        (np.zeros((4, 2)), ["shape"]),
        (np.array([[0, 0, np.nan]]), ["finite"]),
        (np.array([["a", "b", "c"]]), ["real numbers"]),
        (np.array([[{}, 1, 2]], object), ["points.npz"]),
        ({"places": np.zeros((4, 3))}, ["'points'"]),
        ({"points": np.zeros((4, 3)), "viewdirs": np.zeros((3, 3))}, ["viewdirs"]),
        ({"points": np.zeros((4, 3)), "time": np.zeros(5)}, ["time"]),
    ],
    ids=["two columns", "nan", "text", "objects", "no points", "viewdirs", "time"],
)
def test_wrong_points_are_one_sentence(triptych, tmp_path: Path, shared: Path, arrays, words: list[str]) -> None:
    np.savez(tmp_path / "points.npz", **(arrays if isinstance(arrays, dict) else {"points": arrays}))
    field = shared / "oracles" / "triposr" / "asset.pt"
    refused(triptych(field, "--query", "points.npz", "out.npz"), "points.npz", *words)


def test_points_that_promise_too_much_take_no_memory(triptych, tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999, 3), }"
    header = header.ljust(118 - 1) + b"\n"
    (tmp_path / "huge.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 24)
    refused(triptych("a.pt", "--query", "huge.npy", "out.npz"), "huge.npy")


def test_planes_without_a_decoder_are_shown_as_such(triptych, tmp_path: Path, shared: Path) -> None:
    np.save(tmp_path / "points.npy", np.zeros((1, 3)))
    planes = shared / "oracles" / "triposr" / "planes.pt"
    refused(triptych(planes, "--query", "points.npy", "out.npz"), "planes.pt", "--decoder")
    refused(triptych(planes, "--decoder", "nowhere.ckpt", "--info"), "nowhere.ckpt")
    found = json.loads(triptych(planes, "--info", "--json").stdout)
    assert any("--decoder" in sentence for sentence in found["warnings"])


def test_only_a_field_can_be_queried(triptych, tmp_path: Path) -> None:
    np.save(tmp_path / "points.npy", np.zeros((1, 3)))
    splats = write_splats(tmp_path / "dots.ply")
    refused(triptych(splats, "--query", "points.npy", "out.npz"), "dots.ply", "triplane")


def test_progress_is_shown_on_a_terminal_alone() -> None:
    import io

    from assets.progress import Progress
    from viewer.headless.progress_bar import ProgressBar

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    silent, shown = io.StringIO(), Terminal()
    for stream in (silent, shown):
        with ProgressBar(stream) as bar:
            bar.show(Progress(1, 4, "Baking"))
    assert silent.getvalue() == ""
    line, erased = shown.getvalue().split("\r")[1], shown.getvalue().split("\r")[2]
    assert "25%" in line and "Baking" in line and erased == " " * len(line)

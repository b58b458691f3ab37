"""DRAG.json: what it holds comes back exactly, and what is wrong is one sentence that says where."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.deform.drag import FALLOFFS, Dab, Drag, Handle, Region, as_rows
from assets.deform.drag_json import box_region, from_json, from_text, read_drag, sphere_region, to_json
from assets.errors import BadFile, BadInput

PAIR = {"from": [0, 1, 2], "to": [3, 4, 5.5]}

coordinates = st.floats(-1e30, 1e30, allow_nan=False)
typed = st.integers(-99999, 99999).map(lambda number: number / 1000)
lengths = st.floats(1e-9, 1e9) | st.integers(1, 99999).map(lambda number: number / 1000)
points = st.tuples(*[coordinates | typed] * 3)
near_points = st.tuples(*[st.floats(-1e6, 1e6) | typed] * 3)


@st.composite
def regions(draw) -> Region:
    """Spheres, boxes along the axes, and both turned and stretched."""
    if draw(st.booleans()):
        region = sphere_region(draw(near_points), draw(lengths))
    else:
        low, size = np.array(draw(near_points)), np.array(draw(st.tuples(*[st.floats(0.1, 1e6) | lengths] * 3)))
        region = box_region(tuple(low), tuple(np.maximum(low + size, np.nextafter(low, np.inf))))
    if draw(st.booleans()):
        turn = np.eye(4)
        turn[:3] += np.array(draw(st.tuples(*[st.floats(-0.3, 0.3)] * 12))).reshape(3, 4)
        region = replace(region, to_unit=as_rows(np.array(region.to_unit) @ turn))
    return region


dabs = st.builds(
    Dab,
    points,
    lengths,
    st.booleans(),
    st.floats(0, 1),
    st.none() | points.filter(lambda point: math.hypot(*point) > 1e-20),
)
drags = st.builds(
    Drag,
    handles=st.lists(st.builds(Handle, points, points), min_size=1, max_size=4).map(tuple),
    pins=st.lists(points, max_size=3).map(tuple),
    region=st.none() | regions(),
    dabs=st.lists(dabs, max_size=3).map(tuple),
    base_fixed=st.booleans(),
    radius=st.none() | lengths,
    falloff=st.sampled_from(FALLOFFS),
    rigidity=st.floats(0, 1),
    strength=st.floats(0, 1),
)


def write(path: Path, content: object) -> Path:
    """`content` in a file: bytes and text as they are, the rest as JSON."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


# What is right


@given(drags)
def test_every_drag_comes_back_exactly(drag: Drag) -> None:
    form = to_json(drag)
    assert from_json(form) == drag
    assert from_text(json.dumps(form, allow_nan=False)) == drag


@given(near_points, lengths)
def test_a_typed_sphere_keeps_its_numbers(center, radius: float) -> None:
    center = tuple(round(value, 3) + 0.0 for value in center)
    entry = {"center": list(center), "radius": round(radius, 3) or 0.001}
    read = from_json({"handles": [PAIR], "region": {"sphere": entry}})
    written = to_json(read)["region"]["sphere"]
    assert np.allclose(written["center"], entry["center"], rtol=1e-14, atol=1e-9 * entry["radius"])
    assert written["radius"] == pytest.approx(entry["radius"], rel=1e-14)
    assert from_json({"handles": [PAIR], "region": {"sphere": written}}).region == read.region


def test_the_promised_form(tmp_path: Path) -> None:
    form = {
        "handles": [{"from": [0.25, 0.5, 1.0], "to": [0.25, 1.5, 1.0]}],
        "pins": [[0, 0, 0], [1, 0, 0]],
        "region": {"sphere": {"center": [0, 1, 0], "radius": 0.75}},
    }
    drag = read_drag(write(tmp_path / "drag.json", form))
    assert drag.handles == (Handle((0.25, 0.5, 1.0), (0.25, 1.5, 1.0)),)
    assert drag.pins == ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    assert (drag.radius, drag.falloff, drag.strength, drag.dabs) == (None, "smooth", 1.0, ())
    inside = drag.region.mask(np.array([[0, 1, 0], [0, 1.7499, 0], [0, 1.7501, 0], [0.76, 1, 0], [9, 9, 9]]))
    assert inside[0] == 1 and 0 < inside[1] < 0.01 and (inside[2:] == 0).all()
    assert to_json(drag) == form, "what has its usual value is not written"


def test_a_box_is_its_corners() -> None:
    region = from_json({"handles": [PAIR], "region": {"box": {"min": [-1, 0, 2], "max": [1, 0.5, 6]}}}).region
    inside = region.mask(np.array([[0, 0.25, 4], [0.999, 0.25, 4], [1.001, 0.25, 4], [0, 0.501, 4], [0, 0.25, 6.01]]))
    assert inside[0] == 1 and 0 < inside[1] < 0.01 and (inside[2:] == 0).all()
    written = to_json(Drag((Handle((0, 0, 0), (1, 0, 0)),), region=region))["region"]
    assert written == {"box": {"min": [-1, 0, 2], "max": [1, 0.5, 6]}}


def test_a_turned_box_brings_its_matrix_and_the_box_around_it() -> None:
    turn = np.eye(4)
    turn[:2, :2] = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    region = replace(box_region((-1, -1, -1), (1, 1, 1)), to_unit=as_rows(turn))
    drag = Drag((Handle((0, 0, 0), (1, 0, 0)),), region=region)
    box = to_json(drag)["region"]["box"]
    assert np.allclose(box["max"], [np.sqrt(2), np.sqrt(2), 1]) and np.allclose(box["min"], -np.array(box["max"]))
    assert from_json(to_json(drag)) == drag
    assert from_json({"handles": [PAIR], "region": {"box": {"to_unit": box["to_unit"]}}}).region == region


def test_a_region_of_the_asset_lies_at_the_same_matter_in_the_world() -> None:
    """The same points are inside, whichever of the two frames both lie in."""
    matrix = np.array([[0, -2.0, 0, 5], [1.5, 0, 0, 1], [0, 0, 3, -2], [0, 0, 0, 1]])
    asset_drag = Drag((Handle((0, 0, 0), (1, 0, 0)),), region=sphere_region((0.2, 0.1, 0), 0.7))
    world = from_json(to_json(asset_drag.placed(matrix)))
    places = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    expected = asset_drag.region.mask(places)
    assert 0.1 < (expected > 0).mean() < 0.9
    assert np.abs(world.region.mask(places @ matrix[:3, :3].T + matrix[:3, 3]) - expected).max() < 1e-12


def test_all_further_keys(tmp_path: Path) -> None:
    dab = {"center": [1, 2, 3], "radius": 0.5, "fixed": True, "feather": 0.25, "direction": [0, 0, 1]}
    form = {"handles": [PAIR], "radius": 2, "falloff": "sharp", "rigidity": 1, "strength": 0.5, "base_fixed": True}
    drag = read_drag(
        write(tmp_path / "d.json", "\ufeff" + json.dumps(form | {"dabs": [dab, dab | {"direction": None}]}))
    )
    assert (drag.radius, drag.falloff, drag.rigidity, drag.strength, drag.base_fixed) == (2.0, "sharp", 1.0, 0.5, True)
    assert drag.dabs[0] == Dab((1, 2, 3), 0.5, True, 0.25, (0, 0, 1)) and drag.dabs[1].direction is None


def test_the_published_drag_points(tmp_path: Path) -> None:
    form = {"handle_points": [[0, 1, 2], [3, 4, 5]], "target_points": [[6, 7, 8], [9, 10, 11.5]]}
    drag = read_drag(write(tmp_path / "drag_points.json", json.dumps(form, indent=4)))
    assert drag == Drag((Handle((0, 1, 2), (6, 7, 8)), Handle((3, 4, 5), (9, 10, 11.5))))


def test_ten_thousand_handles_are_read(tmp_path: Path) -> None:
    drag = read_drag(write(tmp_path / "many.json", {"handles": [PAIR] * 10_000, "pins": [[0, 0, 0]] * 10_000}))
    assert (len(drag.handles), len(drag.pins)) == (10_000, 10_000)


# What is wrong

SPHERE = {"center": [0, 0, 0], "radius": 1}
BOX = {"min": [0, 0, 0], "max": [1, 1, 1]}
DAB = {"center": [0, 0, 0], "radius": 1, "fixed": False}
NAN, INFINITY = float("nan"), float("inf")
UNIT = np.eye(4).tolist()


def with_handles(**keys: object) -> dict:
    return {"handles": [PAIR], **keys}


WRONG: list[tuple[object, str]] = [
    ("", "is not JSON"),
    ("{", "is not JSON"),
    (b"\xff\xfe\x00", "is not JSON"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "is not JSON"),
    ('{"handles": [', "is not JSON"),
    ('{"handles": ' + "[" * 100_000, "is nested too deeply"),
    ("[" * 100_000 + "]" * 100_000, "is nested too deeply"),
    ('{"handles": [{"from": [' + "1" * 5000 + ', 0, 0], "to": [0, 0, 0]}]}', "too many digits"),
    (b" " * (100 << 20), "is larger than 16 MiB"),
    ([], "is a list, not an object"),
    (3, "is a number, not an object"),
    (None, "is null, not an object"),
    ("{}", "handles: is missing"),
    ({"handles": []}, "has no handles"),
    ({"handles": None}, "handles: is null, not a list"),
    ({"handles": {}}, "handles: is an object, not a list"),
    ({"handles": "abc"}, "handles: is a text, not a list"),
    ({"handles": [[0, 0, 0]]}, "handles[0]: is a list, not an object"),
    ({"handles": [PAIR, {"from": [0, 0, 0]}]}, "handles[1].to: is missing"),
    ({"handles": [PAIR, {"to": [0, 0, 0]}]}, "handles[1].from: is missing"),
    ({"handles": [PAIR | {"weight": 1}]}, "handles[0]: has an unknown key ('weight'); possible are from, to"),
    ({"handles": [PAIR, PAIR, PAIR | {"to": [0, NAN, 0]}]}, "handles[2].to: holds NaN"),
    ({"handles": [PAIR | {"to": [INFINITY, 0, 0]}]}, "handles[0].to: holds Infinity"),
    ({"handles": [PAIR | {"from": [0, 0, -INFINITY]}]}, "handles[0].from: holds Infinity"),
    ('{"handles": [{"from": [0, 0, 0], "to": [1e999, 0, 0]}]}', "handles[0].to: holds Infinity"),
    ({"handles": [PAIR | {"from": [1e31, 0, 0]}]}, "handles[0].from: holds a number beyond 1e30"),
    ({"handles": [PAIR | {"from": [10**400, 0, 0]}]}, "handles[0].from: holds a number beyond 1e30"),
    ({"handles": [PAIR | {"from": [True, 0, 0]}]}, "handles[0].from: holds true instead of a number"),
    ({"handles": [PAIR | {"from": ["1", 0, 0]}]}, "handles[0].from: holds a text instead of a number"),
    ({"handles": [PAIR | {"from": [None, 0, 0]}]}, "handles[0].from: holds null instead of a number"),
    ({"handles": [PAIR | {"from": [0, 0]}]}, "handles[0].from: holds 2 numbers instead of 3"),
    ({"handles": [PAIR | {"from": [0, 0, 0, 1]}]}, "handles[0].from: holds 4 numbers instead of 3"),
    ({"handles": [PAIR | {"from": []}]}, "handles[0].from: holds 0 numbers instead of 3"),
    ({"handles": [PAIR | {"from": "here"}]}, "handles[0].from: is a text, not a list"),
    ({"handles": [PAIR] * 10_001}, "handles: holds 10001 entries; 10000 are possible"),
    (with_handles(pins=[[0, 0, 0]] * 10_001), "pins: holds 10001 entries"),
    (with_handles(pins=None), "pins: is null, not a list"),
    (with_handles(pins=[[0, 0, 0], [0, 0, NAN]]), "pins[1]: holds NaN"),
    (with_handles(pins=[0, 0, 0]), "pins[0]: is a number, not a list"),
    (with_handles(pinz=[]), "has an unknown key ('pinz')"),
    (with_handles(a=1, b=2, c=3, d=4, e=5), "('a', 'b', 'c' and 2 more)"),
    (with_handles(**{"x" * 5000: 1}), "…"),
    (with_handles(region=[]), "region: is a list, not an object"),
    (with_handles(region={}), "region: is neither null nor one sphere or box"),
    (with_handles(region={"sphere": SPHERE, "box": BOX}), "region: is neither null nor one sphere or box"),
    (with_handles(region={"cone": SPHERE}), "region: has an unknown key ('cone')"),
    (with_handles(region={"sphere": None}), "region.sphere: is null, not an object"),
    (with_handles(region={"sphere": {"center": [0, 0, 0]}}), "region.sphere.radius: is missing"),
    (with_handles(region={"sphere": SPHERE | {"radius": -1}}), "region.sphere.radius: is -1, not above 0"),
    (with_handles(region={"sphere": SPHERE | {"radius": 0}}), "region.sphere.radius: is 0, not above 0"),
    (
        with_handles(region={"sphere": SPHERE | {"radius": 5e-324}}),
        "region.sphere.radius: is 4.94066e-324",
    ),
    (with_handles(region={"sphere": SPHERE | {"radius": NAN}}), "region.sphere.radius: holds NaN"),
    (with_handles(region={"sphere": SPHERE | {"radius": True}}), "region.sphere.radius: holds true"),
    (with_handles(region={"sphere": SPHERE | {"center": [0, 0]}}), "region.sphere.center: holds 2 numbers"),
    (with_handles(region={"box": BOX | {"min": [2, 0, 0]}}), "region.box: has a min that lies above its max in x"),
    (with_handles(region={"box": BOX | {"max": [1, 1, 0]}}), "region.box: is empty (min and max agree in z)"),
    (with_handles(region={"box": {"min": [0, 0, 0]}}), "region.box.max: is missing"),
    (with_handles(region={"box": {"to_unit": [[1]]}}), "region.box.to_unit: is not a 4×4 matrix"),
    (
        with_handles(region={"box": {"to_unit": [[0] * 4] * 3 + [[0, 0, 0, 1]]}}),
        "to_unit: cannot be inverted",
    ),
    (with_handles(region={"box": {"to_unit": [*UNIT[:3], [0, 0, 1, 1]]}}), "region.box.to_unit: has a last row"),
    (with_handles(region={"box": {"to_unit": [[NAN, 0, 0, 0], *UNIT[1:]]}}), "region.box.to_unit: holds NaN"),
    (with_handles(region={"sphere": {"to_unit": [["a", 0, 0, 0], *UNIT[1:]]}}), "region.sphere.to_unit: holds a text"),
    (with_handles(radius=-0.5), "radius: is -0.5, not above 0"),
    (with_handles(falloff="soft"), "falloff: is 'soft', not one of smooth, sphere"),
    (with_handles(falloff=["smooth"]), "falloff: is a list"),
    (with_handles(rigidity=2), "rigidity: is 2, not 0 to 1"),
    (with_handles(strength=-0.1), "strength: is -0.1, not 0 to 1"),
    (with_handles(strength=False), "strength: holds false instead of a number"),
    (with_handles(base_fixed=1), "base_fixed: holds a number instead of true or false"),
    (with_handles(dabs=[DAB, DAB | {"radius": -1}]), "dabs[1].radius: is -1, not above 0"),
    (with_handles(dabs=[{"center": [0, 0, 0]}]), "dabs[0].radius: is missing"),
    (with_handles(dabs=[DAB | {"fixed": "yes"}]), "dabs[0].fixed: holds a text instead of true or false"),
    (with_handles(dabs=[DAB | {"feather": 3}]), "dabs[0].feather: is 3, not 0 to 1"),
    (with_handles(dabs=[DAB | {"direction": [0, 0, 0]}]), "dabs[0].direction: has no length"),
    ({"handle_points": [[0, 0, 0]]}, "target_points: is missing"),
    ({"target_points": [[0, 0, 0]]}, "handle_points: is missing"),
    ({"handle_points": [[0, 0, 0]], "target_points": []}, "target_points: holds 0 points for 1 of handle_points"),
    ({"handle_points": [], "target_points": []}, "has no handles"),
    ({"handle_points": [[0, 0, 0]], "target_points": [[0, NAN, 0]]}, "target_points[0]: holds NaN"),
    ({"handle_points": [[0, 0]], "target_points": [[0, 0, 0]]}, "handle_points[0]: holds 2 numbers"),
    ({"handle_points": [[0, 0, 0]], "target_points": [[0, 0, 0]], "handles": [PAIR]}, "has an unknown key ('handles')"),
]


@pytest.mark.parametrize("content, words", WRONG, ids=[words[:60] for _, words in WRONG])
def test_what_is_wrong_is_one_sentence(tmp_path: Path, content: object, words: str) -> None:
    path = write(tmp_path / "drag.json", content)
    with pytest.raises(BadFile) as caught:
        read_drag(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ") and sentence.endswith(".") and words in sentence
    assert "\n" not in sentence and len(sentence) < len(str(path)) + 250
    if not isinstance(content, (str, bytes)):
        with pytest.raises(BadInput) as caught:
            from_json(content)
        assert words in str(caught.value) and not isinstance(caught.value, BadFile)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="does not exist"):
        read_drag(tmp_path / "nowhere.json")
    with pytest.raises(BadFile, match="cannot be read"):
        read_drag(tmp_path)


def test_the_clipboard_speaks_of_the_drag() -> None:
    with pytest.raises(BadInput, match=r"^The drag has no handles\.$"):
        from_text('{"handles": []}')
    with pytest.raises(BadInput, match=r"^The drag is not JSON .*\.$"):
        from_text("hello")
    with pytest.raises(BadInput):
        from_text("\ud800")


# Fuzzing

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
keys = st.sampled_from(["handles", "from", "to", "pins", "region", "sphere", "box", "center", "radius", "min", "max"])
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))


def reads_or_refuses(form: object) -> None:
    """A drag that can be written again, or one sentence."""
    try:
        drag = from_json(form)
    except BadInput as error:
        assert str(error).endswith(".")
        return
    assert from_json(to_json(drag)) == drag
    numbers = [number for handle in drag.handles for number in (*handle.source, *handle.target)]
    assert numbers and np.isfinite(numbers).all()


@given(values)
def test_anything_is_read_or_refused(form: object) -> None:
    reads_or_refuses(form)


@given(drags, st.data())
def test_a_drag_with_one_thing_replaced_is_read_or_refused(drag: Drag, data: st.DataObject) -> None:
    holder = form = to_json(drag)
    while True:
        places = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not places:
            break
        place = data.draw(st.sampled_from(places))
        if isinstance(holder[place], (dict, list)) and data.draw(st.booleans()):
            holder = holder[place]
            continue
        holder[place] = data.draw(values | st.floats())
        break
    reads_or_refuses(form)


@given(drags, st.data())
def test_damaged_text_is_read_or_refused(drag: Drag, data: st.DataObject) -> None:
    text = json.dumps(to_json(drag))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    damaged = text[:start] + data.draw(st.text(max_size=4) | st.sampled_from(["NaN", "1e999", "[", "-", "9" * 400]))
    try:
        from_text(damaged + text[end:])
    except BadInput as error:
        assert str(error).endswith(".")

"""A description in which one field after the other is dropped, or holds something else: it is read, or refused with the
field's name."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

from assets.errors import BadInput
from assets.fields.description import (
    Blob,
    Encoding,
    FieldDescription,
    Group,
    Head,
    Input,
    Label,
    Layer,
    March,
    Output,
    Plane,
    Space,
)
from assets.fields.description_check import check_description, check_tensors
from assets.files.strict_json import from_json, to_json

FULL = FieldDescription(
    family="all of it",
    space=Space((-1.0,) * 3, (1.0,) * 3, contraction="mip360_l2"),
    groups=(
        Group("planes", (Plane("p", 0, ("x", "y"), channels=(0, 2)), Plane("p", 1, ("x", "z"), channels=(0, 2)))),
        Group("volume", (Plane("v", 0, ("x", "y", "z")),), interpolation="nearest"),
    ),
    heads=(
        Head(
            "trunk",
            (
                Input("group", "planes", channels=(0, 4), encoding=Encoding("frequencies", 2)),
                Input("position", encoding=Encoding("fourier", matrix="B")),
                Input("viewdir", encoding=Encoding("spherical_harmonics", 2)),
                Input("time"),
            ),
            (Layer("w0", "b0", "softplus", 2.0), Layer("w1", skip="after")),
            (Output("density", (0, 1), "exp", blob=Blob(1.0, 0.5)), Output("rgb", (1, 4), "sigmoid")),
        ),
        Head(
            "classes", (Input("head", "trunk", (0, 1)), Input("group", "volume")), (), (Output("label", (0, 3)),), "dot"
        ),
    ),
    march=March(last_step=0.5),
    labels=tuple(Label(f"class {index}", (0.5, 0.5, 0.5)) for index in range(3)),
)
FULL_SHAPES = {"p": (2, 2, 8, 8), "v": (1, 3, 4, 4, 4), "B": (3, 5), "w0": (6, 35), "b0": (6,), "w1": (4, 41)}


def places(value: Any, path: str = "") -> list[tuple[str, str, Any]]:
    """Every value within parsed JSON: its dotted path, how a message names it, and itself."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, inner in steps:
        way = f"{path}.{key}" if path else str(key)
        found += [(way, re.sub(r"\.(\d+)", r"[\1]", way), inner), *places(inner, way)]
    return found


PLACES = places(to_json(FULL))


def refused(value: dict) -> str:
    """The message with which a description is refused, "" where it is none."""
    try:
        description = from_json(FieldDescription, value)
        check_description(description)
        check_tensors(description, FULL_SHAPES)
    except BadInput as error:
        return str(error)
    return ""


def test_the_full_description_is_valid() -> None:
    assert not refused(to_json(FULL))
    assert len(PLACES) > 200


A_FIELD = re.compile(r"([a-z_]+(\[\d+\])*\.)*[a-z_]+(\[\d+\])*: ")


def test_any_field_of_a_wrong_type_is_named() -> None:
    for path, named, value in PLACES:
        wrong = "nonsense" if isinstance(value, dict) else {"no": 1}
        assert refused(with_value(path, wrong)).startswith(named), path
        if isinstance(value, float):
            assert refused(with_value(path, float("nan"))) == f"{named}: is not a finite number."


@pytest.mark.parametrize(
    "wrong", ["nonsense", [], [[]], True, -7, 1.5, 10**400, None], ids=lambda wrong: str(wrong)[:9]
)
def test_whatever_stands_in_a_field_the_message_names_one(wrong: Any) -> None:
    for path, _, _ in PLACES:
        message = refused(with_value(path, wrong))
        assert not message or (A_FIELD.match(message) and message.endswith(".")), (path, message)


def with_value(path: str, value: Any) -> dict:
    """FULL with another value at a dotted path."""
    whole = to_json(FULL)
    target, last = holder(whole, path)
    target[last] = value
    return whole


def holder(whole: Any, path: str) -> tuple[Any, Any]:
    """What holds the value at a dotted path, and the key by which it does."""
    *way, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in way:
        whole = whole[key]
    return whole, last


@pytest.mark.parametrize("part", [entry.name for entry in fields(FieldDescription)])
def test_any_field_that_is_missing_has_a_default_or_one_is_named(part: str) -> None:
    for path, named, _ in PLACES:
        whole = to_json(FULL)
        target, last = holder(whole, path)
        if path.split(".")[0] != part or isinstance(last, int):
            continue
        del target[last]
        message = refused(whole)
        assert not message or A_FIELD.match(message), (path, message)
        target[f"{last}x"] = 1
        assert re.match(rf"{re.escape(named)}(x: is not a field|: is missing)", refused(whole)), path


def test_any_tensor_that_is_not_there_is_named() -> None:
    for name in FULL_SHAPES:
        left = {other: shape for other, shape in FULL_SHAPES.items() if other != name}
        with pytest.raises(BadInput, match=rf"^(groups|heads)\[\d\]\..*: there is no tensor '{name}'\.$"):
            check_tensors(FULL, left)

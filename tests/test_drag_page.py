"""docs/drag.md shows what is there: its pictures, its keys, its drags."""

from __future__ import annotations

import re

from assets.deform.drag import FALLOFFS
from assets.deform.drag_json import from_text, read_drag
from tests.processes import ROOT
from tests.test_documents import table_under
from viewer.actions import ACTIONS, DRAG
from viewer.bindings import HELD_KEYS
from viewer.tools.drag import MODES, TOOL

PAGE = ROOT / "docs" / "drag.md"
TEXT = PAGE.read_text("utf-8")
KEYS = {TOOL.key, *(key for _, key in HELD_KEYS), *(key for entry in ACTIONS for key in entry.keys)}
LARGEST_PICTURE, LARGEST_SUM = 250_000, 2_500_000
"""Bytes."""


def test_pictures_are_there_and_shown() -> None:
    named = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    there = {path.relative_to(PAGE.parent).as_posix() for path in (PAGE.parent / "drag").glob("*.png")}
    assert len(named) == len(set(named)) and set(named) == there
    sizes = [(PAGE.parent / name).stat().st_size for name in named]
    assert max(sizes) < LARGEST_PICTURE and sum(sizes) < LARGEST_SUM


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert not [link for link in links if not (PAGE.parent / link).exists()]


def test_every_key_exists() -> None:
    told = {key for key in re.findall(r"`([^`\n]+)`", TEXT) if re.fullmatch(r"((Ctrl|Shift|Alt)\+)*(\w+|\W)", key)}
    words = {key for key in told if "+" not in key and len(key) > 1 and key.lower() == key}
    assert not told - words - KEYS


def test_the_keys_of_the_tool_are_told() -> None:
    rows = dict(table_under("Keys", TEXT))
    titles = {TOOL.key: TOOL.title, **{key: label for label, key in HELD_KEYS}}
    expected = {f"`{key}`": title for key, title in titles.items()}
    expected |= {" or ".join(f"`{key}`" for key in entry.keys): entry.title for entry in DRAG if entry.keys}
    assert expected.items() <= rows.items()
    others = {" or ".join(f"`{key}`" for key in entry.keys): entry.title for entry in ACTIONS}
    assert rows.items() <= (expected | others).items()


def test_the_mouse_is_told() -> None:
    names = {"Pull": "direct", "Pairs": "pairs", "Paint": "paint"}
    told: dict[str, set[tuple[str, str]]] = {mode: set() for mode in MODES}
    for modes, hand, does in table_under("Mouse", TEXT):
        for name in modes.split(" and "):
            told[names[name]].add((hand, does))
    for mode, bindings in MODES.items():
        assert told[mode] == {(binding.hand, binding.label) for binding in bindings if binding.label}


def test_drags_can_be_read() -> None:
    blocks = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 2 and all(from_text(block).handles for block in blocks)
    assert read_drag(PAGE.parent / "drag" / "bottle.json").handles
    assert ", ".join(FALLOFFS) in TEXT

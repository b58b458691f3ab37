"""What the documents say about the program is what the program says about itself."""

from __future__ import annotations

import re

import pytest

from assets.convert import conversions
from assets.families import families
from assets.formats import formats
from assets.registry import records
from tests.assets.family_signatures import SIGNATURES
from tests.processes import ROOT
from viewer.command_line import build_parser


def read(name: str) -> str:
    """A document."""
    return (ROOT / name).read_text("utf-8")


def table_under(heading: str, text: str) -> list[tuple[str, ...]]:
    """The rows of the first table under a heading, without its own heading."""
    section = re.split(r"^#+ ", text, flags=re.MULTILINE)
    part = next(part for part in section if part.startswith(heading))
    rows = [line.strip("| \n") for line in part.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in row.split(" | ")) for row in rows[2:]]


def test_the_readme_lists_the_formats() -> None:
    expected = []
    for form in sorted(formats(), key=lambda entry: entry.name.lower()):
        suffixes = " ".join(f"`{suffix}`" for suffix in form.extensions)
        expected.append(
            (form.name, suffixes, ", ".join(form.kinds) if form.load else "–", ", ".join(form.writes) or "–")
        )
    assert table_under("Formats", read("README.md")) == expected


def test_the_readme_lists_the_families() -> None:
    known = sorted((family for family in families() if family.known), key=lambda family: family.name.lower())
    assert table_under("Triplanes", read("README.md")) == [(family.name, family.about) for family in known]


def test_the_page_of_families_lists_them_by_their_tensors() -> None:
    known = sorted((family.name for family in families() if family.known), key=str.lower)
    rows = table_under("Published families", read("docs/families.md"))
    assert [row[0] for row in rows] == known and {len(row) for row in rows} == {4}
    for name, planes, _, _ in rows:
        words = set(re.findall(r"`([a-z_0-9.]*[a-z0-9])", planes)) - {".npy"}
        there = ".".join(SIGNATURES[name][0])
        assert not words or any(word.rstrip(".0") in there for word in words), name


def test_the_readme_lists_the_conversions() -> None:
    text = read("README.md")
    assert all(f"{entry.source} → {entry.target}" in text for entry in conversions())


def test_the_readme_lists_the_mouse() -> None:
    from viewer.bindings import NAVIGATION

    first = min(records("viewer.tools", "TOOL"), key=lambda tool: tool.order)
    hands: dict[str, str] = {}
    for binding in (*first.bindings, *NAVIGATION):
        hands.setdefault(binding.hand, binding.label)
    assert table_under("Mouse", read("README.md")) == list(hands.items())


def test_the_readme_lists_the_keys() -> None:
    from viewer.actions import ACTIONS

    expected = [(" or ".join(f"`{key}`" for key in entry.keys), entry.title) for entry in ACTIONS if entry.keys]
    assert table_under("Keys", read("README.md")) == expected


def test_the_readme_names_every_option() -> None:
    text = read("README.md")
    shown = [action for action in build_parser()._actions if action.help != "==SUPPRESS=="]
    options = [option for action in shown for option in action.option_strings if option.startswith("--")]
    assert not [option for option in options if option not in ("--help", "--version") and option not in text]


def tree_of_architecture() -> dict[str, set[str]]:
    """The names in the tree of ARCHITECTURE.md by room: the folders and files that stand before a description."""
    block = read("ARCHITECTURE.md").split("```")[1]
    rooms: dict[str, set[str]] = {"": set()}
    room = ""
    for line in block.splitlines()[1:]:
        if not line.strip():
            continue
        names = re.split(r" {2,}", line.strip())[0].split()
        if line.startswith(" "):
            rooms[room] |= {name.rstrip("/") for name in names}
        else:
            room = names[0].rstrip("/")
            rooms.setdefault(room, set())
            rooms[""].add(room)
    return rooms


@pytest.mark.parametrize("room", ["", "assets", "renderers", "viewer"])
def test_the_architecture_shows_what_is_there(room: str) -> None:
    """Every module of a room has its place in the tree. Folders stand for their files: those declare themselves."""
    shown = tree_of_architecture()[room]
    assert not sorted(name for name in shown if not (ROOT / room / name).exists())
    if room:
        there = {path.name for path in (ROOT / room).iterdir() if path.name[0] not in "._"}
        assert not sorted(there - shown)


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "docs/families.md"])
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", read(name))
    assert not [link for link in links if "://" not in link and not (ROOT / name).parent.joinpath(link).exists()]

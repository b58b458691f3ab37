"""One test for everything that declares itself: formats, families, conversions, renderers, tools, panels, displays.

A new module is found here by its record alone; only a format that cannot be written needs a small file of its own, in
tests/small_assets.py.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.asset import Asset
from assets.convert import Conversion, conversions
from assets.errors import BadFile, BadInput
from assets.families import Family, families
from assets.formats import Format, ReadOptions, formats, open_path, save_path, writer_for
from assets.progress import Partial, Progress, run
from assets.registry import modules, records
from tests.small_assets import KINDS, READ_ONLY

IN_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


def named(record: object) -> str:
    """A record as the id of a test."""
    return getattr(record, "name", None) or getattr(record, "id", None) or type(record).__name__


READERS = [form for form in formats() if form.load]
WRITERS = [(form, kind) for form in formats() if form.save for kind in form.writes]


def small_file(form: Format, folder: Path) -> Path:
    """A small valid file of a format: saved by itself, or by hand where it only reads."""
    path = folder / f"small{form.extensions[0]}"
    if form.save:
        run(form.save(KINDS[form.writes[0]](), path))
    else:
        assert form.extensions[0] in READ_ONLY, f"{form.name} needs a small file in tests/small_assets.py"
        READ_ONLY[form.extensions[0]](path)
    return path


# Formats


def test_there_is_something_to_test() -> None:
    assert {kind for form in formats() for kind in form.kinds} == set(KINDS)
    assert {"mesh", "gaussians", "triplane"} <= {kind for form in formats() for kind in form.writes}
    assert families() and conversions()


def test_format_names_are_unique() -> None:
    names = [form.name for form in formats()]
    assert len(set(names)) == len(names)


def test_every_module_of_a_discovered_folder_declares_a_record() -> None:
    for package, attribute in (("assets.formats", "FORMAT"), ("assets.families", "FAMILY")):
        assert not [module.__name__ for module in modules(package) if not hasattr(module, attribute)]
    for package, attribute in (("assets.convert", "CONVERSION"), ("viewer.tools", "TOOL")):
        assert not [module.__name__ for module in modules(package) if not hasattr(module, attribute)]


@pytest.mark.parametrize("form", formats(), ids=named)
def test_format_is_declared_whole(form: Format) -> None:
    assert form.name and form.extensions and form.kinds and (form.load or form.save)
    assert all(re.fullmatch(r"(\.[a-z0-9]+)+", suffix) for suffix in form.extensions)
    assert set(form.kinds) <= set(KINDS) and set(form.writes) <= set(form.kinds)
    assert bool(form.save) == bool(form.writes)
    assert set(form.options) <= (set(inspect.signature(form.save).parameters) if form.save else set())
    assert all(form.options.values()), "every option has its line of help"


@pytest.mark.parametrize("form, kind", WRITERS, ids=lambda value: value if isinstance(value, str) else named(value))
def test_what_is_saved_is_read_again(form: Format, kind: str, tmp_path: Path) -> None:
    asset = KINDS[kind]()
    for suffix in form.extensions:
        path = tmp_path / f"asset{suffix}"
        assert writer_for(asset, path) is form
        run(save_path(asset, path))
        (again,) = run(open_path(path))
        assert (again.kind, again.provenance.path) == (kind, path) and again.provenance.format
        assert np.allclose(again.bounds(), asset.bounds(), atol=1e-5)
        for name in ("faces", "points", "splats", "planes"):
            assert again.counts().get(name) == asset.counts().get(name)


@pytest.mark.parametrize("form, kind", WRITERS, ids=lambda value: value if isinstance(value, str) else named(value))
def test_an_unknown_option_is_refused(form: Format, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"asset{form.extensions[0]}"
    with pytest.raises(BadInput, match="no option 'nonsense'"):
        run(save_path(KINDS[kind](), path, nonsense=1))
    assert not path.exists()


@pytest.mark.parametrize("form", READERS, ids=named)
def test_the_small_file_is_read(form: Format, tmp_path: Path) -> None:
    path = small_file(form, tmp_path)
    events: list[Progress] = []
    assets = run(open_path(path), events.append)
    assert assets and all(asset.kind in form.kinds for asset in assets)
    assert events and all(0 <= event.fraction <= 1 and event.text for event in events)
    head = path.read_bytes()[:65536]
    assert form.sniff(path, head) == max(other.sniff(path, head) for other in READERS), "another reader is surer"
    for asset in assets:
        assert asset.name and all(asset.counts().values()) is not None
        assert np.isfinite(asset.bounds()).all() and asset.nbytes > 0
        assert all(isinstance(value, str) for value in asset.facts().values())


@pytest.mark.parametrize("form", READERS, ids=named)
@pytest.mark.parametrize("share", [0.02, 0.2, 0.4])
def test_a_truncated_file_is_refused(form: Format, share: float, tmp_path: Path) -> None:
    whole = small_file(form, tmp_path).read_bytes()
    cut = tmp_path / f"cut{form.extensions[0]}"
    cut.write_bytes(whole[: max(1, int(len(whole) * share))])
    with pytest.raises(BadFile) as caught:
        run(open_path(cut))
    check_sentence(caught.value, cut)


def check_sentence(error: BadFile, path: Path) -> None:
    """One line, which names the file and ends as a sentence."""
    text = str(error)
    assert str(path) in text and text.endswith(".") and not text.endswith("..") and "\n" not in text, text
    assert len(text) < 600 + len(str(path))


@pytest.mark.parametrize("form", READERS, ids=named)
@IN_ONE_FOLDER
@given(data=st.binary(min_size=1, max_size=400), keep=st.integers(0, 64))
def test_noise_is_refused(form: Format, data: bytes, keep: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Bytes at random, also behind a valid beginning: no other error than BadFile, and sniffing never fails."""
    folder = tmp_path_factory.getbasetemp() / "noise"
    folder.mkdir(exist_ok=True)
    whole = folder / f"small{form.extensions[0]}"
    if not whole.exists():
        small_file(form, folder)
    path = folder / f"noise{form.extensions[0]}"
    path.write_bytes(whole.read_bytes()[:keep] + data)
    for other in READERS:
        score = other.sniff(path, path.read_bytes())
        assert isinstance(score, int) and 0 <= score <= 100
    read_or_refuse(path)


@pytest.mark.parametrize("form", READERS, ids=named)
@IN_ONE_FOLDER
@given(where=st.floats(0, 0.999), value=st.integers(0, 255), early=st.booleans())
def test_a_damaged_byte_is_read_or_refused(
    form: Format, where: float, value: int, early: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    whole = folder / f"small{form.extensions[0]}"
    if not whole.exists():
        small_file(form, folder)
    content = bytearray(whole.read_bytes())
    content[int(where * (min(len(content), 300) if early else len(content)))] = value
    path = folder / f"damaged{form.extensions[0]}"
    path.write_bytes(content)
    read_or_refuse(path)


def read_or_refuse(path: Path) -> None:
    """Reads a file; anything but assets or one sentence fails."""
    try:
        assets = run(open_path(path, ReadOptions()))
    except BadInput as error:
        assert "\n" not in str(error)
        return
    for asset in assets:
        bounds = asset.bounds()
        assert bounds is None or np.isfinite(bounds).all()


# Families


@pytest.mark.parametrize("family", families(), ids=named)
def test_family_is_declared_whole(family: Family) -> None:
    assert family.name and [entry.name for entry in families()].count(family.name) == 1
    re.compile(family.weights)
    assert family.match({}) == 0 and family.match({"": (4, 4)}) == 0 and not family.has_weights({"vertices": (3, 3)})


NAMES = st.sampled_from(["", "planes", "scene_codes", "triplane", "decoder.layers.0.weight", "x", "net.0.weight"])
SHAPES = st.lists(st.integers(0, 300), max_size=6).map(tuple)


@pytest.mark.parametrize("family", families(), ids=named)
@given(shapes=st.dictionaries(NAMES, SHAPES, max_size=5))
def test_family_looks_at_any_shapes(family: Family, shapes: dict[str, tuple[int, ...]]) -> None:
    score = family.match(shapes)
    assert isinstance(score, int) and 0 <= score <= 100


# Conversions


@pytest.mark.parametrize("conversion", conversions(), ids=named)
def test_conversion_starts_and_can_be_cancelled(conversion: Conversion) -> None:
    assert conversion.name and {conversion.source, conversion.target} <= set(KINDS)
    assert conversion.source != conversion.target
    ways = [(entry.source, entry.target) for entry in conversions()]
    assert ways.count((conversion.source, conversion.target)) == 1
    assert all(conversion.options.values())
    assert set(conversion.options) <= set(inspect.signature(conversion.convert).parameters)
    job = conversion.convert(KINDS[conversion.source]())
    assert isinstance(next(job), (Progress, Partial))
    job.close()


# Renderers and displays


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_of_a_display_is_in_its_own_domain(kind: str) -> None:
    asset = KINDS[kind]()
    declared = asset.display_type.settings()
    assert "mode" in [entry.name for entry in declared] and asset.kind == kind
    for entry in declared:
        assert entry.label and entry.help and entry.check(entry.default) == entry.default
        asset.set_display(entry.name, entry.default)
        if entry.choices:
            with pytest.raises(BadInput):
                asset.set_display(entry.name, "nonsense")


def test_every_kind_has_one_renderer() -> None:
    drawn = [record.asset_type.kind for record in records("renderers", "RENDERER")]
    assert sorted(drawn) == sorted(KINDS)


@pytest.mark.usefixtures("coarse_bricks")
@pytest.mark.parametrize("kind", KINDS)
def test_every_mode_draws_and_frees_what_it_took(kind: str, gl: object) -> None:
    from assets.scene import Scene
    from renderers.frame import Frame, FrameSettings
    from renderers.framing import framing
    from renderers.gl.lifetime import living

    before = dict(+living)
    asset = prepared(KINDS[kind])
    scene = Scene()
    scene.add(asset)
    frame = Frame()
    pictures = []
    for mode in asset.display_type.setting("mode").choices:
        asset.set_display("mode", mode)
        camera = framing(scene.bounds(), size=(64, 48))
        pictures.append(frame.draw(scene, camera, FrameSettings(background="transparent")))
        assert (pictures[-1][..., 3] > 0).mean() > 0.05, f"nothing is seen in mode {mode}"
    assert all((pictures[0] != other).any() for other in pictures[1:]), "two modes look the same"
    scene.remove(asset)
    empty = frame.draw(scene, camera, FrameSettings(background="transparent"))
    assert not empty.any()
    frame.dispose()
    assert dict(+living) == before


def prepared(make: Callable[[], Asset]) -> Asset:
    """A new asset with what drawing needs."""
    asset = make()
    job = asset.preparation()
    if job is not None:
        run(job, on_partial=asset.accept)
    return asset


# Tools and panels


def test_tools_are_declared_whole() -> None:
    tools = records("viewer.tools", "TOOL")
    assert tools
    for attribute in ("id", "title", "key"):
        values = [getattr(tool, attribute) for tool in tools if getattr(tool, attribute)]
        assert len(set(values)) == len(values)
    for tool in tools:
        assert re.fullmatch(r"[a-z][a-z_]*", tool.id) and tool.title[0].isupper()
        assert tool.tooltip and tool.icon and callable(tool.operate)
        for bindings in tool.modes.values() or (tool.bindings,):
            hands = [(binding.gesture, binding.button, binding.modifiers) for binding in bindings]
            assert len(set(hands)) == len(hands), "one gesture does one thing"
        assert {binding for bindings in tool.modes.values() for binding in bindings} <= set(tool.bindings)


def test_panels_are_declared_whole() -> None:
    panels = records("viewer.panels", "PANEL")
    ids = [panel.id for panel in panels]
    assert ids and len(set(ids)) == len(ids)
    for panel in panels:
        assert re.fullmatch(r"[a-z][a-z_]*", panel.id) and panel.title[0].isupper() and callable(panel.make)


@pytest.mark.usefixtures("coarse_bricks")
def test_fifty_assets_come_and_go_without_a_trace(gl: object) -> None:
    """One frame, as a window has it: what assets of all kinds took is free again as soon as they are closed."""
    from assets.scene import Scene
    from renderers.frame import Frame
    from renderers.framing import framing
    from renderers.gl.lifetime import living

    scene, frame = Scene(), Frame()
    camera = framing(None, size=(32, 24))
    kinds = list(KINDS)
    empty: dict[str, int] = {}
    for number in range(50 + len(kinds)):
        asset = prepared(KINDS[kinds[number % len(kinds)]])
        scene.add(asset)
        frame.draw(scene, camera)
        opened = dict(+living)
        scene.remove(asset)
        frame.draw(scene, camera)
        if number < len(kinds):
            # The frame's own targets are made when a kind first needs them, and stay.
            empty = dict(+living)
            continue
        assert sum(opened.values()) > sum(empty.values())
        assert dict(+living) == empty
    frame.dispose()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_is_told_once(kind: str) -> None:
    asset = KINDS[kind]()
    assert not set(asset.facts()) & set(asset.counts())

"""Every action, declared once: menus, keys, tool tips, the palette, the cheat sheet and the tests read this table.

An action runs the function `function` ("view.frame_all" is `frame_all` in commands/view.py) with the window and its
own `arguments`; one that `toggles` a setting needs no function. The order here is the order in the menus.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assets.splats.spz_frame import says_frame

from .decoders import lacks_decoder
from .wording import in_sentence

Test = Callable[[Any], bool]


@dataclass(frozen=True)
class Action:
    """One thing that the user can ask for.

    keys: shortcuts in Qt's portable notation, the first one is shown. menu: "View/Look from"; "" keeps it out of the
    menus. section: a change of it inside a menu draws a line. when(window): whether it is possible now.
    checked(window): for those that are on or off. named(window): what it is called now, where that changes.
    scope: "window", or "viewport" for keys that text fields and lists need themselves.
    """

    id: str
    title: str
    menu: str
    keys: tuple[str, ...] = ()
    tooltip: str = ""
    icon: str = ""
    function: str = ""
    arguments: tuple = ()
    toggles: str = ""
    section: int = 0
    when: Test | None = None
    checked: Test | None = None
    named: Callable[[Any], str] | None = None
    scope: str = "window"

    @property
    def checkable(self) -> bool:
        """Whether it is on or off."""
        return bool(self.toggles) or self.checked is not None

    def possible(self, window: Any) -> bool:
        """Whether it can be done now."""
        return self.when is None or self.when(window)

    def title_now(self, window: Any) -> str:
        """What it is called now."""
        return self.named(window) if self.named is not None else self.title

    def is_on(self, window: Any) -> bool:
        """Whether it is on."""
        if self.toggles:
            return bool(getattr(window.settings.values, self.toggles))
        return self.checked is not None and self.checked(window)


def _has_assets(window: Any) -> bool:
    return len(window.session.scene) > 0


def _has_active(window: Any) -> bool:
    return window.session.scene.active is not None


def _has_lit(window: Any) -> bool:
    return window.splats.active is not None and window.splats.active.lit() is not None


def _is_ill(window: Any) -> bool:
    asset = window.splats.active
    return asset is not None and any(finding.fix for finding in window.splats.findings(asset) or [])


def _can_undo(window: Any) -> bool:
    return window.session.history.next_undo is not None or _drag_goes_on(window)


def _drag_goes_on(window: Any) -> bool:
    return window.dragging.busy or window.dragging.plan.pending is not None


def _undoes(window: Any) -> str:
    edit = None if _drag_goes_on(window) else window.session.history.next_undo
    return f"Undo {in_sentence(edit.name)}" if edit is not None else "Undo"


def _redoes(window: Any) -> str:
    edit = window.session.history.next_redo
    return f"Redo {in_sentence(edit.name)}" if edit is not None else "Redo"


FILE = (
    Action("file.open", "Open…", "File", ("Ctrl+O",), "Open meshes, splats and triplanes", "folder-open",
           "file.open_files"),
    Action("file.open_folder", "Open folder…", "File", ("Ctrl+Shift+O",),
           "Open a SOG, a sequence or what a trainer left in a folder", "folder", "file.open_folder"),
    Action("file.open_with_decoder", "Open planes with decoder…", "File", (),
           "Open planes whose decoder lies in another file", "stack", "file.open_with_decoder"),
    Action("file.choose_decoder", "Choose decoder…", "File", (),
           "Open the file with the decoder of the active planes", "", "file.choose_decoder",
           when=lambda window: lacks_decoder(window.session.scene.active)),
    Action("file.recent", "Open recent", "File", (), "Files that were open lately", "clock-counter-clockwise",
           "file.fill_recent_menu"),
    Action("file.save_as", "Save as…", "File", ("Ctrl+Shift+S", "Ctrl+E"),
           "Save the active asset, as its own or as another kind", "export", "file.save_as", section=1,
           when=_has_active),
    Action("file.screenshot", "Screenshot…", "File", ("F12",), "Save a picture of the viewport", "camera",
           "file.save_screenshot", section=1, when=_has_assets),
    Action("file.close", "Close asset", "File", ("Ctrl+W",), "Remove the active asset from the scene", "x",
           "scene.remove_active", section=2, when=_has_active),
    Action("file.close_all", "Close all", "File", ("Ctrl+Shift+W",), "Remove every asset from the scene", "",
           "scene.remove_all", section=2, when=_has_assets),
    Action("file.quit", "Quit", "File", ("Ctrl+Q",), "Close the window", "sign-out", "file.leave", section=3),
)  # fmt: skip

EDIT = (
    Action("edit.undo", "Undo", "Edit", ("Ctrl+Z",), "Take the last change back", "arrow-u-up-left", "edit.undo",
           when=_can_undo, named=_undoes),
    Action("edit.redo", "Redo", "Edit", ("Ctrl+Shift+Z", "Ctrl+Y"), "Make the change again that was taken back",
           "arrow-u-up-right", "edit.redo", when=lambda window: window.session.history.next_redo is not None,
           named=_redoes),
    Action("edit.copy_camera", "Copy camera", "Edit", ("Ctrl+C",),
           "Copy the camera as the JSON that --camera takes", "copy", "view.copy_camera", section=1, scope="viewport"),
    Action("edit.paste_camera", "Paste camera", "Edit", ("Ctrl+V",), "Look through the camera in the clipboard",
           "clipboard", "view.paste_camera", section=1, scope="viewport"),
    Action("edit.rename", "Rename", "Edit", ("F2",), "Give the active asset another name", "pencil-simple",
           "scene.rename_active", section=2, when=_has_active),
    Action("edit.visible", "Show or hide", "Edit", ("H",), "Show or hide the active asset", "eye",
           "scene.toggle_active", section=2, when=_has_active),
    Action("edit.show_only", "Show only this", "Edit", ("Shift+H",), "Hide every other asset", "",
           "scene.show_only_active", section=2, when=_has_active),
    Action("edit.show_all", "Show all", "Edit", ("Alt+H",), "Show every asset", "", "scene.show_all", section=2,
           when=_has_assets),
    Action("edit.flip_spz", "Flip SPZ frame", "Edit", (),
           "Read the axes of the active .spz the other way, and those of further ones", "swap", "splats.flip_frame",
           section=3, when=lambda window: says_frame(window.session.scene.active) is not None),
    Action("edit.fix_all", "Fix all splats", "Edit", (), "Put right whatever the doctor finds in the active splats",
           "first-aid-kit", "splats.fix_all", section=3, when=_is_ill),
    Action("edit.delete_lit", "Delete lit splats", "Edit", (), "Take the splats out that are lit up", "trash",
           "splats.delete_lit", section=3, when=_has_lit),
    Action("edit.clear_lit", "Clear lit splats", "Edit", (), "Let all splats look as they are", "", "splats.clear_lit",
           section=3, when=_has_lit),
    Action("edit.next", "Next asset", "Edit", ("PgDown",), "Make the next asset the active one", "",
           "scene.activate_next", (1,), section=4, when=_has_assets),
    Action("edit.previous", "Previous asset", "Edit", ("PgUp",), "Make the asset before the active one", "",
           "scene.activate_next", (-1,), section=4, when=_has_assets),
    Action("edit.preferences", "Preferences…", "Edit", ("Ctrl+,",), "Settings of the window", "gear",
           "help.show_preferences", section=5),
)  # fmt: skip


def _looks(name: str, keys: tuple[str, ...]) -> Action:
    tooltip = f"Look at the scene from the {name}" if name not in ("top", "bottom") else f"Look from the {name}"
    return Action(f"view.{name}", name.capitalize(), "View/Look from", keys, tooltip, "", "view.look_along", (name,))


def _ups(axis: str) -> Action:
    title = f"{'−' if axis.startswith('-') else '+'}{axis[-1].upper()}"
    return Action(f"view.up_{axis}", title, "View/Up axis", (), f"The {title} axis points up", "", "view.set_up",
                  (axis,), section=1, checked=lambda window: window.navigator.up_axis == axis)  # fmt: skip


def _backgrounds(name: str) -> Action:
    return Action(f"view.background_{name}", name.capitalize(), "View/Background", (),
                  f"A {name} background in the viewport", "", "view.set_background", (name,), section=1,
                  checked=lambda window: window.settings.values.background == name)  # fmt: skip


def _dragging(window: Any) -> bool:
    return window.active_tool.id == "drag"


def _drags_asset(window: Any) -> bool:
    return _dragging(window) and window.dragging.asset is not None


def _has_handles(window: Any) -> bool:
    return _drags_asset(window) and bool(window.dragging.plan.drag.handles)


def _is_dragged(window: Any) -> bool:
    return _drags_asset(window) and window.dragging.worn is not None


def _can_apply(window: Any) -> bool:
    return _is_dragged(window) or _has_handles(window)


def _is_dragged_as(kind: str) -> Test:
    return lambda window: _is_dragged(window) and window.dragging.asset.kind == kind


def _modes(mode: str, title: str, key: str, tooltip: str) -> Action:
    return Action(f"drag.{mode}", title, "Tools/Drag", (key,) if key else (), tooltip, "", "drag.set_mode", (mode,),
                  when=_dragging, checked=lambda window: window.dragging.mode == mode)  # fmt: skip


def _locks(axis: int) -> Action:
    name = "XYZ"[axis]
    return Action(f"drag.lock_{name.lower()}", f"Along {name} only", "Tools/Drag", (name,),
                  f"Targets move along the {name} axis of the world alone", "", "drag.lock", (axis,), section=1,
                  when=_dragging, checked=lambda window: window.dragging.lock == axis)  # fmt: skip


def _mirrors(axis: int) -> Action:
    name = "XYZ"[axis]
    return Action(f"drag.mirror_{name.lower()}", f"Mirror across {name}", "Tools/Drag", (),
                  f"Do the same on the other side, across {name}", "", "drag.mirror", (axis,), section=1,
                  when=_dragging, checked=lambda window: window.dragging.mirror == axis)  # fmt: skip


def _drag_looks(what: str, title: str, key: str, tooltip: str) -> Action:
    return Action(f"drag.{what}", title, "Tools/Drag", (key,) if key else (), tooltip, "", "drag.show", (what,),
                  section=3, when=_dragging, checked=lambda window: getattr(window.dragging, what))  # fmt: skip


DRAG = (
    _modes("direct", "Pull", "", "Press on the shape and pull"),
    _modes("pairs", "Pairs", "P", "Place handles and their targets, then run"),
    _modes("paint", "Paint a region", "B", "Paint what stays and what may move"),
    *(_locks(axis) for axis in range(3)),
    *(_mirrors(axis) for axis in range(3)),
    Action("drag.mirror_next", "Next mirror", "Tools/Drag", ("M",), "Mirror across X, Y, Z, or not at all", "",
           "drag.next_mirror", section=1, when=_dragging),
    Action("drag.radius_smaller", "Smaller radius", "Tools/Drag", ("[",), "Pull less far around, or a smaller brush",
           "", "drag.scale_radius", (-1,), section=2, when=_dragging),
    Action("drag.radius_larger", "Larger radius", "Tools/Drag", ("]",), "Pull farther around, or a larger brush", "",
           "drag.scale_radius", (1,), section=2, when=_dragging),
    _drag_looks("heat", "Show influence", "I", "Show how much each part feels the drag"),
    _drag_looks("ghost", "Show rest shape", "Shift+R", "Show the shape at rest as a ghost"),
    _drag_looks("stretch", "Show stretch", "Shift+T", "Show what is stretched to more than twice its length"),
    Action("drag.copy", "Copy drag", "Tools/Drag", ("Ctrl+Shift+C",), "Copy handles and pins as JSON", "copy",
           "drag.copy", section=4, when=_has_handles),
    Action("drag.paste", "Paste drag", "Tools/Drag", ("Ctrl+Shift+V",), "Take handles and pins from JSON", "clipboard",
           "drag.paste", section=4, when=_has_active),
    Action("drag.run", "Run", "Tools/Drag", ("Shift+Return",), "Send the handles from rest to their targets", "play",
           "drag.run", section=5, when=_has_handles, scope="viewport"),
    Action("drag.apply", "Apply", "Tools/Drag", ("Return", "Enter"),
           "Run the pairs; after that, make the dragged shape the asset's own", "check", "drag.apply", section=5,
           when=_can_apply, scope="viewport"),
    Action("drag.discard", "Discard", "Tools/Drag", (), "Let the shape go back to rest and forget the handles", "trash",
           "drag.discard", section=5, when=_can_apply),
    Action("drag.bake", "Bake to planes…", "Tools/Drag", (), "Fit new planes to the dragged field", "", "drag.bake",
           section=6, when=_is_dragged_as("triplane")),
    Action("drag.split", "Split over-stretched splats", "Tools/Drag", (),
           "Apply the drag, with several splats for each one that was stretched far", "", "drag.split", section=6,
           when=_is_dragged_as("gaussians")),
)  # fmt: skip

VIEW = (
    Action("view.frame_active", "Frame active", "View", ("F",), "Bring the active asset into the picture",
           "crosshair", "view.frame_active", when=_has_active),
    Action("view.frame_all", "Frame all", "View", ("Home", "Shift+F"), "Bring the whole scene into the picture",
           "corners-out", "view.frame_all", when=_has_assets),
    _looks("front", ("Num+1", "Alt+1")),
    _looks("back", ("Ctrl+Num+1", "Ctrl+Alt+1")),
    _looks("right", ("Num+3", "Alt+3")),
    _looks("left", ("Ctrl+Num+3", "Ctrl+Alt+3")),
    _looks("top", ("Num+7", "Alt+7")),
    _looks("bottom", ("Ctrl+Num+7", "Ctrl+Alt+7")),
    Action("view.orthographic", "Orthographic", "View", ("Num+5", "Alt+5"),
           "Parallel instead of perspective projection", "cube", "view.toggle_orthographic",
           checked=lambda window: window.navigator.orthographic),
    *(_ups(axis) for axis in ("y", "-y", "z", "-z")),
    *(_backgrounds(name) for name in ("gradient", "black", "grey", "white", "chequered")),
    Action("view.grid", "Grid", "View", ("Shift+G",), "Show the ground grid", "grid-four", toggles="grid", section=1),
    Action("view.axes", "Axes", "View", ("Shift+A",), "Show which way the axes point", "", toggles="axes", section=1),
    Action("view.hide_cursor", "Hide 3D cursor", "View", (), "Put the 3D cursor away", "", "view.hide_cursor",
           section=1, when=lambda window: window.session.cursor.point is not None),
    Action("view.exact", "Exact when still", "View", ("Shift+E",),
           "Compute the reference picture when the camera rests", "", toggles="exact_still", section=2),
    Action("view.motion", "Ease camera moves", "View", (), "Glide to a new view instead of jumping", "",
           toggles="motion", section=2),
    Action("view.light", "Light theme", "View", (), "Light colours in the window", "", "view.toggle_theme", section=2,
           checked=lambda window: window.settings.values.theme == "light"),
)  # fmt: skip


def _shows(panel: str) -> Test:
    return lambda window: panel in window.docks and not window.docks[panel].isHidden()


WINDOW = (
    Action("window.history", "History", "Window", ("Ctrl+Alt+H",), "The list of changes, in a drawer below", "",
           "edit.toggle_history", checked=_shows("history")),
    Action("window.planes", "Planes", "Window", ("Ctrl+Alt+P",), "The planes of the active triplane, in a drawer below",
           "", "view.toggle_panel", ("planes",), checked=_shows("planes")),
    Action("window.histogram", "Histogram", "Window", ("Ctrl+Alt+G",),
           "How the values of the active splats are spread, in a drawer below", "", "view.toggle_panel",
           ("histogram",), checked=_shows("histogram")),
    Action("window.doctor", "Doctor", "Window", ("Ctrl+Alt+D",),
           "What is wrong with the active splats, in a drawer below", "", "view.toggle_panel", ("doctor",),
           checked=_shows("doctor")),
    Action("window.hide", "Hide all but the viewport", "Window", ("Tab",), "The viewport alone, and back", "",
           "view.toggle_interface", scope="viewport", checked=lambda window: window.interface_hidden),
    Action("window.full_screen", "Full screen", "Window", ("F11",), "Fill the screen, and back", "",
           "view.toggle_full_screen", checked=lambda window: window.isFullScreen()),
    Action("window.reset_layout", "Reset layout", "Window", (), "Put all panels back", "", "view.reset_layout",
           section=1),
)  # fmt: skip

HELP = (
    Action("help.palette", "Find a command…", "Help", ("Ctrl+K", "Ctrl+Shift+P"), "Type what you want to do",
           "magnifying-glass", "help.show_palette"),
    Action("help.shortcuts", "Keys and mouse", "Help", ("?", "F1"), "What every key and button does", "keyboard",
           "help.show_shortcuts"),
    Action("help.about", "About Triptych", "Help", (), "Version, licences and the graphics driver", "info",
           "help.show_about", section=1),
    Action("edit.leave_tool", "Leave the tool", "", ("Esc",), "Go back to navigating, dismiss a message", "",
           "scene.leave_tool"),
)  # fmt: skip

ACTIONS: tuple[Action, ...] = (*FILE, *EDIT, *VIEW, *DRAG, *WINDOW, *HELP)
MENUS = ("File", "Edit", "View", "Tools", "Window", "Help")
"""The menu bar. "Tools" lists the records of viewer/tools, "Window" also the panels."""


def action(id: str) -> Action:
    """The action with this id. Raises KeyError."""
    return {entry.id: entry for entry in ACTIONS}[id]

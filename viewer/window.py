"""The main window: puts the parts in their places and passes on what happens to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QCursor, QDragEnterEvent, QDropEvent, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QMainWindow,
    QMenu,
    QMessageBox,
    QToolBar,
)

from assets.asset import Asset
from assets.formats import ReadOptions

from .actions import action
from .cursor import with_cursor
from .decoders import DecoderDesk, KnownDecoders, lacks_decoder
from .docks import Docks
from .drag.desk import DragDesk
from .gradual import IDLE_MS, Gradual
from .hands import Hands
from .jobs import Jobs
from .menus import Menus
from .navigation import Navigator
from .own_view import OwnView
from .recent_files import RecentFiles
from .session import Session
from .settings import SettingsFile
from .splat_desk import SplatDesk
from .stage import Stage
from .text_undo import is_for_the_window
from .theme import apply_theme
from .tools import ToolRecord, tools
from .viewport import MODIFIER_NAMES, Viewport
from .widgets.status import StatusBar
from .wording import kind_name
from .work.preload import Preload

THUMBNAIL_HEIGHT = 280
"""Pixels: what a card of the start page needs at 200 %, with room to crop."""
PNG_QUALITY = 80
"""Little compression: it happens on the thread of the window."""
QUICK_ACTIONS = ("view.frame_all", "view.grid", "view.orthographic")
"""Buttons below the tools."""


class MainWindow(QMainWindow):
    """Menus, tools, viewport, panels, status bar."""

    def __init__(self, session: Session, jobs: Jobs, settings: SettingsFile, recent: RecentFiles) -> None:
        super().__init__()
        self.session, self.jobs, self.settings, self.recent = session, jobs, settings, recent
        self.preload = Preload(self)
        self.navigator = Navigator(settings.values.motion)
        self.viewport = Viewport(session.scene, self.navigator, settings.values)
        self.tools = tools()
        self.active_tool = self.tools[0]
        self.interface_hidden = False
        self.docks = Docks(self)
        self.decoders = DecoderDesk(session, KnownDecoders(settings.folder))
        self.splats = SplatDesk(session, settings, Gradual(self, IDLE_MS).start, Gradual(self).start)
        self.recent_menu = QMenu(self)
        self._hands = Hands(self)
        self.drag_desk = DragDesk(self)
        self.dragging, self.hand = self.drag_desk.dragging, self.drag_desk.hand
        self.viewport.extras = lambda: with_cursor(self.drag_desk.frame_settings(), session.cursor)
        self._menus = Menus(self)
        self._own_view = OwnView(session.scene, self.navigator, settings.values, lambda: self.viewport.pixel_size)
        self._awaiting_thumbnail: list[tuple[Path, list[Asset]]] = []
        self.setWindowTitle("Triptych")
        self.setMinimumSize(800, 520)
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        self.stage = Stage(self)
        self.setCentralWidget(self.stage)
        self._add_tool_column()
        self.docks.fill()
        self.status = StatusBar(self)
        self.setStatusBar(self.status)
        self._menus.fill_bar()
        self._connect()
        self.docks.restore()
        self._on_settings("up")
        self._on_settings("fov")
        self.viewport.setFocus()

    # What commands, tools and panels ask for.

    def qt_action(self, name: str) -> QAction:
        """Qt's action for an id of the table, or for "tool.ID"."""
        return self._menus.actions[name]

    def refresh_actions(self) -> None:
        """Makes the actions say what is possible and what is on."""
        self._menus.refresh()

    def do(self, name: str) -> None:
        """Performs the action with this id."""
        self._menus.do(action(name))

    def open_paths(self, paths: Iterable[str | Path], options: ReadOptions | None = None) -> None:
        """Opens files; what goes wrong appears in the bar."""
        options = options or ReadOptions()
        if options.spz_frame is None:
            options = replace(options, spz_frame=self.settings.values.spz_frame)
        self.session.open(paths, options)

    def pick(self, x: float, y: float) -> Any:
        """What is seen at a position of the viewport: a Hit, or None."""
        return self.viewport.pick(x, y)

    def panel(self, name: str) -> Any:
        """The widget of a panel, which becomes visible."""
        dock = self.docks[name]
        dock.show()
        dock.raise_()
        return dock.widget()

    def show_picked(self, hit: Any) -> None:
        """Shows the values of what was clicked, where it has some."""
        self.stage.picked.tell(hit)

    def activate_tool(self, tool: ToolRecord) -> None:
        """Makes `tool` the one that the mouse works with."""
        if tool is not self.active_tool:
            self.active_tool.left(self)
            self._hands.let_go()
            self.active_tool = tool
            tool.entered(self)
        self.docks.show_for(tool.id)
        self.qt_action(f"tool.{tool.id}").setChecked(True)
        self.status.tell_hand()
        self._menus.refresh()

    def say(self, text: str, seconds: float = 4.0) -> None:
        """A short confirmation in the status bar."""
        self.statusBar().showMessage(text, round(1000 * seconds))

    def confirm(self, question: str, yes: str) -> bool:
        """Asks before something that cannot be taken back."""
        box = QMessageBox(QMessageBox.Icon.NoIcon, "Triptych", question, parent=self)
        agreed = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.exec()
        return box.clickedButton() is agreed

    def show_dialog(self, dialog: QDialog) -> None:
        """Opens a dialog that does not stop the window."""
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def show_view_menu(self) -> None:
        """The menu of the viewport, at the pointer."""
        menu = QMenu(self)
        for name in ("view.frame_active", "view.frame_all", "", "edit.visible", "edit.show_only", "edit.show_all"):
            if name:
                menu.addAction(self.qt_action(name))
            else:
                menu.addSeparator()
        menu.popup(QCursor.pos())

    def last_folder(self) -> str:
        """Where file dialogs begin."""
        known = [asset.provenance.path for asset in self.session.scene if asset.provenance.path is not None]
        known += [entry.path for entry in self.recent.existing()[:1]]
        return str(known[-1].parent) if known else ""

    def scene_name(self) -> str:
        """A name for pictures of the scene."""
        active = self.session.scene.active or next(iter(self.session.scene), None)
        return active.name if active is not None else "Triptych"

    def samples(self) -> list[tuple[Path, str]]:
        """The bundled samples: path and kind."""
        from assets.samples import sample_paths

        return list(zip(sample_paths(), ("mesh", "gaussians", "triplane"), strict=True))

    def hide_interface(self, hidden: bool) -> None:
        """Shows the viewport alone, or everything again."""
        if hidden == self.interface_hidden:
            return
        parts = [self.menuBar(), self.statusBar(), self.tool_column, *self.docks.values()]
        if hidden:
            self._hidden_parts = [part for part in parts if part.isVisible()]
        for part in self._hidden_parts:
            part.setVisible(not hidden)
        self.interface_hidden = hidden
        self.viewport.setFocus()

    def reset_layout(self) -> None:
        """Puts all panels back."""
        self.hide_interface(False)
        self.docks.reset()

    # Building.

    def _add_tool_column(self) -> None:
        self.tool_column = QToolBar("Tools", self)
        self.tool_column.setObjectName("tools")
        self.tool_column.setMovable(False)
        self.tool_column.setIconSize(QSize(20, 20))
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.tool_column)

    def _connect(self) -> None:
        session, scene = self.session, self.session.scene
        session.opened.connect(self._on_opened)
        session.saved.connect(self._on_saved)
        session.failed.connect(self._on_failed)
        for signal in (scene.added, scene.removed, scene.activated):
            signal.connect(self._on_scene)
        scene.changed.connect(self._on_asset)
        session.history.changed.connect(self._on_history)
        session.cursor.changed.connect(self._on_cursor)
        self.decoders.said.connect(self.say)
        self.decoders.settled.connect(self.stage.errors.forget)
        self.splats.said.connect(self.say)
        self.splats.changed.connect(self.refresh_actions)
        self.settings.changed.connect(self._on_settings)
        self.recent.changed.connect(self._fill_recent_menu)
        self.jobs.changed.connect(self._on_task)
        self.viewport.pointed.connect(self._hands.handle)
        self.viewport.drawn.connect(self._on_drawn)
        self.viewport.failed.connect(self.stage.errors.add)
        for name in [f"tool.{tool.id}" for tool in self.tools]:
            self.tool_column.addAction(self.qt_action(name))
        self.tool_column.addSeparator()
        for name in QUICK_ACTIONS:
            self.tool_column.addAction(self.qt_action(name))
        self.activate_tool(self.active_tool)
        self._fill_recent_menu()
        QGuiApplication.instance().installEventFilter(self)

    # What happens.

    def _on_opened(self, path: Path, assets: list[Asset]) -> None:
        kinds = ", ".join(dict.fromkeys(asset.kind for asset in assets))
        self.recent.note(path, kinds)
        self._own_view.take_in(assets)
        self._awaiting_thumbnail.append((path, assets))
        if any(lacks_decoder(asset) for asset in assets):
            self.panel("planes")

    def _on_saved(self, path: Path) -> None:
        self.say(f"Saved {path}")
        self._tell_title()

    def _on_failed(self, sentence: str, details: str) -> None:
        self.stage.errors.add(sentence, details)

    def _on_task(self, _: Any) -> None:
        self._tell_empty()

    def _on_scene(self, _: Any) -> None:
        self._tell_empty()
        self._tell_title()
        self.status.tell_counts()
        self._menus.refresh()

    def _on_cursor(self) -> None:
        self.viewport.show_marks()
        self._menus.refresh()

    def _on_history(self) -> None:
        self._tell_title()
        self._menus.refresh()

    def _on_asset(self, asset: Asset, part: str) -> None:
        if part == "name":
            self._tell_title()
        elif part in ("visible", "data"):
            self.status.tell_counts()
        elif part == "highlight":
            self._menus.refresh()

    def _on_settings(self, name: str) -> None:
        values = self.settings.values
        self.navigator.motion = values.motion
        self.recent.limit = values.recent_limit
        if name == "up" and values.up != "auto" and values.up != self.navigator.up_axis:
            self.navigator.set_up(values.up)
        elif name == "fov":
            self.navigator.set_fov(values.fov)
        elif name == "theme":
            self._retheme()
        self.viewport.refresh()
        self._menus.refresh()

    def _on_drawn(self) -> None:
        drawing, frame = self.viewport.drawing, self.viewport.frame
        if drawing is None or frame is None:
            return
        self.status.tell_time()
        if self.viewport.exact is not None:
            self.stage.set_badge("Exact", "The reference picture, computed without the graphics card")
        elif drawing.shown_full and self.session.preparing:
            self.stage.set_badge("Preview", "Finer data is still being made")
        elif drawing.shown_full:
            self.stage.set_badge("Full", "Everything is drawn")
        else:
            self.stage.set_badge("Preview", "Less is drawn while something moves; the full picture follows")
        if self._awaiting_thumbnail and self.viewport.complete and not self.session.preparing:
            QTimer.singleShot(0, self, self._keep_thumbnails)

    def _keep_thumbnails(self) -> None:
        """Keeps a small picture of each file that is alone in the scene, once it is drawn."""
        waiting, self._awaiting_thumbnail = self._awaiting_thumbnail, []
        for path, assets in waiting:
            # The window may have been closed since.
            if assets and set(self.session.scene) == set(assets) and self.viewport.frame is not None:
                target = self.recent.thumbnail(path.absolute())
                target.parent.mkdir(parents=True, exist_ok=True)
                self.viewport.small_picture(THUMBNAIL_HEIGHT).save(str(target), "PNG", PNG_QUALITY)

    # What is shown where.

    def _tell_empty(self) -> None:
        self.stage.set_empty(len(self.session.scene) == 0 and not self.session.opening)

    def _tell_title(self) -> None:
        dot = "● " if self.session.unsaved else ""
        self.setWindowTitle(f"{dot}{self.scene_name()} — Triptych" if len(self.session.scene) else "Triptych")

    def _fill_recent_menu(self) -> None:
        self.recent_menu.clear()
        for entry in self.recent.existing():
            made = self.recent_menu.addAction(f"{entry.path.name}\t{kind_name(entry.kind)}")
            made.setToolTip(str(entry.path))
            made.triggered.connect(lambda _=False, path=entry.path: self.open_paths([path]))
        self.recent_menu.setEnabled(not self.recent_menu.isEmpty())
        if not self.recent_menu.isEmpty():
            self.recent_menu.addSeparator()
            self.recent_menu.addAction("Clear").triggered.connect(lambda _=False: self.recent.clear())

    def _retheme(self) -> None:
        apply_theme(QApplication.instance(), self.settings.values.theme, self.settings.folder)
        for dock in self.docks.values():
            if hasattr(dock.widget(), "retheme"):
                dock.widget().retheme()
        self.status.tell_hand()

    # Life of the window.

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped anywhere."""
        self.stage.dragEnterEvent(event)

    def dragLeaveEvent(self, event: QEvent) -> None:
        """The files went elsewhere."""
        self.stage.dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Opens what was dropped."""
        self.stage.dropEvent(event)

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        """Follows the modifier keys, wherever the focus is: the hints say what the mouse does with them. Keeps Ctrl+Z
        from text fields that have no use for it."""
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and self.isActiveWindow():
            held = QGuiApplication.queryKeyboardModifiers()
            self.status.tell_hand(frozenset(name for flag, name in MODIFIER_NAMES.items() if held & flag))
        return event.type() == QEvent.Type.ShortcutOverride and is_for_the_window(watched, event)

    def _agrees_to_close(self) -> bool:
        """Whether nothing would be lost, or the user doesn't mind."""
        unsaved = [asset.name for asset in self.session.unsaved]
        if not unsaved:
            return True
        what = f"{unsaved[0]} has" if len(unsaved) == 1 else f"{len(unsaved)} assets have"
        return self.confirm(f"{what} changes that are not saved. Close anyway?", "Close without saving")

    def showEvent(self, event: QShowEvent) -> None:
        """The rest of the start comes when the window stands."""
        super().showEvent(event)
        QTimer.singleShot(0, self, self.preload.start)
        QTimer.singleShot(0, self, self.jobs.warm_up)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Asks where shapes would be lost, remembers the layout, stops what runs and frees the GPU."""
        if not self._agrees_to_close():
            event.ignore()
            return
        self.hide_interface(False)
        self.docks.remember()
        QGuiApplication.instance().removeEventFilter(self)
        self.drag_desk.close()
        self.jobs.shut_down()
        self.preload.wait()
        self.viewport.release()
        super().closeEvent(event)

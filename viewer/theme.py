"""Colours, measures and the one stylesheet, all from one table of roles.

Fusion draws what the stylesheet doesn't; its palette comes from the same table, so no widget keeps a foreign grey. The
few marks that a stylesheet can only take from files (arrows, ticks) are written from the table as SVG.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QDir
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

UNIT = 4
"""Everything lies on a grid of so many logical pixels."""
CONTROL_HEIGHT = 26
TEXT_PX = 13

ROLES = {
    "dark": {
        "window": "#1b1d21", "panel": "#23262b", "raised": "#2b2f36", "line": "#363b44", "hover": "#343943",
        "text": "#e6e8eb", "quiet": "#9aa3af", "faint": "#626a76", "accent": "#5aa9ff", "on_accent": "#0c1622",
        "selection": "#28415e", "warning": "#ffc857", "error": "#ff6b6b", "error_ground": "#3a2224",
        "clear": "transparent", "glass": "rgba(27, 29, 33, 218)", "drop": "rgba(40, 65, 94, 200)",
    },
    "light": {
        "window": "#eceef1", "panel": "#f7f8fa", "raised": "#ffffff", "line": "#ccd1d9", "hover": "#e2e6ec",
        "text": "#1d2127", "quiet": "#59626f", "faint": "#9aa1ab", "accent": "#0b63ce", "on_accent": "#ffffff",
        "selection": "#cfe2fb", "warning": "#8a5a00", "error": "#b3261e", "error_ground": "#fbe4e2",
        "clear": "transparent", "glass": "rgba(247, 248, 250, 226)", "drop": "rgba(207, 226, 251, 215)",
    },
}  # fmt: skip

_current = "dark"

STYLE = """
* {{ outline: none; }}
QWidget {{ color: {text}; }}
QMainWindow, QDialog {{ background: {window}; }}
QMainWindow::separator {{ background: {window}; width: 4px; height: 4px; }}
QMainWindow::separator:hover {{ background: {accent}; }}
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {line}; padding: 4px 8px; }}

QMenuBar {{ background: {window}; padding: 2px 4px; }}
QMenuBar::item {{ background: transparent; padding: 4px 8px; border-radius: 4px; }}
QMenuBar::item:selected, QMenuBar::item:pressed {{ background: {hover}; }}
QMenu {{ background: {raised}; border: 1px solid {line}; padding: 4px; }}
QMenu::item {{ padding: 4px 24px 4px 8px; border-radius: 4px; min-height: 18px; }}
QMenu::icon {{ padding-left: 8px; }}
QMenu::item:selected {{ background: {selection}; }}
QMenu::item:disabled {{ color: {faint}; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 4px 8px; }}

QStatusBar {{ background: {window}; border-top: 1px solid {line}; color: {quiet}; }}
QStatusBar::item {{ border: none; }}
QStatusBar QLabel {{ color: {quiet}; padding: 0 8px; }}
QSizeGrip {{ width: 0; height: 0; }}

QDockWidget {{ color: {quiet}; }}
QDockWidget > QWidget {{ background: {panel}; }}
QWidget#dockTitle {{ background: {panel}; border-bottom: 1px solid {line}; }}
QWidget#dockTitle QLabel {{ color: {text}; font-weight: 600; }}
QToolBar#tools {{ background: {window}; border: none; spacing: 4px; padding: 4px; }}
QToolBar#tools::separator {{ background: {line}; height: 1px; margin: 4px; }}

QToolButton {{ background: transparent; border: none; border-radius: 6px; padding: 4px; }}
QToolButton:hover {{ background: {hover}; }}
QToolButton:checked {{ background: {selection}; }}
QToolButton:pressed {{ background: {line}; }}
QToolButton:focus {{ border: 1px solid {accent}; padding: 3px; }}
QToolButton::menu-indicator {{ image: none; }}
QToolButton[choice="true"] {{ background: {raised}; border: 1px solid {line}; padding: 3px 6px; min-height: 18px; }}
QToolButton[choice="true"]:hover {{ background: {hover}; }}
QToolButton[choice="true"]:checked {{ background: {selection}; border-color: {accent}; color: {text}; }}
QToolButton[choice="true"]:focus {{ border-color: {accent}; }}
QToolButton[pill="true"] {{ background: {glass}; border: 1px solid {line}; padding: 3px 24px 3px 8px; }}
QToolButton[pill="true"]::menu-indicator {{ image: url(theme:down.svg); width: 10px; height: 10px;
    subcontrol-origin: padding; subcontrol-position: right center; right: 8px; }}
QToolButton[pill="true"]:hover {{ background: {hover}; }}

QPushButton {{ background: {raised}; border: 1px solid {line}; border-radius: 6px; padding: 0 12px; min-height: 24px; }}
QPushButton:hover {{ background: {hover}; }}
QPushButton:pressed {{ background: {line}; }}
QPushButton:focus {{ border-color: {accent}; }}
QPushButton:disabled {{ color: {faint}; }}
QPushButton:default, QPushButton[primary="true"] {{ background: {accent}; color: {on_accent}; border-color: {accent};
    font-weight: 600; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QPushButton[flat="true"] {{ background: transparent; border-color: transparent; }}
QPushButton[flat="true"]:hover {{ background: {hover}; }}
QPushButton[card="true"] {{ background: {panel}; border: 1px solid {line}; border-radius: 8px; padding: 0;
    min-height: 146px; max-height: 146px; }}
QPushButton[card="true"]:hover, QPushButton[card="true"]:focus {{ background: {raised}; border-color: {accent}; }}

QLineEdit, QAbstractSpinBox, QComboBox {{ background: {raised}; border: 1px solid {line}; border-radius: 4px;
    padding: 0 8px; min-height: 24px; selection-background-color: {accent}; selection-color: {on_accent}; }}
QLineEdit:focus, QAbstractSpinBox:focus, QComboBox:focus {{ border-color: {accent}; }}
QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled {{ color: {faint}; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox::down-arrow {{ image: url(theme:down.svg); width: 10px; height: 10px; }}
QComboBox QAbstractItemView {{ background: {raised}; border: 1px solid {line}; padding: 4px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: none; background: transparent; width: 16px; }}
QAbstractSpinBox::up-arrow {{ image: url(theme:up.svg); width: 8px; height: 8px; }}
QAbstractSpinBox::down-arrow {{ image: url(theme:down.svg); width: 8px; height: 8px; }}
QSlider {{ min-height: 24px; }}
QSlider::groove:horizontal {{ background: {line}; height: 4px; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {accent}; height: 4px; border-radius: 2px; }}
QSlider::handle:horizontal {{ background: {text}; width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; }}
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{ background: {accent}; }}
QSlider::sub-page:horizontal:disabled, QSlider::handle:horizontal:disabled {{ background: {faint}; }}
QTabBar {{ background: {window}; }}
QTabBar::tab {{ background: {window}; color: {quiet}; border: none; border-top: 2px solid transparent;
    padding: 5px 12px; }}
QTabBar::tab:hover {{ color: {text}; }}
QTabBar::tab:selected {{ background: {panel}; color: {text}; border-top-color: {accent}; }}
QTableView {{ background: {window}; border: 1px solid {line}; border-radius: 4px; }}
QTableView::item {{ padding: 0 6px; border: none; }}
QTableView::item:selected {{ background: {selection}; color: {text}; }}
QTableView QLineEdit {{ border-radius: 0; padding: 0 4px; }}
QTableView QHeaderView::section {{ padding: 2px 6px; }}
QCheckBox {{ spacing: 8px; }}
QCheckBox::indicator, QTreeView::indicator {{ width: 14px; height: 14px; border: 1px solid {quiet}; border-radius: 3px;
    background: {raised}; }}
QCheckBox::indicator:checked, QTreeView::indicator:checked {{ background: {accent}; border-color: {accent};
    image: url(theme:tick.svg); }}
QCheckBox::indicator:focus {{ border-color: {accent}; }}

QAbstractItemView {{ background: {panel}; alternate-background-color: {panel}; border: none; outline: none;
    selection-background-color: {selection}; selection-color: {text}; }}
QTreeView::item, QListView::item {{ min-height: 26px; border: none; }}
QTreeView::item:hover, QListView::item:hover {{ background: {hover}; }}
QTreeView::item:selected, QListView::item:selected {{ background: {selection}; color: {text}; }}
QTreeView::branch {{ background: transparent; }}
QTreeView::branch:has-children:closed {{ image: url(theme:right.svg); }}
QTreeView::branch:has-children:open {{ image: url(theme:down.svg); }}
QHeaderView::section {{ background: {panel}; color: {quiet}; border: none; border-bottom: 1px solid {line};
    padding: 4px 8px; }}
QTreeView#sceneList, QTreeView#historyList {{ padding: 4px 8px 4px 4px; }}
QTreeView#inspector::item {{ border-bottom: 1px solid {window}; }}
QTreeView#inspector::item:selected, QTreeView#inspector::branch:selected {{ background: transparent; }}
QTreeView#inspector QLineEdit, QTreeView#inspector QAbstractSpinBox, QTreeView#inspector QComboBox {{
    border-radius: 4px; min-height: 20px; max-height: 20px; margin: 2px 0; }}
QTreeView#inspector QPushButton {{ background: transparent; border: none; min-height: 20px; padding: 0; }}
QTreeView#inspector QPushButton:hover {{ background: {hover}; }}
QTreeView#inspector QLabel {{ padding: 0 4px; }}

QScrollBar {{ background: transparent; border: none; }}
QScrollBar:vertical {{ width: 10px; }}
QScrollBar:horizontal {{ height: 10px; }}
QScrollBar::handle {{ background: {line}; border-radius: 3px; margin: 2px; min-height: 24px; min-width: 24px; }}
QScrollBar::handle:hover {{ background: {faint}; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{ background: none;
    border: none; width: 0; height: 0; }}
QScrollArea {{ background: transparent; border: none; }}

QLabel[quiet="true"] {{ color: {quiet}; }}
QLabel[warning="true"] {{ color: {warning}; }}
QLabel[title="true"] {{ font-size: 28px; font-weight: 600; }}
QLabel[heading="true"] {{ color: {quiet}; font-weight: 600; }}
QLabel[key="true"] {{ background: {raised}; border: 1px solid {line}; border-radius: 4px; padding: 1px 6px; }}
QLabel#badge {{ background: {glass}; border: 1px solid {line}; border-radius: 10px; padding: 2px 10px;
    color: {quiet}; }}
QFrame#chip {{ background: {glass}; border: 1px solid {line}; border-radius: 6px; }}
QWidget#panelContent {{ background: {panel}; }}
QFrame#panelFooter {{ background: {panel}; border: none; border-top: 1px solid {line}; }}
QFrame#offerBar {{ background: {raised}; border: 1px solid {accent}; border-radius: 6px; }}
QFrame#healthBar {{ background: {raised}; border: 1px solid {warning}; border-radius: 6px; }}
QFrame#pickedCard {{ background: {glass}; border: 1px solid {line}; border-radius: 6px; }}
QWidget#doctorPage {{ background: {panel}; }}
QFrame#errorBar {{ background: {error_ground}; border: 1px solid {error}; border-radius: 6px; }}
QPlainTextEdit {{ background: {window}; border: 1px solid {line}; border-radius: 4px; color: {quiet}; }}
QWidget#startPage, QWidget#startContent {{ background: {window}; }}
QFrame#dropZone {{ border: 1px dashed {faint}; border-radius: 8px; }}
QLabel#dropOverlay {{ background: {drop}; border: 2px dashed {accent}; border-radius: 8px; font-size: 20px;
    color: {text}; }}
"""

MARKS = {
    "down": ("M2 4.5 L6 8.5 L10 4.5", "quiet"),
    "up": ("M2 8.5 L6 4.5 L10 8.5", "quiet"),
    "right": ("M4.5 2 L8.5 6 L4.5 10", "quiet"),
    "tick": ("M2.5 6.5 L5 9 L9.5 3.5", "on_accent"),
}
"""The marks on a field of 12 × 12 and the role of their colour."""


def role(name: str) -> str:
    """The colour of a role in the present theme."""
    return ROLES[_current][name]


def apply_theme(application: QApplication, name: str, folder: Path) -> None:
    """Gives the whole application the look of a theme, "dark" or "light". Marks are written into `folder`."""
    global _current
    _current = name
    roles = ROLES[name]
    marks = folder / "marks" / name
    _write_marks(marks, roles)
    QDir.setSearchPaths("theme", [str(marks)])
    application.setStyle("Fusion")
    application.setPalette(_palette(roles))
    font = QFont(application.font())
    # In points: pyqtgraph reads and sets point sizes.
    font.setPointSizeF(TEXT_PX * 72 / application.primaryScreen().logicalDotsPerInchY())
    font.setFeature(QFont.Tag("tnum"), 1)
    application.setFont(font)
    application.setStyleSheet(STYLE.format(**roles))


def _write_marks(folder: Path, roles: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (path, color) in MARKS.items():
        body = f'<path d="{path}" fill="none" stroke="{roles[color]}" stroke-width="1.6" stroke-linecap="round"/>'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 12 12">{body}</svg>'
        (folder / f"{name}.svg").write_text(svg, "utf-8")


def _palette(roles: dict[str, str]) -> QPalette:
    palette = QPalette()
    pairs = {
        QPalette.ColorRole.Window: "window", QPalette.ColorRole.WindowText: "text", QPalette.ColorRole.Base: "panel",
        QPalette.ColorRole.AlternateBase: "raised", QPalette.ColorRole.Text: "text",
        QPalette.ColorRole.Button: "raised",
        QPalette.ColorRole.ButtonText: "text", QPalette.ColorRole.BrightText: "text",
        QPalette.ColorRole.Highlight: "selection", QPalette.ColorRole.HighlightedText: "text",
        QPalette.ColorRole.ToolTipBase: "raised", QPalette.ColorRole.ToolTipText: "text",
        QPalette.ColorRole.PlaceholderText: "quiet", QPalette.ColorRole.Link: "accent",
        QPalette.ColorRole.Mid: "line", QPalette.ColorRole.Midlight: "hover", QPalette.ColorRole.Dark: "window",
        QPalette.ColorRole.Light: "raised", QPalette.ColorRole.Shadow: "window", QPalette.ColorRole.Accent: "accent",
    }  # fmt: skip
    for entry, name in pairs.items():
        palette.setColor(entry, QColor(roles[name]))
    for entry in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, entry, QColor(roles["faint"]))
    return palette

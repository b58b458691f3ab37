"""Colours as people write them: CSS names and hexadecimal digits. No Qt."""

from __future__ import annotations

import re

from assets.errors import BadInput

NAMED = {
    "black": "#000000",
    "silver": "#c0c0c0",
    "gray": "#808080",
    "grey": "#808080",
    "darkgray": "#a9a9a9",
    "darkgrey": "#a9a9a9",
    "lightgray": "#d3d3d3",
    "lightgrey": "#d3d3d3",
    "dimgray": "#696969",
    "dimgrey": "#696969",
    "whitesmoke": "#f5f5f5",
    "white": "#ffffff",
    "ivory": "#fffff0",
    "beige": "#f5f5dc",
    "maroon": "#800000",
    "red": "#ff0000",
    "orange": "#ffa500",
    "gold": "#ffd700",
    "yellow": "#ffff00",
    "olive": "#808000",
    "lime": "#00ff00",
    "green": "#008000",
    "teal": "#008080",
    "aqua": "#00ffff",
    "cyan": "#00ffff",
    "skyblue": "#87ceeb",
    "steelblue": "#4682b4",
    "slategray": "#708090",
    "slategrey": "#708090",
    "blue": "#0000ff",
    "navy": "#000080",
    "indigo": "#4b0082",
    "purple": "#800080",
    "violet": "#ee82ee",
    "fuchsia": "#ff00ff",
    "magenta": "#ff00ff",
    "pink": "#ffc0cb",
    "brown": "#a52a2a",
}
"""Names of CSS Color Module Level 4, section 6.1, that a background is likely to have."""


def parse_color(text: str) -> tuple[float, float, float]:
    """An sRGB triple 0 … 1 from a CSS name, #rgb or #rrggbb. Raises BadInput."""
    word = text.strip().lower()
    word = NAMED.get(word, word)
    if re.fullmatch(r"#[0-9a-f]{3}", word):
        word = "#" + "".join(2 * digit for digit in word[1:])
    if not re.fullmatch(r"#[0-9a-f]{6}", word):
        raise BadInput(f"{text!r} is not a colour: give a CSS name such as white, #rgb or #rrggbb.")
    return tuple(int(word[start : start + 2], 16) / 255 for start in (1, 3, 5))

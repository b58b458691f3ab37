"""Wavefront .mtl: materials as metallic-roughness ones, both ways.

Kd, map_Kd, d and Tr mean what they say; Pr, Pm, Ke and norm are the widespread extension for physically based
materials. Where only Phong's exponent Ns is given, roughness is √(2 / (Ns + 2)), the width of a lobe as sharp.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..mesh import Material
from .companions import Companions
from .images import encode_png

_MOST_BYTES = 64 << 20
_ONE_WORD = {"-blendu", "-blendv", "-cc", "-clamp", "-imfchan", "-texres", "-bm", "-type", "-boost"}
_MAPS = {
    "map_kd": "base_color_texture",
    "map_ke": "emissive_texture",
    "norm": "normal_texture",
    "map_kn": "normal_texture",
}


def read_mtl(name: str, companions: Companions) -> dict[str, Material]:
    """The materials in the file called `name`, by their names; none, with a warning, where it cannot be read."""
    path = companions.locate(name)
    if path is None:
        return {}
    if path.stat().st_size > _MOST_BYTES:
        companions.warn(f"{path.name!r} is too large for a material file and was ignored.")
        return {}
    blocks: dict[str, dict[str, str]] = {}
    block: dict[str, str] = {}
    for line in path.read_bytes().decode("utf-8", "replace").splitlines():
        keyword, _, rest = line.strip().replace("\t", " ").partition(" ")
        if keyword == "newmtl":
            block = blocks.setdefault(rest.strip(), {})
        elif keyword and not keyword.startswith("#"):
            block[keyword.lower()] = rest.strip()
    below = Path(name.replace("\\", "/")).parent
    return {key: _material(key, block, companions, below) for key, block in blocks.items()}


def _material(name: str, block: dict[str, str], companions: Companions, below: Path) -> Material:
    color = _numbers(block, "kd", (1.0, 1.0, 1.0))
    alpha = _numbers(block, "d", (1.0 - _numbers(block, "tr", (0.0,))[0],))[0]
    shininess = max(_numbers(block, "ns", (-1.0,))[0], -1.0)
    material = Material(name=name, base_color=(*color, alpha))
    material.roughness = math.sqrt(2.0 / (shininess + 2.0)) if shininess >= 0 else material.roughness
    material.roughness = min(max(_numbers(block, "pr", (material.roughness,))[0], 0.0), 1.0)
    material.metallic = min(max(_numbers(block, "pm", (0.0,))[0], 0.0), 1.0)
    material.emissive = _numbers(block, "ke", (0.0, 0.0, 0.0))
    material.alpha_mode = "BLEND" if alpha < 1.0 else "OPAQUE"
    files = {
        key: _file_name(text, below, companions) for key, text in block.items() if key.startswith(("map_", "norm"))
    }
    for key, attribute in _MAPS.items():
        if files.get(key):
            setattr(material, attribute, companions.picture_at(files[key]))
    if material.emissive_texture is not None and not any(material.emissive):
        material.emissive = (1.0, 1.0, 1.0)
    if files.get("map_d"):
        _cut_out(material, files["map_d"], files["map_d"] == files.get("map_kd"), companions)
    return material


def _cut_out(material: Material, name: str, same: bool, companions: Companions) -> None:
    """Takes transparency from a picture: from its own alpha where it is the colour's, else from its brightness."""
    image = companions.picture_at(name)
    base = material.base_color_texture
    if image is None:
        return
    if not same:
        opacity = image[..., :1] if (image[..., 3] == 255).all() else image[..., 3:]
        if base is None:
            base = np.full_like(image, 255)
        if base.shape != image.shape:
            companions.warn(f"The transparency {name[:80]!r} has another size than its texture and was ignored.")
            return
        material.base_color_texture = np.concatenate([base[..., :3], opacity], 2)
    material.alpha_mode = "BLEND"


def _numbers(block: dict[str, str], key: str, default: tuple[float, ...]) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in block[key].split()[: len(default)])
    except (KeyError, ValueError):
        return default
    if len(values) == 1:
        values *= len(default)
    return values if len(values) == len(default) and all(map(math.isfinite, values)) else default


def _file_name(text: str, below: Path, companions: Companions) -> str:
    """The name in a map statement, behind its options; relative names count from the .mtl's own folder."""
    words = text.split()
    while words and words[0].startswith("-") and len(words) > 1:
        option = words.pop(0)
        taken = 1 if option in _ONE_WORD else 2 if option == "-mm" else 3
        while words[1:] and taken and (option in _ONE_WORD or _is_number(words[0])):
            words.pop(0)
            taken -= 1
    name = text[text.find(words[0]) :] if words else ""
    beside = (below / name.replace("\\", "/")).as_posix() if name else ""
    return beside if (companions.folder / beside).is_file() else name


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def write_mtl(materials: list[tuple[str, Material]], path: Path, claim: Callable[[str], Path]) -> None:
    """Writes named materials to `path`, and their textures as PNG to the paths that `claim` gives for a role."""
    lines = ["# made by Triptych"]
    written: dict[int, str] = {}
    for name, material in materials:
        red, green, blue, alpha = material.base_color
        lines += ["", f"newmtl {name}", f"Kd {red:.9g} {green:.9g} {blue:.9g}", f"d {alpha:.9g}"]
        shininess = 2.0 / max(material.roughness, 0.01) ** 2 - 2.0
        lines += [f"Ns {shininess:.6g}", f"Pr {material.roughness:.9g}", f"Pm {material.metallic:.9g}"]
        if any(material.emissive):
            lines.append("Ke " + " ".join(f"{value:.9g}" for value in material.emissive))
        roles = [("map_Kd", "base_color_texture"), ("map_Ke", "emissive_texture"), ("norm", "normal_texture")]
        for keyword, attribute in roles:
            image = getattr(material, attribute)
            if image is None:
                continue
            if id(image) not in written:
                target = claim(str(len(written)))
                target.write_bytes(encode_png(image))
                written[id(image)] = target.name
            lines.append(f"{keyword} {written[id(image)]}")
            if keyword == "map_Kd" and material.alpha_mode != "OPAQUE":
                lines.append(f"map_d {written[id(image)]}")
    path.write_text("\n".join([*lines, ""]), "utf-8")

"""Materials of a glTF file as ours."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import BadFile
from ...mesh import Material
from .container import Container

_NOT_SHOWN = {
    "KHR_materials_clearcoat", "KHR_materials_transmission", "KHR_materials_volume", "KHR_materials_sheen",
    "KHR_materials_iridescence", "KHR_materials_anisotropy", "KHR_materials_diffuse_transmission",
}  # fmt: skip


def read_material(container: Container, entry: dict[str, Any]) -> Material:
    """One entry of "materials", with its textures decoded. Missing textures are warnings, wrong numbers defaults."""
    core, extensions = _dict(entry, "pbrMetallicRoughness"), _dict(entry, "extensions")
    material = Material(name=str(entry.get("name", "")), metallic=_number(core, "metallicFactor", 1.0))
    material.roughness = _number(core, "roughnessFactor", 1.0)
    material.base_color = _numbers(core, "baseColorFactor", (1.0, 1.0, 1.0, 1.0))
    material.base_color_texture = _texture(container, core.get("baseColorTexture"))
    material.metallic_roughness_texture = _texture(container, core.get("metallicRoughnessTexture"))
    material.normal_texture = _texture(container, entry.get("normalTexture"))
    material.occlusion_texture = _texture(container, entry.get("occlusionTexture"))
    material.emissive_texture = _texture(container, entry.get("emissiveTexture"))
    strength = _number(_dict(extensions, "KHR_materials_emissive_strength"), "emissiveStrength", 1.0, most=1e6)
    material.emissive = tuple(strength * v for v in _numbers(entry, "emissiveFactor", (0.0, 0.0, 0.0)))
    mode = entry.get("alphaMode")
    material.alpha_mode = mode if mode in ("MASK", "BLEND") else "OPAQUE"
    material.alpha_cutoff = _number(entry, "alphaCutoff", 0.5)
    material.double_sided = entry.get("doubleSided") is True
    material.unlit = "KHR_materials_unlit" in extensions
    if "KHR_materials_pbrSpecularGlossiness" in extensions and not core:
        _take_glossiness(container, material, _dict(extensions, "KHR_materials_pbrSpecularGlossiness"))
    for name in sorted(_NOT_SHOWN & set(extensions)):
        container.companions.warn(f"The material extension {name} is not shown.")
    return material


def base_texture_info(entry: dict[str, Any]) -> dict[str, Any]:
    """Which uv set the base colour reads and how it is transformed: the texture info of the first texture that is
    there, base colour first."""
    glossiness = _dict(_dict(entry, "extensions"), "KHR_materials_pbrSpecularGlossiness")
    core = _dict(entry, "pbrMetallicRoughness")
    candidates = [core.get("baseColorTexture"), glossiness.get("diffuseTexture"), core.get("metallicRoughnessTexture")]
    candidates += [entry.get("normalTexture"), entry.get("emissiveTexture"), entry.get("occlusionTexture")]
    return next((info for info in candidates if isinstance(info, dict)), {})


def transformed_uv(uv: np.ndarray, info: dict[str, Any]) -> np.ndarray:
    """`uv` (V,2), v down, under the KHR_texture_transform of a texture info."""
    change = _dict(_dict(info, "extensions"), "KHR_texture_transform")
    if not change:
        return uv
    scale, offset = _numbers(change, "scale", (1.0, 1.0), None), _numbers(change, "offset", (0.0, 0.0), None)
    angle = _number(change, "rotation", 0.0, None, None)
    cosine, sine = np.cos(angle), np.sin(angle)
    u, v = uv[:, 0] * scale[0], uv[:, 1] * scale[1]
    return np.stack([cosine * u + sine * v + offset[0], -sine * u + cosine * v + offset[1]], 1).astype(np.float32)


def _take_glossiness(container: Container, material: Material, entry: dict[str, Any]) -> None:
    """The older specular-glossiness model: its diffuse colour is the nearest thing to a base colour."""
    material.base_color = _numbers(entry, "diffuseFactor", (1.0, 1.0, 1.0, 1.0))
    material.base_color_texture = _texture(container, entry.get("diffuseTexture"))
    material.roughness = 1.0 - _number(entry, "glossinessFactor", 1.0)
    material.metallic = 0.0
    container.companions.warn("Specular-glossiness materials are shown with their diffuse colour and gloss alone.")


def _texture(container: Container, info: Any) -> np.ndarray | None:
    if not isinstance(info, dict) or "index" not in info:
        return None
    try:
        texture = container.entry("textures", info["index"])
        extensions = _dict(texture, "extensions")
        source = texture.get("source")
        if source is None:
            for name in ("EXT_texture_webp", "EXT_texture_avif", "KHR_texture_basisu"):
                source = _dict(extensions, name).get("source", source)
        if source is None:
            return None
        image = container.entry("images", source)
        uri, name = image.get("uri"), str(image.get("name") or image.get("uri") or f"images[{source}]")
        if isinstance(uri, str):
            key = source if uri.startswith("data:") else uri
            return container.companions.picture(key, container.companions.read(uri), name if key == uri else "embedded")
        return container.companions.picture(source, bytes(container.view(image.get("bufferView"))), name)
    except BadFile as error:
        container.companions.warn(f"A texture is missing: the file {error.what}.")
        return None


def _dict(entry: dict[str, Any], name: str) -> dict[str, Any]:
    found = entry.get(name)
    return found if isinstance(found, dict) else {}


def _number(entry: dict, name: str, default: float, least: float | None = 0.0, most: float | None = 1.0) -> float:
    value = entry.get(name, default)
    if not isinstance(value, (int, float)) or not np.isfinite(value):
        return default
    return float(np.clip(value, least, most)) if least is not None or most is not None else float(value)


def _numbers(entry: dict, name: str, default: tuple, least: float | None = 0.0) -> tuple[float, ...]:
    values = entry.get(name, default)
    if not isinstance(values, (list, tuple)) or len(values) != len(default):
        return default
    numbers = {str(i): value for i, value in enumerate(values)}
    most = None if least is None else 1.0
    return tuple(_number(numbers, str(i), default[i], least, most) for i in range(len(default)))

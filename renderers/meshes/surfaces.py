"""What a mesh's surface is drawn with: which shader variant, and the material's values and textures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.mesh import Material, MeshDisplay, MeshPart

from ..gl.program import Program
from ..skinning import STRAINED, WARPED
from .textures import MaterialTextures

MODES = {"shaded": 0, "base colour": 1, "normals": 2, "wireframe": 3, "depth": 4}
"""The display modes as the shader's MODE."""

CLAY = Material(name="clay", base_color=(0.450, 0.405, 0.357, 1.0), roughness=0.62)
"""What a mesh without any colour is shown as: a warm grey (linear) between paper and stone."""

PAINTED = Material(name="painted", roughness=0.72)
"""What carries vertex colours where the file has no material."""

TEXTURES = {
    "base_color_texture": "baseColorTexture",
    "metallic_roughness_texture": "metallicRoughnessTexture",
    "normal_texture": "normalTexture",
    "occlusion_texture": "occlusionTexture",
    "emissive_texture": "emissiveTexture",
}
"""Material attribute → sampler; the position in this table is the texture unit."""

EDGE_COLORS = {True: (0.055, 0.062, 0.075, 0.62), False: (0.76, 0.79, 0.83, 1.0)}
"""sRGB, straight alpha: lines over a surface, and lines alone."""


@dataclass(frozen=True)
class Style:
    """How all parts of a mesh are drawn this time. warped: bent by a warp; strained: with the colours that show how
    much."""

    mode: str
    edges: bool = False
    flat: bool = False
    cull: bool = False
    warped: bool = False
    strained: bool = False

    @classmethod
    def of(cls, display: MeshDisplay) -> Style:
        """The style that the display settings ask for."""
        edges = display.wireframe or display.mode == "wireframe"
        return cls(display.mode, edges, display.flat, not display.two_sided)

    def blends(self, material: Material) -> bool:
        """Whether a surface of `material` lets something through."""
        return material.alpha_mode == "BLEND" and self.mode in ("shaded", "base colour")


def material_of(part: MeshPart, materials: list[Material]) -> Material:
    """The material of `part`, or the one that stands in."""
    if 0 <= part.material < len(materials):
        return materials[part.material]
    return PAINTED if part.colors is not None else CLAY


class SurfacePrograms:
    """Shader variants, compiled when first asked for."""

    def __init__(self) -> None:
        self._programs: dict[tuple[str, ...], Program] = {}

    def find(self, part: MeshPart, material: Material, style: Style) -> Program:
        """The variant that computes what `part` needs and nothing else."""
        defines = self._defines(part, material, style)
        key = (*defines, str(style.edges), str(defines["MODE"]))  # all others are the same wherever they are defined
        if key not in self._programs:
            self._programs[key] = Program("mesh_edges.glsl" if style.edges else "mesh.glsl", defines)
        return self._programs[key]

    def _defines(self, part: MeshPart, material: Material, style: Style) -> dict[str, int]:
        defines = {"MODE": MODES[style.mode]}
        colored = style.mode in ("shaded", "base colour") or material.alpha_mode != "OPAQUE"
        wanted = TEXTURES if style.mode == "shaded" else ("base_color_texture",) if colored else ()
        for name in wanted:
            if getattr(material, name) is not None and part.uv is not None:
                defines[name.upper()] = 1
        if colored and part.colors is not None:
            defines["VERTEX_COLOR"] = 1
        if material.alpha_mode == "MASK":
            defines["ALPHA_MASK"] = 1
        if style.blends(material):
            defines["ALPHA_BLEND"] = 1
        if style.flat:
            defines["FLAT"] = 1
        if style.warped:
            defines |= WARPED
        if style.strained:
            defines |= STRAINED
        return defines

    def delete(self) -> None:
        """Frees every program."""
        for program in self._programs.values():
            program.delete()
        self._programs.clear()


def set_material(
    program: Program, part: MeshPart, material: Material, style: Style, textures: MaterialTextures
) -> None:
    """Hands the values and textures of `material` to `program`, which is in use."""
    program.set(
        baseColor=np.asarray(material.base_color, np.float32),
        metallic=float(material.metallic),
        roughness=float(material.roughness),
        emissive=np.asarray(material.emissive, np.float32),
        alphaCutoff=float(material.alpha_cutoff),
        edgeColor=EDGE_COLORS[style.mode != "wireframe"],
    )
    if part.uv is not None:
        for unit, (name, sampler) in enumerate(TEXTURES.items()):
            image = getattr(material, name)
            if image is not None:
                textures.find(image, name).bind(unit)
                program.set(**{sampler: unit})

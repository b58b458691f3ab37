"""Triangle meshes with materials and a scene graph."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .asset import Asset, Provenance
from .display import Display, setting
from .meshes.proxy import MIN_PROXY_FACES, PROXY_FACES, proxy_faces, watertight
from .progress import Job, Partial, Progress

_WATERTIGHT_FACES = 100_000
"""Above this many faces nobody waits for the answer whether a mesh is closed."""


@dataclass
class MeshDisplay(Display):
    """How meshes are shown."""

    mode: str = setting(
        "shaded",
        "Mode",
        "What is drawn",
        choices=("shaded", "base colour", "normals", "wireframe", "depth"),
    )
    wireframe: bool = setting(False, "Edges", "Draw the edges of the triangles over the surface")
    flat: bool = setting(False, "Flat shading", "Shade each triangle by its own normal")
    two_sided: bool = setting(True, "Back faces", "Draw triangles seen from behind")


@dataclass
class Material:
    """A metallic-roughness material as in glTF 2.0. Textures are (H,W,4) u8; colour ones are sRGB."""

    name: str = ""
    base_color: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    base_color_texture: np.ndarray | None = None
    metallic: float = 0.0
    roughness: float = 0.7
    metallic_roughness_texture: np.ndarray | None = None
    normal_texture: np.ndarray | None = None
    occlusion_texture: np.ndarray | None = None
    emissive: tuple[float, float, float] = (0.0, 0.0, 0.0)
    emissive_texture: np.ndarray | None = None
    alpha_mode: str = "OPAQUE"
    alpha_cutoff: float = 0.5
    double_sided: bool = True
    unlit: bool = False
    """Shown in its base colour without light (KHR_materials_unlit)."""

    def textures(self) -> dict[str, np.ndarray]:
        """The textures that are there, by attribute name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}


@dataclass
class MeshPart:
    """One drawable geometry. vertices (V,3) f32, faces (F,3) u32, normals (V,3) f32 unit, uv (V,2) f32 with v up
    (OpenGL), colors (V,4) u8 sRGB straight alpha; `material` indexes `Mesh.materials` (-1: none)."""

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    uv: np.ndarray | None = None
    colors: np.ndarray | None = None
    material: int = -1
    _box: tuple[np.ndarray, np.ndarray] | None = field(default=None, init=False, repr=False, compare=False)

    def box(self) -> np.ndarray | None:
        """The box around the vertices, (2,3) f64, or None where there are none. Measured once per array."""
        if self._box is None or self._box[0] is not self.vertices:
            ends = [self.vertices.min(0), self.vertices.max(0)] if len(self.vertices) else np.empty((0, 3))
            self._box = (self.vertices, np.array(ends, np.float64))
        return self._box[1].copy() if len(self.vertices) else None

    def arrays(self) -> list[np.ndarray]:
        """The arrays that are there."""
        present = (self.vertices, self.faces, self.normals, self.uv, self.colors)
        return [array for array in present if array is not None]


@dataclass
class MeshNode:
    """One node of the scene graph. `matrix` is node → parent (4,4) f64; `parent` and `parts` are indices, -1: root."""

    name: str
    parent: int = -1
    matrix: np.ndarray = field(default_factory=lambda: np.eye(4))
    parts: tuple[int, ...] = ()


class Mesh(Asset):
    """A mesh: parts, materials, and the nodes that place parts (the same part may be placed several times)."""

    kind = "mesh"
    display_type = MeshDisplay
    data_fields = ("parts", "nodes", "materials", "proxies", "_watertight")
    prepared_fields = ("proxies", "_watertight")

    def __init__(
        self,
        name: str,
        parts: list[MeshPart],
        nodes: list[MeshNode] | None = None,
        materials: list[Material] | None = None,
        provenance: Provenance | None = None,
    ) -> None:
        super().__init__(name, provenance)
        self.parts = parts
        self.nodes = nodes if nodes is not None else [MeshNode(name, parts=tuple(range(len(parts))))]
        self.materials = materials or []
        self.proxies: dict[int, np.ndarray] = {}
        """Fewer faces for the largest parts, by the index of the part: (G,3) u32 into the part's own vertices."""
        self._watertight: bool | None = None

    def instances(self) -> list[tuple[MeshPart, np.ndarray]]:
        """Every placed part with its part → asset matrix (4,4) f64. Parents come before children in `nodes`."""
        world: list[np.ndarray] = []
        placed: list[tuple[MeshPart, np.ndarray]] = []
        for node in self.nodes:
            matrix = node.matrix if node.parent < 0 else world[node.parent] @ node.matrix
            world.append(matrix)
            placed.extend((self.parts[index], matrix) for index in node.parts)
        return placed

    def local_bounds(self) -> np.ndarray | None:
        corners = []
        for part, matrix in self.instances():
            box = part.box()
            if box is not None:
                box = np.stack(np.meshgrid(*box.T, indexing="ij"), -1).reshape(-1, 3)
                corners.append(box @ matrix[:3, :3].T + matrix[:3, 3])
        if not corners:
            return None
        points = np.concatenate(corners)
        return np.stack([points.min(0), points.max(0)]).astype(np.float64)

    @property
    def nbytes(self) -> int:
        held = [array for part in self.parts for array in part.arrays()] + list(self.proxies.values())
        held += [image for material in self.materials for image in material.textures().values()]
        # Occlusion and roughness often share one picture.
        return sum(array.nbytes for array in {id(array): array for array in held}.values())

    def counts(self) -> dict[str, int]:
        placed = [part for part, _ in self.instances()]
        return {
            "vertices": sum(len(part.vertices) for part in placed),
            "faces": sum(len(part.faces) for part in placed),
            "parts": len(self.parts),
            "materials": len(self.materials),
            "textures": sum(len(material.textures()) for material in self.materials),
        }

    def facts(self) -> dict[str, str]:
        """What can be told without a long look: what the parts carry, and whether a smaller mesh is closed."""
        placed = [part for part, _ in self.instances()]
        rows = {
            "instances": str(len(placed)),
            "nodes": str(len(self.nodes)),
            "uv": _share(sum(part.uv is not None for part in placed), len(placed)),
            "vertex colours": _share(sum(part.colors is not None for part in placed), len(placed)),
        }
        if sum(len(part.faces) for part in self.parts) <= _WATERTIGHT_FACES:
            if self._watertight is None:
                self._watertight = all(watertight(part.vertices, part.faces) for part in self.parts)
            rows["watertight"] = "yes" if self._watertight else "no"
        return rows

    def preparation(self, eye: np.ndarray | None = None) -> Job[None] | None:
        """Makes `proxies` for the parts that are too large to be drawn in full while the camera moves."""
        missing = [
            i for i, part in enumerate(self.parts) if len(part.faces) > MIN_PROXY_FACES and i not in self.proxies
        ]
        return self._prepare(missing) if missing else None

    def _prepare(self, missing: list[int]) -> Job[None]:
        placed = sum(len(part.faces) for part, _ in self.instances())
        for done, index in enumerate(missing):
            part = self.parts[index]
            yield Progress(done, len(missing), f"Simplifying {part.name}")
            wanted = max(PROXY_FACES * len(part.faces) // max(placed, len(part.faces)), 100)
            yield Partial((index, proxy_faces(part.vertices, part.faces, wanted)))

    def accept(self, prepared: tuple[int, np.ndarray]) -> None:
        """Takes the proxy of one part: (its index, (G,3) u32)."""
        index, faces = prepared
        self.proxies[index] = faces
        self.changed.emit(self, "prepared")


def _share(count: int, total: int) -> str:
    return "no" if not count else "yes" if count == total else f"in {count} of {total} instances"

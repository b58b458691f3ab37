"""Forms of saved families of which there is no oracle: RodinHD (its own code needs a CUDA kernel), other fusions and
colours of HexPlane, the plain and the physically based network of Sin3DM. Small random files are compared with the
published formulas, written here once more in torch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from assets.fields.decoder import Field
from assets.splats.spherical_harmonics import basis
from assets.triplane import Triplane

from .family_oracles import CLOSE
from .triplane_files import opened, saved

Arrays = dict[str, np.ndarray]


def normal(seed: int, shapes: dict[str, tuple[int, ...]], scale: float = 0.3) -> Arrays:
    """Random arrays of these shapes."""
    random = np.random.default_rng(seed)
    return {name: random.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}


def places(seed: int, reach: float, count: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    """Points within ±reach and directions of length 1, (N,3) each."""
    random = np.random.default_rng(seed)
    toward = random.normal(size=(count, 3))
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    return torch.tensor(random.uniform(-reach, reach, (count, 3))).float(), torch.tensor(toward).float()


def same(found: np.ndarray, expected: torch.Tensor) -> None:
    """As close as the oracles are."""
    reference = expected.numpy().reshape(found.shape)
    assert np.abs(found - reference).max() < CLOSE * np.abs(reference).max()


def linear(arrays: Arrays, name: str, x: torch.Tensor) -> torch.Tensor:
    """x · weightᵀ + bias, where there is one."""
    bias = arrays.get(f"{name}.bias")
    return functional.linear(
        x, torch.from_numpy(arrays[f"{name}.weight"]), None if bias is None else torch.from_numpy(bias)
    )


def ask(triplane: Triplane, points: torch.Tensor, toward: torch.Tensor, time: float | None = None) -> Arrays:
    """`Field.query`."""
    return Field(triplane, "cpu").query(points.numpy(), toward.numpy(), time)


# RodinHD

RODIN = {
    "sigma_net.0.weight": (128, 40),
    "sigma_net.0.bias": (128,),
    "sigma_net.2.weight": (129, 128),
    "sigma_net.2.bias": (129,),
    "color_net.0.weight": (128, 263),
    "color_net.1.weight": (128, 128),
    "color_net.2.weight": (3, 128),
}


def rodin_files(folder: Path, planes: np.ndarray) -> tuple[Arrays, Triplane]:
    """The decoder's arrays, and the asset of planes (3,1,32,R,R) saved as published."""
    arrays = normal(1, RODIN, 0.15)
    np.save(folder / "planes.npy", planes)
    decoder = saved({f"model.{name}": array for name, array in arrays.items()}, folder / "decoder.pth")
    return arrays, opened(folder / "planes.npy", decoder)[0]


def texels_between(plane: np.ndarray, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Bilinear values (N,C) of plane (C,R,R), columns along x and rows along y in ±1, the outer texels at ±1."""
    texels, last = torch.from_numpy(plane), plane.shape[-1] - 1
    column, row = (x + 1) / 2 * last, (y + 1) / 2 * last
    left, top = column.floor().clamp(0, last - 1).long(), row.floor().clamp(0, last - 1).long()
    right, down = column - left, row - top
    upper = texels[:, top, left] * (1 - right) + texels[:, top, left + 1] * right
    lower = texels[:, top + 1, left] * (1 - right) + texels[:, top + 1, left + 1] * right
    return (upper * (1 - down) + lower * down).T


def rodin_waves(x: torch.Tensor) -> torch.Tensor:
    """x, sin x, cos x, sin 2x, cos 2x."""
    return torch.cat([x, torch.sin(x), torch.cos(x), torch.sin(2 * x), torch.cos(2 * x)], 1)


def rodin_field(arrays: Arrays, planes: np.ndarray, points: torch.Tensor, toward: torch.Tensor) -> tuple:
    """Density (N,) and colour (N,3)."""
    x, y, z = points.T
    pairs = ((x, y), (x, z), (y, z))
    mean = sum(texels_between(plane[0], *pair) for plane, pair in zip(planes, pairs, strict=True)) / 3
    hidden = functional.softplus(linear(arrays, "sigma_net.0", rodin_waves(mean[:, 24:])))
    raw = linear(arrays, "sigma_net.2", hidden)
    h = torch.cat([rodin_waves(mean[:, :24]), raw[:, 1:], rodin_waves(toward)], 1)
    for index in range(2):
        h = torch.relu(linear(arrays, f"color_net.{index}", h))
    return torch.exp(raw[:, 0]), torch.sigmoid(linear(arrays, "color_net.2", h))


def test_rodinhd_is_its_formula(tmp_path: Path) -> None:
    planes = normal(2, {"": (3, 1, 32, 24, 24)})[""]
    arrays, triplane = rodin_files(tmp_path, planes)
    points, toward = places(3, 1.0)
    points[:3] = torch.tensor([[1.0, 1, 1], [-1, -1, -1], [1, -1, 1]])
    density, color = rodin_field(arrays, planes, points, toward)
    found = ask(triplane, points, toward)
    same(found["density"], density)
    same(found["rgb"], color)
    assert triplane.provenance.family == "RodinHD"


def test_rodinhd_makes_small_planes_as_large_as_its_renderer_does(tmp_path: Path) -> None:
    """Also without their decoder."""
    planes = normal(4, {"": (3, 1, 32, 64, 64)})[""]
    np.save(tmp_path / "alone.npy", planes)
    triplane = opened(tmp_path / "alone.npy")[0]
    large = functional.interpolate(torch.from_numpy(planes[:, 0]), (512, 512), mode="bicubic", align_corners=False)
    assert (triplane.tensors["planes"] == large.numpy()).all() and not triplane.has_decoder
    assert triplane.provenance.family == "RodinHD" and "512" in triplane.provenance.guessed["size"]


def test_rodinhd_planes_may_be_rolled_out(tmp_path: Path) -> None:
    planes = normal(6, {"": (3, 1, 32, 24, 24)})[""]
    _, triplane = rodin_files(tmp_path, planes)
    (tmp_path / "rolled").mkdir()
    _, rolled = rodin_files(tmp_path / "rolled", np.concatenate(list(planes[:, 0]), axis=2))
    assert (rolled.tensors["planes"] == triplane.tensors["planes"]).all()


# HexPlane

SPACE = ((0, 1), (0, 2), (1, 2))
OTHER = (2, 1, 0)


def hexplane_arrays(width: int, colors: int, slim: bool = False) -> Arrays:
    """Planes of 4 channels, and matrices that read `width` and give one density and so many `colors`."""
    shapes: dict[str, tuple[int, ...]] = {}
    for kind in ("density", "app"):
        shapes |= {f"{kind}_plane.{index}": (1, 4, 6, 6) for index in range(3)}
        shapes |= {f"{kind}_line_time.{index}": (1, 4, 6, 5) for index in range(3)}
    basis_shapes = (
        {f"density_basis_mat.{i}": (4, 1) for i in range(3)} if slim else {"density_basis_mat.weight": (1, width)}
    )
    return normal(7, shapes | basis_shapes | {"app_basis_mat.weight": (colors, width)}, 1.0)


def hexplane_pairs(arrays: Arrays, kind: str, points: torch.Tensor, time: float) -> tuple[list, list]:
    """Features (N,4) of the three planes of space and of time."""

    def read(name: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        grid = torch.stack([x, y], -1)[None, None]
        return functional.grid_sample(torch.from_numpy(arrays[name]), grid, align_corners=True)[0, :, 0].T

    x = points / 1.5
    now = torch.full((len(points),), time)
    space = [read(f"{kind}_plane.{i}", x[:, a], x[:, b]) for i, (a, b) in enumerate(SPACE)]
    return space, [read(f"{kind}_line_time.{i}", now, x[:, other]) for i, other in enumerate(OTHER)]


def fused(space: list, time: list, how: str) -> torch.Tensor:
    """The fusions: first of space with time, second of the three pairs."""
    first, second = how.split("-")
    if first == "concat":
        return torch.cat([*space, *time], 1)
    products = [a * b for a, b in zip(space, time, strict=True)]
    return torch.cat(products, 1) if second == "concat" else products[0] * products[1] * products[2]


@pytest.mark.parametrize(("how", "width"), [("multiply-concat", 12), ("concat-concat", 24), ("multiply-multiply", 4)])
def test_the_fusions_of_hexplane(how: str, width: int, tmp_path: Path) -> None:
    """With colours that are the features themselves."""
    arrays = hexplane_arrays(width, 3)
    points, toward = places(8, 1.7)
    found = ask(opened(saved(arrays, tmp_path / "scene.pt"))[0], points, toward, 0.3)
    features = {kind: fused(*hexplane_pairs(arrays, kind, points, 0.3), how) for kind in ("density", "app")}
    same(found["density"], functional.softplus(linear(arrays, "density_basis_mat", features["density"]) - 10))
    same(found["rgb"], linear(arrays, "app_basis_mat", features["app"]))


def test_slim_hexplane_with_harmonics(tmp_path: Path) -> None:
    arrays = hexplane_arrays(12, 27, slim=True)
    points, toward = places(9, 1.7)
    found = ask(opened(saved(arrays, tmp_path / "scene.pt"))[0], points, toward, -0.6)
    space, time = hexplane_pairs(arrays, "density", points, -0.6)
    columns = [torch.from_numpy(arrays[f"density_basis_mat.{index}"]) for index in range(3)]
    raw = sum((a * b) @ column for a, b, column in zip(space, time, columns, strict=True))
    same(found["density_raw"], raw)
    features = linear(arrays, "app_basis_mat", fused(*hexplane_pairs(arrays, "app", points, -0.6), "multiply-concat"))
    harmonics = torch.from_numpy(basis(toward.numpy(), 2))[:, None]
    same(found["rgb"], torch.relu((harmonics * features.reshape(-1, 3, 9)).sum(-1) + 0.5))


def test_hexplane_with_networks_that_read_position_and_time(tmp_path: Path) -> None:
    arrays = hexplane_arrays(12, 5) | {"density_basis_mat.weight": normal(10, {"": (6, 12)})[""]}
    density_width, color_width = 6 + 1 + 2 * 6 + 3, 5 + 2 * 2 * 5 + 3 + 2 * 3 + 3
    for name, first, last in (("density", density_width, 1), ("app", color_width, 3)):
        shapes = {"0.weight": (8, first), "0.bias": (8,), "2.weight": (last, 8), "2.bias": (last,)}
        arrays |= {f"{name}_regressor.mlp.{key}": value for key, value in normal(11, shapes).items()}
    counts = {"density_t_pe": 0, "density_fea_pe": 1, "density_pos_pe": 0, "density_view_pe": -1}
    counts |= {"app_t_pe": -1, "app_fea_pe": 2, "app_pos_pe": 1, "app_view_pe": 0, "density_shift": -3.0}
    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()} | counts, tmp_path / "scene.pt")
    points, toward = places(12, 1.4)
    found = ask(opened(tmp_path / "scene.pt")[0], points, toward, 0.5)

    def waves(x: torch.Tensor, count: int) -> torch.Tensor:
        phase = torch.stack([x * 2.0**k for k in range(count)], -1).flatten(1)
        return torch.cat([torch.sin(phase), torch.cos(phase)], 1)

    def network(name: str, *inputs: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(linear(arrays, f"{name}_regressor.mlp.0", torch.cat(inputs, 1)))
        return linear(arrays, f"{name}_regressor.mlp.2", hidden)

    both = {kind: fused(*hexplane_pairs(arrays, kind, points, 0.5), "multiply-concat") for kind in ("density", "app")}
    x, now = points / 1.5, torch.full((len(points), 1), 0.5)
    f = linear(arrays, "density_basis_mat", both["density"])
    same(found["density"], functional.softplus(network("density", f, now, waves(f, 1), x) - 3))
    f = linear(arrays, "app_basis_mat", both["app"])
    same(found["rgb"], torch.sigmoid(network("app", f, waves(f, 2), x, waves(x, 1), toward)))


# Sin3DM


def block_shapes(name: str, channels: int, kernel: int, entering: int = 0) -> dict[str, tuple[int, ...]]:
    """A residual block from `channels` to 4; `entering`: which of its first layers is the convolution."""
    shapes = {f"in_layers.{entering}": (12, channels, kernel, kernel), "out_layers.1": (12, 4, kernel, kernel)}
    shapes |= {} if channels == 4 else {"shortcut": (12, channels, 1, 1)}
    found = {f"{name}.{part}.weight": shape for part, shape in shapes.items()}
    found |= {f"{name}.{part}.bias": (12,) for part in shapes}
    norms = [f"{name}.norm_{pair}.{kind}" for pair in ("xy", "xz", "yz") for kind in ("weight", "bias")]
    return found | dict.fromkeys(norms, (4,))


def through_block(arrays: Arrays, name: str, maps: list[torch.Tensor], entering: int = 0) -> list[torch.Tensor]:
    """The block as published: the maps are padded to one size and go through grouped convolutions together."""

    def compose(parts: list[torch.Tensor]) -> torch.Tensor:
        rows, columns = (max(part.shape[axis] for part in parts) for axis in (2, 3))
        return torch.cat([functional.pad(p, (0, columns - p.shape[3], 0, rows - p.shape[2])) for p in parts], 1)

    def cut(whole: torch.Tensor) -> list[torch.Tensor]:
        return [
            part[:, :, : image.shape[2], : image.shape[3]] for part, image in zip(whole.chunk(3, 1), maps, strict=True)
        ]

    def normed(parts: list[torch.Tensor]) -> list[torch.Tensor]:
        scales = [
            [torch.from_numpy(arrays[f"{name}.norm_{pair}.{kind}"]) for kind in ("weight", "bias")]
            for pair in ("xy", "xz", "yz")
        ]
        return [
            functional.instance_norm(p, weight=w, bias=b, eps=1e-6) for p, (w, b) in zip(parts, scales, strict=True)
        ]

    def convolved(part: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = (torch.from_numpy(arrays[f"{name}.{part}.{kind}"]) for kind in ("weight", "bias"))
        return functional.conv2d(x, weight, bias, padding=(weight.shape[-1] - 1) // 2, groups=3)

    x = compose(normed(maps) if entering else maps)
    inner = convolved(f"in_layers.{entering}", functional.silu(x) if entering else x)
    inner = convolved("out_layers.1", functional.silu(compose(normed(cut(inner)))))
    return cut(inner + (convolved("shortcut", x) if f"{name}.shortcut.weight" in arrays else x))


def summed(maps: list[torch.Tensor], points: torch.Tensor, half: torch.Tensor) -> torch.Tensor:
    """The features (N,4) of all planes, the first letter of each along the rows."""
    x, found = points / half, 0
    for image, (rows, columns) in zip(maps, SPACE, strict=True):
        grid = torch.stack([x[:, columns], x[:, rows]], -1)[None, None]
        found = found + functional.grid_sample(image, grid, align_corners=False, padding_mode="border")[0, :, 0].T
    return found


def mlp_shapes(name: str, parts: dict[str, tuple[int, int]]) -> dict[str, tuple[int, ...]]:
    """Weights and biases of linear layers."""
    found: dict[str, tuple[int, ...]] = {}
    for part, shape in parts.items():
        found |= {f"{name}.{part}.weight": shape, f"{name}.{part}.bias": shape[:1]}
    return found


def sin3dm_files(folder: Path, arrays: Arrays) -> tuple[list[torch.Tensor], Triplane]:
    """Maps (1,5,·,·) of a shape of 8 × 6 × 4, and the asset."""
    feat = normal(13, {"feat_xy": (5, 8, 6), "feat_xz": (5, 8, 4), "feat_yz": (5, 6, 4)}, 1.0)
    np.savez(folder / "feat.npz", **feat)
    content = {"net": {name: torch.from_numpy(array) for name, array in arrays.items()}}
    content |= {"aabb": [-1.0, -0.75, -0.5, 1.0, 0.75, 0.5], "featmap_size": [8, 6, 4]}
    torch.save(content, folder / "ckpt.pth")
    return [torch.from_numpy(array)[None] for array in feat.values()], opened(folder / "feat.npz", folder / "ckpt.pth")[
        0
    ]


HALF = torch.tensor([1.0, 0.75, 0.5])


def test_sin3dm_with_plain_networks_and_materials(tmp_path: Path) -> None:
    plain = {"layers.0": (8, 4), "layers.2": (8, 8)}
    shapes = block_shapes("geo_convs", 2, 5) | block_shapes("tex_convs", 3, 5)
    shapes |= mlp_shapes("geo_decoder", plain | {"layers.4": (1, 8)}) | mlp_shapes(
        "tex_decoder", plain | {"layers.4": (8, 8)}
    )
    arrays = normal(14, shapes)
    maps, triplane = sin3dm_files(tmp_path, arrays)
    points, toward = places(15, 1.1)
    found = ask(triplane, points, toward)
    for kind, channels in (("geo", slice(0, 2)), ("tex", slice(2, 5))):
        h = summed(through_block(arrays, f"{kind}_convs", [image[:, channels] for image in maps]), points, HALF)
        for index in (0, 2):
            h = torch.relu(linear(arrays, f"{kind}_decoder.layers.{index}", h))
        out = linear(arrays, f"{kind}_decoder.layers.4", h)
        if kind == "geo":
            same(found["sdf"], out)
        else:
            same(found["rgb"], torch.sigmoid(out[:, :3]))
            same(found["features"], torch.sigmoid(out[:, 3:]))


def test_sin3dm_with_a_decoder_for_each_part_of_a_material(tmp_path: Path) -> None:
    skipping = {"first_layers.0": (8, 4), "first_layers.2": (8, 8), "second_layers.0": (8, 12)}
    shapes = block_shapes("geo_convs", 2, 5) | block_shapes("tex_convs.0", 3, 3) | block_shapes("tex_convs.1", 4, 3, 1)
    for name, width in (("geo", 1), ("rgb", 3), ("mr", 2), ("normal", 3)):
        shapes |= mlp_shapes(f"{name}_decoder", skipping | {"second_layers.2": (width, 8)})
    arrays = normal(16, shapes)
    maps, triplane = sin3dm_files(tmp_path, arrays)
    points, toward = places(17, 1.1)
    found = ask(triplane, points, toward)

    def decoded(name: str, x: torch.Tensor) -> torch.Tensor:
        h = x
        for index in (0, 2):
            h = torch.relu(linear(arrays, f"{name}_decoder.first_layers.{index}", h))
        h = torch.relu(linear(arrays, f"{name}_decoder.second_layers.0", torch.cat([x, h], 1)))
        return linear(arrays, f"{name}_decoder.second_layers.2", h)

    geometry = through_block(arrays, "geo_convs", [image[:, :2] for image in maps])
    same(found["sdf"], decoded("geo", summed(geometry, points, HALF)))
    texture = through_block(arrays, "tex_convs.0", [image[:, 2:] for image in maps])
    texture = through_block(arrays, "tex_convs.1", texture, entering=1)
    same(found["rgb"], decoded("rgb", summed(texture, points, HALF)).clamp(0, 1))

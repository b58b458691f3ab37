"""Evaluates a triplane: `Field` turns points of the asset's frame into density, colour, distance, as its family does.

Design. A description is compiled once into float32 tensors on a device; `raw` runs it on a batch with torch and is
what exact marching and baking call. `query` is the same for numpy arrays of any length: cut into chunks that stay in
the cache. Nothing is masked outside the box: the family's own padding decides what is there.

Threads. On the CPU a chunk runs on half of the cores (`THREADS`): the other half keeps the window alive, and on two
busy cores two torch threads are several times slower than one, because each small matrix product ends in a barrier
that waits for the slower core.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInput
from ..progress import Job, Progress, run
from .description import Blob, FieldDescription, Group, Head, Input, Layer, Output, Plane
from .description_check import check_tensors
from .encodings import encode
from .sampling import combine, halved, map_radius, map_to_box, runs, sample

if TYPE_CHECKING:
    import torch

    from ..triplane import Triplane

THREADS = max(1, (os.cpu_count() or 1) // 2)
"""torch threads of one evaluation on the CPU."""

CHUNK = 4096
"""Points that are evaluated at once on the CPU: 7 ms of a TripoSR decoder on one core, activations in its cache."""

MATTER = {"density", "sdf", "udf", "occupancy_logit", "label"}
"""Outputs that say where matter is."""

CUDA_CHUNK = 1 << 20
"""The same on a GPU, where launching is what costs."""


@contextmanager
def bounded_threads(gradients: bool = False) -> Iterator[None]:
    """Runs its block with `THREADS` torch threads, and without gradients unless a fit wants them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(min(THREADS, before))
    try:
        with torch.inference_mode(not gradients):
            yield
    finally:
        torch.set_num_threads(before)


def best_device() -> str:
    """ "cuda" where torch has one, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


class Field:
    """A triplane that can be asked. Raises BadInput where the decoder is missing or does not fit the planes.

    device: a torch device name; None takes CUDA where there is. rest: ask as if no drag had bent the triplane; else
    points are moved ones, and where no matter has come to is nothing (see bent.py). description: that of the triplane.
    """

    def __init__(self, triplane: Triplane, device: str | None = None, rest: bool = False) -> None:
        import torch

        from .bent import Bent

        if not triplane.has_decoder:
            raise BadInput(f"{triplane.name}: has planes but no decoder; open it with --decoder WEIGHTS.")
        self.description: FieldDescription = triplane.description
        self.device = torch.device(device or best_device())
        check_tensors(self.description, {name: array.shape for name, array in triplane.tensors.items()})
        named = {*self.description.plane_tensors(), *self.description.decoder_tensors()}
        self._tensors = {name: self._upload(triplane.tensors[name]) for name in named}
        # Per tensor of planes, the levels of its pyramid of means that were asked for, the planes themselves first.
        self._pyramids = {name: [_channels_last(self._tensors.pop(name))] for name in self.description.plane_tensors()}
        self._bent = None if rest or triplane.warp is None else Bent(triplane.warp.volume, triplane.description)

    def _upload(self, array: np.ndarray) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)

    @property
    def chunk(self) -> int:
        """How many points to ask for at once."""
        return CUDA_CHUNK if self.device.type == "cuda" else CHUNK

    def raw(
        self,
        points: torch.Tensor,
        viewdirs: torch.Tensor | None = None,
        time: torch.Tensor | None = None,
        radius: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Each output before its activation: {name: (N,c) f32} on the field's device.

        points: (N,3) in the asset's frame; viewdirs: (N,3) unit, from the eye to the point; time: (N,); radius: (N,) of
        the balls that the samples stand for, in the asset's units, None for points. Raises BadInput where the field
        needs a direction or a time and it is not given.
        """
        points = points.to(self.device, non_blocking=True).float()
        if self._bent is None:
            return self._raw_at_rest(points, viewdirs, time, radius)
        self._demand(viewdirs, time)
        return self._bent.raw(self._raw_at_rest, points, viewdirs, time, radius)

    def _raw_at_rest(
        self,
        points: torch.Tensor,
        viewdirs: torch.Tensor | None,
        time: torch.Tensor | None,
        radius: torch.Tensor | None,
    ) -> dict[str, torch.Tensor]:
        """`raw` for places at rest."""
        sources = self._sources(points, viewdirs, time, radius)
        last: dict[str, torch.Tensor] = {}
        outputs: dict[str, torch.Tensor] = {}
        for head in self.description.heads:
            last[head.name] = self._run_head(head, sources, last)
            for output in head.outputs:
                outputs[output.name] = last[head.name][:, slice(*output.channels)]
        if self.description.space.outside == "empty":
            self._empty_outside(outputs, points, sources["position"])
        return outputs

    def _empty_outside(self, outputs: dict[str, torch.Tensor], points: torch.Tensor, position: torch.Tensor) -> None:
        """Makes nothing of what is not strictly in the box, as Tri-MipRF does."""
        import torch

        from .bent import nothing

        inside = (position.abs() < 1).all(1, keepdim=True)
        for name in outputs.keys() & MATTER:
            output = self.description.output(name)
            outputs[name] = torch.where(inside, outputs[name], nothing(self.description, output, points))

    def values(
        self,
        points: torch.Tensor,
        viewdirs: torch.Tensor | None = None,
        time: torch.Tensor | None = None,
        radius: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """What `query` returns, as (N,c) tensors on the field's device."""
        found: dict[str, torch.Tensor] = {}
        for name, raw in self.raw(points, viewdirs, time, radius).items():
            output = self.description.output(name)
            if name in ("density", "rgb"):
                found[f"{name}_raw"] = raw
            found[name] = activate_output(output, raw, points.to(self.device))
        return found

    def query(
        self,
        points: np.ndarray,
        viewdirs: np.ndarray | None = None,
        time: np.ndarray | None = None,
        radius: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """The field at `points` (N,3) of the asset's frame (world points: apply the inverse of its transform first).

        Returns, of density_raw, density, rgb_raw, rgb, sdf, udf, occupancy_logit, deformation, features and label,
        those that the family has, each (N,c) f32 with one column for what is one number; label (N,1) i64. viewdirs:
        (N,3) from the eye to the point, any length, in the same frame; time, radius: (N,) or one number. Raises
        BadInput.
        """
        return run(self.query_job(points, viewdirs, time, radius))

    def query_job(
        self,
        points: np.ndarray,
        viewdirs: np.ndarray | None = None,
        time: np.ndarray | None = None,
        radius: np.ndarray | None = None,
    ) -> Job[dict[str, np.ndarray]]:
        """`query` as a job, for many points."""
        points, viewdirs = self._check_query(points, viewdirs)
        time, radius = _per_point(time, "Time", len(points)), _per_point(radius, "A radius", len(points))
        import torch

        parts: list[dict[str, np.ndarray]] = []
        for start in range(0, max(len(points), 1), self.chunk):
            rows = slice(start, start + self.chunk)
            batch = [None if a is None else torch.from_numpy(a[rows]) for a in (points, viewdirs, time, radius)]
            with bounded_threads():
                parts.append({name: value.cpu().numpy() for name, value in self.values(*batch).items()})
            yield Progress(min(start + self.chunk, len(points)), len(points), "Evaluating the field")
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    @staticmethod
    def _check_query(points: np.ndarray, viewdirs: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        points = _float_rows(points, "points")
        if viewdirs is not None:
            viewdirs = _float_rows(viewdirs, "viewdirs")
            if len(viewdirs) != len(points):
                raise BadInput(f"There are {len(points)} points but {len(viewdirs)} viewdirs.")
            viewdirs = viewdirs / np.maximum(np.linalg.norm(viewdirs, axis=1, keepdims=True), 1e-12)
        return points, viewdirs

    def _demand(self, viewdirs: torch.Tensor | None, time: torch.Tensor | None) -> None:
        if self.description.needs_viewdirs and viewdirs is None:
            raise BadInput("The colour of this field depends on the viewing direction: give viewdirs.")
        if self.description.needs_time and time is None:
            raise BadInput("This field changes over time: give a time.")

    def _sources(
        self,
        points: torch.Tensor,
        viewdirs: torch.Tensor | None,
        time: torch.Tensor | None,
        radius: torch.Tensor | None,
    ) -> dict:
        self._demand(viewdirs, time)
        space = self.description.space
        sources: dict[str, Any] = {"position": map_to_box(points, space)}
        if viewdirs is not None:
            sources["viewdir"] = viewdirs.to(self.device).float()
        if time is not None:
            first, last = space.time
            sources["time"] = (time.to(self.device).float().reshape(-1, 1) - first) * (2 / (last - first)) - 1
        if radius is not None:
            sources["radius"] = map_radius(radius.to(self.device).float(), space)
        return sources

    def _run_head(self, head: Head, sources: dict, last: dict[str, torch.Tensor]) -> torch.Tensor:
        import torch

        pieces = [self._read(entry, sources, last) for entry in head.inputs]
        if head.join == "dot":
            left, right = pieces
            entered = (right.unflatten(1, (-1, left.shape[1])) * left[:, None]).sum(2)
        else:
            entered = pieces[0] if len(pieces) == 1 else torch.cat(pieces, 1)
        x = entered
        for layer in head.layers:
            if layer.skip:
                x = torch.cat([entered, x] if layer.skip == "before" else [x, entered], 1)
            x = self._run_layer(layer, x)
        return x

    def _run_layer(self, layer: Layer, x: torch.Tensor) -> torch.Tensor:
        import torch.nn.functional as functional

        weight = self._tensors[layer.weight]
        bias = None if layer.bias is None else self._tensors[layer.bias]
        if layer.weight_scale != 1.0:
            weight = weight * layer.weight_scale
        if bias is not None and layer.bias_scale != 1.0:
            bias = bias * layer.bias_scale
        x = functional.linear(x, weight, bias)
        return activate(layer.activation, x, layer.parameter, inplace=not x.requires_grad)

    def _read(self, entry: Input, sources: dict, last: dict[str, torch.Tensor]) -> torch.Tensor:
        if entry.source == "group":
            if ("group", entry.name) not in sources:
                group = next(group for group in self.description.groups if group.name == entry.name)
                sources["group", entry.name] = self._sample_group(group, sources)
            value = sources["group", entry.name]
        else:
            value = last[entry.name] if entry.source == "head" else sources[entry.source]
        if entry.channels is not None:
            value = value[:, slice(*entry.channels)]
        return value if entry.encoding is None else encode(entry.encoding, value, self._tensors)

    def _sample_group(self, group: Group, sources: dict) -> torch.Tensor:
        position, outside = sources["position"], self.description.space.outside
        if outside == "clamp":
            position = position.clamp(-1, 1)
        where = (position, sources.get("time"), sources.get("radius"))
        features = combine(group.combine, [self._sample(group, planes, *where) for planes in runs(group)])
        if outside == "zero":
            features = features * (position.abs() <= 1).all(1, keepdim=True)
        return features

    def _sample(self, group: Group, planes: tuple[Plane, ...], *where: torch.Tensor | None) -> torch.Tensor:
        return sample(group, planes, partial(self.texels, planes), *where)

    def texels(self, planes: tuple[Plane, ...], level: int = 0) -> torch.Tensor:
        """The texels (P,C,H,W) or (P,C,D,H,W) of planes that are neighbours in one tensor, at a level of its pyramid of
        means. A fit has its own."""
        name = planes[0].tensor
        while len(self._pyramids[name]) <= level:
            self._pyramids[name].append(halved(self._pyramids[name][-1]))
        return self._pyramids[name][level][planes[0].index : planes[-1].index + 1]

    def image(self, plane: Plane) -> torch.Tensor:
        """The texels (C,H,W) of a plane."""
        return self.texels((plane,))[0]

    def sample_plane(
        self, group: Group, plane: Plane, position: torch.Tensor, time: torch.Tensor | None
    ) -> torch.Tensor:
        """Features (N,C) of a plane at `position` (N,3), −1 … 1 in the box, and `time` (N,1)."""
        return self._sample(group, (plane,), position, time, None)[0].T


def activate(name: str, x: torch.Tensor, parameter: float | None = None, inplace: bool = False) -> torch.Tensor:
    """The activation called `name`; `inplace` may overwrite x."""
    import torch
    import torch.nn.functional as functional

    if name == "none":
        return x
    if name in ("relu", "silu"):
        return getattr(functional, name)(x, inplace=inplace)
    if name == "gelu":
        return functional.gelu(x)
    if name == "softplus":
        return functional.softplus(x, beta=1.0 if parameter is None else parameter)
    if name == "leaky_relu":
        return functional.leaky_relu(x, 0.01 if parameter is None else parameter, inplace=inplace)
    if name == "sin":
        return torch.sin(x if parameter is None else parameter * x)
    if name == "wide_sigmoid":
        return torch.sigmoid(x) * 1.002 - 0.001
    if name in ("clip01", "clip11"):
        return x.clamp(0.0 if name == "clip01" else -1.0, 1.0)
    return getattr(torch, name)(x)


def activate_output(output: Output, raw: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """The value of an output from its raw channels (N,c) at `points` (N,3)."""
    if output.name == "label":
        return raw.argmax(1, keepdim=True)
    value = activate(output.activation, shift_raw(output, raw, points))
    return value if (output.scale, output.shift) == (1.0, 0.0) else value * output.scale + output.shift


def shift_raw(output: Output, raw: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """raw + bias + blob: what the activation takes."""
    value = raw + output.bias if output.bias else raw
    return value if output.blob is None else value + blob_at(output.blob, points)


def blob_at(blob: Blob, points: torch.Tensor) -> torch.Tensor:
    """The radial term (N,1) at `points` (N,3)."""
    import torch

    distance = torch.linalg.vector_norm(points, dim=1, keepdim=True)
    if blob.kind == "cone":
        return blob.gain * (1 - distance / blob.radius)
    return blob.gain * torch.exp(-(distance**2) / (2 * blob.radius**2))


def _channels_last(planes: torch.Tensor) -> torch.Tensor:
    """Planes (P,C,H,W) or volumes (P,C,D,H,W) with the channels innermost in memory: see `sampling`."""
    import torch

    return planes.contiguous(memory_format=torch.channels_last if planes.ndim == 4 else torch.channels_last_3d)


def _per_point(numbers: np.ndarray | None, what: str, count: int) -> np.ndarray | None:
    """One number for each of `count` points: (N,) f32."""
    if numbers is None:
        return None
    numbers = np.asarray(numbers, np.float32)
    if numbers.ndim > 1 or (numbers.ndim == 1 and len(numbers) != count):
        raise BadInput(f"{what} is one number or one per point, not an array of shape {list(numbers.shape)}.")
    return np.broadcast_to(numbers, count).copy()


def _float_rows(array: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in "fiu":
        raise BadInput(f"{name} must be numbers of shape (N, 3), not {array.dtype} {list(array.shape)}.")
    return np.ascontiguousarray(array, np.float32)

"""Bakes a drag into planes: fits new ones of the same family, with the same decoder, to the field as it was bent.

Design. The decoder's weights stay; only planes are fitted, by Adam, through the description's own evaluation. They
start as the old planes with the features that moved carried along (refit/start.py), which alone takes most of the way.
Examples (refit/examples.py) tell what is seen at points: the loss compares the opacity of a typical step, its
logarithm, which still has a slope where the opacity is 0 or 1 on the wrong side, and the colour where there is matter
to see. At the end both fields are drawn from all sides: the figure that people are shown.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInput
from ...progress import Job, Progress, stage
from ...triplane import Triplane
from ..decoder import Field, activate_output, bounded_threads
from ..description import Plane
from ..sampling import halved
from .examples import SEARCH, TRAINING, VISIBLE, Batch, Examples, Survey, survey
from .start import Carrier, Key, box_of, grown, resampled, typical_step
from .views import SIZE, VIEWS, Seen, look, psnr_per_view, views_around

if TYPE_CHECKING:
    import torch

STEPS = 1000
MOST_STEPS = 100_000
BATCH = 6144
FIRST_BATCHES = 32
"""Batches that are drawn before the first step, and carry features along."""

SEARCH_EVERY, SEARCH_BATCHES = 24, 4
"""How often new examples are looked at for hard ones, and how many batches of them."""

RATE = 0.05
"""Largest step of the optimiser, in standard deviations of a plane."""

EMPTY, FULL = 3e-3, 6.0
"""Optical depths of a typical step that count as nothing and as everything in the logarithm."""

LOGARITHM, COLOR = 0.1, 3.0
"""Weights of the two beside the opacity's 1."""

COLOR_REACH = 8.0
"""Typical steps over which the opacity is taken that a colour weighs with."""


@dataclass(frozen=True)
class Refit:
    """A field without a warp that stands in for a warped one. psnr_db: of each of the pictures around it, against
    the warped field's."""

    triplane: Triplane
    psnr_db: tuple[float, ...]

    @property
    def summary(self) -> str:
        """The figure for people: "34.2 dB (the worst of 8 views 33.1 dB)"."""
        mean, worst = np.mean(self.psnr_db), min(self.psnr_db)
        return f"{mean:.1f} dB (the worst of {len(self.psnr_db)} views {worst:.1f} dB)"


def refit(
    triplane: Triplane,
    steps: int = STEPS,
    seed: int = 0,
    time: float = 0.0,
    device: str | None = None,
    view_size: int = SIZE,
) -> Job[Refit]:
    """Fits new planes to `triplane` as its warp bends it. On a processor the same arguments give the same planes.

    steps: of the optimiser, about 40 ms each for TripoSR on a processor core. time: of the pictures, for fields that
    change. device: a torch device; None takes CUDA where there is. view_size: pixels along each side of the views that
    the figure is made of. The result has the same tensors in name, shape and dtype, and the same description, but for a
    box that holds what was dragged out of the old one. Raises BadInput for a field without a decoder, a density, a warp
    or visible matter, and for steps or a seed out of range.
    """
    _check(triplane, steps, seed)
    yield Progress(0, 1, "Preparing the decoder")
    seen = Seen(triplane, device, time)
    around = np.stack([box_of(triplane.description.space), seen.volume.box])
    found = yield from stage(survey(seen, np.stack([around[:, 0].min(0), around[:, 1].max(0)])), 0.0, 0.03)
    matter = found.bounds(VISIBLE / typical_step(triplane.description))
    if matter is None:
        raise BadInput(f"{triplane.name}: has no visible matter that could be baked.")
    blank = Triplane(triplane.name, dict(triplane.tensors), grown(triplane.description, matter, found.cell))
    job = stage(_fitted(triplane, blank, seen, found, steps, seed), 0.03, 0.8)
    baked = _with_planes(triplane, blank, (yield from job))
    origins, directions = views_around(matter, triplane.up_axis() or "y", VIEWS, view_size)
    was = yield from stage(look(seen, origins, directions, "Comparing"), 0.8, 0.88)
    now = yield from stage(look(Seen(baked, device, time), origins, directions, "Comparing"), 0.88, 1.0)
    result = Refit(baked, tuple(psnr_per_view(was, now, triplane.description.march.background)))
    baked.provenance.declared["refitted from"] = f"{triplane.name}, bent by {_drag_of(triplane)}; {result.summary}"
    return result


def _check(triplane: Triplane, steps: int, seed: int) -> None:
    if triplane.description.output("density") is None:
        raise BadInput(f"{triplane.name}: has no density, so it cannot be baked.")
    if triplane.warp is None:
        raise BadInput(f"{triplane.name}: is not bent, so there is nothing to bake.")
    for name, value, low, high in (("steps", steps, 1, MOST_STEPS), ("seed", seed, 0, 2**31 - 1)):
        if not isinstance(value, int) or not low <= value <= high:
            raise BadInput(f"The option {name} lies between {low} and {high}, not at {value!r}.")


def _drag_of(triplane: Triplane) -> str:
    return triplane.warp.drag.summary() or "a drag"


class _Fit(Field):
    """A field with planes of its own, which may have gradients."""

    def __init__(self, triplane: Triplane, device: str) -> None:
        super().__init__(triplane, device, rest=True)
        # Planes may be large, and those of the triplane are not asked.
        self._pyramids.clear()
        self.images: dict[Key, torch.Tensor] = {}

    def texels(self, planes: tuple[Plane, ...], level: int = 0) -> torch.Tensor:
        import torch

        return halved(torch.stack([self.images[plane.tensor, plane.index] for plane in planes]), level)

    def errors(self, batch: Batch, step: float, factor: float) -> torch.Tensor:
        """How wrong the fit is at each example: (N,). step: a typical one of the field that is asked for, whose density
        is `factor` times as large here."""
        import torch
        from torch.nn import functional

        raw = self.raw(batch.points, batch.viewdirs, batch.time)
        density = activate_output(self.description.output("density"), raw["density"], batch.points)[:, 0]
        # Below nothing there is still a way back.
        depth = functional.leaky_relu(density) * (step / factor)
        wanted = batch.density * step
        error = (torch.exp(-depth) - torch.exp(-wanted)).abs()
        logarithms = [torch.log(each.clamp(0.0, FULL) + EMPTY) for each in (depth, wanted)]
        error = error + LOGARITHM * functional.smooth_l1_loss(*logarithms, reduction="none")
        if batch.color is None:
            return error
        color = activate_output(self.description.output("rgb"), raw["rgb"], batch.points)
        weight = 1 - torch.exp(-COLOR_REACH * wanted)
        return error + COLOR * weight * (color - batch.color).abs().mean(1)


def _fitted(
    triplane: Triplane, blank: Triplane, seen: Seen, found: Survey, steps: int, seed: int
) -> Job[dict[Key, np.ndarray]]:
    """The planes (C,H,W) f32 of `blank`, fitted to what is `seen` of the `triplane`."""
    step = typical_step(triplane.description)
    factor = blank.description.output("density").scale / triplane.description.output("density").scale
    fit = _Fit(blank, str(seen.field.device))
    examples = Examples(seen, found, box_of(blank.description.space), step, seed)
    yield from stage(_start(fit, examples, triplane, step), 0.0, 0.05)
    yield from stage(_optimise(fit, examples, step, factor, steps), 0.05, 1.0)
    return {key: image.detach().cpu().numpy() for key, image in fit.images.items()}


def _start(fit: _Fit, examples: Examples, triplane: Triplane, step: float) -> Job[None]:
    """Draws the first examples, and gives `fit` planes with their features where they moved to."""
    old = examples.seen.field
    with bounded_threads():
        fit.images = resampled(old, fit.description.space)
    carrier = Carrier(old, fit, step)
    for done in range(FIRST_BATCHES):
        batch = examples.draw(BATCH, TRAINING)
        with bounded_threads():
            rest, present = triplane.warp.volume.sources(batch.points)
            carrier.add(batch, rest, present)
        examples.keep(batch)
        yield Progress(done + 1, FIRST_BATCHES, "Carrying features along")
    with bounded_threads():
        started = carrier.planes()
    fit.images = {key: image.clone().requires_grad_() for key, image in started.items()}


def _optimise(fit: _Fit, examples: Examples, step: float, factor: float, steps: int) -> Job[None]:
    """Adam on the planes; yields the loss."""
    import torch

    groups = [{"params": [image], "lr": RATE * max(float(image.detach().std()), 1e-6)} for image in fit.images.values()]
    optimiser = torch.optim.Adam(groups, betas=(0.9, 0.99))
    rates = [group["lr"] for group in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps + 1, pct_start=0.05)
    loss = float("nan")
    for number in range(steps):
        text = f"Fitting, loss {loss:.4f}" if number else "Fitting"
        if number % SEARCH_EVERY == 0:
            for _ in range(SEARCH_BATCHES):
                batch = examples.draw(BATCH, SEARCH)
                with bounded_threads():
                    errors = fit.errors(batch, step, factor)
                examples.keep(batch, errors)
                yield Progress(number, steps, text)
        with bounded_threads(gradients=True):
            error = fit.errors(examples.batch(BATCH), step, factor).mean()
            optimiser.zero_grad(set_to_none=True)
            error.backward()
            optimiser.step()
            schedule.step()
        loss = error.item()
        yield Progress(number + 1, steps, f"Fitting, loss {loss:.4f}")


def _with_planes(triplane: Triplane, blank: Triplane, images: dict[Key, np.ndarray]) -> Triplane:
    """A triplane like `blank` with the planes `images`, in the place and with the looks of `triplane`."""
    tensors = dict(blank.tensors)
    for name in blank.description.plane_tensors():
        tensors[name] = tensors[name].copy()
    for (name, index), image in images.items():
        limit = np.finfo(tensors[name].dtype).max
        tensors[name][index] = np.clip(image, -limit, limit)
    provenance = copy.deepcopy(triplane.provenance)
    if blank.description.space != triplane.description.space:
        provenance.guessed.pop("box", None)
        provenance.declared["box"] = "enlarged for what was dragged out of it"
    baked = Triplane(triplane.name, tensors, blank.description, provenance)
    baked.transform, baked.visible = triplane.transform.copy(), triplane.visible
    baked.display = copy.copy(triplane.display)
    return baked

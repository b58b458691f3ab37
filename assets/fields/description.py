"""The declarative description of a triplane: everything about a field that is not a tensor.

One schema for every published family, so that a family is data wherever possible. It is written as JSON into the
header of our native file (docs/triplane-format.md) and checked field by field on the way in (`strict_json`, then
`description_check` against the tensors). What the schema accepts, `decoder.Field` evaluates.

How a value comes about: a point of the asset's frame → `Space` (−1 … 1) → each `Group` samples its `Plane`s and
combines them into features → each `Head` concatenates its `Input`s and runs its `Layer`s → `Output`s name slices of
the last layer and activate them.

Conventions. Axes are tokens: a signed axis, "x" "-z" "t", that runs along the last dimension of the plane (columns, W)
and then the one along the second-to-last (rows, H). Plane tensors are (planes, C, H, W), weights (out, in).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..files.strict_json import one_of

AXES = ("x", "y", "z", "-x", "-y", "-z", "t", "-t")
ACTIVATIONS = ("none", "relu", "silu", "softplus", "leaky_relu", "sin", "tanh", "sigmoid", "exp")
HIDDEN_ACTIVATIONS = (*ACTIVATIONS, "gelu")
OUTPUT_ACTIVATIONS = (*ACTIVATIONS, "wide_sigmoid", "clip01", "clip11")
QUANTITIES = ("density", "sdf", "udf", "occupancy_logit", "rgb", "deformation", "features", "label")


@dataclass(frozen=True)
class Plane:
    """One plane: `tensor` names the array and `index` the slice of its first dimension, `axes` is (W, H).

    A line has a single axis and the shape (C, 1, N); a volume has three, (W, H, D), and the shape (C, D, H, W).
    weight: factor on the sampled features. channels: (start, stop) of the features that are read, None for all.
    level: which scale it belongs to where a family has several, 0 the finest; for people alone.
    """

    tensor: str
    index: int
    axes: tuple[str, ...] = one_of(*AXES)
    weight: float = 1.0
    channels: tuple[int, int] | None = None
    level: int = 0


@dataclass(frozen=True)
class Group:
    """Planes that are sampled and combined into one feature vector.

    combine: "concat" (plane-major: index plane·C + c), "concat_channel_major" (c·planes + plane), "sum", "mean" or
    "product". align_corners: whether −1 and 1 are the centres of the outer texels, or their outer edges. padding: what
    lies outside the plane, "zeros" or the nearest texel ("border"). interpolation: "mip" blends two levels of a pyramid
    of 2 × 2 means, of which `mip_levels` count: level log2(r · columns) for a sample that stands for a ball of radius r
    (−1 … 1 of the box), level 0 where nothing is said of it.
    """

    name: str
    planes: tuple[Plane, ...]
    combine: str = one_of("concat", "concat_channel_major", "sum", "mean", "product", default="concat")
    interpolation: str = one_of("bilinear", "bicubic", "nearest", "mip", default="bilinear")
    align_corners: bool = False
    padding: str = one_of("zeros", "border", default="zeros")
    mip_levels: int = 1


@dataclass(frozen=True)
class Space:
    """Which box of the asset's own frame is mapped to −1 … 1 of the planes: `low` and `high` per axis.

    up: the axis that the family calls up. contraction: None, or the mip-NeRF 360 contraction of the mapped point,
    x → (2 − 1/|x|) x/|x| where |x| > 1, halved to fit −1 … 1, with the Euclidean ("mip360_l2") or the largest
    component ("mip360_linf") as |x|. outside: what a point out of the box reads: the planes' "padding", the nearest
    point of the box ("clamp"), zero features ("zero"), or whatever it reads but no density ("empty"). time: which times
    are mapped to −1 … 1.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    up: str = one_of("y", "z", "-y", "-z", default="y")
    contraction: str | None = one_of("mip360_l2", "mip360_linf", default=None)
    outside: str = one_of("padding", "clamp", "zero", "empty", default="padding")
    time: tuple[float, float] = (-1.0, 1.0)


@dataclass(frozen=True)
class Encoding:
    """How an input is widened before a head reads it.

    "frequencies": sin and cos of x · scale · 2^k, k < count, after x itself where `identity`; ordered as blocks
    (sin x, cos x) per frequency, or, `coordinate_major`, all sines (frequencies of a coordinate adjacent), then all
    cosines. "fourier": sin, then cos, of 2π x B with the tensor `matrix` B (in, k). "spherical_harmonics": the `count`²
    real basis functions up to degree count − 1 of a direction.
    """

    kind: str = one_of("frequencies", "fourier", "spherical_harmonics")
    count: int = 0
    identity: bool = True
    coordinate_major: bool = False
    scale: float = 1.0
    matrix: str = ""


@dataclass(frozen=True)
class Input:
    """A piece of a head's input vector; pieces are concatenated in their order.

    source: the features of a "group", the last layer of an earlier "head" (both by `name`), the "position" (−1 … 1 in
    the box), the "viewdir" (unit, from the eye to the point) or the "time" (−1 … 1). channels: (start, stop) of it.
    """

    source: str = one_of("group", "head", "position", "viewdir", "time")
    name: str = ""
    channels: tuple[int, int] | None = None
    encoding: Encoding | None = None


@dataclass(frozen=True)
class Layer:
    """A linear layer and what follows it: activation(x · (weight · weight_scale)ᵀ + bias · bias_scale).

    weight, bias: names of the tensors (out, in) and (out,). parameter: β of softplus (1), slope of leaky_relu (0.01),
    ω of sin (1); None for the value in brackets. skip: the head's input is concatenated to x "before" or "after" it.
    """

    weight: str
    bias: str | None = None
    activation: str = one_of(*HIDDEN_ACTIVATIONS, default="none")
    parameter: float | None = None
    weight_scale: float = 1.0
    bias_scale: float = 1.0
    skip: str | None = one_of("before", "after", default=None)


@dataclass(frozen=True)
class Blob:
    """A radial term at the origin, added before the activation, with r the distance in the asset's units:
    gain · (1 − r / radius) for "cone", gain · exp(−r² / (2 radius²)) for "gaussian"."""

    gain: float
    radius: float
    kind: str = one_of("cone", "gaussian", default="cone")


@dataclass(frozen=True)
class Output:
    """A slice of a head's last layer: `channels` (start, stop) is the raw value of `name`.

    The value is activation(raw + bias + blob) · scale + shift; wide_sigmoid is sigmoid · 1.002 − 0.001, clip01 and
    clip11 clamp to 0 … 1 and −1 … 1. A "label" is the index of the largest channel instead.
    """

    name: str = one_of(*QUANTITIES)
    channels: tuple[int, int] = (0, 1)
    activation: str = one_of(*OUTPUT_ACTIVATIONS, default="none")
    bias: float = 0.0
    scale: float = 1.0
    shift: float = 0.0
    blob: Blob | None = None


@dataclass(frozen=True)
class Head:
    """An MLP from its inputs to named outputs, or to features that later heads read.

    join: inputs are concatenated ("concat"), or the first, n wide, is multiplied into each of the k rows of n of the
    second, which gives k numbers ("dot"); only a dot needs no layers.
    """

    name: str
    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[Output, ...] = ()
    join: str = one_of("concat", "dot", default="concat")


@dataclass(frozen=True)
class March:
    """How the family's own renderer walks a ray and what it makes of the samples.

    Where. limits: between which distances from the eye samples lie: where the ray crosses the box, shrunk by
    `box_shrink` (share of its half size), but never nearer than `near` ("box"); from `near` to `far` ("range"); or from
    `near` to `far` counted from the distance of the box's middle, so that `near` is negative ("around"). axial:
    distances are along the viewing axis, not the ray (families that do not normalise directions). Rays with a chord
    below `min_chord` are empty.

    Samples of a first pass: `samples` of them in the middle of as many equal bins ("midpoints"), with one at either end
    ("edges"), or one by chance in each of the `samples` steps of 1/(samples − 1) of the way, of which the last one lies
    behind the end ("stratified"; EG3D; without chance: in their middle). Then `fine` more, placed by chance where the
    first have weight (Mildenhall et al. 2020, NeRF, 5.2). What counts are both ("merged") or the second ones ("fine").

    Opacity of a sample is 1 − exp(−density · step · step_scale). step: its share of the way, as if every ray were 1
    long ("normalised"), or the distance to the next sample, in midpoints the length of the bin, in world units
    ("world"); that of the last one is `last_step`, None: nothing for "edges" and "stratified". between: density and
    colour are those of the sample ("sample"), or the means of two neighbours, density before its activation ("segment";
    Barron et al. 2021, Mip-NeRF; n samples make n − 1). Opacities below `alpha_floor` are none; colour of a weight up
    to `weight_floor` is left out. outside: what samples out of the box are: the "field", or "empty", as also is the
    segment that they end. `background` is composited last, sRGB 0…1.
    """

    samples: int = 128
    fine: int = 0
    placement: str = one_of("midpoints", "edges", "stratified", default="midpoints")
    limits: str = one_of("box", "range", "around", default="box")
    axial: bool = False
    near: float = 0.0
    far: float = 0.0
    counted: str = one_of("merged", "fine", default="merged")
    step: str = one_of("normalised", "world", default="world")
    step_scale: float = 1.0
    last_step: float | None = None
    between: str = one_of("sample", "segment", default="sample")
    alpha_floor: float = 0.0
    weight_floor: float = 0.0
    outside: str = one_of("field", "empty", default="field")
    box_shrink: float = 0.0
    min_chord: float = 0.0
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Surface:
    """Where the family's mesh lies: the level set of `field` (a name of `Field.query`) at `level`, found on a grid of
    `resolution` points per axis; matter is where the field is "above" or "below" it."""

    field: str = "density"
    level: float = 25.0
    resolution: int = 256
    matter: str = one_of("above", "below", default="above")


@dataclass(frozen=True)
class Label:
    """What one index of a "label" means: its name and its colour, sRGB 0…1. hidden: free space, which is not drawn."""

    name: str
    color: tuple[float, float, float]
    hidden: bool = False


@dataclass(frozen=True)
class FieldDescription:
    """All of it. `family` is for people; nothing is decided by its name. Without heads only the planes are known.
    labels: the key of a "label" output, in the order of its indices."""

    family: str
    space: Space
    groups: tuple[Group, ...]
    heads: tuple[Head, ...] = ()
    march: March = March()
    surface: Surface = Surface()
    labels: tuple[Label, ...] = ()

    def output(self, name: str) -> Output | None:
        """The declared output called `name`, or None."""
        for head in self.heads:
            for output in head.outputs:
                if output.name == name:
                    return output
        return None

    def plane_tensors(self) -> list[str]:
        """Names of the arrays that hold planes, each once, in order."""
        return list(dict.fromkeys(plane.tensor for group in self.groups for plane in group.planes))

    def decoder_tensors(self) -> list[str]:
        """Names of the arrays of weights, biases and encodings, each once, in order."""
        names: list[str | None] = []
        for head in self.heads:
            names += [entry.encoding.matrix for entry in head.inputs if entry.encoding]
            names += [name for layer in head.layers for name in (layer.weight, layer.bias)]
        return list(dict.fromkeys(name for name in names if name))

    @property
    def needs_viewdirs(self) -> bool:
        """Whether some value depends on where it is seen from."""
        return any(entry.source == "viewdir" for head in self.heads for entry in head.inputs)

    @property
    def needs_time(self) -> bool:
        """Whether some value depends on time."""
        axes = {axis for group in self.groups for plane in group.planes for axis in plane.axes}
        return bool(axes & {"t", "-t"}) or any(i.source == "time" for head in self.heads for i in head.inputs)

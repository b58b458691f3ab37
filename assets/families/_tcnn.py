"""Networks of tiny-cuda-nn (Müller 2021), whose checkpoints keep all weights of a network in one flat vector `params`.

The layout, as its sources have it (src/fully_fused_mlp.cu and cutlass_mlp.cu, network_with_input_encoding.h): one
matrix after the other, each (out, in) by rows, without biases. Inputs and outputs are padded to a multiple of 16, of 8
in CutlassMLPs of early versions. Outputs that were padded are cut off; inputs that were padded are 1, and lie behind
the others (encodings/identity.h), so that their columns are a bias of the first layer.

Weights are computed with in half precision, and so are kept in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import BadInput
from ..fields.description import Encoding, Head, Input, Layer, Output

WIDTHS = (128, 64, 32, 16, 256)
"""Neurons that a hidden layer may have."""

ALIGNMENTS = (16, 8)

FEATURES, HARMONICS = 15, 4
"""What Instant-NGP and its followers make a colour of: features beside the density, and bands of harmonics."""


@dataclass(frozen=True)
class Size:
    """What a vector of parameters holds: padded inputs and outputs, and so many hidden layers of so many neurons."""

    inputs: int
    outputs: int
    width: int
    hidden: int

    def matrices(self) -> list[tuple[int, int]]:
        """The shapes (out, in) of the matrices in their order."""
        if not self.hidden:
            return [(self.outputs, self.inputs)]
        return [(self.width, self.inputs), *[(self.width,) * 2] * (self.hidden - 1), (self.outputs, self.width)]


def network_size(
    count: int, inputs: int, outputs: int, widths: Sequence[int] = WIDTHS, alignments: Sequence[int] = ALIGNMENTS
) -> Size | None:
    """The network from `inputs` to `outputs` with so many parameters, None where there is none.

    widths: neurons of its hidden layers, those that are likelier first; none: it has no hidden layers.
    """
    for alignment in alignments:
        rows, columns = (-(-each // alignment) * alignment for each in (outputs, inputs))
        if not widths and count == rows * columns:
            return Size(columns, rows, 0, 0)
        for width in widths:
            hidden, rest = divmod(count - width * (rows + columns), width * width)
            if rest == 0 and hidden >= 0:
                return Size(columns, rows, width, hidden + 1)
    return None


def unpacked(
    name: str,
    params: np.ndarray,
    inputs: int,
    outputs: int,
    size: Size | None = None,
    constants: np.ndarray | None = None,
) -> tuple[tuple[Layer, ...], dict[str, np.ndarray]]:
    """The layers of a network, ReLU between them, and their tensors: "NAME.0.weight" (out,in) f16, ….

    params: the flat vector; size: its `network_size`, None for the likeliest; constants: inputs behind the others that
    are the same everywhere, which go into the bias of the first layer. Raises BadInput where no such network fits.
    """
    fixed = np.zeros(0, np.float32) if constants is None else np.asarray(constants, np.float32).reshape(-1)
    size = size or network_size(params.size, inputs + len(fixed), outputs)
    if size is None:
        raise BadInput(f"{name}: {params.size} parameters are no network from {inputs} inputs to {outputs} outputs.")
    weights, rest = [], params.reshape(-1).astype(np.float16)
    for rows, columns in size.matrices():
        weights.append(rest[: rows * columns].reshape(rows, columns))
        rest = rest[rows * columns :]
    weights[-1] = weights[-1][:outputs]
    same = weights[0][:, inputs:].astype(np.float32)
    bias = same @ np.concatenate([fixed, np.ones(same.shape[1] - len(fixed), np.float32)])
    weights[0] = weights[0][:, :inputs]
    names = [f"{name}.{index}.weight" for index in range(len(weights))]
    tensors = {key: np.ascontiguousarray(weight) for key, weight in zip(names, weights, strict=True)}
    first = f"{name}.0.bias" if same.shape[1] else None
    if first:
        tensors[first] = bias
    layers = [Layer(key, first if key == names[0] else None, "relu") for key in names[:-1]]
    return (*layers, Layer(names[-1], None if layers else first)), tensors


def seen_color(layers: tuple[Layer, ...], features: tuple[int, int]) -> Head:
    """The colour from spherical harmonics of the view and then the `features` (start, stop) of the head "base"."""
    seen = Input("viewdir", encoding=Encoding("spherical_harmonics", count=HARMONICS))
    inputs = (seen, Input("head", "base", features))
    return Head("color", inputs, layers, (Output("rgb", (0, 3), "sigmoid"),))

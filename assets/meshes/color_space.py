"""Between linear light and sRGB (IEC 61966-2-1)."""

from __future__ import annotations

import numpy as np


def srgb_from_linear(values: np.ndarray) -> np.ndarray:
    """Linear light 0 … 1 as sRGB 0 … 1, element by element, in f32."""
    values = np.clip(np.asarray(values, np.float32), 0.0, 1.0)
    return np.where(values <= 0.0031308, 12.92 * values, np.minimum(1.055 * values ** np.float32(1 / 2.4) - 0.055, 1.0))


def linear_from_srgb(values: np.ndarray) -> np.ndarray:
    """sRGB 0 … 1 as linear light 0 … 1, element by element, in f32."""
    values = np.clip(np.asarray(values, np.float32), 0.0, 1.0)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** np.float32(2.4))

"""SOG files put together by hand, after the specification rather than by the code under test."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

BOOK = np.linspace(-4, 4, 256).tolist()
SIDE = 4


def picture(pixels: np.ndarray, **options: Any) -> bytes:
    """A WebP of pixels (H,W,3|4) u8, without loss unless `options` say otherwise."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", **({"lossless": True, "exact": True} | options))
    return buffer.getvalue()


def bytes_of(seed: int, *shape: int) -> np.ndarray:
    """Random bytes."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def parts(count: int = 16, bands: int = 0) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description of a SOG 2 of `count` ≤ 16 splats, and its pictures (4,4,C) by name."""
    quats = bytes_of(3, SIDE, SIDE, 4)
    quats[..., 3] = 252 + quats[..., 3] % 4
    images = {name: bytes_of(seed, SIDE, SIDE, 3) for seed, name in enumerate(("means_l", "means_u", "scales"))}
    images |= {"quats": quats, "sh0": bytes_of(4, SIDE, SIDE, 4)}
    meta: dict[str, Any] = {
        "version": 2,
        "count": count,
        "means": {"mins": [-1, -2, 0], "maxs": [1, 0.5, 3], "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": BOOK, "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": BOOK, "files": ["sh0.webp"]},
    }
    if bands:
        terms = (bands + 1) ** 2 - 1
        labels = np.zeros((SIDE, SIDE, 3), np.uint8)
        labels[..., 0] = np.arange(16).reshape(SIDE, SIDE)
        images |= {"centroids": bytes_of(5, SIDE, 64 * terms, 3), "labels": labels}
        files = ["centroids.webp", "labels.webp"]
        meta["shN"] = {"count": 16, "bands": bands, "codebook": BOOK, "files": files}
    return meta, images


def encoded(images: dict[str, np.ndarray]) -> dict[str, bytes]:
    """Pictures as files, by file name."""
    return {f"{name}.webp": picture(pixels) for name, pixels in images.items()}


def write_bundle(path: Path, meta: dict[str, Any], files: dict[str, bytes], folder: str = "") -> Path:
    """One ZIP."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**files, "meta.json": json.dumps(meta).encode()}.items():
            archive.writestr(folder + name, data)
    return path


def write_folder(path: Path, meta: dict[str, Any], files: dict[str, bytes]) -> Path:
    """Loose files beside `path`, the description."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (path.parent / name).write_bytes(data)
    path.write_text(json.dumps(meta), "utf-8")
    return path

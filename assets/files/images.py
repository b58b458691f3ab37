"""Pictures in and around mesh files: decoded within limits, encoded as PNG."""

from __future__ import annotations

import io

import numpy as np

MAX_PIXELS = 16384 * 16384
"""Of one picture."""
MAX_TOTAL_PIXELS = 2 * MAX_PIXELS
"""Of all pictures of a file together: 2 GiB as RGBA."""


class BadPicture(Exception):
    """Bytes are no picture that can be shown; the text ends the sentence "a texture …"."""


def decode_image(data: bytes, most_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The picture in `data` as (H,W,4) u8, top row first, straight alpha. Its size is checked before it is decoded.

    Raises BadPicture for anything but a picture of at most `most_pixels`.
    """
    from PIL import Image

    if data[:12] in (b"\xabKTX 20\xbb\r\n\x1a\n", b"\xabKTX 11\xbb\r\n\x1a\n"):
        raise BadPicture("is a KTX picture, which is not supported")
    Image.MAX_IMAGE_PIXELS = None  # our own limit, below, takes its place
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if width * height > min(most_pixels, MAX_PIXELS):
                raise BadPicture(f"has {width} × {height} pixels, which is too large")
            if image.mode in ("I;16", "I;16B", "I;16L", "I"):
                grey = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
                return np.dstack([grey, grey, grey, np.full_like(grey, 255)])
            return np.array(image.convert("RGBA"))
    except BadPicture:
        raise
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise BadPicture("is damaged or of an unknown kind") from error


def encode_png(image: np.ndarray) -> bytes:
    """A PNG of `image` (H,W,4) u8, without the alpha channel where it is opaque."""
    from PIL import Image

    opaque = bool((image[..., 3] == 255).all())
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image[..., :3] if opaque else image)).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()

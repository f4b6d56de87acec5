"""Pictures drawn for tests."""

from __future__ import annotations

import io

from PIL import Image


def jpeg(width: int = 60, height: int = 40) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (width, height), "seagreen").save(drawn, "JPEG")
    return drawn.getvalue()

# SPDX-License-Identifier: MIT
"""The official MicroPython image, fetched from its makers.

First choice of `ensure_image`.  A machine without the internet must learn so in seconds, name
resolution included, hence the thread: no socket timeout covers a resolver that never answers.
"""

from __future__ import annotations

import http.client
import queue
import threading
import urllib.request
from typing import Final

from mesor.errors import ImageError

URL: Final = "https://micropython.org/resources/firmware/RPI_PICO-20250415-v1.25.0.uf2"

_ANSWER_TIMEOUT_S: Final = 6.0
_TRANSFER_TIMEOUT_S: Final = 60.0  # 0.7 MB: enough for 100 kbit/s
_SIZE_MAX: Final = 4 << 20  # bytes; twice the Pico's flash as UF2 needs no more

_Part = bytes | Exception | None


def download(url: str = URL) -> bytes:
    """Return what `url` serves.  Raises ImageError if it cannot be had in reasonable time."""
    parts: queue.Queue[_Part] = queue.Queue()
    threading.Thread(target=_fetch, args=(url, parts), daemon=True).start()
    _next_part(parts, _ANSWER_TIMEOUT_S, url)
    body = _next_part(parts, _TRANSFER_TIMEOUT_S, url)
    assert body is not None  # `_fetch` sends the body second
    return body


def _fetch(url: str, parts: queue.Queue[_Part]) -> None:
    """Put None once the server answers, then the body; or the failure in place of either."""
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_TIMEOUT_S) as response:
            parts.put(None)
            parts.put(response.read(_SIZE_MAX))
    except (OSError, ValueError, http.client.HTTPException) as failure:
        parts.put(failure)


def _next_part(parts: queue.Queue[_Part], timeout_s: float, url: str) -> bytes | None:
    try:
        part = parts.get(timeout=timeout_s)
    except queue.Empty:
        raise ImageError(f"{url} did not answer within {timeout_s:.0f} s") from None
    if isinstance(part, Exception):
        raise ImageError(f"{url} cannot be downloaded: {part}") from part
    return part

"""The limits of the Bot API (10.3) and its flood control."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.telegram.refusals import too_many

TEXT = 4096  # UTF-16 units, after entity parsing
CAPTION = 1024
CALLBACK_BYTES = 64
CALLBACK_ANSWER = 200
# Not in the official text; what clients and servers are known to bear.
BUTTONS_IN_ROW = 8
BUTTONS = 100
PLACEHOLDER = 64
COMMANDS = 100
COMMAND_DESCRIPTION = 256
DESCRIPTION = 512
SHORT_DESCRIPTION = 120
ALBUM = range(2, 11)
PHOTO_BYTES = 10 << 20
PHOTO_SIDES = 10_000  # width and height together
PHOTO_RATIO = 20
UPLOAD_BYTES = 50 << 20
DOWNLOAD_BYTES = 20 << 20
POLL_SECONDS = 50
POLL_UPDATES = 100
DELETE_SECONDS = 48 * 3600
# How long a press can be answered once it is delivered is not documented.
QUERY_SECONDS = 60

MESSAGE_LIFE = 24 * 3600
PRESS_LIFE = 150
INLINE_LIFE = 30
WEBHOOK_SECONDS = 60
RETRY_AFTER_CAP = 3600


class Clock:
    """Seconds since 1970; follows the real clock, or stands where it was put."""

    def __init__(self, stands_at: float | None = None) -> None:
        self._stands_at = stands_at
        self._ahead = 0.0

    def __call__(self) -> float:
        real = time.time() if self._stands_at is None else self._stands_at
        return real + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


@dataclass
class Flood:
    """Flood control: sends a second over all, a second in one chat, a minute in one group.

    None means no limit. Telegram's own figures are about 30, 1 (bursts borne) and 20.
    """

    now: Callable[[], float]
    overall: int | None = None
    chat: int | None = None
    group: int | None = None
    _sends: dict[int, deque[float]] = field(default_factory=dict)

    def admit(self, chat_id: int) -> None:
        """Counts one send; raises 429 and counts nothing where a window is full."""
        windows = [(0, self.overall, 1.0), (chat_id, self.chat, 1.0)]
        if chat_id < 0:
            windows[1] = (chat_id, self.group, 60.0)
        limited = [(key, limit, span) for key, limit, span in windows if limit is not None]
        now = self.now()
        wait = max((self._wait(*window, now) for window in limited), default=0.0)
        if wait > 0:
            raise too_many(max(1, math.ceil(wait)))
        for key, _, _ in limited:
            self._sends[key].append(now)

    def _wait(self, key: int, limit: int, span: float, now: float) -> float:
        sends = self._sends.setdefault(key, deque())
        while sends and sends[0] <= now - span:
            sends.popleft()
        return sends[len(sends) - limit] + span - now if len(sends) >= limit else 0.0

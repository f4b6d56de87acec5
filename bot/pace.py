"""How fast we may speak unasked: a token bucket for each channel account, empty at the start."""

from __future__ import annotations

import asyncio


class Pace:
    """Replies do not pass here: people who wait are answered at once."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._next: dict[str, float] = {}

    async def turn(self, account: str) -> None:
        """Returns when one more message may go out on this account."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next.get(account, now + self._gap))
        self._next[account] = mine + self._gap
        await asyncio.sleep(mine - now)

"""Who listens to a conversation: a few pages each, and no more in all than one process serves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MOST_EACH = 4
"""Open pages of one conversation; the one that has listened longest gives way."""
MOST_IN_ALL = 1000


class Full(Exception):
    """No more streams can be served; the page asks at intervals instead."""


@dataclass
class Streams:
    """The open streams of this process."""

    _of: dict[int, list[asyncio.Event]] = field(default_factory=dict)
    _count: int = 0

    @contextmanager
    def listening(self, contact_id: int) -> Iterator[asyncio.Event]:
        """An event that is set when a newer page has taken this one's place. Raises Full."""
        if self._count >= MOST_IN_ALL:
            raise Full
        mine, gives_way = self._of.setdefault(contact_id, []), asyncio.Event()
        mine.append(gives_way)
        self._count += 1
        for older in mine[:-MOST_EACH]:
            older.set()
        try:
            yield gives_way
        finally:
            self._count -= 1
            mine.remove(gives_way)
            if not mine:
                self._of.pop(contact_id, None)

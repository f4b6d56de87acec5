"""Faults of the network and of Telegram, injected into the bot's calls."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field, fields
from typing import Literal

from tests.telegram.refusals import Json

Fault = Literal["drop_before", "drop_after", "error_before", "error_after", "flood", "slow"]
KINDS: tuple[Fault, ...] = (
    "drop_before", "drop_after", "error_before", "error_after", "flood", "slow",
)  # fmt: skip


@dataclass
class Faults:
    """Rates from 0 to 1 of each fault, over the methods of `only` (None: those that send).

    before and after mean: before or after Telegram has accepted the message.
    """

    drop_before: float = 0.0
    drop_after: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    flood: float = 0.0
    slow: float = 0.0
    slow_seconds: float = 1.0
    retry_after: int = 1
    cut_downloads: float = 0.0
    only: frozenset[str] | None = None
    seed: int = 1
    _next: deque[Fault] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def next(self, *faults: Fault) -> None:
        """The next calls of the methods chosen meet these, one each, then rates rule again."""
        self._next.extend(faults)

    def set(self, changes: Json) -> None:
        """From JSON: any field by name; `only` as a list; `next` as a list of faults."""
        known = {one.name for one in fields(self) if not one.name.startswith("_")}
        for name, value in changes.items():
            if name == "next":
                self.next(*(kind for wanted in value for kind in KINDS if kind == wanted))
            elif name not in known:
                raise ValueError(f"there is no fault named {name!r}; there are {sorted(known)}")
            elif name == "only":
                self.only = None if value is None else frozenset(one.lower() for one in value)
            else:
                setattr(self, name, value)

    def clear(self) -> None:
        self._next.clear()
        for one in fields(self):
            if one.name in (*KINDS, "cut_downloads", "only"):
                setattr(self, one.name, one.default)

    def draw(self, method: str, sends: bool) -> Fault | None:
        chosen = sends if self.only is None else method in self.only
        if not chosen:
            return None
        if self._next:
            return self._next.popleft()
        for kind in KINDS:
            rate: float = getattr(self, kind)
            if rate and self._random.random() < rate:
                return kind
        return None

    def cuts_download(self) -> bool:
        return bool(self.cut_downloads) and self._random.random() < self.cut_downloads

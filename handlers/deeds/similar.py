"""Has somebody told this already? Found by keyed hashes: no word lies in an index in clear.

What a report is found by: the name of the praised (alone, with the province, with the commune),
the commune with the day, and pairs of neighbouring words of what happened, all folded, so that
accents do not matter. Of a long text the pairs with the smallest hashes are kept: two texts then
keep the same ones of those they share. A pair that very many reports hold tells nothing and is
left out. The nearest are then opened and compared as they were written, accents and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from math import log2

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.text import plain, tidy
from bot.vault import Unreadable, Vault
from handlers.deeds import forms
from handlers.deeds.forms import Told
from storage.models.deeds import LIVE_DEEDS, Deed, DeedReport, DeedToken, ReportState
from storage.models.people import Person

MOST_PAIRS = 64
"""Of one text."""
COMMON = 50
"""Reports; a token that more of them hold is not looked at."""
NEAR_DAYS = 3
SHOWN = 3
_OPENED = 10
_THRESHOLD = 3.5
_WEIGHTS = {"name": 3.0, "name+province": 1.0, "name+commune": 3.5, "day": 2.75, "near": 1.75}
"""Of what nobody else shares; the more reports do, the less it tells."""
_WORDS = 6.0
"""What the pairs of words weigh if all of them are shared."""
_FEW_WORDS = 6.0
"""Of a shorter text the words weigh less: two words in common prove little."""
_TITLES = re.compile(r"^(?:ong|ba|anh|chi|em|chau|co|chu|bac|cu|di|thay|bac si|dong chi) (?=\w+ )")


@dataclass(frozen=True)
class Similar:
    """A deed that may be the same, and what it shares. Nobody's words are in here."""

    deed: Deed
    name: bool
    place: bool
    day: bool
    words: float
    """0 to 1."""
    score: float

    @property
    def shared(self) -> str:
        """The facts in common, joined by hyphens; `words` where there is none."""
        facts = {"name": self.name, "place": self.place, "day": self.day}
        return "-".join(name for name, is_so in facts.items() if is_so) or "words"


# What a report is found by


def tokens(vault: Vault, told: Told) -> dict[str, set[int]]:
    """Kind of token → its hashes. "near" is for asking only."""
    name = _TITLES.sub("", plain(told.name))
    found: dict[str, set[int]] = {
        "name": _hashed(vault, [f"n|{name}"] if " " in name else []),
        "name+province": set(), "name+commune": set(), "day": set(), "near": set(),
        "words": set(sorted(_hashed(vault, _pairs(f"{told.what} {told.outcome}")))[:MOST_PAIRS]),
        "called": set(),
    }  # fmt: skip
    if " " in name:
        found["called"] = _hashed(vault, _pairs(told.name)) - found["words"]
        if told.province:
            found["name+province"] = _hashed(vault, [f"np|{name}|{told.province}"])
        if told.commune:
            found["name+commune"] = _hashed(vault, [f"nc|{name}|{told.commune}"])
    if told.day and told.commune and not told.lasting:
        days = {n: told.day + timedelta(days=n) for n in range(-NEAR_DAYS, NEAR_DAYS + 1)}
        found["day"] = _hashed(vault, [f"d|{told.commune}|{days.pop(0)}"])
        found["near"] = _hashed(vault, [f"d|{told.commune}|{day}" for day in days.values()])
    return found


def _pairs(words: str) -> list[str]:
    each = plain(words).split()
    return [f"w|{one} {after}" for one, after in pairwise(each)]


def _hashed(vault: Vault, values: Iterable[str]) -> set[int]:
    """63 bits: what both databases keep as an integer."""
    return {
        int.from_bytes(vault.fingerprint("deed-token", value)[:8]) >> 1 for value in set(values)
    }


async def index(session: AsyncSession, vault: Vault, report: DeedReport, told: Told) -> None:
    kinds = tokens(vault, told)
    del kinds["near"]
    every = set().union(*kinds.values())
    if every:
        rows = [{"token": token, "report_id": report.id} for token in sorted(every)]
        await session.execute(insert(DeedToken), rows)


async def forget(session: AsyncSession, report: DeedReport) -> None:
    """Withdrawn and erased reports are found no more."""
    await session.execute(delete(DeedToken).where(DeedToken.report_id == report.id))


# Asking


async def find(session: AsyncSession, vault: Vault, told: Told) -> list[Similar]:
    """At most SHOWN live deeds that may be the same, the nearest first."""
    kinds = tokens(vault, told)
    kind_of = {token: kind for kind, some in kinds.items() for token in some}
    if not kind_of:
        return []
    held = await _holders(session, sorted(kind_of))
    rarity = {token: _rarity(len(held.get(token, ()))) for token in kind_of}
    all_words = sum(rarity[token] for token in kinds["words"])
    shared: dict[str, set[int]] = {}
    for token, report_ids in held.items():
        for report_id in report_ids if rarity[token] else ():
            shared.setdefault(report_id, set()).add(token)
    scored = {id: _score(some, kind_of, rarity, all_words) for id, some in shared.items()}
    likely = sorted(
        (id for id, score in scored.items() if score >= _THRESHOLD),
        key=lambda id: (-scored[id], id),
    )[: _OPENED * 3]
    return await _nearest(session, vault, told, {id: scored[id] for id in likely}, shared, kind_of)


async def _holders(session: AsyncSession, wanted: Sequence[int]) -> dict[int, list[str]]:
    """Token → the reports that hold it, at most one more than COMMON. One statement."""
    each = " UNION ALL ".join(_ONE.format(n=n) for n in range(len(wanted)))
    given = {f"t{n}": token for n, token in enumerate(wanted)} | {"most": COMMON + 1}
    held: dict[int, list[str]] = {}
    for token, report_id in await session.execute(text(each), given):
        held.setdefault(token, []).append(report_id)
    return held


_ONE = (
    "SELECT token, report_id FROM (SELECT token, report_id FROM deed_tokens"
    " WHERE token = :t{n} LIMIT :most) AS held{n}"
)


def _rarity(reports: int) -> float:
    """1 for what nobody or one report holds, less for what many do, 0 for what is common."""
    return 1 / (1 + log2(max(1, reports))) if reports <= COMMON else 0


def _score(
    shared: set[int], kind_of: Mapping[int, str], rarity: Mapping[int, float], all_words: float
) -> float:
    """A part of a name counts as words do, and not beside the whole name."""
    of_kind: dict[str, float] = {}
    for token in shared:
        kind = kind_of[token]
        of_kind[kind] = of_kind.get(kind, 0) + rarity[token]
    known = sum(_WEIGHTS.get(kind, 0) * min(1.0, found) for kind, found in of_kind.items())
    words = of_kind.get("words", 0) + (0 if "name" in of_kind else of_kind.get("called", 0))
    return known + _WORDS * min(1.0, words / max(all_words, _FEW_WORDS))


async def _nearest(
    session: AsyncSession,
    vault: Vault,
    told: Told,
    scored: Mapping[str, float],
    shared: Mapping[str, set[int]],
    kind_of: Mapping[int, str],
) -> list[Similar]:
    rows = await session.execute(
        select(DeedReport, Deed, Person.wrapped_key)
        .join(Deed, Deed.id == DeedReport.deed_id)
        .join(Person, Person.id == DeedReport.person_id)
        .where(
            DeedReport.id.in_(scored),
            DeedReport.state == ReportState.GIVEN,
            Deed.state.in_(LIVE_DEEDS),
        )
    )
    order = sorted(rows.all(), key=lambda row: -scored[row.DeedReport.id])[:_OPENED]
    mine = _written(told)
    best: dict[str, Similar] = {}
    for report, deed, key in order:
        kinds = {kind_of[token] for token in shared[report.id]}
        words = _overlap(mine, _opened(vault, report, key))
        one = Similar(
            deed, "name" in kinds,
            bool(told.commune) and told.commune == deed.commune,
            bool({"day", "near"} & kinds), words, scored[report.id] + words,
        )  # fmt: skip
        if deed.id not in best or best[deed.id].score < one.score:
            best[deed.id] = one
    return sorted(best.values(), key=lambda one: (-one.score, one.deed.id))[:SHOWN]


def _written(told: Told) -> set[str]:
    """Pairs of words as they were typed, accents kept."""
    each = re.findall(r"[^\W_]+", tidy(f"{told.name} {told.what} {told.outcome}").casefold())
    return {f"{one} {after}" for one, after in pairwise(each)}


def _opened(vault: Vault, report: DeedReport, key: bytes | None) -> set[str]:
    if key is None or report.told is None:
        return set()
    try:
        return _written(forms.load(vault.unseal(key, report.told, told_place(report.id))))
    except Unreadable:
        return set()


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / max(1, min(len(one), len(other)))


def told_place(report_id: str) -> str:
    return f"deed_reports.told:{report_id}"

"""What reading an office's spreadsheet comes to: problems, each with its place, and a plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

from bot.text import plain

Say = Callable[..., str]
Severity = Literal["error", "warning"]
Action = Literal["create", "update", "remove", "unchanged", "refuse"]


@dataclass(frozen=True)
class Problem:
    """What is wrong and what to do; the words are those of `key` with `args`."""

    key: str
    severity: Severity
    sheet: str = ""
    row: int | None = None
    column: str = ""
    """Letter of the column as the spreadsheet shows it."""
    value: str = ""
    args: Mapping[str, str | int] = field(default_factory=dict)


def explain(problem: Problem, say: Say) -> str:
    """One line for a person: the place, the value found there, what is wrong and what to do."""
    words = say(problem.key, value=problem.value, **problem.args)
    if not problem.sheet:
        return words
    if problem.row is None:
        return say("papers-place-sheet", sheet=problem.sheet, problem=words)
    place = {"sheet": problem.sheet, "row": problem.row, "problem": words}
    if not problem.column:
        return say("papers-place-row", **place)
    if not problem.value:
        return say("papers-place-cell", column=problem.column, **place)
    return say("papers-place-value", column=problem.column, value=_short(problem.value), **place)


def _short(value: str) -> str:
    line = " ".join(value.split())
    return line if len(line) <= 80 else line[:79] + "…"


def reading_order(problem: Problem) -> tuple[bool, str, int]:
    """Errors first, then as somebody reads the file."""
    return problem.severity == "warning", problem.sheet, problem.row or 0


def describe_problems(problems: Iterable[Problem], say: Say) -> Iterator[str]:
    for problem in problems:
        key = "intake-error" if problem.severity == "error" else "intake-warning"
        yield say(key, problem=explain(problem, say))


_LONGEST_HEADING = 90


class Headings:
    """Which field a heading means; of its rules, the first that matches decides.

    Matched on `plain` words: no accents, no case, no punctuation, nothing in brackets.
    """

    def __init__(self, *rules: tuple[str, str]) -> None:
        self._rules = [(field, re.compile(pattern)) for field, pattern in rules]

    def field_of(self, heading: str) -> str | None:
        if len(heading) > 2 * _LONGEST_HEADING:
            return None
        words = plain(re.sub(r"\([^)]*\)", " ", heading)) or plain(heading)
        if not words or len(words) > _LONGEST_HEADING:
            return None
        return next((field for field, pattern in self._rules if pattern.search(words)), None)


class Planned(Protocol):
    """What happens, or would happen, to one thing."""

    @property
    def action(self) -> Action: ...


LineT = TypeVar("LineT", bound=Planned)


@dataclass(frozen=True)
class Plan(Generic[LineT]):
    lines: tuple[LineT, ...] = ()
    problems: tuple[Problem, ...] = ()

    def count(self, action: Action) -> int:
        return sum(line.action == action for line in self.lines)

    @property
    def has_errors(self) -> bool:
        """Nothing of it may then be committed."""
        return bool(self.count("refuse")) or any(p.severity == "error" for p in self.problems)

    @property
    def changes_nothing(self) -> bool:
        return not any(line.action in ("create", "update", "remove") for line in self.lines)

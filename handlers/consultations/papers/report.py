"""The report to the council on what the people said, as a .docx that the office numbers and signs.

Counts and dates are stated, never judged: conclusions are left to the office on blank lines.
What looks like a denunciation appears as a number only.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from bot.clock import end_of_day
from bot.output import whole
from bot.text import fold
from handlers.consultations.papers.document import Frame, Paper
from handlers.consultations.papers.draft import Counting, DayUnit
from handlers.consultations.papers.export import CHANNELS

Say = Callable[..., str]

_STANCES = ("agree", "remark", "object", "inform")
_IDENTITIES = {
    "anonymous": "papers-identity-anonymous",
    "to_office": "papers-identity-to-office",
    "signed": "papers-identity-signed",
}
_KINDS = {
    "person": "papers-kind-person",
    "collective": "papers-kind-collective",
    "household": "papers-kind-household",
    "posthumous": "papers-kind-posthumous",
    "foreign": "papers-kind-foreign",
}
_UNITS = {"working": "papers-report-working-days", "calendar": "papers-report-calendar-days"}
_WAYS: Mapping[Counting, str] = {
    "civil_code": "papers-report-end-civil-code",
    "posting_day": "papers-report-end-posting-day",
}


@dataclass(frozen=True)
class CandidateLine:
    number: int
    name: str
    kind: str
    award: str
    position: str = ""
    unit: str = ""


@dataclass(frozen=True)
class BasisLine:
    words: str
    verified: bool
    """Somebody compared it with the document; where nobody did, the reader is told."""


@dataclass(frozen=True)
class MediumLine:
    """Where and when the notice appeared; `reference` is a link, or a newspaper's issue."""

    medium: str
    """"" for our own public page."""
    at: datetime
    reference: str = ""


@dataclass(frozen=True)
class MovedEnd:
    old: datetime
    new: datetime
    reason: str


@dataclass(frozen=True)
class Count:
    """How many counted opinions agree in all five; the tables are sums of these."""

    candidate_number: int
    channel: str
    identity_level: str
    stance: str
    in_window: bool
    number: int


@dataclass(frozen=True)
class Exchange:
    """A question of the office to the author, or the author's answer."""

    from_office: bool
    at: datetime
    text: str


@dataclass(frozen=True)
class Objection:
    """One objection or piece of information, and what the office did with it."""

    candidate_number: int
    stance: Literal["object", "inform"]
    received_at: datetime
    channel: str
    identity_level: str
    in_window: bool
    text: str
    evidence: int
    """How many files came with it."""
    accepted_at: datetime | None = None
    """None: not yet decided upon."""
    exchange: tuple[Exchange, ...] = ()
    handling: str = ""
    """What was checked and found."""
    handled_at: datetime | None = None


@dataclass(frozen=True)
class CouncilReport:
    """All instants in local time. "" and None leave a blank for the office."""

    agency: str
    code: str
    title: str
    posted_on: date
    days: int
    day_unit: DayUnit
    ends: Mapping[Counting, date]
    """The last day by each way of counting; both are shown."""
    closed_at: datetime
    made_at: datetime
    candidates: tuple[CandidateLine, ...]
    counts: tuple[Count, ...] = ()
    objections: tuple[Objection, ...] = ()
    media: tuple[MediumLine, ...] = ()
    legal_bases: tuple[BasisLine, ...] = ()
    announced_end: date | None = None
    """The last day as the notice said it."""
    moved: tuple[MovedEnd, ...] = ()
    undecided: int = 0
    """Of the counted ones, those the office has not yet looked at."""
    set_aside: int = 0
    withdrawn: int = 0
    restricted: int = 0
    """Matters routed as complaints or denunciations: never more than their number."""
    parent_agency: str = ""
    place: str = ""
    addressee: str = ""
    notice: str = ""
    """Number and date of the notice."""
    publisher: str = ""
    """Who issued it, where that is said."""
    receiver: str = ""
    """The office that received opinions, with its addresses."""
    submission: str = ""
    """Number and date of the submitting unit's proposal."""
    symbol: str = ""
    """What follows the number, such as BC-SNV."""
    signer: str = ""
    receivers: tuple[str, ...] = ()


def write(report: CouncilReport, path: Path, say: Say) -> None:
    """The file is whole or not there at all. Some 50 ms of CPU and more for many objections."""
    paper = Paper(say("papers-report-subject"), report.agency)
    frame = _frame(report, say)
    paper.head(frame, say("papers-report-kind"), say("papers-report-subject"), say)
    _opening(paper, report, say)
    _candidates(paper, report, say)
    _publication(paper, report, say)
    _window(paper, report, say)
    _totals(paper, report, say)
    _objections(paper, report, say)
    _restricted(paper, report, say)
    _closing(paper, report, say)
    paper.foot(frame, say)
    with whole(path) as unfinished:
        paper.save(unfinished)


def _frame(report: CouncilReport, say: Say) -> Frame:
    symbol = say("papers-report-symbol", symbol=report.symbol or "BC-……")
    above = "papers-report-receiver-above" if report.addressee else "papers-report-receiver"
    return Frame(
        parent_agency=report.parent_agency,
        agency=report.agency,
        symbol=symbol,
        place=report.place,
        addressee=report.addressee,
        receivers=report.receivers or (say(above),),
        signer=report.signer,
    )


def _opening(paper: Paper, report: CouncilReport, say: Say) -> None:
    for basis in report.legal_bases:
        last = basis is report.legal_bases[-1]
        paper.basis(_basis(basis, say) + ("." if last else ";"))
    args = {"agency": report.agency, "title": report.title, "code": report.code}
    paper.text(say("papers-report-opening", notice=_notice(report, say), **args))


def _basis(basis: BasisLine, say: Say) -> str:
    words = clean(basis.words).rstrip(" ;.,")
    if not fold(words).startswith("can cu "):
        begins = fold(words).startswith(_BEGINNINGS)
        words = say("papers-report-basis", basis=words[0].lower() + words[1:] if begins else words)
    return words if basis.verified else say("papers-report-basis-unverified", basis=words)


_BEGINNINGS = ("khoan ", "dieu ", "diem ")
"""What is written small in the middle of a sentence."""


def _notice(report: CouncilReport, say: Say) -> str:
    if not report.notice:
        return say("papers-report-blank-notice")
    words = clean(report.notice)
    if not fold(words).startswith("thong bao"):
        dated = " ngay " in fold(words)
        key = "papers-report-notice" if dated else "papers-report-notice-undated"
        words = say(key, number=words)
    if not report.publisher or fold(report.publisher) == fold(report.agency):
        return words
    return say("papers-report-notice-by", notice=words, publisher=clean(report.publisher))


def _submission(report: CouncilReport, say: Say) -> str:
    words = clean(report.submission)
    if not words:
        return say("papers-report-blank-submission")
    numbered = words[0].isdigit()
    return say("papers-report-submission", number=words) if numbered else words


def _candidates(paper: Paper, report: CouncilReport, say: Say) -> None:
    paper.part(say("papers-report-part-candidates"))
    count = _number(len(report.candidates))
    submission = _submission(report, say)
    paper.text(say("papers-report-candidates", count=count, submission=submission))
    rows = [
        (
            str(c.number),
            clean(c.name),
            say(_KINDS[c.kind]) if c.kind in _KINDS else c.kind,
            clean("\n".join(t for t in (c.position, c.unit) if t)),
            clean(c.award),
        )
        for c in report.candidates
    ]
    headings = (
        "papers-column-number",
        "papers-report-name",
        "papers-column-kind",
        "papers-report-unit",
        "papers-report-award",
    )
    paper.table([say(h) for h in headings], (12, 42, 24, 47, 40), rows, left=(1, 3, 4))


def _publication(paper: Paper, report: CouncilReport, say: Say) -> None:
    paper.part(say("papers-report-part-publication"))
    paper.section(say("papers-report-media"))
    if not report.media:
        paper.text(say("papers-report-no-media"))
        return
    rows = [
        (str(i), clean(m.medium) or say("web-name"), _instant(m.at), clean(m.reference))
        for i, m in enumerate(report.media, start=1)
    ]
    headings = (
        "papers-column-number",
        "papers-report-medium",
        "papers-report-published",
        "papers-report-reference",
    )
    paper.table([say(h) for h in headings], (12, 55, 34, 64), rows, left=(1, 3))


def _window(paper: Paper, report: CouncilReport, say: Say) -> None:
    paper.section(say("papers-report-window"))
    paper.text(say("papers-report-posted", day=_day(report.posted_on)))
    paper.text(say(_UNITS[report.day_unit], days=report.days))
    for way, key in _WAYS.items():
        if way in report.ends:
            paper.text(say(key, day=_day(report.ends[way])))
    if report.announced_end:
        paper.text(say("papers-report-announced", day=_day(report.announced_end)))
    else:
        paper.text(say("papers-report-not-announced"))
    for moved in report.moved:
        args = {"old": _until(moved.old, say), "new": _until(moved.new, say)}
        paper.text(say("papers-report-moved", reason=clean(moved.reason), **args))
    paper.text(say("papers-report-closed", at=_until(report.closed_at, say)))
    if report.receiver:
        paper.text(say("papers-report-receiving", receiver=clean(report.receiver)))
    for warning in (shortfall(report), cut_short(report)):
        if warning:
            paper.warning(say(warning))


def shortfall(report: CouncilReport) -> str | None:
    """Key of the warning when the announced end comes before the computed one."""
    if report.announced_end is None or not report.ends:
        return None
    shorter = [way for way, end in report.ends.items() if report.announced_end < end]
    if not shorter:
        return None
    if len(shorter) == len(report.ends):
        return "papers-report-short-both"
    return "papers-report-short-one"


def cut_short(report: CouncilReport) -> str | None:
    """Key of the warning when opinions were taken for less time than was computed."""
    shorter = [way for way, end in report.ends.items() if report.closed_at < end_of_day(end)]
    if not shorter:
        return None
    if len(shorter) == len(report.ends):
        return "papers-report-cut-short-both"
    return "papers-report-cut-short-one"


def _totals(paper: Paper, report: CouncilReport, say: Say) -> None:
    paper.part(say("papers-report-part-totals"))
    inside = [c for c in report.counts if c.in_window]
    outside = [c for c in report.counts if not c.in_window]
    total_inside, total_outside = (sum(c.number for c in half) for half in (inside, outside))
    if not total_inside:
        paper.text(say("papers-report-none-inside"))
    if total_inside or total_outside:
        total = total_inside + total_outside
        args = {"total": total, "inside": total_inside, "outside": total_outside}
        paper.text(say("papers-report-total", **{k: _number(v) for k, v in args.items()}))
    _other_numbers(paper, report, say)
    if total_inside:
        paper.section(say("papers-report-inside-channel"))
        _by_channel(paper, inside, say)
        paper.section(say("papers-report-inside-identity"))
        _by_identity(paper, inside, say)
        paper.section(say("papers-report-inside-candidate"))
        _by_candidate(paper, report, inside, say)
    if total_outside:
        paper.section(say("papers-report-outside" if total_inside else "papers-report-outside-1"))
        _by_channel(paper, outside, say)
        _by_identity(paper, outside, say)
        _by_candidate(paper, report, outside, say)
    args_ = {"start": _day(report.posted_on), "made": _spelled(report.made_at, say)}
    paper.note(say("papers-report-figures", **args_))


def _other_numbers(paper: Paper, report: CouncilReport, say: Say) -> None:
    numbers = (
        ("papers-report-undecided", report.undecided),
        ("papers-report-set-aside", report.set_aside),
        ("papers-report-withdrawn", report.withdrawn),
    )
    for key, number in numbers:
        if number:
            paper.text(say(key, count=_number(number)))


def _by_channel(paper: Paper, counts: list[Count], say: Say) -> None:
    words = {c.channel: _channel(c.channel, say) for c in counts}
    rows = [(words[c.channel], c.stance, c.number) for c in counts]
    _stance_table(
        paper, say("papers-report-channel"), list(dict.fromkeys(words.values())), rows, say
    )


def _by_identity(paper: Paper, counts: list[Count], say: Say) -> None:
    rows = [(say(_IDENTITIES[c.identity_level]), c.stance, c.number) for c in counts]
    lines = [say(key) for key in _IDENTITIES.values()]
    _stance_table(paper, say("papers-report-identity"), lines, rows, say)


def _by_candidate(paper: Paper, report: CouncilReport, counts: list[Count], say: Say) -> None:
    names = {c.number: f"{c.number}. {clean(c.name)}" for c in report.candidates}
    rows = [(names[c.candidate_number], c.stance, c.number) for c in counts]
    _stance_table(paper, say("papers-report-candidate"), list(names.values()), rows, say)


def _stance_table(
    paper: Paper, heading: str, lines: list[str], rows: list[tuple[str, str, int]], say: Say
) -> None:
    sums: Counter[tuple[str, str]] = Counter()
    for line, stance, number in rows:
        sums[line, stance] += number
    headings = [
        heading,
        say("papers-stance-agree"),
        say("papers-stance-remark"),
        say("papers-stance-object"),
        say("papers-stance-inform"),
        say("papers-report-sum"),
    ]
    table = []
    for line in lines:
        numbers = [sums[line, stance] for stance in _STANCES]
        table.append([line, *(_number(n) for n in (*numbers, sum(numbers)))])
    columns = [sum(sums[line, stance] for line in lines) for stance in _STANCES]
    table.append([say("papers-report-all"), *(_number(n) for n in (*columns, sum(columns)))])
    paper.table(headings, (45, 22, 26, 26, 26, 20), table, left=(0,), has_total=True)


def _objections(paper: Paper, report: CouncilReport, say: Say) -> None:
    paper.part(say("papers-report-part-objections"))
    if not report.objections:
        paper.text(say("papers-report-no-objections"))
        return
    names = {c.number: c for c in report.candidates}
    paper.text(say("papers-report-objections", count=_number(len(report.objections))))
    for number, objection in enumerate(report.objections, start=1):
        candidate = names[objection.candidate_number]
        key = "papers-report-one-object"
        if objection.stance == "inform":
            key = "papers-report-one-inform"
        heading = say(key, number=number, name=clean(candidate.name), award=clean(candidate.award))
        paper.section(heading)
        _objection(paper, objection, say)


def _objection(paper: Paper, objection: Objection, say: Say) -> None:
    key = "papers-report-received" if objection.in_window else "papers-report-received-outside"
    received = say(
        key,
        at=_spelled(objection.received_at, say),
        channel=_channel(objection.channel, say),
        identity=say(_IDENTITIES[objection.identity_level]),
    )
    evidence = say("papers-report-no-evidence")
    if objection.evidence:
        evidence = say("papers-report-evidence-count", count=_number(objection.evidence))
    paper.labelled(say("papers-report-label-received"), received)
    paper.labelled(say("papers-report-label-text"), clean(objection.text))
    paper.labelled(say("papers-report-label-evidence"), evidence)
    paper.labelled(say("papers-report-label-handling"), _handling(objection, say))
    paper.labelled(say("papers-report-label-result"), _result(objection, say))


def _handling(objection: Objection, say: Say) -> str:
    """Where it stands, and what was asked and answered."""
    if objection.accepted_at is None:
        lines = [say("papers-report-not-decided")]
    else:
        lines = [say("papers-report-accepted", at=_spelled(objection.accepted_at, say))]
    for one in objection.exchange:
        key = "papers-report-asked" if one.from_office else "papers-report-answered"
        words = clean(one.text) or say("papers-report-files-only")
        lines.append(say(key, at=_spelled(one.at, say), words=words))
    return "\n".join(lines)


def _result(objection: Objection, say: Say) -> str:
    if not objection.handling or objection.handled_at is None:
        return say("papers-report-blank")
    noted = _spelled(objection.handled_at, say)
    return say("papers-report-result", words=clean(objection.handling), at=noted)


def _restricted(paper: Paper, report: CouncilReport, say: Say) -> None:
    paper.part(say("papers-report-part-restricted"))
    if report.restricted:
        paper.text(say("papers-report-restricted", count=_number(report.restricted)))
    else:
        paper.text(say("papers-report-no-restricted"))


def _closing(paper: Paper, report: CouncilReport, say: Say) -> None:
    paper.part(say("papers-report-part-remarks"))
    paper.blank_lines(4)
    args = {"agency": report.agency, "title": clean(report.title), "code": report.code}
    paper.last_words(say("papers-report-closing", **args))


def _channel(code: str, say: Say) -> str:
    return say(CHANNELS[code]) if code in CHANNELS else code


def clean(text: str) -> str:
    """What XML can hold; tabs become blanks so that words do not fly apart."""
    kept = (c for c in text.replace("\t", " ") if c == "\n" or unicodedata.category(c) != "Cc")
    return unicodedata.normalize("NFC", "".join(c for c in kept if not "\ud800" <= c <= "\udfff"))


def _number(value: int) -> str:
    """Thousands by dots, as Vietnamese documents write them."""
    return f"{value:,}".replace(",", ".")


def _day(day: date) -> str:
    return day.strftime("%d/%m/%Y")


def _until(instant: datetime, say: Say) -> str:
    """An end at midnight is the 24th hour of the day before it."""
    if (instant.hour, instant.minute) != (0, 0):
        return _spelled(instant, say)
    last = _day(instant.date() - timedelta(days=1))
    return say("papers-report-instant", hour="24", minute="00", day=last)


def _spelled(instant: datetime, say: Say) -> str:
    hour, minute = f"{instant.hour:02}", f"{instant.minute:02}"
    return say("papers-report-instant", hour=hour, minute=minute, day=_day(instant.date()))


def _instant(instant: datetime) -> str:
    return instant.strftime("%H:%M %d/%m/%Y")

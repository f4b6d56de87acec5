"""Telling a good deed, joining as a further witness, following it by its receipt, taking it back.

Whoever tells it has a row of their own in `people`, nameless for the anonymous: its key seals
what was told. Who is praised has one too. No name stands anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import identity, outbox, receipts
from bot.limits import Limit, count, refuse_beyond
from bot.replies import UserError, Word
from bot.text import plain
from bot.vault import Unreadable, Vault
from handlers.deeds import forms, similar, stages, urgent
from handlers.deeds.forms import Told
from storage.models.base import new_id
from storage.models.consultations import Receipt
from storage.models.deeds import (
    LIVE_DEEDS,
    Deed,
    DeedCheck,
    DeedFile,
    DeedInGroup,
    DeedReport,
    DeedState,
    EnteredAs,
    Known,
    Relation,
    ReportState,
    Stage,
    SubjectKind,
)
from storage.models.office import Office, Officer, Role
from storage.models.people import Person
from storage.models.traffic import OutboxMessage
from storage.models.units import Unit

RECEIPT = "deed"
"""The kind of its receipts; a code opens one report, never another witness's."""
OF_ONE = Limit("deeds", 10, minutes=60)
"""Reports from one contact or address."""
OF_ALL = Limit("deeds-all", 1_200, minutes=60)
"""From everybody together: above it people are told when to come back."""
EVERYBODY = bytes(32)
ONLY_DUTY = "duty"
"""The reason of what was the assigned duty and no more; told by `reason_of`."""
CONSENT_WITHDRAWN = "consent"
"""The reason of what was taken down because those praised no longer agree; told likewise."""
CONSENT_PAPER = "consent"
"""What a file answers that shows a consent: for officers alone, and on no public page."""
CHECK = "check:"
"""Before the id of a check, as the reason of a state: the unit's words lie sealed there."""
_UNCHECKED = (
    DeedState.RECEIVED, DeedState.CHECKING, DeedState.NOT_CONFIRMED, DeedState.UNCHECKABLE,
)  # fmt: skip
"""Where a deed rests on its reports alone: with the last of them it ends."""


@dataclass(frozen=True)
class Author:
    """Where a report comes from."""

    channel: str
    locale: str
    address: str
    """What tells sources apart: a contact, or a network address. Kept only as a keyed hash."""
    contact_id: int | None = None
    person_id: str | None = None
    """Who tells it, sealed; None for somebody without a name."""
    unit_code: str = ""
    """Of the poster or link that led here."""


@dataclass(frozen=True)
class Filed:
    code: str
    """The receipt, in clear for the only time."""
    report: DeedReport
    deed: Deed


# Telling it


async def refuse_flood(session: AsyncSession, source: bytes, now: datetime) -> None:
    """Raises UserError, naming when to try again; else counts one more."""
    await refuse_beyond(session, OF_ONE, source, now)
    await refuse_beyond(session, OF_ALL, EVERYBODY, now)
    await count(session, OF_ONE, source, now)
    await count(session, OF_ALL, EVERYBODY, now)


async def office_for(session: AsyncSession, unit_code: str = "") -> Office:
    """The office of the unit that invited, else the first. Raises UserError without any."""
    unit = await invited(session, unit_code)
    if unit is not None:
        return await session.get_one(Office, unit.office_id)
    office = await session.scalar(select(Office).order_by(Office.code))
    if office is None:
        raise UserError("start-no-office")
    return office


async def invited(session: AsyncSession, unit_code: str) -> Unit | None:
    """The unit of a poster's code; None where there is none, or one of that code in two offices:
    a wrong poster never keeps anybody from telling."""
    if not unit_code:
        return None
    found = await session.scalars(
        select(Unit).where(func.upper(Unit.code) == unit_code.upper(), Unit.closed_at.is_(None))
    )
    units = found.all()
    return units[0] if len(units) == 1 else None


async def report(
    session: AsyncSession,
    vault: Vault,
    told: Told,
    author: Author,
    now: datetime,
    *,
    joins: str | None = None,
    entered_by: Officer | None = None,
    entered_as: EnteredAs | None = None,
    office_id: str | None = None,
) -> Filed:
    """Files one person's report and makes its receipt: of a new deed, or of `joins`, which it
    strengthens and is never merged into. `office_id` is where it is known whose it is, else that
    of the inviting unit. Raises UserError."""
    form = await forms.form_of(session)
    told = forms.fitting(form, told)
    forms.check(form, told)
    deed = await _joined(session, joins) if joins else None
    actor = f"officer:{entered_by.id}" if entered_by else stages.CITIZEN
    is_first = deed is None
    if deed is None:
        deed = await _new_deed(session, vault, told, author, now, office_id)
    person = await _teller(session, vault, author, now)
    row = DeedReport(
        id=new_id(), deed_id=deed.id, number=await _next_number(session, deed),
        person_id=person.id, contact_id=author.contact_id, channel=author.channel,
        locale=author.locale, form_hash=await forms.keep(session, form, now),
        relation=Relation(told.relation), may_show_name=told.may_show_name,
        entered_by=entered_by.id if entered_by else None, entered_as=entered_as,
        invited_by=author.unit_code, state=ReportState.GIVEN, received_at=now,
        source_mark=vault.fingerprint("deed-source", f"{deed.id}:{author.address}"),
        words_mark=vault.fingerprint("deed-words", f"{deed.id}:{plain(told.what) or new_id()}"),
    )  # fmt: skip
    row.told = vault.seal(_key(person), forms.dump(told), similar.told_place(row.id))
    session.add(row)
    await session.flush()
    await _weigh(session, deed)
    was_urgent = deed.urgent
    deed.urgent = was_urgent or told.field_code in form.urgent
    await similar.index(session, vault, row, told)
    _add_files(session, deed, row, told, now)
    stages.note(session, now, actor, "tell" if is_first else "join", deed.id, row.id)
    code = await receipts.issue(session, vault, RECEIPT, row.id, now)
    if deed.urgent and not was_urgent:
        await urgent.tell_officers(session, vault, deed, now)
    await session.flush()
    return Filed(code, row, deed)


async def enter(
    session: AsyncSession,
    vault: Vault,
    told: Told,
    officer: Officer,
    how: EnteredAs,
    now: datetime,
    *,
    person_id: str | None = None,
    joins: str | None = None,
) -> Filed:
    """What came by telephone, on paper or in person, labelled so [C11]. `person_id` is the sealed
    row of whoever told it. The receipt is for the citizen: nothing leads from the officer to it
    afterwards. Raises UserError."""
    if officer.revoked_at is not None or officer.role != Role.OFFICER:
        raise UserError("deeds-officers-only")
    # A source of its own: two callers written down by one officer are not one caller.
    author = Author(str(how), "vi", f"{how}:{person_id or new_id()}", person_id=person_id)
    return await report(
        session, vault, told, author, now, joins=joins, entered_by=officer, entered_as=how,
        office_id=officer.office_id,
    )  # fmt: skip


async def _joined(session: AsyncSession, deed_id: str) -> Deed:
    deed: Deed | None = await session.scalar(
        select(Deed)
        .where(Deed.id == deed_id, Deed.state.in_(LIVE_DEEDS))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if deed is None:
        raise UserError("deeds-join-gone")
    return deed


async def _new_deed(
    session: AsyncSession,
    vault: Vault,
    told: Told,
    author: Author,
    now: datetime,
    office_id: str | None,
) -> Deed:
    subject = identity.new_person(session, vault, now)
    identity.seal_identity(vault, subject, name=told.name)
    office_id = office_id or (await office_for(session, author.unit_code)).id
    await session.flush()
    deed = Deed(
        id=new_id(), office_id=office_id, subject_kind=SubjectKind(told.kind),
        subject_id=subject.id, province=told.province, commune=told.commune,
        happened_on=told.day, lasting=told.lasting, field_code=told.field_code or None,
        is_child=Known(told.child), rewarded=Known(told.rewarded), urgent=False,
        state=DeedState.RECEIVED, state_at=now, made_at=now,
    )  # fmt: skip
    session.add(deed)
    await session.flush()
    session.add_all(DeedInGroup(deed_id=deed.id, group_code=code) for code in told.groups)
    return deed


async def _teller(session: AsyncSession, vault: Vault, author: Author, now: datetime) -> Person:
    if author.person_id is not None:
        return await session.get_one(Person, author.person_id)
    person = identity.new_person(session, vault, now)
    await session.flush()
    return person


async def _next_number(session: AsyncSession, deed: Deed) -> int:
    newest = select(func.max(DeedReport.number)).where(DeedReport.deed_id == deed.id)
    return (await session.scalar(newest) or 0) + 1


def _key(person: Person) -> bytes:
    if person.wrapped_key is None:
        raise UserError("common-start-again")
    return person.wrapped_key


async def _weigh(session: AsyncSession, deed: Deed) -> None:
    """One word from outside, and it is nobody's own praise any more."""
    relations = {row.relation for row in await reports_of(session, deed)}
    deed.by_self = relations == {Relation.SELF}
    deed.by_own_unit = Relation.OWN_UNIT in relations <= {Relation.SELF, Relation.OWN_UNIT}


def _add_files(
    session: AsyncSession, deed: Deed, row: DeedReport, told: Told, now: datetime
) -> None:
    answers = {file_id: question for question, file_id in told.voices.items()}
    session.add_all(
        DeedFile(
            deed_id=deed.id, file_id=file_id, report_id=row.id, added_at=now,
            answers=answers.get(file_id, ""),
        )
        for file_id in told.all_files
    )  # fmt: skip


# Who tells it, and how independent they are


@dataclass(frozen=True)
class Shared:
    """Reports of one deed that have something in common: a fact, not a verdict."""

    what: str
    """`source`, `words` or `invitation`."""
    numbers: tuple[int, ...]


async def reports_of(session: AsyncSession, deed: Deed) -> Sequence[DeedReport]:
    """Those who still stand by it, in the order in which they came."""
    found = await session.scalars(
        select(DeedReport)
        .where(DeedReport.deed_id == deed.id, DeedReport.state == ReportState.GIVEN)
        .order_by(DeedReport.number)
    )
    return found.all()


def shared(rows: Iterable[DeedReport]) -> list[Shared]:
    """What is known of who may have agreed with whom. Empty means only that nothing is seen."""
    seen: dict[tuple[str, str | bytes], list[int]] = {}
    for row in rows:
        marks: dict[str, str | bytes] = {
            "source": row.source_mark, "words": row.words_mark, "invitation": row.invited_by,
        }  # fmt: skip
        for what, mark in marks.items():
            if mark:
                seen.setdefault((what, mark), []).append(row.number)
    return [Shared(what, tuple(found)) for (what, _), found in seen.items() if len(found) > 1]


async def told_by(session: AsyncSession, contact_id: int, most: int) -> Sequence[DeedReport]:
    """What was told in this chat and is stood by, the newest first."""
    found = await session.scalars(
        select(DeedReport)
        .where(DeedReport.contact_id == contact_id, DeedReport.state == ReportState.GIVEN)
        .order_by(DeedReport.received_at.desc(), DeedReport.id)
        .limit(most)
    )
    return found.all()


async def told_in(session: AsyncSession, vault: Vault, row: DeedReport) -> Told | None:
    """The answers as they were given; None once they were erased."""
    person = await session.get_one(Person, row.person_id)
    if row.told is None or person.wrapped_key is None:
        return None
    try:
        return forms.load(vault.unseal(person.wrapped_key, row.told, similar.told_place(row.id)))
    except Unreadable:
        return None


async def subject_name(session: AsyncSession, vault: Vault, deed: Deed) -> str:
    """ "" where nobody knows it, or it was forgotten."""
    return identity.identity(vault, await session.get(Person, deed.subject_id)).get("name", "")


# The receipt


@dataclass(frozen=True)
class Standing:
    """What a receipt's holder may see: their own words, where the deed stands, and of the other
    witnesses only how many there are."""

    report: DeedReport
    deed: Deed
    told: Told
    unit: str
    """Who has it in hand; "" while that is the office itself."""
    others: int
    reason: str | Word
    """Why, in the words of the unit or the office."""

    @property
    def stage(self) -> Stage:
        return Stage(self.deed.stage)

    @property
    def state(self) -> DeedState:
        """Of the deed, or that this report was taken back."""
        given = self.report.state == ReportState.GIVEN
        return DeedState(self.deed.state) if given else DeedState.WITHDRAWN


async def standing(session: AsyncSession, vault: Vault, report_id: str) -> Standing | None:
    """None once it was erased."""
    row = await session.get(DeedReport, report_id)
    if row is None or row.state == ReportState.ERASED:
        return None
    told = await told_in(session, vault, row)
    if told is None:
        return None
    deed = await session.get_one(Deed, row.deed_id)
    unit = await session.get(Unit, deed.unit_id) if deed.unit_id else None
    others = [one for one in await reports_of(session, deed) if one.id != row.id]
    given = row.state == ReportState.GIVEN
    reason = await told_reason(session, vault, deed) if given else ""
    return Standing(row, deed, told, unit.name if unit else "", len(others), reason)


async def told_reason(session: AsyncSession, vault: Vault, deed: Deed) -> str | Word:
    """Why it is in its state, for whoever told it. What a unit wrote with its yes is the office's
    alone: it names who confirms."""
    return "" if deed.state == DeedState.CONFIRMED else await reason_of(session, vault, deed)


async def reason_of(session: AsyncSession, vault: Vault, deed: Deed) -> str | Word:
    """Why it is in its state, for its office; "" where nothing was said."""
    if deed.reason == ONLY_DUTY:
        return Word("deeds-only-duty")
    if deed.reason == CONSENT_WITHDRAWN:
        return Word("deeds-consent-withdrawn")
    if not deed.reason.startswith(CHECK):
        return deed.reason
    check = await session.get(DeedCheck, deed.reason.removeprefix(CHECK))
    subject = await session.get_one(Person, deed.subject_id)
    if check is None or check.reason is None or subject.wrapped_key is None:
        return ""
    return vault.unseal(subject.wrapped_key, check.reason, f"deed_checks.reason:{check.id}")


def is_ours(receipt: Receipt) -> bool:
    return receipt.subject_kind == RECEIPT


# Taking it back


async def take_back(session: AsyncSession, row: DeedReport, now: datetime) -> None:
    """Its teller no longer stands by it; found by nobody any more. Raises UserError."""
    if row.state != ReportState.GIVEN:
        raise UserError("deeds-already-withdrawn")
    row.state = ReportState.WITHDRAWN
    await _let_go(session, row, "withdraw", now)


async def erase(session: AsyncSession, vault: Vault, row: DeedReport, now: datetime) -> list[str]:
    """Destroys the key of whoever told it, and with it all they said. Returns the ids of the
    files to delete. What an office confirmed by itself stays, without these words (Law 91/2025,
    article 14)."""
    if row.state == ReportState.ERASED:
        raise UserError("common-start-again")
    stood_by = row.state == ReportState.GIVEN
    identity.forget(await session.get_one(Person, row.person_id), now)
    row.told, row.contact_id, row.state = None, None, ReportState.ERASED
    waits = OutboxMessage.dedupe_key.startswith(told_key(row.id), autoescape=True)
    await outbox.withdraw(session, waits, now)
    files = (await session.scalars(select(DeedFile).where(DeedFile.report_id == row.id))).all()
    for file in files:
        await session.delete(file)
    if stood_by:
        await _let_go(session, row, "erase", now)
    else:
        stages.note(session, now, stages.CITIZEN, "erase", row.deed_id, row.id)
    deed = await session.get_one(Deed, row.deed_id)
    if deed.state == DeedState.WITHDRAWN and not await _is_told(session, deed):
        identity.forget(await session.get_one(Person, deed.subject_id), now)
    await session.flush()
    return [file.file_id for file in files]


def told_key(report_id: str) -> str:
    """What the keys begin with of all that its teller is told."""
    return f"deed:{report_id}:"


async def _let_go(session: AsyncSession, row: DeedReport, verb: str, now: datetime) -> None:
    """With the last report goes a deed that nobody else has confirmed."""
    await similar.forget(session, row)
    stages.note(session, now, stages.CITIZEN, verb, row.deed_id, row.id)
    await session.flush()
    deed = await session.get_one(Deed, row.deed_id)
    if await reports_of(session, deed):
        return await _weigh(session, deed)
    if deed.state not in _UNCHECKED:
        return None
    check = await stages.open_check(session, deed)
    if check is not None:
        check.called_back_at = now
    return await stages.become(session, deed, DeedState.WITHDRAWN, stages.CITIZEN, now)


async def _is_told(session: AsyncSession, deed: Deed) -> bool:
    """Whether anybody's words are still there, stood by or not."""
    kept = select(DeedReport.id).where(DeedReport.deed_id == deed.id, DeedReport.told.is_not(None))
    return await session.scalar(kept.limit(1)) is not None

"""The office's year: copied from templates, set, changed, moved and cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from bot import i18n, replies
from bot.clock import OutsideCoverage, end_of_day
from bot.replies import UserError
from bot.vault import Vault
from handlers.deadlines import duties
from handlers.deadlines.calendar import arming, ladders, office_unit, service, templates
from handlers.deadlines.calendar.service import Terms
from handlers.deadlines.reminders import ladder, planner
from handlers.deadlines.reminders.ladder import DEFAULT_LADDER
from storage.db import Database
from storage.models.base import new_id
from storage.models.deadlines import (
    Audience,
    Deadline,
    DeadlineMove,
    DeadlineState,
    Duty,
    DutyState,
    Movement,
    Work,
)
from storage.models.office import Act
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import MessageClass, OutboxMessage
from storage.models.units import MemberAddress, MemberRank, Unit, UnitKind
from storage.seed import load_catalogue, shipped
from tests.deadlines.ground import Ground, at

VAULT = Vault("an invented secret, long enough for tests")
NOW = at("2027-01-11", 9)
DUE = end_of_day(date(2027, 3, 31))
LATER = end_of_day(date(2027, 4, 15))
WHY = "Theo công văn mới của Sở"


async def _grounds(url: str) -> AsyncIterator[Ground]:
    db = Database(url)
    async with db.transaction() as session:
        yield await Ground(session).office()
    await db.close()


@pytest.fixture
async def ground(sqlite_url: str) -> AsyncIterator[Ground]:
    async for made in _grounds(sqlite_url):
        yield made


@pytest.fixture
async def either(database_url: str) -> AsyncIterator[Ground]:
    """As `ground`, on each database."""
    async for made in _grounds(database_url):
        yield made


def terms(**given: object) -> Terms:
    usual: Terms = {"title": "Đăng ký thi đua", "work": Work.REGISTRATION, "due_at": DUE}
    return Terms(**{**usual, **given})  # type: ignore[typeddict-item]


async def added(ground: Ground, code: str = "DK-2027", **given: object) -> Deadline:
    return await service.add(
        ground.session, ground.office_id, code, terms(**given), "command", NOW
    )


async def armed(ground: Ground, **given: object) -> Deadline:
    deadline = await added(ground, "DK-2027", **given)
    await arming.arm(ground.session, [deadline], "command", NOW)
    return deadline


async def move(ground: Ground, deadline: Deadline, to: object = LATER, why: str = WHY) -> int:
    return await service.move(
        ground.session, VAULT, deadline, to, why, "command", NOW + timedelta(days=1)  # type: ignore[arg-type]
    )  # fmt: skip


async def acts(ground: Ground) -> list[str]:
    await ground.session.flush()
    return list(await ground.session.scalars(select(Act.verb).order_by(Act.id)))


async def told(ground: Ground) -> list[tuple[int, str]]:
    """(contact, words) of every notice owed."""
    await ground.session.flush()
    rows = await ground.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
    found = []
    for row in rows:
        assert row.kind == MessageClass.NOTICE
        assert row.reply is not None
        message = replies.load(VAULT.unseal_system(row.reply, "outbox"))
        found.append((row.contact_id, i18n.words(message, "vi")))
    return found


# The templates


def test_every_template_says_what_it_rests_on_and_none_claims_what_was_not_read() -> None:
    found = templates.templates()
    assert {"DK_THIDUA", "KY_GIAOUOC", "SOKET_6T", "DK_SANGKIEN", "HOSO_NAM", "TONGKET_CUMKHOI",
            "BC_THONGKE", "HOSO_CTDCP", "HOSO_CSTDTQ", "HOSO_GD"} <= set(found)  # fmt: skip
    for one in found.values():
        assert one.basis, one.code
        assert one.source, one.code
        assert set(one.for_kinds) <= set(UnitKind), one.code
        assert not one.variant_of or one.variant_of in found
        assert len(f"{one.code}-2027-BNV") <= 48
    assert not [code for code, one in found.items() if one.verified]


def test_registering_is_never_called_a_duty_of_the_law() -> None:
    for code in ("DK_THIDUA", "DK_THIDUA_GD"):
        basis = templates.template(code).basis
        assert "không phải thủ tục luật bắt buộc" in basis
        assert templates.template(code).mandatory is False


def test_schools_have_dates_of_the_school_year_and_others_do_not_share_them() -> None:
    for one in templates.templates().values():
        if one.school_year:
            assert one.for_kinds == ("school",)
            assert "school" not in templates.template(one.variant_of).for_kinds


def test_an_unknown_template_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError) as refusal:
        templates.template("KHONG_CO")
    assert "DK_THIDUA" in i18n.words(refusal.value.reply, "vi")


async def test_movements_come_with_the_catalogue_and_what_was_corrected_stays(
    ground: Ground,
) -> None:
    await load_catalogue(ground.session)
    one = await ground.session.get_one(Movement, "NTM")
    one.name_vi = "Nông thôn mới (đã sửa)"
    await ground.session.execute(delete(Movement).where(Movement.code == "XOA_NHA_TAM"))
    assert await load_catalogue(ground.session) == 1
    assert one.name_vi == "Nông thôn mới (đã sửa)"
    rows = shipped("movements_vn.json")
    assert [row["code"] for row in rows if row["ended"]] == ["XOA_NHA_TAM"]
    assert all(row["source"] for row in rows)


# A year


async def copy(ground: Ground, **dates: date) -> dict[str, str]:
    found = await service.copy(ground.session, ground.office_id, 2027, dates, "command", NOW)
    return {one.deadline.code: one.outcome for one in found}


async def test_a_year_is_copied_once_with_the_offices_own_dates(either: Ground) -> None:
    first = await copy(either, DK_THIDUA=date(2027, 3, 25))
    assert set(first.values()) == {"added"}
    again = await copy(either)
    assert set(again.values()) == {"kept"}
    assert set(again) == set(first)
    rows = await service.listed(either.session, either.office_id, 2027)
    assert len(rows) == len(first)
    by_code = {one.code: one for one in rows}
    assert by_code["DK_THIDUA-2027"].due_at == end_of_day(date(2027, 3, 25))
    assert by_code["KY_GIAOUOC-2027"].due_at == end_of_day(date(2027, 3, 31))
    assert by_code["DK_THIDUA-2027"].state == DeadlineState.DRAFT
    assert by_code["DK_THIDUA-2027"].template == "DK_THIDUA"
    assert not await either.session.scalar(select(func.count()).select_from(Duty))


async def test_copying_again_changes_a_draft_but_never_what_runs(ground: Ground) -> None:
    await copy(ground)
    other = {"DK_THIDUA": date(2027, 3, 26), "KY_GIAOUOC": date(2027, 3, 30)}
    compact = await service.by_code(ground.session, ground.office_id, "ky_giaouoc-2027")
    await arming.arm(ground.session, [compact], "command", NOW)
    outcome = await copy(ground, **other)
    assert outcome["DK_THIDUA-2027"] == "changed"
    assert outcome["KY_GIAOUOC-2027"] == "armed"
    assert compact.due_at == end_of_day(date(2027, 3, 31))


async def test_an_optional_template_comes_only_when_it_is_named(ground: Ground) -> None:
    assert "NGAY_TDYN-2027" not in await copy(ground)
    assert (await copy(ground, NGAY_TDYN=date(2027, 6, 11)))["NGAY_TDYN-2027"] == "added"


async def test_what_goes_to_the_ministry_is_the_offices_own_and_units_hand_in_before(
    ground: Ground,
) -> None:
    await ground.unit("X1")
    await copy(ground)
    flag = await service.by_code(ground.session, ground.office_id, "HOSO_CTDCP-2027")
    ours = await service.by_code(ground.session, ground.office_id, "HOSO_CTDCP-2027-BNV")
    assert ours.due_at == end_of_day(date(2027, 6, 30))
    assert flag.due_at == end_of_day(date(2027, 5, 14)), "45 days before is a Sunday"
    kinds = {
        one.code: await ground.session.scalars(duties.bearers(one).with_only_columns(Unit.kind))
        for one in (flag, ours)
    }
    assert set(kinds["HOSO_CTDCP-2027"]) == {"commune"}
    assert set(kinds["HOSO_CTDCP-2027-BNV"]) == {"office"}


async def test_a_year_beyond_the_holiday_table_is_refused_and_nothing_is_written(
    ground: Ground,
) -> None:
    with pytest.raises(OutsideCoverage, match="2024-01-01 to 2030-12-31"):
        await service.copy(ground.session, ground.office_id, 2031, {}, "command", NOW)
    assert not await service.listed(ground.session, ground.office_id)


# One date


@pytest.mark.parametrize(
    ("code", "given", "key"),
    [
        ("đăng ký", {}, "calendar-bad-code"),
        ("A" * 49, {}, "calendar-bad-code"),
        ("OK", {"title": "  "}, "calendar-title-needed"),
        ("OK", {"title": "x" * 301}, "calendar-title-needed"),
    ],
)
async def test_a_date_that_cannot_be_is_refused(
    ground: Ground, code: str, given: dict[str, object], key: str
) -> None:
    with pytest.raises(UserError) as refusal:
        await added(ground, code, **given)
    assert refusal.value.reply.key == key


async def test_a_code_is_taken_once_and_a_date_beyond_the_table_refused(ground: Ground) -> None:
    await added(ground)
    with pytest.raises(UserError, match="calendar-code-taken"):
        await added(ground, "dk-2027")
    with pytest.raises(OutsideCoverage):
        await added(ground, "SAU", due_at=end_of_day(date(2031, 1, 5)))


async def test_editing_says_what_changed_and_an_urgent_date_stands_in_the_log(
    ground: Ground,
) -> None:
    deadline = await added(ground)
    changed = await service.edit(
        ground.session, deadline, {"title": "Đăng ký", "urgent": True, "mandatory": False},
        "command", NOW,
    )  # fmt: skip
    assert set(changed) == {"title", "urgent"}
    assert await service.edit(ground.session, deadline, {"urgent": True}, "command", NOW) == []
    assert await acts(ground) == ["add deadline", "make urgent", "edit deadline"]


async def test_an_armed_date_is_moved_with_a_reason_and_not_edited(ground: Ground) -> None:
    deadline = await armed(ground)
    with pytest.raises(UserError, match="calendar-armed-is-moved"):
        await service.edit(ground.session, deadline, {"due_at": LATER}, "command", NOW)


async def test_other_kinds_of_unit_owe_it_when_that_is_changed(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.unit("T1", UnitKind.SCHOOL)
    deadline = await armed(ground, for_kinds=["commune"])
    await service.edit(ground.session, deadline, {"for_kinds": ["school"]}, "command", NOW)
    states = {unit: (await ground.duty(unit, deadline)).state for unit in ("X1", "T1")}
    assert states == {"X1": DutyState.CANCELLED, "T1": DutyState.NOT_STARTED}


# Moving


async def test_a_moved_date_keeps_its_history_and_replans(either: Ground) -> None:
    await either.unit("X1")
    await either.member("X1")
    deadline = await armed(either)
    for step, state in (
        ("T-30", ReminderState.SENT), ("T-15", ReminderState.DEFERRED),
        ("T-7", ReminderState.PLANNED), ("again 2027-01-20", ReminderState.PLANNED),
    ):  # fmt: skip
        either.session.add(
            Reminder(
                unit_id=either.by_code["X1"], deadline_id=deadline.id, step=step, recipient="m",
                planned_at=NOW, due_at=NOW, state=state, at=NOW,
            )
        )  # fmt: skip
    await either.session.flush()
    await move(either, deadline)
    assert (deadline.due_at, deadline.revision) == (LATER, 1)
    assert deadline.planned_until == NOW + timedelta(days=1)
    (kept,) = await service.moves(either.session, deadline)
    assert (kept.old_due_at, kept.new_due_at, kept.reason) == (DUE, LATER, WHY)
    assert await either.ledger() == [
        ("T-30", "sent", ""), ("T-15", "skipped", "moved"), ("T-7", "skipped", "moved"),
        ("again 2027-01-20", "planned", ""),
    ]  # fmt: skip
    assert (await acts(either))[-1] == "move deadline"


async def test_of_the_new_ladder_nothing_past_is_sent_and_what_comes_is(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.member("X1")
    deadline = await armed(ground)
    await planner.plan(ground.session, at("2027-03-16", 9))
    await ground.session.refresh(deadline)
    sooner = end_of_day(date(2027, 3, 24))
    """Whose T-7 was due two hours before the move."""
    await service.move(
        ground.session, VAULT, deadline, sooner, WHY, "command", at("2027-03-17", 10)
    )
    await ground.session.flush()
    await planner.plan(ground.session, at("2027-03-17", 11))
    before = {step for step, *_ in await ground.ledger()}
    await planner.plan(ground.session, at("2027-03-22", 9))
    after = {step for step, *_ in await ground.ledger()}
    assert not any("(1)" in step for step in before)
    assert after - before == {"T-3 (1)"}


async def test_everybody_who_owes_it_is_told_once_of_a_move(either: Ground) -> None:
    for code in ("X1", "X2", "X3", "X4"):
        await either.unit(code)
    focal = await either.member("X1")
    await either.member("X1", MemberRank.HEAD)
    await either.member("X2", blocked=True)
    await either.member("X3", opted_out_at=NOW)
    await either.member("X4")
    deadline = await armed(either)
    done = await either.duty("X4", deadline)
    await duties.become(either.session, done, DutyState.SUBMITTED, "member:x", NOW)
    second = await either.member("X2", chats=[])
    contact = await either.session.scalar(
        select(MemberAddress.contact_id).where(MemberAddress.member_id == focal)
    )
    either.session.add(MemberAddress(member_id=second, contact_id=contact, added_at=NOW))
    await either.session.flush()
    assert await move(either, deadline) == 2
    owed = await told(either)
    assert len({who for who, _ in owed}) == len(owed) == 2
    first = dict(owed)[contact or 0]
    assert "Xã X1; Xã X2" in first
    assert "24:00 thứ Tư, ngày 31/03/2027" in first
    assert "24:00 thứ Năm, ngày 15/04/2027" in first
    assert WHY in first
    assert await move(either, deadline, DUE) == 2, "a second move is told again"


async def test_whose_own_date_stays_is_not_told(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.member("X1")
    deadline = await armed(ground)
    (await ground.duty("X1", deadline)).own_due_at = LATER + timedelta(days=30)
    await ground.session.flush()
    assert await move(ground, deadline) == 0


async def test_at_night_the_news_of_a_move_waits_for_the_morning(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.member("X1")
    deadline = await armed(ground)
    friday_night = at("2027-01-15", 22)
    await service.move(ground.session, VAULT, deadline, LATER, WHY, "command", friday_night)
    await ground.session.flush()
    due = await ground.session.scalar(select(OutboxMessage.due_at))
    assert due == at("2027-01-18", 7)


@pytest.mark.parametrize(
    ("to", "why", "key"),
    [
        (LATER, "  ", "calendar-reason-needed"),
        (LATER, "x" * 501, "calendar-reason-long"),
        (DUE, WHY, "calendar-move-same"),
        (end_of_day(date(2027, 1, 5)), WHY, "calendar-move-past"),
    ],
)
async def test_a_move_that_cannot_be_changes_nothing(
    ground: Ground, to: object, why: str, key: str
) -> None:
    deadline = await armed(ground)
    with pytest.raises(UserError) as refusal:
        await move(ground, deadline, to, why)
    assert refusal.value.reply.key == key
    assert (deadline.due_at, deadline.revision) == (DUE, 0)
    with pytest.raises(OutsideCoverage):
        await move(ground, deadline, end_of_day(date(2031, 1, 2)))
    assert not await ground.session.scalar(select(func.count()).select_from(DeadlineMove))


async def test_nothing_running_is_changed_so_that_a_step_leaves_the_holiday_table(
    ground: Ground,
) -> None:
    """Every one of its steps was silent from then on."""
    deadline = await armed(ground)
    last = end_of_day(date(2030, 12, 30))
    with pytest.raises(OutsideCoverage):
        await move(ground, deadline, last)
    assert (deadline.due_at, deadline.revision) == (DUE, 0)
    far = [ladder.rung(2_000, Audience.OFFICE)]
    with pytest.raises(OutsideCoverage):
        await service.edit(ground.session, deadline, {"ladder": far}, "command", NOW)
    assert deadline.ladder == DEFAULT_LADDER
    short = [ladder.rung(-3, Audience.FOCAL)]
    await service.edit(ground.session, deadline, {"ladder": short}, "command", NOW)
    await move(ground, deadline, last)
    assert deadline.due_at == last


async def test_a_draft_is_moved_without_telling_anybody(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.member("X1")
    deadline = await added(ground)
    assert await move(ground, deadline) == 0
    assert (deadline.due_at, deadline.planned_until) == (LATER, None)


# Cancelling


async def test_a_cancelled_date_is_owed_by_nobody_and_stops_at_once(either: Ground) -> None:
    await either.unit("X1")
    await either.unit("X2")
    await either.member("X1")
    deadline = await armed(either)
    accepted = await either.duty("X2", deadline)
    for state in (DutyState.SUBMITTED, DutyState.ACCEPTED):
        await duties.become(either.session, accepted, state, "member:x", NOW)
    either.session.add(
        Reminder(
            unit_id=either.by_code["X1"], deadline_id=deadline.id, step="again 2027-01-20",
            recipient="m", planned_at=NOW, due_at=NOW, state=ReminderState.PLANNED, at=NOW,
        )
    )  # fmt: skip
    await either.session.flush()
    assert await service.cancel(either.session, VAULT, deadline, WHY, "command", NOW) == 1
    ((_, words),) = await told(either)
    assert "không phải làm gì thêm" in words
    assert (await either.duty("X1", deadline)).state == DutyState.CANCELLED
    assert accepted.state == DutyState.ACCEPTED
    assert [state for _, state, _ in await either.ledger()] == ["skipped"]
    assert await planner.plan(either.session, at("2027-03-16", 9)) == 0
    with pytest.raises(UserError, match="calendar-is-cancelled"):
        await move(either, deadline)
    with pytest.raises(UserError, match="calendar-is-cancelled"):
        await service.edit(either.session, deadline, {"title": "x"}, "command", NOW)


# The ladder as it is typed


def test_a_ladder_is_read_in_order_of_time_with_its_audiences() -> None:
    found = ladders.parse("t0, T-7 ,T+1:head;T-30,T+6:OFFICE")
    assert [(one["step"], one["days"], one["to"]) for one in found] == [
        ("T-30", -30, "focal"), ("T-7", -7, "focal"), ("T0", 0, "focal"), ("T+1", 1, "head"),
        ("T+6", 6, "office"),
    ]  # fmt: skip
    assert ladders.parse("default") == DEFAULT_LADDER
    assert ladders.parse(ladders.written(DEFAULT_LADDER)) == DEFAULT_LADDER


@pytest.mark.parametrize(
    ("typed", "key", "named"),
    [
        ("", "calendar-ladder-empty", ""),
        (" , ", "calendar-ladder-empty", ""),
        ("T-7,7", "calendar-ladder-step", "7"),
        ("T7", "calendar-ladder-step", "T7"),
        ("T-7:", "calendar-ladder-step", "T-7:"),
        ("T-7:boss", "calendar-ladder-to", "focal, head, cluster, office"),
        ("T-7,T-3,T-7:head", "calendar-ladder-twice", "T-7"),
        ("T-400", "calendar-ladder-far", "365"),
        (",".join(f"T-{n}" for n in range(1, 23)), "calendar-ladder-long", "20"),
    ],
)
def test_a_ladder_that_cannot_be_is_refused_and_the_step_is_named(
    typed: str, key: str, named: str
) -> None:
    with pytest.raises(UserError) as refusal:
        ladders.parse(typed)
    assert refusal.value.reply.key == key
    assert named in i18n.words(refusal.value.reply, "vi")


@given(st.dictionaries(st.integers(-365, 365), st.sampled_from(Audience), min_size=1, max_size=20))
def test_a_ladder_that_is_written_out_is_read_again(steps: dict[int, Audience]) -> None:
    typed = ",".join(f"T{days:+d}:{to}" if days else f"T0:{to}" for days, to in steps.items())
    found = ladders.parse(typed)
    assert {one["days"]: one["to"] for one in found} == steps
    assert ladders.parse(ladders.written(found)) == found


# The office's own unit


async def test_the_office_becomes_a_unit_once_whatever_codes_are_taken(either: Ground) -> None:
    either.session.add(
        Unit(id=new_id(), office_id=either.office_id, code="AH", name="Xã An Hạ", kind="commune")
    )
    await either.session.flush()
    made = await office_unit.ensure(either.session, either.office_id)
    assert (made.kind, made.code, made.name) == ("office", "AH-2", "Phòng Thi đua")
    assert await office_unit.ensure(either.session, either.office_id) is made

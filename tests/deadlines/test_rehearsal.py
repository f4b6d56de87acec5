"""A season played beforehand, and the account of one that was: nothing sent, all explained."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot.clock import VIETNAM
from handlers.deadlines import duties
from handlers.deadlines.reminders import feed, planner, rehearsal
from handlers.deadlines.reminders.rehearsal import Season
from storage.db import Database
from storage.models.base import Base
from storage.models.deadlines import DeadlineMove, DeadlineState, DutyState
from storage.models.reminders import NOBODY, Reminder
from storage.models.units import MemberRank
from tests.deadlines.ground import TELEGRAM, WEBCHAT, Ground, at
from tests.deadlines.test_feed import VAULT
from tests.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    desk = Desk(tmp_path, capsys)
    assert desk.types("migrate").code == 0
    return desk


def furnish(desk: Desk, work: Callable[[Ground], Awaitable[None]]) -> None:
    """An office in the console's database, and what `work` adds."""

    async def run() -> None:
        db = Database(f"sqlite+aiosqlite:///{desk.home / 'neuguong.db'}")
        async with db.transaction() as session:
            await work(await Ground(session).office())
        await db.close()

    asyncio.run(run())


async def town(ground: Ground) -> None:
    """Ten units in a cluster, one of them without anybody; a date before Tết, one in March."""
    for number in range(10):
        await ground.unit(f"X{number}")
        if number < 9:
            chats = (TELEGRAM, WEBCHAT) if number % 2 else (TELEGRAM,)
            await ground.member(f"X{number}", chats=chats)
            await ground.member(f"X{number}", MemberRank.HEAD)
    await ground.cluster("C1", 2027, *(f"X{number}" for number in range(10)))
    await ground.officer()
    await ground.deadline("DK", "2027-03-31")
    await ground.deadline("TET", "2027-02-07")
    await ground.deadline("DRAFT", "2027-03-31", state=DeadlineState.DRAFT, armed_at=None)


def rehearsed(desk: Desk, *words: str) -> dict[str, Any]:
    out = desk.home / "season.json"
    said = desk.types(
        "rehearse", "--from", "2026-12-01", "--to", "2027-03-31", *words,
        "--format", "json", "--out", str(out),
    )  # fmt: skip
    assert said.code == 0, said
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def test_every_step_of_the_season_is_in_the_table_once(desk: Desk) -> None:
    furnish(desk, town)
    found = rehearsed(desk)
    steps = Counter(
        (one["unit"], one["deadline"], one["step"])
        for one in [*found["sends"], *found["not_sent"]]
        if one["recipient"] != NOBODY
    )
    ladder = ["T-30", "T-15", "T-7", "T-3", "T-1", "T0"]
    wanted = {(f"X{n}", code, step) for n in range(9) for code in ("DK", "TET") for step in ladder}
    assert wanted <= set(steps)
    assert set(steps.values()) == {1}
    assert not [one for one in found["sends"] if one["deadline"] == "DRAFT"]
    for one in found["sends"]:
        local = datetime.fromisoformat(one["at"]).astimezone(VIETNAM)
        assert time(7) <= local.time() < time(21)
        assert local.weekday() < 5
    assert {one["reason"] for one in found["not_sent"]} == {"merged", "no_contact"}


def test_nothing_is_sent_and_nothing_is_written(desk: Desk) -> None:
    furnish(desk, town)
    rehearsed(desk, "--blocked", "20%", "--drafts")
    counts = [
        int(desk.asks(f"SELECT count(*) FROM {what}")[0][0])
        for what in ("outbox", "reminders", "deadlines WHERE state = 'draft'", "duties")
    ]
    assert counts == [0, 0, 1, 20]


def test_drafts_are_played_when_asked_for(desk: Desk) -> None:
    furnish(desk, town)
    found = rehearsed(desk, "--drafts")
    assert {one["deadline"] for one in found["sends"]} == {"DK", "TET", "DRAFT"}
    together = [one for one in found["sends"] if "merged_into" in one]
    carriers = {one["id"] for one in found["sends"] if "merged_into" not in one}
    assert together
    assert {one["merged_into"] for one in together} <= carriers


def test_an_outage_leaves_the_newest_step_only(desk: Desk) -> None:
    furnish(desk, town)
    found = rehearsed(desk, "--outage", "2027-03-10T08:00/2027-03-26T12:00")
    late = {(one["step"], one["at"][:16]) for one in found["sends"] if one["reason"] == "late"}
    assert late == {("T-7", "2027-03-26T12:00")}
    missed = {one["step"] for one in found["not_sent"] if one["reason"] == "outage"}
    assert missed == {"T-15"}


def test_dead_chats_are_the_same_for_the_same_seed_and_gone_round(desk: Desk) -> None:
    furnish(desk, town)
    one, again = (rehearsed(desk, "--blocked", "0.3", "--seed", "4") for _ in range(2))
    other = rehearsed(desk, "--blocked", "0.3", "--seed", "5")
    assert one["sends"] == again["sends"]
    assert one["sends"] != other["sends"]
    assert {"instead", "next_chat"} & {row["reason"] for row in one["sends"]}
    assert "unreachable" in {row["reason"] for row in one["not_sent"]}


def test_the_report_can_be_read(desk: Desk) -> None:
    furnish(desk, town)
    said = desk.types("rehearse", "--from", "2026-12-01", "--to", "2027-03-31")
    assert said.code == 0
    progress = said.err.splitlines()
    assert progress
    assert len(progress) == len(set(progress)), "the last line was there twice"
    for words in (
        "Không có tin nào được gửi thật", "thứ Hai, ngày 01/03/2027: 9 tin, 9 việc",
        "Người nhận nhiều tin nhất:", "1 đơn vị không ai nhận được tin", "X9: đơn vị chưa có ai",
    ):  # fmt: skip
        assert words in said.out
    english = desk.types(
        "rehearse", "--from", "2026-12-01", "--to", "2027-03-31", default_locale="en"
    )
    assert "1 unit in which nobody is reached" in english.out
    assert desk.types("rehearse", "--from", "2027-12-01", "--to", "2027-03-31").code == 1


@pytest.mark.parametrize(
    "words",
    [("--outage", "tomorrow"), ("--outage", "2027-01-04/2027-01-03"), ("--blocked", "120%")],
)
def test_what_makes_no_sense_is_refused(desk: Desk, words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        desk.types("rehearse", "--from", "2026-12-01", "--to", "2027-03-31", *words)


async def test_no_name_and_no_address_leaves_the_office(sqlite_url: str, tmp_path: Path) -> None:
    db = Database(sqlite_url)
    async with db.transaction() as session:
        await town(await Ground(session).office())
    season = Season(at("2027-01-01").date(), at("2027-03-31").date())
    async with db.reading() as session:
        await rehearsal.rehearse(session, tmp_path, season, lambda done, total: None)
    await db.close()
    content = (tmp_path / "rehearsal.db").read_bytes()
    assert b"focal X1" not in content
    assert "Cán bộ Hoa".encode() not in content
    assert b"X1" in content, "the copy is what was looked at"
    assert "people" in Base.metadata.tables


# Why


async def history(ground: Ground) -> None:
    """T-30 sent late, T-15 missed, T-7 handed in before it was fed, T-3 never planned."""
    session = ground.session
    await ground.unit("X1")
    await ground.member("X1")
    deadline = await ground.deadline("DK", "2027-03-31", armed_at=at("2027-02-20"))
    await ground.deadline("XA", "2027-12-31", armed_at=at("2027-03-01"))
    await planner.plan(session, at("2027-03-01", 11))
    await feed.feed(session, VAULT, at("2027-03-01", 11), 9, *TELEGRAM)
    await session.execute(update(Reminder).values(state="sent"))
    await planner.plan(session, at("2027-03-24"))
    duty = await ground.duty("X1", deadline)
    await duties.become(session, duty, DutyState.SUBMITTED, "command", at("2027-03-24", 8, 1))
    await planner.plan(session, at("2027-03-29"))
    moved = await ground.deadline("MV", "2027-04-30", armed_at=at("2027-03-02"))
    moved.planned_until = at("2027-04-20")
    session.add(
        DeadlineMove(
            deadline_id=moved.id, old_due_at=at("2027-05-30"), new_due_at=moved.due_at,
            reason="theo công văn", actor="command", at=at("2027-04-19"),
        )
    )  # fmt: skip


def test_every_step_has_its_reason(desk: Desk) -> None:
    furnish(desk, history)
    said = desk.types("why", "x1", "dk")
    assert (said.code, said.err) == (0, "")
    blocks = {
        block.split(":")[0]: block
        for block in said.out.replace("\n    ", "|").splitlines()
        if block.startswith("T")
    }
    assert list(blocks)[:3] == ["T-30", "T-15", "T-7"]
    assert "đã gửi" in blocks["T-30"]
    assert "dịch vụ có lúc ngừng" in blocks["T-30"]
    assert "người nhận: focal X1 (đầu mối, kênh Telegram)" in blocks["T-30"]
    assert "lỡ trong lúc dịch vụ ngừng" in blocks["T-15"]
    assert "đơn vị đã nộp" in blocks["T-7"]
    assert "không gửi" in blocks["T-7"]
    assert "không lên lịch" in blocks["T-1"]
    assert "đơn vị đã nộp" in blocks["T-1"]


def test_steps_to_come_and_steps_from_before_are_told_apart(desk: Desk) -> None:
    furnish(desk, history)
    coming = desk.types("why", "X1", "XA").out
    assert coming.count("sắp tới") == 10
    moved = desk.types("why", "X1", "MV", default_locale="en").out
    assert "it came before the date was moved to this one" in moved


async def put_off(ground: Ground) -> None:
    """What a unit's person does not want to hear, an officer hears; but not by night."""
    await ground.unit("X1")
    await ground.member("X1", opted_out_at=at("2027-03-01"))
    await ground.officer()
    await ground.deadline("DK", "2027-03-31", mandatory=True, armed_at=at("2027-03-12"))
    await planner.plan(ground.session, at("2027-03-24"))
    await feed.feed(ground.session, VAULT, at("2027-03-24", 22), 9, *TELEGRAM)


def test_what_goes_to_the_office_instead_says_so_while_it_is_put_off(desk: Desk) -> None:
    furnish(desk, put_off)
    said = desk.types("why", "X1", "DK", "--on", "2027-03-24").out
    assert "lùi lại" in said
    assert said.count("người nhận: Cán bộ Hoa") == 2
    assert "bước mới hơn đã thay" in said
    assert "người của đơn vị đã dừng nhận tin, nên báo cho cơ quan" in said
    assert "đang trong giờ nghỉ" in said


def test_one_day_is_picked_out(desk: Desk) -> None:
    furnish(desk, history)
    said = desk.types("why", "X1", "DK", "--on", "2027-03-16")
    assert "T-15" in said.out
    assert "T-30" not in said.out
    assert "Không có bước nhắc nào" in desk.types("why", "X1", "DK", "--on", "2027-03-17").out


def test_what_was_missed_is_listed_for_all_units_with_whom_to_call(desk: Desk) -> None:
    furnish(desk, history)
    said = desk.types("why", "--missed", "--since", "2027-03-01")
    assert (said.code, said.err) == (0, "")
    assert "Xã X1: Nộp hồ sơ DK" in said.out
    assert "trước hạn 15 ngày, cho đầu mối: đã lỡ, không gửi nữa" in said.out
    assert "Có thể gọi: focal X1 (đầu mối)" in said.out
    assert "trước hạn 30 ngày" not in said.out, "it was sent"
    assert "không có lời nhắc nào" in desk.types("why", "--missed", "--since", "2027-12-01").out
    assert "--missed" in desk.types("why", "X1").err


def test_unknown_codes_are_said_so(desk: Desk) -> None:
    furnish(desk, history)
    assert "Không có đơn vị mang mã X7" in desk.types("why", "X7", "DK").err
    assert "không có hạn mang mã NO" in desk.types("why", "X1", "NO").err

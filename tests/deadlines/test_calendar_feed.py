"""The private calendar: one entry a duty, for who has the address and nobody else."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from icalendar import Calendar
from sqlalchemy import select, update

from handlers.deadlines import duties
from storage.models.base import new_id
from storage.models.deadlines import Deadline, DeadlineMove, DeadlineState, Duty, DutyState, Work
from storage.models.reminders import CalendarFeed
from storage.models.units import Member
from tests.cast import Citizen, WebCitizen
from tests.deadlines.cast import FRIDAY_NIGHT, MONDAY, Owing, contact_id, joins, owing
from tests.world import World

ADDRESS = re.compile(r"http://\S+/lich/([A-Za-z0-9_-]{32})\.ics")
LONG = "Báo cáo sơ kết phong trào “Cả nước chung sức xây dựng nông thôn mới” và phong trào khác"


async def subscriber(world: World, channel: str = "webchat") -> tuple[Citizen, Owing, str]:
    """Made through the chat; the token is what the person was told."""
    citizen = await world.citizen(channel)
    contact = await contact_id(world, citizen)
    owed = await owing(world, Work.REPORT, title=LONG)
    await joins(world, contact, owed.unit_id)
    await citizen.says("/nhacviec")
    await citizen.taps("Lịch trên điện thoại")
    return citizen, owed, await token_of(citizen)


async def token_of(citizen: Citizen) -> str:
    found = ADDRESS.search(await citizen.taps("Tạo địa chỉ"))
    assert found
    return found[1]


async def fetch(world: World, path: str, **headers: str) -> tuple[int, bytes, Any]:
    async with (
        aiohttp.ClientSession(world.links) as http,
        http.get(path, headers=headers) as answer,
    ):
        return answer.status, await answer.read(), answer.headers


def parsed(body: bytes) -> Any:
    """Any: what comes out of a file may be anything, and the tests say what it is."""
    return Calendar.from_ical(body)


async def entries(world: World, token: str) -> list[Any]:
    status, body, _ = await fetch(world, f"/lich/{token}.ics")
    assert status == 200
    return list(parsed(body).walk("VEVENT"))


@pytest.mark.parametrize("channel", ["telegram", "webchat"])
async def test_the_address_is_told_once_and_only_its_fingerprint_is_kept(
    stage: World, channel: str
) -> None:
    citizen, owed, token = await subscriber(stage, channel)
    async with stage.base.db.reading() as session:
        (feed,) = await session.scalars(select(CalendarFeed))
    assert token.encode() not in feed.fingerprint
    assert feed.fingerprint == stage.base.vault.fingerprint("calendar-feed", token)
    await citizen.says("/nhacviec")
    assert token not in await citizen.taps("Lịch trên điện thoại")
    (entry,) = await entries(stage, token)
    assert entry["uid"] == f"{owed.duty_id}@neuguong"


async def test_an_entry_ends_with_the_deadline_in_vietnams_own_zone(stage: World) -> None:
    _, _, token = await subscriber(stage)
    _, body, headers = await fetch(stage, f"/lich/{token}.ics")
    assert headers["Content-Type"] == "text/calendar; charset=utf-8"
    calendar = parsed(body)
    (zone,) = calendar.walk("VTIMEZONE")
    assert zone["tzid"] == "Asia/Ho_Chi_Minh"
    assert any(part["tzoffsetto"].td == timedelta(hours=7) for part in zone.walk("STANDARD"))
    (entry,) = calendar.walk("VEVENT")
    assert entry["dtstart"].params["TZID"] == "Asia/Ho_Chi_Minh"
    assert entry["dtend"].dt == FRIDAY_NIGHT
    rings = sorted(
        (entry["dtstart"].dt + alarm["trigger"].dt).astimezone(UTC)
        for alarm in entry.walk("VALARM")
    )
    assert rings == [
        datetime(2027, 3, 9, 1, tzinfo=UTC), datetime(2027, 3, 11, 1, tzinfo=UTC),
    ]  # fmt: skip
    assert entry["class"] == "PRIVATE"


async def test_long_vietnamese_lines_are_folded_and_come_back_whole(stage: World) -> None:
    _, _, token = await subscriber(stage)
    _, body, _ = await fetch(stage, f"/lich/{token}.ics")
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))
    assert LONG in str(next(iter(await entries(stage, token)))["summary"])


async def test_a_moved_date_keeps_its_entry_with_a_higher_number(stage: World) -> None:
    _, owed, token = await subscriber(stage)
    (before,) = await entries(stage, token)
    async with stage.base.db.transaction() as session:
        deadline = await session.get_one(Deadline, owed.deadline_id)
        moved = FRIDAY_NIGHT + timedelta(days=7)
        session.add(
            DeadlineMove(
                id=new_id(), deadline_id=deadline.id, old_due_at=deadline.due_at,
                new_due_at=moved, reason="Theo công văn", actor="command",
                at=MONDAY + timedelta(hours=1),
            )
        )  # fmt: skip
        deadline.due_at, deadline.revision = moved, 1
    (after,) = await entries(stage, token)
    assert after["uid"] == before["uid"]
    assert after["sequence"] > before["sequence"]
    assert after["dtend"].dt == moved
    assert after["last-modified"].dt > before["last-modified"].dt


async def test_done_is_marked_and_rings_no_more_and_cancelled_is_cancelled(stage: World) -> None:
    _, owed, token = await subscriber(stage)
    async with stage.base.db.transaction() as session:
        duty = await session.get_one(Duty, owed.duty_id)
        await duties.become(session, duty, DutyState.SUBMITTED, "member:x", MONDAY)
    (done,) = await entries(stage, token)
    assert str(done["summary"]).startswith("✓")
    assert not done.walk("VALARM")
    async with stage.base.db.transaction() as session:
        await session.execute(update(Deadline).values(state=DeadlineState.CANCELLED))
    (cancelled,) = await entries(stage, token)
    assert (cancelled["status"], str(cancelled["summary"])[:6]) == ("CANCELLED", "Đã bỏ:")
    assert cancelled["sequence"] > done["sequence"]


async def test_an_unchanged_calendar_is_not_sent_again(stage: World) -> None:
    _, _, token = await subscriber(stage)
    _, _, headers = await fetch(stage, f"/lich/{token}.ics")
    assert headers["Last-Modified"].endswith("GMT")
    tag = headers["ETag"]
    stage.stopped_at = MONDAY + timedelta(hours=5)
    status, body, _ = await fetch(stage, f"/lich/{token}.ics", **{"If-None-Match": f"W/{tag}"})
    assert (status, body) == (304, b"")
    async with stage.base.db.transaction() as session:
        await session.execute(update(Deadline).values(title="Đổi tên"))
    status, _, _ = await fetch(stage, f"/lich/{token}.ics", **{"If-None-Match": tag})
    assert status == 200


async def test_nothing_on_the_way_is_told_to_keep_it(stage: World) -> None:
    _, _, token = await subscriber(stage)
    for path in (f"/lich/{token}", f"/lich/{token}.ics"):
        _, _, headers = await fetch(stage, path)
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in headers["X-Robots-Tag"]
        assert "public" not in headers["Cache-Control"]


async def test_other_addresses_open_nothing(stage: World) -> None:
    _, _, token = await subscriber(stage)
    swapped = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (swapped, token.lower() + "x", "A" * 32, "A" * 64):
        for path in (f"/lich/{wrong}", f"/lich/{wrong}.ics"):
            status, body, _ = await fetch(stage, path)
            assert status == 404, path
            assert LONG.encode() not in body


@pytest.mark.parametrize("channel", ["telegram", "webchat"])
async def test_it_is_revoked_from_the_chat(stage: World, channel: str) -> None:
    citizen, _, token = await subscriber(stage, channel)
    assert "Đã thu hồi" in await citizen.taps("Thu hồi địa chỉ")
    assert (await fetch(stage, f"/lich/{token}.ics"))[0] == 410
    assert (await fetch(stage, f"/lich/{token}"))[0] == 410


async def test_a_new_address_ends_the_old_one(stage: World) -> None:
    citizen, _, old = await subscriber(stage)
    await citizen.says("/nhacviec")
    await citizen.taps("Lịch trên điện thoại")
    new = await token_of(citizen)
    assert (await fetch(stage, f"/lich/{old}.ics"))[0] == 410
    assert len(await entries(stage, new)) == 1


async def test_it_is_revoked_from_its_page_but_not_from_elsewhere(stage: World) -> None:
    _, _, token = await subscriber(stage)
    async with aiohttp.ClientSession(stage.links) as http:
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        async with http.post(f"/lich/{token}", headers=elsewhere) as answer:
            assert answer.status == 403
        async with http.post(f"/lich/{token}") as answer:
            assert answer.status == 200
            assert "đã thu hồi" in await answer.text()
    assert (await fetch(stage, f"/lich/{token}.ics"))[0] == 410


async def test_erasing_the_conversation_ends_it(stage: World) -> None:
    citizen, _, token = await subscriber(stage)
    assert isinstance(citizen, WebCitizen)
    async with citizen.http.post("/chat/erase") as answer:
        assert answer.status == 204
    assert (await fetch(stage, f"/lich/{token}.ics"))[0] == 410


async def test_who_left_the_unit_reads_nothing_of_it(stage: World) -> None:
    _, _, token = await subscriber(stage)
    async with stage.base.db.transaction() as session:
        await session.execute(update(Member).values(left_at=MONDAY))
    assert await entries(stage, token) == []
    _, page, _ = await fetch(stage, f"/lich/{token}")
    assert LONG not in page.decode()


async def test_reading_is_noted_once_an_hour(stage: World) -> None:
    citizen, _, token = await subscriber(stage)
    await fetch(stage, f"/lich/{token}.ics")
    stage.stopped_at = MONDAY + timedelta(minutes=10)
    await fetch(stage, f"/lich/{token}.ics")
    async with stage.base.db.reading() as session:
        (feed,) = await session.scalars(select(CalendarFeed))
    assert feed.read_at == MONDAY
    await citizen.says("/nhacviec")
    assert "mở gần nhất lúc 09:00" in await citizen.taps("Lịch trên điện thoại")


async def test_the_feed_works_on_postgresql(world: World) -> None:
    world.stopped_at = MONDAY
    citizen, _, token = await subscriber(world)
    assert len(await entries(world, token)) == 1
    await citizen.taps("Thu hồi địa chỉ")
    assert (await fetch(world, f"/lich/{token}.ics"))[0] == 410

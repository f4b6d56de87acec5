"""Telegram as people use it: albums, voice, edits, blocks, groups, old buttons, links, faults."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import timedelta

import aiohttp
import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from bot import accounts, i18n
from bot.channels.telegram_door import TelegramDoor
from storage.models.consultations import Candidate, Consultation, Opinion, OpinionFile
from storage.models.people import Contact
from storage.models.traffic import Incident, OutboxMessage, OutboxState, StoredFile
from tests.cast import TelegramCitizen
from tests.pictures import jpeg
from tests.telegram.entities import utf16_length
from tests.telegram.people import Group, Person
from tests.test_contract import CODE
from tests.test_media import opus, pdf
from tests.world import TOKEN, World

OBJECTION = "Không đúng như hồ sơ."


@pytest.fixture
def world(sqlite_world: World) -> World:
    return sqlite_world


@pytest.fixture
def person(world: World) -> Person:
    return world.telegram.person()


@pytest.fixture
def citizen(world: World, person: Person) -> TelegramCitizen:
    return TelegramCitizen(person, world)


async def quiet(world: World) -> None:
    """Everything Telegram brought is done and answered."""
    await world.telegram.delivery.settled()
    await world.settled()


def said(person: Person) -> list[str]:
    return [one.text for one in person.screen() if one.from_bot]


async def opinions(world: World) -> list[Opinion]:
    async with world.base.db.reading() as session:
        return list(await session.scalars(select(Opinion)))


async def count(world: World, model: type) -> int:
    async with world.base.db.reading() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def contact(world: World) -> Contact:
    """The only one there is."""
    async with world.base.db.reading() as session:
        return (await session.scalars(select(Contact))).one()


async def writes(citizen: TelegramCitizen) -> None:
    """As far as the words of an objection."""
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Không đồng ý")


async def sends(citizen: TelegramCitizen) -> str:
    """From the words on to the receipt."""
    await citizen.taps("Không nêu tên")
    return await citizen.taps("Gửi")


# The account itself


async def test_commands_and_descriptions_are_set_for_each_language(world: World) -> None:
    telegram = world.telegram
    assert world.dialogue.telegram
    await accounts.introduce(world.base, world.dialogue.telegram)
    commands = {
        one.get("language_code"): json.loads(one["commands"])
        for one in telegram.called("setMyCommands")
    }
    assert commands.keys() == {None, "vi", "en"}
    assert commands[None] == commands["vi"] != commands["en"]
    assert [one["command"] for one in commands["vi"]] == list(accounts.COMMANDS)
    described = {one["command"]: one["description"] for one in commands["en"]}
    assert described["ngonngu"] == i18n.say("en", "start-command-language")
    for method in ("setMyDescription", "setMyShortDescription"):
        assert {one.get("language_code") for one in telegram.called(method)} == {None, "vi", "en"}


async def test_every_command_of_the_menu_is_understood(
    world: World, citizen: TelegramCitizen
) -> None:
    for name in accounts.COMMANDS:
        told = await citizen.says(f"/{name}")
        assert told, name
        assert "chưa hiểu" not in told, name


async def test_a_bot_without_a_line_to_telegram_keeps_trying(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine often starts before its network does."""
    monkeypatch.setattr(accounts, "RETRY_SECONDS", 0.05)
    await world.stop()
    faults = world.telegram.faults
    faults.only = frozenset({"deletewebhook", "getme", "setmycommands"})
    faults.next("drop_before", "error_before", "drop_before", "error_before")
    await world.start()
    citizen = TelegramCitizen(world.telegram.person(), world)
    assert await citizen.says("/trogiup")


async def test_the_webhook_is_registered_once_with_its_secret(webhook_world: World) -> None:
    world, door = webhook_world, TelegramDoor(TOKEN, webhook_world.base.vault)
    citizen = TelegramCitizen(world.telegram.person(), world)
    assert await citizen.says("/trogiup")
    (call,) = world.telegram.called("setWebhook")
    assert (call["url"], call["secret_token"]) == (world.links + door.path, door.secret)
    assert TOKEN.partition(":")[2] not in call["url"]
    await world.restart()
    assert await citizen.says("/trogiup")
    assert len(world.telegram.called("setWebhook")) == 1


async def test_a_webhook_that_somebody_removed_is_set_again(
    webhook_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "WATCH_SECONDS", 0.1)
    await webhook_world.restart()
    citizen = TelegramCitizen(webhook_world.telegram.person(), webhook_world)
    assert await citizen.says("/trogiup")
    await webhook_world.telegram.delivery.set_webhook(None)
    assert await citizen.says("/trogiup")


async def test_a_second_copy_of_the_bot_is_named_in_the_log(world: World, person: Person) -> None:
    await person.says("/trogiup")
    await quiet(world)
    with capture_logs() as lines:
        polled = f"{world.telegram.url}/bot{TOKEN}/getUpdates"
        async with aiohttp.request("POST", polled, json={"timeout": 1}) as response:
            assert response.status == 200
    told = [line["event"] for line in lines if line["log_level"] == "error"]
    assert told == ["another copy of this bot is polling Telegram, or a webhook is set: stop it"]


async def test_polling_after_a_restart_repeats_nothing(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await citizen.says(OBJECTION)
    await sends(citizen)
    before = said(person)
    await world.restart()
    await citizen.says("/trogiup")
    assert said(person)[:-1] == before
    assert len(await opinions(world)) == 1


# What people send


async def test_an_album_is_answered_once_and_all_its_photos_are_kept(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    before = len(said(person))
    photos = [jpeg(60 + number, 40) for number in range(4)]
    await person.sends_album(photos, "Ảnh chụp ở lớp học.")
    await quiet(world)
    assert len(said(person)) == before + 1
    assert CODE.search(await sends(citizen))
    (opinion,) = await opinions(world)
    assert opinion.text == "Ảnh chụp ở lớp học."
    assert await count(world, OpinionFile) == 4


async def test_an_album_at_the_last_step_is_answered_once_and_kept(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await citizen.says(OBJECTION)
    await citizen.taps("Không nêu tên")
    before = len(said(person))
    await person.sends_album([jpeg(60 + number, 40) for number in range(3)])
    await quiet(world)
    assert len(said(person)) == before + 1
    await citizen.taps("Gửi")
    assert await count(world, OpinionFile) == 3


async def test_an_album_that_is_too_much_is_refused_once(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await person.sends_album([jpeg(60 + number, 40) for number in range(9)])
    await quiet(world)
    before = len(said(person))
    await person.sends_album([jpeg(90 + number, 40) for number in range(4)])
    await quiet(world)
    new = said(person)[before:]
    assert len([one for one in new if "tối đa 10 tệp" in one]) == 1
    await sends(citizen)
    assert await count(world, OpinionFile) == 10


async def test_an_album_out_of_place_is_answered_once_and_not_kept(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await citizen.says("/start")
    before = len(said(person))
    await person.sends_album([jpeg(60 + number, 40) for number in range(3)])
    await quiet(world)
    (told,) = said(person)[before:]
    assert "chưa ghi nhận" in told
    assert await count(world, StoredFile) == 0


async def test_a_voice_note_and_a_document_are_an_opinion(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await person.sends_voice(opus(), seconds=42)
    await person.sends_document(pdf(), "đơn.pdf", mime_type="application/pdf")
    await quiet(world)
    assert CODE.search(await sends(citizen))
    async with world.base.db.reading() as session:
        kept = await session.execute(select(StoredFile.kind, StoredFile.name))
        assert sorted((kind, name) for kind, name in kept) == [
            ("audio", "voice.ogg"),
            ("document", "đơn.pdf"),
        ]


async def test_a_forwarded_bundle_is_taken_piece_by_piece_in_order(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await citizen.taps("Gặp cán bộ")
    for number in range(5):
        await person.says(f"Lời thứ {number}.")
    await quiet(world)
    await sends(citizen)
    (opinion,) = await opinions(world)
    assert opinion.text == "\n".join(f"Lời thứ {number}." for number in range(5))


async def test_a_file_over_the_limit_is_refused_with_a_sentence(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await person.sends_document(b"%PDF-1.4", "to.pdf", size=(20 << 20) + 1)
    await quiet(world)
    assert "lớn hơn 20 MB" in "\n".join(said(person)[-2:])
    assert world.telegram.called("getFile") == []
    await citizen.says(OBJECTION)
    assert CODE.search(await sends(citizen))


async def test_a_refused_file_leaves_no_trace_in_the_draft(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    """The caption was too long, so the whole message was refused: its photo too."""
    await writes(citizen)
    for _ in range(8):
        await citizen.says("dài " * 250)
    before = await count(world, OpinionFile)
    await person.sends_photo(jpeg(), "x" * 1024)
    await quiet(world)
    assert "Xin viết gọn lại" in said(person)[-1]
    await sends(citizen)
    assert await count(world, OpinionFile) == before == 0


async def test_a_place_on_the_map_becomes_words_of_the_opinion(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await person.sends_location(21.0, 105.8)
    await quiet(world)
    assert "chưa hiểu" in said(person)[-1]
    await writes(citizen)
    await person.sends_location(10.762512, 106.681284)
    await quiet(world)
    await sends(citizen)
    (opinion,) = await opinions(world)
    assert opinion.text.startswith("Vị trí: 10.762512, 106.681284 https://www.openstreetmap.org/")


async def test_a_place_is_neither_a_name_nor_part_of_the_opinion_when_a_name_was_asked(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await citizen.says(OBJECTION)
    await citizen.taps("Chỉ cho cơ quan")
    before = len(said(person))
    await person.sends_location(21.0, 105.8)
    await quiet(world)
    assert "viết địa điểm bằng chữ" in said(person)[before]
    assert "họ và tên" in said(person)[-1]


async def test_a_place_that_moves_is_not_answered_at_every_step(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await person.sends_location(21.0, 105.8)
    await quiet(world)
    before = len(said(person))
    shown = person.screen()[-2]
    assert not shown.from_bot
    moved = {**shown.body, "location": {"latitude": 21.1, "longitude": 105.8}}
    person.delivery.put("edited_message", moved, person.chat.id, 60, person.chat.id)
    await quiet(world)
    assert len(said(person)) == before


@pytest.mark.parametrize("own", [True, False])
async def test_a_contact_card_is_the_telephone_only_when_it_is_ones_own(
    world: World, citizen: TelegramCitizen, person: Person, own: bool
) -> None:
    await writes(citizen)
    await citizen.says(OBJECTION)
    await citizen.taps("Chỉ cho cơ quan")
    await citizen.says("Phạm Thị Ví Dụ")
    await person.shares_contact("+84912345678", own=own)
    await quiet(world)
    if own:
        assert "0912 345 678" in said(person)[-1]
    else:
        assert "số điện thoại" in said(person)[-1]
    assert await count(world, Incident) == 0


async def test_an_edited_message_changes_nothing_and_its_author_is_told_how(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await citizen.says(OBJECTION)
    await person.edits("Lời khác hẳn.")
    await quiet(world)
    assert "Việc sửa không làm đổi nội dung" in said(person)[-1]
    assert "Viết lại nội dung, tệp" in person.last().labels
    await citizen.taps("Tiếp tục")
    await sends(citizen)
    (opinion,) = await opinions(world)
    assert opinion.text == OBJECTION
    await person.edits("Lời khác hẳn.")
    await quiet(world)
    assert "Việc sửa không làm đổi những gì đã ghi nhận" in said(person)[-1]


async def test_long_words_with_emoji_are_read_back_in_pieces_telegram_takes(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    """4,096 UTF-16 units: an emoji is two, and some are many."""
    words = "Cô giáo 👩🏽‍🏫 rất tận tâm 🇻🇳. " * 220
    await writes(citizen)
    for start in range(0, len(words), 2000):
        await citizen.says(words[start : start + 2000])
    before = len(said(person))
    await citizen.taps("Không nêu tên")
    new = said(person)[before:]
    assert len(new) > 1
    assert max(map(utf16_length, new)) <= 4096
    await citizen.taps("Gửi")
    (opinion,) = await opinions(world)
    assert opinion.text.count("👩🏽‍🏫") == 220


async def test_a_long_summary_reaches_its_reader_whole(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    words = "Bà dạy chữ 📚 cho trẻ em trong bản suốt hai mươi năm. " * 200
    async with world.base.db.transaction() as session:
        one = (await session.scalars(select(Candidate).where(Candidate.number == 1))).one()
        one.summary = words
    await citizen.says("/start c-AH-2026-01-1")
    assert "".join(said(person)).count("📚") == 200
    assert "Không đồng ý" in person.last().labels


async def test_a_broken_link_of_a_document_does_not_cost_the_card(
    world: World, citizen: TelegramCitizen
) -> None:
    async with world.base.db.transaction() as session:
        asked = await session.get_one(Consultation, world.consultation_id)
        asked.notice_url = "thong-bao 12/TB"
    assert "Anh/chị muốn xem ai?" in await citizen.says("/start c-AH-2026-01")


async def test_a_list_of_a_hundred_and_twenty_fits_what_telegram_takes(
    world: World, citizen: TelegramCitizen
) -> None:
    async with world.base.db.transaction() as session:
        session.add_all(
            Candidate(
                consultation_id=world.consultation_id, number=number, natural_key=str(number),
                kind="person", name=f"Ông Nguyễn Văn Mẫu {number}", award_code="HERO",
            )
            for number in range(3, 121)
        )  # fmt: skip
    told = await citizen.says("/start c-AH-2026-01")
    assert "Anh/chị muốn xem ai?" in told
    assert "Mẫu 120" in await citizen.says("/start c-AH-2026-01-120")


# Old buttons, forged buttons, links


PRESSES = (
    "", "x", "c:", "c:không-có", "k:", "k:1", "s:", "s:agree", "s:agree:không-có", "s:boom:1",
    "n:",
    "n:signed", "n:boom", "send", "change", "change:words", "change:", "words:done", "matter",
    "ordinary", "skip", "back", "cancel", "resume", "list", "home", "help", "privacy", "human",
    "receipt", "lang:", "lang:xx", "lang:ask", "f:", "f:không-có", "f:answer", "f:replace",
    "f:withdraw", "f:withdraw:yes", "f:erase", "f:erase:yes", "\u202e", "'; DROP TABLE opinions",
    "{0.__class__}", "%s", "r:", "o:", "m:", "a:", "x" * 64,
)  # fmt: skip


async def test_forged_and_stale_presses_harm_nothing_at_any_step(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await citizen.says("/start")
    assert await answers_to(world, person, PRESSES) >= len(PRESSES)
    assert await count(world, Incident) == 0
    await citizen.says("/huy")
    await writes(citizen)
    await citizen.says(OBJECTION)
    presses = [press for press in PRESSES if press != "cancel"]
    assert await answers_to(world, person, presses) >= len(presses)
    assert await count(world, Incident) == 0
    assert await opinions(world) == []


async def answers_to(world: World, person: Person, presses: Sequence[str]) -> int:
    """How many messages came of these presses, made one after the other."""
    before, under = len(person.chat.events), person.last()
    for press in presses:
        await person.presses(press, under)
    await quiet(world)
    return len(person.chat.events) - before


async def test_a_press_is_always_acknowledged_so_that_its_clock_stops(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await citizen.says("/start")
    press = await person.taps("Xem danh sách")
    assert await press.answered() == {"text": "", "show_alert": False} or press.query.answers


async def test_a_press_under_a_message_that_is_gone_is_answered_anew(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await citizen.says("/start")
    shown = person.last()
    shown.deleted = True
    await person.presses("list", shown)
    await quiet(world)
    assert "Đang lấy ý kiến" in said(person)[-1]


async def test_pressing_send_twice_files_one_opinion(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await citizen.says(OBJECTION)
    await citizen.taps("Không nêu tên")
    await person.taps("Gửi")
    await person.taps("Gửi")
    await quiet(world)
    (opinion,) = await opinions(world)
    assert opinion.version == 1


@pytest.mark.parametrize("payload", ["boom", "c-", "c-khong-co", "c-khong-co-7", "c--1", "-"])
async def test_a_link_that_leads_nowhere_shows_the_way_in(
    world: World, citizen: TelegramCitizen, person: Person, payload: str
) -> None:
    told = await citizen.says(f"/start {payload}")
    assert "chưa hiểu" not in told
    assert any(label.startswith("Xem danh sách") for label in person.last().labels)
    assert await count(world, Incident) == 0


async def test_a_deep_link_opens_the_consultation_or_its_candidate(
    citizen: TelegramCitizen,
) -> None:
    assert "Anh/chị muốn xem ai?" in await citizen.says("/start c-AH-2026-01")
    assert "Tập thể Trạm Y tế" in await citizen.says("/start c-ah-2026-01-2")
    assert "Anh/chị muốn xem ai?" in await citizen.says("/start c-AH-2026-01-99")


# Those who block, leave and come back; groups


async def test_a_person_who_blocks_and_returns_is_answered_again(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await citizen.says("/start")
    await person.blocks()
    await quiet(world)
    assert (await contact(world)).blocked
    await person.unblocks()
    await quiet(world)
    assert not (await contact(world)).blocked
    assert await citizen.says("/trogiup")


@pytest.mark.parametrize("standing", ["blocked", "deactivated"])
async def test_a_refusal_by_telegram_marks_the_person_as_gone(
    world: World, citizen: TelegramCitizen, person: Person, standing: str
) -> None:
    """The block may reach us before the message that says so."""
    await citizen.says("/start")
    update = await person.says("/trogiup")
    person.chat.standing = "blocked" if standing == "blocked" else "deactivated"
    await world.telegram.delivery.taken(update)
    await world.settled()
    assert (await contact(world)).blocked
    async with asyncio.timeout(5):
        while True:
            async with world.base.db.reading() as session:
                states = (await session.scalars(select(OutboxMessage.state))).all()
            if OutboxState.SENDING not in states:
                break
            await asyncio.sleep(0.01)
    assert OutboxState.UNREACHABLE in states
    assert len(world.telegram.called("sendMessage")) == 2


async def in_group(world: World, person: Person, kind: str) -> Group:
    group = world.telegram.group(-100_200_300, "Tổ dân phố", kind)
    await person.says("/start")
    await group.adds_bot(person)
    await quiet(world)
    return group


async def test_a_group_is_refused_politely_and_once(world: World, person: Person) -> None:
    group = await in_group(world, person, "group")
    assert "không làm việc trong nhóm" in group.last().text
    for words in ("/start@neuguong_bot", "Chào bot", "/start c-AH-2026-01-1"):
        await group.says(person, words)
    await quiet(world)
    assert len([one for one in group.screen() if one.from_bot]) == 1
    await group.removes_bot(person)
    await quiet(world)
    assert await count(world, Incident) == 0


async def test_a_group_that_becomes_a_supergroup_does_no_harm(
    world: World, person: Person
) -> None:
    group = await in_group(world, person, "group")
    await group.migrates(person, -1_009_999_888_777)
    grown = world.telegram.group(-1_009_999_888_777)
    await grown.says(person, "/start")
    await quiet(world)
    assert await count(world, Incident) == 0
    assert len([one for one in grown.screen() if one.from_bot]) <= 1
    assert await TelegramCitizen(person, world).says("/trogiup")


async def test_photos_of_a_group_are_not_kept(world: World, person: Person) -> None:
    group = await in_group(world, person, "supergroup")
    file = world.telegram.world.keep("photos", jpeg())
    body = {
        "photo": [{"file_id": file.id, "file_unique_id": "u", "width": 60, "height": 40}],
        "caption": "Ảnh của nhóm",
    }
    group._message(person.face, body, (file,))
    await quiet(world)
    assert await count(world, StoredFile) == 0


# Faults of Telegram and of the line


async def test_429_is_obeyed_and_the_answer_comes_once(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await citizen.says("/start")
    world.telegram.faults.next("flood")
    started = time.monotonic()
    await citizen.says("/trogiup")
    assert time.monotonic() - started >= world.telegram.faults.retry_after
    assert len([one for one in said(person) if one.startswith("Anh/chị làm được")]) == 1
    refused, sent = (
        one.at
        for one in world.telegram.calls
        if one.params.get("text", "").startswith("Anh/chị làm")
    )
    assert sent - refused >= world.telegram.faults.retry_after


async def test_a_line_cut_after_acceptance_repeats_at_most_the_reply(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    await citizen.says(OBJECTION)
    await citizen.taps("Không nêu tên")
    world.telegram.faults.next("drop_after")
    await person.taps("Gửi")
    await quiet(world)
    (opinion,) = await opinions(world)
    assert opinion.version == 1
    receipts = {found[0] for one in person.screen() if (found := CODE.search(one.text))}
    assert len(receipts) == 1
    await citizen.taps("Xem ý kiến vừa gửi")


@pytest.mark.parametrize("fault", ["drop_before", "error_before"])
async def test_a_line_cut_before_acceptance_loses_no_answer(
    world: World, citizen: TelegramCitizen, person: Person, fault: str
) -> None:
    await citizen.says("/start")
    world.telegram.faults.set({"next": [fault]})
    assert await citizen.says("/trogiup")


async def test_a_line_cut_four_times_running_loses_no_answer(
    world: World, citizen: TelegramCitizen
) -> None:
    await citizen.says("/start")
    world.telegram.faults.set({"next": ["drop_before"] * 4})
    assert await citizen.says("/trogiup")


async def test_a_photo_whose_download_is_cut_is_fetched_again(
    world: World, citizen: TelegramCitizen, person: Person
) -> None:
    await writes(citizen)
    world.telegram.faults.only = frozenset({"getfile"})
    world.telegram.faults.next("drop_before")
    await person.sends_photo(jpeg())
    await quiet(world)
    assert "Đã nhận 1 tệp" in said(person)[-1]


async def test_many_photos_under_way_do_not_hold_up_anybody_else(
    world: World, person: Person
) -> None:
    """A flood of one person is that person's own queue."""
    faults = world.telegram.faults
    faults.only, faults.slow, faults.slow_seconds = frozenset({"getfile"}), 1.0, 1.5
    for _ in range(70):
        await person.sends_voice(opus())
    other = TelegramCitizen(world.telegram.person(5_012_000_111), world)
    await other.person.says("/trogiup")
    started = time.monotonic()
    await other.person.hears("Anh/chị làm được", timeout=5)
    assert time.monotonic() - started < 1.4
    faults.clear()
    world.shift = timedelta(0)
    await quiet(world)


async def test_events_of_an_account_no_longer_configured_hold_up_nobody(
    world: World, person: Person
) -> None:
    await person.says("/start")
    await quiet(world)
    other_door = TelegramDoor("999:another-token-of-an-invented-bot", world.base.vault)
    update = next(iter(world.telegram.delivery.updates.values()))
    arrivals = [
        other_door.arrival(update.body.replace(str(update.id).encode(), str(number).encode()))
        for number in range(1, 71)
    ]
    await world.base.door.store_all(arrivals)
    await person.says("/trogiup")
    await person.hears("Anh/chị làm được")

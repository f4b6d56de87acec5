"""What the server refuses, as aiogram's own client hears it, and what people see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import (
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    ReplyKeyboardMarkup,
)
from aiohttp import ClientSession

from tests.telegram.people import Person
from tests.telegram.refusals import (
    NOT_MODIFIED,
    POLLED_BESIDE_WEBHOOK,
    POLLED_TWICE,
    QUERY_TOO_OLD,
    Refused,
    bad_request,
    forbidden,
    migrated,
    too_many,
)
from tests.telegram.server import TOKEN, TelegramServer

pytestmark = pytest.mark.asyncio(loop_scope="module")
ERRORS = {
    path.stem.removeprefix("response_error_"): json.loads(path.read_bytes())
    for path in (Path(__file__).parent / "payloads").glob("response_error_*.json")
}


def keyboard(*labels: str, data: str | None = None) -> InlineKeyboardMarkup:
    rows = [[InlineKeyboardButton(text=one, callback_data=data or one)] for one in labels]
    return InlineKeyboardMarkup(inline_keyboard=rows)


def grid(rows: int, columns: int) -> InlineKeyboardMarkup:
    row = [InlineKeyboardButton(text="x", callback_data="x")] * columns
    return InlineKeyboardMarkup(inline_keyboard=[row] * rows)


async def test_the_bot_knows_itself(bot: Bot) -> None:
    me = await bot.get_me()
    assert me.is_bot
    assert me.id == 7_000_000_001


async def test_what_the_bot_says_is_on_the_screen(bot: Bot, citizen: Person) -> None:
    sent = await bot.send_message(citizen.id, "Chào bà con", reply_markup=keyboard("Gửi ý kiến"))
    shown = await citizen.hears("Chào")
    assert (sent.message_id, shown.labels) == (shown.id, ["Gửi ý kiến"])
    assert [one.text for one in citizen.screen()] == ["/start", "Chào bà con"]


async def test_html_is_read_and_entities_count_utf16_units(bot: Bot, citizen: Person) -> None:
    text = ' <b>🚧 Hố</b> &amp; <a href="https://example.org/">sâu</a> &nbsp;<i></i>'
    sent = await bot.send_message(citizen.id, text, parse_mode="HTML")
    assert sent.text == "🚧 Hố & sâu &nbsp;"
    marks = [(one.type, one.offset, one.length) for one in sent.entities or []]
    assert marks == [("bold", 0, 5), ("text_link", 8, 3)]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("<b>hở", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b>chéo</i>", 'Unmatched end tag at byte offset 8, expected "</b>", found "</i>"'),
        ("thừa</b>", "Unexpected end tag at byte offset 6"),
        ("1 < 2", "Unclosed start tag at byte offset 2"),
        ("<br>", 'Unsupported start tag "br" at byte offset 0'),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
async def test_html_that_telegram_cannot_read_is_refused(
    bot: Bot, citizen: Person, text: str, refusal: str
) -> None:
    with pytest.raises(TelegramBadRequest, match="can't parse entities") as caught:
        await bot.send_message(citizen.id, text, parse_mode="HTML")
    assert refusal in str(caught.value)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "message text is empty"),
        (" \n ", "text must be non-empty"),
        ("x" * 4097, "message is too long"),
        ("🚧" * 2048 + "x", "message is too long"),
    ],
)
async def test_text_of_no_or_too_much_length_is_refused(
    bot: Bot, citizen: Person, text: str, refusal: str
) -> None:
    with pytest.raises(TelegramBadRequest, match=refusal):
        await bot.send_message(citizen.id, text)


async def test_length_is_counted_after_entities_are_parsed(bot: Bot, citizen: Person) -> None:
    sent = await bot.send_message(citizen.id, "<b>" + "ộ" * 4096 + "</b>", parse_mode="HTML")
    assert len(sent.text or "") == 4096


@pytest.mark.parametrize(
    ("markup", "refusal"),
    [
        (keyboard("x", data="ă" * 32 + "x"), "BUTTON_DATA_INVALID"),
        (keyboard(" "), "can't parse inline keyboard button"),
        (grid(1, 9), "REPLY_MARKUP_TOO_LONG"),
        (grid(13, 8), "REPLY_MARKUP_TOO_LONG"),
        (
            InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="x")]]),
            "Text buttons are unallowed",
        ),
        (
            InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="x", url="sai")]]),
            "Wrong HTTP URL",
        ),
    ],
)
async def test_keyboards_beyond_the_limits_are_refused(
    bot: Bot, citizen: Person, markup: InlineKeyboardMarkup, refusal: str
) -> None:
    with pytest.raises(TelegramBadRequest, match=refusal):
        await bot.send_message(citizen.id, "x", reply_markup=markup)
    assert len(citizen.screen()) == 1


async def test_callback_data_of_64_bytes_and_a_full_keyboard_pass(
    bot: Bot, citizen: Person
) -> None:
    await bot.send_message(citizen.id, "x", reply_markup=keyboard("x", data="ă" * 32))
    await bot.send_message(citizen.id, "x", reply_markup=grid(12, 8))


async def test_a_chat_exists_once_the_person_has_written(bot: Bot, server: TelegramServer) -> None:
    stranger = server.person(6_000_000_000)
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(stranger.id, "x")
    await stranger.says("x")
    await bot.send_message(stranger.id, "x")
    assert (await bot.get_chat(stranger.id)).first_name == "Thu Hà"


async def test_who_has_blocked_the_bot_is_out_of_reach(bot: Bot, citizen: Person) -> None:
    await citizen.blocks()
    with pytest.raises(TelegramForbiddenError, match="Forbidden: bot was blocked by the user"):
        await bot.send_message(citizen.id, "x")
    await citizen.unblocks()
    await bot.send_message(citizen.id, "x")
    await citizen.deactivates()
    with pytest.raises(TelegramForbiddenError, match="user is deactivated"):
        await bot.send_message(citizen.id, "x")


async def test_wrong_tokens_and_unknown_methods_are_refused(
    bot: Bot, session: AiohttpSession, server: TelegramServer
) -> None:
    with pytest.raises(TelegramUnauthorizedError, match="Unauthorized"):
        await Bot("7000000001:another", session=session).get_me()
    with pytest.raises(TelegramNotFound, match="method not found"):
        await bot.log_out()
    assert server.called("logOut") == [{}]


async def test_an_edit_changes_the_screen_and_the_same_edit_again_is_refused(
    bot: Bot, citizen: Person
) -> None:
    sent = await bot.send_message(citizen.id, "Trước", reply_markup=keyboard("A"))
    await sent.edit_text("Sau", reply_markup=keyboard("B"))
    assert (citizen.last().text, citizen.last().labels) == ("Sau", ["B"])
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await sent.edit_text("Sau", reply_markup=keyboard("B"))
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await sent.edit_reply_markup(reply_markup=keyboard("B"))
    await sent.edit_reply_markup()
    assert (citizen.last().text, citizen.last().labels) == ("Sau", [])


async def test_what_is_gone_or_not_the_bots_cannot_be_edited(bot: Bot, citizen: Person) -> None:
    own = citizen.screen()[0]
    with pytest.raises(TelegramBadRequest, match="message can't be edited"):
        await bot.edit_message_text("x", chat_id=citizen.id, message_id=own.id)
    sent = await bot.send_message(citizen.id, "x")
    await bot.delete_message(citizen.id, sent.message_id)
    assert [one.id for one in citizen.screen()] == [own.id]
    with pytest.raises(TelegramBadRequest, match="message to edit not found"):
        await bot.edit_message_text("y", chat_id=citizen.id, message_id=sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await bot.delete_message(citizen.id, sent.message_id)


async def test_messages_of_two_days_ago_cannot_be_deleted(
    bot: Bot, citizen: Person, server: TelegramServer
) -> None:
    sent = await bot.send_message(citizen.id, "x")
    server.clock.advance(48 * 3600 + 1)
    with pytest.raises(TelegramBadRequest, match="message can't be deleted"):
        await bot.delete_message(citizen.id, sent.message_id)


async def test_a_press_is_answered_once_known_and_not_too_late(
    bot: Bot, citizen: Person, server: TelegramServer
) -> None:
    await bot.send_message(citizen.id, "x", reply_markup=keyboard("Đồng ý", "Không"))
    press = await citizen.taps("Đồng")
    await bot.answer_callback_query(press.id, text="Đã ghi", show_alert=True)
    assert await press.answered() == {"text": "Đã ghi", "show_alert": True}
    with pytest.raises(TelegramBadRequest, match="MESSAGE_TOO_LONG"):
        await bot.answer_callback_query(press.id, text="x" * 201)
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await bot.answer_callback_query("123")
    server.clock.advance(61)
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await bot.answer_callback_query(press.id)


@pytest.mark.parametrize("limit", ["overall", "chat"])
async def test_more_than_the_rate_is_refused_until_the_second_is_over(
    bot: Bot, citizen: Person, server: TelegramServer, limit: str
) -> None:
    setattr(server.flood, limit, 2)
    await bot.send_message(citizen.id, "1")
    await bot.send_message(citizen.id, "2")
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.send_message(citizen.id, "3")
    assert caught.value.retry_after == 1
    server.clock.advance(1)
    await bot.send_message(citizen.id, "3")
    assert [one.text for one in citizen.screen()][1:] == ["1", "2", "3"]


async def test_faults_come_before_or_after_the_message_was_taken(
    bot: Bot, citizen: Person, server: TelegramServer
) -> None:
    server.faults.next("drop_before", "error_before", "drop_after", "error_after", "flood")
    for error in (TelegramNetworkError, TelegramServerError) * 2:
        with pytest.raises(error):
            await bot.send_message(citizen.id, "x")
    with pytest.raises(TelegramRetryAfter):
        await bot.send_message(citizen.id, "x")
    await bot.send_message(citizen.id, "tốt")
    assert [one.text for one in citizen.screen()] == ["/start", "x", "x", "tốt"]
    assert [one.told for one in server.methods.sent] == [False, False, True]


async def test_faults_at_a_rate_are_the_same_for_the_same_seed(
    bot: Bot, citizen: Person, server: TelegramServer
) -> None:
    server.faults.set({"flood": 0.5, "retry_after": 7})
    refused = 0
    for _ in range(20):
        try:
            await bot.send_message(citizen.id, "x")
        except TelegramRetryAfter as error:
            refused += error.retry_after == 7
    assert 3 < refused < 17
    server.faults.clear()
    await bot.send_message(citizen.id, "x")


async def test_commands_and_descriptions_are_kept_per_language(
    bot: Bot, server: TelegramServer
) -> None:
    await bot.set_my_commands([BotCommand(command="start", description="Bắt đầu")])
    await bot.set_my_commands(
        [BotCommand(command="start", description="Begin")], language_code="en"
    )
    assert (await bot.get_my_commands())[0].description == "Bắt đầu"
    assert (await bot.get_my_commands(language_code="en"))[0].description == "Begin"
    with pytest.raises(TelegramBadRequest, match="BOT_COMMAND_INVALID"):
        await bot.set_my_commands([BotCommand(command="Bắt-đầu", description="x")])
    await bot.set_my_description("Góp ý", language_code="vi")
    await bot.set_my_short_description("Góp ý", language_code="vi")
    assert server.methods.descriptions["description", "vi"] == "Góp ý"
    with pytest.raises(TelegramBadRequest):
        await bot.set_my_short_description("x" * 121)


async def test_a_group_is_written_to_while_the_bot_is_in_it(
    bot: Bot, server: TelegramServer, citizen: Person
) -> None:
    group = server.group()
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(group.chat.id, "x")
    await group.adds_bot(citizen)
    await group.says(citizen, "Chào bot")
    await bot.send_message(group.chat.id, "Xin lỗi")
    assert (await group.hears("Xin")).from_bot
    await group.migrates(citizen, -1_002_100_200_999)
    with pytest.raises(TelegramMigrateToChat) as caught:
        await bot.send_message(group.chat.id, "x")
    assert caught.value.migrate_to_chat_id == -1_002_100_200_999
    await bot.leave_chat(-1_002_100_200_999)
    with pytest.raises(TelegramForbiddenError, match="not a member of the supergroup chat"):
        await bot.send_message(-1_002_100_200_999, "x")


async def test_a_reply_keyboard_is_chosen_from(bot: Bot, citizen: Person) -> None:
    keys = ReplyKeyboardMarkup(keyboard=[[KeyboardButton(text="Trợ giúp")]])
    await bot.send_message(citizen.id, "x", reply_markup=keys)
    await citizen.chooses("Trợ giúp")
    assert citizen.screen()[-1].text == "Trợ giúp"


@pytest.mark.parametrize("form", [False, True])
async def test_json_and_forms_are_read_alike(
    server: TelegramServer, citizen: Person, form: bool
) -> None:
    markup = {"inline_keyboard": [[{"text": "A", "callback_data": "a"}]]}
    call: dict[str, Any] = {"chat_id": citizen.id, "text": "x", "reply_markup": markup}
    if form:
        call["reply_markup"] = json.dumps(markup)
    async with ClientSession() as http:
        given: dict[str, Any] = {"data": call} if form else {"json": call}
        async with http.post(f"{server.url}/bot{TOKEN}/SENDMESSAGE", **given) as answer:
            assert (await answer.json())["ok"]
    assert citizen.last().labels == ["A"]


async def test_hearing_fails_with_the_screen_and_hears_nothing_twice(
    bot: Bot, citizen: Person
) -> None:
    await bot.send_message(citizen.id, "một")
    await citizen.hears("một")
    with pytest.raises(AssertionError, match="một"):
        await citizen.hears("một", timeout=0.02)
    await bot.send_message(citizen.id, "hai")
    await citizen.says("tiếp")
    with pytest.raises(AssertionError, match="did not come"):
        await citizen.hears("hai", timeout=0.02)
    assert (await citizen.hears("hai", anytime=True)).text == "hai"


@pytest.mark.parametrize(
    ("refusal", "payload"),
    [
        (bad_request("chat not found"), "400_chat_not_found"),
        (bad_request(NOT_MODIFIED), "400_not_modified"),
        (bad_request(QUERY_TOO_OLD), "400_query_too_old"),
        (bad_request("file is too big"), "400_file_too_big"),
        (migrated(-1_002_100_200_300), "400_migrated"),
        (Refused(401, "Unauthorized"), "401"),
        (forbidden("bot was blocked by the user"), "403_blocked"),
        (Refused(409, POLLED_TWICE), "409_conflict_poll"),
        (Refused(409, POLLED_BESIDE_WEBHOOK), "409_conflict_webhook"),
        (too_many(23), "429_retry_after"),
    ],
)
async def test_refusals_are_in_telegrams_own_words(refusal: Refused, payload: str) -> None:
    assert refusal.body() == ERRORS[payload]

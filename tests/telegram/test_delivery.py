"""How updates come to a bot: polled or pushed, again until taken, each lane in its own order."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiogram import Bot, Dispatcher, F, Router
from aiogram.exceptions import TelegramBadRequest, TelegramConflictError
from aiogram.methods import SendMessage
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    Update,
)
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from tests.telegram.conftest import Receiver
from tests.telegram.delivery import SECRET_HEADER
from tests.telegram.people import Person
from tests.telegram.refusals import Json
from tests.telegram.server import TelegramServer

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAYLOADS = {
    path.stem: json.loads(path.read_bytes())
    for path in sorted((Path(__file__).parent / "payloads").glob("update_*.json"))
}


def echo() -> Dispatcher:
    """Says what it is told with a button under it, and what is pressed."""
    router = Router()
    button = InlineKeyboardButton(text="Bấm đi", callback_data="bấm")

    @router.message(F.text)
    async def repeat(message: Message) -> None:
        markup = InlineKeyboardMarkup(inline_keyboard=[[button]])
        await message.answer(f"> {message.text}", reply_markup=markup)

    @router.callback_query()
    async def name(query: CallbackQuery) -> None:
        await query.answer("xong")
        if isinstance(query.message, Message):
            await query.message.edit_text(f"bấm {query.data}")

    dispatcher = Dispatcher()
    dispatcher.include_router(router)
    return dispatcher


def ids(receiver: Receiver) -> list[int]:
    return [json.loads(body)["update_id"] for body in receiver.bodies]


async def talks(citizen: Person) -> None:
    await citizen.says("xin chào")
    await citizen.hears("> xin chào")
    press = await citizen.taps("Bấm")
    assert (await press.answered())["text"] == "xong"
    assert (await citizen.hears("bấm bấm")).edited


async def test_an_aiogram_bot_polls(
    server: TelegramServer, polled: Callable[[Dispatcher], None]
) -> None:
    polled(echo())
    await talks(server.person())
    await server.delivery.settled()
    assert len(server.delivery.acked) == 2


async def test_an_aiogram_bot_is_pushed_to(
    bot: Bot,
    server: TelegramServer,
    listen: Callable[[web.Application], Awaitable[str]],
) -> None:
    application = web.Application()
    SimpleRequestHandler(echo(), bot, secret_token="bi-mat").register(application, "/hook")
    await bot.set_webhook(await listen(application), secret_token="bi-mat")
    await talks(server.person())
    await server.delivery.settled()
    assert server.delivery.retries == 0


async def test_a_method_in_the_webhooks_answer_is_performed(
    bot: Bot,
    server: TelegramServer,
    listen: Callable[[web.Application], Awaitable[str]],
) -> None:
    dispatcher, application = Dispatcher(), web.Application()

    @dispatcher.message()
    async def answer(message: Message) -> SendMessage:
        return message.answer("đáp ngay")

    handler = SimpleRequestHandler(dispatcher, bot, handle_in_background=False)
    handler.register(application, "/hook")
    await bot.set_webhook(await listen(application))
    citizen = server.person()
    await citizen.says("x")
    await citizen.hears("đáp ngay")


async def test_an_offset_confirms_what_lies_below_it(bot: Bot, citizen: Person) -> None:
    await citizen.says("hai")
    await citizen.says("ba")
    first, second, third = await bot.get_updates()
    again = await bot.get_updates(offset=second.update_id)
    assert [one.update_id for one in again] == [second.update_id, third.update_id]
    assert [one.update_id for one in await bot.get_updates()] == [one.update_id for one in again]
    last = await bot.get_updates(offset=-1)
    assert [one.update_id for one in last] == [third.update_id]
    assert citizen.delivery.acked == [first.update_id, second.update_id]
    assert not await bot.get_updates(offset=third.update_id + 1)


async def test_polling_returns_at_most_the_limit_and_waits_for_news(
    bot: Bot, citizen: Person
) -> None:
    await citizen.says("hai")
    first = await bot.get_updates(limit=1)
    assert len(first) == 1
    waiting = asyncio.ensure_future(bot.get_updates(offset=first[0].update_id + 2, timeout=5))
    await asyncio.sleep(0.03)
    await citizen.says("ba")
    assert [one.message and one.message.text for one in await waiting] == ["ba"]


async def test_a_second_poller_ends_the_first(bot: Bot) -> None:
    first = asyncio.ensure_future(bot.get_updates(timeout=5))
    await asyncio.sleep(0.03)
    await bot.get_updates()
    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request"):
        await first


async def test_a_webhook_and_polling_exclude_each_other(bot: Bot, receiver: Receiver) -> None:
    polling = asyncio.ensure_future(bot.get_updates(timeout=5))
    await asyncio.sleep(0.03)
    await bot.set_webhook(receiver.url)
    with pytest.raises(TelegramConflictError, match="setWebhook"):
        await polling
    with pytest.raises(TelegramConflictError, match="while webhook is active"):
        await bot.get_updates()
    await bot.delete_webhook()
    await bot.get_updates()


async def test_kinds_not_asked_for_do_not_come(bot: Bot, citizen: Person) -> None:
    assert len(await bot.get_updates(allowed_updates=["callback_query"])) == 1
    assert await citizen.says("không tới") is None
    assert len(await bot.get_updates()) == 1
    await bot.get_updates(allowed_updates=[])
    assert await citizen.says("tới") is not None


async def test_a_webhook_is_brought_the_secret_and_only_over_tls_or_locally(
    bot: Bot, server: TelegramServer, receiver: Receiver
) -> None:
    await bot.set_webhook(receiver.url, secret_token="bi-mat")
    await server.person().says("x")
    await server.delivery.settled()
    assert receiver.headers[0][SECRET_HEADER] == "bi-mat"
    assert Update.model_validate_json(receiver.bodies[0]).message
    with pytest.raises(TelegramBadRequest, match="An HTTPS URL must be provided"):
        await bot.set_webhook("http://example.org/hook")
    with pytest.raises(TelegramBadRequest, match="unallowed characters"):
        await bot.set_webhook(receiver.url, secret_token="bí mật")


async def test_an_update_comes_again_until_it_is_taken_and_holds_its_lane(
    bot: Bot, server: TelegramServer, receiver: Receiver
) -> None:
    async def refuse_twice(count: int) -> web.Response:
        return web.Response(status=500 if count <= 2 else 200)

    receiver.answer = refuse_twice
    await bot.set_webhook(receiver.url)
    citizen = server.person()
    first, second = await citizen.says("một"), await citizen.says("hai")
    await server.delivery.settled()
    assert first
    assert second
    assert ids(receiver) == [first.id, first.id, first.id, second.id]
    assert (first.attempts, server.delivery.acked) == (3, [first.id, second.id])
    info = await bot.get_webhook_info()
    assert info.last_error_message == (
        "Wrong response from the webhook: 500 Internal Server Error"
    )


async def test_retry_after_is_obeyed(bot: Bot, server: TelegramServer, receiver: Receiver) -> None:
    async def busy_once(count: int) -> web.Response:
        refusal = web.Response(status=503, headers={"Retry-After": "20"})
        return refusal if count == 1 else web.Response()

    receiver.answer = busy_once
    await bot.set_webhook(receiver.url)
    started = asyncio.get_running_loop().time()
    await server.person().says("x")
    await server.delivery.settled()
    assert asyncio.get_running_loop().time() - started >= 20 / server.delivery.speed


async def test_a_receiver_that_is_down_gets_its_updates_when_it_returns(
    bot: Bot, server: TelegramServer, receiver: Receiver
) -> None:
    await bot.set_webhook("http://127.0.0.1:9/hook")
    server.delivery.speed = 0.001
    await server.person().says("x")
    await asyncio.sleep(0.05)
    info = await bot.get_webhook_info()
    assert (info.pending_update_count, info.last_error_message) == (1, "Connection refused")
    await bot.set_webhook(receiver.url)
    await server.delivery.settled()
    assert len(receiver.bodies) == 1


async def test_a_message_and_a_press_of_one_person_come_at_once(
    bot: Bot, server: TelegramServer, receiver: Receiver
) -> None:
    gate = asyncio.Event()

    async def hold_the_first(count: int) -> web.Response:
        if count == 1:
            await gate.wait()
        return web.Response()

    citizen = server.person()
    await citizen.says("/start")
    markup = InlineKeyboardMarkup(
        inline_keyboard=[[InlineKeyboardButton(text="A", callback_data="a")]]
    )
    await bot.send_message(citizen.id, "x", reply_markup=markup)
    receiver.answer = hold_the_first
    await bot.set_webhook(receiver.url, drop_pending_updates=True)
    held, waiting = await citizen.says("một"), await citizen.says("hai")
    press = await citizen.taps("A")
    await server.delivery.taken(press.update)
    assert held
    assert waiting
    assert (held.acked_at, waiting.attempts) == (None, 0)
    gate.set()
    await server.delivery.settled()
    assert ids(receiver)[-1] == waiting.id


async def test_presses_live_150_seconds_and_messages_a_day(
    bot: Bot, citizen: Person, server: TelegramServer
) -> None:
    await bot.send_message(citizen.id, "x")
    press = await citizen.presses("a")
    server.clock.advance(151)
    assert [one.callback_query for one in await bot.get_updates()] == [None]
    assert press.update
    assert press.update.expired
    server.clock.advance(24 * 3600)
    assert not await bot.get_updates()


async def test_what_was_acknowledged_comes_again_on_demand(
    bot: Bot, server: TelegramServer, receiver: Receiver, citizen: Person
) -> None:
    [update] = await bot.get_updates()
    assert not await bot.get_updates(offset=update.update_id + 1)
    server.delivery.redeliver(update.update_id)
    [again] = await bot.get_updates(offset=update.update_id + 1)
    assert again.update_id == update.update_id
    await bot.get_updates(offset=update.update_id + 1)
    await bot.set_webhook(receiver.url)
    server.delivery.redeliver(update.update_id)
    await server.delivery.settled()
    twice = asyncio.Event()

    async def note(count: int) -> web.Response:
        twice.set()
        return web.Response()

    receiver.answer = note
    server.delivery.redeliver(update.update_id, aside=True)
    await twice.wait()
    assert ids(receiver) == [update.update_id] * 2
    assert server.delivery.acked == [update.update_id]


async def test_update_ids_may_start_again_lower(bot: Bot, citizen: Person) -> None:
    citizen.delivery.next_id = 5
    await citizen.says("x")
    assert [one.update_id for one in await bot.get_updates()] == [5, 810_000_001]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
async def test_any_update_can_be_pushed(bot: Bot, server: TelegramServer, payload: Json) -> None:
    kind = next(key for key in payload if key != "update_id")
    server.delivery.allowed = [kind]
    server.push(payload)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        [update] = await bot.get_updates()
    assert kind in update.model_dump(exclude_unset=True) or kind == "quantum_post"


async def test_what_people_do_comes_as_updates(bot: Bot, citizen: Person) -> None:
    await citizen.opens_link("c-TDKT_01")
    await citizen.says("x" * 5000)
    await citizen.edits("sửa")
    await citizen.sends_album([b"a", b"b"], caption="Hai góc")
    await citizen.sends_location(10.76, 106.68)
    await citizen.shares_contact("84901112233")
    await citizen.blocks()
    await citizen.unblocks()
    updates = (await bot.get_updates())[1:]
    start, long, rest, edit, one, two, place, contact, gone, back = updates
    assert start.message
    assert start.message.text == "/start c-TDKT_01"
    assert [mark.type for mark in start.message.entities or []] == ["bot_command"]
    lengths = [len(each.message.text or "") for each in (long, rest) if each.message]
    assert lengths == [4096, 904]
    assert edit.edited_message
    assert edit.edited_message.text == "sửa"
    albums = {each.message.media_group_id for each in (one, two) if each.message}
    assert len(albums) == 1
    assert place.message
    assert place.message.location
    assert contact.message
    assert contact.message.contact
    standings = [
        each.my_chat_member.new_chat_member.status for each in (gone, back) if each.my_chat_member
    ]
    assert standings == ["kicked", "member"]


async def test_a_press_under_a_deleted_message_has_no_message_to_edit(
    bot: Bot, citizen: Person
) -> None:
    sent = await bot.send_message(citizen.id, "x")
    shown = await citizen.hears("x")
    await bot.delete_message(citizen.id, sent.message_id)
    await citizen.presses("a", shown)
    update = (await bot.get_updates())[-1]
    assert update.callback_query
    assert not isinstance(update.callback_query.message, Message)


async def test_an_answer_that_comes_in_pieces_is_read_whole(
    server: TelegramServer, listen: Callable[[web.Application], Awaitable[str]]
) -> None:
    citizen, application = server.person(), web.Application()

    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        body = json.dumps({"method": "sendMessage", "chat_id": citizen.id, "text": "từng phần"})
        for piece in (body[:20], body[20:]):
            await answer.write(piece.encode())
            await asyncio.sleep(0.01)
        return answer

    application.router.add_post("/hook", drip)
    await server.methods.set_webhook({"url": await listen(application)})
    await citizen.says("x")
    await citizen.hears("từng phần")

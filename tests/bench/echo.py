"""The base of every ratio: the webhook bot of aiogram's own guide, saying back what it hears.

It stores nothing and answers 200 before it has done anything.
"""

from __future__ import annotations

import argparse

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

SECRET = "a-secret-of-the-bench"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--api", required=True, help="URL of the Bot API server")
    parser.add_argument("--token", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    bot = Bot(given.token, AiohttpSession(api=TelegramAPIServer.from_base(given.api)))
    dispatcher, application = Dispatcher(), web.Application()

    @dispatcher.message()
    async def repeat(message: Message) -> None:
        await message.answer(message.text or "")

    @dispatcher.startup()
    async def register() -> None:
        url = f"http://127.0.0.1:{given.port}/hook"
        await bot.set_webhook(url, secret_token=SECRET, max_connections=100)
        print("ready", flush=True)

    SimpleRequestHandler(dispatcher, bot, secret_token=SECRET).register(application, "/hook")
    setup_application(application, dispatcher, bot=bot)
    web.run_app(application, host="127.0.0.1", port=given.port, print=None)


if __name__ == "__main__":
    main()

"""Files both ways: what the bot may send as what, and what it may fetch of people's."""

from __future__ import annotations

import struct

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, InputMediaDocument, InputMediaPhoto, MediaUnion

from tests.telegram.people import Person
from tests.telegram.server import TelegramServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


def png(width: int = 640, height: int = 480) -> bytes:
    """As much of a picture as Telegram looks at: the header."""
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\0" * 9


async def test_photos_documents_and_voice_come_whole(bot: Bot, citizen: Person) -> None:
    picture = png()
    sent = await bot.send_photo(citizen.id, BufferedInputFile(picture, "qr.png"), caption="Mã")
    shown = await citizen.hears("Mã")
    assert (shown.photo, sent.photo and sent.photo[-1].width) == (picture, 640)
    await bot.send_photo(citizen.id, sent.photo[-1].file_id if sent.photo else "")
    assert citizen.last().photo == picture
    await bot.send_document(citizen.id, BufferedInputFile(b"%PDF", "tệp.pdf"))
    assert citizen.last().document == ("tệp.pdf", b"%PDF")
    await bot.send_voice(citizen.id, BufferedInputFile(b"OggS", "voice.ogg"), duration=3)
    await bot.send_chat_action(citizen.id, "typing")


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"GIF89a", "IMAGE_PROCESS_FAILED"),
        (b"", "file must be non-empty"),
        (png(9000, 1001), "PHOTO_INVALID_DIMENSIONS"),
        (png(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
        (png() + b"\0" * (10 << 20), "too big for a photo"),
    ],
)
async def test_pictures_that_are_none_or_too_large_are_refused(
    bot: Bot, citizen: Person, content: bytes, refusal: str
) -> None:
    with pytest.raises(TelegramBadRequest, match=refusal):
        await bot.send_photo(citizen.id, BufferedInputFile(content, "x.png"))


async def test_a_caption_over_1024_units_is_refused(bot: Bot, citizen: Person) -> None:
    photo = BufferedInputFile(png(), "x.png")
    await bot.send_photo(citizen.id, photo, caption="ă" * 1024)
    with pytest.raises(TelegramBadRequest, match="caption is too long"):
        await bot.send_photo(citizen.id, photo, caption="ă" * 1025)


async def test_an_album_holds_two_to_ten_of_a_kind(bot: Bot, citizen: Person) -> None:
    photo = InputMediaPhoto(media=BufferedInputFile(png(), "x.png"), caption="Hai góc")
    paper = InputMediaDocument(media=BufferedInputFile(b"%PDF", "x.pdf"))
    sent = await bot.send_media_group(citizen.id, [photo, photo])
    assert len({one.media_group_id for one in sent}) == 1
    refused: list[list[MediaUnion]] = [[photo], [photo] * 11, [photo, paper]]
    for album in refused:
        with pytest.raises(TelegramBadRequest):
            await bot.send_media_group(citizen.id, album)


async def test_files_of_people_are_downloaded_up_to_20_mb(
    bot: Bot, citizen: Person, server: TelegramServer
) -> None:
    await citizen.sends_photo(png(), caption="Ảnh")
    await citizen.sends_document(b"x", "lớn.mp4", size=31_457_280)
    await citizen.sends_voice(b"OggS voice")
    messages = [update.message for update in await bot.get_updates() if update.message]
    [photo] = [one.photo[-1] for one in messages if one.photo]
    [large] = [one.document for one in messages if one.document]
    [voice] = [one.voice for one in messages if one.voice]
    contents = [await bot.download(photo), await bot.download(voice)]
    assert [one.read() for one in contents if one] == [png(), b"OggS voice"]
    with pytest.raises(TelegramBadRequest, match="file is too big"):
        await bot.get_file(large.file_id)
    with pytest.raises(TelegramBadRequest, match="invalid file_id"):
        await bot.get_file("BQACnone")

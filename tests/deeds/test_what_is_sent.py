"""What people really send while they tell of a deed, and what they read when it is refused."""

from __future__ import annotations

import io
import re
import unicodedata
import uuid
from html import unescape

import aiohttp
import pytest
from aiohttp import ClientSession
from PIL import Image
from sqlalchemy import select

from bot.media import MAX_FILE_BYTES
from handlers.deeds.forms import Told
from storage.models.office import Act
from storage.models.traffic import StoredFile
from tests.cast import CHANNELS, PAIRS, Citizen, TelegramCitizen, WebCitizen
from tests.deeds.test_dialogue import CODE, WORDS, reports, told
from tests.officers.staff import officer as staff_officer
from tests.pictures import jpeg
from tests.test_media import GPS, film, opus, pdf, photo_from_a_phone, png, word_file
from tests.world import World

SCRIPT = b"9 0 obj\n<< /S /JavaScript /JS (app.alert(1)) >>\nendobj"
RTL, ZERO = "\u202e", "\u200b"


async def sends(citizen: Citizen, content: bytes, name: str, caption: str = "") -> str:
    """One file as a document, and everything its sender reads: also what the door refuses."""
    if isinstance(citizen, TelegramCitizen):
        before = citizen._marks()
        await citizen.person.sends_document(content, name, caption)
        return await citizen._answer(before)
    assert isinstance(citizen, WebCitizen)
    form = aiohttp.FormData(quote_fields=False)  # as a browser writes a file's name
    form.add_field("id", str(uuid.uuid4()))
    form.add_field("text", caption)
    form.add_field("files", content, filename=name)
    async with citizen.http.post("/chat/messages", data=form) as response:
        body = await response.json()
    await citizen._world.settled()
    if response.status == 422:
        return str(body["message"])
    async with citizen.http.get("/chat/messages", params={"after": _seen(citizen)}) as response:
        new = (await response.json())["messages"]
    citizen.lines += new
    return "\n".join(line["text"] for line in new if line["from"] == "bot")


def _seen(citizen: WebCitizen) -> int:
    return citizen.lines[-1]["seq"] if citizen.lines else 0


async def at_the_words(world: World, channel: str) -> Citizen:
    """Somebody is asked what happened."""
    citizen = await world.citizen(channel)
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    await citizen.taps("Tôi không biết tên")
    await citizen.taps("Tôi không rõ nơi đó")
    return citizen


async def at_the_day(world: World, channel: str) -> Citizen:
    citizen = await at_the_words(world, channel)
    assert "Câu 4/8" in await citizen.says(WORDS)
    return citizen


async def sent(world: World, citizen: Citizen) -> Told:
    """Sends what was told, and reads it as it was stored."""
    await citizen.taps("Xem lại")
    assert CODE.search(await citizen.taps("Gửi"))
    return await told(world, (await reports(world))[-1])


async def stored(world: World) -> list[StoredFile]:
    async with world.base.db.reading() as session:
        return list(await session.scalars(select(StoredFile)))


# What cannot be taken: each has a sentence that says what to do instead


@CHANNELS
@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        pytest.param(
            film(brand=b"heic"), "IMG_0042.HEIC", "lưu thành JPEG rồi gửi lại", id="heic"
        ),
        pytest.param(b"MZ" + bytes(80), "anh-cua-toi.jpg", "Đây là tệp chương trình", id="exe"),
        pytest.param(b"\x7fELF" + bytes(80), "giay-khen.pdf", "tệp chương trình", id="elf"),
        pytest.param(png(9000, 9000), "anh.png", "Xin chụp màn hình ảnh đó", id="bomb"),
        pytest.param(pdf(SCRIPT), "giay.pdf", "chọn In rồi lưu thành PDF mới", id="pdf"),
        pytest.param(jpeg()[:300], "anh.jpg", "Xin gửi lại, hoặc chụp ảnh màn hình", id="broken"),
    ],
)
async def test_what_is_refused_says_what_to_do_and_the_telling_goes_on(
    sqlite_world: World, channel: str, content: bytes, name: str, sentence: str
) -> None:
    citizen = await at_the_day(sqlite_world, channel)
    assert sentence in await sends(citizen, content, name)
    assert await stored(sqlite_world) == []
    assert "Câu 5/8" in await citizen.taps("Hôm qua")
    kept = await sent(sqlite_world, citizen)
    assert (kept.what, kept.all_files) == (WORDS, [])


@CHANNELS
async def test_twenty_megabytes_are_taken_and_one_byte_more_is_told(
    sqlite_world: World, channel: str
) -> None:
    photo = jpeg()
    largest = photo + bytes(MAX_FILE_BYTES - len(photo))
    citizen = await at_the_day(sqlite_world, channel)
    assert "Đã nhận 1 tệp" in await sends(citizen, largest, "anh.jpg")
    assert "Tệp lớn hơn 20 MB" in await sends(citizen, largest + b"\0", "anh.jpg")
    (file,) = await stored(sqlite_world)
    assert file.size < 10_000, "the public copy is drawn anew, without what hung behind it"
    assert len((await sent(sqlite_world, citizen)).files) == 1


async def test_a_caption_is_kept_when_its_picture_is_refused(sqlite_world: World) -> None:
    citizen = await at_the_words(sqlite_world, "telegram")
    heic = film(brand=b"heic")
    answer = await sends(citizen, heic, "IMG_1.HEIC", caption=WORDS)
    assert "lưu thành JPEG" in answer
    assert "Câu 4/8" in answer
    assert (await sent(sqlite_world, citizen)).what == WORDS


async def test_a_sticker_or_a_vote_is_told_what_can_be_sent(sqlite_world: World) -> None:
    citizen = await at_the_words(sqlite_world, "telegram")
    assert isinstance(citizen, TelegramCitizen)
    before = citizen._marks()
    citizen.person._send({"dice": {"emoji": "🎲", "value": 4}})
    answer = await citizen._answer(before)
    assert "Anh/chị có thể viết, gửi đoạn ghi âm hoặc ảnh" in answer
    assert "Câu 3/8" in answer


@CHANNELS
async def test_the_eleventh_file_is_told_of_and_ten_stay(
    sqlite_world: World, channel: str
) -> None:
    citizen = await at_the_day(sqlite_world, channel)
    for width in range(10):
        await sends(citizen, jpeg(60 + width), "anh.jpg")
    answer = await sends(citizen, jpeg(90), "anh.jpg")
    assert "nhiều nhất 10 tệp. Các tệp đã nhận vẫn còn" in answer
    await citizen.taps("Hôm qua")
    assert len((await sent(sqlite_world, citizen)).files) == 10


# Several at once


async def test_an_album_is_answered_once_and_its_caption_is_the_story(
    sqlite_world: World,
) -> None:
    citizen = await at_the_words(sqlite_world, "telegram")
    assert isinstance(citizen, TelegramCitizen)
    before = citizen._marks()
    await citizen.person.sends_album([jpeg(60), jpeg(70), jpeg(80)], caption=WORDS)
    answer = await citizen._answer(before)
    assert answer.count("Đang nhận các tệp") == 1
    assert answer.count("Câu 4/8") == 1
    kept = await sent(sqlite_world, citizen)
    assert (kept.what, len(kept.files)) == (WORDS, 3)


async def test_an_album_of_what_we_cannot_open_is_refused_once(sqlite_world: World) -> None:
    citizen = await at_the_words(sqlite_world, "telegram")
    assert isinstance(citizen, TelegramCitizen)
    before = citizen._marks()
    await citizen.person.sends_album([film(brand=b"heic"), film(brand=b"heic") + b"2"])
    answer = await citizen._answer(before)
    assert answer.count("lưu thành JPEG") == 1
    assert "Câu 3/8" in await citizen.taps("Tiếp tục")


async def test_words_photos_and_voice_of_one_web_message_are_all_kept(
    sqlite_world: World,
) -> None:
    citizen = await at_the_words(sqlite_world, "webchat")
    assert isinstance(citizen, WebCitizen)
    form = aiohttp.FormData()
    form.add_field("id", str(uuid.uuid4()))
    form.add_field("text", WORDS)
    for content, name in ((opus(), "loi.ogg"), (jpeg(), "a.jpg"), (opus() + b"2", "them.ogg")):
        form.add_field("files", content, filename=name)
    assert "Câu 4/8" in await citizen._post(data=form)
    kept = await sent(sqlite_world, citizen)
    assert (kept.what, list(kept.voices), len(kept.all_files)) == (WORDS, ["what"], 3)


@CHANNELS
async def test_a_voice_note_answers_any_question_of_words(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    for number in range(4):
        voice = opus() + bytes([number])
        assert "Cán bộ sẽ nghe" in await citizen.sends_files((voice, "loi.ogg"))
    await citizen.taps("Bỏ qua")
    await citizen.taps("Bỏ qua")
    assert "Câu 7/8" in await citizen.sends_files((opus() + b"9", "loi.ogg"))
    kept = await sent(sqlite_world, citizen)
    assert sorted(kept.voices) == ["name", "outcome", "place", "what", "when"]
    assert len(set(kept.voices.values())) == 5


async def test_a_forwarded_bundle_is_the_story_and_answers_no_question(
    sqlite_world: World,
) -> None:
    citizen = await at_the_words(sqlite_world, "telegram")
    assert isinstance(citizen, TelegramCitizen)
    before = citizen._marks()
    await citizen.person.forwards(WORDS, "Hôm ấy nước chảy xiết.", photos=[jpeg(), jpeg(70)])
    assert "Câu 4/8" not in await citizen._answer(before)
    assert "Câu 4/8" in await citizen.taps("Tiếp tục")
    before = citizen._marks()
    await citizen.person.forwards("Ngày mai báo sẽ đăng.")
    answer = await citizen._answer(before)
    assert "Đã ghi thêm vào lời kể" in answer
    assert "Câu 4/8" in answer
    kept = await sent(sqlite_world, citizen)
    assert kept.what == f"{WORDS}\nHôm ấy nước chảy xiết.\nNgày mai báo sẽ đăng."
    assert (kept.when, len(kept.files)) == ("", 2)


async def test_a_forwarded_message_is_nobodys_name(sqlite_world: World) -> None:
    citizen = await sqlite_world.citizen("telegram")
    assert isinstance(citizen, TelegramCitizen)
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    before = citizen._marks()
    await citizen.person.forwards(WORDS)
    assert "Người đó tên là gì" in await citizen._answer(before)
    await citizen.says("Trần Văn Ví Dụ")
    await citizen.taps("Tôi không rõ nơi đó")
    await citizen.taps("Tiếp tục")
    kept = await sent(sqlite_world, citizen)
    assert (kept.name, kept.what) == ("Trần Văn Ví Dụ", WORDS)


# Words


@PAIRS
async def test_a_message_as_long_as_telegram_allows_is_kept_whole(
    world: World, channel: str
) -> None:
    citizen = await at_the_words(world, channel)
    longest = ("Anh giúp bà con. " * 300)[:4095] + "!"
    assert "Câu 3/8" in await citizen.says(longest)
    await citizen.taps("Tiếp tục")
    assert (await sent(world, citizen)).what == longest


async def test_a_text_of_two_messages_is_one_story(sqlite_world: World) -> None:
    """The second piece, of less than 300 letters, was once taken for the day it happened."""
    citizen = await at_the_words(sqlite_world, "telegram")
    await citizen.says("a" * 4096 + "Hôm đó là thứ sáu.")
    await citizen.taps("Tiếp tục")
    kept = await sent(sqlite_world, citizen)
    assert (len(kept.what), kept.when) == (4096 + 1 + 18, "")


@CHANNELS
async def test_more_than_is_taken_says_by_how_much(sqlite_world: World, channel: str) -> None:
    citizen = await at_the_words(sqlite_world, channel)
    for _ in range(2):
        await citizen.says("á" * 3000)
    answer = await citizen.says("á" * 3000)
    assert "9.002 chữ cái, nhiều nhất 8.000" in answer


@CHANNELS
async def test_a_long_answer_to_a_short_question_is_part_of_the_story(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    story = "Tôi muốn kể về bác Tư, " + "bác giúp bà con trong xóm sửa lại mái nhà. " * 6
    answer = await citizen.says(story)
    assert "Đã ghi thêm vào lời kể" in answer
    assert "Người đó tên là gì" in answer
    await citizen.says("Bác Tư Ví Dụ")
    await citizen.taps("Tôi không rõ nơi đó")
    await citizen.taps("Tiếp tục")
    kept = await sent(sqlite_world, citizen)
    assert (kept.name, kept.what) == ("Bác Tư Ví Dụ", story.strip())


@PAIRS
async def test_letters_in_pieces_and_turned_around_are_stored_plain(
    world: World, channel: str
) -> None:
    """NFD as a Mac types it; an override that shows a name backwards; letters nobody sees."""
    citizen = await world.citizen(channel)
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    await citizen.says(f"Trần {RTL}Văn\u202c V{ZERO}í Dụ")
    pieces = unicodedata.normalize("NFD", "Bảo Lạc, Cao Bằng")
    assert "Xã Bảo Lạc, Tỉnh Cao Bằng" in await citizen.says(pieces)
    await citizen.says(unicodedata.normalize("NFD", WORDS) + RTL)
    kept = await sent(world, citizen)
    assert (kept.name, kept.what, kept.commune) == ("Trần Văn Ví Dụ", WORDS, "01321")


@CHANNELS
async def test_a_files_name_turned_around_shows_its_true_ending(
    sqlite_world: World, channel: str
) -> None:
    citizen = await at_the_day(sqlite_world, channel)
    await sends(citizen, word_file(), f"thu-khen{RTL}gpj.docx")
    (file,) = await stored(sqlite_world)
    assert file.name == "thu-khengpj.docx"


# Where a photograph was taken


async def test_a_photos_place_stays_in_the_restricted_original(sqlite_world: World) -> None:
    """The page for officers gives the clean copy; the original is another link, and an act."""
    world = sqlite_world
    citizen, officer = await at_the_words(world, "webchat"), await staff_officer(world, "webchat")
    await citizen.sends_files((photo_from_a_phone(), "anh.jpg"))
    await citizen.says(WORDS)
    await sent(world, citizen)
    await officer.says("/viectotmoi")
    await officer.taps("—")
    clean, original = await _downloads(world, officer)
    assert b"SecretCamera" in original
    assert GPS in Image.open(io.BytesIO(original)).getexif()
    assert len(Image.open(io.BytesIO(clean)).getexif()) == 0
    for secret in (b"SecretCamera", b"HiddenComment", b"HiddenXmp"):
        assert secret not in clean
    async with world.base.db.reading() as session:
        acts = list(await session.scalars(select(Act.verb)))
    assert acts.count("read original") == 1


async def _downloads(world: World, officer: Citizen) -> list[bytes]:
    """What stands behind the links of the page for officers, in their order."""
    lines = officer.lines  # type: ignore[attr-defined]
    (page,) = {
        button["url"] for line in lines for row in line["choices"] for button in row
        if "/officer/deed/" in button.get("url", "")
    }  # fmt: skip
    async with ClientSession(world.links) as http:
        async with http.get(page) as response:
            links = re.findall(r'href="(/officer/deed/[^"]+)"', await response.text())
        found = []
        for one in links:
            async with http.get(unescape(one)) as response:
                assert response.status == 200
                found.append(await response.read())
    return found

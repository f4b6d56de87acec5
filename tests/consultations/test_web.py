"""The public pages and the form without JavaScript, from the list to the receipt and back."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar
from PIL import Image
from sqlalchemy import func, select

from bot import receipts
from bot.i18n import spell
from handlers.consultations import lifecycle, service
from handlers.consultations.pages.files import qr
from storage.models.consultations import (
    CaseMessage,
    Consultation,
    ConsultationState,
    IdentityLevel,
    Opinion,
    OpinionState,
    OpinionVersion,
    RestrictedMatter,
    Stance,
)
from storage.models.people import Person
from storage.models.traffic import StoredFile
from tests.consultations.site import CLOSES, CODE, NOW, OPENED, Form, Site

SECOND = timedelta(seconds=1)
WORDS = "Cây cầu này do cả thôn cùng làm."


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with Site(database_url, tmp_path) as made:
        yield made


def picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(drawn, "PNG")
    return drawn.getvalue()


async def opinions(site: Site) -> list[Opinion]:
    async with site.base.db.reading() as session:
        return list(await session.scalars(select(Opinion).order_by(Opinion.received_at)))


async def count(
    site: Site, model: type[CaseMessage | OpinionVersion | RestrictedMatter | StoredFile]
) -> int:
    async with site.base.db.reading() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def change(site: Site, **values: object) -> None:
    async with site.base.db.transaction() as session:
        asked = await session.get_one(Consultation, site.consultation)
        for name, value in values.items():
            setattr(asked, name, value)


async def file_one(site: Site, **fields: str) -> str:
    """Gives an opinion by the form and returns its code."""
    receipt = await site.send(await site.read_back(**fields))
    assert site.status == 200, receipt.text
    return receipt.code


# Reading


async def test_the_list_shows_the_open_one_first_with_its_closing_and_its_day(site: Site) -> None:
    page = await site.get("/")
    assert page.text.index("đợt AH-2026-01") < page.text.index("đợt AH-2026-00")
    assert "24:00 thứ Ba, ngày 01/12/2026" in page.text
    assert "ngày thứ 4 trong 10" in page.text


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (datetime(2026, 11, 16, 3, tzinfo=UTC), "Ngày đăng không tính"),
        (
            datetime(2026, 11, 21, 3, tzinfo=UTC),
            "Hôm nay (thứ Bảy, ngày 21/11/2026) là ngày nghỉ, không tính; đã qua 4 trong 10 ngày",
        ),
        (datetime(2026, 11, 24, 3, tzinfo=UTC), "ngày 24/11/2026) là ngày nghỉ, không tính; đã"),
        (datetime(2026, 11, 25, 3, tzinfo=UTC), "ngày 25/11/2026) là ngày thứ 6 trong 10"),
    ],
)
async def test_a_day_off_is_not_called_a_day_of_the_window(
    site: Site, at: datetime, told: str
) -> None:
    site.now = at
    assert told in (await site.get("/")).text
    assert told in (await site.get(f"/c/{CODE}")).text


async def test_a_consultation_shows_how_its_window_is_counted_and_moved(site: Site) -> None:
    page = await site.get(f"/c/{CODE.lower()}")
    for shown in (
        "Không tính ngày đăng",
        "24/11/2026 là ngày nghỉ",
        "Hạn ghi trong thông báo sớm hơn",
        "Từ 24:00 thứ Hai, ngày 30/11/2026 đổi thành 24:00 thứ Ba, ngày 01/12/2026",
        "Bổ sung ngày nghỉ 24/11",
        "Điều 44 khoản 2 Nghị định 152/2025/NĐ-CP",
        "Chưa đối chiếu với văn bản gốc",
        "Báo An Hòa, 08:00 thứ Hai, ngày 16/11/2026",
        "Số 1 đường Hoa Sen",
        "0200 000 001",
        "tdkt@example.vn",
    ):
        assert shown in page.text


async def test_a_page_tells_what_its_own_notice_says(site: Site) -> None:
    async with site.base.db.transaction() as session:
        asked = await lifecycle.by_code(session, CODE)
        asked.document, asked.publisher = "77/TB-SNV ngày 16/11/2026", "Sở Nội vụ"
        asked.receiving_name = "Văn phòng UBND tỉnh"
        asked.receiving_addresses = ["Số 2 đường Lúa"]
        asked.legal_bases = [{**asked.legal_bases[0], "text": "Khoản 2 Điều 44 Nghị định số 152"}]
    page = await site.get(f"/c/{CODE}")
    for shown in (
        "77/TB-SNV ngày 16/11/2026", "Sở Nội vụ", "Văn phòng UBND tỉnh", "Số 2 đường Lúa",
        "Khoản 2 Điều 44 Nghị định số 152",
    ):  # fmt: skip
        assert shown in page.text
    assert "Số 1 đường Hoa Sen" not in page.text
    assert "0200 000 001" not in page.text
    form = await site.get(f"/c/{CODE}/1/opinion")
    assert "Người được giao xử lý tại Phòng Thi đua" in form.text


async def test_a_page_of_an_early_close_says_when_and_why(site: Site) -> None:
    async with site.base.db.transaction() as session:
        asked = await lifecycle.by_code(session, CODE)
        lifecycle.close(session, asked, "Đơn vị đã rút tờ trình", "command", site.now)
    page = await site.get(f"/c/{CODE}")
    (told,) = [line for line in page.text.split("Đợt này") if "đã ngừng nhận ý kiến từ" in line]
    assert spell("vi", site.now) in told
    assert "Lý do: Đơn vị đã rút tờ trình" in page.text


async def test_a_candidate_shows_who_it_is_and_where_an_opinion_is_given(site: Site) -> None:
    page = await site.get(f"/c/{CODE}/2")
    for shown in (
        "Trạm Y tế xã Suối Mơ",
        "Tập thể",
        "Huân chương Lao động hạng Ba",
        "Hai mươi năm",
    ):
        assert shown in page.text
    assert "Gửi ý kiến bằng mẫu" in page.text


async def test_the_pages_speak_english_when_asked_to(site: Site) -> None:
    page = await site.get(f"/c/{CODE}?lang=en")
    assert "Opinions are taken until" in page.text
    assert "Labour Order, third class" in page.text


@pytest.mark.parametrize(
    "path", ["/c/khong-co", f"/c/{CODE}/9", f"/c/{CODE}/9/opinion", "/files/" + "0" * 20]
)
async def test_what_does_not_exist_is_not_found(site: Site, path: str) -> None:
    await site.get(path)
    assert site.status == 404


@pytest.mark.parametrize("state", [ConsultationState.DRAFT, ConsultationState.APPROVED])
async def test_an_unpublished_consultation_is_on_no_page(
    site: Site, state: ConsultationState
) -> None:
    await change(site, state=state)
    assert CODE not in (await site.get("/")).text
    for path in ("", "/1", "/1/opinion", "/qr.svg", "/1/qr.svg", "/closing.ics"):
        await site.get(f"/c/{CODE}{path}")
        assert site.status == 404


async def test_nothing_the_public_said_is_on_any_page(site: Site) -> None:
    await file_one(site, text="Một câu chỉ người gửi biết", identity="to_office", name="Trần Thử")
    for path in ("/", f"/c/{CODE}", f"/c/{CODE}/1", f"/c/{CODE}/1/opinion"):
        page = await site.get(path)
        assert "chỉ người gửi biết" not in page.text
        assert "Trần Thử" not in page.text
        assert "1 ý kiến" not in page.text


@pytest.mark.parametrize("name", [None, "neuguong_bot"])
async def test_telegram_is_spoken_of_only_when_the_bot_is_known(
    database_url: str, tmp_path: Path, name: str | None
) -> None:
    async with Site(database_url, tmp_path, telegram=name) as site:
        page = await (await site.client.get(f"/c/{CODE}/1")).text()
    assert (f"https://t.me/{name}?start=c-{CODE}-1" in page) == (name is not None)
    assert ("t.me" in page) == (name is not None)


async def test_the_qr_code_leads_to_the_page(site: Site) -> None:
    async with site.client.get(f"/c/{CODE}/1/qr.svg") as response:
        assert response.content_type == "image/svg+xml"
        drawn = await response.text()
    assert drawn == qr(f"https://gopy.example.vn/c/{CODE}/1")
    assert drawn.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox=')


async def test_the_calendar_entry_ends_when_the_window_does(site: Site) -> None:
    async with site.client.get(f"/c/{CODE}/closing.ics") as response:
        assert response.content_type == "text/calendar"
        calendar = Calendar.from_ical(await response.read())
    (entry,) = calendar.walk("VEVENT")
    assert entry.decoded("dtend") == CLOSES
    assert entry["dtend"].params["TZID"] == "Asia/Ho_Chi_Minh"
    assert [zone["TZID"] for zone in calendar.walk("VTIMEZONE")] == ["Asia/Ho_Chi_Minh"]
    assert entry["sequence"] == 1


async def test_a_published_file_is_given_with_its_name_and_no_power(site: Site) -> None:
    await site.get(f"/files/{site.public_file}")
    assert site.status == 200
    named = site.headers["Content-Disposition"]
    assert "filename*=UTF-8''B%C3%A1o%20c%C3%A1o" in named
    assert named.startswith("attachment;")
    assert site.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in site.headers["Content-Security-Policy"]


# Giving an opinion


async def test_an_opinion_goes_from_the_form_to_a_receipt_that_opens_it(site: Site) -> None:
    review = await site.read_back()
    assert WORDS in review.text
    assert review.actions == ["send", "change", "cancel"]
    assert await opinions(site) == []
    receipt = await site.send(review)
    assert site.status == 200
    (filed,) = await opinions(site)
    assert (filed.stance, filed.text, filed.in_window) == (Stance.OBJECT, WORDS, True)
    assert (filed.identity, filed.person_id) == (IdentityLevel.ANONYMOUS, None)
    assert (filed.channel, filed.contact_id) == ("form", None)
    case = await site.look_up(receipt.code)
    assert WORDS in case.text
    assert "Đã nhận, đang chờ xem xét" in case.text


_SEAL = re.compile(r"\b[0-9a-f]{64}\b")


async def test_what_the_receipt_seals_is_found_again_in_the_list_published_at_the_close(
    site: Site,
) -> None:
    receipt = await site.send(await site.read_back())
    (seal,) = _SEAL.findall(receipt.text)
    withdrawn = await site.send(await site.read_back(stance="agree", text=""))
    await site.act(await site.look_up(withdrawn.code), "withdraw-yes")
    await site.get(f"/c/{CODE}/seals.txt")
    assert site.status == 404, "nothing is published while opinions may still change"
    await change(site, closes_at=site.now - SECOND)
    listed = await site.get(f"/c/{CODE}/seals.txt")
    assert _SEAL.findall(listed.text) == [seal]
    assert "Số ý kiến: 1." in listed.text
    assert WORDS not in listed.text
    case = await site.look_up(receipt.code)
    assert _SEAL.findall(case.text) == [seal]
    assert "Đối chiếu với danh sách" in case.text
    assert "Danh sách dấu kiểm" in (await site.get(f"/c/{CODE}")).text


async def test_another_word_is_another_seal(site: Site) -> None:
    receipt = await site.send(await site.read_back())
    async with site.base.db.transaction() as session:
        (filed,) = await session.scalars(select(Opinion))
        filed.text += "."
    (seal,) = _SEAL.findall(receipt.text)
    assert _SEAL.findall((await site.look_up(receipt.code)).text) != [seal]


async def test_who_will_see_what_stands_in_three_lines_before_sending(site: Site) -> None:
    for page in (await site.get(f"/c/{CODE}/1/opinion"), await site.read_back()):
        public, officers, nobody = (page.words.index(who) for who in _WHO)
        assert public < officers < nobody


_WHO = (
    "Mọi người",
    "Người được giao xử lý tại Phòng Thi đua - Khen thưởng tỉnh An Hòa",
    "Không ai",
)


async def test_agreeing_needs_no_words(site: Site) -> None:
    await file_one(site, stance="agree", text="")
    assert (await opinions(site))[0].stance == Stance.AGREE


async def test_a_name_is_sealed_apart_from_the_words(site: Site) -> None:
    await file_one(
        site, identity="signed", name="Trần Văn Thử", telephone="0912 345 678",
        postal_address="Số 3, xã Suối Mơ, tỉnh An Hòa",
    )  # fmt: skip
    (filed,) = await opinions(site)
    async with site.base.db.reading() as session:
        person = await session.get_one(Person, filed.person_id)
    assert service.identity(site.base.vault, person) == {
        "name": "Trần Văn Thử",
        "telephone": "0912 345 678",
        "postal_address": "Số 3, xã Suối Mơ, tỉnh An Hòa",
    }
    assert "Trần".encode() not in (person.name or b"")


async def test_a_name_typed_beside_no_name_goes_nowhere(site: Site) -> None:
    review = await site.read_back(name="Trần Văn Thử")
    assert "Trần Văn Thử" not in review.text
    await site.send(review)
    assert (await opinions(site))[0].person_id is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"stance": ""}, "Xin chọn một ý kiến."),
        ({"stance": "drop table"}, "Xin chọn một ý kiến."),
        ({"text": "\u200b \n"}, "Xin viết"),
        ({"text": "a" * 8001}, "8.001"),
        ({"identity": "to_office", "name": "X"}, "tên"),
        (
            {"identity": "signed", "name": "Trần Thử", "postal_address": "Số 3, xã Suối Mơ"},
            "điện thoại",
        ),
    ],
)
async def test_what_must_be_mended_is_said_and_what_was_written_is_kept(
    site: Site, fields: dict[str, str], told: str
) -> None:
    page = await site.read_back(**fields)
    assert site.status == 422
    assert "Xin xem lại những chỗ sau" in page.text
    assert told in page.text
    if "text" not in fields:
        assert WORDS in page.text
    assert await opinions(site) == []


async def test_changing_brings_back_the_form_as_it_was_filled_in(site: Site) -> None:
    review = await site.read_back(("cau.png", picture()))
    form = await site.send(review, "change")
    assert WORDS in form.text
    assert len(form.kept) == 1
    again = await site.post(
        f"/c/{CODE}/1/opinion",
        {
            **form.hidden,
            "stance": "remark",
            "text": "Ý khác",
            "identity": "anonymous",
            "keep": form.kept[0],
        },
    )
    await site.send(again)
    (filed,) = await opinions(site)
    assert (filed.text, filed.stance) == ("Ý khác", Stance.REMARK)
    async with site.base.db.reading() as session:
        assert await session.scalar(select(func.count()).select_from(StoredFile)) == 2


async def test_a_form_sent_twice_files_once_and_both_codes_open_it(site: Site) -> None:
    review = await site.read_back()
    first, second = await site.send(review), await site.send(review)
    assert "chỉ được ghi một lần" in second.text
    assert len(await opinions(site)) == 1
    for receipt in (first, second):
        assert WORDS in (await site.look_up(receipt.code)).text


async def test_a_form_sent_twice_at_once_files_once(site: Site) -> None:
    review = await site.read_back()
    receipts = await asyncio.gather(*(site.send(review) for _ in range(4)))
    assert len(await opinions(site)) == 1
    assert len({receipt.code for receipt in receipts}) == 4


async def test_a_form_is_good_for_its_own_candidate_alone(site: Site) -> None:
    review = await site.read_back(number="1")
    await site.send(review, number=2)
    assert site.status == 422
    await site.post(f"/c/{CODE}/1/send", {"draft": review.hidden["draft"] + "A", "action": "send"})
    assert site.status == 422
    assert await opinions(site) == []


async def test_a_form_from_another_site_is_refused(site: Site) -> None:
    review = await site.read_back()
    async with site.client.post(
        f"/c/{CODE}/1/send",
        data={**review.hidden, "action": "send"},
        headers={"Origin": "https://elsewhere.example"},
    ) as response:
        assert response.status == 403
    assert await opinions(site) == []


async def test_beyond_twenty_an_hour_one_is_told_when_to_try_again(site: Site) -> None:
    for _ in range(20):
        await file_one(site)
    review = await site.send(await site.read_back())
    assert site.status == 422
    assert "60 phút" in review.text
    assert WORDS in review.text
    site.now += timedelta(hours=1, seconds=1)
    await site.send(review)
    assert len(await opinions(site)) == 21


# The window


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        (OPENED - SECOND, False),
        (OPENED, True),
        (CLOSES - SECOND, True),
        (CLOSES, False),
        (CLOSES + SECOND, False),
    ],
)
async def test_the_form_takes_an_opinion_in_the_window_alone(
    site: Site, at: object, taken: bool
) -> None:
    review = await site.read_back()
    site.now = at if isinstance(at, type(NOW)) else NOW
    sent = await site.send(review)
    assert len(await opinions(site)) == taken
    if not taken:
        assert "Số 1 đường Hoa Sen" in sent.text
        assert "01/12/2026" in sent.text
        assert WORDS in sent.text
        refused = await site.get(f"/c/{CODE}/1/opinion")
        assert "Hiện không nhận ý kiến" in refused.text


async def test_a_suspended_consultation_takes_none_and_says_whom_to_ask(site: Site) -> None:
    review = await site.read_back()
    await change(site, state=ConsultationState.SUSPENDED)
    sent = await site.send(review)
    assert "0200 000 001" in sent.text
    assert await opinions(site) == []


async def test_a_late_opinion_is_kept_apart_where_the_office_says_so(site: Site) -> None:
    await change(site, keeps_late=True)
    site.now = CLOSES
    review = await site.read_back()
    assert "ghi là ngoài thời hạn" in review.text
    receipt = await site.send(review)
    assert "không tính chung" in receipt.text
    assert [one.in_window for one in await opinions(site)] == [False]


# When it sounds like a denunciation

DENUNCIATION = "Tôi tố cáo ông ấy lấy tiền làm cầu."


async def test_a_denunciation_is_told_what_a_lawful_one_is(site: Site) -> None:
    review = await site.read_back(text=DENUNCIATION)
    assert "Điều 22 Luật Tố cáo" in review.text
    assert "Thanh tra tỉnh An Hòa" in review.text
    assert review.actions == ["matter", "send", "change", "cancel"]


async def test_what_is_handed_over_is_no_opinion_and_its_receipt_shows_no_words(
    site: Site,
) -> None:
    receipt = await site.send(await site.read_back(text=DENUNCIATION), "matter")
    assert await opinions(site) == []
    assert await count(site, RestrictedMatter) == 1
    again = await site.look_up(receipt.code)
    assert "đang được bộ phận xử lý riêng xem xét" in again.text
    assert "lấy tiền" not in again.text
    assert "Lê Thị Mẫu" not in again.text


async def test_handing_over_twice_hands_over_once(site: Site) -> None:
    review = await site.read_back(text=DENUNCIATION)
    await site.send(review, "matter")
    await site.send(review, "matter")
    assert await count(site, RestrictedMatter) == 1


async def test_no_closed_window_stops_a_matter(site: Site) -> None:
    review = await site.read_back(text=DENUNCIATION)
    site.now = CLOSES
    closed = await site.send(review)
    assert closed.actions == ["matter", "change", "cancel"]
    await site.send(closed, "matter")
    assert await count(site, RestrictedMatter) == 1


async def test_the_author_of_a_matter_adds_to_it_on_the_page(site: Site) -> None:
    receipt = await site.send(await site.read_back(text=DENUNCIATION), "matter")
    assert "đọc, sửa và xóa" not in receipt.text
    page = await site.look_up(receipt.code)
    assert "đọc, sửa và xóa" not in page.text
    assert DENUNCIATION not in page.text
    assert page.actions == ["add", "erase"]
    done = await _on_matter(site, page, "add", ("cau.png", picture()), text="Thêm một điều.")
    assert "Đã nhận phần bổ sung" in done.text
    kept, files = await _kept(site)
    assert kept.startswith(DENUNCIATION)
    assert kept.endswith("Thêm một điều.")
    assert files == 1
    nothing = await _on_matter(site, done, "add", text=" ")
    assert (site.status, "cần có lời hoặc tệp" in nothing.text) == (422, True)


async def test_the_author_of_a_matter_erases_it_on_the_page(site: Site) -> None:
    receipt = await site.send(await site.read_back(text=DENUNCIATION), "matter")
    page = await site.look_up(receipt.code)
    await _on_matter(site, page, "add", ("cau.png", picture()))
    sure = await _on_matter(site, page, "erase")
    assert (sure.actions, (await _kept(site))[1]) == (["show", "erase-yes"], 1)
    assert "đã được xóa" in (await _on_matter(site, sure, "erase-yes")).text
    assert await _kept(site) == ("", 0)
    assert await count(site, StoredFile) == 1, "the office's own paper alone"
    assert "không mở được" in (await site.look_up(receipt.code)).text
    assert "mở quá lâu" in (await _on_matter(site, page, "add", text="Nữa.")).text


async def test_a_pass_of_an_opinion_opens_no_matter(site: Site) -> None:
    receipt = await site.send(await site.read_back())
    page = await site.look_up(receipt.code)
    forged = {"matter": page.hidden["case"], "action": "erase-yes"}
    assert "mở quá lâu" in (await site.post("/tracuu/matter", forged)).text
    assert (await opinions(site))[0].state == OpinionState.FILED


async def _on_matter(
    site: Site, page: Form, action: str, *files: tuple[str, bytes], **fields: str
) -> Form:
    given = {**page.hidden, "action": action, **fields}
    return await site.post("/tracuu/matter", given, *files)


async def _kept(site: Site) -> tuple[str, int]:
    """The words of the one matter, unsealed, and how many files it has."""
    async with site.base.db.reading() as session:
        (matter,) = await session.scalars(select(RestrictedMatter))
    sealed = site.base.vault.unseal_system(matter.sealed, service.SEALED_MATTERS)
    return sealed.decode(), len(matter.file_ids)


async def test_one_may_go_on_with_an_ordinary_opinion(site: Site) -> None:
    await site.send(await site.read_back(text=DENUNCIATION), "send")
    assert len(await opinions(site)) == 1


# Files


async def test_a_picture_is_kept_out_of_public_reach(site: Site) -> None:
    await site.send(await site.read_back(("cau.png", picture())))
    async with site.base.db.reading() as session:
        row = await session.scalar(select(StoredFile).where(StoredFile.public.is_(False)))
    assert row is not None
    assert row.name == "cau.jpg"
    await site.get(f"/files/{row.id}")
    assert site.status == 404


async def test_a_refused_file_is_named_and_the_good_one_kept(site: Site) -> None:
    page = await site.read_back(("cau.png", picture()), ("la.exe", b"MZ program"))
    assert site.status == 422
    assert "la.exe" in page.text
    assert len(page.kept) == 1


async def test_dropping_a_form_deletes_its_files(site: Site) -> None:
    review = await site.read_back(("cau.png", picture()))
    dropped = await site.send(review, "cancel")
    assert "không được giữ lại" in dropped.text
    assert _kept_on_disk(site) == 1, "the office's own document alone is left"


async def test_dropping_a_form_already_sent_deletes_nothing(site: Site) -> None:
    review = await site.read_back(("cau.png", picture()))
    await site.send(review)
    before = _kept_on_disk(site)
    await site.send(review, "cancel")
    assert _kept_on_disk(site) == before


def _kept_on_disk(site: Site) -> int:
    return sum(path.is_file() for path in site.base.store.folder.rglob("*"))


# Back with the receipt


async def test_the_code_is_shown_again_on_the_first_return_alone(site: Site) -> None:
    code = await file_one(site)
    assert (await site.look_up(code.lower().replace("-", " "))).code == code
    assert code not in (await site.look_up(code)).text


async def test_wrong_codes_are_answered_alike_and_slow_down(site: Site) -> None:
    code = await file_one(site)
    never_made = (await site.look_up("0000-0000-0000-0000-0000")).text
    assert (await site.look_up("không phải mã")).text == never_made
    for _ in range(3):
        assert (await site.look_up("sai")).text == never_made
    paused = await site.look_up(code)
    assert site.status == 429
    assert "10 phút" in paused.text
    site.now += timedelta(minutes=10, seconds=1)
    assert WORDS in (await site.look_up(code)).text


async def test_the_author_answers_the_office_with_evidence(site: Site) -> None:
    code = await file_one(site)
    (filed,) = await opinions(site)
    async with site.base.db.transaction() as session:
        session.add(
            CaseMessage(opinion_id=filed.id, from_office=True, text="Cầu làm năm nào?", at=NOW)
        )
    case = await site.look_up(code)
    assert "Cầu làm năm nào?" in case.text
    site.now += timedelta(minutes=1)
    case = await site.act(case, "answer", ("cau.png", picture()), text="Năm 2019.")
    assert "Năm 2019." in case.text
    assert "cau.jpg" in case.text
    await site.act(case, "answer", text="Năm 2020.")
    await site.act(case, "answer", text="Năm 2020.")
    assert await count(site, CaseMessage) == 3, "the same answer posted twice is one"


async def test_words_are_replaced_while_the_window_is_open_and_the_history_stays(
    site: Site,
) -> None:
    case = await site.look_up(await file_one(site))
    case = await site.act(case, "replace", stance="remark", text="Đã xem lại.")
    assert "Đã thay nội dung" in case.text
    (filed,) = await opinions(site)
    assert (filed.text, filed.version) == ("Đã xem lại.", 2)
    assert await count(site, OpinionVersion) == 2
    site.now = CLOSES
    case = await site.look_up(await _another_code(site, filed))
    late = await site.act(case, "replace", stance="remark", text="Muộn")
    assert "Số 1 đường Hoa Sen" in late.text
    assert (await opinions(site))[0].text == "Đã xem lại."


async def _another_code(site: Site, filed: Opinion) -> str:
    async with site.base.db.transaction() as session:
        return await receipts.issue(session, site.base.vault, "opinion", filed.id, NOW)


async def test_withdrawing_asks_first_and_keeps_the_history(site: Site) -> None:
    case = await site.look_up(await file_one(site))
    asked = await site.act(case, "withdraw")
    assert (await opinions(site))[0].state == OpinionState.FILED
    case = await site.act(asked, "withdraw-yes")
    assert "Anh/chị đã rút lại" in case.text
    assert (await opinions(site))[0].state == OpinionState.WITHDRAWN
    assert case.actions == ["erase"]


async def test_erasing_leaves_no_words_no_files_and_no_way_back(site: Site) -> None:
    review = await site.read_back(("cau.png", picture()), identity="to_office", name="Trần Thử")
    code = (await site.send(review)).code
    asked = await site.act(await site.look_up(code), "erase")
    erased = await site.act(asked, "erase-yes")
    assert "đã được xóa" in erased.text
    (filed,) = await opinions(site)
    assert (filed.state, filed.text) == (OpinionState.ERASED, "")
    assert _kept_on_disk(site) == 1
    assert "không mở được ý kiến nào" in (await site.look_up(code)).text
    assert "nhập lại mã" in (await site.act(asked, "show")).text


async def test_a_pass_that_is_not_ours_opens_nothing_and_the_code_is_asked_again(
    site: Site,
) -> None:
    forged = await site.act(Form('<input type="hidden" name="case" value="a.b.c">'), "erase-yes")
    assert site.status == 422
    assert "nhập lại mã" in forged.text

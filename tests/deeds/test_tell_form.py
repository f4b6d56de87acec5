"""A good deed told on a plain page, without JavaScript: as much as in chat, and as safe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import ClientSession, FormData
from sqlalchemy import func, select

from bot.limits import Limit
from handlers.deeds import service
from handlers.deeds.forms import Told
from storage.models.deeds import (
    Deed,
    DeedFile,
    DeedInGroup,
    DeedRepeat,
    DeedReport,
    DeedState,
    Known,
    Relation,
)
from storage.models.people import Person
from storage.models.traffic import StoredFile
from storage.models.units import Unit, UnitKind
from tests.consultations.site import Form
from tests.deadlines.cast import MONDAY
from tests.deeds.shown import exemplar
from tests.deeds.test_dialogue import _VOICE, AGAIN, WORDS, send_now
from tests.pictures import jpeg
from tests.world import World


class Reader:
    """Somebody with a browser that runs no script."""

    def __init__(self, world: World, http: ClientSession) -> None:
        self.world, self.http, self.status, self.html = world, http, 0, ""

    async def opens(self, path: str) -> Form:
        async with self.http.get(self.world.links + path) as response:
            self.status, self.html = response.status, await response.text()
        return Form(self.html)

    async def posts(self, path: str, fields: dict[str, str], *files: tuple[str, bytes]) -> Form:
        form = FormData(default_to_multipart=True)
        for name, value in fields.items():
            form.add_field(name, value)
        for name, content in files:
            form.add_field("files", content, filename=name)
        async with self.http.post(self.world.links + path, data=form) as response:
            self.status, self.html = response.status, await response.text()
        return Form(self.html)

    async def reads_back(self, *files: tuple[str, bytes], **fields: str) -> Form:
        form = await self.opens(fields.pop("path", "/viectot"))
        return await self.posts("/viectot", {**form.hidden, **fields}, *files)

    async def sends(self, form: Form, **fields: str) -> Form:
        assert self.world.stopped_at is not None
        self.world.stopped_at += timedelta(minutes=1)
        return await self.posts("/viectot/send", {**form.hidden, "action": "send", **fields})


@pytest.fixture
def world(sqlite_world: World) -> World:
    sqlite_world.stopped_at = MONDAY
    return sqlite_world


@pytest.fixture
async def reader(world: World) -> AsyncIterator[Reader]:
    async with ClientSession() as http:
        yield Reader(world, http)


async def told(world: World) -> tuple[Deed, DeedReport, Told]:
    """The newest report."""
    async with world.base.db.reading() as session:
        rows = await session.scalars(select(DeedReport).order_by(DeedReport.received_at.desc()))
        row = rows.all()[0]
        found = await service.told_in(session, world.base.vault, row)
        assert found is not None
        return await session.get_one(Deed, row.deed_id), row, found


async def test_the_same_questions_as_in_chat_are_answered_read_back_and_sent(
    world: World, reader: Reader
) -> None:
    form = await reader.reads_back(
        ("anh.jpg", jpeg()), kind="person", name="Trần Văn Ví Dụ", place="bao lac cao bang",
        what=WORDS, when="hôm qua", field="CUU_NGUOI", outcome="Ba người được cứu sống.",
        relation="neighbour", teller="Phạm Thị Hàng Xóm", telephone="0912 345 678",
        agreed="unknown", child="no", rewarded="unknown", may_show_name="yes",
        **{"group-NONG_DAN": "yes", "group-DAN_TOC_THIEU_SO": "yes"},
    )  # fmt: skip
    assert reader.status == 200
    for words in (
        "Trần Văn Ví Dụ", "Xã Bảo Lạc, Tỉnh Cao Bằng", WORDS, "28/02/2027", "Nông dân", "anh.jpg",
        "Phạm Thị Hàng Xóm",
    ):  # fmt: skip
        assert words in form.text
    async with world.base.db.reading() as session:
        assert not (await session.scalars(select(Deed))).all(), "nothing is sent yet"
    done = await reader.sends(form)
    deed, row, given = await told(world)
    assert (deed.commune, deed.field_code, deed.urgent) == ("01321", "CUU_NGUOI", True)
    assert (deed.is_child, deed.consent) == (Known.NO, Known.UNKNOWN)
    assert (row.channel, row.relation, row.may_show_name) == ("form", Relation.NEIGHBOUR, True)
    assert (given.what, given.outcome) == (WORDS, "Ba người được cứu sống.")
    async with world.base.db.reading() as session:
        groups = set(await session.scalars(select(DeedInGroup.group_code)))
        assert groups == {"NONG_DAN", "DAN_TOC_THIEU_SO"}
        assert await session.scalar(select(func.count()).select_from(DeedFile)) == 1
        person = await session.get_one(Person, row.person_id)
    assert person.name
    assert "Phạm".encode() not in person.name
    standing = await reader.posts("/tracuu", {"code": done.code})
    assert "đã nhận, đang chờ cơ quan xem" in standing.text


async def test_what_happened_is_all_that_is_needed(world: World, reader: Reader) -> None:
    form = await reader.reads_back(what="Cô lái đò trả lại ví tiền cho khách.")
    assert reader.status == 200
    await reader.sends(form)
    assert reader.status == 200
    _, row, given = await told(world)
    assert (row.relation, given.name, given.child) == (Relation.SAW, "", Known.UNKNOWN)


async def test_a_recording_answers_in_place_of_words(world: World, reader: Reader) -> None:
    form = await reader.reads_back(("loi.ogg", _VOICE))
    assert reader.status == 200, form.text
    assert "đoạn ghi âm" in form.text
    await reader.sends(form)
    assert list((await told(world))[2].voices) == ["what"]


async def test_what_is_missing_or_wrong_is_said_beside_its_field(
    world: World, reader: Reader
) -> None:
    form = await reader.reads_back(
        ("anh.jpg", jpeg()), name="X", telephone="12", teller="Lan", when="01/01/2030"
    )
    assert reader.status == 422
    for field in ("what", "name", "telephone", "when"):
        assert f'id="{field}-error"' in reader.html
    assert 'value="X"' in reader.html, "what was typed stays"
    assert form.kept, "and the file is not asked for again"
    again = await reader.posts(
        "/viectot", {**form.hidden, "keep": form.kept[0], "what": WORDS, "when": "20/11"}
    )
    assert reader.status == 200
    assert "20/11/2026" in again.text
    assert "anh.jpg" in again.text


async def test_of_several_places_the_right_one_is_chosen(world: World, reader: Reader) -> None:
    form = await reader.reads_back(what=WORDS, place="tan phu")
    assert reader.status == 422
    assert "nơi tên như vậy" in form.text
    code = reader.html.split('name="place_code" value="')[1].split('"')[0]
    fields = {**form.hidden, "what": WORDS, "place": "tan phu", "place_code": code}
    chosen = await reader.posts("/viectot", fields)
    assert reader.status == 200
    await reader.sends(chosen)
    assert (await told(world))[0].commune in (code, "")
    fields["place_code"] = "as-written"
    kept = await reader.posts("/viectot", fields)
    assert reader.status == 200
    assert "tan phu" in kept.text


async def test_a_renamed_program_is_refused_and_the_rest_kept(
    world: World, reader: Reader
) -> None:
    form = await reader.reads_back(("anh.jpg", b"MZ" + bytes(200)), what=WORDS)
    assert reader.status == 422
    assert "anh.jpg" in form.text
    assert WORDS in form.text


async def test_what_was_told_already_is_shown_and_joined_with_own_words(
    world: World, reader: Reader
) -> None:
    citizen = await world.citizen("webchat")
    code = await send_now(citizen)
    form = await reader.reads_back(
        name="Trần Văn Ví Dụ", place="bao lac cao bang", what=AGAIN, teller="Phạm Thị Mận"
    )
    assert "cùng một việc" in form.text
    assert WORDS not in form.text, "nobody's words are shown to anybody"
    refused = await reader.sends(form)
    assert reader.status == 422
    assert "Xin chọn" in refused.text
    deed, _, _ = await told(world)
    done = await reader.sends(form, joins=deed.id)
    assert "làm chứng thêm" in done.text
    assert done.code != code
    deed_again, row, given = await told(world)
    assert (deed_again.id, row.number, given.what) == (deed.id, 2, AGAIN)


async def test_what_only_looks_like_it_is_sent_as_another(world: World, reader: Reader) -> None:
    await send_now(await world.citizen("webchat"))
    first, _, _ = await told(world)
    form = await reader.reads_back(
        name="Trần Văn Ví Dụ", place="bao lac cao bang", what="Anh Ví Dụ sửa cầu giúp bà con."
    )
    answer = reader.html.split('id="joins-none" name="joins" value="')[1].split('"')[0]
    await reader.sends(form, joins=answer)
    assert reader.status == 200
    second, _, _ = await told(world)
    assert second.id != first.id


async def test_a_forged_join_or_another_deed_is_a_new_one(world: World, reader: Reader) -> None:
    await send_now(await world.citizen("webchat"))
    first, _, _ = await told(world)
    form = await reader.reads_back(what="Tổ 3 góp công làm cầu qua mương.")
    await reader.sends(form, joins=first.id)
    second, _, _ = await told(world)
    assert second.id != first.id


async def test_a_form_sent_twice_files_once(world: World, reader: Reader) -> None:
    form = await reader.reads_back(what=WORDS)
    first = await reader.sends(form)
    second = await reader.sends(form)
    assert "chỉ được ghi một lần" in second.text
    assert first.code != second.code
    async with world.base.db.reading() as session:
        assert len((await session.scalars(select(DeedReport))).all()) == 1


async def test_it_is_changed_and_dropped_with_its_files(world: World, reader: Reader) -> None:
    form = await reader.reads_back(("anh.jpg", jpeg()), what=WORDS)
    change = await reader.sends(form, action="change")
    assert WORDS in change.text
    await reader.sends(form, action="cancel")
    assert "Chưa có gì được gửi" in reader.html
    async with world.base.db.reading() as session:
        assert not (await session.scalars(select(Deed))).all()
        assert not (await session.scalars(select(StoredFile))).all()


async def test_a_flood_is_told_when_to_come_back(
    world: World, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "OF_ONE", Limit("deeds", 1, minutes=60))
    await reader.sends(await reader.reads_back(what=WORDS))
    refused = await reader.sends(await reader.reads_back(what="Một việc khác hẳn, ở nơi khác."))
    assert reader.status == 422
    assert not any(word.count("-") == 4 and len(word) == 24 for word in refused.words)


async def test_a_poster_of_a_unit_leads_to_its_office(world: World, reader: Reader) -> None:
    async with world.base.db.transaction() as session:
        session.add(
            Unit(
                office_id=world.office_id, code="SM", name="Xã Suối Mơ", kind=UnitKind.COMMUNE,
                province="04", commune="01321",
            )
        )  # fmt: skip
    form = await reader.reads_back(path="/viectot?unit=sm", what=WORDS)
    await reader.sends(form)
    assert (await told(world))[1].invited_by == "SM"


async def test_a_forged_form_files_nothing(world: World, reader: Reader) -> None:
    await reader.posts("/viectot/send", {"draft": "forged.1.mac", "action": "send"})
    assert reader.status == 422
    async with world.base.db.reading() as session:
        assert not (await session.scalars(select(Deed))).all()


async def test_who_followed_an_exemplar_says_so_and_counts_once_confirmed(
    world: World, reader: Reader
) -> None:
    async with world.base.db.transaction() as session:
        followed = await exemplar(
            session, world.base.vault, world.office_id, MONDAY, title="Tổ 3 làm cầu"
        )
    page = f"/guong/{followed.id}"
    await reader.opens(page)
    assert f"/viectot?theo={followed.id}" in reader.html
    form = await reader.reads_back(
        path=f"/viectot?theo={followed.id}", what="Tổ 5 chúng tôi cũng góp công làm cầu."
    )
    await reader.sends(form)
    deed, _, _ = await told(world)
    assert deed.inspired_by_id == followed.id
    await reader.opens(page)
    assert "đã làm theo và được xác minh" not in reader.html
    async with world.base.db.transaction() as session:
        (repeat,) = await session.scalars(select(DeedRepeat))
        assert (repeat.exemplar_id, repeat.deed_id) == (followed.id, deed.id)
        (await session.get_one(Deed, deed.id)).state = DeedState.CONFIRMED
    await reader.opens(page)
    assert "1 nơi đã làm theo và được xác minh" in reader.html

"""Handing in, played through every channel: from the list of what is due to the receipt."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bot.receipts import new_code
from handlers.consultations import drafts
from handlers.deadlines.registration import forms, service
from handlers.deadlines.registration.forms import Answers, Form, Individuals, Option
from handlers.deadlines.registration.steps import route
from storage.models.consultations import Receipt
from storage.models.deadlines import Duty, DutyState, Work
from storage.models.people import Contact
from storage.models.traffic import StoredFile
from tests.cast import CHANNELS, PAIRS, Citizen, TelegramCitizen
from tests.deadlines.handing_in import (
    NAMES,
    PAPERS,
    deadline,
    duty,
    joins,
    leaves,
    owing,
    person_of,
    state,
    unit,
    versions,
)
from tests.pictures import jpeg
from tests.test_contract import CODE
from tests.world import World

DAY = timedelta(days=1)


async def opens(person: Citizen, title: str = "Đăng ký") -> str:
    await person.says("/dangky")
    return await person.taps(title)


async def fills_in(person: Citizen) -> str:
    """From the card to the reading back: every kind of answer once."""
    await opens(person)
    await person.taps("Bắt đầu làm")
    await person.taps("☐ Tập thể lao động tiên tiến")
    await person.taps("Tiếp tục")
    await person.taps("☐ Lao động tiên tiến")
    await person.taps("Tiếp tục")
    await person.says("12")
    await person.says("\n".join(f"{n}. {name}" for n, name in enumerate(NAMES, 1)))
    await person.taps("Tiếp tục")
    await person.taps("☐ Phong trào “Cả nước chung sức")
    await person.taps("Tiếp tục")
    await person.says("Thêm hai thôn đạt chuẩn.")
    await person.sends_files((jpeg(), "trang-ky.jpg"))
    return await person.taps("Tiếp tục")


async def hands_in(person: Citizen) -> str:
    await fills_in(person)
    return await person.taps("Gửi")


async def amends(person: Citizen, people: int) -> str:
    """Another number of people, in place of what was handed in."""
    await opens(person)
    await person.taps("Sửa bản đã nộp")
    await person.taps("Sửa")
    await person.taps("Số lượng và tên: Lao động tiên tiến")
    await person.says(str(people))
    for _ in range(4):
        await person.taps("Tiếp tục")
    return await person.taps("Gửi")


@PAIRS
async def test_a_unit_registers_titles_people_and_targets_and_keeps_a_receipt(
    world: World, channel: str
) -> None:
    person, unit_id, due = await owing(world, channel)
    assert "còn 1 việc" in await person.says("/dangky")
    read_back = await fills_in(person)
    for said in ("Tập thể lao động tiên tiến: có đăng ký", "Lao động tiên tiến: 12 người",
                 *NAMES, "Thêm hai thôn đạt chuẩn.", "Tệp gửi kèm: 1"):  # fmt: skip
        assert said in read_back
    assert await state(world, unit_id, due) == DutyState.IN_PROGRESS
    code = CODE.search(await person.taps("Gửi"))
    assert code
    assert any(seen.picture for seen in await person.screen())
    done = await duty(world, unit_id, due)
    assert (done.state, done.version, done.late) == ("submitted", 1, False)
    (submission,) = await versions(world)
    handed = service.opened(world.base.vault, submission)
    assert handed.answers.collective == ["TTLDTT"]
    assert handed.answers.individual["LDTT"].count == 12
    assert handed.answers.individual["LDTT"].names == list(NAMES)
    assert handed.answers.targets == {"NTM": "Thêm hai thôn đạt chuẩn."}
    assert submission.form_hash == handed.form.hash
    assert len(submission.file_ids) == 1


@CHANNELS
async def test_names_lie_nowhere_in_clear(sqlite_world: World, channel: str) -> None:
    world = sqlite_world
    person, _, _ = await owing(world, channel)
    await fills_in(person)
    async with world.base.db.reading() as session:
        held = [str(data) for data in await session.scalars(select(Contact.data))]
    assert not any("Chuồn" in one or "thôn" in one for one in held)
    await person.taps("Gửi")
    (submission,) = await versions(world)
    assert "Chuồn".encode() not in submission.content


@CHANNELS
async def test_a_draft_survives_a_restart_and_seven_days(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    person, _, _ = await owing(world, channel)
    await fills_in(person)
    await world.restart()
    world.shift = timedelta(days=7)
    assert CODE.search(await person.taps("Gửi"))
    (submission,) = await versions(world)
    assert "LDTT" in service.opened(world.base.vault, submission).answers.individual


@CHANNELS
async def test_back_cancel_and_help_work_at_every_step(sqlite_world: World, channel: str) -> None:
    world = sqlite_world
    person, _, _ = await owing(world, channel)
    await opens(person)
    await person.taps("Bắt đầu làm")
    await person.taps("☐ Tập thể lao động tiên tiến")
    await person.taps("Tiếp tục")
    await person.taps("☐ Lao động tiên tiến")
    await person.taps("Tiếp tục")
    assert "Gõ tổng số người" in await person.taps("Hướng dẫn")
    await person.says("3")
    assert "mỗi dòng một tên" in await person.taps("Hướng dẫn")
    assert "đang ghi 3 người" in await person.taps("Quay lại")
    assert "Danh hiệu của cá nhân" in await person.taps("Quay lại")
    assert "Danh hiệu của tập thể" in await person.taps("Quay lại")
    told = await person.taps("Hủy")
    assert "Đã thoát. Chưa có gì được gửi. Bản nháp vẫn được giữ" in told
    assert await versions(world) == []
    assert "Tập thể lao động tiên tiến: có đăng ký" in await person.taps("Làm tiếp bản nháp")
    await person.says("/huy")
    assert "Đã xóa bản nháp" in await person.taps("Xóa bản nháp")
    await opens(person)
    await person.taps("Bắt đầu làm")
    assert not any("☑" in label for seen in (await person.screen())[-1:] for label in seen.labels)


@CHANNELS
async def test_a_photo_of_the_signed_page_alone_is_enough(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    person, unit_id, due = await owing(world, channel)
    await opens(person)
    assert "Đã nhận. Hiện có 1 tệp" in await person.sends_files((jpeg(), "trang-ky.jpg"))
    await person.taps("Tiếp tục")
    assert CODE.search(await person.taps("Gửi"))
    assert await state(world, unit_id, due) == DutyState.SUBMITTED


@PAIRS
async def test_what_was_handed_in_is_amended_until_the_date_and_earlier_versions_stay(
    world: World, channel: str
) -> None:
    person, unit_id, due = await owing(world, channel)
    await hands_in(person)
    assert "bản sửa, lần 2" in await amends(person, 15)
    first, second = await versions(world)
    vault = world.base.vault
    assert service.opened(vault, first).answers.individual["LDTT"].count == 12
    assert service.opened(vault, second).answers.individual["LDTT"].count == 15
    world.shift = 11 * DAY
    told = await opens(person)
    assert "Bản nộp lần 2" in told
    assert not any("Sửa bản" in label for label in (await person.screen())[-1].labels)
    assert (await duty(world, unit_id, due)).late is False


async def test_who_leaves_while_amending_is_told_that_what_was_handed_in_stands(
    sqlite_world: World,
) -> None:
    person, _, _ = await owing(sqlite_world, "webchat")
    await hands_in(person)
    await opens(person)
    await person.taps("Sửa bản đã nộp")
    told = await person.says("/huy")
    assert "Bản sửa chưa được gửi; bản đã nộp lần 1 vẫn nguyên" in told
    assert "Chưa có gì" not in told


async def test_a_page_not_signed_is_not_put_off_to_a_date_that_is_past(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    person, _, _ = await owing(world, "webchat")
    for shift, said in ((0, "bổ sung sau, trước hạn"), (11, "không tự bổ sung được")):
        world.shift = shift * DAY
        await person.says("/dangky")
        await person.taps("Đăng ký")
        await person.taps("Làm tiếp bản nháp" if shift else "Bắt đầu làm")
        if not shift:
            await person.taps("☐ Tập thể lao động tiên tiến")
            for _ in range(4):
                await person.taps("Tiếp tục")
        assert said in (await person.screen())[-1].text
    assert "trước hạn" not in (await person.screen())[-1].text


@CHANNELS
async def test_late_is_marked_and_told(sqlite_world: World, channel: str) -> None:
    world = sqlite_world
    person, unit_id, due = await owing(world, channel)
    world.shift = 11 * DAY
    assert "1 việc đã quá hạn" in await person.says("/dangky")
    await person.taps("⚠ QUÁ HẠN: Đăng ký")
    await person.sends_files((jpeg(), "trang-ky.jpg"))
    assert "nộp muộn" in await person.taps("Tiếp tục")
    assert "nộp muộn" in await person.taps("Gửi")
    assert (await duty(world, unit_id, due)).late is True


async def test_what_was_in_time_and_came_back_is_not_said_to_be_late(sqlite_world: World) -> None:
    world = sqlite_world
    person, unit_id, due = await owing(world, "webchat")
    await person.says("/dangky")
    await person.taps("Đăng ký")
    await person.sends_files((jpeg(), "trang-ky.jpg"))
    await person.taps("Tiếp tục")
    await person.taps("Gửi")
    async with world.base.db.transaction() as session:
        held = await session.get_one(Duty, (await duty(world, unit_id, due)).id)
        held.state = DutyState.RETURNED
    world.shift = 11 * DAY
    await person.says("/dangky")
    card = await person.taps("⚠ QUÁ HẠN: Đăng ký")
    assert "tính theo lần nộp đầu tiên" in card
    assert "ghi là nộp muộn" not in card


@PAIRS
async def test_the_receipt_opens_where_it_stands_from_another_channel(
    world: World, channel: str
) -> None:
    unit_id = await unit(world)
    await deadline(world)
    code = CODE.search(await hands_in(await person_of(world, unit_id, channel)))
    assert code
    other = await world.citizen("webchat" if channel == "telegram" else "telegram", number=2)
    told = await other.says(f"/tracuu {code[0].lower().replace('-', ' ')}")
    assert "Xã Suối Mơ" in told
    assert "đã nộp, chờ xem" in told
    assert NAMES[0] not in told
    assert "Xã Suối Mơ" in await other.says(code[0])
    async with world.base.db.reading() as session:
        (receipt,) = await session.scalars(select(Receipt))
    assert receipt.subject_kind == "submission"


@CHANNELS
async def test_guessing_receipts_tells_nothing_and_is_slowed(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world)
    code = CODE.search(await hands_in(await person_of(world, unit_id, channel)))
    assert code
    other = await world.citizen(channel, number=2)
    answers = {await other.says(f"/tracuu {new_code()}") for _ in range(5)}
    assert len(answers) == 1
    assert "thử quá nhiều lần" in await other.says(f"/tracuu {code[0]}")


@CHANNELS
async def test_a_dossier_is_ticked_paper_by_paper(sqlite_world: World, channel: str) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world, Work.DOSSIER, title="Hồ sơ cuối năm", checklist=PAPERS)
    person = await person_of(world, unit_id, channel)
    await opens(person, "Hồ sơ")
    await person.taps("Bắt đầu làm")
    await person.taps("☐ Tờ trình")
    assert "Đã có 2/3" in await person.taps("☐ Biên bản họp")
    await person.taps("Tiếp tục")
    await person.sends_files((jpeg(), "to-trinh.jpg"))
    read_back = await person.taps("Tiếp tục")
    assert "Báo cáo thành tích: CÒN THIẾU" in read_back
    assert CODE.search(await person.taps("Gửi"))
    (submission,) = await versions(world)
    handed = service.opened(world.base.vault, submission)
    assert handed.answers.papers == ["Tờ trình", "Biên bản họp"]


@CHANNELS
async def test_a_report_a_compact_and_other_work_are_handed_in(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world, Work.REPORT, code="BC", title="Báo cáo sáu tháng")
    await deadline(world, Work.COMPACT, code="GU", title="Ký giao ước")
    await deadline(world, Work.OTHER, code="TK", title="Dự họp cụm")
    person = await person_of(world, unit_id, channel)
    await opens(person, "Báo cáo")
    await person.taps("Bắt đầu làm")
    await person.says("Đơn vị đã làm xong.")
    await person.taps("Tiếp tục")
    assert CODE.search(await person.taps("Gửi"))
    await opens(person, "Ký giao ước")
    await person.taps("Bắt đầu làm")
    assert not any("Tiếp tục" in label for label in (await person.screen())[-1].labels)
    await person.sends_files((jpeg(), "giao-uoc.jpg"))
    await person.taps("Tiếp tục")
    assert CODE.search(await person.taps("Gửi"))
    await opens(person, "Dự họp cụm")
    await person.taps("Đã làm xong")
    assert CODE.search(await person.taps("Đã làm xong"))
    words = [service.opened(world.base.vault, one).answers.words for one in await versions(world)]
    assert "Đơn vị đã làm xong." in words


@CHANNELS
async def test_what_is_not_theirs_says_why_and_can_be_taken_back(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    person, unit_id, due = await owing(world, channel)
    await opens(person)
    await person.taps("Không thuộc đơn vị")
    assert "lý do" in await person.says("a")
    await person.says("Xã không có trường học.")
    assert await state(world, unit_id, due) == DutyState.NOT_APPLICABLE
    await person.taps("Việc này vẫn thuộc đơn vị")
    assert await state(world, unit_id, due) == DutyState.NOT_STARTED


@CHANNELS
async def test_somebody_of_several_units_sees_them_apart(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    first, second = await unit(world), await unit(world, "RC", "Xã Rừng Cọ")
    due = await deadline(world)
    person = await person_of(world, first, channel)
    await joins(world, second)
    assert "phụ trách 2 đơn vị" in await person.says("/dangky")
    await person.taps("Xã Rừng Cọ: 1 việc")
    await person.taps("Đăng ký")
    await person.sends_files((jpeg(), "trang-ky.jpg"))
    await person.taps("Tiếp tục")
    assert "Xã Rừng Cọ" in await person.taps("Gửi")
    assert await state(world, first, due) == DutyState.NOT_STARTED
    assert await state(world, second, due) == DutyState.SUBMITTED


@CHANNELS
async def test_whoever_left_the_unit_can_press_nothing_any_more(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    person, unit_id, _ = await owing(world, channel)
    await fills_in(person)
    await leaves(world, unit_id)
    assert "không có trong danh sách" in await person.taps("Gửi")
    assert "chưa là người phụ trách" in await person.says("/dangky")
    assert await versions(world) == []


async def test_neither_strangers_nor_other_units_open_a_duty_by_its_id(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    unit_id, other_unit = await unit(world), await unit(world, "RC", "Xã Rừng Cọ")
    due = await deadline(world)
    owed = await duty(world, unit_id, due)
    stranger = await world.citizen("telegram", number=7)
    await stranger.says("/start")
    neighbour = await person_of(world, other_unit, "telegram", number=8)
    for person in (stranger, neighbour):
        assert isinstance(person, TelegramCitizen)
        for verb in ("o", "b", "see", "w", "na"):
            await person.person.presses(f"dk:{verb}:{owed.id}")
            await world.telegram.delivery.settled()
            await world.settled()
            assert "không có trong danh sách" in (await person.screen())[-1].text
    assert await state(world, unit_id, due) == DutyState.NOT_STARTED


async def test_two_of_one_unit_do_not_overwrite_each_other(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world)
    one = await person_of(world, unit_id, "telegram")
    other = await person_of(world, unit_id, "webchat", number=2, name="Vũ Văn Phó")
    await fills_in(one)
    await opens(other)
    await other.sends_files((jpeg(), "trang-ky.jpg"))
    await other.taps("Tiếp tục")
    assert CODE.search(await other.taps("Gửi"))
    assert "vừa nộp bản lần 1" in await one.taps("Gửi")
    assert len(await versions(world)) == 1


async def test_sending_the_same_twice_makes_one_version(sqlite_world: World) -> None:
    world = sqlite_world
    person, _, _ = await owing(world, "webchat")
    await hands_in(person)
    await opens(person)
    await person.taps("Sửa bản đã nộp")
    assert "không có gì thay đổi" in await person.taps("Gửi")
    assert len(await versions(world)) == 1


async def test_more_names_than_the_number_raise_it_and_say_so(sqlite_world: World) -> None:
    world = sqlite_world
    person, _, _ = await owing(world)
    await opens(person)
    await person.taps("Bắt đầu làm")
    await person.taps("Bỏ qua")
    await person.taps("☐ Lao động tiên tiến")
    await person.taps("Tiếp tục")
    assert "một con số" in await person.says("nhiều lắm")
    await person.taps("1 người")
    assert "sửa thành 2" in await person.says("\n".join(NAMES))


async def test_an_empty_registration_is_refused_with_its_remedy(sqlite_world: World) -> None:
    world = sqlite_world
    person, _, _ = await owing(world)
    await opens(person)
    await person.taps("Bắt đầu làm")
    for _ in range(4):
        await person.taps("Bỏ qua")
    assert "chọn ít nhất một mục" in await person.taps("Gửi")
    assert (await person.screen())[-1].labels == ("Quay lại", "Hủy", "Hướng dẫn")


async def test_files_handed_in_are_not_swept_with_old_drafts(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world)
    await hands_in(await person_of(world, unit_id))
    async with world.base.db.transaction() as session:
        await drafts.forget_drafts(session, world.now() + timedelta(days=100))
    async with world.base.db.reading() as session:
        assert len(list(await session.scalars(select(StoredFile)))) == 1


async def test_the_photos_of_an_album_are_answered_once(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world, Work.COMPACT, code="GU", title="Ký giao ước")
    person = await person_of(world, unit_id, "telegram")
    assert isinstance(person, TelegramCitizen)
    await opens(person, "Ký giao ước")
    before = len(await person.screen())
    await person.person.sends_album([jpeg(), jpeg()])
    await world.telegram.delivery.settled()
    await world.settled()
    assert len(await person.screen()) == before + 1
    assert "Tệp gửi kèm: 2" in await person.taps("Tiếp tục")
    assert CODE.search(await person.taps("Gửi"))


def test_without_movements_nobody_is_asked_for_targets() -> None:
    form = Form(Work.REGISTRATION, individual=(Option("LDTT", "Lao động tiên tiến", "Worker"),))
    answers = Answers(individual={"LDTT": Individuals(1)})
    asked = [state.state for state, _ in route(form, answers) if state.state]
    assert [one.partition(":")[2] for one in asked] == [
        "collective", "individual", "count", "names", "files", "reading_back",
    ]  # fmt: skip


def test_the_hash_of_a_form_changes_with_its_questions_alone() -> None:
    form = Form(Work.DOSSIER, papers=("Tờ trình",))
    assert form.hash == Form(Work.DOSSIER, papers=("Tờ trình",)).hash
    assert form.hash != Form(Work.DOSSIER, papers=("Tờ trình", "Biên bản")).hash
    answers = Answers(papers=["Tờ trình"])
    assert forms.load(forms.dump(form, answers)) == (form, answers)

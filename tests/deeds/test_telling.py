"""A deed told, joined, followed, taken back: no name in clear, none merged away [C5, C6, C11]."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select

from bot import identity, receipts
from bot.replies import UserError
from handlers.deeds import forms, service, similar, stages
from handlers.deeds.service import Author, Shared
from storage.models.base import Base, new_id
from storage.models.consultations import Receipt
from storage.models.deeds import (
    CheckAnswer,
    DeedFile,
    DeedForm,
    DeedGroup,
    DeedInGroup,
    DeedState,
    DeedToken,
    EnteredAs,
    Known,
    Relation,
    ReportState,
)
from storage.models.office import Act, Officer
from storage.models.people import Person
from storage.models.traffic import StoredFile
from tests.deeds.ground import NOW, VAULT, Deeds
from tests.deeds.telling import ANOTHER, WORDS, tells, told


async def file_row(deeds: Deeds) -> str:
    row = StoredFile(
        id=new_id(), sha256=new_id() * 3, size=1, mime="image/jpeg", kind="image", name="a.jpg",
        taken_at=NOW,
    )  # fmt: skip
    deeds.session.add(row)
    await deeds.session.flush()
    return row.id


async def test_a_deed_is_told_and_its_receipt_opens_it(deeds: Deeds) -> None:
    filed = await tells(deeds)
    assert (filed.deed.state, filed.deed.urgent, filed.report.number) == ("received", True, 1)
    groups = await deeds.session.scalars(select(DeedInGroup.group_code))
    assert groups.all() == ["NONG_DAN"]
    receipt = await receipts.find(deeds.session, VAULT, filed.code.lower())
    assert receipt is not None
    assert service.is_ours(receipt)
    standing = await service.standing(deeds.session, VAULT, receipt.subject_id)
    assert standing is not None
    assert (standing.told.what, standing.others, standing.unit) == (WORDS, 0, "")
    verbs = await deeds.session.scalars(select(Act.verb).where(Act.object_id == filed.deed.id))
    assert verbs.all() == ["tell"]


async def test_no_name_and_no_word_lies_in_clear(deeds: Deeds) -> None:
    teller = identity.new_person(deeds.session, VAULT, NOW)
    identity.seal_identity(VAULT, teller, name="Phạm Thị Hàng Xóm", telephone="0912 345 678")
    await deeds.session.flush()
    author = Author("telegram", "vi", "contact:7", 7, teller.id)
    filed = await tells(deeds, author=author)
    assert await service.subject_name(deeds.session, VAULT, filed.deed) == "Anh Trần Văn Ví Dụ"
    for table in Base.metadata.sorted_tables:
        for row in await deeds.session.execute(select(table)):
            stored = " ".join(
                value.decode(errors="replace") if isinstance(value, bytes) else str(value)
                for value in row
            )
            assert not any(
                word in stored for word in ("Ví Dụ", "Hàng Xóm", "345 678", "Nậm Pung", "cụ già")
            ), table.name


async def test_the_form_is_kept_once_by_its_hash_and_old_reports_keep_theirs(
    deeds: Deeds,
) -> None:
    first = (await tells(deeds)).report.form_hash
    assert (await tells(deeds)).report.form_hash == first
    (await deeds.session.get_one(DeedGroup, "NONG_DAN")).name_vi = "Nông dân (tên mới)"
    await deeds.session.flush()
    later = (await tells(deeds)).report.form_hash
    assert later != first
    old = forms.load_form(await deeds.session.get_one(DeedForm, first))
    assert old.hash == first
    assert "Nông dân" in [one.name_vi for one in old.groups]
    known = await deeds.session.scalar(
        select(func.count()).where(DeedForm.hash.in_([first, later]))
    )
    assert known == 2


async def test_what_a_later_form_asks_is_unknown_in_an_old_report() -> None:
    raw = json.loads(forms.dump(told())) | {"dropped": "x"}
    del raw["rewarded"]
    assert forms.load(json.dumps(raw)) == told()


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"what": ""}, "deeds-needs-words"),
        ({"what": "a" * 8_001}, "deeds-too-long"),
        ({"name": "a" * 201}, "deeds-too-long"),
        ({"files": [f"file{n}" for n in range(11)]}, "deeds-too-many-files"),
    ],
)
async def test_what_cannot_be_sent_says_how_to_mend_it(
    deeds: Deeds, given: dict[str, object], key: str
) -> None:
    with pytest.raises(UserError) as refused:
        await tells(deeds, told(**given))
    assert refused.value.reply.key == key


async def test_a_voice_note_stands_for_the_words(deeds: Deeds) -> None:
    voice, photo = await file_row(deeds), await file_row(deeds)
    filed = await tells(deeds, told(what="", voices={"what": voice}, files=[photo]))
    rows = await deeds.session.scalars(select(DeedFile).order_by(DeedFile.answers))
    assert [(row.file_id, row.answers) for row in rows] == [(photo, ""), (voice, "what")]
    assert filed.report.told


async def test_an_answer_the_form_does_not_offer_is_left_out(deeds: Deeds) -> None:
    filed = await tells(deeds, told(field_code="GIA", groups=["NONG_DAN", "GIA"]))
    assert filed.deed.field_code is None
    assert not filed.deed.urgent


# Further witnesses


async def test_a_second_witness_strengthens_with_own_words_and_own_receipt(
    deeds: Deeds,
) -> None:
    first = await tells(deeds)
    second = await tells(deeds, told(what=ANOTHER, name=""), joins=first.deed.id)
    assert second.deed.id == first.deed.id
    assert second.code != first.code
    assert [row.number for row in await service.reports_of(deeds.session, first.deed)] == [1, 2]
    for filed, words in ((first, WORDS), (second, ANOTHER)):
        seen = await service.standing(deeds.session, VAULT, filed.report.id)
        assert seen is not None
        assert (seen.told.what, seen.others) == (words, 1)
    assert await service.subject_name(deeds.session, VAULT, first.deed) == "Anh Trần Văn Ví Dụ"


@pytest.mark.parametrize("state", ["rejected", "withdrawn", "unpublished"])
async def test_nobody_joins_what_has_ended(deeds: Deeds, state: str) -> None:
    first = await tells(deeds)
    first.deed.state = DeedState(state)
    with pytest.raises(UserError) as refused:
        await tells(deeds, joins=first.deed.id)
    assert refused.value.reply.key == "deeds-join-gone"


async def test_what_witnesses_share_is_shown_as_facts(deeds: Deeds) -> None:
    poster = Author("webchat", "vi", "203.0.113.7", unit_code="SM")
    first = await tells(deeds, author=poster)
    join = {"joins": first.deed.id}
    await tells(deeds, told(what=WORDS.upper()), "198.51.100.9", **join)
    await tells(deeds, told(what=ANOTHER), author=poster, **join)
    await tells(deeds, told(what="Tôi là mẹ của hai em nhỏ."), "192.0.2.1", **join)
    rows = await service.reports_of(deeds.session, first.deed)
    assert sorted(service.shared(rows), key=lambda one: one.what) == [
        Shared("invitation", (1, 3)), Shared("source", (1, 3)), Shared("words", (1, 2)),
    ]  # fmt: skip


async def test_one_address_leaves_different_marks_on_different_deeds(deeds: Deeds) -> None:
    one, other = (
        await tells(deeds, address="203.0.113.7"),
        await tells(deeds, address="203.0.113.7"),
    )
    assert one.report.source_mark != other.report.source_mark


async def test_voices_without_words_are_not_the_same_words(deeds: Deeds) -> None:
    one = told(what="", voices={"what": await file_row(deeds)})
    first = await tells(deeds, one, "a")
    other = told(what="", voices={"what": await file_row(deeds)})
    await tells(deeds, other, "b", joins=first.deed.id)
    assert service.shared(await service.reports_of(deeds.session, first.deed)) == []


async def test_own_praise_is_marked_until_somebody_else_says_so(deeds: Deeds) -> None:
    filed = await tells(deeds, told(relation=Relation.SELF))
    marks = [(filed.deed.by_self, filed.deed.by_own_unit)]
    for relation in (Relation.OWN_UNIT, Relation.NEIGHBOUR):
        last = await tells(deeds, told(relation=relation), joins=filed.deed.id)
        marks.append((filed.deed.by_self, filed.deed.by_own_unit))
    assert marks == [(True, False), (False, True), (False, False)]
    await service.take_back(deeds.session, last.report, NOW)
    assert filed.deed.by_own_unit


# Limits, officers, posters


async def test_a_flood_from_one_is_told_when_to_come_back(deeds: Deeds) -> None:
    for _ in range(service.OF_ONE.most):
        await service.refuse_flood(deeds.session, b"x" * 32, NOW)
    with pytest.raises(UserError) as refused:
        await service.refuse_flood(deeds.session, b"x" * 32, NOW)
    assert refused.value.reply.key == "common-slow-down"
    await service.refuse_flood(deeds.session, b"y" * 32, NOW)


async def test_an_officer_writes_down_a_telephone_call(deeds: Deeds) -> None:
    officer = await deeds.session.get_one(Officer, await deeds.ground.officer())
    filed = await service.enter(
        deeds.session,
        VAULT,
        told(),
        officer,
        EnteredAs.TELEPHONE,
        NOW,
        person_id=await deeds.person(),
    )
    row = filed.report
    assert (row.channel, row.entered_as, row.entered_by) == ("telephone", "telephone", officer.id)
    assert row.contact_id is None
    assert filed.code
    actor = await deeds.session.scalar(select(Act.actor).where(Act.object_id == filed.deed.id))
    assert actor == f"officer:{officer.id}"
    second = await service.enter(
        deeds.session, VAULT, told(what=ANOTHER), officer, EnteredAs.TELEPHONE, NOW,
        joins=filed.deed.id,
    )  # fmt: skip
    assert service.shared([row, second.report]) == []


async def test_a_citizen_or_an_officer_let_go_enters_nothing(deeds: Deeds) -> None:
    officer = await deeds.session.get_one(Officer, await deeds.ground.officer())
    officer.revoked_at = NOW
    with pytest.raises(UserError) as refused:
        await service.enter(deeds.session, VAULT, told(), officer, EnteredAs.PAPER, NOW)
    assert refused.value.reply.key == "deeds-officers-only"


async def test_a_poster_of_no_unit_keeps_nobody_from_telling(deeds: Deeds) -> None:
    author = Author("webchat", "vi", "x", unit_code="KHONG-CO")
    assert (await tells(deeds, author=author)).deed.office_id == deeds.ground.office_id


# Taking it back


async def words_left(deeds: Deeds) -> int:
    return await deeds.session.scalar(select(func.count()).select_from(DeedToken)) or 0


async def test_the_only_teller_withdraws_and_the_deed_ends(deeds: Deeds) -> None:
    filed = await tells(deeds)
    check = await deeds.check(filed.deed)
    await stages.become(deeds.session, filed.deed, DeedState.CHECKING, "officer:x", NOW)
    await service.take_back(deeds.session, filed.report, NOW)
    assert (filed.deed.state, filed.report.state) == ("withdrawn", "withdrawn")
    assert check.called_back_at == NOW
    assert await words_left(deeds) == 0
    assert await similar.find(deeds.session, VAULT, told()) == []
    with pytest.raises(UserError):
        await service.take_back(deeds.session, filed.report, NOW)


async def test_one_of_two_withdraws_and_the_other_still_stands(deeds: Deeds) -> None:
    first = await tells(deeds)
    second = await tells(deeds, told(what=ANOTHER), joins=first.deed.id)
    await service.take_back(deeds.session, first.report, NOW)
    assert first.deed.state == DeedState.RECEIVED
    assert [one.id for one in await service.reports_of(deeds.session, first.deed)] == [
        second.report.id
    ]


async def test_what_a_unit_confirmed_outlives_its_teller(deeds: Deeds) -> None:
    filed = await tells(deeds)
    await deeds.check(filed.deed, CheckAnswer.CONFIRMED)
    filed.deed.state = DeedState.CONFIRMED
    await service.take_back(deeds.session, filed.report, NOW)
    assert filed.deed.state == DeedState.CONFIRMED


async def test_erasing_destroys_the_key_and_leaves_no_word(deeds: Deeds) -> None:
    photo = await file_row(deeds)
    filed = await tells(deeds, told(files=[photo]))
    assert await service.erase(deeds.session, VAULT, filed.report, NOW) == [photo]
    for person_id in (filed.report.person_id, filed.deed.subject_id):
        person = await deeds.session.get_one(Person, person_id)
        assert (person.wrapped_key, person.name) == (None, None)
    assert (filed.report.told, filed.report.contact_id) == (None, None)
    assert filed.report.state == ReportState.ERASED
    assert await words_left(deeds) == 0
    assert await service.standing(deeds.session, VAULT, filed.report.id) is None
    assert await deeds.session.scalar(select(func.count()).select_from(Receipt)) == 1


async def test_erasing_after_withdrawing_forgets_the_praised_too(deeds: Deeds) -> None:
    filed = await tells(deeds)
    await service.take_back(deeds.session, filed.report, NOW)
    await service.erase(deeds.session, VAULT, filed.report, NOW)
    subject = await deeds.session.get_one(Person, filed.deed.subject_id)
    assert subject.wrapped_key is None


async def test_erasing_one_of_two_leaves_the_others_words_and_the_name(deeds: Deeds) -> None:
    first = await tells(deeds)
    second = await tells(deeds, told(what=ANOTHER), joins=first.deed.id)
    await service.erase(deeds.session, VAULT, first.report, NOW)
    seen = await service.standing(deeds.session, VAULT, second.report.id)
    assert seen is not None
    assert (seen.told.what, seen.others) == (ANOTHER, 0)
    assert await service.subject_name(deeds.session, VAULT, first.deed)


# Has somebody told it already? [C6]


async def found(deeds: Deeds, **given: object) -> list[tuple[str, bool, bool, bool]]:
    some = await similar.find(deeds.session, VAULT, told(**given))
    return [(one.deed.id, one.name, one.place, one.day) for one in some]


async def test_the_same_told_without_accents_is_found(deeds: Deeds) -> None:
    filed = await tells(deeds)
    asked = {"name": "TRAN VAN VI DU", "what": "boi qua suoi Nam Pung keo hai em nho vao bo"}
    assert await found(deeds, **asked) == [(filed.deed.id, True, True, True)]


async def test_another_witness_who_knows_no_name_is_shown_it(deeds: Deeds) -> None:
    filed = await tells(deeds)
    assert await found(deeds, name="", what=ANOTHER) == [(filed.deed.id, False, True, True)]
    near = {"name": "", "what": ANOTHER, "happened_on": "2026-01-05"}
    assert await found(deeds, **near) == [(filed.deed.id, False, True, True)]


async def test_the_same_name_in_the_same_commune_is_shown_whatever_was_done(
    deeds: Deeds,
) -> None:
    filed = await tells(deeds)
    asked = {"what": "Hiến hai trăm mét đất làm đường.", "happened_on": "2025-06-01"}
    assert await found(deeds, **asked) == [(filed.deed.id, True, True, False)]


@pytest.mark.parametrize(
    "given",
    [
        {"name": "", "what": "Nhặt được ví và trả lại người mất."},
        {"province": "01", "commune": "00004", "what": "Dạy chữ cho trẻ em.", "happened_on": ""},
        {"name": "", "commune": "", "happened_on": "", "what": "Anh kéo hai em nhỏ lên bờ."},
    ],
    ids=["same commune and day", "same name elsewhere", "a few words in common"],
)
async def test_what_shares_one_thing_only_is_not_taken_for_the_same(
    deeds: Deeds, given: dict[str, object]
) -> None:
    await tells(deeds)
    assert await found(deeds, **given) == []


async def test_a_text_sent_round_is_found_without_name_and_place(deeds: Deeds) -> None:
    filed = await tells(deeds)
    asked = {"name": "", "province": "", "commune": "", "happened_on": ""}
    assert [one[0] for one in await found(deeds, **asked)] == [filed.deed.id]


@pytest.mark.parametrize("state", ["rejected", "withdrawn", "unpublished"])
async def test_what_has_ended_is_shown_to_nobody(deeds: Deeds, state: str) -> None:
    filed = await tells(deeds)
    filed.deed.state = DeedState(state)
    assert await found(deeds) == []


async def test_a_pair_of_words_that_everybody_writes_tells_nothing(
    deeds: Deeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similar, "COMMON", 2)
    for _ in range(3):
        await tells(deeds, told(name=""))
    assert await found(deeds, name="", happened_on="") == []


async def test_what_was_said_of_consent_is_a_hint_and_no_consent(deeds: Deeds) -> None:
    filed = await tells(deeds, told(agreed=Known.YES))
    assert filed.deed.consent == Known.UNKNOWN

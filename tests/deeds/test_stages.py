"""The life of a deed: all pairs of states tried, none entered without its grounds [R1, R2]."""

from __future__ import annotations

from itertools import product

import pytest
from sqlalchemy import func, select

from bot.replies import UserError, Word
from handlers.deeds import stages
from storage.models.deadlines import Work
from storage.models.deeds import CheckAnswer, Deed, DeedState, Known, Stage, SubjectKind
from storage.models.office import Act, Officer
from tests.deeds.ground import NOW, Deeds

S = DeedState
ALLOWED = {
    S.RECEIVED: {S.CHECKING, S.REJECTED, S.WITHDRAWN},
    S.CHECKING: {
        S.RECEIVED, S.CONFIRMED, S.NOT_CONFIRMED, S.UNCHECKABLE, S.REJECTED, S.WITHDRAWN,
    },
    S.CONFIRMED: {S.CHECKING, S.NURTURED, S.SUMMARISED, S.WITHDRAWN},
    S.NOT_CONFIRMED: {S.CHECKING, S.WITHDRAWN},
    S.UNCHECKABLE: {S.CHECKING, S.REJECTED, S.WITHDRAWN},
    S.NURTURED: {S.CHECKING, S.SUMMARISED, S.WITHDRAWN},
    S.SUMMARISED: {S.CHECKING, S.NURTURED, S.PROPOSED, S.PUBLISHED, S.WITHDRAWN},
    S.PROPOSED: {S.SUMMARISED, S.PUBLISHED, S.WITHDRAWN},
    S.PUBLISHED: {S.UNPUBLISHED},
    S.UNPUBLISHED: {S.CHECKING, S.PUBLISHED, S.WITHDRAWN},
    S.REJECTED: {S.RECEIVED},
    S.WITHDRAWN: set(),
}  # fmt: skip
"""Written out again on purpose: the table in the code is what is being tested."""


class Grounds:
    """Everything that any state rests on, so that the table alone decides."""

    def __init__(self, deeds: Deeds) -> None:
        self.deeds = deeds

    async def begin(self) -> Grounds:
        ground = self.deeds.ground
        self.first, self.second = await ground.officer(), await ground.officer("Cán bộ Mận")
        deadline = await ground.deadline("HS", "2026-03-31", work=Work.DOSSIER)
        self.duty = (await ground.duty("SM", deadline)).id
        return self

    async def deed(self, old: DeedState, new: DeedState) -> Deed:
        deeds = self.deeds
        deed = await deeds.deed(old)
        deeds.agreed(deed)
        await deeds.check(deed, None if new is S.CHECKING else CheckAnswer.CONFIRMED)
        await deeds.nurture(deed)
        await deeds.summary(deed, award_code="CSTDT", duty_id=self.duty)
        await deeds.text(deed, self.first, self.second)
        return deed


async def test_all_pairs_of_states_but_the_listed_ones_are_refused(deeds: Deeds) -> None:
    grounds = await Grounds(deeds).begin()
    for old, new in product(S, S):
        deed = await grounds.deed(old, new)
        if new in ALLOWED[old]:
            await stages.become(deeds.session, deed, new, "officer:x", NOW, reason="thử")
            assert (deed.state, deed.version, deed.changed_by) == (new, 2, "officer:x")
            continue
        with pytest.raises(UserError) as refused:
            await stages.become(deeds.session, deed, new, "officer:x", NOW, reason="thử")
        assert refused.value.reply.key == "deeds-cannot-become"
        assert refused.value.reply.args["ways"] == Word(f"deeds-ways-{old}")
        assert (deed.state, deed.version) == (old, 1)
    acts = await deeds.session.scalar(select(func.count()).where(Act.reason == "thử"))
    assert acts == sum(map(len, ALLOWED.values()))


async def refused(deeds: Deeds, deed: Deed, new: DeedState, reason: str = "") -> str:
    with pytest.raises(UserError) as refusal:
        await stages.become(deeds.session, deed, new, "officer:x", NOW, reason=reason)
    return refusal.value.reply.key


async def test_what_a_state_rests_on_must_be_there(deeds: Deeds) -> None:
    bare = [
        (S.RECEIVED, S.CHECKING, "deeds-needs-check"),
        (S.RECEIVED, S.REJECTED, "deeds-needs-reason"),
        (S.RECEIVED, S.WITHDRAWN, "deeds-needs-reason"),
        (S.CHECKING, S.CONFIRMED, "deeds-needs-reason"),
        (S.CHECKING, S.NOT_CONFIRMED, "deeds-needs-reason"),
        (S.CHECKING, S.UNCHECKABLE, "deeds-needs-reason"),
        (S.CONFIRMED, S.NURTURED, "deeds-needs-mentor"),
        (S.CONFIRMED, S.SUMMARISED, "deeds-needs-summary"),
        (S.SUMMARISED, S.PROPOSED, "deeds-needs-summary"),
        (S.SUMMARISED, S.PUBLISHED, "deeds-needs-text"),
        (S.PUBLISHED, S.UNPUBLISHED, "deeds-needs-reason"),
        (S.REJECTED, S.RECEIVED, "deeds-needs-reason"),
    ]
    for old, new, key in bare:
        deed = await deeds.deed(old)
        assert await refused(deeds, deed, new) == key
        assert await refused(deeds, deed, new, "  \n") == key


async def test_a_unit_that_said_no_is_overruled_only_with_a_reason(deeds: Deeds) -> None:
    deed = await deeds.deed(S.CHECKING)
    await deeds.check(deed, CheckAnswer.NOT_SO)
    assert await refused(deeds, deed, S.CONFIRMED) == "deeds-needs-reason"
    await stages.become(deeds.session, deed, S.CONFIRMED, "officer:x", NOW, reason="Đã đến nơi")
    assert deed.state == S.CONFIRMED


async def test_an_open_check_is_called_back_before_the_deed_goes_back(deeds: Deeds) -> None:
    deed = await deeds.deed(S.CHECKING)
    check = await deeds.check(deed)
    assert await refused(deeds, deed, S.RECEIVED, "Gửi nhầm") == "deeds-check-open"
    check.called_back_at = NOW
    await stages.become(deeds.session, deed, S.RECEIVED, "officer:x", NOW, reason="Gửi nhầm")
    assert deed.state == S.RECEIVED


async def test_whoever_told_it_takes_it_back_without_a_reason(deeds: Deeds) -> None:
    deed = await deeds.deed()
    await stages.become(deeds.session, deed, S.WITHDRAWN, "citizen", NOW)
    assert deed.state == S.WITHDRAWN


async def test_an_award_needs_its_registration(deeds: Deeds) -> None:
    deed = await deeds.deed(S.SUMMARISED)
    summary = await deeds.summary(deed)
    assert await refused(deeds, deed, S.PROPOSED) == "deeds-needs-award"
    summary.award_code = "CSTDT"
    assert await refused(deeds, deed, S.PROPOSED) == "deeds-needs-award"


async def test_the_stage_follows_and_stays_when_it_ends(deeds: Deeds) -> None:
    deed = await deeds.deed(S.CONFIRMED)
    await deeds.nurture(deed)
    passed = [deed.stage]
    for state in (S.NURTURED, S.WITHDRAWN):
        await stages.become(deeds.session, deed, state, "officer:x", NOW, reason="Xin thôi")
        passed.append(deed.stage)
    assert passed == [Stage.DISCOVERY, Stage.NURTURE, Stage.NURTURE]


async def test_of_two_officers_the_second_is_told_what_the_first_saved(deeds: Deeds) -> None:
    deed = await deeds.deed()
    await deeds.check(deed)
    seen = deed.version
    await stages.become(deeds.session, deed, S.CHECKING, "officer:one", NOW, seen=seen)
    with pytest.raises(UserError) as late:
        await stages.become(
            deeds.session, deed, S.REJECTED, "officer:two", NOW, seen=seen, reason="Trùng"
        )
    told = late.value.reply
    assert (told.key, told.args["seen"], told.args["version"]) == (
        "deeds-changed-meanwhile", 1, 2,
    )  # fmt: skip
    assert told.args["state"] == Word("deeds-state-checking")
    assert deed.state == S.CHECKING


# Publication [R2]


async def publishable(deeds: Deeds) -> tuple[Deed, str, str]:
    first, second = await deeds.ground.officer(), await deeds.ground.officer("Cán bộ Mận")
    deed = await deeds.deed(S.SUMMARISED)
    deeds.agreed(deed)
    return deed, first, second


async def test_two_officers_and_a_recorded_consent_publish(deeds: Deeds) -> None:
    deed, first, second = await publishable(deeds)
    await deeds.text(deed, first, second)
    await stages.become(deeds.session, deed, S.PUBLISHED, f"officer:{second}", NOW)
    assert (deed.state, deed.stage) == (S.PUBLISHED, Stage.EXAMPLE)


async def test_one_person_in_two_roles_is_one_person(deeds: Deeds) -> None:
    deed, first, _ = await publishable(deeds)
    text = await deeds.text(deed, first, first)
    assert await refused(deeds, deed, S.PUBLISHED) == "deeds-needs-two"
    text.confirmed_by = "citizen"
    assert await refused(deeds, deed, S.PUBLISHED) == "deeds-needs-two"


async def test_an_officer_who_told_it_does_not_approve_it(deeds: Deeds) -> None:
    deed, first, second = await publishable(deeds)
    await deeds.text(deed, first, second)
    officer = await deeds.session.get_one(Officer, second)
    await deeds.report(deed, officer.contact_id)
    assert await refused(deeds, deed, S.PUBLISHED) == "deeds-own-report"


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"consent": Known.UNKNOWN}, "deeds-needs-consent"),
        ({"consent_rests_on": " "}, "deeds-needs-consent"),
        ({"consent": Known.NO}, "deeds-refused-consent"),
        ({"is_child": Known.UNKNOWN}, "deeds-child-unknown"),
        ({"is_child": Known.YES}, "deeds-needs-guardian"),
        ({"is_child": Known.YES, "guardian_consent": Known.YES}, "deeds-needs-guardian"),
        ({"is_child": Known.YES, "guardian_consent": Known.NO}, "deeds-refused-consent"),
    ],
)
async def test_silence_is_no_consent(deeds: Deeds, given: dict[str, str], key: str) -> None:
    deed, first, second = await publishable(deeds)
    await deeds.text(deed, first, second)
    for name, value in given.items():
        setattr(deed, name, value)
    assert await refused(deeds, deed, S.PUBLISHED) == key


async def test_a_guardian_opens_what_a_child_agreed_to(deeds: Deeds) -> None:
    deed, first, second = await publishable(deeds)
    await deeds.text(deed, first, second)
    deed.is_child, deed.guardian_consent = Known.YES, Known.YES
    deed.guardian_rests_on = "Mẹ của em viết giấy ngày 12/01/2026"
    await stages.become(deeds.session, deed, S.PUBLISHED, f"officer:{second}", NOW)
    assert deed.state == S.PUBLISHED


async def test_a_stated_ground_stands_for_a_consent_and_never_against_a_refusal(
    deeds: Deeds,
) -> None:
    deed, first, second = await publishable(deeds)
    await deeds.text(deed, first, second, ground="Người được khen đã mất, gia đình đồng ý")
    deed.consent, deed.consent_rests_on = Known.NO, ""
    assert await refused(deeds, deed, S.PUBLISHED) == "deeds-refused-consent"
    deed.consent = Known.UNKNOWN
    await stages.become(deeds.session, deed, S.PUBLISHED, f"officer:{second}", NOW)
    assert deed.state == S.PUBLISHED


async def test_of_a_collective_nobody_asks_whether_it_is_a_child(deeds: Deeds) -> None:
    deed, first, second = await publishable(deeds)
    await deeds.text(deed, first, second)
    deed.subject_kind, deed.is_child = SubjectKind.COLLECTIVE, Known.UNKNOWN
    await stages.become(deeds.session, deed, S.PUBLISHED, f"officer:{second}", NOW)
    assert deed.state == S.PUBLISHED

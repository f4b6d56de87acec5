"""An invented office with deeds in any state, for the tests of their rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.vault import Vault
from storage.models.base import new_id
from storage.models.deeds import (
    STAGES,
    CheckAnswer,
    Deed,
    DeedCheck,
    DeedForm,
    DeedNurture,
    DeedPublication,
    DeedReport,
    DeedState,
    DeedSummary,
    Known,
    Relation,
    Stage,
    SubjectKind,
)
from storage.models.people import Person
from tests.deadlines.ground import MADE, Ground

VAULT = Vault("a secret of the tests, long enough to be one")
NOW = MADE + timedelta(days=10)
FORM = "f" * 64


class Deeds:
    """`await Deeds(ground).begin()` first."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.session = ground, ground.session

    async def begin(self) -> Deeds:
        await self.ground.office()
        await self.ground.unit("SM")
        self.session.add(DeedForm(hash=FORM, questions={}, first_used_at=MADE))
        await self.session.flush()
        return self

    async def person(self) -> str:
        person = Person(id=new_id(), wrapped_key=VAULT.new_person_key(), made_at=MADE)
        self.session.add(person)
        await self.session.flush()
        return person.id

    async def deed(self, state: DeedState = DeedState.RECEIVED, **given: Any) -> Deed:
        columns = {
            "id": new_id(), "office_id": self.ground.office_id, "state": state,
            "subject_kind": SubjectKind.PERSON, "subject_id": await self.person(),
            "stage": STAGES.get(state, Stage.DISCOVERY), "state_at": MADE, "made_at": MADE,
        }  # fmt: skip
        deed = Deed(**{**columns, **given})
        self.session.add(deed)
        await self.session.flush()
        return deed

    async def report(self, deed: Deed, contact_id: int | None = None, number: int = 1) -> None:
        self.session.add(
            DeedReport(
                deed_id=deed.id, number=number, person_id=await self.person(),
                contact_id=contact_id, channel="webchat", locale="vi", form_hash=FORM,
                relation=Relation.SAW, source_mark=b"s" * 32, words_mark=b"w" * 32,
                received_at=MADE,
            )
        )  # fmt: skip
        await self.session.flush()

    async def check(self, deed: Deed, answer: CheckAnswer | None = None) -> DeedCheck:
        check = DeedCheck(
            deed_id=deed.id, unit_id=self.ground.by_code["SM"], asked_by="command",
            asked_at=MADE, working_days=5, due_at=NOW, answer=answer,
            answered_at=NOW if answer else None,
        )  # fmt: skip
        self.session.add(check)
        await self.session.flush()
        return check

    async def nurture(self, deed: Deed) -> None:
        unit_id = self.ground.by_code["SM"]
        self.session.add(DeedNurture(deed_id=deed.id, unit_id=unit_id, began_at=NOW))
        await self.session.flush()

    async def summary(self, deed: Deed, **given: Any) -> DeedSummary:
        summary = DeedSummary(deed_id=deed.id, written_by="command", written_at=NOW, **given)
        self.session.add(summary)
        await self.session.flush()
        return summary

    async def text(self, deed: Deed, first: str, second: str, **given: Any) -> DeedPublication:
        text = DeedPublication(
            deed_id=deed.id, version=1, title="Cây cầu của bản", text="Bà con có cầu đi.",
            written_by="command", written_at=NOW, approved_by=f"officer:{first}",
            confirmed_by=f"officer:{second}", **given,
        )  # fmt: skip
        self.session.add(text)
        await self.session.flush()
        return text

    def agreed(self, deed: Deed) -> None:
        deed.consent, deed.consent_rests_on = Known.YES, "Cán bộ xã hỏi tại nhà ngày 10/01/2026"
        deed.is_child = Known.NO

"""An officer answers units, in chat.

officer: /duyet               bot: what waits, by deadline; who is late, who has not handed in
officer: [Đăng ký thi đua]    bot: figures; read what waits | more time | missing | late
officer: [Read]               bot: titles in figures, targets, files; names on a private page
officer: [Accept]             bot: its people are told; the next one
officer: [Return]             bot: why?  [reasons] [I will write it]
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from aiogram import F, Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n
from bot.clock import closing_day
from bot.config import Settings
from bot.contacts import Contact
from bot.replies import Choice, Reply, Until, UserError, Word, choice, link, reply
from bot.text import tidy
from bot.vault import Vault
from handlers.deadlines import duties
from handlers.deadlines.registration import forms, service
from handlers.deadlines.registration.review import decisions, reading, rights
from handlers.deadlines.registration.review.decisions import LISTED, PAGE, Case, Judging
from handlers.deadlines.registration.steps import short
from handlers.deadlines.reminders import answers
from handlers.deadlines.reminders.chat import of_office
from storage.models.deadlines import DutyState
from storage.models.office import Officer

log = structlog.get_logger()
Event = Message | CallbackQuery
_WRITING = "duyet"
RETURN_REASONS = (
    ("registration_review-reason-unsigned-button", "registration_review-reason-unsigned"),
    ("registration_review-reason-unclear-button", "registration_review-reason-unclear"),
    ("registration_review-reason-lacking-button", "registration_review-reason-lacking"),
    ("registration_review-reason-figures-button", "registration_review-reason-figures"),
)
"""What the officer presses, and what the unit reads."""


class Deciding(StatesGroup):
    """The officer is typing a reason."""

    words = State()


@dataclass
class Desk:
    """Who acts, and with what."""

    session: AsyncSession
    state: FSMContext
    officer: Officer
    contact: Contact
    vault: Vault
    settings: Settings
    now: datetime

    def judging(self, duty_id: str, seen: str) -> Judging:
        return Judging(self.session, self.vault, self.officer, duty_id, seen, self.now)


def router() -> Router:
    chat = Router(name="registration_review")
    for observer in (chat.message, chat.callback_query):
        observer.middleware(_officers_only)
    chat.message.register(list_work, Command("duyet", "answers"))
    press = chat.callback_query.register
    press(list_work, F.data == "dv:list")
    press(show_deadline, F.data.startswith("dv:d:"))
    press(show_listed, F.data.startswith("dv:l:"))
    press(open_next, F.data.startswith("dv:n:"))
    press(open_one, F.data.startswith("dv:o:"))
    press(accept, F.data.startswith("dv:a:"))
    press(ask_why, F.data.startswith("dv:r:"))
    press(give_back, F.data.startswith("dv:w:"))
    press(give_time, F.data.startswith("dv:t:"))
    press(write, F.data.startswith("dv:x:"))
    press(send, F.data == "dv:send", Deciding.words)
    press(cancel, F.data == "dv:cancel")
    press(old_button, F.data.startswith("dv:"))
    chat.message.register(cancel, Command("huy", "cancel"), Deciding.words)
    chat.message.register(read_back, Deciding.words, F.text, ~F.text.startswith("/"))
    chat.message.register(only_words, Deciding.words, ~F.text)
    return chat


async def _officers_only(
    handler: Callable[..., Awaitable[Any]], event: Any, data: dict[str, Any]
) -> Any:
    """Hands `desk` to the handlers; everybody else gets a polite sentence."""
    contact, session = data["contact"], data["session"]
    officer = await rights.acting(session, contact.id)
    if officer is None:
        log.warning("refused: not an officer", contact=contact.id)
        await _stop_writing(data["state"])
        return reply("registration_review-officers-only")
    settings: Settings = data["settings"]
    data["desk"] = Desk(
        session, data["state"], officer, contact, data["vault"], settings, data["now"]
    )
    try:
        return await handler(event, data)
    except UserError as error:
        raise error.or_offering(_TO_LIST) from None


# What waits


async def list_work(_: Event, desk: Desk) -> Reply:
    await _stop_writing(desk.state)
    found = await decisions.counts(desk.session, desk.officer, desk.now)
    if not found:
        return reply("registration_review-nothing")
    sums = {kind: sum(getattr(one, kind) for one in found) for kind in decisions.TO_DO}
    answer = reply("registration_review-waiting", **sums)
    for one in found[:PAGE]:
        answer = answer.offering(
            choice(
                "registration_review-deadline-button", f"dv:d:{one.deadline.id}",
                title=short(one.deadline.title, 60), what=_to_do(one, desk.contact.locale),
            )
        )  # fmt: skip
    return answer


def _to_do(one: decisions.Count, locale: str) -> str:
    """Only what there is."""
    figures = {kind: getattr(one, kind) for kind in decisions.TO_DO}
    return ", ".join(
        i18n.say(locale, f"registration_review-to-do-{kind}", n=n)
        for kind, n in figures.items()
        if n
    )


async def show_deadline(query: CallbackQuery, desk: Desk) -> Reply:
    await _stop_writing(desk.state)
    return await _deadline(desk, _parts(query)[0])


async def _deadline(desk: Desk, deadline_id: str) -> Reply:
    found = await decisions.counts(desk.session, desk.officer, desk.now, deadline_id)
    if not found:
        return reply("registration_review-not-yours").offering(_TO_LIST)
    (one,) = found
    answer = reply(
        "registration_review-figures", title=one.deadline.title, due=Until(one.deadline.due_at),
        waiting=one.waiting, returned=one.returned, accepted=one.accepted, missing=one.missing,
        coming=one.coming, late=one.late, others=one.not_applicable, more_time=one.more_time,
    )  # fmt: skip
    own = await answers.of_office(desk.session, desk.officer.contact_id, deadline_id)
    if own:
        answer = answer.offering(*of_office(own))
    if one.waiting:
        answer = answer.offering(
            choice("registration_review-read-button", f"dv:n:{deadline_id}", n=one.waiting)
        )
    for place, kind in enumerate(LISTED):
        n = getattr(one, kind)
        if n:
            label = _LISTS[kind]
            answer = answer.offering(choice(label, f"dv:l:{deadline_id}:{place}:0", n=n))
    return answer.offering(_TO_LIST)


_TO_LIST = choice("registration_review-list-button", "dv:list")
_LISTS = {
    "waiting": "registration_review-list-waiting-button",
    "more_time": "registration_review-list-more-time-button",
    "missing": "registration_review-list-missing-button",
    "late": "registration_review-list-late-button",
    "returned": "registration_review-list-returned-button",
    "not_applicable": "registration_review-list-others-button",
}


async def show_listed(query: CallbackQuery, desk: Desk) -> Reply:
    """Units by name: those to read as buttons, the others as lines."""
    deadline_id, place, page = (*_parts(query), "", "")[:3]
    if not place.isdecimal() or int(place) >= len(LISTED) or not page.isdecimal():
        return await _deadline(desk, deadline_id)
    kind, first = LISTED[int(place)], int(page[:4]) * PAGE
    every = await decisions.listed(desk.session, desk.officer, deadline_id, kind, desk.now)
    shown = every[first : first + PAGE]
    lines = "\n".join(
        f"• {one.unit.name} – {i18n.say(desk.contact.locale, f'duty-{DutyState(one.duty.state)}')}"
        for one in shown
    )
    answer = reply("registration_review-listed", n=len(every), units=lines or "—")
    for one in shown if kind not in ("missing", "late") else ():
        answer = answer.offering(
            choice(
                "registration_review-unit-button", f"dv:o:{one.duty.id}",
                unit=short(one.unit.name, 60),
            )
        )  # fmt: skip
    if first + PAGE < len(every):
        more = f"dv:l:{deadline_id}:{place}:{first // PAGE + 1}"
        answer = answer.offering(choice("registration_review-more-button", more))
    return answer.offering(choice("common-back-button", f"dv:d:{deadline_id}"))


# One of them


async def open_next(query: CallbackQuery, desk: Desk) -> Reply:
    """`dv:n:DEADLINE` the one that has waited longest, `dv:n:DEADLINE:DUTY` the one after it."""
    deadline_id, after = (*_parts(query), "")[:2]
    found = await decisions.held(desk.session, desk.vault, desk.officer, after) if after else None
    return await _next(desk, deadline_id, found)


async def _next(desk: Desk, deadline_id: str, after: Case | None) -> Reply:
    duty_id = await decisions.next_waiting(
        desk.session, desk.officer, deadline_id, after.duty if after else None, desk.now
    )
    if duty_id is None:
        return reply("registration_review-none-left").offering(
            choice("common-back-button", f"dv:d:{deadline_id}"), _TO_LIST
        )
    return await _card(desk, duty_id)


async def open_one(query: CallbackQuery, desk: Desk) -> Reply:
    await _stop_writing(desk.state)
    return await _card(desk, _parts(query)[0])


async def _card(desk: Desk, duty_id: str) -> Reply:
    """Figures, targets and words; names and files are on the page, and each look is an act."""
    found = await decisions.read(desk.session, desk.vault, desk.officer, duty_id, desk.now)
    duty, locale = found.duty, desk.contact.locale
    card = reply(
        "registration_review-card", unit=found.unit.name, title=found.deadline.title,
        due=Until(duties.due_at(found.deadline, duty)),
        state=Word(f"duty-{DutyState(duty.state)}"),
    )  # fmt: skip
    parts = []
    if found.handed:
        said = forms.in_words(found.handed.form, found.handed.answers, locale, names=False)
        key = "registration_review-said-late" if duty.late else "registration_review-said"
        at = found.handed.submission.at
        parts.append(reply(key, version=duty.version, at=at, said=said))
    if duty.reason:
        parts.append(reply("registration_review-reason-is", reason=duties.told_reason(duty)))
    if found.decided_by and duty.state in (DutyState.ACCEPTED, DutyState.RETURNED):
        parts.append(
            reply("registration_review-decided", officer=found.decided_by, at=duty.state_at)
        )
    if duty.more_time_until:
        parts.append(
            reply(
                "registration_review-asks-time", day=duty.more_time_until,
                reason=duty.more_time_reason,
            )
        )  # fmt: skip
    if not parts:
        return card.offering(*_actions(desk, found))
    return card.followed_by(*parts[:-1], parts[-1].offering(*_actions(desk, found)))


def _actions(desk: Desk, found: Case) -> list[Choice | tuple[Choice, ...]]:
    id, seen, state = found.duty.id, found.seen, found.duty.state
    rows: list[Choice | tuple[Choice, ...]] = []
    if state == DutyState.SUBMITTED:
        rows.append(
            (
                choice("registration_review-accept-button", f"dv:a:{id}:{seen}"),
                choice("registration_review-return-button", f"dv:r:{id}:{seen}"),
            )
        )
    elif state == DutyState.ACCEPTED:
        rows.append(choice("registration_review-return-button", f"dv:r:{id}:{seen}"))
    elif state == DutyState.NOT_APPLICABLE:
        rows.append(choice("registration_review-theirs-button", f"dv:x:{id}:{seen}:theirs"))
    if found.duty.more_time_until:
        day = found.duty.more_time_until
        rows.append(choice("registration_review-give-time-button", f"dv:t:{id}:{seen}", day=day))
        rows.append(choice("registration_review-no-time-button", f"dv:x:{id}:{seen}:time"))
    if found.handed:
        page = reading.sign(
            desk.vault, desk.settings.links, desk.officer.id, id, found.duty.version
        )
        rows.append(link("registration_review-names-button", page))
    rows.append(
        (
            choice("registration_review-next-button", f"dv:n:{found.deadline.id}:{id}"),
            choice("common-back-button", f"dv:d:{found.deadline.id}"),
        )
    )
    return rows


# Decisions


async def accept(query: CallbackQuery, desk: Desk) -> Reply:
    duty_id, seen = (*_parts(query), "")[:2]
    found = await decisions.accept(desk.judging(duty_id, seen))
    return await _done("registration_review-accepted", desk, found)


async def _done(key: str, desk: Desk, found: Case) -> Reply:
    """What was done takes the place of the buttons that did it; then the next one."""
    done = Reply(key, {"unit": found.unit.name}, replaces=True)
    return done.followed_by(await _next(desk, found.deadline.id, found))


async def ask_why(query: CallbackQuery, desk: Desk) -> Reply:
    duty_id, seen = (*_parts(query), "")[:2]
    await decisions.held(desk.session, desk.vault, desk.officer, duty_id)
    reasons = [
        choice(key, f"dv:w:{duty_id}:{seen}:{number}")
        for number, (key, _) in enumerate(RETURN_REASONS)
    ]
    return reply("registration_review-why").offering(
        *reasons,
        choice("registration_review-write-button", f"dv:x:{duty_id}:{seen}:return"),
        choice("common-back-button", f"dv:o:{duty_id}"),
    )


async def give_back(query: CallbackQuery, desk: Desk) -> Reply:
    """With a stock reason, kept in the office's language."""
    duty_id, seen, number = (*_parts(query), "", "")[:3]
    if not number.isdecimal() or int(number) >= len(RETURN_REASONS):
        return await _card(desk, duty_id)
    reason = i18n.say(desk.settings.default_locale, RETURN_REASONS[int(number)][1])
    found = await decisions.give_back(desk.judging(duty_id, seen), reason)
    return await _done("registration_review-returned", desk, found)


async def give_time(query: CallbackQuery, desk: Desk) -> Reply:
    duty_id, seen = (*_parts(query), "")[:2]
    found = await decisions.give_time(desk.judging(duty_id, seen))
    return _timed("registration_review-time-given", found)


def _timed(key: str, found: Case) -> Reply:
    day = closing_day(duties.due_at(found.deadline, found.duty))
    return Reply(key, {"unit": found.unit.name, "day": day}, replaces=True).offering(
        choice("common-back-button", f"dv:d:{found.deadline.id}"), _TO_LIST
    )


# The few words an officer types


@dataclass(frozen=True)
class Purpose:
    prompt: str
    act: Callable[[Judging, str], Awaitable[Case]]
    done: str


PURPOSES = {
    "return": Purpose(
        "registration_review-write-return", decisions.give_back, "registration_review-returned"
    ),
    "theirs": Purpose(
        "registration_review-write-theirs", decisions.still_theirs,
        "registration_review-theirs-done",
    ),
    "time": Purpose(
        "registration_review-write-time", decisions.refuse_time, "registration_review-time-refused"
    ),
}  # fmt: skip


async def write(query: CallbackQuery, desk: Desk) -> Reply:
    duty_id, seen, name = (*_parts(query), "", "")[:3]
    if name not in PURPOSES:
        return await _card(desk, duty_id)
    await decisions.held(desk.session, desk.vault, desk.officer, duty_id)
    await desk.state.set_state(Deciding.words)
    await _keep(desk, {"purpose": name, "id": duty_id, "seen": seen})
    return reply(PURPOSES[name].prompt, longest=service.LONGEST_REASON).offering(_CANCEL)


_CANCEL = choice("common-cancel-button", "dv:cancel")


async def read_back(message: Message, desk: Desk) -> Reply:
    asked = await _kept(desk)
    if asked is None:
        return await cancel(message, desk)
    words = service.checked_reason(tidy(message.text or ""))
    await _keep(desk, {**asked, "words": words})
    return reply("registration_review-read-back", words=words).offering(
        choice("common-send-button", "dv:send"), _CANCEL
    )


async def send(_: CallbackQuery, desk: Desk) -> Reply:
    asked = await _kept(desk)
    if asked is None or not asked.get("words"):
        return await old_button(_, desk)
    await _stop_writing(desk.state)
    purpose = PURPOSES[asked["purpose"]]
    found = await purpose.act(desk.judging(asked["id"], asked["seen"]), asked["words"])
    if asked["purpose"] == "return":
        return await _done(purpose.done, desk, found)
    return _timed(purpose.done, found)


async def only_words(_: Message, desk: Desk) -> Reply:
    return reply("registration_review-only-words").offering(_CANCEL)


async def cancel(_: Event, desk: Desk) -> Reply:
    await _stop_writing(desk.state)
    return reply("registration_review-cancelled").offering(_TO_LIST)


async def old_button(_: CallbackQuery, desk: Desk) -> Reply:
    return reply("registration_review-old-button").offering(_TO_LIST)


async def _keep(desk: Desk, asked: dict[str, str]) -> None:
    """Sealed: a reason may name somebody."""
    sealed = desk.vault.seal_system(json.dumps(asked).encode(), _place(desk))
    await desk.state.update_data({_WRITING: b64encode(sealed).decode()})


async def _kept(desk: Desk) -> dict[str, str] | None:
    sealed = (await desk.state.get_data()).get(_WRITING)
    if not sealed:
        return None
    kept: dict[str, str] = json.loads(desk.vault.unseal_system(b64decode(sealed), _place(desk)))
    return kept if kept.get("purpose") in PURPOSES else None


def _place(desk: Desk) -> str:
    return f"registration-writing:{desk.contact.id}"


async def _stop_writing(state: FSMContext) -> None:
    if await state.get_state() == Deciding.words.state:
        await state.set_state(None)
    kept = await state.get_data()
    if kept.pop(_WRITING, None) is not None:
        await state.set_data(kept)


def _parts(query: CallbackQuery) -> tuple[str, ...]:
    """What stands after the verb."""
    return tuple((query.data or "").split(":")[2:])

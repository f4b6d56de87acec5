"""A unit's person answers a reminder; every button works again and again, and asks who presses.

member: [Done]                  bot: really?  [Yes]          or: hand it in here | it is on paper
member: [In progress]           bot: noted
member: [Remind me tomorrow]    bot: when it really comes
member: [On another day] "15/3" bot: reads the day back  [Yes]
member: [Not ours] "Because …"  bot: reads it back  [Send]   the office is told
member: [More time] "20/3" "…"  bot: reads it back  [Send]   the office decides
member: [Who is responsible?]   bot: names and ranks

The answer may come in the middle of another dialogue: where that stood is kept, and gone back to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from aiogram import F, Router
from aiogram.filters import Command, StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n
from bot.clock import VIETNAM, load_calendar, local_day
from bot.contacts import Contact
from bot.dates import Understood, understand
from bot.replies import Choice, Reply, Until, UserError, Word, choice, reply
from bot.vault import Vault
from handlers.deadlines import duties
from handlers.deadlines.reminders import answers, buttons, optout
from handlers.deadlines.reminders.answers import Subject, Wake
from handlers.deadlines.reminders.buttons import Acts, Press, press
from handlers.deadlines.reminders.ladder import SEND_HOUR
from storage.models.deadlines import Deadline, DutyState, Work
from storage.models.units import MemberRank, Unit, UnitKind

_KEPT = "answering"
"""What the dialogue remembers: the duty, what was typed, and the state it came from."""
_MOMENT = "%Y%m%d%H%M"
_MINE = choice("mine-button", "mine")


class Answering(StatesGroup):
    """What is typed now is the answer to this question."""

    date = State()
    reason = State()
    more_date = State()
    more_reason = State()


@dataclass
class Turn:
    """What an answer may need."""

    session: AsyncSession
    state: FSMContext
    contact: Contact
    vault: Vault
    now: datetime


def router() -> Router:
    chat = Router(name="reminders")
    for observer in (chat.message, chat.callback_query):
        observer.middleware(_give_turn)
    chat.callback_query.register(answer, F.data.startswith(("rm:", "rd:")))
    answering = StateFilter(Answering)
    chat.message.register(leave_by_command, Command("huy", "cancel"), answering)
    plain = ~F.text.startswith("/")
    chat.message.register(_typed(take_date), Answering.date, F.text, plain)
    chat.message.register(_typed(take_reason), Answering.reason, F.text, plain)
    chat.message.register(_typed(take_more_date), Answering.more_date, F.text, plain)
    chat.message.register(_typed(take_more_reason), Answering.more_reason, F.text, plain)
    chat.message.register(only_words, answering, ~F.text)
    return chat


async def _give_turn(handler: Any, event: Any, data: dict[str, Any]) -> Any:
    data["turn"] = Turn(
        data["session"], data["state"], data["contact"], data["vault"], data["now"]
    )
    return await handler(event, data)


async def answer(query: CallbackQuery, turn: Turn) -> Reply:
    pressed = buttons.read(query.data or "")
    if pressed is None:
        return reply("start-old-button").offering(_MINE)
    if pressed.act is Acts.WHO:
        asked = await answers.may_ask_who(turn.session, turn.contact.id, pressed)
        if asked and asked.unit.kind != UnitKind.OFFICE:
            return await _who(turn, asked.unit, asked.deadline)
    try:
        subject = await answers.subject_of(turn.session, turn.contact.id, pressed)
        return await _ACTS[pressed.act](turn, subject, pressed)
    except UserError as error:
        raise error.or_offering(_MINE) from None


# Done and in progress


async def ask_done(_: Turn, subject: Subject, __: Press) -> Reply:
    answers.require_open(subject)
    if subject.is_of_office:
        answers.require_end(subject)
        return reply("remind-own-ask-done", **subject.named()).offering(
            choice("remind-done-yes-button", press(subject.key, Acts.DONE_YES)), _leave(subject)
        )
    if subject.deadline.work in buttons.HANDED_IN:
        return reply("remind-ask-hand-in", **subject.named()).offering(
            buttons.hand_in(subject.duty.id),
            choice("remind-paper-button", press(subject.key, Acts.PAPER)),
            _leave(subject),
        )
    question = reply("remind-ask-done", **subject.named()).offering(
        choice("remind-done-yes-button", press(subject.key, Acts.DONE_YES))
    )
    if subject.deadline.work == Work.COMPACT:
        question = question.offering(buttons.hand_in(subject.duty.id))
    return question.offering(_leave(subject))


async def take_done(turn: Turn, subject: Subject, _: Press) -> Reply:
    if subject.deadline.work in buttons.HANDED_IN and not subject.is_of_office:
        return await ask_done(turn, subject, _)
    await answers.finish(turn.session, subject, turn.now, paper=False)
    return await _back(turn, _thanks(subject, _key(subject, "remind-done", "remind-own-done")))


def _key(subject: Subject, unit: str, office: str) -> str:
    """The office is spoken to otherwise than a unit."""
    return office if subject.is_of_office else unit


async def ask_paper(turn: Turn, subject: Subject, pressed: Press) -> Reply:
    answers.require_open(subject)
    if subject.is_of_office:
        return await ask_done(turn, subject, pressed)
    return reply("remind-ask-paper", **subject.named()).offering(
        choice("remind-paper-yes-button", press(subject.key, Acts.PAPER_YES)), _leave(subject)
    )


async def take_paper(turn: Turn, subject: Subject, pressed: Press) -> Reply:
    if subject.is_of_office:
        return await ask_done(turn, subject, pressed)
    await answers.finish(turn.session, subject, turn.now, paper=True)
    return await _back(turn, _thanks(subject, "remind-paper"))


def _thanks(subject: Subject, key: str) -> Reply:
    late = (reply("remind-was-late", closes=Until(subject.closes)),) if subject.duty.late else ()
    return reply(key, **subject.named()).followed_by(*late)


async def take_doing(turn: Turn, subject: Subject, _: Press) -> Reply:
    await answers.begin(turn.session, subject, turn.now)
    told = reply("remind-doing", closes=Until(subject.closes), **subject.named())
    return await _back(turn, told.offering(*buttons.later(subject.key)))


# Remind me again


async def take_tomorrow(turn: Turn, subject: Subject, _: Press) -> Reply:
    return await _remind_on(turn, subject, local_day(turn.now) + timedelta(days=1))


async def take_three_days(turn: Turn, subject: Subject, _: Press) -> Reply:
    return await _remind_on(turn, subject, local_day(turn.now) + timedelta(days=3))


async def _remind_on(turn: Turn, subject: Subject, day: date) -> Reply:
    return await _promise(turn, subject, await _wake(turn, subject, _moment(Understood(day))))


async def ask_date(turn: Turn, subject: Subject, _: Press) -> Reply:
    answers.require_open(subject)
    await _enter(turn, Answering.date, subject)
    return _question_date(subject)


def _question_date(subject: Subject) -> Reply:
    asked = reply("remind-ask-date", closes=Until(subject.closes), **subject.named())
    return asked.offering(_leave(subject))


async def take_date(turn: Turn, subject: Subject, words: str) -> Reply:
    """Read back before it counts. What was not understood is asked again."""
    try:
        typed = understand(words, turn.now)
        if typed.other:
            return _which(subject, Acts.AT, (typed, typed.other))
        when = await _wake(turn, subject, _moment(typed))
    except UserError as error:
        raise error.or_offering(*_other_days(subject)) from None
    return _how(turn, subject, when, "remind-ask-at").offering(
        choice("remind-at-yes-button", press(subject.key, Acts.AT, _moment(typed))),
        *_other_days(subject),
    )


def _moment(typed: Understood) -> str:
    """As a press carries it."""
    return f"{typed.day:%Y%m%d}{typed.at or SEND_HOUR:%H%M}"


def _which(subject: Subject, act: Acts, meant: Sequence[Understood]) -> Reply:
    """The words may mean either; a press says which."""
    return reply("remind-which-day", **subject.named()).offering(
        *(
            choice("remind-day-button", press(subject.key, act, _moment(one)), day=_named(one))
            for one in meant
        ),
        _leave(subject),
    )


def _named(meant: Understood) -> date:
    """With its hour where one was typed."""
    return meant.instant(SEND_HOUR) if meant.at else meant.day


async def take_moment(turn: Turn, subject: Subject, pressed: Press) -> Reply:
    return await _promise(turn, subject, await _wake(turn, subject, pressed.more))


async def _wake(turn: Turn, subject: Subject, moment: str) -> Wake:
    asked = _read_moment(moment)
    calendar = await load_calendar(turn.session)
    quiet = await answers.quiet_hours(turn.session, turn.contact.id)
    try:
        return answers.wake(subject, calendar, quiet, asked.date(), asked.time(), turn.now)
    except UserError as error:
        if error.reply.choices or not subject.is_open:
            raise
        raise error.offering(*_other_days(subject)) from None


def _read_moment(moment: str) -> datetime:
    try:
        return datetime.strptime(moment, _MOMENT).replace(tzinfo=VIETNAM)
    except ValueError:
        raise UserError("remind-no-day") from None


async def _promise(turn: Turn, subject: Subject, when: Wake) -> Reply:
    await answers.remind_again(turn.session, subject, turn.contact.id, when, turn.now)
    told = _how(turn, subject, when, "remind-again")
    if await optout.is_stopped(turn.session, turn.contact.id):
        told = _how(turn, subject, when, "remind-again-stopped").offering(
            choice("optout-resume-button", "optout:resume")
        )
    told = told.offering(choice("remind-other-date-button", press(subject.key, Acts.DATE)))
    return await _back(turn, told)


def _how(turn: Turn, subject: Subject, when: Wake, key: str) -> Reply:
    """In words: when it comes, and why not when it was asked for."""
    asked = when.asked_at.astimezone(VIETNAM)
    why = i18n.say(
        turn.contact.locale, f"remind-why-{when.reason or 'none'}", asked=asked, day=asked.date()
    )
    return reply(key, comes=when.comes_at, why=why, **subject.named())


def _other_days(subject: Subject) -> tuple[Choice, ...]:
    return (choice("reminders-date-button", press(subject.key, Acts.DATE)), _leave(subject))


# Not ours


async def ask_reason(turn: Turn, subject: Subject, _: Press) -> Reply:
    answers.require_open(subject)
    answers.require_end(subject)
    await _enter(turn, Answering.reason, subject)
    key = _key(subject, "remind-ask-reason", "remind-own-ask-reason")
    return reply(key, **subject.named()).offering(_leave(subject))


async def take_reason(turn: Turn, subject: Subject, words: str) -> Reply:
    reason = answers.checked_reason(words)
    await _remember(turn, reason=reason)
    key = _key(subject, "remind-read-back-not-ours", "remind-own-read-back-not-ours")
    told = reply(key, reason=reason, **subject.named())
    return _ask_send(told, subject, Acts.NOT_OURS_YES, Acts.NOT_OURS)


def _ask_send(told: Reply, subject: Subject, yes: Acts, again: Acts) -> Reply:
    """What was read back goes to the office only now."""
    return told.offering(
        choice("common-send-button", press(subject.key, yes)),
        choice("remind-reword-button", press(subject.key, again)),
        _leave(subject),
    )


async def take_not_ours(turn: Turn, subject: Subject, _: Press) -> Reply:
    answers.require_open(subject)
    reason = await _recalled(turn, subject, "reason")
    if reason is None:
        return await ask_reason(turn, subject, _)
    await answers.refuse(turn.session, turn.vault, subject, reason, turn.now)
    key = _key(subject, "remind-not-ours", "remind-own-not-ours")
    return await _back(turn, reply(key, **subject.named()))


# More time


async def ask_more(turn: Turn, subject: Subject, _: Press) -> Reply:
    answers.require_open(subject)
    answers.require_asking(subject)
    await _enter(turn, Answering.more_date, subject)
    asked = reply("remind-ask-more-date", closes=Until(subject.closes), **subject.named())
    return asked.offering(_leave(subject))


async def take_more_date(turn: Turn, subject: Subject, words: str) -> Reply:
    try:
        typed = understand(words, turn.now)
        if typed.other:
            return _which(subject, Acts.MORE_UNTIL, (typed, typed.other))
        return await _ask_more_reason(turn, subject, typed.day)
    except UserError as error:
        raise error.offering(_leave(subject)) from None


async def take_more_day(turn: Turn, subject: Subject, pressed: Press) -> Reply:
    day = _read_moment(pressed.more).date()
    await _enter(turn, Answering.more_date, subject)
    return await _ask_more_reason(turn, subject, day)


async def _ask_more_reason(turn: Turn, subject: Subject, day: date) -> Reply:
    day = answers.checked_more(subject, day, turn.now)
    await _remember(turn, day=day.isoformat())
    await turn.state.set_state(Answering.more_reason)
    return reply("remind-ask-more-reason", day=day, **subject.named()).offering(_leave(subject))


async def take_more_reason(turn: Turn, subject: Subject, words: str) -> Reply:
    day = await _recalled(turn, subject, "day")
    if day is None:
        return await ask_more(turn, subject, Press(buttons.DUTY, subject.duty.id, Acts.MORE))
    reason = answers.checked_reason(words)
    await _remember(turn, reason=reason)
    asked = date.fromisoformat(day)
    told = reply("remind-read-back-more", day=asked, reason=reason, **subject.named())
    return _ask_send(told, subject, Acts.MORE_YES, Acts.MORE)


async def take_more(turn: Turn, subject: Subject, _: Press) -> Reply:
    answers.require_open(subject)
    day = await _recalled(turn, subject, "day")
    reason = await _recalled(turn, subject, "reason")
    if day is None or reason is None:
        if subject.duty.more_time_until:
            return _asked_already(subject)
        return await ask_more(turn, subject, _)
    asked = date.fromisoformat(day)
    await answers.ask_more(turn.session, turn.vault, subject, asked, reason, turn.now)
    told = reply("remind-more", day=asked, closes=Until(subject.closes), **subject.named())
    return await _back(turn, told)


def _asked_already(subject: Subject) -> Reply:
    until: date = subject.duty.more_time_until or local_day(subject.closes)
    return reply("remind-more", day=until, closes=Until(subject.closes), **subject.named())


# Who, and the duty itself


async def say_who(turn: Turn, subject: Subject, _: Press) -> Reply:
    if subject.is_of_office:
        named = await answers.officers(turn.session, subject.deadline.office_id)
        lines = "\n".join(f"• {name}" for name in named)
        told = reply("remind-who", people=lines, **subject.named())
    else:
        told = await _who(turn, subject.post.unit, subject.deadline)
    return told.offering(choice("remind-open-button", press(subject.key, Acts.OPEN)))


async def _who(turn: Turn, unit: Unit, deadline: Deadline) -> Reply:
    people = await answers.responsible(turn.session, unit.id)
    ranks = {one: i18n.say(turn.contact.locale, f"remind-rank-{one}") for one in MemberRank}
    lines = "\n".join(f"• {one.name} ({ranks[MemberRank(one.rank)]})" for one in people)
    key = "remind-who" if people else "remind-who-nobody"
    return reply(key, people=lines, unit=unit.name, title=deadline.title)


async def show(_: Turn, subject: Subject, __: Press) -> Reply:
    """The card of a duty: what, until when, how it stands, and all that can be answered."""
    state = DutyState(subject.duty.state)
    noted = duties.told_reason(subject.duty)
    card = reply(
        "remind-card-noted" if noted else "remind-card",
        closes=Until(subject.closes),
        state=Word(f"duty-{state}"),
        work=Word(f"remind-work-{Work(subject.deadline.work)}"),
        reason=noted,
        **subject.named(),
    )
    if not subject.is_open:
        return card.offering(_MINE)
    if subject.is_of_office:
        return card.offering(*of_office(subject), _MINE)
    if subject.deadline.work in buttons.HANDED_IN:
        card = card.offering(buttons.hand_in(subject.duty.id))
    return card.offering(*buttons.offered(subject.key), _MINE)


def of_office(subject: Subject) -> tuple[tuple[Choice, ...], ...]:
    """What an officer can press for the office's own duty."""
    return buttons.of_office(subject.key, ends_by_itself=subject.ends_by_itself)


# In and out of the dialogue


async def leave(turn: Turn, subject: Subject, _: Press) -> Reply:
    return await _back(turn, reply("remind-left", **subject.named()))


async def leave_by_command(_: Message, turn: Turn) -> Reply:
    return await _back(turn, reply("remind-left-all"))


async def only_words(_: Message) -> Reply:
    return reply("remind-only-words")


def _leave(subject: Subject) -> Choice:
    return choice("remind-leave-button", press(subject.key, Acts.LEAVE))


async def _enter(turn: Turn, step: State, subject: Subject) -> None:
    """Keeps where another dialogue stood; its draft lies untouched beside ours."""
    data, before = await turn.state.get_data(), await turn.state.get_state()
    held = data.get(_KEPT) or {}
    if before and before.startswith("Answering:"):
        before = held.get("before")
    await turn.state.update_data({_KEPT: {"duty": subject.duty.id, "before": before}})
    await turn.state.set_state(step)


async def _remember(turn: Turn, **typed: str) -> None:
    held = (await turn.state.get_data()).get(_KEPT) or {}
    await turn.state.update_data({_KEPT: {**held, **typed}})


Step = Callable[[Turn, Subject, str], Awaitable[Reply]]


def _typed(step: Step) -> Callable[[Message, Turn], Awaitable[Reply]]:
    """Words typed for a duty. Was it closed meanwhile, the dialogue ends and says so."""

    async def take(message: Message, turn: Turn) -> Reply:
        try:
            subject = await _held(turn)
        except UserError as error:
            return await _back(turn, error.reply)
        try:
            return await step(turn, subject, message.text or "")
        except UserError as error:
            raise error.or_offering(_leave(subject)) from None

    return take


async def _held(turn: Turn) -> Subject:
    """The duty that what was typed is about, if the person still answers for it."""
    held = (await turn.state.get_data()).get(_KEPT) or {}
    pressed = Press(buttons.DUTY, held.get("duty", ""), Acts.OPEN)
    subject = await answers.subject_of(turn.session, turn.contact.id, pressed)
    answers.require_open(subject)
    return subject


async def _recalled(turn: Turn, subject: Subject, name: str) -> str | None:
    """What was typed for this duty; None for an old button of another."""
    held = (await turn.state.get_data()).get(_KEPT) or {}
    return held.get(name) if held.get("duty") == subject.duty.id else None


async def _back(turn: Turn, told: Reply) -> Reply:
    """To where the person was before; a dialogue that was broken off is offered again."""
    data, state = await turn.state.get_data(), await turn.state.get_state()
    held = data.pop(_KEPT, None) or {}
    await turn.state.set_data(data)
    if state and state.startswith("Answering:"):
        state = held.get("before")
        await turn.state.set_state(state)
    return told.offering(*buttons.way_back(state), _MINE)


_ACTS = {
    Acts.DONE: ask_done,
    Acts.DONE_YES: take_done,
    Acts.PAPER: ask_paper,
    Acts.PAPER_YES: take_paper,
    Acts.DOING: take_doing,
    Acts.TOMORROW: take_tomorrow,
    Acts.IN_THREE_DAYS: take_three_days,
    Acts.DATE: ask_date,
    Acts.AT: take_moment,
    Acts.NOT_OURS: ask_reason,
    Acts.NOT_OURS_YES: take_not_ours,
    Acts.MORE: ask_more,
    Acts.MORE_UNTIL: take_more_day,
    Acts.MORE_YES: take_more,
    Acts.WHO: say_who,
    Acts.OPEN: show,
    Acts.LEAVE: leave,
}

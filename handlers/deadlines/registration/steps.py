"""The steps of handing in: what is asked at each, which comes before, and the draft they fill.

Every step makes sure of the unit again: `current` asks whether this contact is a live member.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from aiogram import Router
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n
from bot.clock import closing_day
from bot.config import Settings
from bot.contacts import Contact
from bot.media import FileStore
from bot.replies import Choice, Reply, Until, UserError, Word, choice, link, reply
from bot.vault import Vault
from handlers.deadlines import duties, people
from handlers.deadlines.people import Post
from handlers.deadlines.registration import forms, service
from handlers.deadlines.registration.drafts import (
    DRAFTS,
    Draft,
    draft_in,
    with_draft,
    without_draft,
)
from handlers.deadlines.registration.forms import Answers, Form, Option
from handlers.deadlines.registration.service import Owing
from storage.models.deadlines import DutyState, Work
from storage.models.traffic import StoredFile

PAGE = 20
_OPEN = "registration"
"""The duty whose card was opened last, in a contact's data."""
MORE_DAYS = (3, 7, 14)

NAVIGATION = (
    choice("common-back-button", "dk:back"),
    choice("common-cancel-button", "dk:cancel"),
    choice("registration-help-button", "dk:help"),
)
TO_LIST = choice("registration-list-button", "dk:list")
HOME = choice("common-home-button", "home")


class Filing(StatesGroup):
    """Where a person stands in handing something in."""

    card = State()
    collective = State()
    individual = State()
    count = State()
    names = State()
    movements = State()
    target = State()
    papers = State()
    words = State()
    files = State()
    reading_back = State()
    changing = State()
    not_ours = State()
    more_time = State()


STATES = {state.state: state for state in Filing.__states__}


@dataclass
class Turn:
    """What every step may need."""

    session: AsyncSession
    state: FSMContext
    contact: Contact
    now: datetime
    vault: Vault
    links: str
    store: FileStore
    files: Sequence[dict[str, Any]] = field(default_factory=tuple)

    @property
    def locale(self) -> str:
        return self.contact.locale


def give_turn(router: Router) -> None:
    """Every handler of this router may ask for `turn`."""

    async def build(handler: Any, event: Any, data: dict[str, Any]) -> Any:
        settings: Settings = data["settings"]
        data["turn"] = Turn(
            data["session"], data["state"], data["contact"], data["now"], data["vault"],
            settings.links, FileStore(settings.home / "files"), data["files"],
        )  # fmt: skip
        try:
            return await handler(event, data)
        except UserError as error:
            under_way = await data["turn"].state.get_state() in STATES.keys() - {Filing.card.state}
            raise error.or_offering(NAVIGATION if under_way else TO_LIST) from None

    for observer in (router.message, router.edited_message, router.callback_query):
        observer.middleware(build)


# The draft


async def draft_of(turn: Turn, duty_id: str) -> Draft | None:
    return draft_in(turn.vault, turn.contact.id, await turn.state.get_data(), duty_id)


async def keep(turn: Turn, draft: Draft) -> None:
    data = await turn.state.get_data()
    await turn.state.update_data({DRAFTS: with_draft(turn.vault, turn.contact.id, data, draft)})


async def drop(turn: Turn, duty_id: str, *, with_files: bool) -> None:
    """Forgets a draft; its files too, unless they were handed in."""
    draft = await draft_of(turn, duty_id)
    data = await turn.state.get_data()
    await turn.state.set_data({**data, DRAFTS: without_draft(data, duty_id)})
    if draft and with_files and draft.answers.files:
        owing = await service.hold(turn.session, turn.contact.id, duty_id)
        handed = await service.handed_in(turn.session, turn.vault, owing.duty)
        mine = set(draft.answers.files) - set(handed.answers.files if handed else ())
        await turn.session.execute(delete(StoredFile).where(StoredFile.id.in_(mine)))


async def opened_last(turn: Turn) -> str:
    """Raises UserError when no card was opened in this chat."""
    duty_id = (await turn.state.get_data()).get(_OPEN)
    if not duty_id:
        raise UserError("registration-open-one").offering(TO_LIST)
    return str(duty_id)


@dataclass(frozen=True)
class Current:
    """The draft under way, with what it is for."""

    owing: Owing
    form: Form
    draft: Draft

    @property
    def answers(self) -> Answers:
        return self.draft.answers


async def current(turn: Turn) -> Current:
    """Raises UserError when nothing is under way, or the unit is not this person's any more."""
    duty_id = await opened_last(turn)
    owing = await service.hold(turn.session, turn.contact.id, duty_id)
    draft = await draft_of(turn, duty_id)
    if draft is None:
        raise UserError("registration-open-one").offering(TO_LIST)
    return Current(owing, await forms.form_of(turn.session, owing.deadline), draft)


async def begin(turn: Turn, owing: Owing) -> Current:
    """The draft of this duty: as it was left, else from what was handed in, else empty."""
    service.refuse_closed(owing, turn.now)
    form = await forms.form_of(turn.session, owing.deadline)
    draft = await draft_of(turn, owing.duty.id)
    if draft is None or draft.seen != owing.duty.version:
        earlier = await service.handed_in(turn.session, turn.vault, owing.duty)
        answers = earlier.answers if earlier else Answers()
        draft = Draft(owing.duty.id, owing.duty.version, answers=answers)
    draft.answers = forms.fitting(form, draft.answers)
    await service.begin(turn.session, owing, turn.now)
    await keep(turn, draft)
    await turn.state.update_data({_OPEN: owing.duty.id})
    return Current(owing, form, draft)


# The list and the card


async def show_list(turn: Turn, unit_id: str = "", page: int = 0) -> Reply:
    """One unit's, or the units apart when somebody answers for several."""
    posts = await people.posts(turn.session, turn.contact.id)
    units = {post.unit.id: post for post in posts}
    if not units:
        return reply("registration-nobody").offering(HOME, choice("common-human-button", "human"))
    if len(units) > 1 and unit_id not in units:
        return await _units(turn, list(units.values()))
    post = units.get(unit_id) or posts[0]
    return await _duties(turn, post, page, several=len(units) > 1)


async def _units(turn: Turn, posts: Sequence[Post]) -> Reply:
    owed = await service.owed(turn.session, posts, turn.now)
    answer = reply("registration-units", n=len(posts))
    order = {one.unit.id: place for place, one in reversed(list(enumerate(owed)))}
    for post in sorted(posts, key=lambda one: order.get(one.unit.id, len(owed))):
        mine = [one for one in owed if one.unit.id == post.unit.id]
        n = sum(one.is_open for one in mine)
        overdue = sum(one.is_overdue(turn.now) for one in mine)
        key = "registration-unit-overdue-button" if overdue else "registration-unit-button"
        name = short(post.unit.name, 50)
        answer = answer.offering(
            choice(key, f"dk:u:{post.unit.id}", unit=name, n=n, overdue=overdue)
        )
    return answer.offering(HOME)


async def _duties(turn: Turn, post: Post, page: int, *, several: bool) -> Reply:
    owed = await service.owed(turn.session, [post], turn.now)
    n, overdue = sum(one.is_open for one in owed), sum(one.is_overdue(turn.now) for one in owed)
    key = "registration-list-overdue" if overdue else "registration-list"
    key = key if n else "registration-list-done"
    answer = reply(key, unit=post.unit.name, n=n, overdue=overdue)
    first = max(0, min(page, (len(owed) - 1) // PAGE)) * PAGE
    for one in owed[first : first + PAGE]:
        answer = answer.offering(_duty_button(one, turn.now))
    if first + PAGE < len(owed):
        further = f"dk:u:{post.unit.id}:{first // PAGE + 1}"
        answer = answer.offering(choice("registration-further-button", further))
    if several:
        answer = answer.offering(choice("registration-units-button", "dk:list"))
    return answer.offering(HOME)


def _duty_button(owing: Owing, now: datetime) -> Choice:
    key = "registration-duty-button"
    if owing.is_overdue(now):
        key = "registration-duty-overdue-button"
    return choice(
        key, f"dk:o:{owing.duty.id}", title=short(owing.deadline.title, 60),
        day=closing_day(owing.due_at), state=Word(f"duty-{owing.state}"),
    )  # fmt: skip


async def show_card(turn: Turn, duty_id: str) -> Reply:
    """One duty: its date, its state, the office's answer, and what may be done."""
    owing = await service.hold(turn.session, turn.contact.id, duty_id)
    await turn.state.set_state(Filing.card)
    await turn.state.update_data({_OPEN: duty_id})
    parts = [_about(owing, turn.now)]
    if owing.duty.version:
        handed = await service.handed_in(turn.session, turn.vault, owing.duty)
        at = handed.submission.at if handed else owing.duty.state_at
        key = "registration-handed-late" if owing.duty.late else "registration-handed"
        parts.append(reply(key, version=owing.duty.version, at=at))
    if owing.duty.reason:
        parts.append(_answered(owing))
    if owing.duty.more_time_until:
        parts.append(reply("registration-more-time-asked", day=owing.duty.more_time_until))
    parts += await _exemplars(turn, owing)
    first, *others = [*parts[:-1], parts[-1].offering(*await _ways(turn, owing))]
    return first.followed_by(*others)


async def _exemplars(turn: Turn, owing: Owing) -> list[Reply]:
    """Whose good deeds are proposed by this work, and are to be included in it."""
    return [
        reply(
            "registration-exemplar", award=award.name_en if turn.locale == "en" else award.name_vi
        ).offering(choice("registration-exemplar-button", f"tk:o:{deed_id}"))
        for deed_id, award in await service.exemplars(turn.session, owing.duty)
    ]


def _about(owing: Owing, now: datetime) -> Reply:
    key = "registration-card"
    if owing.is_overdue(now):
        again = owing.duty.submitted_at is not None
        key = "registration-card-overdue-again" if again else "registration-card-overdue"
    return reply(
        key, unit=owing.unit.name, title=owing.deadline.title, due=Until(owing.due_at),
        state=Word(f"duty-{owing.state}"), work=Word(f"registration-work-{owing.deadline.work}"),
    )  # fmt: skip


def _answered(owing: Owing) -> Reply:
    if owing.duty.reason == duties.ON_PAPER:
        return reply("duties-on-paper")
    if owing.state is DutyState.NOT_APPLICABLE:
        return reply("registration-not-ours-because", reason=owing.duty.reason)
    return reply("registration-office-says", reason=owing.duty.reason, at=owing.duty.state_at)


async def _ways(turn: Turn, owing: Owing) -> list[Choice | tuple[Choice, ...]]:
    id = owing.duty.id
    rows: list[Choice | tuple[Choice, ...]] = []
    if owing.can_hand_in(turn.now):
        rows.append(choice(await _begin_label(turn, owing), f"dk:b:{id}"))
        if owing.deadline.work != Work.OTHER:
            rows.append(choice("registration-page-button", f"dk:w:{id}"))
        if owing.deadline.work in (Work.REGISTRATION, Work.DOSSIER):
            rows.append(choice("registration-excel-button", f"dk:x:{id}"))
    if owing.duty.version:
        rows.append(choice("registration-see-button", f"dk:see:{id}"))
    if owing.is_open:
        rows.append(choice("registration-more-time-button", f"dk:mt:{id}"))
        rows.append(choice("registration-not-ours-button", f"dk:na:{id}"))
    if owing.state is DutyState.NOT_APPLICABLE:
        rows.append(choice("registration-reopen-button", f"dk:ro:{id}"))
    rows.append((choice("common-back-button", f"dk:u:{owing.unit.id}"), HOME))
    return rows


async def _begin_label(turn: Turn, owing: Owing) -> str:
    if owing.deadline.work == Work.OTHER:
        return "registration-done-button"
    draft = await draft_of(turn, owing.duty.id)
    if draft is not None and not draft.answers.is_empty and draft.seen == owing.duty.version:
        return "registration-resume-button"
    return "registration-amend-button" if owing.duty.version else "registration-begin-button"


async def show_handed_in(turn: Turn, duty_id: str) -> Reply:
    """What was handed in last, and every version's hour."""
    owing = await service.hold(turn.session, turn.contact.id, duty_id)
    handed = await service.handed_in(turn.session, turn.vault, owing.duty)
    back = choice("common-back-button", f"dk:o:{duty_id}")
    if handed is None:
        return reply("registration-nothing-yet").offering(back)
    said = forms.in_words(handed.form, handed.answers, turn.locale, names=True)
    parts = [
        reply("registration-version", version=one.number, at=one.at, by=one.by or "—")
        for one in (await service.history(turn.session, owing.duty))[:5]
    ]
    told = reply("registration-said", unit=owing.unit.name, title=owing.deadline.title, said=said)
    first, *others = [told, *parts[:-1], parts[-1].offering(back)]
    return first.followed_by(*others)


# The steps


def route(form: Form, answers: Answers) -> list[tuple[State, str]]:
    """The steps of this form in order, each with what it asks about."""
    way: list[tuple[State, str]] = []
    match form.work:
        case Work.REGISTRATION:
            way += [(Filing.collective, ""), (Filing.individual, "")]
            for one in form.individual:
                if one.code in answers.individual:
                    way += [(Filing.count, one.code), (Filing.names, one.code)]
            if form.movements:
                way.append((Filing.movements, ""))
            way += [(Filing.target, m.code) for m in form.movements if m.code in answers.targets]
            way.append((Filing.files, ""))
        case Work.DOSSIER:
            way += [(Filing.papers, "")] if form.papers else []
            way.append((Filing.files, ""))
        case Work.COMPACT:
            way.append((Filing.files, ""))
        case Work.REPORT:
            way.append((Filing.words, ""))
    return [*way, (Filing.reading_back, "")]


async def enter(turn: Turn, now: Current, step: tuple[State, str]) -> Reply:
    state, now.draft.at = step
    await keep(turn, now.draft)
    await turn.state.set_state(state)
    return await show_step(turn, now)


async def first_step(turn: Turn, now: Current) -> Reply:
    return await enter(turn, now, route(now.form, now.answers)[0])


async def next_step(turn: Turn, now: Current) -> Reply:
    return await _move(turn, now, +1)


async def step_back(turn: Turn) -> Reply:
    """To the step before; from the first one, and from outside the steps, to the card."""
    state = await turn.state.get_state()
    if state in (None, Filing.card.state, Filing.not_ours.state, Filing.more_time.state):
        return await show_card(turn, await opened_last(turn))
    now = await current(turn)
    if state == Filing.changing.state:
        return await enter(turn, now, (Filing.reading_back, ""))
    return await _move(turn, now, -1)


async def _move(turn: Turn, now: Current, by: int) -> Reply:
    way = route(now.form, now.answers)
    here = (STATES.get(await turn.state.get_state() or ""), now.draft.at)
    at = next((n for n, step in enumerate(way) if step == here), None)
    if at is None:
        return await enter(turn, now, way[-1])
    if at + by < 0:
        return await show_card(turn, now.owing.duty.id)
    return await enter(turn, now, way[min(at + by, len(way) - 1)])


async def show_step(turn: Turn, now: Current | None = None) -> Reply:
    """Asks again what was asked last; the way back into any draft."""
    state = await turn.state.get_state()
    if state == Filing.card.state or state is None:
        return await show_card(turn, await opened_last(turn))
    if state == Filing.not_ours.state:
        return reply("registration-ask-not-ours").offering(NAVIGATION)
    if state == Filing.more_time.state:
        return await _ask_more_time(turn)
    now = now or await current(turn)
    match STATES.get(state):
        case Filing.collective:
            return _choose("registration-ask-collective", now.form.collective, "c", turn, now)
        case Filing.individual:
            return _choose("registration-ask-individual", now.form.individual, "i", turn, now)
        case Filing.movements:
            return _choose("registration-ask-movements", now.form.movements, "m", turn, now)
        case Filing.papers:
            return _ask_papers(now)
        case Filing.count:
            return _ask_count(turn, now)
        case Filing.names:
            return _ask_names(turn, now)
        case Filing.target:
            return _ask_target(turn, now)
        case Filing.words:
            return _ask_report(now)
        case Filing.files:
            return _ask_files(now)
        case Filing.changing:
            return _ask_change(turn, now)
    return await _read_back(turn, now)


def chosen(now: Current, kind: str) -> Sequence[str]:
    answers = now.answers
    return {
        "c": answers.collective, "i": list(answers.individual), "m": list(answers.targets)
    }[kind]  # fmt: skip


def _choose(key: str, options: Sequence[Option], kind: str, turn: Turn, now: Current) -> Reply:
    """A tick before each that is chosen; pressing it again takes it back."""
    ticked = chosen(now, kind)
    answer = Reply(key, {"n": len(ticked)}, replaces=True)
    for one in options:
        label = "registration-ticked-button" if one.code in ticked else "registration-tick-button"
        name = short(one.name(turn.locale), 60)
        answer = answer.offering(choice(label, f"dk:{kind}:{one.code}", name=name))
    return answer.offering(_go_on(bool(ticked)), NAVIGATION)


def _ask_papers(now: Current) -> Reply:
    ticked = now.answers.papers
    told = {"n": len(ticked), "all": len(now.form.papers)}
    answer = Reply("registration-ask-papers", told, replaces=True)
    for number, paper in enumerate(now.form.papers):
        label = "registration-ticked-button" if paper in ticked else "registration-tick-button"
        answer = answer.offering(choice(label, f"dk:p:{number}", name=short(paper, 60)))
    return answer.offering(_go_on(bool(ticked)), NAVIGATION)


def _go_on(something: bool) -> Choice:
    return choice("common-continue-button" if something else "common-skip-button", "dk:next")


def _ask_count(turn: Turn, now: Current) -> Reply:
    title = about(now).name(turn.locale)
    held = now.answers.individual[now.draft.at]
    if held.count:
        answer = reply("registration-ask-count-again", title=title, n=held.count)
        answer = answer.offering(choice("common-continue-button", "dk:next"))
    else:
        answer = reply("registration-ask-count", title=title)
    few = tuple(choice("registration-number-button", f"dk:n:{n}", n=n) for n in (1, 2, 3, 5, 10))
    return answer.offering(few, NAVIGATION)


def _ask_names(turn: Turn, now: Current) -> Reply:
    held = now.answers.individual[now.draft.at]
    title = about(now).name(turn.locale)
    if not held.names:
        return reply("registration-ask-names", title=title, n=held.count).offering(
            choice("common-skip-button", "dk:next"), NAVIGATION
        )
    told = "\n".join(f"– {name}" for name in held.names[-forms.NAMES_READ_BACK :])
    return reply(
        "registration-names-so-far", title=title, n=len(held.names), count=held.count, names=told
    ).offering(
        choice("common-continue-button", "dk:next"),
        choice("registration-names-anew-button", "dk:clear"),
        NAVIGATION,
    )


def _ask_target(turn: Turn, now: Current) -> Reply:
    name, held = about(now).name(turn.locale), now.answers.targets[now.draft.at]
    if held:
        return reply("registration-target-so-far", movement=name, target=held).offering(
            choice("common-continue-button", "dk:next"), NAVIGATION
        )
    return reply("registration-ask-target", movement=name, longest=forms.LONGEST_TARGET).offering(
        choice("registration-leave-out-button", f"dk:m:{now.draft.at}"), NAVIGATION
    )


def _ask_report(now: Current) -> Reply:
    told: dict[str, Any] = {"longest": forms.LONGEST_REPORT, "files": forms.MOST_FILES}
    if not now.answers.words and not now.answers.files:
        return reply("registration-ask-report", **told).offering(NAVIGATION)
    return reply(
        "registration-report-so-far", text=now.answers.words or "—", n=len(now.answers.files)
    ).offering(
        choice("common-continue-button", "dk:next"),
        choice("registration-report-anew-button", "dk:clear"),
        NAVIGATION,
    )


def _ask_files(now: Current) -> Reply:
    answer = reply(_FILES_ASKED[now.form.work], n=len(now.answers.files), most=forms.MOST_FILES)
    must = now.form.work is Work.COMPACT and not now.answers.files
    if not must:
        answer = answer.offering(_go_on(bool(now.answers.files)))
    if now.answers.files:
        answer = answer.offering(choice("registration-files-anew-button", "dk:clear"))
    return answer.offering(NAVIGATION)


_FILES_ASKED = {
    Work.REGISTRATION: "registration-ask-signed",
    Work.COMPACT: "registration-ask-compact",
    Work.DOSSIER: "registration-ask-dossier-files",
    Work.REPORT: "registration-ask-dossier-files",
}


def _ask_change(turn: Turn, now: Current) -> Reply:
    answer = reply("registration-ask-change")
    for number, (state, code) in enumerate(route(now.form, now.answers)[:-1]):
        if state is Filing.names:
            continue
        label = _PARTS[state]
        name = short(_option(now.form, code).name(turn.locale), 50) if code else ""
        answer = answer.offering(choice(label, f"dk:g:{number}", name=name))
    return answer.offering(NAVIGATION)


_PARTS = {
    Filing.collective: "registration-part-collective-button",
    Filing.individual: "registration-part-individual-button",
    Filing.count: "registration-part-count-button",
    Filing.movements: "registration-part-movements-button",
    Filing.target: "registration-part-target-button",
    Filing.papers: "registration-part-papers-button",
    Filing.words: "registration-part-words-button",
    Filing.files: "registration-part-files-button",
}


async def _read_back(turn: Turn, now: Current) -> Reply:
    said = forms.in_words(now.form, now.answers, turn.locale, names=True)
    if now.form.work is Work.OTHER:
        return reply(
            "registration-confirm-done", unit=now.owing.unit.name, title=now.owing.deadline.title
        ).offering(choice("registration-done-button", "dk:send"), NAVIGATION)
    late = turn.now >= now.owing.due_at and now.owing.duty.submitted_at is None
    answer = reply(
        "registration-read-back-late" if late else "registration-read-back",
        unit=now.owing.unit.name, title=now.owing.deadline.title, said=said,
        due=Until(now.owing.due_at),
    )  # fmt: skip
    send: list[Choice | tuple[Choice, ...]] = [
        (
            choice("common-send-button", "dk:send"),
            choice("registration-change-button", "dk:change"),
        )
    ]
    if removed := _removed(turn, now):
        answer = removed.followed_by(answer)
        send.append(choice("registration-undo-button", "dk:undo"))
    if now.form.work is Work.REGISTRATION and not now.answers.files:
        unsigned = "registration-unsigned-late" if late else "registration-unsigned"
        return answer.followed_by(reply(unsigned).offering(*send, NAVIGATION))
    *earlier, last = [replace(answer, then=()), *answer.then]
    first, *rest = [*earlier, last.offering(*send, NAVIGATION)]
    return first.followed_by(*rest)


def _removed(turn: Turn, now: Current) -> Reply | None:
    """What the file left out of what stood there, said before it counts."""
    if now.draft.before is None:
        return None
    lines = forms.lost(now.form, now.draft.before, now.answers, turn.locale)
    if not lines:
        return None
    told = "\n".join(f"• {short(one, 90)}" for one in lines[: forms.MOST_LOST])
    more = len(lines) - forms.MOST_LOST
    if more > 0:
        told += "\n" + i18n.say(turn.locale, "registration-removes-more", n=more)
    return reply("registration-removes", lines=told)


async def _ask_more_time(turn: Turn) -> Reply:
    owing = await service.hold(turn.session, turn.contact.id, await opened_last(turn))
    draft_day = (await turn.state.get_data()).get("registration_day")
    if draft_day:
        return reply("registration-ask-more-time-why", day=date.fromisoformat(draft_day)).offering(
            NAVIGATION
        )
    last = max(closing_day(owing.due_at), closing_day(turn.now))
    answer = reply("registration-ask-more-time", due=Until(owing.due_at))
    for days in MORE_DAYS:
        day = last + timedelta(days=days)
        answer = answer.offering(
            choice("registration-day-button", f"dk:md:{day.isoformat()}", day=day)
        )
    return answer.offering(NAVIGATION)


def about(now: Current) -> Option:
    """The title or the movement that is asked about."""
    return _option(now.form, now.draft.at)


def _option(form: Form, code: str) -> Option:
    for one in form.options():
        if one.code == code:
            return one
    raise UserError("registration-open-one").offering(TO_LIST)


def short(text: str, most: int) -> str:
    """At most so many characters, cut between words."""
    if len(text) <= most:
        return text
    return text[:most].rsplit(" ", 1)[0].rstrip(" ,.;:-") + "…"


def page_link(turn: Turn, signed: str) -> Choice:
    return link("registration-open-page-button", f"{turn.links}/viec/{signed}")

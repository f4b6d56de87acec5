"""The steps of telling a good deed: what is asked at each, which comes next, and the draft.

The draft lies sealed in the contact's own row, because it names people; beside it, in clear, only
what the sweepers must see: its files, and the row of whoever tells it.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from aiogram import Router
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import identity, places
from bot.config import Settings
from bot.contacts import Contact
from bot.media import FileStore
from bot.places import Place
from bot.replies import Arg, Choice, Picture, Reply, UserError, Word, choice, reply
from bot.vault import Unreadable, Vault
from handlers.deeds import forms, people, service, similar
from handlers.deeds.forms import Option, Told
from handlers.deeds.similar import Similar
from storage.models.deeds import DeedFile, Known, Relation, SubjectKind
from storage.models.office import Officer
from storage.models.people import Person
from storage.models.traffic import StoredFile

HOME = choice("common-home-button", "home")
HELP = (choice("start-help-button", "help"), choice("common-human-button", "human"))
NAVIGATION = (
    (choice("common-back-button", "vt:back"), choice("common-cancel-button", "vt:cancel")),
    HELP,
)
SKIP = choice("common-skip-button", "vt:next")
GO_ON = choice("common-continue-button", "vt:next")
MOST_PLACES = 8
CASE = "deed_case"
"""The report sent or opened last in a chat, in its data."""
DRAFT = "deed"
"""Its place in a contact's data; the sweepers of drafts and the home screen know it too."""


class Telling(StatesGroup):
    """Where a person stands in telling a good deed."""

    kind = State()
    name = State()
    place = State()
    what = State()
    when = State()
    field = State()
    groups = State()
    outcome = State()
    evidence = State()
    relation = State()
    teller = State()
    telephone = State()
    show_name = State()
    agreed = State()
    child = State()
    rewarded = State()
    similar = State()
    reading_back = State()
    changing = State()


STATES = {state.state: state for state in Telling.__states__}
VOICED = ("name", "place", "what", "when", "outcome", "teller")
"""Questions that a voice note answers as well as words do."""
CHANGED = ("name", "place", "what", "when", "field", "outcome", "evidence", "relation", "teller")
"""What may be told anew from the read-back."""


@dataclass
class Draft:
    told: Told = field(default_factory=Told)
    person_id: str | None = None
    """The sealed row of whoever tells it, once a name was given."""
    unit_code: str = ""
    follows: str = ""
    """The exemplar somebody followed."""
    joins: str | None = None
    compared: bool = False
    """What was told already was shown, or there is nothing like it."""
    hurried: bool = False
    """Wants to send with what is there; or changes one answer and then sends."""
    warned: bool = False
    """Was told once that a chat message is no lawful denunciation."""
    entered_as: str = ""
    """How it came, where an officer writes it down for somebody else."""
    step: str = ""


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


async def officer_of(turn: Turn) -> Officer:
    """Asked of the row each time. Raises UserError."""
    officer = await people.acting(turn.session, turn.contact.id)
    if officer is None:
        raise UserError("deeds-officers-only").offering(HOME)
    return officer


def give_turn(router: Router) -> None:
    """Every handler of this router may ask for `turn`, and what it refuses shows the way on."""

    async def build(handler: Any, event: Any, data: dict[str, Any]) -> Any:
        settings: Settings = data["settings"]
        data["turn"] = Turn(
            data["session"], data["state"], data["contact"], data["now"], data["vault"],
            settings.links, FileStore(settings.home / "files"), data["files"],
        )  # fmt: skip
        stood_at = await data["state"].get_state()
        try:
            return await handler(event, data)
        except UserError as error:
            if error.reply.choices:
                raise
            raise error.offering(*(NAVIGATION if stood_at in STATES else (HOME, HELP))) from None

    for observer in (router.message, router.edited_message, router.callback_query):
        observer.middleware(build)


def parts(query: CallbackQuery, prefix: str, most: int, *way_on: Choice) -> list[str]:
    """What stands behind `prefix` in a press: exactly so many, the last of them the version that
    was shown. Raises UserError, offering `way_on`, for no press of ours."""
    found = (query.data or "").removeprefix(prefix).split(":")
    if len(found) != most or not found[-1].isdecimal():
        raise UserError("common-start-again").offering(*way_on)
    return found


# The draft


async def draft_of(turn: Turn) -> Draft | None:
    held = (await turn.state.get_data()).get(DRAFT)
    if not held:
        return None
    try:
        plain = json.loads(turn.vault.unseal_system(b64decode(held["sealed"]), _place(turn)))
    except Unreadable:
        return None
    return Draft(**{**plain, "told": Told(**plain["told"])})


async def keep(turn: Turn, draft: Draft) -> None:
    raw = json.dumps(asdict(draft), ensure_ascii=False).encode()
    sealed = b64encode(turn.vault.seal_system(raw, _place(turn))).decode()
    held = {"sealed": sealed, "file_ids": draft.told.all_files, "person_id": draft.person_id}
    await turn.state.update_data({DRAFT: held})


def _place(turn: Turn) -> str:
    return f"deed-draft:{turn.contact.id}"


async def forget_draft(turn: Turn) -> None:
    data = await turn.state.get_data()
    data.pop(DRAFT, None)
    await turn.state.set_data(data)
    await turn.state.set_state(None)


async def drop(turn: Turn) -> None:
    """Forgets the draft with its files and a name already told."""
    draft = await draft_of(turn)
    if draft is not None:
        await discard(turn.session, draft.told.all_files)
        await forget_teller(turn, draft)
    await forget_draft(turn)


async def forget_teller(turn: Turn, draft: Draft) -> None:
    if draft.person_id:
        identity.forget(await turn.session.get_one(Person, draft.person_id), turn.now)
        draft.person_id, draft.told.may_show_name = None, False


async def discard(session: AsyncSession, file_ids: Sequence[str]) -> None:
    """Rows that no deed names; their bytes are swept from the disk later."""
    if not file_ids:
        return
    await session.flush()
    named = select(DeedFile.file_id).where(DeedFile.file_id.in_(file_ids))
    await session.execute(
        delete(StoredFile).where(
            StoredFile.id.in_(file_ids), StoredFile.id.not_in(named), StoredFile.public.is_(False)
        )
    )


async def begin(turn: Turn, unit_code: str = "", entered_as: str = "", follows: str = "") -> Reply:
    """A new draft; one that lies unsent is offered first."""
    held = await draft_of(turn)
    if held is not None and _is_begun(held):
        await turn.state.set_state(None)
        return reply("tell-draft-held").offering(
            choice("start-deed-draft-button", "vt:resume"),
            choice("tell-anew-button", _anew(unit_code, entered_as, follows)), (HOME,), HELP,
        )  # fmt: skip
    return await begin_anew(turn, unit_code, entered_as, follows)


def _anew(unit_code: str, entered_as: str, follows: str) -> str:
    if follows:
        return f"vg:a:{follows}"
    return f"vn:a:{entered_as}" if entered_as else f"vt:anew:{unit_code}"


async def begin_anew(
    turn: Turn, unit_code: str = "", entered_as: str = "", follows: str = ""
) -> Reply:
    """The eight questions from the first; a unit whose poster led here is named."""
    await drop(turn)
    unit = await service.invited(turn.session, unit_code)
    draft = Draft(unit_code=unit.code if unit else "", entered_as=entered_as, follows=follows)
    first = await enter(turn, draft, Telling.kind)
    if follows:
        return reply("tell-follows").followed_by(first)
    if unit is None:
        return first
    return reply("tell-welcome-unit", unit=unit.name).followed_by(first)


def _is_begun(draft: Draft) -> bool:
    """Somebody would miss it."""
    told = draft.told
    return bool(told.name or told.what or told.place or told.commune or told.all_files)


# From step to step


def route(draft: Draft) -> list[State]:
    """The steps that are asked of this draft, in order, to the last question."""
    way = [
        Telling.kind, Telling.name, Telling.place, Telling.what, Telling.when, Telling.field,
        Telling.groups, Telling.outcome, Telling.evidence, Telling.relation, Telling.teller,
    ]  # fmt: skip
    if draft.person_id:
        way += [Telling.telephone, Telling.show_name]
    if draft.told.relation != Relation.SELF:
        way.append(Telling.agreed)
    if draft.told.kind == SubjectKind.PERSON:
        way.append(Telling.child)
    return [*way, Telling.rewarded]


async def enter(turn: Turn, draft: Draft, step: State) -> Reply:
    draft.step = step.state or ""
    await keep(turn, draft)
    await turn.state.set_state(step)
    return await show_step(turn, draft)


async def next_step(turn: Turn, draft: Draft) -> Reply:
    way = route(draft)
    here = STATES.get(draft.step)
    if draft.hurried or here not in way or here is way[-1]:
        return await to_the_end(turn, draft)
    return await enter(turn, draft, way[way.index(here) + 1])


async def step_back(turn: Turn) -> Reply:
    draft = await draft_of(turn)
    if draft is None:
        return await begin(turn)
    way, here = route(draft), STATES.get(draft.step)
    if here in (Telling.reading_back, Telling.similar):
        draft.hurried = False
        return await enter(turn, draft, way[-1] if _was_asked(draft) else Telling.what)
    if here is Telling.changing or draft.hurried:
        return await to_the_end(turn, draft)
    at = way.index(here) if here in way else 0
    return await enter(turn, draft, way[max(0, at - 1)])


def _was_asked(draft: Draft) -> bool:
    return bool(draft.told.when or draft.told.happened_on or draft.told.lasting)


async def to_the_end(turn: Turn, draft: Draft) -> Reply:
    """What was told already is shown once before sending; then the read-back."""
    if not draft.told.what and "what" not in draft.told.voices:
        return await enter(turn, draft, Telling.what)
    if not draft.compared and draft.joins is None:
        if await similar.find(turn.session, turn.vault, draft.told):
            return await enter(turn, draft, Telling.similar)
        draft.compared = True
    draft.hurried = True
    return await enter(turn, draft, Telling.reading_back)


async def resume(turn: Turn) -> Reply:
    """Goes on with a draft where its author stood last."""
    draft = await draft_of(turn)
    if draft is None:
        return await begin(turn)
    return await enter(turn, draft, STATES.get(draft.step, Telling.kind))


async def show_step(turn: Turn, draft: Draft | None = None) -> Reply:
    """Asks again what was asked last."""
    draft = draft or await draft_of(turn)
    if draft is None:
        return await begin(turn)
    match STATES.get(draft.step):
        case Telling.similar:
            return await _show_similar(turn, draft)
        case Telling.field | Telling.groups:
            return await _ask_lists(turn, draft)
        case Telling.reading_back:
            return await _read_back(turn, draft)
        case Telling.changing:
            return _ask_change()
        case Telling.place:
            return _ask_place(draft)
        case Telling.what:
            return _ask_what(draft)
        case Telling.evidence:
            return _ask_evidence(draft)
    return _ask_simply(draft)


# The questions


def _ask_simply(draft: Draft) -> Reply:
    told = draft.told
    match STATES.get(draft.step):
        case Telling.name:
            return reply(f"tell-ask-name-{SubjectKind(told.kind)}").offering(
                choice("tell-no-name-button", "vt:noname"), *NAVIGATION
            )
        case Telling.when:
            return reply("tell-ask-when").offering(*_WHEN, *_now(draft), *NAVIGATION)
        case Telling.outcome:
            return reply("tell-ask-outcome").offering(SKIP, *_now(draft), *NAVIGATION)
        case Telling.relation:
            return _ask_relation(draft)
        case Telling.teller:
            return reply("tell-ask-teller").offering(
                choice("tell-nameless-button", "vt:nameless"), *NAVIGATION
            )
        case Telling.telephone:
            return reply("tell-ask-telephone").offering(SKIP, *NAVIGATION)
        case Telling.show_name:
            return reply("tell-ask-show-name").offering(
                (choice("tell-yes-button", "vt:y:yes"), choice("tell-no-button", "vt:y:no")),
                *NAVIGATION,
            )
        case Telling.agreed:
            return _ask_known("tell-ask-agreed")
        case Telling.child:
            return _ask_known("tell-ask-child")
        case Telling.rewarded:
            return _ask_known("tell-ask-rewarded")
    kinds = tuple(choice(f"tell-kind-{kind}-button", f"vt:k:{kind}") for kind in SubjectKind)
    return reply("tell-ask-kind").offering(*kinds, *NAVIGATION)


_WHEN = (
    (choice("tell-today-button", "vt:d:today"), choice("tell-yesterday-button", "vt:d:yesterday")),
    choice("tell-lasting-button", "vt:d:lasting"),
    choice("tell-unknown-when-button", "vt:d:unknown"),
)


def _now(draft: Draft) -> tuple[Choice, ...]:
    """From the words on everything else may be left out."""
    return (choice("tell-send-now-button", "vt:now"),)


def _ask_known(key: str) -> Reply:
    return Reply(key).offering(
        (choice("tell-yes-button", "vt:y:yes"), choice("tell-no-button", "vt:y:no")),
        choice("tell-unknown-button", "vt:y:unknown"),
        *NAVIGATION,
    )


def _ask_relation(draft: Draft) -> Reply:
    each = [choice(f"tell-relation-{one}-button", f"vt:r:{one}") for one in Relation]
    pairs = [tuple(each[at : at + 2]) for at in range(0, len(each), 2)]
    return reply("tell-ask-relation").offering(*pairs, *_now(draft), *NAVIGATION)


def _ask_place(draft: Draft) -> Reply:
    told = draft.told
    if told.province and not told.commune:
        asked = reply("tell-ask-commune", province=places.name_of(told.province))
        return asked.offering(choice("tell-no-commune-button", "vt:next"), *NAVIGATION)
    key = "tell-ask-place-more" if told.place else "tell-ask-place"
    return reply(key).offering(choice("tell-no-place-button", "vt:next"), *NAVIGATION)


def offer_places(found: Sequence[Place]) -> Reply:
    answer = reply("tell-which-place", n=len(found))
    for one in found:
        answer = answer.offering(
            Choice(places.full_name(one), press=f"vt:p:{one.code}", literal=True)
        )
    return answer.offering(choice("tell-no-place-button", "vt:next"), *NAVIGATION)


def _ask_what(draft: Draft) -> Reply:
    told = draft.told
    if not told.what and "what" not in told.voices:
        return reply("tell-ask-what", longest=forms.LONGEST_WORDS).offering(*NAVIGATION)
    so_far = reply("tell-what-so-far", text=told.what or "—", n=len(told.all_files))
    return so_far.offering(GO_ON, choice("tell-words-anew-button", "vt:clear"), *NAVIGATION)


def _ask_evidence(draft: Draft) -> Reply:
    n = len(draft.told.files)
    asked = reply("tell-ask-evidence", n=n, most=forms.MOST_FILES)
    return asked.offering(GO_ON if n or draft.told.links else SKIP, *_now(draft), *NAVIGATION)


async def _ask_lists(turn: Turn, draft: Draft) -> Reply:
    form = await forms.form_of(turn.session)
    if draft.step == Telling.field.state:
        answer = reply("tell-ask-field")
        for one in form.fields:
            answer = answer.offering(_literal(one, turn, f"vt:f:{one.code}"))
        return answer.offering(SKIP, *NAVIGATION)
    answer = Reply("tell-ask-groups", {"n": len(draft.told.groups)}, replaces=True)
    for one in form.groups:
        ticked = one.code in draft.told.groups
        label = "tell-ticked-button" if ticked else "tell-tick-button"
        answer = answer.offering(
            choice(label, f"vt:g:{one.code}", name=one.name(turn.contact.locale))
        )
    return answer.offering(GO_ON if draft.told.groups else SKIP, *_now(draft), *NAVIGATION)


def _literal(one: Option, turn: Turn, press: str) -> Choice:
    return Choice(one.name(turn.contact.locale), press=press, literal=True)


# Before sending


async def _show_similar(turn: Turn, draft: Draft) -> Reply:
    """Facts only: nobody's words are shown to anybody before the office has decided on them."""
    found = await similar.find(turn.session, turn.vault, draft.told)
    form = await forms.form_of(turn.session)
    answer = reply("tell-similar", n=len(found))
    parts: list[Reply] = []
    for number, one in enumerate(found, 1):
        deed = one.deed
        place = places.by_code(deed.commune) or places.by_code(deed.province)
        parts.append(
            reply(
                "tell-similar-one", number=number, place=places.full_name(place) if place else "—",
                day=deed.happened_on or "—", field=_name_of(form.fields, deed.field_code, turn),
                shared=_shares(one),
            ).offering(choice("tell-join-button", f"vt:join:{deed.id}"))
        )  # fmt: skip
    other = (choice("tell-another-button", "vt:other"), *NAVIGATION)
    last = (parts or [answer])[-1].offering(*other)
    return answer.followed_by(*parts[:-1], last) if parts else last


def _shares(one: Similar) -> Word:
    """A sentence for each set of things shared: sentences are never glued."""
    return Word(f"tell-shares-{one.shared}")


def _name_of(options: Sequence[Option], code: str | None, turn: Turn) -> str:
    return next((one.name(turn.contact.locale) for one in options if one.code == code), "—")


def _ask_change() -> Reply:
    answer = reply("tell-ask-change")
    for name in CHANGED:
        answer = answer.offering(choice(f"tell-change-{name}-button", f"vt:c:{name}"))
    return answer.offering(*NAVIGATION)


async def _read_back(turn: Turn, draft: Draft) -> Reply:
    told, form = draft.told, await forms.form_of(turn.session)
    person = await turn.session.get(Person, draft.person_id) if draft.person_id else None
    groups = [one.name(turn.contact.locale) for one in form.groups if one.code in told.groups]
    place = places.by_code(told.commune) or places.by_code(told.province)
    where = [places.full_name(place) if place else "", told.place]
    key = "tell-read-back-join" if draft.joins else "tell-read-back"
    answer = reply(
        key, kind=Word(f"tell-kind-{SubjectKind(told.kind)}"), name=told.name or "—",
        where="; ".join(part for part in where if part) or "—", when=_when(told),
        field=_name_of(form.fields, told.field_code, turn), groups=", ".join(groups) or "—",
        what=told.what or Word("tell-by-voice"), outcome=told.outcome or "—",
        n=len(told.all_files), relation=Word(f"tell-relation-{Relation(told.relation)}"),
        who=", ".join(identity.identity(turn.vault, person).values()) or "—",
        shown=Word("tell-known-yes" if told.may_show_name else "tell-known-no"),
        agreed=Word(f"tell-known-{Known(told.agreed)}"),
    )  # fmt: skip
    return answer.offering(
        choice("common-send-button", "vt:send"), choice("tell-change-button", "vt:change"),
        *NAVIGATION,
    )  # fmt: skip


def _when(told: Told) -> Arg:
    if told.lasting:
        return Word("tell-lasting")
    return told.day or told.when or "—"


def with_code(turn: Turn, answer: Reply, code: str) -> Reply:
    """Beside the letters a picture; the code stands after # and never reaches a server's log."""
    picture = Picture("qr", f"{turn.links}/tracuu#{code}", "opinion-receipt-alt")
    return replace(answer, picture=picture)

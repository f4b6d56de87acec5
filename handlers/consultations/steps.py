"""The steps of an opinion: what is asked at each, and which comes before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from aiogram import Router
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import closing_day
from bot.config import Settings
from bot.contacts import Contact
from bot.replies import Choice, Picture, Reply, Until, UserError, Word, choice, link, reply
from bot.vault import Vault
from handlers.consultations import service, uploads
from storage.models.consultations import (
    Candidate,
    Consultation,
    IdentityLevel,
    Openness,
    Stance,
)
from storage.models.people import Person

HOME = choice("common-home-button", "home")
CANCEL = choice("common-cancel-button", "cancel")
HELP = (choice("start-help-button", "help"), choice("common-human-button", "human"))
NAVIGATION = ((choice("common-back-button", "back"), CANCEL), HELP)
"""At every step, two in a row: four are too narrow on a telephone."""
PAGE = 30


class Giving(StatesGroup):
    """Where a person stands in giving an opinion."""

    words = State()
    warned = State()
    identity = State()
    name = State()
    telephone = State()
    address = State()
    reading_back = State()
    changing = State()


@dataclass
class Draft(service.Draft):
    """What `service.Draft` holds, with what the dialogue must remember besides."""

    warned: bool = False
    """The person was told once that a chat message is no lawful denunciation."""
    case: str | None = None
    """The opinion this one replaces, when it was opened with its receipt."""
    step: str | None = None
    """Where its author stood last, to go on from there. None while the stance is still asked."""

    @property
    def is_begun(self) -> bool:
        """Somebody would miss it."""
        return bool(self.text or self.file_ids or self.person_id)

    def dump(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass
class Turn:
    """What every step may need."""

    session: AsyncSession
    state: FSMContext
    contact: Contact
    now: datetime
    vault: Vault
    links: str
    files: Sequence[dict[str, Any]] = field(default_factory=tuple)


def give_turn(router: Router) -> None:
    """Every handler of this router may ask for `turn`, and what it refuses shows the way on."""

    async def build(handler: Any, event: Any, data: dict[str, Any]) -> Any:
        settings: Settings = data["settings"]
        data["turn"] = Turn(
            data["session"], data["state"], data["contact"], data["now"], data["vault"],
            settings.links, data["files"],
        )  # fmt: skip
        stood_at = await data["state"].get_state()
        try:
            return await handler(event, data)
        except UserError as error:
            if error.reply.choices:
                raise
            raise error.offering(*_way_on(stood_at)) from None

    for observer in (router.message, router.edited_message, router.callback_query):
        observer.middleware(build)


def _way_on(step: str | None) -> tuple[Sequence[Choice] | Choice, ...]:
    if step and step.startswith(Giving.__full_group_name__):
        return NAVIGATION
    return choice("start-consultations-button", "list"), (HOME,), HELP


async def draft_of(turn: Turn) -> Draft | None:
    held = (await turn.state.get_data()).get("draft")
    if not held:
        return None
    return Draft(
        **{
            **held,
            "file_ids": list(held["file_ids"]),
            "stance": Stance(held["stance"]),
            "identity": IdentityLevel(held["identity"]),
        }
    )


async def keep(turn: Turn, draft: Draft) -> None:
    await turn.state.update_data(draft=draft.dump())


async def drop(turn: Turn) -> None:
    """Forgets the draft and, with it, a name already told and the files."""
    draft = await draft_of(turn)
    if draft:
        await uploads.discard(turn.session, draft.file_ids)
    if draft and draft.person_id:
        service.forget(await turn.session.get_one(Person, draft.person_id), turn.now)
    data = await turn.state.get_data()
    data.pop("draft", None)
    await turn.state.set_data(data)
    await turn.state.set_state(None)


async def leave(turn: Turn) -> None:
    """Out of the steps: what is typed from now on is not for the draft, which stays as it is."""
    await turn.state.set_state(None)


async def resume(turn: Turn) -> Reply:
    """Goes on with a draft where its author stood last."""
    draft, step = await draft_of(turn), await turn.state.get_state()
    if draft is None or (step or "").startswith(Giving.__full_group_name__):
        return await show_step(turn)
    if draft.step is not None:
        return await enter(turn, draft.step)
    if draft.is_begun:
        return await enter(turn, Giving.reading_back)
    return await ask_stance(turn, draft)


async def ask_which(turn: Turn, held: Draft, anew: str) -> Reply:
    """Another opinion lies unsent: to go on with it, or to give it up and press `anew`."""
    about = await service.candidate(turn.session, held.candidate_id)
    await leave(turn)
    return reply("opinion-draft-held", name=about.name).offering(
        choice("start-draft-button", "resume"),
        choice("opinion-anew-button", anew),
        (HOME,),
        HELP,
    )


# Before the steps: the list, a consultation, a candidate


async def show_list(turn: Turn) -> Reply:
    await leave(turn)
    found = await service.public_consultations(turn.session)
    if not found:
        return reply("consultations-none").offering((HOME,), HELP)
    running = [c for c in found if c.openness(turn.now) in (Openness.OPEN, Openness.EARLY)]
    ended = [c for c in found if c not in running][:5]
    answer = reply("consultations-list" if running else "consultations-list-ended", n=len(running))
    for one in (*running, *ended):
        key = "consultations-one-button" if one in running else "consultations-one-ended-button"
        day = closing_day(one.closes_at or turn.now)
        answer = answer.offering(choice(key, f"c:{one.id}", title=short(one.title, 90), day=day))
    return answer.offering((HOME,), HELP)


async def show_consultation(turn: Turn, key: str, page: int = 0) -> Reply:
    """With its candidates, PAGE at a time: Telegram takes a hundred buttons and no more."""
    asked = await service.consultation(turn.session, key)
    await leave(turn)
    office = await service.receiver_of(turn.session, asked)
    openness = asked.openness(turn.now)
    answer = reply(
        f"consultations-about-{openness}",
        title=asked.title,
        closes=Until(asked.closes_at or turn.now),
        opens=asked.opens_at or turn.now,
        office=office.name,
        n=len(asked.candidates),
    )
    first = max(0, min(page, (len(asked.candidates) - 1) // PAGE)) * PAGE
    for one in asked.candidates[first : first + PAGE]:
        answer = answer.offering(
            choice(
                "consultations-candidate-button",
                f"k:{one.id}",
                number=one.number,
                name=short(one.name, 60),
            )
        )
    turns = [
        choice(f"consultations-{name}-button", f"c:{asked.id}:{number}")
        for name, number in (("earlier", first // PAGE - 1), ("more", first // PAGE + 1))
        if 0 <= number * PAGE < len(asked.candidates)
    ]
    if turns:
        answer = answer.offering(turns)
    if _opens(asked.notice_url):
        answer = answer.offering(link("consultations-notice-button", asked.notice_url))
    return answer.offering(
        link("consultations-page-button", f"{turn.links}/c/{asked.code}"),
        (choice("common-back-button", "list"), HOME),
        HELP,
    )


async def show_candidate(turn: Turn, candidate_id: str) -> Reply:
    """The card, and the four stances where an opinion is taken."""
    about = await service.candidate(turn.session, candidate_id)
    await leave(turn)
    asked = about.consultation
    openness = asked.openness(turn.now)
    card = reply(
        "consultations-candidate",
        name=about.name,
        kind=Word(f"candidate-kind-{about.kind}"),
        award=about.award.name_en if turn.contact.locale == "en" else about.award.name_vi,
        unit=about.unit or "—",
        summary=about.summary,
        closes=Until(asked.closes_at or turn.now),
    )
    if about.portrait_id:
        card = replace(
            card, picture=Picture("file", about.portrait_id, "consultations-portrait-alt")
        )
    papers = [
        Choice(
            d.title,
            url=d.url if _opens(d.url) else f"{turn.links}/files/{d.file_id}",
            literal=True,
        )
        for d in about.documents[:6]
        if d.file_id or _opens(d.url)
    ]
    if openness is not Openness.OPEN and not (openness is Openness.CLOSED and asked.keeps_late):
        refused = await service.refusal(turn.session, asked, openness)
        back = choice("common-back-button", f"c:{asked.id}")
        return card.offering(*papers).followed_by(refused.reply.offering((back, HOME), HELP))
    return card.offering(*papers).followed_by(await _stances(turn, about, asked, openness))


async def ask_stance(turn: Turn, draft: Draft) -> Reply:
    """The question alone, for who has just seen what it is about."""
    about = await service.candidate(turn.session, draft.candidate_id)
    await leave(turn)
    openness = about.consultation.openness(turn.now)
    replaces = draft.case is not None
    return await _stances(turn, about, about.consultation, openness, replaces=replaces)


async def _stances(
    turn: Turn,
    about: Candidate,
    asked: Consultation,
    openness: Openness,
    *,
    replaces: bool = False,
) -> Reply:
    earlier = await service.live_opinion(turn.session, about.id, turn.contact.id)
    key = "opinion-ask-stance" if openness is Openness.OPEN else "opinion-ask-stance-late"
    answer = reply(
        "opinion-ask-stance-again" if earlier or replaces else key,
        name=about.name,
        closes=Until(asked.closes_at or turn.now),
    )
    for stance in Stance:
        answer = answer.offering(choice(f"stance-{stance}-button", f"s:{stance}:{about.id}"))
    if earlier:
        answer = answer.offering(choice("opinion-see-earlier-button", f"f:{earlier.id}"))
    return answer.offering((choice("common-back-button", f"c:{asked.id}"), CANCEL), HELP)


# The steps


async def show_step(turn: Turn) -> Reply:
    """Asks again what the person was asked last; the way back into any draft."""
    draft, step = await draft_of(turn), await turn.state.get_state()
    if draft is None or step is None:
        return await show_list(turn)
    match step:
        case Giving.words.state:
            return _ask_words(draft)
        case Giving.warned.state:
            return await _warn(turn, draft)
        case Giving.identity.state:
            return _ask_identity()
        case Giving.name.state:
            return reply("opinion-ask-name").offering(*NAVIGATION)
        case Giving.telephone.state:
            return _ask_telephone(draft)
        case Giving.address.state:
            return reply("opinion-ask-address").offering(*NAVIGATION)
        case Giving.changing.state:
            return _ask_change()
    return await _read_back(turn, draft)


async def enter(turn: Turn, step: State | str) -> Reply:
    draft = await draft_of(turn)
    if draft is not None:
        draft.step = step.state if isinstance(step, State) else step
        await keep(turn, draft)
    await turn.state.set_state(step)
    return await show_step(turn)


async def after_words(turn: Turn, draft: Draft, *, suspicious: bool) -> Reply:
    if suspicious and not draft.warned:
        draft.warned = True
        await keep(turn, draft)
        return await enter(turn, Giving.warned)
    await keep(turn, draft)
    return await enter(turn, Giving.identity)


async def missing_step(turn: Turn, draft: Draft) -> State | None:
    """Where something is asked without which this draft cannot be filed."""
    if draft.stance in service.NEEDS_WORDS and not draft.text and not draft.file_ids:
        return Giving.words
    lacking = await service.lacking_identity(
        turn.session, turn.vault, draft.identity, draft.person_id
    )
    return _ASKED_AT[lacking] if lacking else None


async def step_back(turn: Turn) -> Reply:
    draft, step = await draft_of(turn), await turn.state.get_state()
    if draft is None:
        return await show_list(turn)
    wrote = draft.stance is not Stance.AGREE
    before = {
        Giving.identity.state: Giving.words if wrote else None,
        Giving.warned.state: Giving.words,
        Giving.name.state: Giving.identity,
        Giving.telephone.state: Giving.name,
        Giving.address.state: Giving.telephone,
        Giving.reading_back.state: Giving.identity,
        Giving.changing.state: Giving.reading_back,
    }
    earlier = before.get(step or "")
    if earlier is None:
        return await show_candidate(turn, draft.candidate_id)
    return await enter(turn, earlier)


_ASKED_AT = {
    "name": Giving.name, "telephone": Giving.telephone, "postal_address": Giving.address,
}  # fmt: skip


def _ask_words(draft: Draft) -> Reply:
    answer = reply(
        f"opinion-ask-words-{draft.stance}",
        longest=service.LONGEST_OPINION,
        files=service.MOST_FILES,
    )
    if draft.text or draft.file_ids:
        answer = reply("opinion-words-so-far", text=draft.text or "—", n=len(draft.file_ids))
        answer = answer.offering(choice("common-continue-button", "words:done"))
    return answer.offering(*NAVIGATION)


async def _warn(turn: Turn, draft: Draft) -> Reply:
    about = await service.candidate(turn.session, draft.candidate_id)
    office = await service.receiver_of(turn.session, about.consultation)
    return reply("opinion-warn", where=office.denunciation_office or office.name).offering(
        choice("opinion-hand-over-button", "matter"),
        choice("opinion-ordinary-button", "ordinary"),
        *NAVIGATION,
    )


def _ask_identity() -> Reply:
    return with_identities(reply("opinion-ask-identity"))


def with_identities(answer: Reply) -> Reply:
    return answer.offering(
        choice("identity-anonymous-button", "n:anonymous"),
        choice("identity-to_office-button", "n:to_office"),
        choice("identity-signed-button", "n:signed"),
        *NAVIGATION,
    )


def _ask_telephone(draft: Draft) -> Reply:
    answer = reply("opinion-ask-telephone")
    if draft.identity is not IdentityLevel.SIGNED:
        answer = answer.offering(choice("common-skip-button", "skip"))
    return answer.offering(*NAVIGATION)


def _ask_change() -> Reply:
    return reply("opinion-ask-change").offering(
        choice("opinion-change-stance-button", "change:stance"),
        choice("opinion-change-words-button", "change:words"),
        choice("opinion-change-identity-button", "change:identity"),
        *NAVIGATION,
    )


async def _read_back(turn: Turn, draft: Draft) -> Reply:
    about = await service.candidate(turn.session, draft.candidate_id)
    person = await turn.session.get(Person, draft.person_id) if draft.person_id else None
    known = service.identity(turn.vault, person)
    asked = about.consultation
    late = asked.openness(turn.now) is Openness.CLOSED
    return reply(
        "opinion-read-back-late" if late else "opinion-read-back",
        name=about.name,
        stance=Word(f"stance-{draft.stance}"),
        text=draft.text or "—",
        files=len(draft.file_ids),
        identity=Word(f"identity-{draft.identity}"),
        who=", ".join(known.values()) or "—",
    ).offering(
        choice("common-send-button", "send"),
        choice("opinion-change-button", "change"),
        *NAVIGATION,
    )


def with_code(turn: Turn, answer: Reply, code: str) -> Reply:
    """Beside the letters a picture; the code stands after # and never reaches a server's log."""
    picture = Picture("qr", f"{turn.links}/tracuu#{code}", "opinion-receipt-alt")
    return replace(answer, picture=picture)


def _opens(url: str) -> bool:
    """Telegram refuses a whole message for one button whose link is none."""
    return url.startswith(("https://", "http://")) and not any(c.isspace() for c in url)


def short(text: str, most: int) -> str:
    """At most so many characters, cut between words."""
    if len(text) <= most:
        return text
    return text[:most].rsplit(" ", 1)[0].rstrip(" ,.;:-") + "…"

"""Words and files that somebody gathers in chat before they send them, sealed meanwhile.

One piece at a time for each contact: whoever begins another gives up the first with its files.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass, field

from aiogram.fsm.state import State
from aiogram.types import Message

from bot.locations import place_of
from bot.replies import Arg, Choice, Reply, UserError
from bot.text import tidy
from handlers.deeds import forms
from handlers.deeds.steps import Turn, discard

_HELD = "deed_writing"


@dataclass
class Piece:
    about: list[str]
    """What it is for, as its dialogue reads it."""
    dialogue: str
    """The name of its states' group, with a colon."""
    sealed: str = ""
    files: list[str] = field(default_factory=list)
    album: str = ""
    """Set while an album comes in: it is answered once."""


async def begin(turn: Turn, state: State, *about: str) -> None:
    await leave(turn)
    await _keep(turn, Piece(list(about), (state.state or "").partition(":")[0] + ":"))
    await turn.state.set_state(state)


async def held(turn: Turn, *way_on: Choice) -> Piece:
    """Raises UserError, offering `way_on`, when nothing was begun."""
    kept = (await turn.state.get_data()).get(_HELD)
    if not kept:
        raise UserError("common-start-again").offering(*way_on)
    return Piece(**kept)


async def note(turn: Turn, *about: str) -> None:
    """What it is for has become clearer."""
    piece = await held(turn)
    piece.about = list(about)
    await _keep(turn, piece)


def words(turn: Turn, piece: Piece) -> str:
    if not piece.sealed:
        return ""
    return turn.vault.unseal_system(b64decode(piece.sealed), _place(turn)).decode()


async def add(
    turn: Turn, message: Message, *way_on: Choice, longest: int = forms.LONGEST_WORDS
) -> Piece:
    """Words, photos, voice, a place on the map; a caption is words. Raises UserError."""
    piece = await held(turn, *way_on)
    for file in turn.files:
        if "refused" in file:
            raise UserError(file["refused"], **file["args"])
    said = message.text or tidy(message.caption or "") or place_of(message, turn.contact.locale)
    before = words(turn, piece)
    piece.album = f"album:{message.media_group_id}" if message.media_group_id else ""
    whole = forms.checked_words(
        f"{before}\n{said}" if before and said else before or said, longest
    )
    piece.files += [file["id"] for file in turn.files]
    if len(piece.files) > forms.MOST_FILES:
        raise UserError("deeds-too-many-files", most=forms.MOST_FILES).once(piece.album)
    piece.sealed = b64encode(turn.vault.seal_system(whole.encode(), _place(turn))).decode()
    await _keep(turn, piece)
    return piece


def read_back(turn: Turn, piece: Piece, key: str, **args: Arg) -> Reply:
    """`key` has {words} and {n}, the number of files."""
    said = {"words": words(turn, piece) or "—", "n": len(piece.files), **args}
    return Reply(key, said, once=piece.album)


async def leave(turn: Turn) -> None:
    """What was begun is given up with its files."""
    kept = (await turn.state.get_data()).get(_HELD)
    if kept:
        await discard(turn.session, kept["files"])
    await done(turn)


async def done(turn: Turn) -> None:
    """What was begun was sent: only the dialogue ends."""
    data = await turn.state.get_data()
    kept = data.pop(_HELD, None)
    if kept is not None:
        await turn.state.set_data(data)
        if (await turn.state.get_state() or "").startswith(kept["dialogue"]):
            await turn.state.set_state(None)


def _place(turn: Turn) -> str:
    return f"deed-writing:{turn.contact.id}"


async def _keep(turn: Turn, piece: Piece) -> None:
    await turn.state.update_data({_HELD: asdict(piece)})

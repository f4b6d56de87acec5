"""The head of a cluster sees how its members stand, and nudges those behind.

head: /cum                      bot: the table, as words and as a picture; [Nudge 3 units]
head: [Nudge 3 units]           bot: three are reminded now, or when they may be; once a day
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, pictures
from bot.contacts import Contact
from bot.pictures import Cell, Mark
from bot.replies import Arg, Choice, Picture, Reply, Until, UserError, choice, reply
from handlers.deadlines import people
from handlers.deadlines.desk import cluster
from handlers.deadlines.desk.cluster import Headed, Nudged, Table
from handlers.deadlines.people import Post
from storage.models.deadlines import Deadline
from storage.models.units import Unit

MOST_NAMES = 5


def router() -> Router:
    chat = Router(name="clusters")
    chat.message.register(offer_clusters, Command("cum", "cluster"))
    chat.callback_query.register(offer_clusters, F.data == "cluster")
    chat.callback_query.register(nudge, F.data.startswith("cluster:") & F.data.endswith(":nudge"))
    chat.callback_query.register(show_cluster, F.data.startswith("cluster:"))
    return chat


async def offer_clusters(
    _: Message | CallbackQuery, contact: Contact, session: AsyncSession, now: datetime
) -> Reply:
    mine = await _mine(session, contact, now)
    if not mine:
        raise UserError("cluster-none").offering(choice("common-home-button", "home"))
    if len(mine) == 1:
        return await _shown(session, contact, mine[0], now)
    return reply("cluster-which").offering(
        *(
            Choice(one.cluster.name, press=f"cluster:{one.cluster.id}", literal=True)
            for one in mine
        )
    )


async def show_cluster(
    query: CallbackQuery, contact: Contact, session: AsyncSession, now: datetime
) -> Reply:
    _, one = await _pressed(query, contact, session, now)
    return await _shown(session, contact, one, now)


async def nudge(
    query: CallbackQuery, contact: Contact, session: AsyncSession, now: datetime
) -> Reply:
    posts, one = await _pressed(query, contact, session, now)
    shown = await cluster.table(session, one, now)
    ours = [post.unit.id for post in posts]
    done = await cluster.nudge(session, shown, ours, posts[0].actor, now)
    return _nudged(done, contact.locale, now).offering(
        choice("cluster-again-button", f"cluster:{one.cluster.id}"),
        choice("common-home-button", "home"),
    )


async def _mine(session: AsyncSession, contact: Contact, now: datetime) -> Sequence[Headed]:
    posts = await people.posts(session, contact.id)
    return await cluster.headed(session, [post.unit.id for post in posts], now)


async def _pressed(
    query: CallbackQuery, contact: Contact, session: AsyncSession, now: datetime
) -> tuple[Sequence[Post], Headed]:
    """Asks the rows again at every press. Raises UserError for whoever heads it no more."""
    wanted = (query.data or "").split(":")[1]
    for one in await _mine(session, contact, now):
        if one.cluster.id == wanted:
            return await people.posts(session, contact.id), one
    raise UserError("cluster-not-yours").offering(choice("common-home-button", "home"))


async def _shown(session: AsyncSession, contact: Contact, one: Headed, now: datetime) -> Reply:
    ours = {post.unit.id for post in await people.posts(session, contact.id)}
    return _told(await cluster.table(session, one, now), ours, contact.locale)


# What is said


def _told(shown: Table, ours: set[str], locale: str) -> Reply:
    if not shown.deadlines:
        return reply("cluster-nothing", cluster=shown.cluster.name)
    lines = [_line(shown, deadline, locale) for deadline in shown.deadlines]
    every = {unit.id for deadline in shown.deadlines for unit in shown.behind(deadline)} - ours
    behind = every - shown.nudged
    if every and not behind:
        lines.append(i18n.say(locale, "cluster-all-nudged", n=len(every)))
    drawn = Picture("drawing", _drawing(shown, locale), "cluster-picture-alt")
    told = Reply(
        "cluster-table",
        {"cluster": shown.cluster.name, "n": len(shown.units), "lines": "\n".join(lines)},
        picture=drawn,
    )
    if behind:
        told = told.offering(
            choice("cluster-nudge-button", f"cluster:{shown.cluster.id}:nudge", n=len(behind))
        )
    return told.offering(choice("common-home-button", "home"))


def _line(shown: Table, deadline: Deadline, locale: str) -> str:
    missing = shown.missing(deadline)
    args: dict[str, Arg] = {"title": deadline.title, "due": Until(deadline.due_at)}
    if not missing:
        return i18n.say(locale, "cluster-line-all", **args)
    return i18n.say(locale, "cluster-line", **args, n=len(missing), units=_names(missing, locale))


def _names(units: Sequence[Unit], locale: str) -> str:
    names = "; ".join(unit.name for unit in units[:MOST_NAMES])
    if len(units) <= MOST_NAMES:
        return names
    return i18n.say(locale, "cluster-names-more", units=names, n=len(units) - MOST_NAMES)


def _drawing(shown: Table, locale: str) -> str:
    columns = [i18n.say(locale, "cluster-picture-unit"), *(one.title for one in shown.deadlines)]
    rows: list[list[Cell | Mark | str]] = [
        [Cell(unit.name), *(shown.mark(one, unit) for one in shown.deadlines)]
        for unit in shown.units[: pictures.MOST_ROWS]
    ]
    return pictures.table(
        locale, shown.cluster.name, columns, rows,
        note=i18n.say(locale, "cluster-picture-note", at=shown.now),
    )  # fmt: skip


def _nudged(done: Nudged, locale: str, now: datetime) -> Reply:
    lines = [
        i18n.say(locale, "cluster-nudged-later", n=n, at=at)
        if at > now
        else i18n.say(locale, "cluster-nudged", n=n)
        for at, n in sorted(done.told.items())
    ]
    if done.nudged_already:
        lines.append(i18n.say(locale, "cluster-nudged-today", n=done.nudged_already))
    if done.unreached:
        names = "; ".join(done.unreached[:MOST_NAMES])
        lines.append(i18n.say(locale, "cluster-unreached", n=len(done.unreached), units=names))
    if not lines:
        return reply("cluster-nobody-behind")
    key = "cluster-nudge-done" if done.told else "cluster-nudge-none"
    return reply(key, lines="\n".join(lines))

"""How units, clusters and the people of a unit are shown in chat."""

from __future__ import annotations

import textwrap
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, places
from bot.clock import local_day
from bot.replies import Arg, Choice, Reply, Word, choice, reply
from handlers.deadlines import people
from handlers.deadlines.people import Post
from handlers.deadlines.units import invitations, members, service
from handlers.deadlines.units.members import Channel, Person, Standing
from handlers.deadlines.units.presses import press
from storage.models.units import Cluster, MemberRank, SeatRank, Unit, UnitInvitation

RANKS = {rank: Word(f"units-rank-{rank}") for rank in MemberRank}
SEATS = {rank: Word(f"units-seat-{rank}") for rank in SeatRank}
RANK_BUTTONS = {
    MemberRank.FOCAL: "units-rank-focal-button",
    MemberRank.DEPUTY: "units-rank-deputy-button",
    MemberRank.HEAD: "units-rank-head-button",
}
OFFICE_LIST = choice("units-office-button", press("office"))
MOST_BUTTONS = 8
"""People or invitations that get a button of their own on one card."""


def kind_word(kind: str) -> Word | str:
    """An office's own kinds are shown as it wrote them."""
    return Word(f"units-kind-{kind}") if kind in service.KINDS else kind


def place_of(unit: Unit) -> str:
    names = (places.name_of(unit.commune), places.name_of(unit.province))
    return ", ".join(name for name in names if name)


async def unit_card(session: AsyncSession, found: Standing, locale: str, now: datetime) -> Reply:
    """The unit, who answers for it, and what this person may do about it."""
    unit = found.unit
    everybody = await members.people_of(session, unit.id)
    waiting = await invitations.open_ones(session, unit.id, now) if found.may_manage else []
    seats = await service.seats(session, local_day(now).year, unit_id=unit.id)
    own = found.member.id if found.member else ""
    none = i18n.say(locale, "units-none")
    args: dict[str, Arg] = {
        "unit": unit.name,
        "code": unit.code,
        "kind": kind_word(unit.kind),
        "place": place_of(unit) or none,
        "clusters": "; ".join(_seat_line(one, locale) for one in seats) or none,
        "people": "\n".join(_person_line(one, own, locale) for one in everybody) or none,
    }
    parts = [reply("units-card", **args)]
    if waiting:
        lines = "\n".join(_waiting_line(one, locale) for one in waiting)
        parts.append(reply("units-card-waiting", invitations=lines))
    parts[-1] = parts[-1].offering(*_acts(found, everybody, list(waiting)))
    return parts[0].followed_by(*parts[1:])


def _acts(found: Standing, everybody: list[Person], waiting: list[UnitInvitation]) -> list[Choice]:
    rows: list[Choice] = []
    own = found.member.id if found.member else ""
    if found.may_manage:
        rows.append(choice("units-invite-button", press("invite", found.unit.id)))
        rows += [
            choice("units-remove-button", press("out", one.member.id), name=one.member.name)
            for one in everybody
            if one.member.id != own
        ][:MOST_BUTTONS]
        rows += [
            choice("units-revoke-button", press("revoke", one.id), name=one.name)
            for one in waiting
        ][:MOST_BUTTONS]
    if own:
        rows.append(choice("units-channel-button", press("channel")))
        rows.append(choice("units-leave-button", press("out", own)))
    # Whoever holds a post of their own goes back to those; an officer alone, to the office's list.
    rows.append(choice("units-mine-button", press("mine")) if own else OFFICE_LIST)
    return rows


def post_line(post: Post, locale: str) -> str:
    rank = RANKS[MemberRank(post.member.rank)]
    return i18n.say(locale, "units-post-line", unit=post.unit.name, rank=rank)


def _person_line(one: Person, own: str, locale: str) -> str:
    if one.member.id == own:
        key = "units-person-you"
    else:
        key = "units-person" if one.reached else "units-person-unreached"
    return i18n.say(
        locale, key, name=one.member.name, rank=RANKS[MemberRank(one.member.rank)],
        since=local_day(one.member.joined_at),
    )  # fmt: skip


def _waiting_line(one: UnitInvitation, locale: str) -> str:
    return i18n.say(
        locale, "units-waiting-line", name=one.name, rank=RANKS[MemberRank(one.rank)],
        until=one.expires_at,
    )  # fmt: skip


def _seat_line(one: service.Seat, locale: str) -> str:
    return i18n.say(locale, "units-seat-line", cluster=one.cluster.name, rank=SEATS[one.rank])


def channel_line(one: Channel, here: int, locale: str) -> str:
    key = "units-channel-here" if one.contact_id == here else "units-channel-other"
    channel = people.channel_word(one.name)
    return i18n.say(locale, key, channel=channel, since=local_day(one.added_at))


def short(name: str) -> str:
    """For a button."""
    return textwrap.shorten(name, 60, placeholder="…")


def unit_button(unit: Unit) -> Choice:
    return choice("units-one-button", press("one", unit.id), unit=short(unit.name))


def office_button(unit: Unit, count: int) -> Choice:
    to = press("one", unit.id)
    if not count:
        return choice("units-alone-button", to, unit=short(unit.name))
    return choice("units-counted-button", to, unit=short(unit.name), n=count)


async def cluster_card(session: AsyncSession, cluster: Cluster, year: int, locale: str) -> Reply:
    """Every member of the cluster with the people who answer for it."""
    rows = [
        one
        for one in await service.seats(session, year, office_id=cluster.office_id)
        if one.cluster.id == cluster.id
    ]
    names = await service.names_of_people(session, [one.unit.id for one in rows])
    lines = [
        i18n.say(
            locale, "units-cluster-line", unit=one.unit.name, rank=SEATS[one.rank],
            people=", ".join(names.get(one.unit.id, ())) or i18n.say(locale, "units-none"),
        )
        for one in rows
    ]  # fmt: skip
    return reply(
        "units-cluster", cluster=cluster.name, year=str(year), n=len(rows),
        units="\n".join(lines),
    ).offering(choice("units-mine-button", press("mine")))  # fmt: skip

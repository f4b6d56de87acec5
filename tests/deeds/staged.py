"""The one deed of a world, put into a state behind the dialogue's back; and old buttons."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from storage.models.deeds import STAGES, Deed, DeedState
from tests.cast import Citizen, WebCitizen
from tests.world import World


async def put(world: World, state: DeedState, **columns: Any) -> str:
    """Returns its id."""
    async with world.base.db.transaction() as session:
        deed = (await session.scalars(select(Deed))).one()
        deed.state, deed.stage = state, STAGES.get(state, deed.stage)
        for name, value in columns.items():
            setattr(deed, name, value)
        return deed.id


async def presses(person: Citizen, press: str) -> str:
    """A button that this person may never have seen."""
    assert isinstance(person, WebCitizen)
    return await person.presses(press)

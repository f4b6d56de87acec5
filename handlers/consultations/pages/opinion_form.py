"""The form of an opinion: what was filled in, checked, and carried signed from page to page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.identity import checked_address, checked_name, checked_telephone
from bot.replies import Reply, UserError
from bot.text import tidy
from bot.vault import Vault
from bot.web.posted import Posted
from handlers.consultations import service
from storage.models.base import new_id
from storage.models.consultations import IdentityLevel, Stance

KEPT_SECONDS = 24 * 3600
"""How long a form that was read back may wait to be sent; its files are kept longer than that."""
_PURPOSE = "opinion-form"
Errors = dict[str, Reply]
"""By the name of the field."""


@dataclass(frozen=True)
class Form:
    """An opinion on its way through the pages. It is nowhere but in the sender's own page."""

    token: str
    """What makes sending twice file once."""
    candidate_id: str
    stance: Stance | None = None
    text: str = ""
    files: tuple[tuple[str, str], ...] = ()
    """(id, name) of each file already taken in."""
    identity: IdentityLevel = IdentityLevel.ANONYMOUS
    name: str = ""
    telephone: str = ""
    postal_address: str = ""

    @property
    def file_ids(self) -> list[str]:
        return [file_id for file_id, _ in self.files]


def new_form(candidate_id: str) -> Form:
    return Form(new_id(), candidate_id)


def sign(vault: Vault, form: Form) -> str:
    return vault.sign(_PURPOSE, json.dumps(asdict(form), ensure_ascii=False))


def unsign(vault: Vault, signed: str, candidate_id: str) -> Form | None:
    """None when it is not ours, of another candidate, or older than a day."""
    held = vault.unsign(_PURPOSE, signed, KEPT_SECONDS)
    if held is None:
        return None
    plain = json.loads(held)
    form = Form(
        **{
            **plain,
            "stance": Stance(plain["stance"]) if plain["stance"] else None,
            "files": tuple((file_id, name) for file_id, name in plain["files"]),
            "identity": IdentityLevel(plain["identity"]),
        }
    )
    return form if form.candidate_id == candidate_id else None


def filled(form: Form, posted: Posted) -> tuple[Form, Errors]:
    """The form as it was just posted, and what must be mended in it."""
    stance, identity = posted["stance"], posted["identity"]
    form = replace(
        form,
        stance=Stance(stance) if stance in Stance.__members__.values() else None,
        text=tidy(posted["text"]),
        files=tuple(file for file in form.files if file[0] in posted.kept),
        identity=IdentityLevel(identity)
        if identity in IdentityLevel.__members__.values()
        else IdentityLevel.ANONYMOUS,
    )
    errors: Errors = {} if form.stance else {"stance": Reply("pages-error-stance")}
    try:
        service.checked_text(form.text)
    except UserError as error:
        errors["text"] = error.reply
    return _identified(form, posted, errors), errors


def needs_words(form: Form, has_files: bool) -> bool:
    return form.stance in service.NEEDS_WORDS and not form.text and not has_files


def _identified(form: Form, posted: Posted, errors: Errors) -> Form:
    """Who it is from; what was typed beside "anonymous" is not even carried on."""
    if form.identity is IdentityLevel.ANONYMOUS:
        return replace(form, name="", telephone="", postal_address="")
    signed = form.identity is IdentityLevel.SIGNED
    checks = (
        ("name", checked_name, True),
        ("telephone", checked_telephone, signed),
        ("postal_address", checked_address, signed),
    )
    given = {}
    for column, check, required in checks:
        typed = " ".join(tidy(posted[column]).split())
        given[column] = typed
        if not typed and not required:
            continue
        try:
            given[column] = check(typed)
        except UserError as error:
            errors[column] = error.reply
    return replace(
        form,
        name=given["name"],
        telephone=given["telephone"],
        postal_address=given["postal_address"],
    )


async def draft(session: AsyncSession, vault: Vault, form: Form, now: datetime) -> service.Draft:
    """As the rules take it; who it is from goes sealed into a row of its own."""
    if form.stance is None:
        raise UserError("pages-start-again")
    made = service.Draft(form.candidate_id, form.stance, form.text, form.file_ids, form.identity)
    if form.identity is not IdentityLevel.ANONYMOUS:
        person = service.new_person(session, vault, now)
        service.seal_identity(
            vault, person, name=form.name, telephone=form.telephone,
            postal_address=form.postal_address,
        )  # fmt: skip
        await session.flush()
        made.person_id = person.id
    return made

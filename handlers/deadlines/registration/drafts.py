"""What was filled in of a duty and not sent yet: sealed, for it names people.

No part of a dialogue: the page begins with it as well.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.vault import Unreadable, Vault
from handlers.deadlines.registration import forms
from handlers.deadlines.registration.forms import Answers

DRAFTS = "registration_drafts"
"""Under which they stand in a contact's data: duty to draft, the newest last."""
MOST_DRAFTS = 12
"""One contact's; the oldest makes room."""


@dataclass
class Draft:
    duty_id: str
    seen: int
    """The version that it began with."""
    at: str = ""
    """The title or movement that is asked about now; the day that is asked for."""
    answers: Answers = field(default_factory=Answers)
    before: Answers | None = None
    """What stood there before a file took its place."""


def draft_in(vault: Vault, contact_id: int, data: Mapping[str, Any], duty_id: str) -> Draft | None:
    """Out of a contact's data, wherever that was read."""
    sealed = data.get(DRAFTS, {}).get(duty_id)
    if not sealed:
        return None
    try:
        raw = vault.unseal_system(b64decode(sealed), _place(contact_id))
    except Unreadable:
        return None
    plain = json.loads(raw)
    read = {
        name: forms.answers_of(plain[name]) for name in ("answers", "before") if plain.get(name)
    }
    return Draft(**{**plain, **read})


def with_draft(
    vault: Vault, contact_id: int, data: Mapping[str, Any], draft: Draft
) -> dict[str, str]:
    """The drafts in a contact's data, and this one."""
    before = forms.dump_answers(draft.before) if draft.before else None
    plain = {**vars(draft), "answers": forms.dump_answers(draft.answers), "before": before}
    raw = json.dumps(plain, ensure_ascii=False).encode()
    sealed = b64encode(vault.seal_system(raw, _place(contact_id))).decode()
    newest = list(without_draft(data, draft.duty_id).items())[-(MOST_DRAFTS - 1) :]
    return {**dict(newest), draft.duty_id: sealed}


def without_draft(data: Mapping[str, Any], duty_id: str) -> dict[str, str]:
    return {key: one for key, one in data.get(DRAFTS, {}).items() if key != duty_id}


def _place(contact_id: int) -> str:
    return f"registration-draft:{contact_id}"

"""Keyboards under a message: what Telegram refuses of them, and what a person sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.telegram import limits
from tests.telegram.refusals import Json, bad_request

_ACTIONS = (
    "callback_data", "url", "web_app", "login_url", "switch_inline_query", "copy_text",
    "switch_inline_query_current_chat", "switch_inline_query_chosen_chat", "pay", "callback_game",
)  # fmt: skip
_SCHEMES = ("http://", "https://", "tg://", "mailto:", "tel:")


@dataclass(frozen=True)
class Button:
    label: str
    data: str | None = None
    url: str | None = None


def check(markup: Json) -> None:
    if "inline_keyboard" in markup:
        _check_shape(markup["inline_keyboard"])
        for row in markup["inline_keyboard"]:
            for button in row:
                _check_inline(button)
    elif "keyboard" in markup:
        _check_shape(markup["keyboard"])
        _check_reply(markup)
    elif not markup.get("remove_keyboard") and not markup.get("force_reply"):
        raise bad_request("object expected as reply markup")


def _check_shape(rows: list[list[Json]]) -> None:
    if any(len(row) > limits.BUTTONS_IN_ROW for row in rows):
        raise bad_request("REPLY_MARKUP_TOO_LONG")
    if sum(len(row) for row in rows) > limits.BUTTONS:
        raise bad_request("REPLY_MARKUP_TOO_LONG")


def _check_inline(button: Json) -> None:
    if not str(button.get("text", "")).strip():
        raise bad_request("can't parse inline keyboard button: Can't find field \"text\"")
    actions = [action for action in _ACTIONS if button.get(action) is not None]
    if len(actions) != 1:
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    data = button.get("callback_data")
    if data is not None and not 1 <= len(data.encode()) <= limits.CALLBACK_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    url = button.get("url")
    if url is not None and not url.startswith(_SCHEMES):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")


def _check_reply(markup: Json) -> None:
    for row in markup["keyboard"]:
        for button in row:
            if not (button if isinstance(button, str) else button.get("text", "")).strip():
                raise bad_request("can't parse keyboard button: Text must be non-empty")
    placeholder = markup.get("input_field_placeholder")
    # The server's own words for this are not known.
    if placeholder is not None and not 1 <= len(placeholder) <= limits.PLACEHOLDER:
        raise bad_request("REPLY_MARKUP_INVALID")


def inline_rows(markup: Json | None) -> list[list[Button]]:
    rows = (markup or {}).get("inline_keyboard", [])
    return [
        [Button(one["text"], one.get("callback_data"), one.get("url")) for one in row]
        for row in rows
    ]


def reply_labels(markup: Json | None) -> Iterator[str]:
    for row in (markup or {}).get("keyboard", []):
        for button in row:
            yield button if isinstance(button, str) else button["text"]

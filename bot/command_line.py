"""The command line's own words: argparse, speaking the language of the installation.

Every `help` and `description` is a key of locales/, worded only when it is shown: a command that
was typed right pays nothing for them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from bot import i18n
from bot.config import spoken_locale
from bot.replies import Arg

HEADINGS = {"positional arguments": "help-arguments", "options": "help-options"}
MESSAGES = {
    "argument %(argument_name)s: %(message)s": "help-wrong-argument",
    "the following arguments are required: %s": "help-wrong-missing",
    "unrecognized arguments: %s": "help-wrong-unknown",
    "ambiguous option: %(option)s could match %(matches)s": "help-wrong-ambiguous",
    "invalid choice: %(value)r (choose from %(choices)s)": "help-wrong-choice",
    "invalid %(type)s value: %(value)r": "help-wrong-number",
    "expected one argument": "help-wrong-no-value",
    "expected %s argument": "help-wrong-values",
    "expected %s arguments": "help-wrong-values",
    "ignored explicit argument %r": "help-wrong-takes-no-value",
    "not allowed with argument %s": "help-wrong-together",
}
"""What argparse says of a command typed wrong, as it asks gettext for it, and our sentence."""


def said(key: str, /, **args: Arg) -> str:
    return i18n.say(spoken_locale(), key, **args)


def mistyped(key: str, /, **args: Arg) -> argparse.ArgumentTypeError:
    """For what reads a word of the command line: why it cannot be read."""
    return argparse.ArgumentTypeError(said(key, **args))


class Parser(argparse.ArgumentParser):
    """Its parsers of verbs are of this class too."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given, formatter_class=_Help, add_help=False)
        self.add_argument("-h", "--help", action="help", help="help-help")

    def read(self, typed: Sequence[str] | None = None) -> argparse.Namespace:
        """`parse_args`. Ends the program with a sentence when it was typed wrong."""
        with _speaking():
            return self.parse_args(typed)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, said("help-wrong", prog=self.prog, message=message) + "\n")


class _Help(argparse.HelpFormatter):
    """Words the keys it is given."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        prefix = said("help-usage") + " " if prefix is None else prefix
        super().add_usage(usage, actions, groups, prefix)

    def start_section(self, heading: str | None) -> None:
        key = HEADINGS.get(heading or "")
        super().start_section(said(key) if key else heading)

    def add_text(self, text: str | None) -> None:
        super().add_text(said(text) if text else text)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return said(action.help) if action.help else action.help


@contextmanager
def _speaking() -> Iterator[None]:
    """argparse asks gettext for its messages; while it reads, it asks us."""
    argparses = vars(argparse)
    kept = {name: argparses[name] for name in ("_", "ngettext")}
    argparses.update(_=_ours, ngettext=lambda one, several, n: _ours(one if n == 1 else several))
    try:
        yield
    finally:
        argparses.update(kept)


def _ours(message: str) -> str:
    key = MESSAGES.get(message)
    return said(key) if key else message

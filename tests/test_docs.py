"""The documentation says what runs: settings, commands, links, columns, SQL and test names."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiogram import Router
from aiogram.filters import Command
from pydantic import SecretStr
from sqlalchemy import text

import bot.__main__ as command_line
import dev
import handlers
from bot import i18n, verbs
from bot.channels.telegram_door import TelegramDoor
from bot.config import PREFIX, Settings
from bot.vault import Vault
from handlers.consultations.papers import export
from storage import schema
from storage.db import Database

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
}
EVERYTHING = "\n".join(PAGES.values())


def blocks(words: str, language: str) -> Iterator[str]:
    for found in re.finditer(rf"^ *```{language}\n(.*?)^ *```$", words, re.MULTILINE | re.DOTALL):
        yield found[1]


# Settings


def settings_table() -> str:
    rows = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        value = field.default
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        default = f"`{plain}`" if plain not in ("", ()) else "none"
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


@pytest.mark.parametrize("page", ["README.md", "docs/operators.md"])
def test_the_table_of_settings_is_the_settings_themselves(page: str) -> None:
    found = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", PAGES[page], re.DOTALL)
    assert found, f"{page} has no table of settings"
    assert found[1] == settings_table()


def test_no_page_speaks_of_a_setting_that_does_not_exist() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {"NEUGUONG_CHROMIUM"}
    assert set(re.findall(r"NEUGUONG_[A-Z_]+", EVERYTHING)) <= known


# Commands


class Accepted(Exception):
    """argparse took the whole line; nothing was run."""


def quoted() -> Iterator[tuple[str, list[str]]]:
    """Every command of ours in a shell block, as the words after its name."""
    for page, words in PAGES.items():
        for block in blocks(words, "sh"):
            for line in re.sub(r"<<'END'\n.*?\nEND$", "", block, flags=re.S | re.M).splitlines():
                found = re.match(
                    r"\s*(neuguong|(?:\S*/)?python3? -m bot|python3 dev\.py)\s+(.*)", line
                )
                if found:
                    yield f"{page}: {found[1]}", shlex.split(found[2], comments=True)


def accepts(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> bool:
    def stop() -> Settings:
        raise Accepted

    monkeypatch.setattr(command_line, "read_settings", stop)
    try:
        command_line.main(arguments)
    except Accepted:
        return True
    except SystemExit:
        return False
    return False


def test_every_command_quoted_is_taken_by_the_command_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = [(where, words) for where, words in quoted() if "dev.py" not in where]
    assert len(ours) > 20
    refused = [
        f"{where} {shlex.join(words)}" for where, words in ours if not accepts(words, monkeypatch)
    ]
    assert refused == []


def test_the_check_of_commands_refuses_what_does_not_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not accepts(["publish"], monkeypatch)
    assert not accepts(["publish", "CODE", "--at-once"], monkeypatch)
    assert not accepts(["announce", "CODE"], monkeypatch)


def test_every_command_quoted_for_dev_py_is_one_of_its_own() -> None:
    ours = [words for where, words in quoted() if "dev.py" in where]
    assert ours
    for name, *options in ours:
        assert name in dev.COMMANDS
        shape = dev.COMMANDS[name][1]
        unknown = [word for word in options if word.startswith("--") and word not in shape]
        assert unknown == [], f"dev.py {name} takes {shape}"


def test_every_command_of_dev_py_is_on_a_page() -> None:
    assert [name for name in dev.COMMANDS if f"dev.py {name}" not in EVERYTHING] == [
        "setup",
        "lock",
    ]
    assert "`python3 dev.py` alone lists its commands" in PAGES["docs/operators.md"]


def leaves(
    parser: argparse.ArgumentParser, path: str = "neuguong"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    deeper = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for action in deeper:
        for name, child in action.choices.items():
            yield from leaves(child, f"{path} {name}")
    if not deeper:
        yield path, parser


def test_every_verb_and_each_of_its_options_is_in_the_operators_guide() -> None:
    parser = argparse.ArgumentParser()
    verbs.add_verbs(parser.add_subparsers())
    rows = [line for line in PAGES["docs/operators.md"].splitlines() if "| `neuguong " in line]
    for path, leaf in leaves(parser):
        row = next((r for r in rows if r.startswith((f"| `{path}`", f"| `{path} "))), "")
        assert row, f"{path} is not in the table of the command line"
        options = {o for a in leaf._actions for o in a.option_strings if o.startswith("--")}
        missing = sorted(o for o in options - {"--help"} if o not in row)
        assert missing == [], f"{path}: {missing}"
    assert any(row.startswith("| `neuguong run`") for row in rows)


# Links and files


def anchors(words: str) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", words, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_between_pages_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / page).parent / path if path else ROOT / page
        assert found.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), f"{page}: {target}"


def test_every_file_of_the_tree_exists() -> None:
    tree = next(blocks(PAGES["README.md"].split("## The tree")[1], "text"))
    folder = ROOT
    for line in tree.splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = ROOT / name if name.endswith("/") else ROOT
        place = folder / name if line.startswith(" ") else ROOT / name
        assert place.exists(), f"README's tree names {name}"


def test_the_picture_is_small() -> None:
    assert (ROOT / "docs/pictures/chat.png").stat().st_size < 150_000


def test_every_test_named_in_the_threats_exists() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", PAGES["docs/threats.md"])
    assert len(named) > 20
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).exists()
        or not re.search(rf"def {name}\(", (ROOT / file).read_text(encoding="utf-8"))
    ]
    assert missing == []


# The officers' guides

GUIDES = [page for page in PAGES if page.startswith("docs/officers")]
DEEDS = "docs/officers-deeds.vi.md"


def listened_to(router: Router) -> Iterator[set[str]]:
    """The names of each command, in both languages."""
    for handler in router.message.handlers:
        for one in handler.filters or ():
            if isinstance(one.callback, Command):
                yield {str(name) for name in one.callback.commands}
    for included in router.sub_routers:
        yield from listened_to(included)


def chat_commands(page: str) -> set[str]:
    return set(re.findall(r"`/([a-z]+)(?=[` ])", PAGES[page]))


@pytest.mark.parametrize("page", GUIDES)
def test_every_command_of_the_chat_in_a_guide_is_listened_to(page: str) -> None:
    known = set().union(*(names for one in handlers.routers() for names in listened_to(one)))
    assert chat_commands(page)
    assert chat_commands(page) - known == set()


def test_every_command_of_good_deeds_is_in_their_guide() -> None:
    deeds = [name for name in handlers.CHATS if name.startswith("handlers.deeds.")]
    asked = [names for one in handlers.routers(deeds) for names in listened_to(one)]
    told = chat_commands(DEEDS) | {"start"}
    assert len(asked) > 10
    assert [names for names in asked if not names & told] == []


def labels() -> set[str]:
    """Of buttons and links, as the catalogue has them; "…" stands for what is filled in."""
    return {
        re.sub(r"{\w+}", "…", sentence)
        for key, forms in i18n.catalogue("vi").sentences.items()
        if key.endswith(("-button", "-link"))
        for sentence in forms
    }


def test_every_button_in_the_guide_to_good_deeds_is_called_so() -> None:
    """What is bold there is a button."""
    bold = {" ".join(one.split()) for one in re.findall(r"\*\*(.+?)\*\*", PAGES[DEEDS], re.DOTALL)}
    assert len(bold) > 60
    assert bold - labels() == set()


def shapes() -> list[re.Pattern[str]]:
    """Every line that we say; what is filled in may be anything."""
    said = {
        line
        for forms in i18n.catalogue("vi").sentences.values()
        for sentence in forms
        for line in sentence.splitlines()
    }
    return [
        re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(line)))
        for line in said
        if re.search(r"\w{2}", re.sub(r"{\w+}", "", line))
    ]


def test_every_message_shown_in_the_guide_to_good_deeds_is_one_of_ours() -> None:
    shown = {line for block in blocks(PAGES[DEEDS], "text") for line in block.splitlines() if line}
    ours = {line for line in shown if any(one.fullmatch(line) for one in shapes())}
    addresses = {line for line in shown if line.startswith("https://")}
    assert len(ours) > 10
    assert shown - ours - addresses == set()


# What else is quoted


def test_the_columns_of_the_export_are_on_its_page_in_order() -> None:
    page = PAGES["docs/export-format.md"]
    assert f"`{export.FORMAT}`" in page.splitlines()[0]
    table = page.split("## Columns")[1].split("## ")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [c.key for c in export.COLUMNS]


async def test_every_sql_statement_quoted_runs(tmp_path: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/docs.db")
    try:
        await schema.migrate(db)
        async with db.transaction() as session:
            statements = [
                statement
                for block in blocks(PAGES["docs/operators.md"], "sql")
                for statement in block.split(";")
                if statement.strip()
            ]
            assert statements
            for statement in statements:
                await session.execute(text(statement))
    finally:
        await db.close()


def test_the_webhooks_path_lies_under_the_one_nginx_passes_on() -> None:
    door = TelegramDoor("123456:ABC", Vault("x" * 32))
    (proxy,) = blocks(PAGES["docs/operators.md"], "nginx")
    places = re.findall(r"location (/telegram/) \{", proxy)
    assert len(places) == 1
    assert door.path.startswith(places[0])

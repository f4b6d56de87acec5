"""The command line speaks: its help, and what it says of a command that was typed wrong."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from bot import app, i18n
from bot.__main__ import _run, main, make_parser
from bot.command_line import MESSAGES
from bot.config import PREFIX, Settings, read_settings

ROOT = Path(__file__).resolve().parent.parent
ENGLISH = {
    "the", "usage", "error", "argument", "arguments", "following", "required", "expected",
    "invalid", "choice", "choose", "from", "unrecognized", "ambiguous", "match", "ignored",
    "explicit", "allowed", "value", "options", "exit", "must", "write", "is", "given",
}  # fmt: skip
"""Words that only English has, of those argparse and we use here."""
NO_DATE = "không phải là ngày: hãy ghi như"
SEASON = ("rehearse", "--from", "2026-12-01", "--to", "2027-03-31")


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


def keys_of_help() -> Iterator[tuple[str, str]]:
    """(where, the key of what is said there)."""
    for parser in parsers(make_parser()):
        if parser.description:
            yield parser.prog, parser.description
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from ((parser.prog, one.help or "") for one in action._choices_actions)
            else:
                yield f"{parser.prog} {action.dest}", action.help or ""


def test_everything_that_can_be_typed_has_its_words_in_the_catalogues() -> None:
    found = list(keys_of_help())
    assert len(found) > 200
    for locale in i18n.LOCALES:
        known = i18n.catalogue(locale).sentences
        assert [f"{where}: {key!r}" for where, key in found if key not in known] == []


def test_no_sentence_for_operators_stands_in_the_code() -> None:
    """A key has no blank; neither printing nor an error for operators takes anything else."""
    asks = {
        "print", "ArgumentTypeError", "ArgumentError", "ConfigError", "Refusal", "SchemaError",
        "UnsafeStorage", "mistyped", "complain", "show", "verb", "add_parser", "add_argument",
    }  # fmt: skip
    found = []
    for path in sorted([*ROOT.glob("bot/*.py"), *ROOT.glob("storage/*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node) in asks:
                found += [f"{path.name}:{node.lineno}: {words}" for words in _sentences(node)]
    assert found == []


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)


def _sentences(call: ast.Call) -> Iterator[str]:
    given = [*call.args, *(one.value for one in call.keywords if one.arg != "metavar")]
    for one in given:
        parts = one.values if isinstance(one, ast.JoinedStr) else [one]
        for part in parts:
            words = part.value if isinstance(part, ast.Constant) else None
            if isinstance(words, str) and re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", words):
                yield words


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_every_help_can_be_shown(locale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUGUONG_DEFAULT_LOCALE", locale)
    for parser in parsers(make_parser()):
        shown = parser.format_help()
        assert shown.startswith(i18n.say(locale, "help-usage"))
        assert "help-" not in shown
        if locale == "vi":
            words = set(re.findall(r"(?<![\w-])[a-z]+(?![\w-])", _without_typed(shown)))
            assert words & ENGLISH == set(), parser.prog


def _without_typed(shown: str) -> str:
    """Without the first paragraph, which names only what is typed, and without choices."""
    return re.sub(r"\{[^}]*\}", "", shown.split("\n\n", 1)[1])


@pytest.mark.parametrize(
    ("typed", "vietnamese", "english"),
    [
        (["publish"], "còn thiếu code", "code must be given"),
        ([], "còn thiếu VERB", "VERB must be given"),
        (["publish", "A", "B"], "không hiểu B", "B is not understood"),
        (["announce"], "không có “announce”, hãy chọn trong", "“announce” is none of"),
        (["late", "A", "x"], "rule: không có “x”, hãy chọn trong", "rule: “x” is none of"),
        (["holidays", "--year", "x"], "--year: phải là số nguyên", "--year: must be a whole"),
        (["backup"], "còn thiếu file", "file must be given"),
        (["move", "A", "--to"], "--to: phải kèm một giá trị", "--to: needs a value"),
        (["holidays", "--set", "x"], "--set: phải kèm 2 giá trị", "--set: needs 2 values"),
        (["holidays", "--apply=x"], "--apply: không kèm giá trị", "--apply: takes no value"),
        (
            ["basis", "A", "1", "--verified", "--unverified"],
            "--unverified: không dùng cùng --verified", "--unverified: cannot go with --verified",
        ),
        (["holidays", "--s"], "--s chưa rõ, có thể là", "--s may be any of"),
        (["holidays", "--until", "soon"], f"“soon” {NO_DATE}", "“soon” is no date: write"),
        (["holidays", "--set", "soon", "holiday"], f"“soon” {NO_DATE}", "“soon” is no date"),
        (["holidays", "--set", "2027-02-04", "feast"], "không có “feast”", "“feast” is none of"),
        (
            ["posted", "A", "--medium", "B", "--at", "2026-01-05 25:00"],
            "“25:00” không phải là giờ", "“25:00” is no hour",
        ),
        (["calendar", "copy", "27"], "“27” không phải là năm", "“27” is no year"),
        (["calendar", "copy", "2027", "--set", "A"], "“A” chưa đúng", "“A” is wrong"),
        ([*SEASON, "--outage", "x"], "“x” không phải là khoảng ngừng", "“x” is no outage"),
        ([*SEASON, "--blocked", "120%"], "“120%” không phải là tỷ lệ", "“120%” is no share"),
        (
            [*SEASON, "--outage", "2027-01-04/2027-01-03"],
            "kết thúc trước khi bắt đầu", "ends before it begins",
        ),
    ],
)  # fmt: skip
def test_what_is_typed_wrong_is_said_in_vietnamese_and_in_english_where_that_is_set(
    typed: list[str], vietnamese: str, english: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for locale, told in (("", vietnamese), ("en", english)):
        monkeypatch.setenv("NEUGUONG_DEFAULT_LOCALE", locale)
        with pytest.raises(SystemExit) as stopped:
            main(typed)
        said = capsys.readouterr().err.splitlines()[-1]
        assert stopped.value.code == 2
        assert told in said
        assert said.endswith("--help")
        if not locale:
            words = set(re.findall(r"(?<![\w-])[a-z]+(?![\w-])", said.split("neuguong ")[-2]))
            assert words & ENGLISH == set()


def test_our_words_for_what_argparse_says_name_what_it_names() -> None:
    for message, key in MESSAGES.items():
        for locale in i18n.LOCALES:
            ours = i18n.say(locale, key)
            named = re.findall(r"%\((\w+)\)", message)
            assert set(re.findall(r"%\((\w+)\)", ours)) <= set(named)
            assert len(re.findall(r"%[sr]", ours)) == len(re.findall(r"%[sr]", message))


def test_argparse_speaks_as_before_when_the_command_was_read() -> None:
    before = vars(argparse)["_"], vars(argparse)["ngettext"]
    with pytest.raises(SystemExit):
        make_parser().read(["publish"])
    assert (vars(argparse)["_"], vars(argparse)["ngettext"]) == before


def test_a_command_typed_right_pays_for_no_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_catalogues", {})
    assert make_parser().read(["holidays", "--until", "2031-12-31"]).until.year == 2031
    assert i18n._catalogues == {}


def test_help_imports_no_channel_and_no_feature() -> None:
    looks = (
        "import sys\nfrom bot.__main__ import main\ntry:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = ('aiogram', 'aiohttp', 'handlers', 'asyncpg', 'alembic')\n"
        "sys.exit(' '.join(one for one in heavy if one in sys.modules) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", looks], cwd=ROOT, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "Cách dùng: neuguong" in done.stdout


# What `run` says


@pytest.mark.parametrize(
    ("role", "locale", "told"),
    [
        ("all", "vi", "Trang công khai: http://127.0.0.1:9/\nTrò chuyện: http://127.0.0.1:9/chat\n"
                      "Dừng bằng Ctrl-C.\n"),
        ("web", "en", "Public page: http://127.0.0.1:9/\nChat: http://127.0.0.1:9/chat\n"
                      "Stop with Ctrl-C.\n"),
        ("worker", "en", ""),
    ],
)  # fmt: skip
def test_run_says_where_the_pages_are(
    role: str, locale: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    async def serve(settings: Settings, role: str, announce: Callable[[], None]) -> None:
        announce()

    serving: Callable[[Settings, str, Callable[[], None]], Awaitable[None]] = serve
    monkeypatch.setattr(app, "run", serving)
    given = {"HOME": str(tmp_path), "PORT": "9", "DEFAULT_LOCALE": locale}
    settings = read_settings({PREFIX + name: value for name, value in given.items()}, None)
    assert _run(settings, make_parser().read(["run", "--role", role])) == 0
    assert capsys.readouterr().out == told

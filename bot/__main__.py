"""The command line: `python -m bot VERB`, installed as `neuguong`."""

from __future__ import annotations

import argparse
import logging
import sys

import structlog

from bot import console, verbs
from bot.command_line import Parser
from bot.config import ConfigError, Settings, read_settings, spoken_locale
from storage.db import Refusal


def main(argv: list[str] | None = None) -> int:
    args = make_parser().read(argv)
    try:
        settings = read_settings()
        _set_up_log(settings)
        if args.verb == "run":
            return _run(settings, args)
        return verbs.run(settings, args)
    except (ConfigError, Refusal) as error:
        console.complain(console.worded(error, spoken_locale()))
        return 78
    except KeyboardInterrupt:
        return 130


def make_parser() -> Parser:
    parser = Parser(prog="neuguong", description="help-about")
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    run = subparsers.add_parser("run", help="help-run", description="help-run")
    run.add_argument(
        "--role", choices=("all", "web", "worker"), default="all", help="help-run-role"
    )
    run.add_argument("--demo", action="store_true", help="help-run-demo")
    verbs.add_verbs(subparsers)
    return parser


def _run(settings: Settings, args: argparse.Namespace) -> int:
    from bot import app

    def announce() -> None:
        if args.role in ("all", "web"):
            say, page = console.sayer(settings), f"{settings.links}/"
            console.show(say("command-serving", page=page, chat=f"{page}chat"))

    async def serve() -> int:
        if args.demo:
            await verbs.load_demo_if_empty(settings)
        await app.run(settings, args.role, announce)
        return 0

    return console.carry_out(settings, serve())


def _set_up_log(settings: Settings) -> None:
    """One JSON line per event, to standard error; libraries speak only when a thing is wrong."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


if __name__ == "__main__":
    sys.exit(main())

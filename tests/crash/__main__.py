"""`python -m tests.crash N [--reminders M] [--database sqlite|postgresql]`: six seconds a kill.

The last line is one JSON object: {kills, events, lost, doubled, unanswered, reordered, misplaced,
reminders, in_doubt, found, resent, set_aside}. A reply that a crash left unrecorded is sent again;
that is not counted. With --reminders so many go out meanwhile, and fewer people talk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.crash.findings import Findings
from tests.crash.killing import Plan, run
from tests.databases import Postgres


async def until_told(plan: Plan) -> Findings:
    """A SIGTERM ends it early, and what it started with it."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(plan)


def crash(given: argparse.Namespace, folder: Path) -> Findings:
    def killed(url: str) -> Findings:
        return asyncio.run(until_told(Plan(given.kills, url, folder, given.seed, given.reminders)))

    if given.database == "sqlite":
        return killed(f"sqlite+aiosqlite:///{folder / 'neuguong.db'}")
    postgres = Postgres(folder / "server")
    try:
        return killed(postgres.new())
    finally:
        postgres.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("kills", type=int, metavar="N")
    parser.add_argument("--reminders", type=int, metavar="M", default=0)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="neuguong-crash-") as folder:
        found = crash(given, Path(folder))
    for line in found.details:
        print(line, file=sys.stderr)
    print(json.dumps(found.plain()))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.crash N [--database sqlite|postgresql]`: about six seconds a kill.

The last line is one JSON object: {kills, events, lost, doubled, unanswered, reordered}. A reply
that a crash left unrecorded is sent again; that is not counted.
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


def crash(kills: int, database: str, folder: Path, seed: int) -> Findings:
    if database == "sqlite":
        url = f"sqlite+aiosqlite:///{folder / 'neuguong.db'}"
        return asyncio.run(until_told(Plan(kills, url, folder, seed)))
    postgres = Postgres(folder / "server")
    try:
        return asyncio.run(until_told(Plan(kills, postgres.new(), folder, seed)))
    finally:
        postgres.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("kills", type=int, metavar="N")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="neuguong-crash-") as folder:
        found = crash(given.kills, given.database, Path(folder), given.seed)
    for line in found.details:
        print(line, file=sys.stderr)
    print(json.dumps(found.plain()))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())

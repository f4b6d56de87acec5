"""`python -m tests.bench [--json FILE]`: about twenty minutes, this machine alone.

Most of them fill two databases with 100,000 deeds, once to be compared and once to be shown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import duplicates, gallery, planning
from tests.bench.measures import Figure, measure
from tests.bench.stage import Stage

MOST_SECONDS = 3600


async def run(folder: Path) -> list[Figure]:
    """Ends within MOST_SECONDS; a SIGTERM ends it early, and what it started with it."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with asyncio.timeout(MOST_SECONDS):
        async with Stage(folder) as stage:
            figures = await measure(stage)
        figures += await planning.measure(folder)
        figures += await gallery.run(folder)
        return figures + await duplicates.run(folder)


def show(figure: Figure) -> str:
    beside = "" if figure.ratio is None else f"  {figure.ratio:6.2f} of {figure.baseline:.1f}"
    return f"{figure.name:<26}{figure.value:10.2f} {figure.unit:<10}{beside}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="neuguong-bench-") as folder:
        figures = asyncio.run(run(Path(folder)))
    for figure in figures:
        print(show(figure))
    if given.json:
        plain = [figure.plain() for figure in figures]
        given.json.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

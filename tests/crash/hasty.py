"""`python -m bot` that soon asks after a reminder in doubt: the suite has no half minute."""

from __future__ import annotations

import sys
from datetime import timedelta

from bot import doubts

doubts.QUIET, doubts.PATIENCE = timedelta(seconds=3), timedelta(seconds=1)

if __name__ == "__main__":
    from bot.__main__ import main

    sys.exit(main())

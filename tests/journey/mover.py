"""`python -m tests.journey.mover FOLDER`: passes one after the other, in small pages, until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path

from carillon.advance import run
from carillon.clock import SystemClock
from carillon.errors import Busy
from carillon.workspace import at


def main() -> None:
    run.PAGE = 25
    workspace = at(Path(sys.argv[1]), {}, SystemClock())
    print("ready", flush=True)
    while True:
        try:
            run.advance(workspace)
        except Busy:
            # Two who wanted the same rows in another order: the next pass does it.
            continue


if __name__ == "__main__":
    main()

"""The long crash tests: ``python -m tests.crash --long``, or some of the campaigns by name.

Progress goes to stderr, a summary as JSON to stdout; the exit code is 1 when anything was lost,
mixed, half-visible or silently wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog

from crash import places
from crash.campaigns import CAMPAIGNS
from crash.trial import Tally

SHORT = 0.05
EVERY_SECONDS = 30


def main() -> int:
    """Run campaigns; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--long", action="store_true", help="everything, for about an hour")
    parser.add_argument("campaigns", nargs="*", choices=[*CAMPAIGNS, []], help="only these")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    done = []
    for name in given.campaigns or CAMPAIGNS:
        tally = Tally(name)
        print(f"{name} …", file=sys.stderr, flush=True)
        with places.quick_folder() as folder, _told(tally):
            CAMPAIGNS[name](tally, folder, 1.0 if given.long else SHORT)
        done.append(tally.closed().to_json())
        print(f"{name}: {tally.points} points, {len(tally.violations)} violations, "
              f"{tally.seconds:.0f} s", file=sys.stderr, flush=True)  # fmt: skip
    print(json.dumps(done, indent=1, ensure_ascii=False))
    return 1 if any(one["violations"] for one in done) else 0


@contextmanager
def _told(tally: Tally) -> Iterator[None]:
    """Say every half minute how far a campaign has got."""
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(EVERY_SECONDS):
            print(f"  {tally.points} points, {len(tally.violations)} violations",
                  file=sys.stderr, flush=True)  # fmt: skip

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


if __name__ == "__main__":
    sys.exit(main())

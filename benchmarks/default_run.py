"""The default run of every dataset by the command line: first, and again with nothing new."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT_SECONDS = 60


def main() -> None:
    """Run twice into an empty lake; wall and CPU seconds, and the limit beside them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results = {name: measure(Path(scratch)) for name in ("first", "again")}
    print(json.dumps({**results, "limit_s": LIMIT_SECONDS}, indent=None if arguments.json else 2))


def measure(lake: Path) -> dict[str, float]:
    """One ``moulouya run --all``."""
    command = [str(Path(sys.executable).with_name("moulouya")), "run", "--all", "--json"]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = {**os.environ, "MOULOUYA_LAKE": str(lake / "lake")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    runs = json.loads(done.stdout)["runs"]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "wall_s": round(time.monotonic() - begun, 1),
        "cpu_s": round(cpu, 1),
        "datasets": len(runs),
        "published": sum(run["outcome"] == "published" for run in runs),
        "unchanged": sum(run["outcome"] == "unchanged" for run in runs),
    }


if __name__ == "__main__":
    main()

"""One page of each type against the budget: ``make lighthouse``; half a minute a page.

``--url URL`` measures a portal that runs already, ``--page NAME`` some types alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3])]

from browser import world  # noqa: E402
from browser.lighthouse import BUDGET, install, measure, over_budget  # noqa: E402


def main() -> None:
    """Measure, print a line a page, and end with 1 where a page is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="")
    parser.add_argument("--page", action="append", choices=[*world.PAGES], default=[])
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    program = install()
    found, unmeasured = {}, []
    with ExitStack() as stack:
        url = chosen.url
        if not url:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(world.served(world.build_real(folder))).url
        print(f"{'page':<24}" + "".join(f"{name:>16}" for name in BUDGET) + f"{'kB':>8}")
        for number, name in enumerate(chosen.page or world.PAGES):
            code = list(world.LANGUAGES)[number % len(world.LANGUAGES)]
            try:
                one = found[name] = measure(program, f"{url}/{code}{world.PAGES[name]}")
            except subprocess.CalledProcessError as error:
                print(f"{name:<24}{code} not measured: {error.stderr.decode()[-300:]}", flush=True)
                unmeasured.append(name)
                continue
            scores = "".join(f"{one['scores'][category]:>16}" for category in BUDGET)
            print(f"{name:<24}{scores}{one['bytes'] / 1000:>8.0f}  {code} {one['lost'] or ''}")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, ensure_ascii=False, indent=2))
    sys.exit(1 if unmeasured or any(over_budget(one) for one in found.values()) else 0)


if __name__ == "__main__":
    main()

"""A decision to show personal data that has ended is noticed, even when nothing new comes."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from moulouya import approval, gates, pipeline, privacy
from moulouya.cli import app
from moulouya.errors import UsageError
from moulouya.portal import app as portals
from moulouya.status import status
from small_workspace import SmallWorkspace, column, text

LAST_DAY = dt.date(2026, 6, 30)
ROWS = "code,contact\n" + "".join(f"{n:02d},agent{n}@commune.ma\n" for n in range(40))
COLUMNS = {"code": column("text"), "contact": column("text")}
OVERRIDE: dict[str, Any] = {
    "column": "contact", "kind": "email", "reason": text("Public office"), "by": "A. B., director",
    "until": LAST_DAY.isoformat(),
}  # fmt: skip


@pytest.fixture
def offices(workspace: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> SmallWorkspace:
    """A published dataset of addresses, on the last day on which they may be shown."""
    monkeypatch.setattr(privacy, "today", lambda: LAST_DAY)
    workspace.data("offices", ROWS)
    workspace.define("offices", columns=COLUMNS, privacy=[OVERRIDE])
    assert workspace.outcome("offices") == "published"
    return workspace


@pytest.fixture
def day_after(offices: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> SmallWorkspace:
    """The same on the day after it."""
    monkeypatch.setattr(privacy, "today", lambda: LAST_DAY + dt.timedelta(days=1))
    return offices


def cli(workspace: SmallWorkspace, *arguments: str) -> Result:
    """The command line in the workspace."""
    places = ["--workspace", str(workspace.root), "--lake", str(workspace.settings.lake_root)]
    return CliRunner().invoke(app, [*arguments, *places])


def test_on_its_last_day_nothing_is_held(offices: SmallWorkspace) -> None:
    assert offices.outcome("offices") == "unchanged"


def test_the_day_after_a_run_of_the_same_bytes_is_held_and_says_what_to_do(
    day_after: SmallWorkspace,
) -> None:
    (record,) = day_after.run("offices")
    assert (record["outcome"], record["version"]) == ("held", 1)
    assert record["reasons"] == [
        "contact of version 1, which is public, holds e-mail addresses: the decision of A. B., "
        "director ended on 2026-06-30; set a new `until` under `privacy` in the definition, or "
        "leave the column out, then moulouya run offices"
    ]
    assert len(day_after.published("offices")) == 40
    assert not gates.pending(day_after.lake, "offices")


@pytest.mark.parametrize(
    "rows", [ROWS.replace("\n", "\r\n"), "code,contact\n" + "\n".join(ROWS.split("\n")[:0:-1])]
)
def test_other_bytes_that_say_the_same_are_held_too(day_after: SmallWorkspace, rows: str) -> None:
    day_after.data("offices", rows)
    assert day_after.outcome("offices") == "held"


def test_it_is_held_at_every_run_until_someone_decides(day_after: SmallWorkspace) -> None:
    assert [day_after.outcome("offices") for _ in range(2)] == ["held", "held"]
    later = {**OVERRIDE, "until": "2027-06-30"}
    day_after.define("offices", columns=COLUMNS, privacy=[later])
    assert day_after.outcome("offices") == "published"
    assert day_after.outcome("offices") == "unchanged"


def test_or_until_the_column_is_left_out(day_after: SmallWorkspace) -> None:
    day_after.define("offices", columns={"code": column("text")})
    assert day_after.outcome("offices") == "published"
    assert day_after.published("offices")[0] == ("00",)
    assert day_after.outcome("offices") == "unchanged"


def test_a_decision_about_a_column_without_such_data_ends_quietly(
    workspace: SmallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.define("communes", privacy=[{**OVERRIDE, "column": "name"}])
    assert workspace.outcome("communes") == "published"
    monkeypatch.setattr(privacy, "today", lambda: LAST_DAY + dt.timedelta(days=1))
    assert workspace.outcome("communes") == "unchanged"


def test_a_derived_dataset_is_looked_at_too(
    offices: SmallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    offices.derive("contacts", "SELECT code, contact FROM offices",
                   columns={name: {**one, "computed": True} for name, one in COLUMNS.items()},
                   privacy=[OVERRIDE])  # fmt: skip
    assert offices.outcome("contacts") == "published"
    monkeypatch.setattr(privacy, "today", lambda: LAST_DAY + dt.timedelta(days=1))
    assert offices.outcome("contacts") == "held"


def test_what_waited_when_it_ended_cannot_be_approved(
    offices: SmallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    offices.data("offices", "\n".join(ROWS.split("\n")[:20]) + "\n")
    assert offices.outcome("offices") == "held"
    monkeypatch.setattr(privacy, "today", lambda: LAST_DAY + dt.timedelta(days=1))
    with pytest.raises(UsageError, match="personal data"):
        approval.approve(offices.settings, "offices", by="Amina", reason="fewer offices")


def test_the_command_line_offers_no_approval_where_nothing_waits(
    day_after: SmallWorkspace,
) -> None:
    done = cli(day_after, "run", "offices")
    assert done.exit_code == 1
    assert "ended on 2026-06-30" in done.output.replace("\n", " ")
    assert "approve" not in done.output


@pytest.mark.parametrize(
    ("days", "said"), [(-31, None), (-30, "ends on 2026-06-30"), (1, "ended on 2026-06-30")]
)
def test_check_warns_a_month_before_and_after(
    offices: SmallWorkspace, monkeypatch: pytest.MonkeyPatch, days: int, said: str | None
) -> None:
    monkeypatch.setattr(privacy, "today", lambda: LAST_DAY + dt.timedelta(days=days))
    checked = cli(offices, "check")
    assert checked.exit_code == 0
    assert (f"warning: the decision of A. B., director that contact may show e-mail addresses "
            f"{said}" in checked.output.replace("\n", " ")) == bool(said)  # fmt: skip
    told = json.loads(cli(offices, "check", "--json").stdout)
    assert [one["key"] for one in told["warnings"]] == (["privacy.0.until"] if said else [])
    lines = (offices.root / "datasets/places/offices.yml").read_text().splitlines()
    assert all("until" in lines[one["line"] - 1] for one in told["warnings"])


def test_status_tells_it_before_and_after_a_run(day_after: SmallWorkspace) -> None:
    (row,) = status(day_after.settings)
    assert row["ending"] == [
        {"column": "contact", "kind": "email", "by": "A. B., director", "until": "2026-06-30",
         "over": True}
    ]  # fmt: skip
    assert "contact may show email until" in cli(day_after, "status").output
    day_after.run("offices")
    (row,) = status(day_after.settings)
    assert row["outcome"] == "held"
    assert "ended on 2026-06-30" in row["reasons"][0]


def page(workspace: SmallWorkspace, code: str = "en") -> httpx.Response:
    """The dataset's page on the portal."""
    pipeline.release(workspace.settings)
    portal = httpx.ASGITransport(portals.create_app(workspace.settings))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=portal, base_url="http://portal") as client:
            return await client.get(f"/{code}/datasets/offices")

    return asyncio.run(ask())


def test_the_page_says_who_allowed_what_and_until_when(offices: SmallWorkspace) -> None:
    offices.define("offices", columns=COLUMNS, privacy=[{**OVERRIDE, "until": "2999-12-31"}])
    assert offices.outcome("offices") == "published"
    html = page(offices).text
    assert "decided by A. B., director, until December 31, 2999" in html
    assert "Public office" in html
    assert "ended on" not in html


@pytest.mark.parametrize(
    ("code", "words"),
    [("en", "The permission to show personal data in “A title” ended on June 30, 2020."),
     ("fr", "a pris fin le 30 juin 2020."), ("ar", "انتهى في 30 يونيو 2020 الإذن")],
)  # fmt: skip
def test_the_page_says_that_a_permission_ended(
    offices: SmallWorkspace, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    monkeypatch.setattr(privacy, "today", lambda: dt.date(2020, 6, 30))
    offices.define("offices", columns=COLUMNS, privacy=[{**OVERRIDE, "until": "2020-06-30"}])
    assert offices.outcome("offices") == "published"
    monkeypatch.setattr(privacy, "today", lambda: dt.date(2020, 7, 1))
    assert offices.outcome("offices") == "held"
    html = page(offices, code).text
    assert words in html
    assert "A person examines it" not in html

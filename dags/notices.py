"""The notices DAG: after every release, followers are told by mail and webhook what changed.

Where mail is sent it also runs every ten minutes: somebody waits for the link that confirms, and
what a server did not take is tried again. A DAG of its own, so that no mail server fails a release.
"""

from __future__ import annotations

import datetime as dt
import os

import steps
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, BaseOperator, DeltaDataIntervalTimetable

released = Asset("catalogue", "x-moulouya://catalogue")
often = DeltaDataIntervalTimetable(dt.timedelta(minutes=10))


class Notify(BaseOperator):
    """Tells who is due; who could not be told is named in the log and told the next time."""

    def execute(self, context):
        sent = steps.call(context, "notices.tell")
        for problem in sent["problems"]:
            self.log.warning(problem)
        told = (
            f"{sent['changes']} mails about changes, {sent['confirmations']} to confirm, "
            f"{sent['answers']} answers, {sent['webhooks']} webhooks"
        )
        if sent["busy"]:
            told = "another run is sending"
        return steps.tell(context, {"outcome": "published", "sentence": told, **sent})


with DAG(
    "notices",
    schedule=AssetOrTimeSchedule(assets=released, timetable=often)
    if os.environ.get("MOULOUYA_SMTP_URL")
    else [released],
    start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    max_active_runs=1,
    description="Tell followers what changed, by mail and webhook",
    doc_md=__doc__,
    tags=["notices"],
    default_args={
        "owner": "moulouya",
        "retries": 2,
        "retry_delay": dt.timedelta(minutes=1),
        "retry_exponential_backoff": 2.0,
        "retry_policy": steps.OnlyWhatHeals(),
    },
) as notices:
    Notify(task_id="notify")

"""The upkeep DAG: once a week every file of the lake is hashed, what has expired is removed, and
people who asked something are forgotten when their time is over."""

from __future__ import annotations

import datetime as dt

import steps
from airflow.sdk import DAG, BaseOperator, DeltaDataIntervalTimetable


class Verify(BaseOperator):
    """Hashes everything that was committed; fails, and so alerts, when anything is damaged."""

    def execute(self, context):
        found = steps.call(context, "verification.examine")
        told = f"sound: {found['files']} files, {found['bytes']:,} bytes"
        return steps.tell(context, {"outcome": "published", "sentence": told, **found})


class Collect(BaseOperator):
    """Expires what is beyond its retention and deletes what nobody reads any more."""

    def execute(self, context):
        found = steps.call(context, "retention.collect").to_json()
        told = f"{found['files']} expired files deleted, {found['bytes']:,} bytes"
        return steps.tell(context, {"outcome": "published", "sentence": told, **found})


class Forget(BaseOperator):
    """Deletes names and e-mails of people whose requests were closed long enough ago, and the
    addresses that never confirmed that they follow something."""

    def execute(self, context):
        found = steps.call(context, "participation.clean")
        told = (
            f"{found['senders_forgotten']} senders of requests forgotten, "
            f"{found['followers_forgotten']} followers that never confirmed"
        )
        return steps.tell(context, {"outcome": "published", "sentence": told, **found})


with DAG(
    "upkeep",
    schedule=DeltaDataIntervalTimetable(dt.timedelta(days=7)),
    start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    max_active_runs=1,
    description="Verify the lake, then clear away what has expired",
    doc_md=__doc__,
    tags=["upkeep"],
    default_args={
        "owner": "moulouya",
        "retries": 1,
        "retry_delay": dt.timedelta(minutes=10),
        "retry_policy": steps.OnlyWhatHeals(),
    },
) as upkeep:
    verify = Verify(task_id="verify")
    verify.set_downstream(Collect(task_id="gc"))
    Forget(task_id="forget")

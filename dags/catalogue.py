"""The release DAG: whenever any dataset has a new version, and once a day, commit a release."""

from __future__ import annotations

import datetime as dt
import functools
import operator

import steps
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, DeltaDataIntervalTimetable

from moulouya import registry

entries = registry.load(steps.WORKSPACE, steps.CACHE).entries
assets = [Asset(e.slug, f"x-moulouya://{e.theme}/{e.slug}") for e in entries if not e.faults]
daily = DeltaDataIntervalTimetable(dt.timedelta(days=1))

with DAG(
    "catalogue",
    schedule=AssetOrTimeSchedule(assets=functools.reduce(operator.or_, assets), timetable=daily)
    if assets
    else daily,
    start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    max_active_runs=1,
    description="Commit a release of the catalogue from the published versions",
    doc_md=__doc__,
    tags=["release"],
    default_args={
        "owner": "moulouya",
        "retries": 3,
        "retry_delay": dt.timedelta(seconds=30),
        "retry_exponential_backoff": 2.0,
        "retry_policy": steps.OnlyWhatHeals(),
    },
) as catalogue:
    steps.Release(task_id="release", outlets=[Asset("catalogue", "x-moulouya://catalogue")])

"""One DAG per dataset of the workspace, made from its definition; the tasks are in steps.py."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import operator

import steps
from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    DeltaDataIntervalTimetable,
    Param,
    get_parsing_context,
)

from moulouya import registry

DAY = dt.timedelta(days=1)
DEFAULTS = {
    "owner": "moulouya",
    "retries": 4,
    "retry_delay": dt.timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": dt.timedelta(hours=1),
    "retry_policy": steps.OnlyWhatHeals(),
    "execution_timeout": dt.timedelta(hours=2),
    "priority_weight": 10,  # a release waits while slots are short, and takes many versions at once
}


RESTATE = Param(
    False,
    type="boolean",
    title="Restate",
    description="publish the data of this run's interval even where newer ones are published",
)


def clock(entry):
    """When the source is looked at again: a timetable whose runs have a data interval, or none."""
    if entry.cron:
        return CronDataIntervalTimetable(entry.cron, timezone="UTC")
    if entry.every_seconds:
        return DeltaDataIntervalTimetable(dt.timedelta(seconds=entry.every_seconds))
    return DeltaDataIntervalTimetable(DAY) if entry.inputs or entry.faults else None


def schedule(entry, assets):
    """The clock; and for a derived dataset a new version of anything that it is made from.

    A source only waits for those it refers to before its first run, hence for all of them.
    """
    inputs = [assets[slug] for slug in entry.inputs if slug in assets]
    if not inputs:
        return clock(entry)
    fresh = functools.reduce(operator.or_ if entry.derived else operator.and_, inputs)
    return AssetOrTimeSchedule(assets=fresh, timetable=clock(entry))


def dataset_dag(entry, assets):
    """fetch → stage → validate → transform → publish; a derived dataset starts at transform."""
    dag = DAG(
        steps.PREFIX + entry.slug,
        schedule=schedule(entry, assets),
        start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        max_active_runs=1,
        description=entry.title,
        doc_md=entry.doc_md,
        tags=entry.tags,
        default_args=DEFAULTS,
        params={} if entry.derived else {"restate": RESTATE},
    )
    if entry.faults:
        steps.Broken(task_id="definition", dag=dag, faults=tuple(entry.faults))
        return dag
    names = ("transform",) if entry.derived else ("fetch", "stage", "validate", "transform")
    first = {"needs": tuple(entry.inputs)}
    if entry.host:
        first["pool"] = steps.pool_of(entry.host)
    tasks = [steps.Step(task_id=names[0], dag=dag, **first)]
    tasks += [steps.Step(task_id=name, dag=dag) for name in names[1:]]
    wait = max(DAY, dt.timedelta(seconds=entry.every_seconds or 0))
    tasks.append(steps.Publish(dag=dag, outlets=[assets[entry.slug]], response_timeout=wait))
    for before, after in itertools.pairwise(tasks):
        before.set_downstream(after)
    return dag


def dags():
    """The DAGs of the registry; only the one asked for while a task is started."""
    entries = registry.load(steps.WORKSPACE, steps.CACHE).entries
    assets = {e.slug: Asset(e.slug, f"x-moulouya://{e.theme}/{e.slug}") for e in entries}
    only = get_parsing_context().dag_id
    for entry in entries:
        if only in (None, steps.PREFIX + entry.slug):
            yield dataset_dag(entry, assets)


globals().update({dag.dag_id: dag for dag in dags()})

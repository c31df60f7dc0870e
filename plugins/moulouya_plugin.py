"""What Moulouya adds to Airflow: the engineers' page, a note on every run, pools for hosts."""

from __future__ import annotations

import logging
import sys
from importlib import import_module

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)
FORKS_TASKS = {"scheduler", "worker"}
NOTE_LENGTH = 1000


async def pages(scope, receive, send):
    """The pages' application; only the process that serves them pays for its import."""
    from moulouya_pages import app

    await app(scope, receive, send)


def is_ours(dag_run):
    return dag_run.dag_id == "catalogue" or dag_run.dag_id.startswith("dataset__")


class Runs:
    """Told by the scheduler, inside its own database session, when a run starts and ends."""

    @hookimpl
    def on_dag_run_running(self, dag_run, msg):
        if is_ours(dag_run):
            make_pools(dag_run)

    @hookimpl
    def on_dag_run_success(self, dag_run, msg):
        if is_ours(dag_run):
            write_note(dag_run)

    @hookimpl
    def on_dag_run_failed(self, dag_run, msg):
        if is_ours(dag_run):
            write_note(dag_run)


def make_pools(dag_run):
    """Make the pools of the hosts that a run will ask; a task in an absent pool never starts."""
    from airflow.models.pool import Pool
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return
    run = (TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
    asked = set(session.scalars(select(TaskInstance.pool).where(*run).distinct()))
    hosts = {name for name in asked if name.startswith("host_")}
    missing = hosts - set(session.scalars(select(Pool.pool).where(Pool.pool.in_(hosts))))
    dialect = import_module(f"sqlalchemy.dialects.{session.get_bind().dialect.name}")
    for name in sorted(missing):
        about = {"description": "one request at a time to this host", "include_deferred": False}
        new = dialect.insert(Pool).values(pool=name, slots=1, **about)
        session.execute(new.on_conflict_do_nothing())  # another scheduler may have been faster


def write_note(dag_run):
    """Write how a run ended, as its tasks told it, into the run's note; a person's note stays."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None or (dag_run.dag_run_note and dag_run.dag_run_note.user_id):
        return
    told = session.scalars(
        select(XComModel)
        .where(XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id)
        .where(XComModel.key == "outcome")
        .order_by(XComModel.timestamp.desc())
        .limit(1)
    ).first()
    if told is not None:
        dag_run.note = XComModel.deserialize_value(told)["sentence"][:NOTE_LENGTH]


class MoulouyaPlugin(AirflowPlugin):
    """Registers the page, its entry in the navigation and the listener."""

    name = "moulouya"
    fastapi_apps = [{"app": pages, "url_prefix": "/moulouya", "name": "moulouya"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Datasets",
            "href": "moulouya/datasets",
            "destination": "nav",
            "url_route": "datasets",
            "nav_top_level": True,
        },
        {
            "name": "Requests",
            "href": "moulouya/requests",
            "destination": "nav",
            "url_route": "requests",
            "nav_top_level": True,
        },
        {
            "name": "Data Docs",
            "href": "moulouya/data-docs?dag={DAG_ID}",
            "destination": "dag",
            "url_route": "data-docs",
        },
    ]
    listeners = [Runs()]  # noqa: RUF012

    @classmethod
    def on_load(cls, *args, **kwargs):
        """Import what tasks need before they are forked; it costs each of them seconds else."""
        if FORKS_TASKS & set(sys.argv):
            import great_expectations
            import pandas

            import moulouya.pipeline

            log.debug("preloaded %s", (great_expectations, pandas, moulouya.pipeline))

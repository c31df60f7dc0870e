"""Runs every dataset of the workspace through Airflow, inputs first, and a release at the end."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from moulouya.registry import Entry
from ops.progress import Progress
from ops.rest import Airflow

PREFIX = "dataset__"
ENDS = ("published", "unchanged", "held", "failed", "waiting")
GOOD = ("published", "unchanged")
GRACE_SECONDS = 15.0
# A run that an asset started may begin before the run that updated the asset counts as ended.
SLACK = dt.timedelta(seconds=5)
POLL_SECONDS = 1.0
PATIENCE = 10


@dataclass
class Job:
    """One DAG that must have run: until when it waits, and how it ended."""

    dag_id: str
    needs: frozenset[str]
    derived: bool = False
    outcome: str = ""
    sentence: str = ""
    ended: dt.datetime | None = None
    ready: dt.datetime | None = None
    asked: bool = False

    @property
    def name(self) -> str:
        return self.dag_id.removeprefix(PREFIX)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def word_of(run: dict[str, Any]) -> str:
    """How a run ended: the first word of its note, which the DAG's tasks wrote."""
    return (run.get("note") or "").replace(":", " ").partition(" ")[0]


def online(entries: list[Entry]) -> set[str]:
    """Datasets that need the internet: fetched over http, or made from such a one."""
    found = {entry.slug for entry in entries if entry.kind == "http"}
    while more := {e.slug for e in entries if e.slug not in found and found & set(e.inputs)}:
        found |= more
    return found


def jobs_of(entries: list[Entry]) -> list[Job]:
    """One job for each dataset that can run here, each knowing which come before it."""
    left_out = online(entries)
    here = {entry.slug for entry in entries} - left_out
    return [
        Job(PREFIX + e.slug, frozenset(PREFIX + s for s in e.inputs if s in here), e.derived)
        for e in entries
        if e.slug in here
    ]


class Round:
    """One round over all jobs: takes the runs that Airflow starts, asks for those it does not."""

    def __init__(
        self, airflow: Airflow, progress: Progress, check: Callable[[], None], since: dt.datetime
    ) -> None:
        self.airflow, self.progress, self.check, self.since = airflow, progress, check, since

    def run(self, jobs: list[Job]) -> None:
        """Return once every job has ended."""
        by_id = {job.dag_id: job for job in jobs}
        refused = 0
        while not all(job.outcome for job in jobs):
            self.check()
            try:
                self._look(by_id)
                refused = 0
            except httpx.HTTPError as error:
                refused += 1
                if refused == PATIENCE:
                    self.progress.say(f"Airflow does not answer: {str(error).splitlines()[0]}")
            time.sleep(POLL_SECONDS)

    def _look(self, jobs: dict[str, Job]) -> None:
        dags = self.airflow.dags()
        runs: dict[str, list[dict[str, Any]]] = {}
        for run in self.airflow.runs(self.since):
            runs.setdefault(run["dag_id"], []).append(run)
        held = self.airflow.waiting_for_a_person()
        for job in jobs.values():
            if not job.outcome:
                before = [jobs[dag_id] for dag_id in job.needs if dag_id in jobs]
                self._step(job, before, runs.get(job.dag_id, []), dags.get(job.dag_id), held)

    def _step(
        self,
        job: Job,
        before: list[Job],
        runs: list[dict[str, Any]],
        dag: dict[str, Any] | None,
        held: set[str],
    ) -> None:
        active = [run for run in runs if run["state"] in ("queued", "running")]
        if job.dag_id in held:
            self._end(job, "held", "held: waits for a person under «Required Actions» in Airflow")
            return
        if active:
            self.progress.dataset(job.name, "running")
            return
        settled = bool(runs) and not job.derived and word_of(runs[-1]) in GOOD
        if not settled and all(one.outcome for one in before):
            ended = max((one.ended for one in before if one.ended), default=self.since)
            settled = any((moment(run["start_date"]) or ended) > ended - SLACK for run in runs)
        if settled:
            new = [run for run in runs if word_of(run) == "published"]
            self._finish(job, new[-1] if new and word_of(runs[-1]) in GOOD else runs[-1])
            return
        if dag is None or not all(one.outcome for one in before):
            return
        job.ready = job.ready or now()
        due = moment(dag["next_dagrun_run_after"])
        expected = (due is not None and due <= now()) or any(
            one.outcome == "published" for one in before
        )
        patient = (now() - job.ready).total_seconds() < GRACE_SECONDS
        if not job.asked and not (expected and patient):
            self.airflow.trigger(job.dag_id)
            job.asked = True

    def _finish(self, job: Job, run: dict[str, Any]) -> None:
        note, word = run.get("note") or "", word_of(run)
        if run["state"] == "failed":
            self._end(job, "failed", note or "failed; Airflow's log of the run says why", run)
        else:
            self._end(job, word if word in ENDS else "published", note, run)

    def _end(
        self, job: Job, outcome: str, sentence: str, run: dict[str, Any] | None = None
    ) -> None:
        job.outcome, job.sentence = outcome, sentence
        job.ended = moment(run["end_date"]) if run else now()
        self.progress.dataset(job.name, outcome, sentence)

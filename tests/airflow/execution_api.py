"""An Airflow in memory: runs the tasks of a DAG through the real task runner, without a server.

It answers the calls that a task makes to the execution API, and does what the scheduler would
do with skipped and failed tasks, for DAGs that are one chain.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import httpx

AT = "2026-02-01T00:00:00Z"
ENDED = {"success", "skipped", "failed", "up_for_retry", "awaiting_input"}


class ExecutionAPI:
    """One DAG run: ``run()`` goes through its tasks, ``states`` and ``outcome`` tell the end."""

    def __init__(
        self, dag, run_id="manual__2026-02-01T00:00:00+00:00", retries=0, interval=None, conf=None
    ):
        self.dag, self.run_id, self.retries = dag, run_id, retries
        self.interval = interval or ("2026-01-31T00:00:00Z", AT)
        self.conf = conf or {}
        self.states: dict[str, str] = {}
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.events: list[dict[str, Any]] = []
        self.question: dict[str, Any] = {}
        self.retry_after: float | None = None
        self._task = ""
        self._next: dict[str, Any] = {}

    def run(self):
        """Run what has not ended, in order; what follows a failure does not run."""
        for task in self.dag.topological_sort():
            if self.states.get(task.task_id) in ENDED:
                continue
            before = {self.states.get(one) for one in task.upstream_task_ids}
            if before & {"failed", "upstream_failed"}:
                self.states[task.task_id] = "upstream_failed"
            elif before & {"up_for_retry", "awaiting_input", None}:
                return self
            elif "skipped" in before and task.trigger_rule == "all_success":
                self.states[task.task_id] = "skipped"
            else:
                self.start(task)
        return self

    def answer(self, task_id, option, reason=""):
        """A person answers a waiting task; it goes on."""
        from airflow.sdk.serde import serialize

        said = {
            "chosen_options": [option],
            "params_input": {"reason": reason},
            "responded_at": dt.datetime(2026, 2, 1, tzinfo=dt.UTC),
            "responded_by_user": {"id": "1", "name": "Amina"},
        }
        self._next = {"next_method": "execute_complete", "next_kwargs": serialize({"event": said})}
        self.states.pop(task_id)
        self.start(self.dag.get_task(task_id))
        self._next = {}

    def start(self, task):
        """Run one task in this process."""
        from airflow.sdk.api.client import Client
        from airflow.sdk.api.datamodels._generated import TaskInstance
        from airflow.sdk.execution_time.supervisor import run_task_in_process

        self._task = task.task_id
        instance = TaskInstance(
            id=uuid.uuid4(), task_id=task.task_id, dag_id=self.dag.dag_id, run_id=self.run_id,
            try_number=1, map_index=-1, dag_version_id=uuid.uuid4(),
        )  # fmt: skip
        transport = httpx.MockTransport(self._handle)
        client = Client(base_url=None, dry_run=True, token="", transport=transport)
        client.base_url = "http://in-process.invalid./"
        run_task_in_process(ti=instance, task=task, client=client)

    @property
    def outcome(self) -> dict[str, Any]:
        """What the last task that spoke said about the end of the run."""
        return [value for (_, key), value in self.xcoms.items() if key == "outcome"][-1]

    def _handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.strip("/").split("/")
        body = json.loads(request.content) if request.content else None
        match [request.method, *path]:
            case ["PATCH", "task-instances", _, "run"]:
                return httpx.Response(200, json=self._context())
            case ["PATCH", "task-instances", _, "state"]:
                return self._state(body)
            case ["PATCH", "task-instances", _, "skip-downstream"]:
                names = [name if isinstance(name, str) else name[0] for name in body["tasks"]]
                self.states.update(dict.fromkeys(names, "skipped"))
                return httpx.Response(204)
            case ["POST" | "PUT", "hitlDetails", *_]:
                self.question = body
                return httpx.Response(201, json={**body, "options": body["options"]})
            case ["GET", "task-instances", _, "validate-inlets-and-outlets"]:
                return httpx.Response(200, json={"inactive_assets": []})
            case ["POST", "xcoms", _, _, task, key]:
                self.xcoms.pop((task, key), None)
                self.xcoms[task, key] = body
                return httpx.Response(201, json={"message": "ok"})
            case ["GET", "xcoms", _, _, task, key, "slice"]:
                found = [self.xcoms[task, key]] if (task, key) in self.xcoms else []
                return httpx.Response(200, json=found)
            case ["GET", "xcoms", _, _, task, key] if (task, key) in self.xcoms:
                return httpx.Response(200, json={"key": key, "value": self.xcoms[task, key]})
            case ["GET", "xcoms", *_]:
                reason = {"detail": {"reason": "not_found", "message": "no such XCom"}}
                return httpx.Response(404, json=reason)
            case ["PUT", "task-instances", _, "rtif"]:
                return httpx.Response(201, json={"message": "ok"})
        return httpx.Response(200, json={})

    def _state(self, body) -> httpx.Response:
        self.states[self._task] = body["state"]
        self.retry_after = body.get("retry_delay_seconds")
        if body["state"] == "success":
            self.events += body.get("outlet_events") or []
        return httpx.Response(204)

    def _context(self) -> dict[str, Any]:
        start, end = self.interval
        run = {
            "dag_id": self.dag.dag_id, "run_id": self.run_id, "logical_date": AT,
            "data_interval_start": start, "data_interval_end": end, "start_date": AT,
            "end_date": None, "run_after": AT, "run_type": "manual", "state": "running",
            "conf": self.conf, "consumed_asset_events": [], "partition_key": None,
        }  # fmt: skip
        retry = {"max_tries": self.retries, "should_retry": self.retries > 0}
        return {"dag_run": run, **retry, **self._next}

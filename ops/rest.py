"""The few calls of Airflow's REST API that a start needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import httpx

PAGE = 100


class Airflow:
    """A client for one Airflow; signs in by itself, and again when its token has run out."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._account = {"username": user, "password": password}

    def health(self) -> dict[str, str]:
        """State of each component, empty while the API is not up."""
        try:
            answer = self._client.get("/api/v2/monitor/health", timeout=5)
            answer.raise_for_status()
        except httpx.HTTPError:
            return {}
        return {name: (part or {}).get("status") or "" for name, part in answer.json().items()}

    def _call(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        answer = self._client.request(method, path, **kwargs)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            token = self._client.post("/auth/token", json=self._account)
            token.raise_for_status()
            self._client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            answer = self._client.request(method, path, **kwargs)
        answer.raise_for_status()
        return answer.json()

    def _pages(self, method: str, path: str, key: str, query: dict[str, Any]) -> Iterator[Any]:
        names = ("limit", "offset") if method == "GET" else ("page_limit", "page_offset")
        seen, total = 0, 1
        while seen < total:
            paging = {**query, names[0]: PAGE, names[1]: seen}
            given = {"params": paging} if method == "GET" else {"json": paging}
            page = self._call(method, path, **given)
            yield from page[key]
            seen, total = seen + PAGE, page["total_entries"]

    def dags(self) -> dict[str, dict[str, Any]]:
        """Every DAG by its id."""
        query = {"exclude_stale": True}
        return {dag["dag_id"]: dag for dag in self._pages("GET", "/api/v2/dags", "dags", query)}

    def import_errors(self) -> list[str]:
        """What DAG files could not be read, with the end of their traceback."""
        errors = self._pages("GET", "/api/v2/importErrors", "import_errors", {})
        return [f"{error['filename']}: {error['stack_trace'].strip()}" for error in errors]

    def runs(self, since: dt.datetime) -> list[dict[str, Any]]:
        """DAG runs that are going on, and those that ended since a moment; oldest first."""
        path = "/api/v2/dags/~/dagRuns/list"
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for query in (
            {"states": ["queued", "running"]},
            {"end_date_gte": since.isoformat()},
        ):
            for run in self._pages("POST", path, "dag_runs", query):
                found[run["dag_id"], run["dag_run_id"]] = run
        return sorted(found.values(), key=lambda run: run["queued_at"] or run["run_after"])

    def trigger(self, dag_id: str) -> None:
        """Ask for a run now."""
        self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})

    def waiting_for_a_person(self) -> set[str]:
        """Ids of the DAGs of which a task waits for an approval."""
        path, query = (
            "/api/v2/dags/~/dagRuns/~/hitlDetails",
            {"response_received": False},
        )
        details = self._pages("GET", path, "hitl_details", query)
        return {detail["task_instance"]["dag_id"] for detail in details}

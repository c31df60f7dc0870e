"""Airflow in a home of its own; its settings must stand before it is first imported."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import REPOSITORY

HOME = Path(tempfile.mkdtemp(prefix="moulouya-airflow-"))
os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(REPOSITORY / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(REPOSITORY / "plugins"),
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="admin:admin,viewer:viewer",
    AIRFLOW__API_AUTH__JWT_SECRET="a secret of the tests that is long enough " * 2,
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME / 'airflow.db'}",
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
)
sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(REPOSITORY))


@pytest.fixture(scope="session", autouse=True)
def _airflow_home() -> Iterator[None]:
    yield
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture
def environment(workspace, settings, monkeypatch) -> dict[str, str]:
    """The environment that makes the DAGs those of the small workspace."""
    variables = {
        "MOULOUYA_WORKSPACE": str(settings.workspace_root),
        "MOULOUYA_LAKE": str(settings.lake_root),
        "MOULOUYA_STATE": str(settings.state_root),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return {**os.environ, **variables}


@pytest.fixture(scope="session")
def api():
    """Airflow's application on a fresh database, as the server process would build it."""
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import initdb

    initdb()
    return create_app()


@pytest.fixture
def client(api, environment):
    from starlette.testclient import TestClient

    with TestClient(api, base_url="http://testserver") as made:
        yield made


@pytest.fixture
def dags(environment, monkeypatch):
    """Parse the DAG files for the small workspace: call it after the datasets are written."""
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.syspath_prepend(str(REPOSITORY / "dags"))

    def parse():
        sys.modules.pop("steps", None)
        bag = DagBag(dag_folder=str(REPOSITORY / "dags"))
        assert bag.import_errors == {}
        return bag.dags

    return parse

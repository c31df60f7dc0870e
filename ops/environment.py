"""The environment in which `make run` starts Airflow and the portal on one machine."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from moulouya.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[1]
USER = "admin"
PORTS = {"airflow": 8080, "portal": 8500}

# What was measured to matter on SQLite with a LocalExecutor; the environment may say otherwise.
TUNING = {
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__LAZY_LOAD_PLUGINS": "False",
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "30",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "180",
    "AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL": "error",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


class PortTaken(Exception):
    """A port that was asked for is in use; the message says which and how to choose another."""


@dataclass(frozen=True)
class Place:
    """Where this start keeps its state and where it is reached."""

    settings: Settings
    airflow_port: int
    portal_port: int
    password: str

    @property
    def state(self) -> Path:
        return state_of(self.settings)

    @property
    def airflow_url(self) -> str:
        return f"http://127.0.0.1:{self.airflow_port}"

    @property
    def portal_url(self) -> str:
        return f"http://127.0.0.1:{self.portal_port}"


def settings() -> Settings:
    """The settings in the environment; the workspace is this repository unless they say."""
    workspace = os.environ.get("MOULOUYA_WORKSPACE") or REPOSITORY
    return Settings(workspace=Path(workspace).absolute())


def state_of(settings: Settings) -> Path:
    """The folder with Airflow's database, logs and secrets."""
    return settings.state_root / "airflow"


def _kept(path: Path, fresh: dict[str, str]) -> dict[str, str]:
    """What the private file at `path` holds, completed by `fresh` values for absent keys."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    if not fresh.keys() <= kept.keys():
        kept = {**fresh, **kept}
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(kept, file)
        new.replace(path)
    return kept


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _port(name: str, last: int | None, taken: set[int]) -> int:
    """The port asked for in the environment, else the last one used, else the next free one."""
    variable = f"MOULOUYA_{name.upper()}_PORT"
    if asked := os.environ.get(variable):
        if not asked.isdigit() or not 0 < int(asked) < 65536:
            raise PortTaken(f"{variable}={asked} is not a port")
        if not _is_free(int(asked)):
            raise PortTaken(f"port {asked} ({variable}) is in use; stop what uses it or choose "
                            "another")  # fmt: skip
        return int(asked)
    for port in [*([last] if last else []), *range(PORTS[name], PORTS[name] + 100)]:
        if port not in taken and _is_free(port):
            return port
    raise PortTaken(f"no port from {PORTS[name]} to {PORTS[name] + 99} is free; set {variable}")


def prepare(settings: Settings) -> tuple[Place, dict[str, str]]:
    """Choose ports, make or find the secrets, and return the components' environment."""
    state = state_of(settings)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    ports_file = state / "ports.json"
    last = json.loads(ports_file.read_text()) if ports_file.exists() else {}
    airflow = _port("airflow", last.get("airflow"), set())
    portal = _port("portal", last.get("portal"), {airflow})
    ports_file.write_text(json.dumps({"airflow": airflow, "portal": portal}))
    passwords = _kept(state / "passwords.json", {USER: secrets.token_urlsafe(12)})
    place = Place(settings, airflow, portal, passwords[USER])
    return place, _environment(place)


def database_of(place: Place, patience: int) -> str:
    """The address of Airflow's database for a component that waits so many seconds for a lock."""
    return f"sqlite:///{place.state / 'airflow.db'}?timeout={patience}"


def _environment(place: Place) -> dict[str, str]:
    state = place.state
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    kept = _kept(
        state / "secrets.json",
        {"fernet": key, "jwt": secrets.token_hex(64), "session": secrets.token_hex(32)},
    )
    fixed = {
        "AIRFLOW_HOME": str(state),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple."
        "simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(state / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{place.airflow_url}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": kept["fernet"],
        "AIRFLOW__API_AUTH__JWT_SECRET": kept["jwt"],
        "AIRFLOW__API__SECRET_KEY": kept["session"],
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(place.airflow_port),
        "AIRFLOW__API__BASE_URL": place.airflow_url,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_of(place, 60),
        "MOULOUYA_WORKSPACE": str(place.settings.workspace_root),
        "MOULOUYA_LAKE": place.settings.lake_place,
        "MOULOUYA_STATE": str(place.settings.state_root),
        "MOULOUYA_PUBLIC_URL": os.environ.get("MOULOUYA_PUBLIC_URL") or place.portal_url,
        "MOULOUYA_AIRFLOW_URL": os.environ.get("MOULOUYA_AIRFLOW_URL") or place.airflow_url,
    }
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**TUNING, **inherited, **fixed}

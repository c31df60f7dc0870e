"""A process that publishes through the library and says so only after each call has returned.

    python publisher.py JOB.json        one script, then exit
    python publisher.py --zygote [MODULE…]  read jobs from stdin, run each in a child of its own

The zygote imports the library once, and modules that it is told of; a crash test forks it hundreds
of times. A job is
``{"lake", "workspace", "acks", "script": [[step, argument…]…], "log", "wait_for_tracer",
"forget", "limits", "tokens", "synced"}``: with ``tokens`` random names are the same in every run,
and into ``synced`` goes the inode of every file that was synced. Steps:

    light SLUG RUN [ROWS]   commit a small version of a dataset by ``versions.commit``
    note NAME               write a replaceable record by ``Lake.write``
    light-release           commit a release by ``release.commit`` with a small catalogue
    publish SLUG RUN        ``pipeline.publish`` of a run whose earlier steps are done
    release                 ``pipeline.release`` with the real catalogue
    read                    read the newest release under a lease
    gc                      clear away what has expired (of a lake of small versions)

A job with a ``command`` is a call of the command line instead, with these words; ``environment``
has its variables.

An acknowledgement is one line of JSON in the file ``acks``, written by one call.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import resource
import secrets
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import cache
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from moulouya import catalogue, cli, pipeline, release, retention, versions, workspace
from moulouya.errors import Conflict, MoulouyaError
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.storage import claims, crashpoints, files, leases
from moulouya.storage.files import canonical_json
from moulouya.storage.lake import Lake, open_lake

ATTEMPTS = 20
CLEAN, BUG = 3, 70


def light(lake: Lake, slug: str, run_id: str, rows: int = 20) -> dict[str, Any]:
    """Commit a version of a few kilobytes the way ``pipeline.publish`` does it."""
    for attempt in range(ATTEMPTS):
        try:
            with lake.locked(f"datasets-{slug}"):
                done = versions.of_run(lake, slug, run_id)
                if done is not None:
                    lake.settle(done.path)
                version = done or _commit(lake, slug, run_id, rows)
            return {"step": "version", "slug": slug, "run_id": run_id, "version": version.number}
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(0.01 * attempt)
    raise AssertionError("unreachable")


def _commit(lake: Lake, slug: str, run_id: str, rows: int) -> versions.Version:
    number = lake.free(lake.versions(slug))
    folder = lake.scratch(run_id) / "version"
    files.remove_tree(folder)
    with files.told_plainly(f"preparing {slug}"):
        folder.mkdir(parents=True)
        (folder / f"{slug}.parquet").write_bytes(table_of(slug, run_id, rows))
        files.write_file(folder / "validation.json", canonical_json({"success": True}))
        listed = [
            {"name": path.name, "media_type": "application/octet-stream",
             "bytes": path.stat().st_size, "sha256": files.sha256_of(path)}
            for path in sorted(folder.iterdir())
        ]  # fmt: skip
        record = {
            "format": 1, "slug": slug, "theme": "places", "version": number,
            "created": "2026-11-21T00:00:00Z", "run_id": run_id, "interval": None,
            "outcome": "published", "rows": rows, "rejected": 0, "files": listed,
            "snapshots": [], "inputs": {}, "recipe": "", "content_hash": run_id,
            "previous": number - 1 or None, "changes": None, "decision": None,
            "definition": {"retention": {"versions": 3}},
            "validation": {"success": True, "checks": 0, "failed": 0, "warnings": 0},
        }  # fmt: skip
        files.write_file(folder / "version.json", canonical_json(record))
    made = versions.commit(lake, slug, folder)
    files.remove_tree(lake.scratch(run_id))
    return made


def table_of(slug: str, run_id: str, rows: int) -> bytes:
    """Bytes that only this run can have written."""
    seed = hashlib.sha256(f"{slug}/{run_id}".encode()).hexdigest()
    return b"".join(f"{slug},{run_id},{n},{seed}\n".encode() for n in range(rows))


def light_catalogue(*given: Any, **named: Any) -> None:
    """Write a catalogue of one file: its number, and which version each dataset has."""
    every = [*given, *named.values()]
    folder = next(one for one in reversed(every) if isinstance(one, Path))
    plan = next(one for one in every if isinstance(one, release.Plan))
    listed = {slug: dataset["version"] for slug, dataset in plan.datasets.items()}
    named = {"release": plan.number, "datasets": listed}
    (folder / "catalogue.duckdb").write_bytes(canonical_json(named))


def play(
    script: list[list[Any]], settings: Settings, acknowledge: Callable[[dict[str, Any]], None]
) -> None:
    """Run the steps of a script; each is acknowledged after its call returned."""
    for step, *arguments in script:
        acknowledge(_step(step, arguments, settings))


def read(lake: Lake) -> dict[str, Any]:
    """Read the newest release as a reader with a lease does."""
    newest = release.current(lake)
    assert newest is not None
    leases.hold(lake, newest.number).give_back()
    return {"step": "read", "release": newest.number}


def note(lake: Lake, name: str) -> dict[str, Any]:
    """Write a record that a later one may replace, as the decision of a person is."""
    path = lake.quarantine("a") / f"{name}.decision.json"
    data = canonical_json({"format": 1, "decision": "rejected", "reason": name})
    lake.write(path, data)
    sha256 = hashlib.sha256(data).hexdigest()
    return {"step": "note", "path": str(path.relative_to(lake.root)), "sha256": sha256}


@cache
def region_of(root: Path) -> Region:
    """The region of a workspace, read once."""
    return workspace.load(root).region


def _step(step: str, arguments: list[Any], settings: Settings) -> dict[str, Any]:
    if step == "light":
        return light(open_lake(settings), *arguments)
    if step == "light-release":
        lake = open_lake(settings)
        region = region_of(settings.workspace_root)
        made, _ = release.commit(lake, region, settings.public_url, light_catalogue)
        return {"step": "release", "release": made.number}
    if step == "note":
        return note(open_lake(settings), *arguments)
    if step == "read":
        return read(open_lake(settings))
    if step == "publish":
        slug, run_id = arguments
        ended = pipeline.publish(settings, slug, run_id)
        return {"step": ended["outcome"], "slug": slug, "run_id": run_id,
                "version": ended["version"]}  # fmt: skip
    if step == "release":
        return {"step": "release", "release": pipeline.release(settings)["release"]}
    if step == "gc":
        # What is small has no table from which the real catalogue could be made.
        catalogue.build = light_catalogue
        retention.collect(settings)
        return {"step": "gc"}
    raise ValueError(f"no step {step!r}")


def acknowledge_in(path: Path) -> Callable[[dict[str, Any]], None]:
    """Append acknowledgements to a file, each by one call of the system."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def call(record: dict[str, Any]) -> None:
        os.write(descriptor, json.dumps({**record, "writer": os.getpid()}).encode() + b"\n")

    return call


def syncs(source: str) -> list[int]:
    """The lines of a module on which a call makes something durable."""
    names = ("sync_file", "sync_directory", "fsync")
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", getattr(node.value.func, "attr", "")) in names
    ]


def forget_syncs(module: Any, lines: list[int]) -> None:
    """Let a module forget syncs: every function of it gets the code without those lines."""
    source = inspect.getsource(module)

    class Forget(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.AST:
            is_it = node.lineno in lines and isinstance(node.value, ast.Call)
            return ast.copy_location(ast.Pass(), node) if is_it else node

    # Only the code is exchanged: modules above have imported these very functions.
    made: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    exec(compile(Forget().visit(ast.parse(source)), module.__file__, "exec"), made)
    for name, function in vars(module).items():
        own = getattr(function, "__module__", "") == module.__name__
        if own and inspect.isfunction(function) and not hasattr(function, "__wrapped__"):
            function.__code__ = made[name].__code__


def name_alike(seed: str) -> None:
    """Give random names that are the same in every run."""
    numbers = count()

    def token_hex(bytes_: int = 32) -> str:
        drawn = hashlib.sha256(f"{seed} {next(numbers)}".encode()).hexdigest()
        return drawn[: 2 * bytes_]

    secrets.token_hex = token_hex
    pipeline.new_run_id = lambda slug: f"{slug}-alike"


def note_syncs(path: Path) -> None:
    """Note the inode of every file that is synced, where the kernel tells it."""
    noted = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        sync(descriptor)
        told = Path(f"/proc/self/fdinfo/{descriptor}").read_text().split()
        if "ino:" in told:
            os.write(noted, told[told.index("ino:") + 1].encode() + b"\n")

    os.fsync = fsync


def command(words: list[str], environment: dict[str, str]) -> int:
    """Run the command line as a shell would; its exit code."""
    os.environ.update(environment)
    sys.argv = ["moulouya", *words]
    try:
        cli.app()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def settings_of(job: dict[str, Any]) -> Settings:
    """The settings of a job: everything beside the lake, one thread."""
    lake = job["lake"] if job["lake"].startswith("s3://") else Path(job["lake"])
    return Settings(
        workspace=Path(job["workspace"]),
        lake=lake,
        state=Path(job.get("state") or f"{lake}.state"),
        threads=1,
        **job.get("settings", {}),
    )


def run(job: dict[str, Any]) -> int:
    """Run one job in this process; the exit code."""
    if job.get("forget"):
        forget_syncs(files, job["forget"])
    if job.get("abort_at"):
        crashpoints._wanted = job["abort_at"]
    if job.get("tokens"):
        name_alike(job["tokens"])
    if job.get("synced"):
        note_syncs(Path(job["synced"]))
    for name, value in job.get("claims", {}).items():
        setattr(claims, name, value)
    acknowledge = acknowledge_in(Path(job["acks"]))
    for name, limit in job.get("limits", {}).items():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(getattr(resource, name), (limit, limit))
    if job.get("wait_for_tracer"):
        while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
            time.sleep(0.001)
    try:
        if job.get("command"):
            return command(job["command"], job["environment"])
        play(job["script"], settings_of(job), acknowledge)
    except MoulouyaError as error:
        told = {"code": error.code, "message": error.message, "hint": error.hint}
        print(json.dumps({"error": told}), flush=True)
        return error.exit_code
    except Exception:  # noqa: BLE001  # a fault of the library: the test is told of it
        traceback.print_exc()
        return BUG
    return 0


def zygote() -> None:
    """Fork a child for every job on stdin; say its pid, then how it ended.

    A detached child is left alone: its log says how it ended.
    """
    for line in sys.stdin:
        job = json.loads(line)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN if job.get("detached") else signal.SIG_DFL)
        child = os.fork()
        if child == 0:
            output = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(output, 1)
            os.dup2(output, 2)
            code = BUG
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                code = run(job)
                print(json.dumps({"exit": code}))
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        print(json.dumps({"pid": child}), flush=True)
        if job.get("detached"):
            continue
        _, status = os.waitpid(child, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--zygote":
        for module in sys.argv[2:]:
            import_module(module)
        zygote()
    else:
        sys.exit(run(json.loads(Path(sys.argv[1]).read_text())))

"""Runs the snippets of a page one after the other, as a reader would, in one process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from pages import Fence
from typer.testing import CliRunner

from moulouya import duck
from moulouya.cli import app
from moulouya.definition import Definition
from moulouya.expectations import ExpectationSuiteFile
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.web.politeness import Politeness
from small_workspace import REGION, SmallWorkspace

MODELS = {"dataset": Definition, "region": Region, "expectations": ExpectationSuiteFile}
WORD = {"ar": "كلمة", "fr": "mot", "en": "word"}
LEAST = {
    "dataset": {
        "title": WORD,
        "description": WORD,
        "row_is": WORD,
        "publisher": "office",
        "source": {"kind": "file", "path": "data.csv", "format": "csv"},
        "key": ["code"],
        "columns": {"code": {"type": "text", "title": WORD, "description": WORD}},
    }
}
SHELL = ("cat ", "cp ", "ls ", "mkdir ", "mv ", "sed ")


class Snippets:
    """A reader at a terminal: a folder, what was exported, and the last output."""

    def __init__(self, folder: Path, replaced: dict[str, str]) -> None:
        self.folder = folder
        self.replaced = replaced
        self.names: dict[str, Any] = {}
        self.output = ""

    def run(self, fence: Fence) -> None:
        """Do with one snippet what its language and tags ask for; asserts what it promises."""
        text = self._real(fence.text)
        if "no-run" in fence.tags:
            return
        if "file" in fence.tags:
            path = self.folder / fence.tags["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        with contextlib.chdir(self.folder):
            getattr(self, f"_{fence.language}")(fence, text)

    def _real(self, text: str) -> str:
        for shown, real in self.replaced.items():
            text = text.replace(shown, real)
        return text

    def _shown(self, text: str) -> str:
        for shown, real in self.replaced.items():
            text = text.replace(real, shown)
        return text

    def _console(self, fence: Fence, text: str) -> None:
        expected_code = int(fence.tags.get("exit", 0))
        for command, expected in commands(fence.text):
            code, self.output = self._command(self._real(command))
            said = f"{fence.place}: $ {command}\n{self.output}"
            assert code == expected_code, f"exit code {code}\n{said}"
            if expected:
                compare(expected, self._shown(self.output), said)

    def _command(self, command: str) -> tuple[int, str]:
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            os.environ[name] = value.strip("\"'")
            return 0, ""
        words = shlex.split(command)
        if words[0].removeprefix(".venv/bin/") == "moulouya":
            return invoke(words[1:])
        assert command.startswith(SHELL), f"no command that a snippet may run: {command}"
        done = subprocess.run(["sh", "-ec", command], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def _python(self, fence: Fence, text: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(text, fence.place, "exec"), self.names)
        self.output = printed.getvalue()

    def _sql(self, fence: Fence, text: str) -> None:
        if "attach" in fence.tags:
            self.output = self._attached(text)
            return
        code, self.output = invoke(["sql", text])
        assert code == 0, f"{fence.place}\n{self.output}"

    def _attached(self, text: str) -> str:
        """A plain DuckDB with httpfs from its wheel, which is there without a network."""
        con = self.names.setdefault(" attached", duckdb.connect())
        duck.load_extension(con, "httpfs")
        shown = ""
        for statement in duckdb.extract_statements(text):
            query = statement.query.strip()
            if not query.upper().startswith(("INSTALL ", "LOAD ")):
                relation = con.sql(query)
                shown = "" if relation is None else str(relation)
        return shown

    def _yaml(self, fence: Fence, text: str) -> None:
        if "source" in fence.tags:
            self._source(fence, text)
            return
        value = yaml.safe_load(text)
        if "into" in fence.tags:
            path = self.folder / fence.tags["into"]
            merged = merge(yaml.safe_load(path.read_text(encoding="utf-8")), value)
            path.write_text(yaml.safe_dump(merged, allow_unicode=True, sort_keys=False))
            return
        part = fence.tags["part"]
        whole = value if "whole" in fence.tags else {**LEAST[part], **value}
        MODELS[part].model_validate(whole)

    def _source(self, fence: Fence, text: str) -> None:
        """Publish a dataset from the snippet's source, played by a server of its own."""
        folder = self.folder / f"source-{fence.line}"
        folder.mkdir()
        server = import_module(f"servers.{fence.tags['source']}")
        with server.serve(folder) as played, pytest.MonkeyPatch.context() as patch:
            # Who plays the source needs no pauses between requests; tests/web holds them.
            patch.setattr(Politeness, "wait", lambda *_: None)
            for shown, real in played.items():
                if shown.isupper():
                    patch.setenv(shown, real)
                else:
                    text = text.replace(shown, real)
            workspace = SmallWorkspace(folder, Settings(workspace=folder))
            workspace.write_yaml("region.yml", REGION)
            value = yaml.safe_load(text)
            described = {"title": WORD, "description": WORD}
            columns = {name: described | one for name, one in value["columns"].items()}
            whole = {**LEAST["dataset"], **value, "columns": columns}
            workspace.write_yaml("datasets/places/sample.yml", whole)
            code, self.output = invoke(["run", "sample", "--workspace", str(folder)])
        assert code == 0, f"{fence.place}\n{self.output}"

    def _json(self, fence: Fence, text: str) -> None:
        written = json.loads(text)
        files = sorted(self.folder.glob(fence.tags["like"]))
        assert files, f"{fence.place}: no file is like {fence.tags['like']}"
        found = [json.loads(path.read_bytes()) for path in files]
        said = f"{fence.place}: other keys than in {json.dumps(found)[:2000]}"
        assert any(same_keys(written, one) for one in found), said

    def _text(self, fence: Fence, text: str) -> None:
        if "output" in fence.tags:
            compare(fence.text.splitlines(), self._shown(self.output), fence.place)


def invoke(words: list[str]) -> tuple[int, str]:
    """Run ``moulouya`` in this process; returns its exit code and what it printed."""
    kept, sys.argv = sys.argv, ["moulouya", *words]
    try:
        result = CliRunner().invoke(app, words)
    finally:
        sys.argv = kept
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console snippet with the output that is shown below it."""
    command, expected = "", []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, expected
            command, expected = line.removeprefix("$ "), []
        elif line.startswith("> ") and command.endswith("\\"):
            command = command.removesuffix("\\") + line.removeprefix("> ")
        else:
            assert command, f"output before the first command: {line}"
            expected.append(line)
    yield command, expected


def compare(expected: list[str], output: str, said: str) -> None:
    """Hold an output against the shown one: ``…`` is any text, alone on a line any lines."""
    wanted = [line.rstrip() for line in expected if line.strip()]
    found = [line.rstrip() for line in output.splitlines() if line.strip()]
    pattern = "".join(
        "(?:.*\n)*?" if line.strip() == "…" else ".*?".join(map(re.escape, line.split("…"))) + "\n"
        for line in wanted
    )
    matched = re.fullmatch(pattern, "".join(f"{line}\n" for line in found))
    shown, real = "\n".join(wanted), "\n".join(found)
    assert matched, f"{said}\n--- the page shows\n{shown}\n--- the output is\n{real}"


def same_keys(written: Any, real: Any) -> bool:
    """Whether a shown record has the keys of a real one, at any depth; ``…`` stands for a value.

    Of a list, the first item shown is like one of the real ones.
    """
    if written == "…" or written == ["…"]:
        return True
    if isinstance(written, dict) and isinstance(real, dict):
        return written.keys() == real.keys() and all(
            same_keys(written[key], real[key]) for key in written
        )
    if isinstance(written, list) and isinstance(real, list):
        return not written or not real or any(same_keys(written[0], one) for one in real)
    return not isinstance(written, dict) and not isinstance(real, dict)


def merge(base: Any, more: Any) -> Any:
    """A mapping with another laid over it; mappings inside are merged, other values replaced."""
    if not isinstance(base, dict) or not isinstance(more, dict):
        return more
    return base | {key: merge(base.get(key), value) for key, value in more.items()}

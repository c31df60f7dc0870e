"""The catalogue for programs of the Model Context Protocol, by the protocol's own client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import httpx
import pytest
from mcp import Client as Program

from . import lakes
from .conftest import free_port, servers

# The handshake of revisions before 2026-07-28, and the single exchange of that one.
MODES: tuple[Literal["legacy", "auto"], ...] = ("legacy", "auto")


@pytest.fixture(scope="module")
def address(pristine: lakes.Built) -> Iterator[str]:
    with servers() as start:
        yield start(pristine, free_port()).url + "/mcp"


def with_program(
    address: str, work: Callable[[Program], Awaitable[Any]], mode: str = "auto"
) -> Any:
    async def run() -> Any:
        async with Program(address, mode=mode, read_timeout_seconds=60) as program:
            return await work(program)

    return asyncio.run(run())


def called(address: str, tool: str, mode: str = "auto", **arguments: Any) -> Any:
    """What a tool answers; its message where it refuses."""
    answer = with_program(address, lambda one: one.call_tool(tool, arguments), mode)
    text = answer.content[0].text
    return text if answer.is_error else json.loads(text)


@pytest.mark.parametrize("mode", MODES)
def test_a_program_learns_what_it_can_do(address: str, mode: str) -> None:
    listed = with_program(address, lambda one: one.list_tools(), mode)
    assert {tool.name for tool in listed.tools} == {
        "search_datasets", "describe_dataset", "sample_rows", "run_sql"
    }  # fmt: skip
    for tool in listed.tools:
        assert tool.description
        assert tool.annotations.read_only_hint
        for name, said in tool.input_schema["properties"].items():
            assert said["description"], name


@pytest.mark.parametrize("mode", MODES)
def test_from_words_to_figures(address: str, mode: str) -> None:
    found = called(address, "search_datasets", mode, query="السكان", language="fr")
    assert found["datasets"][0]["dataset"] == "communes"
    told = called(address, "describe_dataset", mode, dataset="communes", language="ar")
    columns = {column["name"]: column for column in told["columns"]}
    assert columns["population"]["title"]
    assert "Version 1" in told["citation"] or "1" in told["citation"]
    assert told["licence"] == "ODbL-1.0"
    seen = called(address, "sample_rows", mode, dataset=told["table"], rows=1)
    assert len(seen["rows"]) == 1
    counted = called(address, "run_sql", mode, sql=f"SELECT sum(population) FROM {told['table']}")
    assert counted["release"] == told["release"] == found["release"]
    assert counted["rows"][0][0] > 0
    assert counted["truncated"] is False


def test_a_long_result_says_that_it_is_cut(address: str) -> None:
    found = called(address, "run_sql", sql="SELECT * FROM range(100)", limit=3)
    assert len(found["rows"]) == 3
    assert found["truncated"] is True


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("run_sql", {"sql": "SELECT popluation FROM demography.communes"}, "population"),
        ("run_sql", {"sql": "SELECT *\nFRM demography.communes"}, "line 2, column 5"),
        ("run_sql", {"sql": "SELECT * FROM comunes"}, "does not exist. "),
        ("run_sql", {"sql": "SELECT 1; SELECT 2"}, "one"),
        ("run_sql", {"sql": "COPY (SELECT 1) TO '/tmp/out.csv'"}, "read"),
        ("run_sql", {"sql": "SELECT * FROM read_text('/etc/passwd')"}, ""),
        ("describe_dataset", {"dataset": "comunes"}, "communes"),
        ("search_datasets", {"theme": "demografy"}, "demography"),
        ("sample_rows", {"dataset": "communes", "rows": 5000}, "100"),
    ],
)
def test_what_is_wrong_is_told_with_what_helps(
    address: str, tool: str, arguments: dict[str, Any], told: str
) -> None:
    said = called(address, tool, **arguments)
    assert isinstance(said, str), said
    assert told in said
    assert "root:" not in said
    assert "Traceback" not in said


def test_a_dataset_is_a_resource(address: str) -> None:
    read = with_program(address, lambda one: one.read_resource("moulouya://datasets/density"))
    assert json.loads(read.contents[0].text)["dataset"] == "density"


def test_other_requests_are_refused_and_sites_may_ask(address: str) -> None:
    refused = httpx.get(address)
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST, OPTIONS"
    asked = httpx.options(address, headers={"Origin": "https://example.org"})
    assert asked.headers["access-control-allow-origin"] == "*"
    broken = httpx.post(address, content=b"{", headers={"Content-Type": "application/json",
        "Accept": "application/json, text/event-stream"})  # fmt: skip
    assert broken.status_code == 400
    assert broken.headers["access-control-allow-origin"] == "*"
    large = httpx.post(
        address, content=b" " * 300_000, headers={"Content-Type": "application/json"}
    )
    assert large.status_code == 413


def test_many_programs_are_answered_at_once(address: str) -> None:
    async def run() -> list[Any]:
        async with Program(address) as one, Program(address) as other:
            calls = [
                program.call_tool("run_sql", {"sql": f"SELECT {number}"})
                for number in range(6)
                for program in (one, other)
            ]
            return await asyncio.gather(*calls)

    answers = [json.loads(one.content[0].text)["rows"][0][0] for one in asyncio.run(run())]
    assert answers == [number for number in range(6) for _ in range(2)]

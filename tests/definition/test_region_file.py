"""region.yml: what the code must know of a place, and what is wrong with it."""

from __future__ import annotations

import pytest

from moulouya.errors import DefinitionError
from small_workspace import REGION, SmallWorkspace


def faults_of(workspace: SmallWorkspace) -> list[tuple[str, str, str | None]]:
    with pytest.raises(DefinitionError) as caught:
        workspace.load()
    return [(fault.key, fault.message, fault.hint) for fault in caught.value.faults]


def test_a_folder_without_region_yml_says_how_to_point_to_one(workspace):
    (workspace.root / "region.yml").unlink()
    with pytest.raises(DefinitionError, match=r"region\.yml:1: there is no region\.yml") as caught:
        workspace.load()
    assert "MOULOUYA_WORKSPACE" in str(caught.value.hint)
    assert caught.value.exit_code == 2


def test_an_unknown_licence_names_the_close_one(workspace):
    workspace.write_yaml("region.yml", {**REGION, "licence": "CC-BY-4"})
    assert faults_of(workspace) == [
        ("licence", "unknown licence 'CC-BY-4'; did you mean 'CC-BY-4.0'?", None)
    ]


def test_every_fault_is_told_at_once(workspace):
    region = {**REGION, "publishers": {}, "tittle": "x", "languages": ["fr", "de"]}
    del region["contact"]
    workspace.write_yaml("region.yml", region)
    found = {key: (message, hint) for key, message, hint in faults_of(workspace)}
    assert found.keys() == {"contact", "publishers", "tittle", "languages.1"}
    assert found["tittle"] == ("unknown key", "did you mean 'title'?")
    assert found["contact"] == ("is missing", None)


def test_a_code_that_yaml_reads_as_a_number_must_be_quoted(workspace):
    workspace.write_yaml("region.yml", {**REGION, "place": {**REGION["place"], "code": 2}})
    assert faults_of(workspace) == [("place.code", "must be text", 'write it in quotes: "2"')]


def test_a_text_needs_its_three_languages(workspace):
    workspace.write_yaml("region.yml", {**REGION, "title": {"ar": "س", "fr": " "}})
    assert [key for key, *_ in faults_of(workspace)] == ["title.en", "title.fr"]

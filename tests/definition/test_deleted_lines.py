"""Deleting any one line of a real definition never crashes the check."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from moulouya import workspace as workspaces
from moulouya.errors import DefinitionError, Fault

FILES = (
    "datasets/agriculture/soil_sites.yml",
    "transforms/territory/places.sql",
    "transforms/agriculture/soil_sites.py",
)


def faults_of(root: Path, slug: str) -> list[Fault]:
    try:
        workspaces.load_one(root, slug)
    except DefinitionError as error:
        return error.faults
    return []


@pytest.mark.parametrize("name", FILES)
def test_without_any_one_line_it_passes_or_says_where_the_fault_is(repository, tmp_path, name):
    shutil.copy(repository / "region.yml", tmp_path)
    for shelf in ("datasets", "transforms", "expectations"):
        if (repository / shelf).is_dir():
            shutil.copytree(repository / shelf, tmp_path / shelf)
    path = tmp_path / name
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert faults_of(tmp_path, path.stem) == []
    faulty = 0
    for number in range(len(lines)):
        path.write_text("".join(lines[:number] + lines[number + 1 :]), encoding="utf-8")
        faults = faults_of(tmp_path, path.stem)
        faulty += bool(faults)
        for fault in faults:
            assert fault.file.is_file()
            size = len(fault.file.read_text(encoding="utf-8").splitlines())
            assert 1 <= fault.line <= max(size, 1), (number + 1, lines[number], fault)
            assert fault.message
    assert faulty > len(lines) / (3 if name.endswith(".yml") else 20)


def test_without_any_one_line_the_region_passes_or_says_where_the_fault_is(repository, tmp_path):
    path = tmp_path / "region.yml"
    lines = (repository / "region.yml").read_text(encoding="utf-8").splitlines(keepends=True)
    faulty = 0
    for number in range(len(lines)):
        path.write_text("".join(lines[:number] + lines[number + 1 :]), encoding="utf-8")
        faults: list[Fault] = []
        try:
            workspaces.load(tmp_path)
        except DefinitionError as error:
            faults = error.faults
        faulty += bool(faults)
        assert all(1 <= fault.line < len(lines) and fault.message for fault in faults)
    assert faulty > len(lines) / 3

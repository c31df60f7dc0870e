"""SDMX in XML, JSON and CSV: one row an observation, every value as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sdmx_messages import Series, Texts, envelope, generic, in_json, rows, specific

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers import sdmx
from moulouya.readers.table import Malformed

RATES = [
    Series(
        {"FREQ": "M", "CURRENCY": "MAD"},
        {"TITLE": "Dirham, en dh < 10"},
        [
            {"TIME_PERIOD": "2026-09", "OBS_VALUE": "9.9500", "OBS_STATUS": "A"},
            {"TIME_PERIOD": "2026-10", "OBS_VALUE": "NaN"},
        ],
    ),
    Series(
        {"FREQ": "M", "CURRENCY": "USD"},
        {"UNIT": "درهم"},
        [{"TIME_PERIOD": "2026-09", "OBS_VALUE": "1E-3", "OBS_STATUS": "E"}],
    ),
]
Read = Callable[..., tuple[list[Texts], list[Malformed]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read messages; gives the rows without their empty columns, and the broken ones."""
    number = 0

    def call(*contents: str | bytes | Path) -> tuple[list[Texts], list[Malformed]]:
        nonlocal number
        files = []
        for content in contents:
            number += 1
            path = content if isinstance(content, Path) else tmp_path / f"message-{number}"
            if not isinstance(content, Path):
                path.write_bytes(content.encode() if isinstance(content, str) else content)
            files.append(path)
        with duckdb.connect() as con:
            scratch = tmp_path / f"scratch-{number}"
            scratch.mkdir()
            table = sdmx.read(con, files, Reading(format="sdmx"), scratch)
            assert not table.types
            listed = ", ".join(table.expressions.values())
            found = con.execute(f"SELECT {listed} FROM {table.relation}").fetchall()
            said = table.malformed()
        return [
            {
                name: text
                for name, text in zip(table.expressions, row, strict=True)
                if text is not None
            }
            for row in found
        ], said

    return call


@pytest.mark.parametrize(
    "message",
    [generic(RATES), specific(RATES), *(in_json(RATES, form) for form in ("draft", "1.0", "2.0"))],
    ids=["generic", "specific", "json draft", "json 1.0", "json 2.0"],
)
def test_an_observation_is_a_row_with_everything_said_of_it(message: str, read: Read) -> None:
    assert read(message) == (rows(RATES), [])


def test_structure_specific_data_of_version_3_are_read_alike(read: Read) -> None:
    assert read(specific(RATES).replace("v2_1/", "v3_0/")) == (rows(RATES), [])


names = st.from_regex(r"[A-Z][A-Z0-9_]{0,7}", fullmatch=True).filter(
    lambda name: name not in ("TIME_PERIOD", "OBS_VALUE")
)
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=9
)
numbers = st.one_of(st.none(), st.from_regex(r"-?[1-9][0-9]{0,20}(\.[0-9]{1,9})?", fullmatch=True))


@st.composite
def several_series(draw: Any) -> list[Series]:
    every = draw(st.lists(names, min_size=3, max_size=6, unique=True))
    keys, shared, own = every[:1], every[1:2], every[2:]
    periods = st.from_regex(r"20[0-9]{2}-(0[1-9]|1[0-2])", fullmatch=True)
    made = []
    for code in draw(st.lists(texts.filter(bool), min_size=1, max_size=4, unique=True)):
        observations = []
        for period in draw(st.lists(periods, min_size=1, max_size=4, unique=True)):
            number = draw(numbers)
            some = {name: draw(texts) for name in own if draw(st.booleans())}
            value = {} if number is None else {"OBS_VALUE": number}
            observations.append({"TIME_PERIOD": period, **value, **some})
        attributes = {name: draw(texts) for name in shared if draw(st.booleans())}
        made.append(Series(dict.fromkeys(keys, code), attributes, observations))
    return made


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(several_series())
def test_every_representation_gives_the_same_texts(read: Read, series: list[Series]) -> None:
    messages = [generic(series), specific(series), in_json(series, "1.0"), in_json(series, "2.0")]
    for message in messages:
        assert read(message) == (rows(series), [])


DAMAGE = ["", "1", "null", '"', "<a/>", ">", "{}", "[]", "\0", "\ufffe", "9" * 30]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from([generic(RATES), specific(RATES), in_json(RATES), in_json(RATES, "2.0")]),
    st.floats(0, 1),
    st.integers(0, 12),
    st.sampled_from(DAMAGE),
)
def test_a_damaged_message_ends_in_rows_or_in_a_typed_error(
    read: Read, message: str, place: float, length: int, damage: str
) -> None:
    at = int(place * len(message))
    with suppress(ReadError):
        read(message[:at] + damage + message[at + length :])


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document that holds something: the container, and the key in it."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _nodes(value[key])


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(["draft", "1.0", "2.0"]),
    st.integers(0, 10_000),
    st.sampled_from([None, 1, -1, 1.5, True, "x", {}, [], [None], {"a": None}]),
)
def test_json_with_something_else_somewhere_ends_in_rows_or_in_a_typed_error(
    read: Read, form: str, place: int, other: Any
) -> None:
    document = json.loads(in_json(RATES, form))
    places = list(_nodes(document))
    container, key = places[place % len(places)]
    container[key] = other
    with suppress(ReadError):
        read(json.dumps(document))


@pytest.mark.parametrize("write", [generic, specific])
def test_values_are_those_that_the_standards_own_library_finds(
    write: Callable[[list[Series]], str], read: Read, tmp_path: Path
) -> None:
    path = tmp_path / "message.xml"
    path.write_text(write(RATES), encoding="utf-8")
    assert _flat(read(path)[0]) == _flat(_by_the_library(path))


def test_a_recorded_answer_is_read_as_the_standards_own_library_reads_it(
    read: Read, shared_data: Path
) -> None:
    path = shared_data / "api" / "sdmx_insee_ipi_2010_a21.xml"
    found, malformed = read(path)
    assert malformed == []
    assert len(found) == 3230
    assert _flat(found) == _flat(_by_the_library(path))


def _by_the_library(path: Path) -> list[Texts]:
    import sdmx as library

    found = []
    with path.open("rb") as file:
        message = library.read_sdmx(file)
    for dataset in message.data:
        for one in dataset.obs:
            parts = [
                one.series_key.values.items() if one.series_key else (),
                one.dimension.values.items(),
            ]
            row = {name: str(value.value) for part in parts for name, value in part}
            said = [one.series_key.attrib if one.series_key else {}, one.attached_attribute]
            row |= {name: str(value.value) for part in said for name, value in part.items()}
            found.append(row | {"OBS_VALUE": str(one.value)})
    return found


def _flat(found: list[Texts]) -> list[list[tuple[str, str]]]:
    return sorted(sorted(row.items()) for row in found)


def test_a_number_in_json_stays_as_it_was_written(read: Read) -> None:
    message = in_json(RATES[:1], "1.0").replace('["9.9500"', "[9.9500")
    assert read(message)[0][0]["OBS_VALUE"] == "9.9500"


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_the_encoding_that_the_xml_declares_counts(encoding: str, read: Read) -> None:
    series = [Series({"A": "é"}, {}, [{"TIME_PERIOD": "2026", "OBS_VALUE": "1"}])]
    message = specific(series).replace("UTF-8", encoding).encode(encoding)
    assert read(message)[0] == rows(series)


def test_several_files_make_one_table(read: Read) -> None:
    assert read(generic(RATES[:1]), specific(RATES[1:]))[0] == rows(RATES)
    assert read(in_json(RATES[:1]), in_json(RATES[1:], "2.0"))[0] == rows(RATES)


def test_files_in_different_representations_are_refused(read: Read) -> None:
    with pytest.raises(ReadError, match="SDMX-JSON and SDMX-ML"):
        read(generic(RATES), in_json(RATES))


def test_csv_keeps_its_columns(read: Read) -> None:
    message = "DATAFLOW,FREQ,TIME_PERIOD,OBS_VALUE\nBANK:EXR(1.0),M,2026-09,9.9500\n"
    assert read(message)[0] == [
        {"DATAFLOW": "BANK:EXR(1.0)", "FREQ": "M", "TIME_PERIOD": "2026-09", "OBS_VALUE": "9.9500"}
    ]


GROUP = (
    '<g:Group type="Sibling"><g:GroupKey><g:Value id="CURRENCY" value="MAD"/></g:GroupKey>'
    '<g:Attributes><g:Value id="DECIMALS" value="4"/></g:Attributes></g:Group>'
)


@pytest.mark.parametrize(
    "message",
    [
        generic(RATES, f'<g:Attributes><g:Value id="SOURCE" value="BANK"/></g:Attributes>{GROUP}'),
        specific(
            RATES,
            '<Group xsi:type="ns:Sibling" CURRENCY="MAD" DECIMALS="4"/>',
            own=' SOURCE="BANK" xsi:type="ns:DataSetType"',
        ),
    ],
    ids=["generic", "specific"],
)
def test_attributes_of_groups_and_data_sets_reach_their_observations(
    message: str, read: Read
) -> None:
    wanted = [{**row, "SOURCE": "BANK"} for row in rows(RATES)]
    for row in wanted[:2]:
        row["DECIMALS"] = "4"
    assert read(message) == (wanted, [])


def test_an_attribute_may_be_a_groups_here_and_a_series_there(read: Read) -> None:
    message = specific(RATES, '<Group xsi:type="ns:Sibling" CURRENCY="USD" TITLE="Dollar"/>')
    found, malformed = read(message)
    assert malformed == []
    assert [row["TITLE"] for row in found] == ["Dirham, en dh < 10"] * 2 + ["Dollar"]


def test_flat_observations_have_all_their_dimensions(read: Read) -> None:
    header = '<m:Structure structureID="S" dimensionAtObservation="AllDimensions"/>'
    wanted = [{"FREQ": "M", "TIME_PERIOD": "2026", "OBS_VALUE": "5"}]
    inside = '<m:DataSet ss:structureRef="S"><Obs FREQ="M" TIME_PERIOD="2026" OBS_VALUE="5"/>'
    message = envelope("StructureSpecificData", f"{inside}</m:DataSet>", header)
    assert read(message) == (wanted, [])
    inside = (
        '<m:DataSet structureRef="S"><g:Obs><g:ObsKey><g:Value id="FREQ" value="M"/>'
        '<g:Value id="TIME_PERIOD" value="2026"/></g:ObsKey><g:ObsValue value="5"/></g:Obs>'
    )
    assert read(envelope("GenericData", f"{inside}</m:DataSet>", header)) == (wanted, [])


def test_another_dimension_than_time_may_tell_observations_apart(read: Read) -> None:
    header = '<m:Structure structureID="S" dimensionAtObservation="CURRENCY"/>'
    inside = (
        '<m:DataSet structureRef="S"><g:Series><g:SeriesKey><g:Value id="TIME_PERIOD" '
        'value="2026"/></g:SeriesKey><g:Obs><g:ObsDimension value="MAD"/><g:ObsValue value="5"/>'
        "</g:Obs></g:Series></m:DataSet>"
    )
    wanted = [{"TIME_PERIOD": "2026", "CURRENCY": "MAD", "OBS_VALUE": "5"}]
    assert read(envelope("GenericData", inside, header)) == (wanted, [])


def test_a_data_set_whose_structure_the_header_does_not_have_is_refused(read: Read) -> None:
    header = (
        '<m:Structure structureID="A" dimensionAtObservation="AREA"/>'
        '<m:Structure structureID="B" dimensionAtObservation="TIME_PERIOD"/>'
    )
    with pytest.raises(ReadError, match="structure 'S'"):
        read(generic(RATES, header=header))


def test_an_explicit_measure_is_told_by_the_type_of_the_observation(read: Read) -> None:
    header = (
        '<m:Structure structureID="S" dimensionAtObservation="MEASURE" explicitMeasure="true"/>'
    )
    inside = (
        '<m:DataSet ss:structureRef="S"><Series TIME_PERIOD="2026"><Obs xsi:type="ns:RAIN" '
        'OBS_VALUE="5"/></Series></m:DataSet>'
    )
    wanted = [{"TIME_PERIOD": "2026", "MEASURE": "RAIN", "OBS_VALUE": "5"}]
    assert read(envelope("StructureSpecificData", inside, header)) == (wanted, [])


def test_annotations_are_no_values(read: Read) -> None:
    note = (
        "<c:Annotations><c:Annotation><c:AnnotationText>Obs</c:AnnotationText></c:Annotation>"
        "</c:Annotations>"
    )
    message = generic(RATES).replace("<g:SeriesKey>", f"{note}<g:SeriesKey>")
    assert read(message) == (rows(RATES), [])


@pytest.mark.parametrize(
    ("change", "line", "reason"),
    [
        (('TIME_PERIOD="2026-10"', ""), 5, "it has no TIME_PERIOD"),
        (('TIME_PERIOD="2026-10"', 'TIME_PERIOD="2026-10" FREQ="A"'), 5, "two values of FREQ"),
    ],
)
def test_an_observation_that_contradicts_itself_is_set_apart_with_its_line(
    change: tuple[str, str], line: int, reason: str, read: Read
) -> None:
    found, (bad,) = read(specific(RATES).replace(*change))
    assert found == [row for row in rows(RATES) if row["TIME_PERIOD"] != "2026-10"]
    assert bad.line == line
    assert reason in bad.reason
    assert "NaN" in bad.original


LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<m:GenericData xmlns:m='x'>&b;</m:GenericData>"
)
EXTERNAL = (
    '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
    "<m:GenericData xmlns:m='x'>&secret;</m:GenericData>"
)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (LAUGHS, "document type or entity"),
        (EXTERNAL, "document type or entity"),
        ("<!DOCTYPE x SYSTEM 'http://127.0.0.1/x.dtd'><x/>", "document type or entity"),
        (generic(RATES)[:-200], "not whole XML"),
        (generic(RATES).replace("UTF-8", "UTF-88"), "unknown encoding"),
        (generic(RATES).replace("v2_1/message", "v3_0/message"), "no SDMX-ML 2.1 data message"),
        (generic(RATES).replace("GenericData", "Structure"), "no SDMX-ML 2.1 data message"),
        ("<html><body>Error</body></html>", "no SDMX-ML 2.1 data message"),
        (generic([]), "has no observations"),
        (specific([]), "has no observations"),
        (in_json([]), "has no observations"),
        ("", "is empty"),
        (specific(RATES, own=' ss:action="Delete"'), "to delete"),
        (in_json(RATES).replace("Replace", "Delete"), "to delete"),
        ("STRUCTURE,ACTION,OBS_VALUE\ndataflow,I,1\ndataflow,D,2\n", "line 3 .*to delete"),
        (specific(RATES, "<Comp id='A'><Value>1</Value></Comp>"), "Comp is not known there"),
        (
            generic(RATES).replace("</g:Obs></g:Series>", "</g:Obs>" + GROUP + "</g:Series>", 1),
            "Gro",
        ),
        (
            generic(RATES).replace("</g:Series></m:", "</g:Series><g:Attributes/></m:"),
            "Attributes is not known there",
        ),
        (generic(RATES).replace('id="FREQ"', 'concept="FREQ"'), "a value has no 'id'"),
        (generic(RATES).replace('id="CURRENCY"', 'id="FREQ"'), "two values of FREQ: M and MAD"),
        (in_json(RATES)[:-20], "not JSON"),
        (in_json(RATES).replace('"meta": {}', '"meta": {"a": 1, "a": 2}'), "'a' comes twice"),
        (in_json(RATES).replace('"meta": {}', '"meta": NaN'), "NaN is no number"),
        ("[" * 100_000, "not JSON|a list"),
        ('{"data": {}}', "no dataSets"),
        ('{"dataSets": []}', "does not say its structure"),
        (
            in_json(RATES).replace('"meta"', '"errors": [{"code": 510}], "meta"'),
            "not all of the data",
        ),
    ],
)
def test_what_is_no_whole_and_plain_data_message_is_refused(
    message: str, complaint: str, read: Read
) -> None:
    with pytest.raises(ReadError, match=complaint):
        read(message)


@pytest.mark.parametrize(
    ("footer", "refused"),
    [
        ('code="510" severity="Warning"', True),
        ('code="999" severity="Error"', True),
        ('code="0" severity="Information"', False),
    ],
)
def test_a_message_that_was_cut_short_says_so_at_its_end(
    footer: str, refused: bool, read: Read
) -> None:
    text = f"<m:Footer><m:Message {footer}><c:Text>Too many values</c:Text></m:Message></m:Footer>"
    message = specific(RATES, footer=text)
    if refused:
        with pytest.raises(ReadError, match="not all of the data: Too many values"):
            read(message)
    else:
        assert read(message)[0] == rows(RATES)


def test_json_attributes_have_defaults_and_annotations_are_no_attributes(read: Read) -> None:
    message = json.loads(in_json(RATES[:1]))
    structure = message["data"]["structure"]
    structure["attributes"]["observation"][0]["default"] = "Z"
    structure["attributes"]["series"][0]["default"] = "untitled"
    (series,) = message["data"]["dataSets"][0]["series"].values()
    series["attributes"] = []
    series["observations"] = {"0": ["1", 0, 7], "1": ["2"]}
    found, malformed = read(json.dumps(message))
    assert malformed == []
    assert [(row["OBS_VALUE"], row["OBS_STATUS"], row["TITLE"]) for row in found] == [
        ("1", "A", "untitled"),
        ("2", "Z", "untitled"),
    ]


def test_json_values_that_are_not_listed_stand_for_themselves(read: Read) -> None:
    message = json.loads(in_json(RATES[:1], "2.0"))
    (structure,) = message["data"]["structures"]
    structure["measures"]["observation"].append({"id": "LOW"})
    del structure["attributes"]["observation"][0]["values"]
    (series,) = message["data"]["dataSets"][0]["series"].values()
    series["observations"] = {"0": [1.50, 0.5, ["a", 2.50]], "1": [True, None, {"fr": "été"}]}
    text = json.dumps(message).replace("1.5,", "1.50,").replace("2.5]", "2.50]")
    found, _ = read(text)
    assert [(row["OBS_VALUE"], row.get("LOW"), row["OBS_STATUS"]) for row in found] == [
        ("1.50", "0.5", '["a",2.50]'),
        ("true", None, '{"fr":"été"}'),
    ]


def _with_groups(groups: dict[str, list[int]], hangs_on: list[str]) -> str:
    message = json.loads(in_json(RATES))
    structure = message["data"]["structure"]
    structure["dimensions"]["series"][0]["keyPosition"] = 1  # CURRENCY, FREQ in the key
    structure["dimensions"]["series"][1]["keyPosition"] = 0
    structure["dimensions"]["observation"][0]["keyPosition"] = 2
    structure["attributes"]["dimensionGroup"] = [
        {
            "id": "DECIMALS",
            "relationship": {"dimensions": hangs_on},
            "values": [{"id": "4"}, {"id": "2"}],
        }
    ]
    message["data"]["dataSets"][0]["dimensionGroupAttributes"] = groups
    return json.dumps(message)


@pytest.mark.parametrize("keys", [(":0:", ":1:"), ("0::", "1::")], ids=["as listed", "as in key"])
def test_json_attributes_of_dimension_groups_reach_their_observations(
    keys: tuple[str, str], read: Read
) -> None:
    found, malformed = read(_with_groups({keys[0]: [0], keys[1]: [1]}, ["CURRENCY"]))
    assert malformed == []
    assert [row["DECIMALS"] for row in found] == ["4", "4", "2"]


def test_json_groups_whose_dimensions_are_open_are_refused(read: Read) -> None:
    with pytest.raises(ReadError, match="is open"):
        read(_with_groups({"0::": [0]}, []))


def test_a_json_observation_that_points_nowhere_is_set_apart(read: Read) -> None:
    message = json.loads(in_json(RATES[:1]))
    (series,) = message["data"]["dataSets"][0]["series"].values()
    series["observations"] = {"0": ["1", 0], "9": ["2", 0], "1": ["3", 5], "0:1": ["4"], "x": []}
    found, malformed = read(json.dumps(message))
    assert [row["OBS_VALUE"] for row in found] == ["1"]
    assert [(bad.line, bad.original.split(":")[0]) for bad in malformed] == [
        (2, "9"),
        (3, "1"),
        (4, "0"),
        (5, "x"),
    ]
    assert "TIME_PERIOD has no value number 9" in malformed[0].reason

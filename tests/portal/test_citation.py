"""Citations: they name source, day, version and a lasting address; no text breaks out of one."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from moulouya.portal.dataset.citation import Citation, latex, one_line
from moulouya.portal.languages import language

from . import lakes
from .conftest import Client, client_of

ADDRESS = "http://data.example.org/en/datasets/communes/versions/1"
ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


def _citation(title: str, publisher: str, credit: str) -> Citation:
    return Citation(
        "communes", 1, language("en"), one_line(publisher), one_line(title), "Catalogue",
        "2026-11-21", "November 21, 2026", ADDRESS, {"spdx": "ODbL-1.0"}, one_line(credit),
    )  # fmt: skip


def _read_latex(text: str) -> str:
    """What LaTeX shows of a text that was escaped for it."""
    words = {r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^"}
    pattern = r"\\textbackslash\{\}|\\textasciitilde\{\}|\\textasciicircum\{\}|\\([{}#$%&_])"
    return re.sub(pattern, lambda found: found[1] or words[found[0]], text)


def _deepest(text: str) -> tuple[int, int]:
    """How braces balance at the end, and the least depth on the way; escaped ones do not count."""
    depth = least = 0
    for brace in re.findall(r"[{}]", re.sub(r"\\[{}]", "", text)):
        depth += 1 if brace == "{" else -1
        least = min(least, depth)
    return depth, least


@settings(deadline=None)
@given(ANY)
def test_latex_shows_the_text_that_was_given(text: str) -> None:
    assert _read_latex(latex(text)) == one_line(text)
    assert _deepest(latex(text)) == (0, 0)


@settings(deadline=None)
@given(ANY, ANY, ANY)
def test_a_bibtex_entry_stays_one_entry(title: str, publisher: str, credit: str) -> None:
    entry = _citation(title, publisher, credit).bibtex
    assert _deepest(entry) == (0, 0)
    assert entry.startswith("@misc{communes_v1,\n")
    fields = re.findall(r"^  (\w+) = \{", entry, re.MULTILINE)
    assert len(fields) == len(set(fields)) == 12
    assert entry.count("\n") == 14


@settings(deadline=None)
@given(ANY, ANY, ANY)
def test_a_ris_record_has_each_line_once(title: str, publisher: str, credit: str) -> None:
    lines = _citation(title, publisher, credit).ris.split("\r\n")
    assert [line[:6] for line in lines[:-1]] == [
        f"{tag}  - " for tag in ("TY", "AU", "TI", "PY", "DA", "ET", "PB", "UR", "LA", "N1", "ER")
    ]
    assert lines[-1] == ""
    assert not any("\n" in line or "\r" in line for line in lines)


def test_every_form_names_source_day_version_and_lasting_address(portal: Client) -> None:
    forms = [
        portal.get(f"/en/datasets/communes/cite.{form}").text for form in ("bib", "ris", "json")
    ]
    forms.append(re.sub(r"&#34;|&quot;", '"', portal.get("/en/datasets/communes").text))
    for told in forms:
        assert "Statistics office" in told
        assert ADDRESS in told
        assert "Population of communes" in told
        assert re.search(r"\b1\b", told)
        assert re.search(r"20\d\d", told)
    assert portal.get("/en/datasets/communes/versions/1").status_code == 200


def test_citations_are_files_of_their_kind(portal: Client) -> None:
    for form, kind in (
        ("bib", "application/x-bibtex"),
        ("ris", "application/x-research-info-systems"),
        ("json", "application/vnd.datacite.datacite+json"),
    ):
        response = portal.get(f"/fr/datasets/communes/cite.{form}")
        assert response.headers["content-type"].startswith(kind)
        assert f'filename="communes_v1.fr.{form}"' in response.headers["content-disposition"]
    assert portal.get("/fr/datasets/communes/cite.exe").status_code == 404
    assert portal.get("/fr/datasets/nothing/cite.bib").status_code == 404


def test_datacite_has_what_the_schema_requires(portal: Client) -> None:
    told = json.loads(portal.get("/ar/datasets/density/cite.json").text)
    assert told["schemaVersion"] == "http://datacite.org/schema/kernel-4"
    for required in ("identifiers", "creators", "titles", "publisher", "publicationYear", "types"):
        assert told[required], required
    assert told["types"]["resourceTypeGeneral"] == "Dataset"
    assert told["titles"][0] == {"title": "الكثافة السكانية", "lang": "ar"}
    derived = {
        one["relatedIdentifier"]
        for one in told["relatedIdentifiers"]
        if one["relationType"] == "IsDerivedFrom"
    }
    assert "http://data.example.org/ar/datasets/communes/versions/1" in derived


def test_a_new_version_is_cited_by_its_own_address(built: lakes.Built) -> None:
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[1:])
    lakes.commit(built)
    portal = client_of(built)
    assert "versions/2" in portal.get("/en/datasets/communes/cite.ris").text
    old = portal.get("/en/datasets/communes/versions/1")
    assert ADDRESS in old.text
    assert "This is an older version" in old.text

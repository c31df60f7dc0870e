"""The portal as files: whole, linked among themselves, verified, and replaced at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from rdflib import Graph, Namespace, URIRef
from typer.testing import CliRunner

from moulouya.cli import app
from moulouya.errors import LakeError, UsageError
from moulouya.portal.exporting import export as exporting
from moulouya.portal.exporting.addresses import place, without_query
from moulouya.portal.exporting.export import Exported, Wish, export
from moulouya.portal.exporting.rewriting import Rules, rewrite
from moulouya.portal.standards import catalogue as catalogues
from moulouya.settings import Settings

from . import lakes

BASE = "https://data.example.ma"
DCAT = Namespace("http://www.w3.org/ns/dcat#")
HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")


@pytest.fixture(scope="module")
def written(
    pristine: lakes.Built, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Exported]:
    folder = tmp_path_factory.mktemp("export") / "copy"
    return folder, export(_with_state(pristine, folder.parent), folder)


def _with_state(built: lakes.Built, folder: Path) -> Settings:
    return built.settings.model_copy(update={"state": folder / "state"})


class Named(HTMLParser):
    """Every address that a page names, the forms it has, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.forms: list[str] = []
        self.ids: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action"):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.add(value or "")
        if tag == "form":
            self.forms.append(dict(attrs).get("action") or "")


def pages(folder: Path) -> Iterator[tuple[Path, Named]]:
    for path in sorted(folder.rglob("*.html")):
        yield path, Named(path.read_text())


def test_every_link_leads_to_a_file_of_the_export(written: tuple[Path, Exported]) -> None:
    folder, made = written
    seen = 0
    for path, named in pages(folder):
        seen += 1
        for address in named.addresses:
            parts = urlsplit(address)
            if parts.scheme:
                assert parts.scheme in ("https", "http", "mailto"), (path, address)
                continue
            assert not address.startswith("/"), (path, address)
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert there.is_file(), (path, address)
            assert there.is_relative_to(folder)
    assert seen == made.pages
    assert made.broken == ()


def test_every_fragment_is_in_the_page_it_names(written: tuple[Path, Exported]) -> None:
    folder, _ = written
    ids = {path: named.ids for path, named in pages(folder)}
    for path, named in pages(folder):
        for address in named.addresses:
            parts = urlsplit(address)
            there = (path.parent / parts.path).resolve() if parts.path else path
            if parts.fragment and there in ids:
                assert parts.fragment in ids[there], (path, address)


def test_no_page_names_the_server(written: tuple[Path, Exported]) -> None:
    folder, _ = written
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".js", ".json", ".bib", ".ris", ".atom"):
            text = path.read_text()
            if path.parent.parent.parent.name != "files":
                assert "data.example.org/" not in text, path
            assert "127.0.0.1" not in text, path


def test_only_the_search_form_is_left_and_the_others_say_why(
    written: tuple[Path, Exported],
) -> None:
    folder, _ = written
    kept = {
        (path.parent / action.partition("?")[0]).resolve().relative_to(folder).as_posix()
        for path, named in pages(folder)
        for action in named.forms
    }
    assert kept == {f"{code}/search/index.html" for code in ("ar", "fr", "en")}
    form = (folder / "fr/requests/new/index.html").read_text()
    assert '<form class="form"' not in form
    assert "mailto:data@example.org" in form


def test_each_dataset_has_its_page_in_every_language_and_its_files(
    written: tuple[Path, Exported], pristine: lakes.Built
) -> None:
    folder, _ = written
    for slug in ("communes", "boundaries", "density"):
        for code in ("ar", "fr", "en"):
            assert (folder / code / "datasets" / slug / "index.html").is_file()
        committed = pristine.lake.version(slug, 1) / f"{slug}.parquet"
        assert (folder / f"files/{slug}/1/{slug}.parquet").read_bytes() == committed.read_bytes()


def test_a_csv_for_excel_is_there_as_the_portal_makes_it(written: tuple[Path, Exported]) -> None:
    folder, _ = written
    files = [path for path in folder.rglob("*.csv") if path.is_file()]
    found = [path for path in files if path.read_bytes()[:3] == b"\xef\xbb\xbf"]
    assert any("communes" in path.as_posix() for path in found), found


def test_the_manifest_holds_every_file_and_the_sums_are_right(
    written: tuple[Path, Exported],
) -> None:
    folder, made = written
    manifest = json.loads((folder / "export.json").read_text())
    there = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - {"export.json", "SHA256SUMS"}  # fmt: skip
    assert set(manifest["files"]) == there
    assert (manifest["release"], manifest["languages"]) == (1, ["ar", "fr", "en"])
    assert made.pages + made.files == len(there)
    done = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True
    )
    assert done.returncode == 0, done.stdout


def test_what_did_not_change_is_the_same_file_afterwards(built: lakes.Built) -> None:
    folder = built.lake.root.with_name("copy")
    export(built.settings, folder, Wish(("ar",)))
    before = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    rows = [("77.001", "بركان", 2024, 130000, "U"), *lakes.COMMUNE_ROWS[1:]]
    lakes.publish_communes(built, rows)
    lakes.commit(built)
    made = export(built.settings, folder, Wish(("ar",)))
    parquet = folder / "files/density/1/density.parquet"
    style = next(folder.rglob("site.css"))
    for path in (parquet, style):
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (
            before[path].st_ino, before[path].st_mtime_ns,
        )  # fmt: skip
    changed = folder / "ar/datasets/communes/index.html"
    assert changed.stat().st_ino != before[changed].st_ino
    assert "130.000" in changed.read_text()
    assert not (folder / "files/communes/1/communes.parquet").exists()
    assert made.kept > 10


def test_a_file_that_somebody_changed_is_put_right(built: lakes.Built) -> None:
    folder = built.lake.root.with_name("copy")
    export(built.settings, folder, Wish(("ar",)))
    parquet = folder / "files/density/1/density.parquet"
    right = parquet.read_bytes()
    parquet.write_bytes(right[:-1] + b"?")
    export(built.settings, folder, Wish(("ar",)))
    assert parquet.read_bytes() == right


def test_an_export_that_fails_leaves_the_one_before_and_nothing_beside_it(
    built: lakes.Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = built.lake.root.with_name("elsewhere") / "copy"
    export(built.settings, folder, Wish(("ar",), files=False))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def failing(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting.searching, "index", failing)
    with pytest.raises(exporting.ExportError, match="No space left"):
        export(built.settings, folder, Wish(("ar",)))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["copy"]


def test_a_damaged_file_is_not_exported(built: lakes.Built) -> None:
    table = built.lake.version("density", 1) / "density.parquet"
    export(built.settings, built.lake.root.with_name("first"), Wish(("ar",)))
    table.chmod(0o644)
    table.write_bytes(b"x" * table.stat().st_size)
    target = built.lake.root.with_name("second")
    with pytest.raises(LakeError):
        export(built.settings, target, Wish(("ar",)))
    assert not target.exists()


def test_a_folder_with_something_else_is_left_alone(built: lakes.Built, tmp_path: Path) -> None:
    precious = tmp_path / "home"
    precious.mkdir()
    (precious / "thesis.odt").write_text("years of work")
    with pytest.raises(UsageError, match="something else"):
        export(built.settings, precious)
    assert (precious / "thesis.odt").read_text() == "years of work"
    with pytest.raises(UsageError, match="not a folder"):
        export(built.settings, precious / "thesis.odt")


def test_one_language_alone_offers_no_other(built: lakes.Built, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    export(built.settings, folder, Wish(("fr",), files=False))
    assert not (folder / "ar").exists()
    assert "url=fr/index.html" in (folder / "index.html").read_text()
    assert "العربية" not in (folder / "fr/index.html").read_text()
    assert not (folder / "files").exists()
    assert not list(folder.rglob("*.parquet"))


def test_with_an_address_there_are_feeds_a_sitemap_and_whole_addresses(
    built: lakes.Built, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    export(built.settings, folder, Wish(base_url=f"{BASE}/"))
    page = (folder / "fr/datasets/communes/index.html").read_text()
    assert f'<link rel="canonical" href="{BASE}/fr/datasets/communes">' in page
    assert f"<loc>{BASE}/ar/datasets/communes</loc>" in (folder / "sitemap.xml").read_text()
    assert f"Sitemap: {BASE}/sitemap.xml" in (folder / "robots.txt").read_text()
    feed = (folder / "feeds/communes.fr.atom").read_text()
    assert f"{BASE}/feeds/communes.fr.atom" in feed
    assert "?lang=" not in feed
    assert (folder / "catalogue.duckdb").is_file()


@pytest.mark.parametrize(
    ("suffix", "form"), [("ttl", "turtle"), ("jsonld", "json-ld"), ("rdf", "xml")]
)
def test_a_harvester_reads_every_page_of_the_catalogue_from_files(
    built: lakes.Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, form: str
) -> None:
    monkeypatch.setattr(catalogues, "PAGE", 1)
    folder = tmp_path / "copy"
    export(built.settings, folder, Wish(("fr",), BASE, files=False))
    page, read = URIRef(f"{BASE}/catalogue.{suffix}"), Graph()
    while page is not None:
        graph = Graph().parse(folder / page.removeprefix(f"{BASE}/"), format=form)
        read += graph
        page = graph.value(page, HYDRA.next)
    found = set(read.objects(URIRef(f"{BASE}/catalogue"), DCAT.dataset))
    slugs = [folder.name for folder in built.lake.datasets.iterdir()]
    assert found == {URIRef(f"{BASE}/datasets/{slug}") for slug in slugs}
    assert len(slugs) > 2


def test_an_export_is_not_counted_as_use(built: lakes.Built, tmp_path: Path) -> None:
    export(built.settings, tmp_path / "copy", Wish(("ar",)))
    assert not (built.settings.state_root / "portal" / "usage.db").exists()


def test_the_command_says_what_it_wrote(built: lakes.Built, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    environment = {"MOULOUYA_STATE": str(built.settings.state_root)}
    arguments = ["export", str(folder), "--lake", str(built.lake.root), "--without-files"]
    told = CliRunner().invoke(app, [*arguments, "--lang", "ar", "--json"], env=environment)
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    assert said["release"] == 1
    assert said["pages"] == len(list(folder.rglob("*.html")))
    again = CliRunner().invoke(app, [*arguments, "--lang", "xx"], env=environment)
    assert again.exit_code == 2
    assert "'xx' is no language" in again.stderr


def test_addresses_become_names_that_any_disk_takes() -> None:
    assert place("/ar/", page=True) == "ar/index.html"
    assert place("/fr/datasets/x/codebook.pdf", page=False) == "fr/datasets/x/codebook.pdf"
    one, other = (place(f"/fr/datasets?theme={name}", page=True) for name in ("a:b", "a/b"))
    assert one != other
    for name in (one, place("/fr/x?q=" + "%D8%B3" * 500, page=False, save_as="../../etc/passwd")):
        assert ".." not in name
        assert not set('<>:"|?*\\') & set(name)
        assert max(map(len, name.split("/"))) < 100
    feed = "/feeds/communes.atom?lang=fr"
    assert without_query(f"{BASE}{feed}") == f"{BASE}/feeds/communes.fr.atom"
    assert place(feed, page=False) == "feeds/communes.fr.atom"


def test_rewriting_leaves_texts_and_foreign_addresses_alone() -> None:
    def resolve(address: str) -> str | None:
        return {"/fr/a": "../a/index.html"}.get(address)

    rules = Rules(
        resolve, "../online/index.html", "../search/index.html", "/fr/datasets", "<p>!</p>"
    )
    page = (
        '<link rel="canonical" href="/fr/x"><p title="href=&quot;/fr/a&quot;">href="/fr/a" é\u2028'
        '<a href="/fr/a" data-x="/fr/b">a</a><a href="/fr/b">b</a><a href="https://x.org/fr/a">c</a>'
        '<form method="get" action="/fr/datasets"><input name="q"></form>'
        '<form method="post" action="/fr/a"><a href="/fr/a">d</a></form>\n<img src="/fr/a"></p>'
    )
    assert rewrite(page, rules) == (
        '<p title="href=&quot;/fr/a&quot;">href="/fr/a" é\u2028'
        '<a href="../a/index.html">a</a><a href="../online/index.html">b</a>'
        '<a href="https://x.org/fr/a">c</a>'
        '<form method="get" action="../search/index.html"><input name="q"></form>'
        '<p>!</p>\n<img src="../a/index.html"></p>'
    )

"""What an archive says of itself: a page in each language, the licences, a Data Package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from moulouya.portal.languages import Language, language
from moulouya.portal.published import PublishedDataset, Record

# Types of a contract as Data Package calls them.
FIELD_TYPES = {
    "text": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "json": "object",
    "geometry": "any",
}


def files(
    region: Record, number: int, datasets: Sequence[PublishedDataset], public_url: str
) -> Iterator[tuple[str, bytes]]:
    """The files of an archive that are not data, by their paths in it."""
    for code in region["languages"]:
        yield f"README.{code}.md", _page(region, number, datasets, public_url, language(code))
    yield "LICENCES.md", _licences(datasets)
    package = _package(region, number, datasets, public_url)
    yield "datapackage.json", orjson.dumps(package, option=orjson.OPT_INDENT_2) + b"\n"


def _page(
    region: Record,
    number: int,
    datasets: Sequence[PublishedDataset],
    public_url: str,
    spoken: Language,
) -> bytes:
    code = spoken.code
    lines = [
        f"# {region['title'][code]}",
        "",
        spoken.text(
            "Release %(number)s. Every table is here twice: as Parquet, and as CSV packed with "
            "gzip. SHA256SUMS lists the checksums.",
            number=number,
        ),
    ]
    for one in datasets:
        definition, record = one.definition, one.record
        attribution = (definition.get("attribution") or {}).get(code)
        lines += [
            "",
            f"## {definition['title'][code]}",
            "",
            definition["description"][code],
            "",
            f"- `data/{one.theme}/{one.slug}.parquet`, `data/{one.theme}/{one.slug}.csv.gz`",
            f"- {spoken.text('A row is: %(row)s', row=definition['row_is'][code])}",
            f"- {spoken.text('Publisher:')} {attribution or record['publisher']['name'][code]}",
            f"- {spoken.text('Licence:')} {record['licence']['spdx']}",
            f"- {spoken.text('Version:')} {one.number} ({one.created.date().isoformat()})",
            f"- {spoken.text('Page:')} {public_url}/{code}/datasets/{one.slug}",
            "",
        ]
        for name, column in definition["columns"].items():
            lines.append(f"  - `{name}` — {column['title'][code]}: {column['description'][code]}")
    return ("\n".join(lines) + "\n").encode()


def _licences(datasets: Sequence[PublishedDataset]) -> bytes:
    licences: dict[str, Record] = {}
    used: dict[str, list[str]] = {}
    for one in datasets:
        spdx = one.record["licence"]["spdx"]
        licences[spdx] = one.record["licence"]
        used.setdefault(spdx, []).append(one.slug)
    lines = []
    for spdx in sorted(licences):
        licence = licences[spdx]
        lines += [f"# {spdx}", "", f"{licence['title']}: {licence.get('url') or ''}", ""]
        lines += [f"- {slug}" for slug in used[spdx]] + [""]
    return "\n".join(lines).encode()


def _package(
    region: Record, number: int, datasets: Sequence[PublishedDataset], public_url: str
) -> Record:
    first = region["languages"][0]
    return {
        "profile": "data-package",
        "name": f"release-{number}",
        "title": region["title"]["en"],
        "version": str(number),
        "homepage": f"{public_url}/{first}/",
        "resources": [
            _resource(one, suffix, form)
            for one in datasets
            for suffix, form in ((".parquet", "parquet"), (".csv.gz", "csv"))
            if f"{one.slug}{suffix}" in one.files
        ],
    }


def _resource(dataset: PublishedDataset, suffix: str, form: str) -> Record:
    definition, licence = dataset.definition, dataset.record["licence"]
    file = dataset.files[f"{dataset.slug}{suffix}"]
    packed = {"compression": "gz", "encoding": "utf-8"} if form == "csv" else {}
    return {
        "name": f"{dataset.slug.replace('_', '-')}-{form}",
        "path": f"data/{dataset.theme}/{file.name}",
        "title": definition["title"]["en"],
        "description": definition["description"]["en"],
        "format": form,
        "bytes": file.bytes,
        "hash": f"sha256:{file.sha256}",
        **packed,
        "licenses": [{"name": licence["spdx"], "title": licence["title"],
                      **({"path": licence["url"]} if licence.get("url") else {})}],
        "schema": {
            "fields": [
                {
                    "name": name,
                    "type": FIELD_TYPES.get(column["type"], "number"),
                    "title": column["title"]["en"],
                    "description": column["description"]["en"],
                }
                for name, column in definition["columns"].items()
            ],
            "primaryKey": list(definition.get("key") or []),
        },
    }  # fmt: skip

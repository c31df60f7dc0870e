"""What bytes look like from their start: the guard against an error page taken for data."""

from __future__ import annotations

import codecs
import json
import re

from moulouya.definition.formats import Format, Reading

HEAD = 64 * 1024  # bytes that are enough to judge by

# First bytes that no text begins with, and what they are the mark of.
_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"PAR1", "parquet"),
    (b"PARE", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
    (b"%PDF-", "pdf"),
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"\x00\x00\x27\x0a\x00\x00", "shapefile"),
    (b"\x7fELF", "program"),
)
NAMES = {
    "7z": "a 7z archive",
    "arrow": "an Arrow file",
    "bzip2": "bzip2-compressed",
    "geojson": "GeoJSON",
    "geopackage": "a GeoPackage",
    "gif": "an image",
    "gml": "GML",
    "gzip": "gzip-compressed",
    "html": "an HTML page",
    "jpeg": "an image",
    "json": "JSON",
    "kml": "KML",
    "ndjson": "newline-delimited JSON",
    "ods": "an ODS workbook",
    "office": "an Office document that is no workbook",
    "parquet": "Parquet",
    "pdf": "a PDF",
    "png": "an image",
    "program": "a program",
    "rar": "a RAR archive",
    "rtf": "an RTF document",
    "sdmx": "SDMX-ML",
    "shapefile": "a shapefile",
    "sqlite": "an SQLite database",
    "tar": "a tar archive",
    "xls": "an XLS workbook (or an encrypted XLSX)",
    "xlsx": "an XLSX workbook",
    "xml": "XML",
    "xz": "xz-compressed",
    "zip": "a zip archive",
    "zstd": "zstd-compressed",
}
_ZIPPED = frozenset({"zip", "xlsx", "ods", "office"})
_JSON = frozenset({"json", "ndjson", "geojson"})
_XML = frozenset({"xml", "kml", "gml", "sdmx"})
_TEXTS = _JSON | _XML | {"html"}
# What the bytes of a format may look like; "text" stands for text of no known form.
_FITTING: dict[Format, frozenset[str]] = {
    "csv": frozenset({"text"}),
    "fixed_width": frozenset({"text"}),
    "json": _JSON,
    "ndjson": _JSON,
    "geojson": _JSON,
    "xml": _XML,
    "html": frozenset({"html", "text"}) | _XML,
    "xlsx": frozenset({"xlsx", "zip"}),
    "xls": frozenset({"xls"}),
    "ods": frozenset({"ods", "zip"}),
    "parquet": frozenset({"parquet"}),
    "arrow": frozenset({"arrow"}),
    "shapefile": frozenset({"shapefile", "zip"}),
    "geopackage": frozenset({"geopackage"}),
    "kml": frozenset({"kml", "xml", "zip"}),
    "gml": frozenset({"gml", "xml"}),
    "gtfs": frozenset({"zip", "text"}),
    "sdmx": _XML | _JSON | {"text"},
}
_PACKED = {"gzip": "gzip", "bzip2": "bzip2", "zstd": "zstd"}
_HTML_TAGS = re.compile(
    r"<(!doctype\s+html|(html|head|body|table|title|meta|script|style|div|center|frameset|h[1-6]|p)"
    r"[\s/>])",
    re.IGNORECASE,
)
_PROLOG = re.compile(r"\s*(<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^<>\[]*(\[.*?\]\s*)?>)", re.DOTALL)
_ROOT = re.compile(r"\s*<([A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)([^<>]*)>?")
_OBJECT = re.compile(r'\{\s*("(\\.|[^"\\])*"\s*:|\})|\[\s*(\{\s*["}]|\])')
_VALUE = re.compile(r'\[\s*([{\["\d-]|true|false|null|$)|\{\s*("|\}|$)')
_TOKENS = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\]]')
_TYPE = re.compile(r'\s*:\s*"([^"\\]*)"')


def looks_like(head: bytes) -> str | None:
    """What kind of file begins with these bytes; None for text of no known form, or unknown."""
    head = head[:HEAD]
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return kind
    if re.match(rb"BZh[1-9](1AY&SY|\x17\x72\x45\x38\x50\x90)", head):
        return "bzip2"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"):
        return _zipped(head)
    if head.startswith(b"SQLite format 3\x00"):
        return "geopackage" if head[68:71] == b"GPK" or head[68:72] == b"GP10" else "sqlite"
    if head[257:262] == b"ustar":
        return "tar"
    if head[:4] == b"\xff\xff\xff\xff" and 0 < int.from_bytes(head[4:8], "little") < HEAD * 1024:
        return "arrow"  # the stream: a continuation mark and the length of the schema
    return _of_text(text_of(head))


def text_of(head: bytes) -> str:
    """The text at the start of a file, in the encoding of its byte order mark or NUL bytes."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return head.decode(name, errors="ignore")
    # Markup and JSON begin with an ASCII letter, which has a NUL on one side in UTF-16.
    if head[1:2] == b"\0" and head[:1] in b"<{[":
        return head.decode("utf-16-le", errors="ignore")
    if head[:1] == b"\0" and head[1:2] in (b"<", b"{", b"["):
        return head.decode("utf-16-be", errors="ignore")
    return head.decode("utf-8", errors="replace")


def mismatch(head: bytes, reading: Reading) -> str | None:
    """Why a file that begins with these bytes cannot be what is declared; None when it can.

    Judges the outermost layer: the archive, else the compression, else the format.
    """
    kind = looks_like(head)
    if reading.archive is not None:
        packed = {"tar", "gzip", "bzip2", "xz", "zstd"}
        return _wrong(head, kind, packed if reading.archive.kind == "tar" else _ZIPPED,
                      f"a {reading.archive.kind} archive")  # fmt: skip
    if reading.compression != "none":
        wanted = _PACKED[reading.compression]
        return _wrong(head, kind, {wanted}, NAMES[wanted])
    return unlike(head, reading.format)


def unlike(head: bytes, declared: Format) -> str | None:
    """Why bytes that are in no wrapping cannot be of a format; None when they can."""
    if not head.strip():
        return None  # that it is empty is for the reader to say
    kind = looks_like(head)
    fitting = _FITTING[declared]
    text = text_of(head).lstrip()
    if kind is None and "text" not in fitting and declared in ("json", "ndjson", "geojson"):
        return f"it is not {_format(declared)}: it begins with {text[:20]!r}"
    if kind in _TEXTS and "text" in fitting and kind not in fitting:
        if not _surely(kind, text):
            return None
    elif kind == "html" and "xml" in fitting and text.startswith("<?xml"):
        return None  # XHTML, read as XML
    return _wrong(head, kind, fitting, _format(declared))


def _wrong(
    head: bytes, kind: str | None, fitting: frozenset[str] | set[str], wanted: str
) -> str | None:
    if (kind or "text") in fitting:
        return None
    if kind is None:
        return f"it is not {wanted}: it begins with {text_of(head).lstrip()[:20]!r}"
    return f"it is {NAMES[kind]}, not {wanted}{_remedy(kind)}"


def _format(declared: Format) -> str:
    known = {"csv": "CSV", "fixed_width": "fixed-width text", "gtfs": "GTFS", "html": "HTML"}
    return known.get(declared) or NAMES[declared].partition(" (")[0]


def _remedy(kind: str) -> str:
    """What to declare instead, where bytes of this kind can be read at all."""
    if kind in _PACKED:
        return f" (declare compression: {kind})"
    if kind in ("zip", "tar"):
        return f" (declare archive: {{kind: {kind}}})"
    if kind in _FITTING and kind != "html":
        return f" (declare format: {kind})"
    return ""


def _surely(kind: str, text: str) -> bool:
    """Whether text that may be of any form cannot but be JSON or markup."""
    if kind in _JSON:
        return _OBJECT.match(text) is not None
    return kind == "html" or text.startswith("<?xml") or kind != "xml"


def _zipped(head: bytes) -> str:
    if b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in head[:200]:
        return "ods"
    if b"mimetypeapplication/vnd.oasis.opendocument" in head[:200]:
        return "office"
    if b"xl/" in head and re.search(rb"xl/(workbook|worksheets|_rels|styles|theme|shared)", head):
        return "xlsx"
    if re.search(rb"PK\x03\x04.{26}(word|ppt)/", head, re.DOTALL):
        return "office"
    return "zip"


def _of_text(text: str) -> str | None:
    text = text.lstrip("\ufeff \t\r\n\v\f")
    if text.startswith("<"):
        return _markup(text)
    if not _VALUE.match(text):
        return None
    if type_of(text) in ("FeatureCollection", "Feature"):
        return "geojson"
    return "ndjson" if _is_record_a_line(text) else "json"


def _is_record_a_line(text: str) -> bool:
    """Whether the first line is an object by itself, and something follows it."""
    first, _, rest = text.partition("\n")
    if not rest.strip():
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def type_of(text: str) -> str | None:
    """The member ``type`` of the JSON object that begins a text, as GeoJSON has it."""
    depth = 0
    for token in _TOKENS.finditer(text):
        depth += (token[0] in "{[") - (token[0] in "}]")
        if depth == 1 and token[0] == '"type"' and (found := _TYPE.match(text, token.end())):
            return found[1]
    return None


def _markup(text: str) -> str | None:
    """HTML, or the vocabulary of an XML document by its first element."""
    if _HTML_TAGS.match(text):
        return "html"
    rest = text
    while prolog := _PROLOG.match(rest):
        if _HTML_TAGS.match(prolog[0].lstrip()):
            return "html"
        rest = rest[prolog.end() :]
    root = _ROOT.match(rest)
    if root is None:  # a document type or a comment beyond the head, or no markup at all
        return "xml" if len(rest) < len(text) or text.startswith(("<!", "<?")) else None
    if _HTML_TAGS.match(rest.lstrip()):
        return "html"
    name, attributes = root[2], root[3]
    if name == "kml":
        return "kml"
    if "opengis.net/wfs" in attributes or (
        "opengis.net/gml" in attributes and name.endswith("Collection")
    ):
        return "gml"
    if "sdmx.org/resources" in attributes.lower():
        return "sdmx"
    return "xml"

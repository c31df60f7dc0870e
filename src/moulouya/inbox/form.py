"""The page with the form, and the form's body: fields first, then the file, as it streams in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from python_multipart.exceptions import ParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request
from starlette.responses import HTMLResponse

from moulouya.inbox.refusals import LANGUAGES, WORDS, preferred

LONGEST_FIELD = 1000
TEXTS = {
    "ar": {
        "title": "صندوق الإيداع",
        "intro": "سلّموا هنا ملف بيانات. تحصلون على وصل بعد حفظ الملف.",
        "token": "رمز الدخول",
        "slug": "مجموعة البيانات",
        "file": "الملف",
        "send": "إرسال",
        "received": "تم استلام الملف وحفظه.",
        "keep": "احتفظوا بهذا الوصل.",
        "refused": "لم يستلم الملف.",
        "again": "إرسال ملف آخر",
        "id": "رقم الوصل",
        "bytes": "الحجم بالبايت",
        "sha256": "البصمة SHA-256",
        "at": "وقت الاستلام (UTC)",
    },
    "fr": {
        "title": "Boîte de dépôt",
        "intro": "Remettez ici un fichier de données. Vous recevez un reçu dès qu'il est conservé.",
        "token": "Jeton d'accès",
        "slug": "Jeu de données",
        "file": "Fichier",
        "send": "Envoyer",
        "received": "Le fichier est reçu et conservé.",
        "keep": "Gardez ce reçu.",
        "refused": "Le fichier n'est pas reçu.",
        "again": "Envoyer un autre fichier",
        "id": "Numéro du reçu",
        "bytes": "Taille en octets",
        "sha256": "Empreinte SHA-256",
        "at": "Reçu le (UTC)",
    },
    "en": {
        "title": "Upload inbox",
        "intro": "Hand in a data file here. You get a receipt once it is kept safely.",
        "token": "Access token",
        "slug": "Dataset",
        "file": "File",
        "send": "Send",
        "received": "The file is received and kept.",
        "keep": "Keep this receipt.",
        "refused": "The file is not received.",
        "again": "Send another file",
        "id": "Receipt",
        "bytes": "Size in bytes",
        "sha256": "SHA-256",
        "at": "Received (UTC)",
    },
}
NAMES = {"ar": "العربية", "fr": "Français", "en": "English"}
STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}"
    "label{display:block;margin-block:1rem}input{display:block;width:100%;padding:.5rem;"
    "box-sizing:border-box;font:inherit}button{padding:.5rem 1.5rem;font:inherit}"
    "nav a{margin-inline-end:1rem}dd{margin:0 0 .5rem;overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}a{color:#9cf}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_pages = Environment(
    loader=PackageLoader("moulouya.inbox", ""), autoescape=True, undefined=StrictUndefined
)


def language_of(request: Request) -> str:
    """The language asked for in the address, else the one that the browser likes most."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return str(asked)
    return preferred(request.headers.get("accept-language", ""))


def page(
    request: Request,
    *,
    status: int = 200,
    receipt: dict[str, Any] | None = None,
    refusal: str | None = None,
) -> HTMLResponse:
    """The form; or the receipt, or the reason why there is none."""
    language = language_of(request)
    html = _pages.get_template("page.html").render(
        language=language,
        texts=TEXTS[language],
        names=NAMES,
        style=STYLE,
        receipt=receipt,
        refusal=WORDS[refusal][language] if refusal else None,
    )
    return HTMLResponse(html, status, {**HEADERS, "Content-Language": language})


class FormError(Exception):
    """The body is not the form of our page."""


@dataclass
class Form:
    """A form whose fields are read and whose file is about to come."""

    fields: dict[str, str] = field(default_factory=dict)
    file_name: str | None = None
    _name: str = ""
    _header: bytes = b""
    _value: bytes = b""
    _pieces: list[bytes] = field(default_factory=list)
    _in_file: bool = False
    _ended: bool = False
    _chunks: AsyncIterator[bytes] | None = None
    _parser: MultipartParser | None = None

    async def open(self, request: Request) -> None:
        """Read up to the file; raises FormError when it does not come after its fields."""
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise FormError
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._part_data,
                "on_part_end": self._part_ends,
                "on_end": self._ends,
            },
        )
        self._chunks = request.stream()
        async for chunk in self._chunks:
            self._feed(chunk)
            if self.file_name is not None:
                return
        raise FormError

    async def body(self) -> AsyncIterator[bytes]:
        """The file's bytes as they come; raises FormError when the form ends before it does."""
        assert self._chunks is not None
        for piece in self._taken():
            yield piece
        async for chunk in self._chunks:
            self._feed(chunk)
            for piece in self._taken():
                yield piece
        if not self._ended:
            raise FormError

    def _taken(self) -> list[bytes]:
        taken, self._pieces = self._pieces, []
        return taken

    def _feed(self, chunk: bytes) -> None:
        assert self._parser is not None
        try:
            self._parser.write(chunk)
        except ParseError as error:
            raise FormError from error

    def _part_begins(self) -> None:
        if self.file_name is not None:
            raise FormError  # the file is the last part
        self._name, self._header, self._value = "", b"", b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._name = options.get(b"name", b"").decode(errors="replace")
            if b"filename" in options:
                self.file_name = options[b"filename"].decode(errors="replace")
        self._header, self._value = b"", b""

    def _headers_end(self) -> None:
        self._in_file = self.file_name is not None
        if len(self.fields) > 10:
            raise FormError

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > LONGEST_FIELD:
            raise FormError

    def _part_ends(self) -> None:
        if not self._in_file:
            self.fields[self._name] = self._value.decode(errors="replace").strip()
        self._in_file = False

    def _ends(self) -> None:
        self._ended = True

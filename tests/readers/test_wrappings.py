"""Compression and archives: whole or refused, and never written where they say."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers import archives
from moulouya.readers.wrapping import unwrapped
from small_workspace import rows_of

PACK = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
CSV = b"code,name\n1,a\n2,b\n"
COLUMNS = {"code": "text", "name": "text"}
ROWS = [("1", "a"), ("2", "b")]


def packed(kind: str) -> dict[str, Any]:
    return {"format": "csv", "compression": kind}


def archived(kind: str = "zip", members: Any = "*") -> dict[str, Any]:
    return {"format": "csv", "archive": {"kind": kind, "members": members}}


def zipped(*members: tuple[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return content.getvalue()


def tarred(*members: tuple[str, bytes], mode: str = "w") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, body in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return content.getvalue()


@pytest.mark.parametrize("kind", PACK)
def test_a_packed_file_is_unpacked_all_its_members_included(staged, kind):
    body = PACK[kind](CSV[:12]) + PACK[kind](CSV[12:])
    assert rows_of(staged(body, COLUMNS, source=packed(kind)).table) == ROWS


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("damage", ["cut", "flipped", "second broken", "trailing"])
def test_a_packed_file_that_is_not_whole_is_refused(staged, kind, damage):
    body = PACK[kind](b"code,name\n" + b"".join(b"%d,a\n" % (n * 7919) for n in range(3000)))
    if damage == "cut":
        body = body[:-3]
    elif damage == "flipped":
        body = body[:-20] + bytes([body[-20] ^ 1]) + body[-19:]
    elif damage == "second broken":
        body += PACK[kind](CSV)[:-6]
    else:
        body += b"and something else"
    with pytest.raises(ReadError, match=r"sample\.csv cannot be unpacked"):
        staged(body, COLUMNS, source=packed(kind))


@pytest.mark.parametrize("kind", PACK)
def test_a_bomb_is_stopped_while_it_expands(staged, kind, monkeypatch):
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 4 * 1024 * 1024)
    body = PACK[kind](b"code,name\n" + b"1,aaaaaaaaaaaaaa\n" * 500_000)
    with pytest.raises(ReadError, match="expands to more than"):
        staged(body, COLUMNS, source=packed(kind))


@settings(max_examples=40, deadline=None)
@given(body=st.binary(max_size=3000), kind=st.sampled_from(sorted(PACK)))
def test_what_was_packed_comes_out_again(body, kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    path = folder / "x"
    path.write_bytes(PACK[kind](body))
    reading = Reading.model_validate({"format": "gtfs", "compression": kind})
    (plain,) = unwrapped([path], reading, folder / "scratch")
    assert plain.read_bytes() == body


def test_the_members_that_match_make_one_table_in_the_order_of_their_names(staged):
    body = zipped(("b/2024.csv", b"code,name\n2,b\n"), ("a/2023.csv", b"code,name\n1,a\n"),
                  ("a/notes.txt", b"hello"), ("__MACOSX/a/._2023.csv", b"\0\5"))  # fmt: skip
    assert rows_of(staged(body, COLUMNS, source=archived(members="*.csv")).table) == ROWS


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_read_however_it_is_packed(staged, mode):
    body = tarred(("x.csv", CSV), mode=mode)
    assert rows_of(staged(body, COLUMNS, source=archived("tar")).table) == ROWS


def test_a_tar_packed_with_zstd_is_read(staged):
    body = PACK["zstd"](tarred(("x.csv", CSV)))
    assert rows_of(staged(body, COLUMNS, source=archived("tar")).table) == ROWS


def test_members_may_be_compressed_themselves(staged):
    source = {**archived(), "compression": "gzip"}
    assert rows_of(
        staged(zipped(("x.csv.gz", gzip.compress(CSV, mtime=0))), COLUMNS, source=source).table
    )


def test_a_reject_names_the_member_it_came_from(staged):
    body = zipped(("deep/in/été.csv", b"code,name\nx,a\n"))
    result = staged(body, {"code": "integer"}, source=archived())
    assert rows_of(result.rejects, "file, line") == [("été.csv", 2)]


def test_a_pattern_with_a_folder_is_held_against_the_whole_name(staged):
    body = zipped(("a/x.csv", CSV), ("b/x.csv", b"code,name\n3,c\n"))
    assert rows_of(staged(body, COLUMNS, source=archived(members="b/*.csv")).table) == [("3", "c")]


def test_when_no_member_matches_it_says_which_there_are(staged):
    with pytest.raises(ReadError, match=r"no member that matches \*\.json") as raised:
        staged(zipped(("a.csv", CSV), ("b.txt", b"")), COLUMNS, source=archived(members="*.json"))
    assert "a.csv, b.txt" in str(raised.value)


HOSTILE = ["../../evil.csv", "/etc/evil.csv", "..\\..\\evil.csv", "C:\\evil.csv", "a/../../b.csv"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_name_that_leads_elsewhere_is_refused(staged, tmp_path, kind, name):
    make = zipped if kind == "zip" else tarred
    with pytest.raises(ReadError, match="leads elsewhere"):
        staged(make(("good.csv", CSV), (name, CSV)), COLUMNS, source=archived(kind, "good.csv"))
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE,
                                  tarfile.FIFOTYPE])  # fmt: skip
def test_a_link_or_device_in_a_tar_is_refused(staged, kind):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        entry = tarfile.TarInfo("x.csv")
        entry.type, entry.linkname = kind, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(ReadError, match="link or a device"):
        staged(content.getvalue(), COLUMNS, source=archived("tar"))


def test_a_link_in_a_zip_is_refused(staged):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        link = zipfile.ZipInfo("x.csv")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ReadError, match="link or a device"):
        staged(content.getvalue(), COLUMNS, source=archived())


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("make", [zipped, tarred])
def test_the_same_name_twice_is_refused(staged, make):
    kind = "zip" if make is zipped else "tar"
    with pytest.raises(ReadError, match=r"two members called 'x\.csv'"):
        staged(make(("x.csv", CSV), ("x.csv", CSV)), COLUMNS, source=archived(kind))


def test_an_encrypted_member_is_refused(staged):
    body = bytearray(zipped(("x.csv", CSV)))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(mark) + place] |= 1
    with pytest.raises(ReadError, match="is encrypted"):
        staged(bytes(body), COLUMNS, source=archived())


@pytest.mark.parametrize("lie", [-6, 1000])
def test_a_member_that_lies_about_its_size_is_refused(staged, lie):
    body = bytearray(zipped(("x.csv", CSV)))
    at = body.index(b"PK\x01\x02") + 24
    body[at : at + 4] = (len(CSV) + lie).to_bytes(4, "little")
    with pytest.raises(ReadError):
        staged(bytes(body), COLUMNS, source=archived())


def test_entries_that_share_bytes_are_refused(staged):
    body = bytearray(zipped(("x.csv", CSV), ("y.csv", CSV)))
    second = body.index(b"PK\x01\x02", body.index(b"PK\x01\x02") + 4)
    body[second + 42 : second + 46] = bytes(4)  # y.csv begins where x.csv does
    with pytest.raises(ReadError):
        staged(bytes(body), COLUMNS, source=archived())


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("keep", [0.3, 0.7])
def test_an_archive_that_was_cut_off_is_refused(staged, make, keep):
    body = make(("x.csv", CSV * 999), ("y.csv", CSV * 999))
    kind = "zip" if make is zipped else "tar"
    with pytest.raises(ReadError):
        staged(body[: int(len(body) * keep)], COLUMNS, source=archived(kind, "x.csv"))


def test_an_archive_in_an_archive_is_not_opened(staged):
    with pytest.raises(ReadError, match="it is a zip archive, not CSV"):
        staged(zipped(("x.csv", zipped(("y.csv", CSV)))), COLUMNS, source=archived())


@pytest.mark.parametrize(
    ("body", "source", "told"),
    [
        (gzip.compress(CSV, mtime=0), {"format": "csv"}, "declare compression: gzip"),
        (CSV, packed("gzip"), "is not gzip-compressed"),
        (zipped(("x.csv", CSV)), {"format": "csv"}, "archive: {kind: zip}"),
        (bz2.compress(CSV), packed("gzip"), "bzip2-compressed, not gzip-compressed"),
        (lzma.compress(CSV), {"format": "csv"}, "xz-compressed"),
        (gzip.compress(b"<!DOCTYPE html><p>503", mtime=0), packed("gzip"), "an HTML page, not CSV"),
    ],
)
def test_a_wrapping_that_is_not_as_declared_says_what_it_is(staged, body, source, told):
    with pytest.raises(ReadError, match=r"is not what is declared") as raised:
        staged(body, COLUMNS, source=source)
    assert told in str(raised.value)


@pytest.mark.parametrize("damage", ["header", "cut before it"])
def test_a_tar_whose_members_end_before_its_end_is_refused(staged, damage):
    body = bytearray(tarred(("x.csv", CSV), ("y.csv", CSV)))
    header = body.index(b"y.csv")
    if damage == "header":
        body[header] ^= 1
    else:
        del body[header:]
    with pytest.raises(ReadError, match="breaks off after 1 members"):
        staged(bytes(body), COLUMNS, source=archived("tar"))

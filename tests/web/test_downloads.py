"""What a client does with answers that are in order: files, conditions, documents, links."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections import namedtuple

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moulouya.errors import SourceError
from moulouya.web import Response
from moulouya.web.documents import parsed
from moulouya.web.trouble import Trouble
from web.hostile import BEHAVIOURS, BODY


def test_a_response_tells_what_arrived(server, download):
    response = download(server.url("fine"))
    assert response.sha256 == hashlib.sha256(BODY).hexdigest()
    assert (response.bytes, response.etag, response.last_modified) == (len(BODY), '"v1"', None)
    assert response.headers["content-length"] == str(len(BODY))


def test_a_condition_is_sent_only_when_asked_for(server, connect, tmp_path):
    url = server.url("not_modified_when_asked")
    with connect(url, etag='"v1"', last_modified="Thu, 01 Jan 1970 00:00:00 GMT") as client:
        assert client.download(url, tmp_path / "got").status == 200
        assert client.download(url, tmp_path / "got", conditional=True) is None
    asked = server.heard[1].headers
    assert asked["if-none-match"] == '"v1"'
    assert "if-modified-since" not in asked


@pytest.mark.parametrize("kept", [{"etag": '"a\x01b"'}, {"last_modified": "\u0660"}])
def test_a_condition_that_cannot_be_sent_is_left_out(server, download, kept):
    download(server.url("fine"), ask={"conditional": True}, **kept)
    assert not {"if-none-match", "if-modified-since"} & server.heard[0].headers.keys()


def test_a_condition_of_the_caller_counts_too(server, download):
    url = server.url("not_modified_when_asked")
    assert download(url, ask={"headers": {"if-none-match": '"v1"'}}) is None


def test_an_etag_is_repeated_byte_for_byte(server, connect, tmp_path, monkeypatch):
    monkeypatch.setitem(BEHAVIOURS, "fine", lambda to: to.answer(ETag='W/"é ü"'))
    with connect(server.url("fine")) as client:
        etag = client.download(server.url("fine"), tmp_path / "got").etag
    with connect(server.url("fine"), etag=etag) as client:
        client.download(server.url("fine"), tmp_path / "got", conditional=True)
    assert server.heard[1].headers["if-none-match"] == 'W/"é ü"'


def test_a_poll_without_news_is_one_request(server, download):
    url = server.url("not_modified_when_asked")
    assert download(url, etag='"v1"', ask={"conditional": True}) is None
    assert len(server.heard) == 1


def test_and_takes_less_than_a_tenth_of_a_second_of_cpu(server, download, tmp_path):
    url = server.url("not_modified_when_asked")
    ask = {"etag": '"v1"', "ask": {"conditional": True}, "state_folder": tmp_path / "state"}
    download(url, **ask)  # imports what it needs
    start = time.process_time()
    assert download(url, **ask) is None
    assert time.process_time() - start < 0.1


@pytest.fixture
def connections(monkeypatch):
    """The connections that are made."""
    made = []
    connect_tcp = httpcore.SyncBackend.connect_tcp

    def counted(self, *args, **more):
        made.append(args)
        return connect_tcp(self, *args, **more)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", counted)
    return made


def test_several_downloads_use_one_connection(server, connect, tmp_path, connections):
    with connect(server.url("fine_and_stays")) as client:
        for _ in range(3):
            client.download(server.url("fine_and_stays"), tmp_path / "got")
    assert len(connections) == 1


def test_but_another_attempt_has_a_connection_of_its_own(
    server, connect, tmp_path, connections, monkeypatch
):
    monkeypatch.setitem(BEHAVIOURS, "fine_and_stays", lambda to: to.answer(body=b"[1]"[: to.time]))
    with connect(server.url("fine_and_stays")) as client:
        assert client.json(server.url("fine_and_stays"), tmp_path / "page")[1] == [1]
    assert len(connections) == 3


def test_a_gzip_file_is_kept_as_sent_where_the_definition_says_gzip(server, connect, tmp_path):
    url = server.url("gzip_uninvited")
    with connect(url) as client:
        client.download(url, tmp_path / "got", keep_gzip=True)
    assert gzip.decompress((tmp_path / "got").read_bytes()) == BODY


def test_but_a_gzip_file_inside_a_gzip_body_is_unwrapped(server, connect, tmp_path, monkeypatch):
    inner = gzip.compress(BODY)
    monkeypatch.setitem(
        BEHAVIOURS,
        "gzip_uninvited",
        lambda to: to.answer(body=gzip.compress(inner), Content_Encoding="gzip"),
    )
    url = server.url("gzip_uninvited")
    with connect(url) as client:
        client.download(url, tmp_path / "got", keep_gzip=True)
    assert (tmp_path / "got").read_bytes() == inner


def test_a_gzip_file_that_is_kept_is_checked_all_the_same(server, connect, tmp_path):
    url = server.url("gzip_with_a_wrong_checksum")
    with connect(url) as client, pytest.raises(SourceError, match="damaged"):
        client.download(url, tmp_path / "got", keep_gzip=True)
    assert not (tmp_path / "got").exists()


def test_a_large_body_takes_little_memory(server, connect, tmp_path, monkeypatch):
    import tracemalloc

    size = 64 * 1024**2
    block = bytes(1024**2)

    def large(to):
        to.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(64):
            to.send(block)

    monkeypatch.setitem(BEHAVIOURS, "fine", large)
    with connect(server.url("fine")) as client:
        tracemalloc.start()
        assert client.download(server.url("fine"), tmp_path / "got").bytes == size
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * 1024**2


def test_a_full_disk_stops_before_the_body(server, download, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(1, 1, 10 * 1024**2))
    with pytest.raises(SourceError, match="10 MiB are free on the disk, 64 MiB are") as caught:
        download(server.url("fine"))
    assert caught.value.retry


def test_three_times_the_announced_size_must_be_free(server, download, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(1, 1, 2 * 1024**3))
    monkeypatch.setitem(BEHAVIOURS, "fine", lambda to: to.answer(Content_Length="1000000000"))
    with pytest.raises(SourceError, match="2048 MiB are free on the disk, 2861 MiB are needed"):
        download(server.url("fine"))


def test_a_file_that_cannot_be_written_is_said_so(server, connect, tmp_path):
    with (
        connect(server.url("fine")) as client,
        pytest.raises(SourceError, match="cannot write got: No such file") as caught,
    ):
        client.download(server.url("fine"), tmp_path / "nowhere" / "got")
    assert caught.value.retry


# --- documents ----------------------------------------------------------------------------------


@pytest.fixture
def document(server, connect, tmp_path, monkeypatch):
    def call(body: bytes, **headers: str):
        monkeypatch.setitem(BEHAVIOURS, "fine", lambda to: to.answer(body=body, **headers))
        with connect(server.url("fine")) as client:
            return client.json(server.url("fine"), tmp_path / "page-00001.json")

    return call


def test_a_document_is_parsed_and_kept_byte_for_byte(document, tmp_path):
    body = b'\xef\xbb\xbf{"b": [1, 2.5, null, "\xc3\xa9"], "a": {}}\n'
    response, found = document(body)
    assert found == {"b": [1, 2.5, None, "é"], "a": {}}
    assert (tmp_path / "page-00001.json").read_bytes() == body
    assert response.sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "an object has 'a' more than once"),
        (b'[{"x": {"": 1, "": 2}}]', "an object has '' more than once"),
        (b"[NaN]", "NaN is no number of JSON"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"[1e400]", "number 1e400 is too large"),
        (b"[" * 65 + b"]" * 65, "more than 64 levels"),
        (b"[" * 100_000, "more than 64 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "more than 64 levels"),
        ('["é"]'.encode("latin-1"), "byte 2 is not UTF-8"),
        ('["é"]'.encode("utf-16"), "not UTF-8"),
        (b"[" + b"9" * 5000 + b"]", "Exceeds the limit"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_at_once(document, server, body, said):
    with pytest.raises(SourceError, match=f"{server.url('fine')} is .*{said}") as caught:
        document(body)
    assert not caught.value.retry
    assert server.times("fine") == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>busy</html>", b"{'a': 1}", b'{"a": 1', b"[1,]", b"[1] [2]", b"// x\n[1]"]
)
def test_what_is_no_json_may_be_an_error_page_that_passes(document, server, body):
    with pytest.raises(SourceError, match="is no JSON") as caught:
        document(body)
    assert caught.value.retry
    assert repr(body.decode()) in caught.value.hint
    assert server.times("fine") == 3


def test_brackets_in_strings_are_no_levels(document):
    text = '[{"\\"' * 100 + "\\\\"
    assert document(json.dumps([text]).encode())[1] == [text]


def test_a_document_is_its_own_proof_of_being_whole(server, connect, tmp_path, monkeypatch):
    monkeypatch.setitem(
        BEHAVIOURS, "fine", lambda to: to.send(b"HTTP/1.0 200 OK\r\n\r\n", b'{"a": [1]}')
    )
    with connect(server.url("fine")) as client:
        assert client.json(server.url("fine"), tmp_path / "page")[1] == {"a": [1]}
    assert server.times("fine") == 1


def test_but_a_bare_number_is_none(server, connect, tmp_path, monkeypatch):
    monkeypatch.setitem(
        BEHAVIOURS, "fine", lambda to: to.send(b"HTTP/1.0 200 OK\r\n\r\n", b"1" * to.time)
    )
    with connect(server.url("fine")) as client, pytest.raises(SourceError, match="differ"):
        client.json(server.url("fine"), tmp_path / "page")


def test_a_document_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("moulouya.web.documents.LARGEST", 10)
    (tmp_path / "x").write_bytes(b"[1, 2, 3, 4]")
    with pytest.raises(Trouble, match="more than"):
        parsed(tmp_path / "x")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)  # fmt: skip


@given(json_values, st.sampled_from([None, 1]))
def test_every_plain_document_comes_back(tmp_path_factory, value, indent):
    path = tmp_path_factory.getbasetemp() / "value.json"
    path.write_text(json.dumps(value, indent=indent))
    assert parsed(path) == value


# --- links --------------------------------------------------------------------------------------


def linked(value: str, base: str = "https://h/v1/items?page=1") -> Response:
    return Response(base, 200, {"link": value}, 0, "", _location=base)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('<https://h/v1/items?page=2>; rel="next"', "https://h/v1/items?page=2"),
        ("</v1/items?page=2>; rel=next", "https://h/v1/items?page=2"),
        ("<?page=2>;rel=next", "https://h/v1/items?page=2"),
        ('<a>; rel=prev, <b>; title="x, <c>; rel=next"; rel=NEXT', "https://h/v1/b"),
        ('<a>; rel="prev last", <b>; rel="first next"', "https://h/v1/b"),
        ('<a,b;c>; x="\\"q\\""; rel=next, <d>; rel=next', "https://h/v1/a,b;c"),
        ('<a> ; REL = "next"', "https://h/v1/a"),
        ("<a>; rel=prev", None),
        ("<a>; rel=nextish", None),
        ("<a>", None),
        ("", None),
        ("nonsense", None),
        ("<a; rel=next", None),
        ("<http://[::1>; rel=next", "http://[::1"),
    ],
)
def test_the_next_link_is_found(value, found):
    assert linked(value).link("next") == found


def test_no_link_header_is_no_link():
    assert Response("https://h/", 200, {}, 0, "").link("next") is None


@given(st.text())
def test_no_link_header_breaks_the_reader(value):
    linked(value).link("next")

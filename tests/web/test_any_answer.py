"""Whatever a server sends: whole bytes or one error of ours, never another, never part of it."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya import web
from moulouya.definition import HttpSource
from moulouya.errors import SourceError
from moulouya.sources import Request
from moulouya.web.answers import LONGEST_WAIT, retry_after
from moulouya.web.heads import HeadWatch
from moulouya.web.trouble import Trouble
from web.hostile import BEHAVIOURS, BODY, hostile

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n21\r\n%b\r\n0\r\n\r\n" % BODY
PACKED = gzip.compress(BODY, mtime=0)
GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (
    len(PACKED),
    PACKED,
)


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    """Let a server send these bytes and close; what comes of them."""
    folder = tmp_path_factory.mktemp("any")
    sent = [b""]
    with pytest.MonkeyPatch.context() as patch, hostile() as server:
        patch.setitem(BEHAVIOURS, "fine", lambda to: to.send(sent[0]))
        patch.setattr("moulouya.web.downloads.ATTEMPTS", 1)
        source = HttpSource.model_validate(
            {
                "kind": "http",
                "url": server.url("fine"),
                "format": "csv",
                "requests_per_second": 100,
            }
        )

        def call(data: bytes) -> bytes | SourceError:
            sent[0] = data
            request = Request(folder, folder, "Moulouya/test", timeout=2.0)
            path = folder / "got"
            with web.client(source, request) as client:
                try:
                    client.download(server.url("fine"), path)
                except SourceError as error:
                    assert not path.exists()
                    return error
            return path.read_bytes()

        yield call


def test_the_answers_are_whole_before_they_are_cut(answer):
    assert [answer(each) for each in (PLAIN, CHUNKED, GZIP)] == [BODY] * 3


@given(st.sampled_from([PLAIN, CHUNKED, GZIP]), st.data())
@settings(max_examples=60, deadline=None)
def test_an_answer_that_is_cut_anywhere_is_an_error(answer, whole, data):
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert isinstance(answer(whole[:cut]), SourceError)


@given(st.integers(len(GZIP) - len(PACKED), len(GZIP) - 1), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_a_packed_body_with_one_damaged_byte_is_an_error_or_the_same(answer, at, change):
    damaged = bytearray(GZIP)
    damaged[at] ^= change
    got = answer(bytes(damaged))
    assert isinstance(got, SourceError) or got == BODY


@given(
    st.binary(max_size=200)
    | st.builds(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest, st.binary(max_size=200))
    | st.builds(
        lambda lines: b"HTTP/1.1 200 OK\r\n" + b"\r\n".join(lines) + b"\r\n\r\nbody",
        st.lists(
            st.builds(
                lambda name, value: name + b": " + value,
                st.sampled_from(
                    [b"Content-Length", b"Transfer-Encoding", b"Content-Encoding", b"Location"]
                ),
                st.sampled_from(
                    [b"4", b"3", b"chunked", b"gzip", b"identity", b"", b"//", b"\xff"]
                ),
            ),
            max_size=4,
        ),
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_answer_brings_another_error_than_ours(answer, data):
    answer(data)


@given(st.text() | st.integers().map(str) | st.datetimes().map(lambda when: f"{when:%c}"))
def test_no_wait_that_is_asked_for_is_absurd(value):
    seconds = retry_after(value)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT


@given(st.lists(st.binary(max_size=40)), st.integers(1, 7))
def test_a_head_is_judged_the_same_however_it_is_cut(pieces, size):
    text = b"HTTP/1.1 200 OK\r\n" + b"".join(pieces) + b"\r\n\r\n" + b"body"

    def judged(step: int) -> int | str:
        watch = HeadWatch()
        try:
            for at in range(0, len(text), step):
                watch.feed(text[at : at + step])
        except Trouble as trouble:
            return trouble.message
        return watch.body

    assert judged(size) == judged(len(text))

"""What comes of each misbehaviour of a server: exact bytes, or an error that says what was."""

from __future__ import annotations

import time

import pytest

from moulouya.errors import SourceError
from web.hostile import BEHAVIOURS, BODY

GOOD = {  # name: requests that it takes
    "fine": 1,
    "fine_and_stays": 1,
    "chunked": 1,
    "interim_then_fine": 1,
    "gzip_uninvited": 1,
    "gzip_members": 1,
    "deflate_uninvited": 1,
    "close_delimited": 2,
    "fails_twice": 3,
    "breaks_off_once": 2,
    "not_modified_when_asked": 1,
}
REFUSED = {  # at once: asking again changes nothing
    "not_found": "answered 404",
    "gone": "answered 410",
    "unauthorised": "answered 401",
    "forbidden": "answered 403",
    "teapot": "answered 418",
    "no_content": "answered 204",
    "partial": "answered 206",
    "not_modified_unasked": "answered 304",
    "nowhere": "answered 302",
    "in_a_circle": "in a circle",
    "header_of_100_kb": "the head of the answer is longer than 65536 bytes",
    "endless_head": "the head of the answer is longer than 65536 bytes",
    "endless_interim_answers": "the head of the answer is longer than 65536 bytes",
    "a_thousand_headers": "more than 200 lines",
    "gzip_bomb": "grows more than 100-fold",
    "gzip_larger_than_accepted": "larger than 100000 bytes when decompressed",
    "brotli": "sent a br body",
    "gzip_twice": "sent a gzip, gzip body",
    "endless_body": "larger than 100000 bytes",
    "endless_chunks": "larger than 100000 bytes",
    "chunks_wrapped_in_more_than_they_hold": "larger than 1248576 bytes",
    "announces_too_much": "larger than 100000 bytes",
}
PASSING = {  # three times here, then the scheduler may try later
    "broken": "answered 500",
    "bad_gateway": "answered 502",
    "unavailable": "answered 503",
    "gateway_timeout": "answered 504",
    "still_preparing": "answered 202",
    "too_many_until_long_ago": "answered 429",
    "too_many_until_whenever": "answered 429",
    "shorter_than_its_length": "RemoteProtocolError: .*received 33 bytes, expected 1000",
    "longer_than_its_length": "sent more than the 20 bytes it announced",
    "two_lengths": "says its length more than once",
    "two_equal_lengths": "says its length more than once",
    "a_list_of_lengths": "says its length more than once",
    "length_in_words": "bad Content-Length",
    "negative_length": "bad Content-Length",
    "length_of_many_digits": "bad Content-Length",
    "length_and_chunks": "both a length and chunks",
    "unknown_transfer_encoding": "Only Transfer-Encoding: chunked",
    "chunks_without_end": "incomplete chunked read",
    "chunk_cut": "incomplete chunked read",
    "chunk_size_in_words": "illegal chunk header",
    "chunk_without_its_line_end": "malformed chunk footer",
    "closes_at_once": "disconnected without sending a response",
    "closes_in_its_head": "disconnected without sending a response",
    "no_head_at_all": "illegal status line|disconnected",
    "another_protocol": "illegal status line|disconnected",
    "status_in_words": "illegal status line",
    "header_without_colon": "illegal header line",
    "header_with_nul": "illegal header line",
    "resets": "ReadError|RemoteProtocolError",
    "close_delimited_and_cut": "two downloads differ",
    "gzip_that_breaks_off": "gzip body that breaks off",
    "gzip_with_a_wrong_checksum": "gzip body that is damaged: .*incorrect data check",
    "gzip_with_more_behind": "gzip body with more behind its end",
    "gzip_that_is_none": "gzip body that is damaged: .*incorrect header check",
    "deflate_without_checksum": "deflate body that is damaged",
    "gzip_of_nothing": "gzip body that breaks off",
}
LATER = {  # at once to the scheduler, with the time to wait
    "too_many_in_an_hour": 3600.0,
    "too_many_at_a_date": 21600.0,
    "too_many_for_ten_years": 21600.0,
    "too_many_for_ever": 21600.0,
}
SILENT = ("says_nothing", "says_nothing_after_its_head", "stops_in_the_middle")
DRIPPING = ("drips_its_body", "drips_its_head", "drips_chunk_sizes")
ELSEWHERE = {"echo", "to", "hops"}  # no misbehaviour by themselves


def test_every_behaviour_has_its_outcome():
    tested = [*GOOD, *REFUSED, *PASSING, *LATER, *SILENT, *DRIPPING, *ELSEWHERE]
    assert sorted(tested) == sorted(BEHAVIOURS)


@pytest.mark.parametrize("name", GOOD)
def test_the_exact_bytes_come_of(name, server, download, tmp_path):
    response = download(server.url(name))
    assert (tmp_path / "got").read_bytes() == BODY
    assert (response.status, response.bytes) == (200, len(BODY))
    assert server.times(name) == GOOD[name]


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_once(name, server, download, tmp_path, waits):
    with pytest.raises(SourceError, match=REFUSED[name]) as caught:
        download(server.url(name), max_bytes=100_000 if name != "gzip_bomb" else 2**31)
    assert str(caught.value).startswith(server.url(name))
    assert not caught.value.retry
    assert waits == []
    assert not (tmp_path / "got").exists()


@pytest.mark.parametrize("name", PASSING)
def test_tried_three_times(name, server, download, tmp_path):
    with pytest.raises(SourceError, match=PASSING[name]) as caught:
        download(server.url(name))
    assert caught.value.retry
    assert server.times(name) == (6 if name == "close_delimited_and_cut" else 3)
    assert not (tmp_path / "got").exists()


@pytest.mark.parametrize("name", LATER)
def test_a_long_wait_is_left_to_the_scheduler(name, server, download):
    with pytest.raises(SourceError, match="429") as caught:
        download(server.url(name))
    assert (caught.value.retry, caught.value.retry_after) == (True, LATER[name])
    assert server.times(name) == 1


@pytest.mark.parametrize("name", SILENT)
def test_silence_ends_after_the_timeout(name, server, download):
    with pytest.raises(SourceError, match="ReadTimeout") as caught:
        download(server.url(name), timeout=0.2)
    assert caught.value.retry
    assert server.times(name) == 3


@pytest.mark.parametrize("name", [*DRIPPING, *SILENT])
def test_the_deadline_ends_whatever_goes_on(name, server, download, tmp_path, waits):
    start = time.monotonic()
    with pytest.raises(SourceError, match=r"not done within 0\.6 s") as caught:
        download(server.url(name), deadline=0.6)
    assert time.monotonic() - start < 10
    assert caught.value.retry
    assert (server.times(name), waits) == (1, [])  # no time was left for another attempt
    assert not (tmp_path / "got").exists()


@pytest.mark.parametrize("name", DRIPPING)
def test_a_drip_is_below_the_least_speed(name, server, download):
    start = time.monotonic()
    with pytest.raises(SourceError, match=r"sent only \d+ bytes in ") as caught:
        download(server.url(name), window=0.2)
    assert time.monotonic() - start < 5
    assert caught.value.retry
    assert server.times(name) == 3

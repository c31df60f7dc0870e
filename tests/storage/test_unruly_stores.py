"""A store that fails, drops connections, loses answers or breaks its promises."""

from __future__ import annotations

import itertools
import threading
import urllib.error
import urllib.request

import pytest
from unruly import proxy_of

from moulouya.errors import LakeError
from moulouya.storage.lake import look_into, open_lake
from moulouya.storage.objects import Unreachable, open_objects


@pytest.fixture
def unruly(bucket, monkeypatch):
    """A proxy to the bucket; everything in this process goes through it."""
    with proxy_of(bucket.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        yield proxy


@pytest.fixture
def objects(bucket, unruly):
    return open_objects(bucket.lake, patience=20)


def first(times, fault, *methods):
    """The first requests of some methods meet a fault."""
    left = itertools.count()
    return lambda method, path: fault if method in methods and next(left) < times else None


@pytest.mark.parametrize("fault", [500, 503, 429, "drop"])
def test_what_fails_for_a_while_is_repeated(objects, unruly, fault):
    unruly.fault = first(3, fault, "PUT", "GET")
    objects.put("a", b"content")
    unruly.fault = first(3, fault, "PUT", "GET")
    assert objects.get("a") == b"content"
    assert len([line for line in unruly.asked if line.startswith("PUT")]) == 4


@pytest.mark.parametrize("fault", ["lose", "drop", 500])
def test_a_create_whose_answer_is_lost_is_known_as_ours(objects, unruly, fault):
    unruly.fault = first(2, fault, "PUT")
    assert objects.put_new("n", b"mine")
    assert objects.get("n") == b"mine"


def test_a_create_that_lost_is_known_as_another_ones_even_if_the_answer_is_lost(objects, unruly):
    assert objects.put_new("n", b"theirs")
    unruly.fault = first(2, "lose", "PUT")
    assert not objects.put_new("n", b"mine")
    assert objects.get("n") == b"theirs"


def test_a_download_that_breaks_off_is_taken_again(objects, unruly, tmp_path):
    objects.put("big", b"0123456789" * 1000)
    unruly.fault = first(1, "cut", "GET")
    size, _ = objects.download("big", tmp_path / "big")
    assert size == 10_000
    assert (tmp_path / "big").read_bytes() == b"0123456789" * 1000


def test_a_file_in_parts_arrives_whole_though_parts_fail(objects, unruly, tmp_path, monkeypatch):
    monkeypatch.setattr("moulouya.storage.objects.WHOLE", 1024**2)
    monkeypatch.setattr("moulouya.storage.objects.PART", 5 * 1024**2)
    content = bytes(range(256)) * 4096 * 12
    (tmp_path / "big").write_bytes(content)
    unruly.fault = first(1, 503, "PUT")
    objects.upload(tmp_path / "big", "big")
    assert objects.get("big") == content
    assert any("partNumber=3" in line for line in unruly.asked)


def test_a_store_that_is_away_is_an_error_that_can_heal(bucket, unruly):
    unruly.fault = lambda method, path: "drop"
    with pytest.raises(Unreachable, match="does not answer") as caught:
        open_objects(bucket.lake, patience=1).get("a")
    assert caught.value.retry


@pytest.mark.parametrize("status", [400, 403])
def test_a_store_that_refuses_is_not_asked_again(objects, unruly, status):
    unruly.fault = lambda method, path: status
    with pytest.raises(LakeError) as caught:
        objects.get("a")
    assert len(unruly.asked) == 1
    assert (status == 403) == ("AWS_SECRET_ACCESS_KEY" in caught.value.hint and
                               "refuses" in caught.value.message)  # fmt: skip


def test_a_store_that_ignores_if_none_match_is_refused_for_writing(bucket, unruly):
    unruly.strip = ("if-none-match",)
    with pytest.raises(LakeError, match="If-None-Match") as caught:
        open_lake(bucket.settings())
    assert "conditional writes" in caught.value.hint
    unruly.strip = ()
    assert open_lake(bucket.settings()).numbers(open_lake(bucket.settings()).log) == []


def is_there(address):
    """Whether the store has an object, asked past the proxy and without a login."""
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=20).close()
    except urllib.error.HTTPError as refused:
        return refused.code != 404
    return True


def test_a_store_that_looks_first_and_writes_then_is_refused(bucket, unruly):
    both_have_looked, racers = threading.Barrier(2), itertools.count()

    def look_first(method, path):
        if method != "PUT" or "probe" not in path:
            return None
        if is_there(bucket.endpoint + path):
            return 412
        if "raced" in path and next(racers) < 2:
            both_have_looked.wait(20)
        return None

    unruly.strip, unruly.fault = ("if-none-match",), look_first
    with pytest.raises(LakeError, match="at the same time"):
        open_lake(bucket.settings())


def test_conditional_writes_are_probed_once_in_a_process(bucket, unruly):
    open_lake(bucket.settings())
    before = len(unruly.asked)
    open_lake(bucket.settings())
    assert not [line for line in unruly.asked[before:] if "probe" in line]


def test_nothing_of_a_probe_stays(bucket, objects):
    open_lake(bucket.settings())
    assert [one.key for one in objects.list_all("")] == ["FORMAT"]


def test_a_bucket_that_does_not_exist_is_told(bucket):
    settings = bucket.settings(lake="s3://nowhere/lake")
    with pytest.raises(LakeError, match="the bucket does not exist"):
        open_lake(settings)
    lake = look_into(settings)
    with pytest.raises(LakeError, match="the bucket does not exist"):
        lake.names(lake.datasets)

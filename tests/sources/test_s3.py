"""Objects of a real S3 endpoint, in the version that was listed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import obstore
import pytest
from botocore.config import Config
from pydantic import ValidationError
from services import HOST, free_port, s3_server

from moulouya.definition import S3Source
from moulouya.errors import SourceError
from moulouya.sources import Delivery, Request, fetch, s3


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(endpoint: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty bucket that anyone may read."""
    client = boto3.resource(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="key",
        aws_secret_access_key="secret", config=Config(retries={"max_attempts": 1}),
    )  # fmt: skip
    made = client.create_bucket(Bucket="drop", ACL="public-read")
    yield made
    made.objects.all().delete()
    made.delete()
    client.meta.client.close()


@pytest.fixture
def put(bucket: Any) -> Callable[[str, bytes], None]:
    def call(key: str, content: bytes) -> None:
        bucket.put_object(Key=key, Body=content, ACL="public-read")

    return call


@pytest.fixture
def take(endpoint: str, tmp_path: Path) -> Callable[..., tuple[Delivery | None, list[bytes]]]:
    count = iter(range(100))

    def call(
        state: dict[str, Any] | None = None, max_bytes: int = 10**9, timeout: float = 5, **more: Any
    ) -> tuple[Delivery | None, list[bytes]]:
        source = {
            "kind": "s3", "bucket": "drop", "prefix": "data/", "endpoint": endpoint,
            "format": "csv", **more,
        }  # fmt: skip
        folder = tmp_path / f"delivery{next(count)}"
        folder.mkdir()
        request = Request(
            folder, tmp_path, "agent", timeout=timeout, max_bytes=max_bytes, state=state or {}
        )
        delivery = fetch(S3Source.model_validate(source), request)
        members = delivery.members if delivery else ()
        return delivery, [(folder / name).read_bytes() for name in members]

    return call


def test_an_object_arrives_byte_for_byte(put, take):
    content = os.urandom(9_000_000)
    put("data/a.csv", content)
    delivery, bodies = take()
    assert (delivery.members, bodies) == (("a.csv",), [content])
    assert delivery.url == "s3://drop/data/a.csv"
    assert delivery.etag in delivery.state["taken"].values()


def test_the_same_etags_are_nothing_new(put, take):
    put("data/a.csv", b"one")
    delivery, _ = take()
    assert take(delivery.state) == (None, [])
    put("data/a.csv", b"two")
    assert take(delivery.state)[1] == [b"two"]


def test_prefix_and_pattern_choose(put, take):
    for key in ("data/2025-1.csv", "data/2026-1.csv", "data/2026-2.txt", "data2026-3.csv"):
        put(key, key.encode())
    delivery, bodies = take(prefix="data/2026-", pattern="*.csv", take="all")
    assert (delivery.members, bodies) == (("2026-1.csv",), [b"data/2026-1.csv"])


def test_files_of_several_folders_keep_their_names_apart(put, take):
    put("data/", b"")
    put("data/01/a.csv", b"1")
    put("data/02/a.csv", b"2")
    delivery, bodies = take(take="all")
    assert (set(delivery.members), sorted(bodies)) == ({"01__a.csv", "02__a.csv"}, [b"1", b"2"])


def test_new_takes_only_what_was_not_taken_before(put, take):
    put("data/a.csv", b"1")
    first, _ = take(take="new")
    put("data/b.csv", b"2")
    second, bodies = take(first.state, take="new")
    assert (second.members, bodies) == (("b.csv",), [b"2"])
    assert take(second.state, take="new")[0] is None


def test_more_objects_than_a_page_of_the_listing(put, take, monkeypatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        put(f"data/{number}.csv", b"x")
    assert len(take(take="all")[1]) == 5


def test_no_match_is_an_error_that_may_heal(bucket, take):
    with pytest.raises(SourceError, match="no object there matches") as caught:
        take()
    assert caught.value.retry


def test_an_object_that_changes_after_the_listing_is_not_taken(put, take, monkeypatch):
    put("data/a.csv", b"one")

    def late(store: Any, key: str, **more: Any) -> Any:
        put("data/a.csv", b"two")
        return get(store, key, **more)

    get = obstore.get
    monkeypatch.setattr(s3.obstore, "get", late)
    with pytest.raises(SourceError, match="changed after it was listed") as caught:
        take()
    assert caught.value.retry


def test_too_much_is_refused_before_it_is_copied(put, take):
    put("data/a.csv", b"x" * 2000)
    with pytest.raises(SourceError, match="2000 bytes are more than 1000"):
        take(max_bytes=1000)


def test_a_bucket_that_is_not_there_is_said(take):
    with pytest.raises(SourceError, match="is not there") as caught:
        take(bucket="nowhere")
    assert not caught.value.retry


def test_a_store_that_is_away_is_tried_again(take):
    with pytest.raises(SourceError, match="does not answer") as caught:
        take(endpoint=f"http://{HOST}:{free_port()}", timeout=1)
    assert caught.value.retry


def test_a_secret_is_sent_and_the_environments_is_not(put, take, monkeypatch):
    put("data/a.csv", b"1")
    monkeypatch.setenv("AIRFLOW_CONN_STORE", "s3://mykey:mysecret@")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
    monkeypatch.setenv("AWS_ENDPOINT", f"http://{HOST}:{free_port()}")
    seen = _authorizations(monkeypatch)
    assert take(connection="store")[1] == [b"1"]
    assert seen
    assert all("Credential=mykey/" in header for header in seen)
    seen.clear()
    assert take()[1] == [b"1"]
    assert set(seen) == {""}


def _authorizations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What moto is told of who asks, from now on."""
    from moto.s3.responses import S3Response

    seen: list[str] = []
    respond = S3Response._bucket_response
    respond_key = S3Response._key_response

    def bucket(self: Any, *args: Any, **more: Any) -> Any:
        seen.append(self.headers.get("Authorization", ""))
        return respond(self, *args, **more)

    def key(self: Any, *args: Any, **more: Any) -> Any:
        seen.append(self.headers.get("Authorization", ""))
        return respond_key(self, *args, **more)

    monkeypatch.setattr(S3Response, "_bucket_response", bucket)
    monkeypatch.setattr(S3Response, "_key_response", key)
    return seen


def test_a_secret_that_is_refused_is_said_without_it(put, take, monkeypatch):
    from moto import settings
    from moto.core.responses import ActionAuthenticatorMixin

    put("data/a.csv", b"1")
    monkeypatch.setenv("AIRFLOW_CONN_STORE", "s3://mykey:mysecret@")
    # From now on moto checks who asks.
    monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    monkeypatch.setattr(ActionAuthenticatorMixin, "request_count", 0)
    with pytest.raises(SourceError, match="refuses access") as caught:
        take(connection="store")
    monkeypatch.undo()
    assert "mysecret" not in str(caught.value)
    assert not caught.value.retry


@pytest.mark.parametrize(
    "endpoint",
    ["http://store.example.org", "http://8.8.8.8", "https://169.254.169.254", "http://0.0.0.0"],
)
def test_an_endpoint_in_the_clear_is_for_the_own_network_only(endpoint):
    with pytest.raises(ValidationError, match="endpoint"):
        S3Source(kind="s3", bucket="b", format="csv", endpoint=endpoint)


@pytest.mark.parametrize("endpoint", ["https://store.example.org", "http://10.0.0.7:9000"])
def test_other_endpoints_are_fine(endpoint):
    assert S3Source(kind="s3", bucket="b", format="csv", endpoint=endpoint).endpoint

"""Resources of a CKAN portal: one by its id, or those of a package whose names match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from moulouya import web
from moulouya.definition import CkanSource
from moulouya.errors import SourceError
from moulouya.sources.answers import refuse_mismatch
from moulouya.sources.ckan_resources import Resource, chosen
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.paging import Call, glance

DUMPED = {",": "csv", "\t": "tsv"}


def fetch(source: CkanSource, request: Request) -> Delivery | None:
    """Ask the portal where the files are, and take those that changed; None when none did.

    A file that the portal itself keeps is unchanged while the portal's record of it is; any
    other is asked for by its ETag or date. One that changed brings all of them, because they
    are one table. Raises SourceError with the portal's own message where it refuses.
    """
    api = str(source.url).rstrip("/")
    with web.client(source, request) as client:
        found, version = _resources(client, source, request, api)
        wanted = [_Wanted(api, source, resource) for resource in found]
        listing = [each.record for each in wanted]
        known = {record["id"]: record for record in request.state.get("resources", [])}
        same = [record["id"] for record in listing] == list(known)
        if same and all(each.unchanged(known[each.resource.id]) for each in wanted):
            return None
        alone = wanted[0] if len(wanted) == 1 else None
        if same and not alone and all(_rests(client, request, each, known) for each in wanted):
            return None
        asked: list[web.Response] = []
        members: list[str] = []
        for number, each in enumerate(wanted, 1):
            name = each.resource.file_name if alone else f"{number:03d}-{each.resource.file_name}"
            path = request.folder / name
            before = known.get(each.resource.id, {})
            conditional = alone is not None and before.get("url") == each.url
            response = client.download(each.url, path, conditional=conditional)
            if response is None:
                return None
            refuse_mismatch(path, source, response.url)
            members.append(name)
            asked.append(response)
    for record, response in zip(listing, asked, strict=True):
        record.update(etag=response.etag, modified=response.last_modified)
    return Delivery(
        members=tuple(members),
        url=asked[0].url if alone else f"{api}/package_show?id={source.package}",
        status=asked[0].status,
        headers=asked[0].headers,
        source_version=version,
        etag=asked[0].etag if alone else None,
        last_modified=asked[0].last_modified if alone else None,
        state={"resources": listing, "version": version},
    )


def _resources(
    client: web.Client, source: CkanSource, request: Request, api: str
) -> tuple[list[Resource], str | None]:
    """The resources to take, in an order that stays, and the portal's version of the whole."""
    if source.resource is not None:
        result = _action(client, request, api, "resource_show", source.resource)
        resource = Resource.read(result)
        return [resource], resource.version
    assert source.package is not None, "the model demands the one or the other"
    result = _action(client, request, api, "package_show", source.package)
    listed = result.get("resources")
    if not isinstance(listed, list):
        raise SourceError(f"the package {source.package!r} lists no resources")
    everything = [Resource.read(each) for each in listed if _is_active(each)]
    modified = result.get("metadata_modified") or result.get("revision_id")
    return chosen(source, everything), modified


def _action(
    client: web.Client, request: Request, api: str, action: str, name: str
) -> dict[str, Any]:
    url = f"{api}/{action}"
    _, answer = glance(client, request, Call(url, {"id": name}))
    result = answer.get("result") if isinstance(answer, dict) else None
    if isinstance(answer, dict) and answer.get("success") is True and isinstance(result, dict):
        return result
    error = answer.get("error") if isinstance(answer, dict) else None
    said = error.get("message") or error if isinstance(error, dict) else error
    if said is None:
        raise SourceError(
            f"{url} did not answer as a CKAN portal",
            hint="source.url is the portal's API, such as https://data.gov.ma/data/api/3/action",
        )
    raise SourceError(f"{url} refuses {name!r}: {said}", hint="check the id in the definition")


def _is_active(said: Any) -> bool:
    """Whether a resource is neither deleted nor a draft."""
    return not isinstance(said, dict) or said.get("state") in (None, "", "active")


@dataclass(frozen=True)
class _Wanted:
    """A resource, and where its bytes are."""

    api: str
    source: CkanSource
    resource: Resource

    @property
    def site(self) -> str:
        """The portal's own address: what comes before its API."""
        return self.api.partition("/api/")[0] + "/"

    @property
    def url(self) -> str:
        """Where to download; raises SourceError for a datastore that is not asked for as CSV."""
        if not self.resource.only_in_datastore:
            return urljoin(self.site, self.resource.url)
        form = DUMPED.get(self.source.dialect.delimiter)
        if self.source.format != "csv" or form is None:
            raise SourceError(
                f"the resource {self.resource.id} is a table of the portal's datastore, which is "
                "read as CSV",
                hint="set source.format to csv, and leave the delimiter out",
            )
        return f"{self.site}datastore/dump/{self.resource.id}?format={form}"

    @property
    def record(self) -> dict[str, Any]:
        """What the portal says about the bytes, to compare with the next time."""
        return {"id": self.resource.id, "url": self.url, "says": list(self.resource.signature)}

    def unchanged(self, before: dict[str, Any]) -> bool:
        """Whether the portal's own record shows that the bytes are those of the last time.

        Only of files that were uploaded to it: of a link it knows nothing.
        """
        now = self.record
        told = self.resource.uploaded and any(self.resource.signature[:2])
        return told and {name: before.get(name) for name in now} == now


def _rests(
    client: web.Client, request: Request, wanted: _Wanted, known: dict[str, dict[str, Any]]
) -> bool:
    """Whether one of several files is the one of the last time; asks for it conditionally."""
    before = known[wanted.resource.id]
    if wanted.unchanged(before):
        return True
    if before.get("url") != wanted.url or not (before.get("etag") or before.get("modified")):
        return False
    tag, date = before.get("etag"), before.get("modified")
    condition = {"If-None-Match": str(tag)} if tag else {"If-Modified-Since": str(date)}
    path = request.folder / ".changed"
    try:
        return client.download(wanted.url, path, headers=condition) is None
    finally:
        path.unlink(missing_ok=True)

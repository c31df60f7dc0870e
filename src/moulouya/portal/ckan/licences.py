"""Licences by CKAN's own ids and titles: its clients know a licence by them alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DEFINITION = "http://www.opendefinition.org/licenses/"


@dataclass(frozen=True)
class CkanLicence:
    """One entry of CKAN's list of licences."""

    id: str
    title: str
    url: str
    data: bool = True

    def to_json(self) -> dict[str, Any]:
        """The entry as ``license_list`` has it."""
        return {
            "id": self.id,
            "title": self.title,
            "url": self.url,
            "status": "active",
            "family": "",
            "maintainer": "",
            "domain_content": str(not self.data),
            "domain_data": str(self.data),
            "domain_software": "False",
            "is_generic": str(self.id.startswith("other-")),
            "od_conformance": "approved",
            "osd_conformance": "not reviewed",
        }


OTHER = CkanLicence("other-open", "Other (Open)", "")
BY_SPDX = {
    "CC0-1.0": CkanLicence("cc-zero", "Creative Commons CCZero", f"{DEFINITION}cc-zero"),
    "CC-BY-4.0": CkanLicence("cc-by", "Creative Commons Attribution", f"{DEFINITION}cc-by"),
    "CC-BY-SA-4.0": CkanLicence(
        "cc-by-sa", "Creative Commons Attribution Share-Alike", f"{DEFINITION}cc-by-sa"
    ),
    "ODbL-1.0": CkanLicence(
        "odc-odbl", "Open Data Commons Open Database License (ODbL)", f"{DEFINITION}odc-odbl"
    ),
    "ODC-By-1.0": CkanLicence(
        "odc-by", "Open Data Commons Attribution License", f"{DEFINITION}odc-by"
    ),
    "PDDL-1.0": CkanLicence(
        "odc-pddl",
        "Open Data Commons Public Domain Dedication and License (PDDL)",
        f"{DEFINITION}odc-pddl",
    ),
    "OGL-UK-3.0": CkanLicence(
        "uk-ogl",
        "UK Open Government Licence (OGL)",
        "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
    ),
    "etalab-2.0": CkanLicence("other-at", "Other (Attribution)", ""),
}


def licence_of(spdx: str) -> CkanLicence:
    """The licence of CKAN's list that stands for an SPDX identifier."""
    return BY_SPDX.get(spdx, OTHER)


def every_licence() -> list[CkanLicence]:
    """CKAN's licences that datasets here may have, each once."""
    return list({one.id: one for one in (*BY_SPDX.values(), OTHER)}.values())

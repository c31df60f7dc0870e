"""Which addresses a fetch may connect to: the public ones, and private ones that are named.

`ipaddress` alone is no guard: it calls NAT64 and 6to4 forms of 127.0.0.1 global. So IPv6 is
allowed only inside 2000::/3, minus what carries IPv4 or is not for the public, and the registries
of special addresses (RFC 6890, RFC 5735) are written out for IPv4.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

from moulouya.web.trouble import Trouble

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(each) for each in text.split())


# Where clouds hand credentials to their machines; some of them look like private or public hosts.
METADATA = _networks(
    "169.254.0.0/16 fe80::/10 100.100.100.200/32 168.63.129.16/32 192.0.0.192/32"
    " fd00:ec2::254/128 fd20:ce::254/128"
)
LOOPBACK = _networks("127.0.0.0/8 ::1/128")
PRIVATE = _networks("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7")
SPECIAL = _networks(
    "0.0.0.0/8 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24"
    " 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
    " 2001::/23 2001:db8::/32 2002::/16 3fff::/20"
)
GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")


@dataclass(frozen=True)
class Objection:
    """Why an address is not connected to; ``allowable`` where a deployment may say otherwise."""

    what: str
    allowable: bool


def objection(address: Address) -> Objection | None:
    """What speaks against connecting to this address; None for a public one."""
    if _in(address, METADATA):
        return Objection("a link-local or metadata address", allowable=False)
    if _in(address, LOOPBACK):
        return Objection("a loopback address", allowable=True)
    if _in(address, PRIVATE):
        return Objection("an address of a private network", allowable=True)
    if isinstance(address, ipaddress.IPv6Address) and (
        address not in GLOBAL_IPV6 or address.scope_id is not None
    ):
        return Objection("no public IPv6 address", allowable=False)
    if _in(address, SPECIAL) or address.is_multicast or not address.is_global:
        return Objection("an address of special use", allowable=False)
    return None


@dataclass(frozen=True)
class Guard:
    """Judges addresses: ``declared`` is host and port of the definition's own address."""

    declared: tuple[str, int] | None = None
    private_hosts: Collection[str] = ()

    def check(self, host: str, port: int, address: Address) -> None:
        """Raises Trouble when this address of this host must not be connected to."""
        found = objection(address)
        if found is None or (found.allowable and self._allowed(host, port, address)):
            return
        raise Trouble(
            f": the host {host} has the address {address}, {found.what}",
            hint=f"if that is meant, add {host} to the setting MOULOUYA_PRIVATE_HOSTS"
            if found.allowable
            else "such addresses are never connected to",
        )

    def _allowed(self, host: str, port: int, address: Address) -> bool:
        written = f"[{host}]" if ":" in host else host
        names = {each.strip().lower() for each in self.private_hosts}
        if names & {host, written, f"{written}:{port}"}:
            return True
        if self.declared != (host, port):
            return False
        return literal(host) is not None or (host == "localhost" and _in(address, LOOPBACK))


def literal(host: str) -> Address | None:
    """The address that a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == each.version and address in each for each in networks)

"""Where webhooks may go: an allow-list of origins, and no private address that was not listed."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

ANYWHERE = "*"
URL_LENGTH = 2000
PORTS = {"https": 443, "http": 80}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class DestinationError(ValueError):
    """An address that webhooks may not go to; the message is one line that says why."""


@dataclass(frozen=True)
class Destination:
    """A URL in parts.

    Parameters
    ----------
    scheme
        https or http.
    host
        Name or address, in lower case, an IPv6 address without brackets.
    port
        Of TCP.
    path
        With the query; starts with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What the allow-list names."""
        return self.scheme, self.host, self.port


@dataclass(frozen=True)
class AllowList:
    """Origins that webhooks may go to, and networks of private addresses that their names may resolve to.

    Parameters
    ----------
    origins
        Scheme, host and port of each.
    networks
        Addresses that are permitted although they are not public.
    anywhere
        Whether every public host is an origin, by https on port 443.
    """

    origins: frozenset[tuple[str, str, int]] = frozenset()
    networks: tuple[Network, ...] = ()
    anywhere: bool = False

    @classmethod
    def of(cls, entries: Iterable[str]) -> AllowList:
        """Read the entries of the setting.

        Parameters
        ----------
        entries
            Each a host (by https), ``host:port``, ``http://host:port``, a network such as 10.0.0.0/8, or ``*``.

        Raises
        ------
        DestinationError
            When an entry is none of these.
        """
        origins, networks, anywhere = set(), [], False
        for entry in entries:
            if entry == ANYWHERE:
                anywhere = True
            elif re.fullmatch(r"[0-9a-fA-F:.]+/[0-9]+", entry):
                try:
                    networks.append(ipaddress.ip_network(entry))
                except ValueError as error:
                    raise DestinationError(f"{entry}: {error}") from None
            else:
                found = parse(entry if "://" in entry else f"https://{entry}")
                if found.path != "/":
                    raise DestinationError(f"{entry}: name a host, without a path")
                origins.add(found.origin)
        return cls(frozenset(origins), tuple(networks), anywhere)

    def check(self, url: str) -> Destination:
        """Return a URL in parts, if webhooks may go there.

        Parameters
        ----------
        url
            From a client.

        Raises
        ------
        DestinationError
            When they may not.
        """
        destination = parse(url)
        public = self.anywhere and (destination.scheme, destination.port) == ("https", PORTS["https"])
        if destination.origin not in self.origins and not public:
            raise DestinationError("this server sends no webhooks there; see --webhooks-to")
        return destination

    def resolve(self, destination: Destination) -> list[str]:
        """Look a destination's name up, once, and return the addresses that may be connected to.

        The caller connects to these and not to the name, whose next look-up may say something else.

        Parameters
        ----------
        destination
            As ``check`` returned it.

        Raises
        ------
        DestinationError
            When the name is not known, or all its addresses are refused.
        """
        try:
            found = socket.getaddrinfo(destination.host, destination.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise DestinationError("the host's name could not be resolved") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        permitted = [address for address in addresses if self._permits(address, destination)]
        if not permitted:
            raise DestinationError("the host's address is private, and not listed in --webhooks-to")
        return permitted

    def _permits(self, text: str, destination: Destination) -> bool:
        address = ipaddress.ip_address(text)
        if text == destination.host and destination.origin in self.origins:
            return True
        return is_public(address) or any(address in network for network in self.networks)


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the public internet, and so does an IPv4 address that it stands for.

    Parameters
    ----------
    address
        To be connected to.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def parse(url: str) -> Destination:
    """Return the parts of a URL.

    Parameters
    ----------
    url
        Absolute, in ASCII, without user name and fragment.

    Raises
    ------
    DestinationError
        When it is no such URL.
    """
    if len(url) > URL_LENGTH or not _PRINTABLE.fullmatch(url):
        raise DestinationError(
            f"a URL has at most {URL_LENGTH} characters of ASCII, others as percent-encoded or punycode"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise DestinationError("not a URL") from None
    if parts.scheme not in PORTS or not host:
        raise DestinationError("a URL that starts with https:// is needed")
    if "@" in parts.netloc or "\\" in url or parts.fragment:
        raise DestinationError("a URL without user name, backslash and fragment is needed")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(parts.scheme, host, PORTS[parts.scheme] if port is None else port, path)

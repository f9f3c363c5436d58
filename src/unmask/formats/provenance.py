"""Content credentials (C2PA): what a file's maker signed, and whether the signature holds."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

CredentialState = Literal["trusted", "valid", "invalid", "absent", "unreadable", "not_checked"]

_LONGEST = 300
_MOST = 20
_LISTS = ("actions", "sources", "ingredients", "problems")
_MOST_ANCHOR_BYTES = 4_000_000
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
# Nothing is fetched: no server may learn that this file is checked.
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_STATES: dict[str, CredentialState] = {"Trusted": "trusted", "Valid": "valid", "Invalid": "invalid"}


@dataclass(frozen=True)
class Credentials:
    """A file's content credentials, as far as they can be checked offline.

    Every string comes from the file: escape it before it is shown.

    Parameters
    ----------
    state
        As C2PA 2.x tells manifests apart. ``"trusted"``: valid, and the signer's certificate leads to one of the trust
        anchors that were given; ``"valid"``: well-formed, the signature and all hashes hold, but no trust anchor
        vouches for the signer; ``"invalid"``: the signature, a hash or the form is wrong; ``"absent"``: none in the
        file; ``"unreadable"``: there are some, but they cannot be read; ``"not_checked"``: they were not searched for,
        for example because the extra is not installed, or they are on the network alone.
    signer
        Name in the certificate.
    generator
        The program that wrote the claim.
    actions
        What the claim says was done, such as ``"c2pa.created"``.
    sources
        IPTC digital source types, such as ``"trainedAlgorithmicMedia"``.
    ingredients
        Titles of the files that the claim says this one was made from.
    problems
        Codes of the checks that failed.
    anchors
        Certificates of the trust anchors that were given; 0 without any.
    """

    state: CredentialState
    detail: str | None = None
    signer: str | None = None
    signed: str | None = None
    generator: str | None = None
    actions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    ingredients: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    anchors: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the credentials as the JSON schema has them."""
        values = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Credentials:
        """Return the credentials of ``to_dict``'s values, which may come from anywhere.

        Parameters
        ----------
        values
            Of JSON.

        Raises
        ------
        ValueError
            When they are not content credentials.
        """
        try:
            given = dict(values)
            state = given.pop("state")
            lists = {name: given.pop(name) for name in _LISTS}
            anchors = given.pop("anchors", 0)
            texts = [text for text in chain(given.values(), *lists.values()) if text is not None]
            if state not in get_args(CredentialState) or not all(isinstance(text, str) for text in texts):
                raise TypeError
            if type(anchors) is not int or not 0 <= anchors <= _MOST_ANCHOR_BYTES:
                raise TypeError
            cut: dict[str, Any] = {name: _text(text) for name, text in given.items()}
            return cls(state, **cut | {name: _texts(said) for name, said in lists.items()}, anchors=anchors)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("not content credentials") from error


def trust_anchors(text: str) -> str:
    """Return the certificates in a text as PEM and nothing else of it, each once.

    Parameters
    ----------
    text
        One or more certificates in PEM; keys and comments beside them are left out.

    Raises
    ------
    ValueError
        When there is none, or one is no certificate.
    """
    if len(text) > _MOST_ANCHOR_BYTES:
        raise ValueError(f"more than {_MOST_ANCHOR_BYTES:,} bytes of trust anchors")
    found = dict.fromkeys("".join(body.split()) for body in _CERTIFICATE.findall(text))
    for body in found:
        try:
            whole = base64.b64decode(body, validate=True)[:1] == b"\x30"  # DER: a sequence.
        except binascii.Error:
            whole = False
        if not whole:
            raise ValueError("a trust anchor is not a certificate in PEM")
    if not found:
        raise ValueError("no certificate in PEM (BEGIN CERTIFICATE) among the trust anchors")
    return "".join(_as_pem(body) for body in found)


def _as_pem(body: str) -> str:
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def load_library() -> None:
    """Load the library that reads content credentials, if it is there: a confined process may not find it any more."""
    with suppress(Exception):
        import c2pa  # noqa: F401


def content_credentials(source: str | Path | int, anchors: str | None = None) -> Credentials:
    """Return a file's content credentials, checked offline; needs the extra ``provenance``, and never raises.

    The library is native code and reads what the file holds: for untrusted files there is
    ``DecodingProcesses.credentials``. Credentials that are on the network alone are not fetched.

    Parameters
    ----------
    source
        Path or open file descriptor.
    anchors
        Certificates in PEM whose holders are trusted, with those that they vouch for; None trusts nobody.
    """
    trust = {"trust": {"user_anchors": anchors}} if anchors else {}
    count = anchors.count("BEGIN CERTIFICATE") if anchors else 0
    try:
        import c2pa
    except ImportError:
        return Credentials("not_checked", "the extra is not installed: pip install 'unmask[provenance]'")
    except Exception as error:
        return Credentials("not_checked", f"what reads them cannot be loaded: {_line(error)}")
    try:
        with c2pa.Context(c2pa.Settings.from_dict(_OFFLINE | trust)) as context, _opened(source) as file:
            reader = c2pa.Reader.try_create(None, file, None, context)
            if reader is None:
                return Credentials("absent")
            with reader:
                return replace(_credentials(json.loads(reader.json())), anchors=count)
    except MemoryError:
        return Credentials("unreadable", "reading them takes more memory than is allowed")
    except Exception as error:
        if isinstance(error, c2pa.C2paError.NotSupported):
            return Credentials("absent", "this kind of file carries none that can be read")
        if "must fetch remote manifests" in str(error):
            return Credentials("not_checked", "they are on the network alone, and nothing is fetched")
        return Credentials("unreadable", f"{type(error).__name__}: {_line(error)}")


def _opened(source: str | Path | int) -> BinaryIO:
    return os.fdopen(source, "rb", closefd=False) if isinstance(source, int) else Path(source).open("rb")


def _credentials(store: dict[str, Any]) -> Credentials:
    """Condense a manifest store (C2PA 2.x, as c2pa-rs gives it in JSON) to what a reader needs."""
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature = manifest.get("signature_info", {})
    actions = [
        action
        for assertion in manifest.get("assertions", [])
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", [])
    ]
    results = store.get("validation_results", {}).get("activeManifest", {})
    return Credentials(
        state=_STATES.get(store.get("validation_state", ""), "unreadable"),
        signer=_joined(signature.get("common_name"), signature.get("issuer")),
        signed=_text(signature.get("time")),
        generator=_generator(manifest),
        actions=_texts(action.get("action") for action in actions),
        sources=_texts(str(action.get("digitalSourceType") or "").rpartition("/")[2] for action in actions),
        ingredients=_texts(part.get("title") for part in manifest.get("ingredients", [])),
        problems=_texts(failure.get("code") for failure in results.get("failure", [])),
    )


def _generator(manifest: dict[str, Any]) -> str | None:
    programs = manifest.get("claim_generator_info") or [{"name": manifest.get("claim_generator")}]
    return _joined(*(f"{p.get('name') or ''} {p.get('version') or ''}".strip() for p in programs))


def _joined(*parts: object) -> str | None:
    return ", ".join(dict.fromkeys(text for text in map(_text, parts) if text)) or None


def _texts(values: Any) -> tuple[str, ...]:
    """Keep what is there, each once, in order."""
    return tuple(dict.fromkeys(text for text in map(_text, values) if text))[:_MOST]


def _text(value: object) -> str | None:
    return str(value)[:_LONGEST] if value else None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST]

"""Content credentials (C2PA): what a file's maker signed, and whether the signature holds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

CredentialState = Literal["trusted", "valid", "invalid", "absent", "unreadable", "not_checked"]

_LONGEST = 300
_MOST = 20
_LISTS = ("actions", "sources", "ingredients", "problems")
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
        ``"trusted"``: the seal holds and its certificate is on a trust list; ``"valid"``: the seal holds, its maker
        is not vouched for; ``"invalid"``: the seal or the file was changed; ``"absent"``: none in the file;
        ``"unreadable"``: there are some, but they cannot be read; ``"not_checked"``: they were not searched for, for
        example because the extra is not installed.
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
            texts = [text for text in chain(given.values(), *lists.values()) if text is not None]
            if state not in get_args(CredentialState) or not all(isinstance(text, str) for text in texts):
                raise TypeError
            cut: dict[str, Any] = {name: _text(text) for name, text in given.items()}
            return cls(state, **cut | {name: _texts(said) for name, said in lists.items()})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("not content credentials") from error


def load_library() -> None:
    """Load the library that reads content credentials, if it is there: a confined process may not find it any more."""
    with suppress(Exception):
        import c2pa  # noqa: F401


def content_credentials(source: str | Path | int) -> Credentials:
    """Return a file's content credentials, checked offline; needs the extra ``provenance``, and never raises.

    The library is native code and reads what the file holds: for untrusted files there is
    ``DecodingProcesses.credentials``. Credentials that are on the network alone are not fetched.

    Parameters
    ----------
    source
        Path or open file descriptor.
    """
    try:
        import c2pa
    except ImportError:
        return Credentials("not_checked", "the extra is not installed: pip install 'unmask[provenance]'")
    except Exception as error:
        return Credentials("not_checked", f"what reads them cannot be loaded: {_line(error)}")
    try:
        with c2pa.Context(c2pa.Settings.from_dict(_OFFLINE)) as context, _opened(source) as file:
            reader = c2pa.Reader.try_create(None, file, None, context)
            if reader is None:
                return Credentials("absent")
            with reader:
                return _credentials(json.loads(reader.json()))
    except MemoryError:
        return Credentials("unreadable", "reading them takes more memory than is allowed")
    except Exception as error:
        if isinstance(error, c2pa.C2paError.NotSupported):
            return Credentials("absent", "this kind of file carries none that can be read")
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

"""Content credentials (C2PA): what a file's maker sealed into it, and whether the seal holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

CredentialState = Literal["trusted", "valid", "invalid", "absent", "unreadable", "not_checked"]

_LONGEST = 300
_MOST = 20
# Looking must tell nobody that this file is looked at: nothing is fetched.
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_STATES: dict[str, CredentialState] = {"Trusted": "trusted", "Valid": "valid", "Invalid": "invalid"}


@dataclass(frozen=True)
class Credentials:
    """A file's content credentials, as far as they can be checked offline.

    state : ``"trusted"``: the seal holds and its certificate is on a trust list; ``"valid"``: the seal holds,
    who made it is not vouched for; ``"invalid"``: the seal or the file was changed; ``"absent"``: none in the file;
    ``"unreadable"``: there is something, but it cannot be read; ``"not_checked"``: the extra is not installed.
    signer : name in the certificate. generator : the program that wrote the claim. actions : what it says was done,
    such as ``"c2pa.created"``. sources : IPTC digital source types, such as ``"trainedAlgorithmicMedia"``.
    ingredients : titles of the files that it says this one was made from. problems : codes of the checks that
    failed. Every string comes from the file: escape it before it is shown.
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
        """Give the credentials as the JSON schema has them."""
        return {
            "state": self.state,
            "detail": self.detail,
            "signer": self.signer,
            "signed": self.signed,
            "generator": self.generator,
            "actions": list(self.actions),
            "sources": list(self.sources),
            "ingredients": list(self.ingredients),
            "problems": list(self.problems),
        }


def content_credentials(path: str | Path) -> Credentials:
    """Read and check a file's content credentials, offline; needs the extra ``provenance``, and never raises.

    Credentials that are not in the file but somewhere on the network are not fetched.
    """
    try:
        import c2pa
    except ImportError:
        return Credentials("not_checked", "the extra is not installed: pip install 'unmask[provenance]'")
    try:
        with (
            c2pa.Context(c2pa.Settings.from_dict(_OFFLINE)) as context,
            Path(path).open("rb") as file,
        ):
            reader = c2pa.Reader.try_create(None, file, None, context)
            if reader is None:
                return Credentials("absent")
            with reader:
                return _credentials(json.loads(reader.json()))
    except Exception as error:
        if isinstance(error, c2pa.C2paError.NotSupported):
            return Credentials("absent", "this kind of file carries none that can be read")
        return Credentials("unreadable", f"{type(error).__name__}: {_line(error)}")


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

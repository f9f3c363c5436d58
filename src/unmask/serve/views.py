"""What the page shows of a job: the view of its result, and a few words for lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from unmask.media import Credentials, FileFacts
from unmask.report import Evidence, ScanResult, SoundFacts
from unmask.report.view import result_view
from unmask.report.words import STATUSES, VERDICTS, percent


def scan_view(scan: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the view of a scan's JSON as plain values, None for what is no result.

    Parameters
    ----------
    scan
        As ``ScanResult.to_dict`` writes it, of any schema that is read.
    """
    try:
        result = ScanResult.from_dict(scan)
        if evidence := scan.get("evidence"):
            file, credentials, sound = evidence["file"], evidence["credentials"], evidence.get("sound")
            facts = Evidence(
                file=FileFacts.from_dict(file) if file else None,
                credentials=Credentials.from_dict(credentials) if credentials else None,
                sound=SoundFacts.from_dict(sound) if sound else None,
            )
            result = replace(result, evidence=facts)
    except (ValueError, KeyError):
        return None
    return asdict(result_view(result))


def job_words(status: str | None, verdict: str | None, score: float | None) -> dict[str, str | None]:
    """Return the headline and the score of a finished scan; None where there is none.

    Parameters
    ----------
    status, verdict, score
        Of its result.
    """
    headline = VERDICTS[verdict] if verdict else STATUSES.get(status or "")
    return {"headline": headline, "score": None if score is None else percent(score)}

"""What the bytes of a file say: its kind and facts, its streams and their times, its pictures, its credentials.

Names are imported on first use: neither a scan nor the process that decodes needs all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmask.late_names import late_names

if TYPE_CHECKING:
    from unmask.formats.content import Content, content_of
    from unmask.formats.endings import IMAGE_ENDINGS, VIDEO_ENDINGS, kind_by_name
    from unmask.formats.errors import MediaError, MediaKind, MediaStatus, as_media_error
    from unmask.formats.facts import FileFacts, StreamFacts
    from unmask.formats.generators import OriginMark
    from unmask.formats.provenance import Credentials, content_credentials, trust_anchors
    from unmask.formats.shrinking import shrink

__all__ = [
    "IMAGE_ENDINGS",
    "VIDEO_ENDINGS",
    "Content",
    "Credentials",
    "FileFacts",
    "MediaError",
    "MediaKind",
    "MediaStatus",
    "OriginMark",
    "StreamFacts",
    "as_media_error",
    "content_credentials",
    "content_of",
    "kind_by_name",
    "shrink",
    "trust_anchors",
]

_HOMES = {
    "Content": "unmask.formats.content",
    "Credentials": "unmask.formats.provenance",
    "FileFacts": "unmask.formats.facts",
    "IMAGE_ENDINGS": "unmask.formats.endings",
    "MediaError": "unmask.formats.errors",
    "MediaKind": "unmask.formats.errors",
    "MediaStatus": "unmask.formats.errors",
    "OriginMark": "unmask.formats.generators",
    "StreamFacts": "unmask.formats.facts",
    "VIDEO_ENDINGS": "unmask.formats.endings",
    "as_media_error": "unmask.formats.errors",
    "content_credentials": "unmask.formats.provenance",
    "content_of": "unmask.formats.content",
    "kind_by_name": "unmask.formats.endings",
    "shrink": "unmask.formats.shrinking",
    "trust_anchors": "unmask.formats.provenance",
}

__getattr__ = late_names(__name__, _HOMES)

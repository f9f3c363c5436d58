"""What the bytes of a file say: its kind and facts, its streams and their times, its pictures, its credentials."""

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

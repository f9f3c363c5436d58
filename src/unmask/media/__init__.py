"""Opens untrusted images and videos, samples frames and enforces limits."""

from unmask.media.facts import FileFacts, StreamFacts, file_facts
from unmask.media.frame import Frame, Limits, MediaError, MediaInfo, guarded
from unmask.media.opening import open_media
from unmask.media.provenance import Credentials, content_credentials
from unmask.media.source import Media

__all__ = [
    "Credentials",
    "FileFacts",
    "Frame",
    "Limits",
    "Media",
    "MediaError",
    "MediaInfo",
    "StreamFacts",
    "content_credentials",
    "file_facts",
    "guarded",
    "open_media",
]

"""Opens untrusted images and videos, samples frames and enforces limits."""

from unmask.media.decoding_process import DecodingProcessError, DecodingProcesses
from unmask.media.endings import IMAGE_ENDINGS, VIDEO_ENDINGS, kind_by_name
from unmask.media.facts import FileFacts, StreamFacts
from unmask.media.frame import Frame, Limits, MediaError, MediaInfo, guarded
from unmask.media.opening import open_media, why_left_out
from unmask.media.provenance import Credentials, content_credentials
from unmask.media.sampling import Sampling
from unmask.media.shrinking import shrink
from unmask.media.source import Media
from unmask.media.streams import put_down

__all__ = [
    "IMAGE_ENDINGS",
    "VIDEO_ENDINGS",
    "Credentials",
    "DecodingProcessError",
    "DecodingProcesses",
    "FileFacts",
    "Frame",
    "Limits",
    "Media",
    "MediaError",
    "MediaInfo",
    "Sampling",
    "StreamFacts",
    "content_credentials",
    "guarded",
    "kind_by_name",
    "open_media",
    "put_down",
    "shrink",
    "why_left_out",
]

"""Opens untrusted images and videos, samples frames and enforces limits."""

from unmask.media.decoding_process import DecodingProcessError, DecodingProcesses
from unmask.media.endings import IMAGE_ENDINGS, VIDEO_ENDINGS, kind_by_name
from unmask.media.facts import FileFacts, StreamFacts
from unmask.media.frame import Frame, Limits, MediaError, MediaInfo, as_media_error
from unmask.media.opening import open_media, why_left_out
from unmask.media.provenance import Credentials, content_credentials
from unmask.media.sampling import Sampling, spread
from unmask.media.shrinking import shrink
from unmask.media.source import Media
from unmask.media.streams import spooled_to_file

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
    "as_media_error",
    "content_credentials",
    "kind_by_name",
    "open_media",
    "shrink",
    "spooled_to_file",
    "spread",
    "why_left_out",
]

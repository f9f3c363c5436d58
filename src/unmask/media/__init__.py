"""Opens untrusted images and videos, samples frames and sound, and enforces limits."""

from unmask.formats.endings import IMAGE_ENDINGS, VIDEO_ENDINGS, kind_by_name
from unmask.formats.errors import MediaError, as_media_error
from unmask.formats.facts import FileFacts, StreamFacts
from unmask.formats.generators import OriginMark
from unmask.formats.provenance import Credentials, content_credentials, trust_anchors
from unmask.formats.shrinking import shrink
from unmask.media.audio import AudioChunk, AudioInfo, AudioSampling
from unmask.media.frame import Frame, Limits, MediaInfo
from unmask.media.isolated.pool import DecodingProcesses
from unmask.media.isolated.process import DecodingProcessError
from unmask.media.isolated.shared import open_isolated
from unmask.media.opening import open_media, why_left_out
from unmask.media.sampling import Burst, Sampling, spread
from unmask.media.source import Media
from unmask.media.streams import spooled_to_file

__all__ = [
    "IMAGE_ENDINGS",
    "VIDEO_ENDINGS",
    "AudioChunk",
    "AudioInfo",
    "AudioSampling",
    "Burst",
    "Credentials",
    "DecodingProcessError",
    "DecodingProcesses",
    "FileFacts",
    "Frame",
    "Limits",
    "Media",
    "MediaError",
    "MediaInfo",
    "OriginMark",
    "Sampling",
    "StreamFacts",
    "as_media_error",
    "content_credentials",
    "kind_by_name",
    "open_isolated",
    "open_media",
    "shrink",
    "spooled_to_file",
    "spread",
    "trust_anchors",
    "why_left_out",
]

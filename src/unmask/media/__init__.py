"""Opens untrusted images and videos, samples frames and sound, and enforces limits.

Names are imported on first use: neither a scan nor the process that decodes needs all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmask.late_names import late_names

if TYPE_CHECKING:
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

_HOMES = {
    "AudioChunk": "unmask.media.audio",
    "AudioInfo": "unmask.media.audio",
    "AudioSampling": "unmask.media.audio",
    "Burst": "unmask.media.sampling",
    "Credentials": "unmask.formats.provenance",
    "DecodingProcessError": "unmask.media.isolated.process",
    "DecodingProcesses": "unmask.media.isolated.pool",
    "FileFacts": "unmask.formats.facts",
    "Frame": "unmask.media.frame",
    "IMAGE_ENDINGS": "unmask.formats.endings",
    "Limits": "unmask.media.frame",
    "Media": "unmask.media.source",
    "MediaError": "unmask.formats.errors",
    "MediaInfo": "unmask.media.frame",
    "OriginMark": "unmask.formats.generators",
    "Sampling": "unmask.media.sampling",
    "StreamFacts": "unmask.formats.facts",
    "VIDEO_ENDINGS": "unmask.formats.endings",
    "as_media_error": "unmask.formats.errors",
    "content_credentials": "unmask.formats.provenance",
    "kind_by_name": "unmask.formats.endings",
    "open_isolated": "unmask.media.isolated.shared",
    "open_media": "unmask.media.opening",
    "shrink": "unmask.formats.shrinking",
    "spooled_to_file": "unmask.media.streams",
    "spread": "unmask.media.sampling",
    "trust_anchors": "unmask.formats.provenance",
    "why_left_out": "unmask.media.opening",
}

__getattr__ = late_names(__name__, _HOMES)

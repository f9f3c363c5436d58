"""The times of the pictures of an AVIF sequence, by FFmpeg: Pillow knows them only after decoding."""

from __future__ import annotations

from typing import BinaryIO


def avif_times(file: BinaryIO, frames: int) -> list[float]:
    """Return when each frame of an AVIF sequence appears, and when the last one ends; in tenths where nothing says.

    Parameters
    ----------
    file
        The sequence.
    frames
        Their number.

    Returns
    -------
    list of float
        frames + 1 times in seconds.
    """
    import av
    from av.error import FFmpegError

    try:
        with av.open(file, format="mov") as container:
            streams = [stream for stream in container.streams.video if stream.frames == frames]
            packets = [p for p in container.demux(streams[0]) if p.pts is not None][:frames]
            times = sorted(float((p.pts or 0) * (p.time_base or 0)) for p in packets)
            end = times[-1] + float((packets[-1].duration or 0) * (packets[-1].time_base or 0))
            start = times[0]
    except (FFmpegError, IndexError, ValueError):
        times = []
    if len(times) < frames or len(set(times)) < frames:
        return [number * 0.1 for number in range(frames + 1)]
    return [time - start for time in times] + [max(end, times[-1] + 1e-3) - start]

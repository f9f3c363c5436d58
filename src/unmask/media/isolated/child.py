"""The process that decodes: it receives open files and returns their pictures or content credentials.

Started by ``process`` with its settings as JSON in the last argument. Requests come in over standard input,
answers and pixels go out over standard output. It ends when its standard input does.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from unmask.formats.content import Content
from unmask.formats.errors import MediaError, as_media_error
from unmask.formats.provenance import content_credentials, load_library
from unmask.media.audio import AudioSampling, RawAudio
from unmask.media.frame import Limits
from unmask.media.isolated.confinement import (
    bound_resources,
    bound_seconds,
    forbid_files,
    isolation,
    leave_network,
)
from unmask.media.isolated.messages import packed
from unmask.media.opening import decode_as
from unmask.media.picture import Picture
from unmask.media.sampling import Burst, Sampling
from unmask.media.source import DecodedMedia

T = TypeVar("T")

Request = tuple[dict[str, Any], int | None]


def main() -> None:
    """Answer requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the scan's business; this process ends with it.
    settings = json.loads(sys.argv[-1])
    limits = Limits(**settings["limits"])
    namespaces = leave_network()
    bound_resources(limits.decoding_bytes)
    import av  # noqa: F401

    if settings["credentials"]:
        load_library()
    landlock = forbid_files(settings["readable"]) if settings["hands_over_files"] else 0
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    receive = _receive_with_files if settings["hands_over_files"] else _receive
    # Only now: what forbids files binds the thread that asks for it and those that are started later.
    threading.Thread(target=receive, args=(requests,), daemon=True).start()
    gc.freeze()
    with os.fdopen(os.dup(1), "wb", buffering=0) as answers:
        _say(answers, {"ready": True, "isolation": isolation(landlock, namespaces)})
        while True:
            _serve_file(requests, answers, limits)


def _receive_with_files(requests: queue.SimpleQueue[Request]) -> None:
    """Receive requests from a socket, with the file that an opening one carries."""
    door = socket.socket(fileno=0)
    text, files = b"", []
    while True:
        data, received, _, _ = socket.recv_fds(door, 1 << 16, 8)
        if not data:
            os._exit(0)  # The parent process has exited, so the result is no longer needed.
        files += received
        *lines, text = (text + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            requests.put((request, files.pop(0) if "path" in request else None))


def _receive(requests: queue.SimpleQueue[Request]) -> None:
    """Take requests off a pipe."""
    for line in sys.stdin.buffer:
        requests.put((json.loads(line), None))
    os._exit(0)


def _serve_file(requests: queue.SimpleQueue[Request], answers: BinaryIO, limits: Limits) -> None:
    """Take one file: read its content credentials, or open it and sample it as often as asked."""
    request, file = requests.get()
    source: int | Path = Path(request["path"]) if file is None else file
    try:
        if "credentials" in request:
            bound_seconds(2 * request["credentials"])
            _say(answers, {"credentials": content_credentials(source).to_dict()})
            return
        bound_seconds(2 * limits.decoding_seconds)
        content = Content(request["open"], tuple(request["formats"]))
        try:
            media = as_media_error(lambda: decode_as(content, source, limits))
        except MediaError as error:
            _say(answers, _told(error))
            return
        with media:
            _say(answers, {"info": asdict(media.info)})
            while "close" not in (request := requests.get()[0]):
                if "facts" in request:
                    _tell_facts(media, answers)
                elif "audio" in request:
                    sounds = media.sounds(AudioSampling(**request["audio"]))
                    _answer(media, sounds, _send_sound, answers)
                else:
                    _answer(media, media.further_pictures(_sampling(request["sample"])), _send, answers)
    finally:
        if file is not None:
            os.close(file)


def _sampling(values: dict[str, Any]) -> Sampling:
    burst = values.pop("burst")
    return Sampling(**values, burst=None if burst is None else Burst(**burst))


def _tell_facts(media: DecodedMedia, answers: BinaryIO) -> None:
    try:
        _say(answers, {"facts": as_media_error(media.facts).to_dict()})
    except MediaError as error:
        _say(answers, _told(error))


def _answer(
    media: DecodedMedia, items: Iterator[T], send: Callable[[BinaryIO, T], None], answers: BinaryIO
) -> None:
    """Send items as they come, and at their end what is known about the file then."""
    answer: dict[str, Any] = {"end": True}
    try:
        while (item := as_media_error(lambda: next(items, None))) is not None:
            send(answers, item)
    except MediaError as error:
        answer = _told(error)
    if "end" in answer:
        answer["info"] = asdict(media.info)
    gc.collect()  # A container and its decoders refer to each other, and hold many pictures' memory.
    _say(answers, answer)


def _send(answers: BinaryIO, picture: Picture) -> None:
    """Send a picture: its header, then its pixels."""
    turn = asdict(picture.turn)
    place = {"width": picture.width, "height": picture.height, "turn": turn, "present": picture.present}
    place["burst"] = picture.burst
    _say(answers, {"time": picture.time} | place)
    for strip in picture.strips:
        _write(answers, memoryview(strip))


def _send_sound(answers: BinaryIO, sound: RawAudio) -> None:
    """Send a window of sound: its header, then its samples."""
    _say(answers, {"start": sound.start, "channels": sound.channels, "samples": sound.samples})
    _write(answers, memoryview(sound.data))


def _say(answers: BinaryIO, message: dict[str, Any]) -> None:
    _write(answers, memoryview(packed(message)))


def _write(answers: BinaryIO, data: memoryview) -> None:
    while data:
        data = data[answers.write(data) :]


def _told(error: MediaError) -> dict[str, str]:
    return {"error": error.status, "detail": error.detail}

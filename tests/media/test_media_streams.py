import io

import pytest

from unmask.media import Limits, MediaError, spooled_to_file


def test_a_stream_becomes_a_file_for_a_while():
    content = bytes(range(256)) * 10_000
    with spooled_to_file(io.BytesIO(content), Limits()) as path:
        assert path.read_bytes() == content
    assert not path.exists()


def test_an_endless_stream_is_read_no_further_than_the_limit():
    class Endless(io.RawIOBase):
        given = 0

        def read(self, count):
            self.given += count
            return bytes(count)

    stream = Endless()
    with (
        pytest.raises(MediaError) as caught,
        spooled_to_file(stream, Limits(image_bytes=10, video_bytes=3_000_000)),
    ):
        pass
    assert caught.value.status == "too_large"
    assert stream.given <= 3_000_001


def test_a_stream_that_breaks_off_is_unreadable():
    class Broken(io.RawIOBase):
        def read(self, count):
            raise OSError(5, "input/output error")

    with pytest.raises(MediaError) as caught, spooled_to_file(Broken(), Limits()):
        pass
    assert caught.value.status == "unreadable"

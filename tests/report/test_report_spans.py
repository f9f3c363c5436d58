import pytest

from unmask.report import FrameScore, suspicious_spans


def frames(*scores):
    return tuple(FrameScore(float(n), (0, 0, 9, 9), 0.9, score) for n, score in enumerate(scores))


@pytest.mark.parametrize(
    ("scores", "spans"),
    [
        ((0.1, 0.2), []),
        ((0.9, 0.1, 0.5), [(0, 0, 1, 0.9), (2, 2, 1, 0.5)]),
        ((0.1, 0.6, 0.9, 0.7, 0.2), [(1, 3, 3, 0.9)]),
        ((0.6, None, 0.7), [(0, 2, 2, 0.7)]),
        ((None, 0.6), [(1, 1, 1, 0.6)]),
    ],
)
def test_runs_of_scores_at_or_above_the_threshold(scores, spans):
    found = suspicious_spans(frames(*scores), 0.5)
    assert [(span.start, span.end, span.frames, span.score) for span in found] == spans

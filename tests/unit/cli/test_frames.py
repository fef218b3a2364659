from datetime import timedelta

import pytest
from heliostat_cli.backoff import Backoff
from heliostat_cli.streams import Frame, read_frames

TEXT = 'id: 1.0\ndata: {"a": "x\u2028y"}\n\n: heartbeat\n\nevent: x\ndata: {}\n\nid: 1.1\ndata:b\ndata: c\n\n'.encode()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_frames_are_read_however_they_are_cut(size: int, ends: bytes) -> None:
    sent = TEXT.replace(b"\n", ends)
    chunks = [sent[place : place + size] for place in range(0, len(sent), size)]
    heard: list[int] = []
    frames = list(read_frames(chunks, on_bytes=lambda: heard.append(1)))
    assert frames == [Frame("1.0", '{"a": "x\u2028y"}'.encode()), Frame("1.1", b"b\nc")]
    assert len(heard) == len(chunks)


def test_half_a_frame_is_no_frame() -> None:
    assert list(read_frames([b"id: 1\ndata: x\n"], on_bytes=lambda: None)) == []


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_pauses_grow_to_a_bound_and_end() -> None:
    clock = Clock()
    backoff = Backoff(
        give_up_after=timedelta(seconds=60),
        first=timedelta(seconds=1),
        longest=timedelta(seconds=8),
        sleep=clock.sleep,
        clock=lambda: clock.now,
    )
    while backoff.wait():
        pass
    assert clock.now == pytest.approx(60)
    for pause, full in zip(clock.slept, [1, 2, 4, 8, 8], strict=False):
        assert full / 2 <= pause <= full


def test_a_success_begins_anew() -> None:
    clock = Clock()
    backoff = Backoff(give_up_after=timedelta(seconds=1), sleep=clock.sleep, clock=lambda: clock.now)
    while backoff.wait():
        pass
    backoff.reset()
    assert backoff.wait()
    assert clock.slept[-1] <= 0.2

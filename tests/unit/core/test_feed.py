"""Feeds: every reader gets every frame once, in order, whenever it comes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from heliostat_core.feed import Feeds, Frame, FrameId
from heliostat_core.sse import NAMED, FeedResponse

BEAT = timedelta(milliseconds=50)


class Source:
    """A producer under the test's control."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[list[Frame] | None] = asyncio.Queue()
        self.started = 0

    async def produce(self) -> AsyncIterator[list[Frame]]:
        self.started += 1
        while (frames := await self.queue.get()) is not None:
            yield frames

    def put(self, *numbers: int) -> None:
        self.queue.put_nowait([Frame(id=(number,), data=b"%d;" % number) for number in numbers])

    def end(self) -> None:
        self.queue.put_nowait(None)


async def read(feeds: Feeds, source: Source, *, after: FrameId | None = None) -> bytes:
    async with feeds.watching("x", source.produce) as feed:
        return b"".join([data async for data in feed.read(after=after, heartbeat=timedelta(seconds=5))])


async def test_many_readers_share_one_producer_and_get_everything() -> None:
    source = Source()
    async with Feeds() as feeds, asyncio.TaskGroup() as group:
        readers = [group.create_task(read(feeds, source)) for _ in range(50)]
        for number in range(1, 30):
            source.put(number)
            await asyncio.sleep(0)
        source.end()
    expected = b"".join(b"%d;" % number for number in range(1, 30))
    assert {reader.result() for reader in readers} == {expected}
    assert source.started == 1


async def test_a_late_reader_gets_what_it_missed() -> None:
    source = Source()
    async with Feeds() as feeds, asyncio.TaskGroup() as group:
        early = group.create_task(read(feeds, source))
        source.put(1, 2, 3)
        await asyncio.sleep(0.01)
        late = group.create_task(read(feeds, source))
        await asyncio.sleep(0.01)
        source.put(4)
        source.end()
    assert early.result() == late.result() == b"1;2;3;4;"


@pytest.mark.parametrize(("after", "expected"), [(0, b"1;2;3;4;"), (2, b"3;4;"), (4, b""), (9, b"")])
async def test_a_resumed_reader_gets_exactly_the_rest(after: int, expected: bytes) -> None:
    source = Source()
    async with Feeds() as feeds, asyncio.TaskGroup() as group:
        resumed = group.create_task(read(feeds, source, after=(after,)))
        await asyncio.sleep(0.01)
        source.put(1)
        source.put(2, 3)
        source.put(4)
        source.end()
    assert resumed.result() == expected


async def test_more_than_one_chunk_is_read_whole() -> None:
    source = Source()
    big = [Frame(id=(number,), data=bytes([65 + number]) * 50_000) for number in range(5)]
    source.queue.put_nowait(big)
    source.end()
    async with Feeds() as feeds:
        data = await read(feeds, source)
    assert data == b"".join(frame.data for frame in big)


async def test_silence_is_filled_with_heartbeats() -> None:
    source = Source()
    async with Feeds() as feeds, feeds.watching("x", source.produce) as feed:
        reader = feed.read(after=None, heartbeat=BEAT)
        assert await anext(reader) == b""
        await reader.aclose()  # type: ignore[attr-defined]  # it is an async generator


async def test_a_page_can_notice_heartbeats() -> None:
    source = Source()
    async with Feeds() as feeds:
        response = FeedResponse(feeds=feeds, name="x", produce=source.produce, after=None, heartbeat=BEAT, filler=NAMED)
        stream = aiter(response.body_iterator)
        assert await anext(stream) == b"event: heartbeat\ndata: {}\n\n"
        await stream.aclose()  # type: ignore[attr-defined]  # it is an async generator


async def test_a_failing_producer_fails_its_readers() -> None:
    async def fail() -> AsyncIterator[list[Frame]]:
        yield [Frame(id=(1,), data=b"1;")]
        raise ValueError("the source broke")

    async with Feeds() as feeds, feeds.watching("x", fail) as feed:
        reader = feed.read(after=None, heartbeat=BEAT)
        assert await anext(reader) == b"1;"
        with pytest.raises(ValueError, match="the source broke"):
            await anext(reader)


async def test_the_producer_stops_after_the_last_reader_and_starts_again_for_the_next() -> None:
    source = Source()
    async with Feeds() as feeds:
        async with feeds.watching("x", source.produce):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        async with feeds.watching("x", source.produce):
            await asyncio.sleep(0)
    assert source.started == 2

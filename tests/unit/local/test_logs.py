import asyncio
from pathlib import Path

from heliostat_local.logs import LogReader, bound_logs, follow, open_log, read_all, read_tail


def test_a_large_log_is_moved_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "hub.log"
    with open_log(path) as writer:
        writer.write(b"old\n" * 100)
        writer.flush()
        bound_logs(tmp_path, largest=100)
        writer.write(b"new\n")
        writer.flush()

    assert path.read_bytes() == b"new\n"
    assert (tmp_path / "hub.log.1").read_bytes() == b"old\n" * 100


def test_a_reader_returns_complete_new_lines_and_survives_emptying(tmp_path: Path) -> None:
    path = tmp_path / "hub.log"
    path.write_text("before\n")
    reader = LogReader(path)

    path.write_text("before\none\ntw")
    assert reader.read_new() == ["one"]
    path.write_text("before\none\ntwo\n")
    assert reader.read_new() == ["two"]
    path.write_text("fresh\n")
    assert reader.read_new() == ["fresh"]


def test_the_tail_of_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "hub.log", lines=5) == []


def test_named_logs_only(tmp_path: Path) -> None:
    for name in ("hub", "builder"):
        (tmp_path / f"{name}.log").write_text(f"{name} 1\n{name} 2\n")

    assert read_all(tmp_path, ["builder", "missing"], lines=1) == [("builder", "builder 2")]
    assert [name for name, _ in read_all(tmp_path, [], lines=1)] == ["builder", "hub"]


async def test_following_begins_with_old_lines_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "hub.log"
    path.write_text("old\n")
    lines = follow(tmp_path, [], lines=1)

    async with asyncio.timeout(10):
        assert await anext(lines) == ("hub", "old")
        with open_log(path) as writer:
            writer.write(b"new\n")
        assert await anext(lines) == ("hub", "new")
    await lines.aclose()

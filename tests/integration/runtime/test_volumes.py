"""Volumes: made once, measured, deleted for good, whatever is interrupted."""

import asyncio
import os
from pathlib import Path

import pytest
from heliostat_runtime import UidsExhaustedError, VolumeBusyError, VolumeMissingError, VolumeStore

SIZE = 32 * 2**20


def is_mounted(volume) -> bool:
    return volume.volume_id in Path("/proc/self/mounts").read_text()


async def test_simultaneous_requests_make_one_volume(state, capabilities):
    stores = [VolumeStore(state, capabilities) for _ in range(4)]
    made = await asyncio.gather(*(store.ensure("alice", "work", SIZE) for store in stores))
    assert len({volume.volume_id for volume in made}) == 1
    assert len(await stores[0].list_()) == 1


async def test_a_name_used_again_finds_no_old_data(volumes):
    first = await volumes.ensure("alice", "work", SIZE)
    await volumes.delete(first.volume_id)
    assert await volumes.find("alice", "work") is None
    second = await volumes.ensure("alice", "work", SIZE)
    assert second.volume_id != first.volume_id
    assert await volumes.find("alice", "") is None


async def test_grant_and_population_are_recorded(volumes, volume):
    await volumes.record(volume.volume_id, grant={"repo": "x"})
    await volumes.record(volume.volume_id, populated=True)
    found = await volumes.find("alice", "work")
    assert (found.grant, found.populated) == ({"repo": "x"}, True)


async def test_measuring_follows_what_is_written(volumes, volume):
    async with volumes.lease(volume.volume_id) as lease:
        home = await volumes.attach(lease)
        assert await volumes.attach(lease) == home
        before = await volumes.measure(volume.volume_id)
        (home / "data").write_bytes(os.urandom(5 * 2**20))
        os.sync()
        after = await volumes.measure(volume.volume_id)
        assert 5 * 2**20 <= after.used - before.used < 6 * 2**20
        await volumes.detach(lease)
    detached = await volumes.measure(volume.volume_id)
    assert detached.used >= 5 * 2**20
    assert detached.limit == volume.size


async def test_all_but_a_hundredth_of_the_default_size_is_usable(volumes, capabilities, require):
    require(capabilities.storage)
    volume = await volumes.ensure("alice", "large", 2 * 2**30)
    async with volumes.lease(volume.volume_id) as lease:
        status = os.statvfs(await volumes.attach(lease))
        await volumes.detach(lease)
    assert 0.99 * volume.size < status.f_bavail * status.f_frsize <= volume.size


async def test_a_volume_in_use_is_not_deleted(volumes, volume):
    async with volumes.lease(volume.volume_id):
        assert await volumes.is_leased(volume.volume_id)
        with pytest.raises(VolumeBusyError):
            await volumes.delete(volume.volume_id)
    assert not await volumes.is_leased(volume.volume_id)
    await volumes.delete(volume.volume_id)
    await volumes.delete(volume.volume_id)
    with pytest.raises(VolumeMissingError):
        await volumes.read(volume.volume_id)


async def test_deletion_leaves_nothing(volumes, volume, state):
    async with volumes.lease(volume.volume_id) as lease:
        home = await volumes.attach(lease)
        (home / "locked").mkdir(mode=0o500)
    await volumes.delete(volume.volume_id)
    assert [p for p in state.rglob("*") if volume.volume_id in str(p) or p.name == str(volume.uid)] == []
    assert not is_mounted(volume)


async def test_two_processes_may_delete_at_the_same_time(state, capabilities, volumes, volume):
    home = state / "volumes" / volume.volume_id / "files"
    for number in range(2000):
        (home / str(number % 50) / str(number)).mkdir(parents=True)
    stores = [VolumeStore(state, capabilities) for _ in range(3)]
    await asyncio.gather(*(store.delete(volume.volume_id) for store in stores))
    assert not (state / "trash" / "volumes" / volume.volume_id).exists()


async def test_a_deletion_cut_short_is_finished(volumes, volume, state):
    async with volumes.lease(volume.volume_id) as lease:
        await volumes.attach(lease)
    (state / "volumes" / volume.volume_id).rename(state / "trash" / "volumes" / volume.volume_id)
    assert await volumes.find("alice", "work") is None
    await volumes.reconcile()
    assert list((state / "trash" / "volumes").iterdir()) == []
    assert not is_mounted(volume)
    assert list((state / "volumes" / ".index").rglob("*/*")) == []


async def test_a_making_cut_short_is_done_again(volumes, volume, state):
    (state / "volumes" / volume.volume_id / "volume.json").unlink()
    assert await volumes.find("alice", "work") is None
    await volumes.reconcile()
    assert await volumes.list_() == ()
    assert not (state / "volumes" / volume.volume_id).exists()


async def test_a_mount_nobody_uses_is_undone(volumes, volume, capabilities, require):
    require(capabilities.storage)
    async with volumes.lease(volume.volume_id) as lease:
        home = await volumes.attach(lease)
        await volumes.reconcile()
        assert home.exists()
    await volumes.reconcile()
    assert not is_mounted(volume)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: only root gives each volume a uid of its own")
async def test_no_two_volumes_share_a_uid(state, capabilities):
    volumes = VolumeStore(state, capabilities, first_uid=300_000, last_uid=300_001)
    made = [await volumes.ensure("alice", name, SIZE) for name in ("a", "b")]
    assert {volume.uid for volume in made} == {300_000, 300_001}
    with pytest.raises(UidsExhaustedError, match="All 2 user ids"):
        await volumes.ensure("alice", "c", SIZE)
    await volumes.delete(made[0].volume_id)
    assert (await volumes.ensure("alice", "c", SIZE)).uid == made[0].uid

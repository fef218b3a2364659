"""The content layer: a commit's files on top of an image, without a build, on a real engine."""

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from heliostat_containers import (
    Containers,
    ContainerSpec,
    Images,
    LayerError,
    write_layer,
)

SHORT = timedelta(seconds=60)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository's files, and what a hostile one may put beside them."""
    tree = tmp_path / "checkout"
    (tree / ".git" / "hooks").mkdir(parents=True)
    (tree / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tree / ".git" / "hooks" / "post-checkout").write_text("#!/bin/sh\nrm -rf ~\n")
    (tree / "a folder" / "deep").mkdir(parents=True)
    (tree / "a folder" / "deep" / "notebook.ipynb").write_text("{}")
    (tree / os.fsdecode(b"not \xff text")).write_text("odd")
    (tree / ("long" * 60)).write_text("long")
    (tree / "run").write_text("#!/bin/sh\n")
    (tree / "run").chmod(0o6755)
    (tree / "closed").mkdir(mode=0o000)
    (tree / "outside").symlink_to("/etc")
    (tree / "./up").symlink_to("..//../etc/passwd")
    os.mkfifo(tree / "pipe")
    return tree


async def test_the_same_files_are_the_same_image_wherever_they_lie(
    images: Images, base_image: str, name: str, checkout: Path, tmp_path: Path
) -> None:
    first = await write_layer(checkout, tmp_path / "first.tar")
    os.utime(checkout / "run", (1, 1))
    os.rename(checkout, tmp_path / "elsewhere")  # noqa: PTH104 -- either blocks, for a moment
    second = await write_layer(tmp_path / "elsewhere", tmp_path / "second.tar")
    assert first.digest == second.digest
    made = [await images.add_layer(base_image, layer, name=f"{name}:1", labels={"a": "b"}) for layer in (first, second)]
    assert made[0] == made[1]
    base = await images.read(base_image)
    assert made[0].layers == (*base.layers, first.digest)
    assert made[0].labels == {**base.labels, "a": "b"}


async def test_the_files_lie_in_the_home_and_belong_to_its_user(
    images: Images, containers: Containers, base_image: str, name: str, checkout: Path, tmp_path: Path
) -> None:
    layer = await write_layer(checkout, tmp_path / "layer.tar")
    image = await images.add_layer(base_image, layer, name=f"{name}:1", labels={})
    script = "cd /home/jovyan; stat -c '%u:%g %a %F %N' -- .. . * .git/*; cat 'a folder/deep/notebook.ipynb'"
    finished = await containers.run(
        ContainerSpec(name=name, image=image.digest, command=("sh", "-c", script)), deadline=SHORT
    )
    assert finished.output.splitlines() == [
        "0:0 755 directory '..'",
        "1000:1000 755 directory '.'",
        "1000:1000 755 directory 'a folder'",
        "1000:1000 700 directory 'closed'",
        f"1000:1000 644 regular file '{'long' * 60}'",
        "1000:1000 644 regular file 'not '$'\\377'' text'",
        "1000:1000 777 symbolic link 'outside' -> '/etc'",
        "1000:1000 755 regular file 'run'",
        "1000:1000 777 symbolic link 'up' -> '..//../etc/passwd'",
        "1000:1000 644 regular file '.git/HEAD'",
        "{}",
    ]
    assert finished.status == 0


async def test_a_file_that_would_hide_another_is_refused(checkout: Path, tmp_path: Path) -> None:
    (checkout / "a folder" / ".wh.deep").touch()
    with pytest.raises(LayerError, match=r"a folder/\.wh\.deep"):
        await write_layer(checkout, tmp_path / "layer.tar")
    assert not (tmp_path / "layer.tar").exists()


async def test_a_file_larger_than_the_disk_is_refused_before_it_is_read(checkout: Path, tmp_path: Path) -> None:
    with (checkout / "sparse").open("wb") as file:
        file.truncate(2**43)
    with pytest.raises(LayerError, match="may be used now"):
        await write_layer(checkout, tmp_path / "layer.tar")


async def test_directories_may_be_deeper_than_any_stack(checkout: Path, tmp_path: Path) -> None:
    deepest = os.open(checkout, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=deepest)
        below = os.open("d", os.O_RDONLY, dir_fd=deepest)
        os.close(deepest)
        deepest = below
    os.close(deepest)
    try:
        assert (await write_layer(checkout, tmp_path / "layer.tar")).size > 1500 * 512
    finally:
        # Python's own removal is recursive.
        subprocess.run(["rm", "-rf", checkout], check=True)  # noqa: ASYNC221 -- for a moment

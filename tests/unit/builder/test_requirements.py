"""Requirements files mean the same however they are written."""

from contextlib import suppress
from time import perf_counter

import pytest
from heliostat_builder.domain.requirements import collect_requirements, list_includes
from heliostat_builder.errors import UnsupportedConfigurationError


def read(text: str | bytes, **others: str) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    files = {"requirements.txt": data, **{name.replace("_", "."): value.encode() for name, value in others.items()}}
    return collect_requirements(files, "requirements.txt").lines


@pytest.mark.parametrize(
    "text",
    [
        "numpy==1.26\nsix>=1.0\n",
        "# a comment\n\nnumpy==1.26   # why\n\tsix>=1.0",
        "numpy == 1.26\r\nsix >=1.0\r\n",
        "NumPy==1.26\nSix>=1.0",
        "numpy==\\\n1.26\nsix>=1.0",
        b"\xef\xbb\xbfnumpy==1.26\nsix>=1.0",
        "numpy==1.26\nsix>=1.0\n".encode("utf-16"),
    ],
)
def test_comments_blanks_line_ends_and_encodings_do_not_matter(text):
    assert read(text) == ["numpy==1.26", "six>=1.0"]


def test_the_order_of_lines_matters():
    assert read("a\nb\n") != read("b\na\n")


def test_includes_are_replaced_by_what_they_hold():
    assert read("-r base.txt\nsix", base_txt="numpy\n--requirement more.txt", more_txt="pip") == ["numpy", "pip", "six"]


def test_an_include_of_itself_ends():
    assert read("-r requirements.txt\nsix") == ["six"]


def test_constraints_are_kept_apart():
    found = collect_requirements({"requirements.txt": b"six\n-c c.txt", "c.txt": b"six<2"}, "requirements.txt")
    assert (found.lines, found.constraints, found.files) == (["six"], ["six<2"], ["requirements.txt", "c.txt"])


def test_includes_are_relative_to_their_file():
    assert list_includes(b"-r ../other.txt\n-cx.txt", "binder/requirements.txt") == ["other.txt", "binder/x.txt"]


@pytest.mark.parametrize("line", ["-e .", "./pkg", ".", ".[extra]", "pkg/dist/x.whl", "-e sub/dir", "-f ./wheels"])
def test_a_line_that_points_into_the_repository_is_noticed(line):
    assert collect_requirements({"requirements.txt": f"six\n{line}".encode()}, "requirements.txt").local


@pytest.mark.parametrize("line", ["six", "git+https://example.org/x.git", "x @ https://example.org/x.whl", "a/b"])
def test_other_lines_do_not(line):
    assert not collect_requirements({"requirements.txt": line.encode()}, "requirements.txt").local


@pytest.mark.parametrize(
    "line",
    [
        "-r /etc/passwd",
        "-r ../../x.txt",
        "-r https://example.org/r.txt",
        "-r missing.txt",
        "/etc/x.whl",
        "-e ../x",
        "file:///etc/x",
        "x @ file:///etc/x",
        "git+https://example.org/${SECRET}/x",
        "--index-url https://${UV_INDEX_URL}/",
        "--global-option=x",
        "--config-settings x=y",
        "-e",
    ],
)
def test_a_line_that_leaves_the_repository_or_reads_variables_is_refused(line):
    with pytest.raises(UnsupportedConfigurationError) as refused:
        read(line)
    assert refused.value.details["file"] == "requirements.txt"


def test_addresses_are_listed_so_that_they_can_be_checked():
    text = b"x @ https://a.example/x.whl\ngit+https://b.example/y\n--extra-index-url=http://c.example/\nsix"
    assert collect_requirements({"requirements.txt": text}, "requirements.txt").urls == [
        "https://a.example/x.whl",
        "git+https://b.example/y",
        "http://c.example/",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "x @ HTTP://10.0.0.1/x.whl",
        "x @ http://public.example@10.0.0.1/x.whl",
        "x @ http:/10.0.0.1/x.whl",
        "--index-url http:10.0.0.1",
        r"--extra-index-url http:\\10.0.0.1/",
    ],
)
def test_an_address_written_in_an_unusual_way_is_listed_whole(line):
    found = collect_requirements({"requirements.txt": line.encode()}, "requirements.txt").urls
    assert found == [line.split()[-1]]


@pytest.mark.parametrize("text", [b"x" + b" " * 1_000_000 + b"y", b"x[" + b"y," * 500_000])
def test_a_file_made_to_be_slow_is_read_at_once_or_refused(text):
    begun = perf_counter()
    with suppress(UnsupportedConfigurationError):
        collect_requirements({"requirements.txt": text}, "requirements.txt")
    assert perf_counter() - begun < 1


def test_a_marker_nested_without_end_is_left_to_the_solver():
    text = b"x; " + b"(" * 20_000
    assert collect_requirements({"requirements.txt": text}, "requirements.txt").lines == [text.decode()]


def test_hashes_are_kept_in_one_order():
    one = "six==1.17 --hash=sha256:bb --hash=sha256:aa"
    assert read(one) == read("six==1.17 \\\n  --hash=sha256:aa \\\n  --hash sha256:bb")
    assert collect_requirements({"requirements.txt": one.encode()}, "requirements.txt").hashed

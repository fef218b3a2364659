import pytest
from heliostat_sessions.domain.names import is_server_name
from heliostat_sessions.domain.urls import DEFAULT_SERVER, build_server_url, from_segment, is_inner_path, to_segment
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "path", ["//x", "/x", "a/../b", "..", "http://x", "javascript:alert(1)", "a\\b", "a//b", "a\nb", "./a", ""]
)
def test_paths_that_lead_out_are_refused(path: str) -> None:
    assert not is_inner_path(path)


@given(path=st.text(max_size=50))
def test_an_accepted_path_stays_under_the_server(path: str) -> None:
    if is_inner_path(path):
        url = build_server_url(public="http://hub", server_url="/user/a/s/", path=path)
        assert url.startswith("http://hub/user/a/s/lab/tree/")
        assert "?" not in url
        assert "#" not in url
        assert "/../" not in f"{url}/"


def test_the_default_servers_segment_is_no_name() -> None:
    assert not is_server_name(DEFAULT_SERVER)
    assert from_segment(to_segment("")) == ""
    assert from_segment(to_segment("demo")) == "demo"

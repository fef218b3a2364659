from heliostat_sessions.domain.names import is_server_name
from heliostat_sessions.domain.urls import DEFAULT_SERVER, from_segment, to_segment


def test_the_default_servers_segment_is_no_name() -> None:
    assert not is_server_name(DEFAULT_SERVER)
    assert from_segment(to_segment("")) == ""
    assert from_segment(to_segment("demo")) == "demo"

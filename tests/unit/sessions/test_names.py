from heliostat_sessions.domain.names import derive_server_name, is_server_name
from hypothesis import given
from hypothesis import strategies as st


@given(slug=st.text(max_size=60), taken=st.sets(st.text(max_size=20), max_size=5), length=st.integers(5, 30))
def test_a_derived_name_is_free_short_and_what_the_hub_takes(slug: str, taken: set[str], length: int) -> None:
    name = derive_server_name(slug, taken=taken, length=length)
    assert is_server_name(name)
    assert len(name) <= length
    assert name not in taken


@given(slug=st.sampled_from(["demo", "a-very-long-repository-name-indeed", "123"]), count=st.integers(1, 30))
def test_names_never_run_out(slug: str, count: int) -> None:
    taken: set[str] = set()
    for _ in range(count):
        taken.add(derive_server_name(slug, taken=taken))
    assert len(taken) == count
    assert all(is_server_name(name) and len(name) <= 20 for name in taken)


def test_names_stay_readable() -> None:
    assert derive_server_name("SKA_Demo.ipynb", taken=set()) == "ska-demo-ipynb"
    assert derive_server_name("2026-survey", taken=set()) == "r-2026-survey"
    assert derive_server_name("demo", taken={"demo"}) == "demo-2"
    assert not is_server_name("a--b")
    assert not is_server_name("")

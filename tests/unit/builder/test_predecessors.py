"""A new environment begins with one all of whose packages belong into it."""

import pytest
from heliostat_builder.domain.identity import Inputs
from heliostat_builder.domain.predecessors import Predecessor, choose_predecessor

WANTED = "".join(f"package-{number}==1.0\n" for number in range(20))
GROUND = "package-0==1.0\nsetuptools==80.0\n"


def build(image: str, *, of: int, other: str = "", generation: int = 0) -> Predecessor:
    packages = {*WANTED.splitlines()[:of], *([other] if other else [])}
    return Predecessor(image, frozenset(packages), generation)


def test_the_one_with_the_most_is_chosen() -> None:
    chosen = choose_predecessor(WANTED, [build("a", of=17), build("b", of=19), build("c", of=18)], below=GROUND)
    assert chosen is not None
    assert chosen.image == "b"


def test_more_than_is_there_is_not_added() -> None:
    wanted = "".join(WANTED.splitlines(keepends=True)[:4])  # one of them is what all have
    assert choose_predecessor(wanted, [build("a", of=2)], below=GROUND) is None
    assert choose_predecessor(wanted, [build("a", of=3)], below=GROUND) is not None


def test_of_two_with_the_same_the_one_on_top_of_fewer_is_chosen() -> None:
    chosen = choose_predecessor(
        WANTED, [build("a", of=19, generation=3), build("b", of=19, generation=1)], below=GROUND
    )
    assert chosen is not None
    assert chosen.image == "b"


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(build("a", of=19, other="evil==1.0"), id="a-package-nobody-asked-for"),
        pytest.param(build("a", of=19, other="package-19==0.9"), id="another-version"),
        pytest.param(build("a", of=14), id="too-little"),
        pytest.param(build("a", of=1), id="what-all-have"),
        pytest.param(build("a", of=19, generation=9), id="too-many-layers"),
    ],
)
def test_what_does_not_fit_is_left_alone(there: Predecessor) -> None:
    assert choose_predecessor(WANTED, [there], below=GROUND) is None


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param({"requirements": ("--index-url https://evil.example/", "numpy")}, id="another-index"),
        pytest.param({"requirements": ("numpy @ https://evil.example/numpy.whl",)}, id="an-address"),
        pytest.param({"constraints": ("numpy @ https://evil.example/numpy.whl",)}, id="an-address-in-a-constraint"),
        pytest.param({"post_build": "postBuild"}, id="postBuild"),
        pytest.param({"project": True}, id="its-own-code"),
        pytest.param({"hashed": True}, id="hashes-it-wants-checked"),
        pytest.param({"start": "0" * 64}, id="a-start-script"),
    ],
)
def test_what_names_and_versions_do_not_tell_is_not_shared(inputs: dict[str, object]) -> None:
    plain = {"recipe": "r", "python": "3.11", "platform": "linux/amd64", "requirements": ("numpy",)}
    assert Inputs(**plain).is_told_by_lock  # type: ignore[arg-type]
    assert not Inputs(**plain | inputs).is_told_by_lock  # type: ignore[arg-type]

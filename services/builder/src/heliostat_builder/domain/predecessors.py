"""Which image of an environment a new one can begin with, so that only what is added has to be installed.

Only one all of whose packages, in the same versions, belong into the new one too. So whatever the code of a package did
to that image, it may do to the new one: who asks for the new environment asks for that package. An image with a package
to take away would be another matter, because a wheel can leave files behind that its own list does not name.
"""

from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST = 10
"""Environments on top of each other; engines take 127 layers, and reading through many is slow."""

_MOST_ADDED = 5
"""Packages that may be missing. They come without the cache of wheels, since code of packages may run."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """An environment there is.

    Attributes
    ----------
    packages
        Lines of its lock.
    generation
        How many others it is on top of.
    """

    image: str
    packages: frozenset[str]
    generation: int


def choose_predecessor(lock: str, there: Iterable[Predecessor], *, below: str) -> Predecessor | None:
    """Choose the one that has the most of what a lock names, and nothing else.

    Parameters
    ----------
    below
        What every environment has from the start, as lines of a lock.

    Returns
    -------
    Predecessor or None
        None where more would be missing than is there.
    """
    ground = frozenset(below.splitlines())
    wanted = frozenset(lock.splitlines()) - ground
    fitting = (
        each
        for each in there
        if (kept := each.packages - ground) <= wanted
        and len(wanted - kept) <= min(_MOST_ADDED, len(kept))
        and each.generation + 1 < _LONGEST
    )
    return max(fitting, key=lambda each: (len(each.packages), -each.generation), default=None)

"""Compiling the modules of an environment, in as many processes as there are cores, and eight at most.

`PROGRAM` is run by the Python of the environment, where it was built, without ``site`` (``-I -S``), so that no ``.pth``
file of a package is executed: ``python -I -S -c PROGRAM <directory> [<prefix to strip> <prefix to put there>]``. The
standard library's own program, ``compileall -j``, does the same, but hands modules to its processes four by four, which
takes longer than looking whether thousands are compiled already. A module that is no Python of this version is left as
it is; so are tests, a third of what packages bring, which nobody imports.
"""

PROGRAM = """\
import os
import re
import sys
from compileall import compile_file
from concurrent.futures import ProcessPoolExecutor
from functools import partial

directory, strip, prepend, *_ = [*sys.argv[1:], None, None]
tests = re.compile("/tests?/")
paths = (os.path.join(place, name) for place, _, names in os.walk(directory) for name in names if name.endswith(".py"))
wanted = [path for path in paths if not tests.search(path)]
with ProcessPoolExecutor(min(len(os.sched_getaffinity(0)), 8)) as pool:
    for _ in pool.map(partial(compile_file, quiet=2, stripdir=strip, prependdir=prepend), wanted, chunksize=64):
        pass
"""

"""What a server imports, and what it does not: each in a process of its own."""

import os
import subprocess
import sys


def run(program: str, **variables: str) -> str:
    """Run a piece of Python in a fresh interpreter and return what it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_hub_and_its_database_are_left_out_and_whoever_wants_them_gets_them() -> None:
    program = (
        "import sys, heliostat_singleuser.hub\n"
        "from jupyterhub.singleuser import main\n"
        "left_out = {'sqlalchemy', 'alembic', 'jupyterhub.orm', 'jupyterhub.handlers', 'IPython'}\n"
        "print(left_out & set(sys.modules))\n"
        "import jupyterhub.orm, jupyterhub.handlers.pages, sqlalchemy.exc\n"
        "print(jupyterhub.orm.User.__tablename__, jupyterhub.handlers.pages.HealthCheckHandler.__mro__[-2].__module__)"
    )
    assert run(program).splitlines() == ["set()", "users tornado.web"]


def test_what_no_server_needs_is_not_imported_and_whoever_wants_it_gets_it() -> None:
    program = (
        "import sys, heliostat_singleuser.preload, jupyterhub.singleuser\n"
        "print({'aiohttp', 'httpx', 'requests', 'isoduration', 'arrow'} & set(sys.modules))\n"
        "import jupyterlab.extensions as extensions, jupyterlab_server.listings_handler as listings, isoduration\n"
        "try: listings.requests.request('GET', 'nothing://')\n"
        "except Exception as error: print(type(error).__module__)\n"
        "print(type(extensions.PyPIExtensionManager({}, {}, None)).__module__, isoduration.__name__)\n"
        "from jupyterhub.httpclient import JupyterHubHTTPClient\n"
        "print(JupyterHubHTTPClient.__module__, hasattr(sys.modules['jupyterhub.httpclient'], 'aiohttp'))"
    )
    expected = ["set()", "requests.exceptions", "jupyterlab.extensions.pypi isoduration", "jupyterhub.httpclient True"]
    assert run(program).splitlines() == expected


def test_nothing_is_left_to_the_collector_switched_off() -> None:
    program = (
        "import gc, runpy, sys, types\n"
        "import heliostat_singleuser.lab, heliostat_singleuser.hub, jupyterhub.singleuser\n"
        "jupyterhub.singleuser.main = lambda: print(gc.isenabled(), gc.get_freeze_count() > 0)\n"
        "runpy.run_module('heliostat_singleuser', run_name='__main__')"
    )
    assert run(program) == "True True\n"


def test_modules_that_are_there_already_stay() -> None:
    program = "import sys, jupyterhub.orm as orm, heliostat_singleuser.hub; print(sys.modules['jupyterhub.orm'] is orm)"
    assert run(program) == "True\n"


def test_scopes_are_compared_without_the_database() -> None:
    program = (
        "import heliostat_singleuser.hub\n"
        "from jupyterhub.scopes import _intersect_expanded_scopes as intersect\n"
        "held = {'access:servers!user=ada', 'read:users!user=ada'}\n"
        "asked = [{f'access:servers!server={server}'} for server in ('ada/lab', 'bob/lab')]\n"
        "print([sorted(intersect(scopes, held)) for scopes in asked])"
    )
    assert run(program) == "[['access:servers!server=ada/lab'], []]\n"


def test_what_is_imported_in_advance_does_not_depend_on_what_the_hub_says() -> None:
    program = (
        "import os\n"
        "class Watched(os._Environ):\n"
        "    names = set()\n"
        "    def __getitem__(self, name): self.names.add(name); return super().__getitem__(name)\n"
        "os.environ.__class__ = Watched\n"
        "import heliostat_singleuser.preload, threading\n"
        "asked = {'HOME', 'JUPYTERHUB_API_URL', 'JUPYTERHUB_SERVICE_PREFIX', 'JUPYTERHUB_ALLOW_TOKEN_IN_URL'}\n"
        "print(asked & Watched.names, threading.active_count())"
    )
    assert run(program) == "{'HOME'} 1\n"

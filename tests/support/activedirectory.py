"""A real Active Directory domain controller (Samba's), on loopback addresses of its own. Needs root and Samba."""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import ldap3

from tests.support.certificates import make_certificate

DOMAIN = "ad.example.test"
SUFFIX = "example.test"
BASE = "DC=ad,DC=example,DC=test"
PASSWORD = "Pass-word-of-everybody-1"
ADMIN_PASSWORD = "Pass-word-of-the-domain-1"
NEVER_SIGNED_IN = "Pass-word-nobody-has-1"


def find_obstacle() -> str | None:
    """Say why no domain controller can run here; None when one can."""
    if os.geteuid() != 0:
        return "Samba's domain controller listens on port 389 and keeps privileged attributes, for which it needs root"
    if not all(map(shutil.which, ("samba", "samba-tool"))):
        return "the packages samba-ad-dc and samba-ad-provision are not installed (root: CI=true make test-packages)"
    return None


class ActiveDirectory:
    """One domain. ``address`` is in its certificate, ``other_address`` is not."""

    def __init__(self, directory: Path) -> None:
        octets = f"127.{random.randint(16, 250)}.{random.randint(0, 250)}"  # noqa: S311 apart from other test runs
        self.address, self.other_address = f"{octets}.1", f"{octets}.2"
        self.certificate = make_certificate(directory, address=self.address)
        self._directory = directory

    @contextlib.contextmanager
    def running(self) -> Iterator["ActiveDirectory"]:
        self._provision()
        log = (self._directory / "samba.log").open("wb")
        with log, subprocess.Popen(self._command(), stdout=log, stderr=log) as samba:
            try:
                self._wait(samba)
                self._configure()
                yield self
            finally:
                samba.terminate()

    def add_user(self, name: str, *, principal: str | None = None, common_name: str | None = None) -> str:
        """Add an account with everybody's password and return its distinguished name."""
        dn = f"CN={common_name or name},CN=Users,{BASE}"
        attributes = {
            "sAMAccountName": name,
            "userPrincipalName": principal or f"{name}@{DOMAIN}",
            "unicodePwd": f'"{PASSWORD}"'.encode("utf-16-le"),
            "userAccountControl": "512",
        }
        self._do("add", dn, ["user"], attributes)
        return dn

    def add_group(self, name: str, members: list[str]) -> str:
        dn = f"CN={name},CN=Users,{BASE}"
        self._do("add", dn, ["group"], {"sAMAccountName": name, **({"member": members} if members else {})})
        return dn

    def set(self, dn: str, attribute: str, *values: str) -> None:
        self._do("modify", dn, {attribute: [(ldap3.MODIFY_REPLACE, list(values))]})

    def add_member(self, group: str, dn: str) -> None:
        self._do("modify", f"CN={group},CN=Users,{BASE}", {"member": [(ldap3.MODIFY_ADD, [dn])]})

    def delete(self, dn: str) -> None:
        self._do("delete", dn)

    def lock(self, name: str) -> None:
        """Lock an account the way it happens: by wrong passwords."""
        for _ in range(4):
            self._connect(f"{name}@{DOMAIN}", NEVER_SIGNED_IN).unbind()

    def _do(self, method: str, *arguments: object) -> None:
        connection = self._connect(f"Administrator@{DOMAIN}", ADMIN_PASSWORD)
        try:
            getattr(connection, method)(*arguments)
            assert connection.result["result"] == 0, (arguments, connection.result)
        finally:
            connection.unbind()

    def _connect(self, user: str, password: str) -> ldap3.Connection:
        # Not checked here: that the product checks certificates is for the tests to see.
        server = ldap3.Server(self.address, use_ssl=True, get_info=ldap3.NONE, connect_timeout=10)
        connection = ldap3.Connection(server, user, password, receive_timeout=30)
        connection.bind()
        return connection

    def _provision(self) -> None:
        options = [
            f"--targetdir={self._directory / 'domain'}",
            f"--realm={DOMAIN.upper()}",
            "--domain=EXAMPLE",
            "--host-name=dc1",
            f"--host-ip={self.address}",
            "--server-role=dc",
            "--dns-backend=NONE",
            f"--adminpass={ADMIN_PASSWORD}",
            f"--option=interfaces={self.address}/8 {self.other_address}/8",
            "--option=bind interfaces only=yes",
            "--option=server services=ldap",
        ]
        result = subprocess.run(
            ["samba-tool", "domain", "provision", *options], capture_output=True, text=True, timeout=120, check=False
        )
        assert result.returncode == 0, result.stderr

    def _command(self) -> list[str]:
        run = self._directory / "run"
        run.mkdir()
        options = {
            "tls certfile": self.certificate.certificate,
            "tls keyfile": self.certificate.key,
            "tls cafile": self.certificate.ca,
            "pid directory": run,
            "ncalrpc dir": run / "ncalrpc",
            "log file": run / "log.%m",
        }
        command = ["samba", "--foreground", "--no-process-group", "--model=single", "--debug-stdout"]
        configuration = self._directory / "domain" / "etc" / "smb.conf"
        return [*command, "-s", str(configuration), *(f"--option={name}={value}" for name, value in options.items())]

    def _wait(self, samba: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 60
        while not self._listens():
            assert samba.poll() is None, (self._directory / "samba.log").read_text()
            assert time.monotonic() < deadline, "Samba does not listen"
            time.sleep(0.1)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.address, 636)) == 0

    def _configure(self) -> None:
        thirty_minutes = str(-30 * 60 * 10_000_000)  # in 100 ns, and negative: an interval
        self.set(BASE, "lockOutObservationWindow", thirty_minutes)
        self.set(BASE, "lockoutDuration", thirty_minutes)
        self.set(BASE, "lockoutThreshold", "3")

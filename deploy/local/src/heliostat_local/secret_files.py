"""Secrets of one instance: each generated once, in a file that only this user can read."""

import json
import os
import secrets
from pathlib import Path

from .config import LocalConfig
from .layout import StateLayout, write_private

__all__ = ["ADMIN_NAME", "USER_NAME", "SecretFiles", "write_credentials"]

USER_NAME = "user"
ADMIN_NAME = "admin"
KEY_SIZE = 32  # bytes
PASSWORD_SIZES = {"user_password": 8, "admin_password": 16}  # bytes; the hub insists on 32 digits for administrators


class SecretFiles:
    """Reads secrets by name and makes those that do not exist yet."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def ensure(self, name: str) -> str:
        """Return a secret, in hexadecimal digits; generate and keep it when it is new."""
        path = self.path(name)
        try:
            return path.read_text()
        except FileNotFoundError:
            value = secrets.token_hex(PASSWORD_SIZES.get(name, KEY_SIZE))
        staged = path.with_name(f".{name}.{os.getpid()}")
        write_private(staged, value)
        try:
            os.link(staged, path)  # unlike a rename it never replaces a secret somebody already uses
        except FileExistsError:
            return path.read_text()
        finally:
            staged.unlink()
        return value

    def path(self, name: str) -> Path:
        """Return the file of a secret, for programs that read it themselves."""
        return self._directory / name


def write_credentials(layout: StateLayout, config: LocalConfig, secret_files: SecretFiles, *, passwords: bool) -> None:
    """Write `credentials.json`: what scripts need, and people where they sign in with passwords made here."""
    credentials = {
        "url": config.url,
        "admin_username": ADMIN_NAME,
        "api_token": secret_files.ensure("admin_api_token"),
    }
    if passwords:
        credentials |= {
            "username": USER_NAME,
            "password": secret_files.ensure("user_password"),
            "admin_password": secret_files.ensure("admin_password"),
        }
    write_private(layout.credentials, json.dumps(credentials, indent=2) + "\n")

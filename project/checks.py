"""What `manage.py check --deploy` refuses: what is fine on one's own machine, and not where others
come.

Django's own checks of the same command look at cookies, headers and HSTS; these look at what is
ours. An error says what to set, and to what.
"""

import asyncio
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Doubt

from uploads.processing.sandbox import Sandbox, SandboxError

LOCAL = {"localhost", "127.0.0.1", "::1", "[::1]"}
SECRET_LENGTH = 40  # characters; 50 random ones are what DATA_DIR gets by itself
SECRET_LETTERS = 12  # different ones


def check_deployment(**_options: Any) -> list[CheckMessage]:
    """Everything about the settings."""
    return [*_secrets(), *_hosts(), *_origins(), *_storage()]


def check_sandbox(**_options: Any) -> list[CheckMessage]:
    """What the kernel of this machine gives to hold processors in; it starts a sandbox to see."""
    with tempfile.TemporaryDirectory(prefix="millrace-check-", dir=_place()) as folder:
        try:
            layers = asyncio.run(_layers(Path(folder)))
        except SandboxError as error:
            return [Error(f"The sandbox does not start here: {error}", id="millrace.E020")]
    missing = ", ".join(layer for layer, there in layers.items() if not there)
    if not missing:
        return []
    hint = "Use a newer kernel, or a container runtime that allows them; docs/sandbox.md."
    return [Error(f"The sandbox lacks {missing} on this machine.", hint=hint, id="millrace.E021")]


def _place() -> Path | None:
    """Below DATA_DIR, where there is one: what processors may read depends on the place."""
    return settings.DATA_DIR if settings.DATA_DIR.is_dir() else None


async def _layers(folder: Path) -> dict[str, bool]:
    sandbox = Sandbox(root=folder)
    await sandbox.start()
    try:
        return dict(sandbox.layers)
    finally:
        await sandbox.stop()


def _secrets() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield Error("DEBUG shows settings and code to everybody: set DEBUG=0.", id="millrace.E001")
    key = settings.SECRET_KEY
    weak = len(key) < SECRET_LENGTH or len(set(key)) < SECRET_LETTERS
    if weak or key.startswith("django-insecure"):
        hint = "openssl rand -base64 48, or leave it empty and it is made in DATA_DIR."
        yield Error("SECRET_KEY can be guessed.", hint=hint, id="millrace.E002")


def _hosts() -> Iterator[CheckMessage]:
    for host in settings.ALLOWED_HOSTS:
        if "*" in host or host.startswith("."):
            yield Error(
                f"ALLOWED_HOSTS answers to names that are not yours ({host}): name each host.",
                id="millrace.E003",
            )


def _origins() -> Iterator[CheckMessage]:
    if not [origin for origin in settings.ORIGINS if _host(origin) not in LOCAL]:
        hint = "ORIGINS=https://files.example.org"
        yield Error("ORIGINS does not say what people type.", hint=hint, id="millrace.E004")
    for origin in [*settings.ORIGINS, *settings.CORS_ORIGINS]:
        yield from _origin(origin)
    for origin in settings.ORIGINS:
        host = _host(origin)
        if host and host not in {each.strip("[]") for each in settings.ALLOWED_HOSTS}:
            yield Error(f"ALLOWED_HOSTS lacks {host} of ORIGINS.", id="millrace.E007")


def _origin(origin: str) -> Iterator[CheckMessage]:
    parts = urlsplit(origin)
    whole = f"{parts.scheme}://{parts.netloc}"
    if origin != whole or not parts.hostname or "*" in origin:
        yield Error(
            f"{origin!r} is no origin: https://host or https://host:port.", id="millrace.E005"
        )
    elif parts.scheme != "https" and parts.hostname not in LOCAL:
        yield Error(
            f"{origin} sends passwords, tokens and files in the clear: use https.",
            id="millrace.E006",
        )


def _host(origin: str) -> str:
    return urlsplit(origin).hostname or ""


def _storage() -> Iterator[CheckMessage]:
    folder = settings.PROCESSORS_DIR
    if folder is not None and not folder.is_dir():
        yield Error(f"PROCESSORS_DIR {folder} is no folder.", id="millrace.E010")
    elif folder is not None and folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield Error(
            f"Others may write to PROCESSORS_DIR {folder}, and what is there is run: chmod go-w.",
            id="millrace.E011",
        )
    if not settings.UPLOAD_FSYNC:
        yield Doubt(
            "UPLOAD_FSYNC=0: a power cut takes files that were said to be stored.",
            id="millrace.W001",
        )
    if not settings.FREE_DISK_BYTES:
        yield Doubt("FREE_DISK_BYTES=0: uploads fill the disk to the end.", id="millrace.W002")

"""Which Ray address a stored study may connect to: one of this machine, or one that this user has given here before. No Ray here.

Whoever runs a cluster can run programs in its drivers, so a study from somebody else must not choose the cluster.
"""

from __future__ import annotations

import hashlib
import ipaddress
import platform
from contextlib import suppress
from pathlib import Path

from nasbench.engines.ray.cluster import CLIENT
from nasbench.errors import StudyError, short
from nasbench.files import cache_folder


def remember_address(address: str | None) -> None:
    """Mark an address as given by this user, in the cache folder. Without the mark, the user has to give it again later."""
    if not is_here(address):
        with suppress(OSError):
            mark = _mark(str(address))
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def check_stored_address(address: str | None, study: Path) -> None:
    """Check that a study may connect to the address that it stores.

    Raises:
        StudyError: it is not this machine's, and this user has never given it here.
    """
    if not is_here(address) and not _mark(str(address)).exists():
        raise StudyError(
            f"{study} would connect to Ray at {short(address)}, which is not on this machine and which no command of yours has named here; "
            "a cluster can run programs in this process; if you trust it, name it: --address ADDRESS"
        )


def is_here(address: str | None) -> bool:
    """Whether an address is of this machine.

    Example:
        >>> [is_here(address) for address in (None, "auto", "localhost:6379", "ray://127.0.0.1:10001", "[::1]:6379", "10.0.0.7:6379")]
        [True, True, True, True, True, False]
    """
    if address in (None, "auto"):
        return True
    host = str(address).removeprefix(CLIENT).rpartition(":")[0].strip("[]")
    if host in ("localhost", platform.node()):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _mark(address: str) -> Path:
    """The file whose existence says that this user has given an address."""
    return cache_folder() / "ray-addresses" / hashlib.sha256(address.encode()).hexdigest()

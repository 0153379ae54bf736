"""Names under which the app may be asked for.

A page of somebody else's can give its own name the address of this machine (DNS rebinding) and then read whatever the
app answers; its name stands in the request. Addresses in digits cannot be used so, and are always good.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import os
import socket
from collections.abc import Iterable

SETTING = "HSC_ALLOWED_HOSTS"
"""Environment variable: more names, with commas between; ``*`` stands for any part of a name."""


def allowed_hosts(more: Iterable[str] = ()) -> tuple[str, ...]:
    """Patterns of names: this machine's, the hosted Space's, those of :data:`SETTING`, and ``more``."""
    machine = socket.gethostname().lower()
    names = ["localhost", "*.localhost", machine, f"{machine.partition('.')[0]}.local", socket.getfqdn().lower()]
    names += os.environ.get("SPACE_HOST", "").split(",")  # of hosted Spaces: OWNER-NAME.hf.space
    names += os.environ.get(SETTING, "").split(",")
    return tuple(dict.fromkeys(name.strip().lower() for name in [*names, *more] if name.strip()))


def is_allowed(host: str, patterns: Iterable[str]) -> bool:
    """Whether a request's Host header, with or without a port, is an address in digits or one of the names."""
    name = host.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") <= 1:
        name = name.partition(":")[0]
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return any(fnmatch.fnmatchcase(name.rstrip("."), pattern) for pattern in patterns)

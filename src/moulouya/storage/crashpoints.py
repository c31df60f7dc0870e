"""Named places in the publishing protocol at which a test may end the process.

A process started with ``MOULOUYA_ABORT_AT=<name>`` kills itself, as a power cut or the kernel
would, when it reaches that place; nothing is cleaned up. Unset, as everywhere but in tests, it
costs one comparison.
"""

from __future__ import annotations

import os
import signal
from typing import Literal, get_args

Crashpoint = Literal[
    "after_stage_write",
    "after_stage_sync",
    "after_rename",
    "after_directory_sync",
    "after_claim",
    "after_first_upload",
    "after_upload",
    "after_manifest_write",
    "after_catalogue_build",
    "after_release_rename",
    "after_log_write",
    "after_log_link",
    "after_log_sync",
    "before_ack",
    "gc_after_expiry",
    "gc_after_lease_scan",
    "gc_after_first_delete",
    "gc_after_last_delete",
    "backup_after_directory",
    "backup_before_log",
    "backup_after_entry",
    "reader_after_head",
    "reader_after_lease",
    "reader_after_check",
]
CRASHPOINTS: tuple[str, ...] = get_args(Crashpoint)
_wanted = os.environ.get("MOULOUYA_ABORT_AT", "")


def reached(name: Crashpoint) -> None:
    """End this process by SIGKILL when it was started to die here."""
    if _wanted == name:
        os.kill(os.getpid(), signal.SIGKILL)

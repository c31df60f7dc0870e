"""What a process gives up before it works on hostile bytes (Linux; elsewhere the limits only).

Two layers of the operating system, each of which holds alone against the network and against
writing: Landlock (files and TCP) and seccomp (system calls). Where the kernel lacks one, the other
and the resource limits remain; `available` says what there is.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

# Landlock system calls and rights: Linux, include/uapi/linux/landlock.h
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15  # with truncate and ioctl
_NET_RIGHTS = 0b11  # bind and connect by TCP, from ABI 4
_SCOPES = 0b11  # abstract sockets and signals, from ABI 6
_NO_NEW_PRIVILEGES, _PARENT_DEATH_SIGNAL, _DUMPABLE = 38, 1, 4
_CLONE_THREAD = 0x10000
_SYSTEM = ("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/opt")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_DENIED = (
    "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg",
    "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev",
    "mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "bpf", "io_uring_setup",
    "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "kexec_load",
    "init_module", "finit_module", "open_by_handle_at", "memfd_secret",
)  # fmt: skip
# Beyond those, what a process without files needs no more. What is open stays readable.
_SEALED = (
    "open", "openat", "openat2", "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2",
    "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat",
    "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "truncate",
    "ftruncate", "fallocate", "utimensat", "setxattr", "fsetxattr", "lsetxattr", "socket",
    "memfd_create", "kill", "tkill", "rt_sigqueueinfo", "pidfd_open", "pidfd_getfd",
    "pidfd_send_signal", "shmget", "shmat", "msgget", "semget", "mq_open", "inotify_init1",
    "fanotify_init", "setpriority", "sched_setattr", "sched_setscheduler", "sched_setaffinity",
    "setitimer", "alarm", "timer_create", "personality", "chdir", "fchdir", "chroot", "pipe2",
)  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True)


def limit(*, memory: int, cpu_seconds: int, file_bytes: int) -> None:
    """Set the resource limits of this process; the address space is twice the memory and 2 GiB."""
    address_space = 2 * memory + 2 * 1024**3
    for name, value in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, 512),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(name)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (value, value))


def lock(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Give up the network, other processes, and all files but these (and the system's)."""
    if sys.platform != "linux":
        return
    _libc.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    _libc.prctl(_DUMPABLE, 0)
    _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if landlock_abi() > 0:
        _landlock([*_python(), *map(Path, _SYSTEM), *readable], list(writable))
    if _seccomp_is_there():
        _seccomp()


def seal() -> None:
    """Give up all that is not open already: files, network, processes; each layer holds alone.

    No descriptor can be had any more (a resource limit), no file opened (Landlock), no call made
    that would (seccomp). For a process that has all that it needs in its hands; Linux only.
    """
    _libc.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    _libc.prctl(_DUMPABLE, 0)
    _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if landlock_abi() > 0:
        _landlock([], [], devices=())  # needs a descriptor itself
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    if _seccomp_is_there():
        _seccomp(_SEALED)


def available() -> dict[str, bool]:
    """Which layers this machine has."""
    return {"landlock": landlock_abi() > 0, "seccomp": _seccomp_is_there()}


def landlock_abi() -> int:
    """The kernel's Landlock version, 0 without one."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def _python() -> list[Path]:
    """Where the interpreter, its packages and this library are read from."""
    places = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib")}
    places |= {place for place in sys.path if place}
    return [Path(place) for place in sorted(places)]


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def _landlock(
    readable: list[Path], writable: list[Path], devices: Iterable[str] = _DEVICES
) -> None:
    """Restrict this process; raises OSError where the kernel refuses what it offers."""
    abi = landlock_abi()
    handled = max(rights for version, rights in _FILE_RIGHTS.items() if version <= abi)
    ruleset = _Ruleset(handled, _NET_RIGHTS if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    handle = _checked(_libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), size, 0))
    try:
        for path in readable:
            _allow(handle, path, _READ & handled)
        for path in writable:
            _allow(handle, path, handled)
        for device in devices:
            _allow(handle, Path(device), (_READ_FILE | _WRITE_FILE) & handled)
        _checked(_libc.syscall(_RESTRICT_SELF, handle, 0))
    finally:
        os.close(handle)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            return
        raise
    try:
        if not path.is_dir():
            rights &= _OF_FILES
        rule = _PathBeneath(rights, descriptor)
        _checked(_libc.syscall(_ADD_RULE, ruleset, 1, ctypes.byref(rule), 0))
    finally:
        os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result


def _seccomp_is_there() -> bool:
    if sys.platform != "linux":
        return False
    try:
        import pyseccomp  # noqa: F401
    except (ImportError, OSError, RuntimeError):  # it loads libseccomp, which may be absent
        return False
    return True


def _seccomp(further: Iterable[str] = ()) -> None:
    import pyseccomp as seccomp

    rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    refuse = seccomp.ERRNO(errno.EPERM)
    for name in {*_DENIED, *further}:
        rules.add_rule(refuse, name)
    if "socket" not in further:
        rules.add_rule(refuse, "socket", seccomp.Arg(0, seccomp.NE, 1))  # AF_UNIX reaches nobody
    else:  # the limits and the priority of other processes are theirs
        rules.add_rule(refuse, "prlimit64", seccomp.Arg(0, seccomp.NE, 0))
    # Threads are needed, processes are not. glibc falls back from clone3, whose flags a filter
    # cannot see, to clone.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    rules.add_rule(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, _CLONE_THREAD, 0))
    rules.load()

"""Shuts a process off from the system for good: after this it can compute, read what is open, and answer.

A filter of system calls by allow-list (seccomp, ``man 2 seccomp``; the filter is classic BPF, ``linux/bpf_common.h``).
It needs no privilege and no mount, and holds whatever the code does: what is not allowed answers EPERM. No file can be
opened, no socket made, no process started or signalled, no memory of another process read.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_MODE_FILTER: Final = 2
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000 | 1  # EPERM
_KILL: Final = 0x80000000  # the whole process: it speaks another architecture's numbers
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_NUMBER, _ARCH = 0, 4  # offsets in struct seccomp_data

# What Python needs to compute, to take and give memory, to read and write what is open, to tell the time, and to end:
# read write close fstat lseek, mmap mprotect munmap mremap brk madvise, rt_sig* sigaltstack, futex sched_yield
# sched_getaffinity, getpid gettid getrusage, clock_* nanosleep gettimeofday, getrandom, exit*, membarrier rseq restart.
_MACHINES: Final[Mapping[str, tuple[int, tuple[int, ...]]]] = MappingProxyType(
    {
        "x86_64": (
            0xC000003E,
            (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 28, 35, 39, 60, 96, 98, 131, 186, 202, 204, 219, 228,
             230, 231, 318, 324, 334),
        ),
        "aarch64": (
            0xC00000B7,
            (57, 62, 63, 64, 80, 93, 94, 98, 101, 113, 115, 123, 124, 128, 132, 134, 135, 139, 165, 169, 172, 178, 214,
             215, 216, 222, 226, 233, 278, 283, 293),
        ),
    }
)  # fmt: skip


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def program(machine: str) -> bytes:
    """The filter for a machine. Raises OSError for one whose numbers are not known."""
    if machine not in _MACHINES:
        raise OSError(f"no filter of system calls for {machine}")
    arch, allowed = _MACHINES[machine]
    lines = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    for number in allowed:
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    lines.append((_RETURN, 0, 0, _ERRNO))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def shut() -> None:
    """Shut this process off, and see that it is. Raises OSError where it cannot be: then run nothing in it."""
    code = program(platform.machine())
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    whole = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    probes = (lambda: os.open("/", os.O_RDONLY), socket.socket, os.fork, lambda: os.kill(os.getppid(), 0))
    steps = (
        (_PR_SET_DUMPABLE, 0, 0, 0, 0), (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(whole), 0, 0),
    )  # fmt: skip
    for step in steps:
        if libc.prctl(*step) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"the process cannot be shut off: {os.strerror(number)}")
    for probe in probes:
        _refused(probe)


def _refused(probe: Callable[[], object]) -> None:
    """Nothing is believed that was not seen."""
    try:
        probe()
    except PermissionError:
        return
    raise OSError("the process is not shut off: a system call that is not allowed was answered")

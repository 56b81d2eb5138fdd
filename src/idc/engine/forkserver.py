"""A process that has imported Pulumi and the stacks once, and forks a child for each program that is to run.

Importing takes half a second of CPU, a fork some milliseconds. It has a single thread and no gRPC channel of its own,
since neither survives a fork; both are made in the children.

One datagram on its socket is one request: the kind of program, with a file that holds its input and the pipe for its
answer. The child writes its pid, and at its end its answer. When the socket's other end is gone, the children are
killed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from idc import paths

Worker = Callable[[bytes], bytes]

_PID: Final = struct.Struct("<i")
_FORK_SECONDS: Final = 30.0  # for a child to show itself
_ANSWER: Final = b"\x01"  # stands before an answer: an empty one is not the same as none
_PRELOADED: Final = ("stacks.lab", "stacks.platform", "stacks.tenant")


class ForkServer:
    """The near side: starts the far side and hands requests to it. Make it before any thread or gRPC channel."""

    def __init__(self, workers: Mapping[str, Worker]) -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            near.close()
            _serve(far, workers)
        far.close()
        self._socket = near

    def start(self, kind: str, request: bytes) -> Child:
        """Fork a child for one request. Raises OSError if the far side is gone, TimeoutError if it does not fork."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            # The input is a file in memory: a datagram has a largest size, a program's input has none.
            with _as_file(request) as file:
                socket.send_fds(self._socket, [kind.encode()], [writer, file])
        finally:
            os.close(writer)
        return Child(reader)

    def close(self) -> None:
        """End the far side with all its children."""
        self._socket.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class Child:
    """A program that runs."""

    def __init__(self, reader: int) -> None:
        self._reader = reader
        if not select.select([reader], [], [], _FORK_SECONDS)[0]:
            os.close(reader)
            raise TimeoutError(f"no program was started within {_FORK_SECONDS:.0f} s")
        head = os.read(reader, _PID.size)
        self.pid: int = _PID.unpack(head)[0] if len(head) == _PID.size else 0

    def answer(self) -> bytes | None:
        """Wait for the program's end; its answer, None if it died without one."""
        with os.fdopen(self._reader, "rb") as pipe:
            content = pipe.read()
        return content[1:] if content.startswith(_ANSWER) else None

    def kill(self) -> None:
        """End it now."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[int]:
    descriptor = os.memfd_create("request", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        file.seek(0)
        yield descriptor


def preload() -> None:
    """Import what the programs need, where it is there; a stack that cannot be imported fails in its own run."""
    root = str(paths.resources())
    if root not in sys.path:
        sys.path.insert(0, root)
    for name in _PRELOADED:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    import pulumi_docker

    for name in ("Container", "Network", "Volume", "Provider"):
        getattr(pulumi_docker, name)  # the package imports its parts when they are first asked for


def _serve(far: socket.socket, workers: Mapping[str, Worker]) -> None:
    """The far side's loop; never returns."""
    # What has been imported stays for good: no child's garbage collection has to touch, and so copy, its pages.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the near side, which ends this one
    children: set[int] = set()
    wake_reader, wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(wake_writer)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([far.fileno(), wake_reader], [], [])
        if wake_reader in ready:
            os.read(wake_reader, 4096)
            _collect(children)
        if far.fileno() not in ready:
            continue
        try:
            kind, descriptors, _, _ = socket.recv_fds(far, 256, 2)
        except ConnectionError:
            kind = b""
        if not kind:
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os._exit(0)
        writer, request = descriptors
        pid = os.fork()
        if pid == 0:
            far.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _work(workers[kind.decode()], request, writer)
        children.add(pid)
        os.close(writer)
        os.close(request)


def _collect(children: set[int]) -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        children.discard(pid)


def _work(worker: Worker, request: int, writer: int) -> None:
    """In the child: run, answer, leave without the clean-up that belongs to the process it was forked from."""
    code = 0
    try:
        os.write(writer, _PID.pack(os.getpid()))
        with os.fdopen(request, "rb") as file:
            content = file.read()
        answer = worker(content)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(_ANSWER + answer)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

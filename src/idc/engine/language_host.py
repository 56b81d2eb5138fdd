"""Pulumi's language host for this project's Python programs: `stacks/`, and policy packs.

It is used in two ways:

- as ``pulumi-language-python`` on PATH, started by the engine when a person types `pulumi preview --stack NAME`;
- once for a whole run of idc (``--watched``), where every CLI attaches to it (``PULUMI_DEBUG_LANGUAGES=python:PORT``),
  so that a stack costs a fork instead of half a second of imports.

Its first line on stdout is the port it serves on. With ``--watched`` stdin is the line to idc: ``+PID`` and ``-PID``
name the sessions that idc has started and ended; when the line breaks, however idc ended, all that are left are killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent import futures
from typing import Final, TypeAlias

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import language_pb2 as messages
from pulumi.runtime.proto import plugin_pb2
from pulumi.runtime.proto.language_pb2_grpc import LanguageRuntimeServicer, add_LanguageRuntimeServicer_to_server

from idc.engine import forkserver
from idc.engine.forkserver import ForkServer
from idc.engine.sessions import kill_session

_CALLS_AT_ONCE: Final = 256  # Run and RunPlugin hold a thread for as long as the program runs
_LARGEST_MESSAGE: Final = 400 * 1024 * 1024  # as in Pulumi's own programs

Context: TypeAlias = grpc.ServicerContext


class LanguageHost(LanguageRuntimeServicer):
    """The gRPC service. Programs run in children of the fork server; nothing is ever installed."""

    def __init__(self, fork_server: ForkServer) -> None:
        self._fork_server = fork_server

    def Handshake(
        self, request: messages.LanguageHandshakeRequest, context: Context
    ) -> messages.LanguageHandshakeResponse:
        return messages.LanguageHandshakeResponse()

    def About(self, request: messages.AboutRequest, context: Context) -> messages.AboutResponse:
        return messages.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="1.0.0")

    def GetRequiredPackages(
        self, request: messages.GetRequiredPackagesRequest, context: Context
    ) -> messages.GetRequiredPackagesResponse:
        return messages.GetRequiredPackagesResponse()  # what a program needs is on PATH, or it fails when it asks

    def GetRequiredPlugins(
        self, request: messages.GetRequiredPluginsRequest, context: Context
    ) -> messages.GetRequiredPluginsResponse:
        return messages.GetRequiredPluginsResponse()

    def GetProgramDependencies(
        self, request: messages.GetProgramDependenciesRequest, context: Context
    ) -> messages.GetProgramDependenciesResponse:
        return messages.GetProgramDependenciesResponse()

    def InstallDependencies(
        self, request: messages.InstallDependenciesRequest, context: Context
    ) -> Iterator[messages.InstallDependenciesResponse]:
        return iter(())

    def Cancel(self, request: Empty, context: Context) -> Empty:
        return Empty()

    def Run(self, request: messages.RunRequest, context: Context) -> messages.RunResponse:
        """Run a stack's program to its end; it is killed when the engine gives up or dies."""
        try:
            child = self._fork_server.start("program", request.SerializeToString())
        except OSError as error:
            return messages.RunResponse(error=f"the program could not be started: {error}")
        context.add_callback(child.kill)
        answer = child.answer()
        if answer is None:
            return messages.RunResponse(error="the program died without an answer; see the language host's log")
        response: messages.RunResponse = messages.RunResponse.FromString(answer)
        return response

    def RunPlugin(self, request: messages.RunPluginRequest, context: Context) -> Iterator[messages.RunPluginResponse]:
        """Run a policy pack beside the engine and pass its output on."""
        yield from _run_plugin(request, context)


def _run_plugin(request: messages.RunPluginRequest, context: Context) -> Iterator[messages.RunPluginResponse]:
    # -u: the engine waits for the port, the first line. -P: what lies in the current folder is never imported.
    program = request.info.program_directory or request.program
    process = subprocess.Popen(
        [sys.executable, "-u", "-P", "-m", "pulumi.policy", *request.args, program],
        cwd=request.pwd or None, env={**os.environ, **dict(item.split("=", 1) for item in request.env)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    context.add_callback(process.kill)
    assert process.stdout is not None
    for line in process.stdout:
        yield messages.RunPluginResponse(stdout=line)
    yield messages.RunPluginResponse(exitcode=process.wait())


# -- in a child of the fork server -------------------------------------------------------------------------------------


def run_program(content: bytes) -> bytes:
    """Run one program as the engine's request says; returns a RunResponse, which carries the error if there is one."""
    request = messages.RunRequest.FromString(content)
    response = messages.RunResponse()
    # Pulumi reports what fails; asyncio's own words about tasks that nobody waits for any more would come on top.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    os.chdir(request.info.program_directory or request.pwd)
    error = _run_in_engine(request)
    if error:
        response.error = error
    return bytes(response.SerializeToString())


def _run_in_engine(request: messages.RunRequest) -> str:
    from pulumi import log
    from pulumi.errors import RunError
    from pulumi.runtime import reset_options, run_in_stack, set_all_config

    reset_options(
        project=request.project,
        stack=request.stack,
        root_directory=request.info.root_directory,
        parallel=request.parallel,
        engine_address=request.args[0] if request.args else "",
        monitor_address=request.monitor_address,
        preview=request.dryRun,
        organization=request.organization or "organization",
    )
    set_all_config(dict(request.config), list(request.configSecretKeys))
    loop = asyncio.new_event_loop()
    loop.set_default_executor(futures.ThreadPoolExecutor(max_workers=max(request.parallel, 1) * 4))
    try:
        loop.run_until_complete(run_in_stack(_program))
    except RunError as error:
        log.error(str(error))
        return str(error)
    except grpc.RpcError as error:
        # The engine is shutting down and has said why itself.
        return "" if error.code() == grpc.StatusCode.UNAVAILABLE else str(error.details())
    except Exception:
        log.error(traceback.format_exc())
        return "the stack's program failed; its words are above"
    return ""


def _program() -> None:
    import importlib

    importlib.import_module("stacks.__main__").main()


# -- the process -------------------------------------------------------------------------------------------------------


def main() -> None:
    """Serve until the engine, or idc, is gone."""
    watched = "--watched" in sys.argv[1:]
    forkserver.preload()
    fork_server = ForkServer({"program": run_program})
    options = [(f"grpc.max_{way}_message_length", _LARGEST_MESSAGE) for way in ("receive", "send")]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=_CALLS_AT_ONCE), options=options)
    add_LanguageRuntimeServicer_to_server(LanguageHost(fork_server), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    if watched:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _watch()
        fork_server.close()
        os._exit(0)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    fork_server.close()
    server.stop(grace=0)


def _watch() -> None:
    """Follow the line to idc until it breaks, then end what it left behind."""
    sessions: set[int] = set()
    for line in sys.stdin:
        with contextlib.suppress(ValueError):
            number = int(line)
            if number > 0:
                sessions.add(number)
            else:
                sessions.discard(-number)
    for session in sessions:
        kill_session(session)


if __name__ == "__main__":
    main()

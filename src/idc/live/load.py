"""A bounded load on sites while something else happens, to show that no request of theirs fails.

    with http_load([("http://203.0.113.10/", "tax.city.example")], rate=20) as load:
        change_something()
    assert load.failed == 0, load.failures

Each request opens a connection of its own, as a new visitor does: one kept open would hide a listener that is gone.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from idc.errors import Unreachable

AGENT: Final = "Mozilla/5.0 (idc)"
KEPT_FAILURES: Final = 20


@dataclass(frozen=True)
class Answer:
    """One request: its status (0 without an answer), how long it took, and what went wrong in words."""

    status: int
    seconds: float
    words: str = ""

    @property
    def ok(self) -> bool:
        """True for 200 to 399."""
        return 200 <= self.status < 400


def ask(url: str, host_header: str = "", timeout: float = 5.0) -> Answer:
    """One GET. Never raises: what went wrong is in the answer."""
    parts = urlsplit(url)
    began = time.monotonic()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        headers = {"Host": host_header or parts.netloc, "User-Agent": AGENT, "Accept": "*/*", "Connection": "close"}
        connection.request("GET", parts.path or "/", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return Answer(answer.status, time.monotonic() - began, "" if answer.status < 400 else answer.reason)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, time.monotonic() - began, str(error) or type(error).__name__)
    finally:
        connection.close()


def wait_serving(url: str, host_header: str, deadline: float) -> float:
    """Seconds until the site answers well.

    Raises Unreachable after ``deadline`` seconds, with the last answer in its words.
    """
    began = time.monotonic()
    while True:
        answer = ask(url, host_header, timeout=max(0.2, min(2.0, deadline)))
        passed = time.monotonic() - began
        if answer.ok:
            return passed
        if passed >= deadline:
            last = str(answer.status) if answer.status else answer.words
            raise Unreachable(f"{host_header or url} did not answer within {deadline:.0f} s (last: {last})")
        time.sleep(0.1)


@dataclass
class Load:
    """Counts of a load; still growing inside the ``with`` block, complete after it."""

    requests: int = 0
    failed: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)  # the first few, in words
    missed: int = 0  # turns that came too late to be kept: the load itself was too slow
    _seconds: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, at: float, host: str, answer: Answer) -> None:
        """Counts one request, made ``at`` seconds after the load began."""
        with self._lock:
            self.requests += 1
            self.statuses[answer.status] += 1
            self._seconds.append(answer.seconds)
            if not answer.ok:
                self.failed += 1
                if len(self.failures) < KEPT_FAILURES:
                    self.failures.append(f"{at:.2f} s: {host}: {answer.status or 'no answer'} {answer.words}".rstrip())

    def percentile(self, part: float) -> float:
        """Seconds within which this part (0 to 1) of the requests was answered; 0 without any."""
        with self._lock:
            ordered = sorted(self._seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0

    @property
    def p50(self) -> float:
        """Median, in seconds."""
        return self.percentile(0.5)

    @property
    def p99(self) -> float:
        """99th percentile, in seconds."""
        return self.percentile(0.99)

    def __str__(self) -> str:
        """For people."""
        times = f"p50 {self.p50 * 1000:.0f} ms, p99 {self.p99 * 1000:.0f} ms"
        return f"{self.requests} requests, {self.failed} failed, {times}"


@contextmanager
def http_load(
    targets: Sequence[tuple[str, str]],
    *,
    rate: float = 20.0,
    workers: int = 4,
    timeout: float = 5.0,
    max_seconds: float = 300.0,
) -> Iterator[Load]:
    """Asks ``(url, host header)`` in turn, ``rate`` times a second altogether, for as long as the block lasts.

    It ends by itself after ``max_seconds``. A request is made on its turn or not at all, so that a stall of the sites
    shows as failures and slow answers rather than as a lower rate.
    """
    if not targets:
        raise ValueError("a load needs at least one target")
    load, stop = Load(), threading.Event()
    began = time.monotonic()
    turns = iter(range(int(rate * max_seconds)))
    turn_lock = threading.Lock()

    def work() -> None:
        while not stop.is_set():
            with turn_lock:
                turn = next(turns, None)
            if turn is None:
                return
            due = began + turn / rate
            if stop.wait(max(0.0, due - time.monotonic())):
                return
            if time.monotonic() - due > timeout:
                load.missed += 1
                continue
            url, host = targets[turn % len(targets)]
            load.add(time.monotonic() - began, host, ask(url, host, timeout))

    threads = [threading.Thread(target=work, name=f"load-{number}", daemon=True) for number in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout + 1)

"""Serves the application: one process, a few threads, ended by SIGTERM after the requests under way."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

import waitress

from filing.store import Store
from filing.web import make_app

THREADS = 8


def main() -> None:
    """Serve until told to end. The database may come later than the application: it is tried until it is there."""
    store = Store.from_environment(os.environ)
    threading.Thread(target=store.prepare, daemon=True).start()
    # As process 1 of a container there is no default action on SIGTERM.
    signal.signal(signal.SIGTERM, _end)
    app = make_app(store)
    waitress.serve(app, listen="0.0.0.0:8080", threads=THREADS, ident=None, clear_untrusted_proxy_headers=False)


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()

"""What every measurement needs of this machine: its engine's own client, and a line of progress."""

from __future__ import annotations

import subprocess
import sys


def docker(*words: str, host: str | None = None) -> str:
    """What docker prints, asked of the engine ``host`` where one is named. Raises RuntimeError with docker's words."""
    where = ["--host", host] if host else []
    done = subprocess.run(["docker", *where, *words], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"docker {words[0]}: {done.stderr.strip()}")
    return done.stdout


def say(text: str) -> None:
    """One line of progress."""
    sys.stderr.write(f"  {text}\n")

"""The last net below a command: what nobody expected becomes one line, its traceback goes into a file."""

from __future__ import annotations

import os
import tempfile
import traceback

from idc.errors import EngineError


def explained(error: Exception) -> EngineError:
    """The error as a person reads it; its hint names the file with the traceback, which is its owner's alone."""
    words = str(error) or "no further words"
    return EngineError(f"unexpected {type(error).__name__}: {words.splitlines()[0]}", hint=_kept(error))


def _kept(error: Exception) -> str:
    """The hint. A disk may be full, so that the file cannot be written: then the place in the code must do."""
    again = "the same command goes on from here"
    try:
        descriptor, name = tempfile.mkstemp(prefix="idc-error-", suffix=".log")
        with os.fdopen(descriptor, "w") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"it happened at {place.filename}:{place.lineno}; {again}"
    return f"the details are in {name}: send them along when you report it; {again}"

"""These tests are what `idc verify` runs on a running centre (see idc.live.suite, which gives them their fixtures).

By themselves, in the project's own test run, they have nothing to look at and are not collected.
"""

from __future__ import annotations

collect_ignore_glob = ["test_*.py"]

"""``python -m idc``."""

import sys

from idc.cli import main

sys.exit(main())

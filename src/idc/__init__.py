"""idc: infrastructure as code for a government hosting centre. Declared, built, proven."""

from typing import Final

__version__: Final = "0.1.0"

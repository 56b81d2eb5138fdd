"""idc: infrastructure as code for a government hosting centre. Declared, built, proven."""

__version__ = "0.1.0"

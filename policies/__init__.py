"""Policies as code: one file a family. The folder is at the same time a CrossGuard pack."""

"""The parser of the command line: what is wrong with it is an error like any other, with a hint."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import Any, NoReturn

from idc.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would print its usage and leave; options are never guessed from a beginning."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Bad words: always raises UsageError."""
        raise UsageError(message, hint=f"`{self.prog} --help` shows what it takes")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """As argparse does it, but what a verb does not take is told with the verb's own nearest option."""
        parsed, extra = self.parse_known_args(args, namespace)
        if extra:
            command = self.command(parsed.verb)
            raise UsageError(f"`{command.prog}` does not take {extra[0]!r}", hint=command.nearest(extra[0]))
        return parsed

    def command(self, verb: str) -> Parser:
        """The parser of one verb."""
        verbs = next(action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        found = verbs.choices[verb]
        assert isinstance(found, Parser)
        return found

    def nearest(self, word: str) -> str:
        """A hint: the option that was probably meant, or where to look."""
        word = word.partition("=")[0]
        if word in self._option_string_actions:  # given before the verb
            return f"options come after the verb: `{self.prog} … {word}`"
        return nearest(word, self._option_string_actions, "") or f"`{self.prog} --help` shows what it takes"


def nearest(word: str, known: Sequence[str] | dict[str, Any], before: str) -> str:
    """A hint with the known word that is most like ``word``, or an empty text."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{before}{close[0]}`?" if close else ""

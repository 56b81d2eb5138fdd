"""Text that people write, checked by character: ids, host names, mail addresses, and letters that only look right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

NAME: Final = r"^[a-z][a-z0-9-]{0,22}[a-z0-9]$"
HOST_NAME: Final = r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
EMAIL: Final = r"^[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+)*@[a-z0-9.-]+$"
POLICY: Final = r"^[a-z][a-z0-9-]{0,30}\.[a-z][a-z0-9-]{0,30}$"
WAIVER_SCOPE: Final = r"^(platform|centre|tenant/[a-z][a-z0-9-]+(/site/[a-z][a-z0-9-]+)?)$"

_NAME = re.compile(NAME)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_EMAIL = re.compile(EMAIL)

# Letters of other scripts that many fonts draw like a Latin one (Unicode TR 39, the ones that occur in practice).
_LOOK_ALIKE: Final = str.maketrans(
    "асԁеһіјӏорԛѕԝхуАВЕКМНОРСТХαορυνικτａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ０１２３４５６７８９－．",
    "acdehijlopqswxyABEKMHOPCTXaopuviktabcdefghijklmnopqrstuvwxyz0123456789-.",
)


class BadValueError(ValueError):
    """A value that cannot be what its field asks for; ``hint`` says what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def did_you_mean(word: str, known: Iterable[str], *, what: str = "known") -> str:
    """A hint: the nearest known word, else all of them."""
    words = sorted(set(known))
    near = get_close_matches(word.translate(_LOOK_ALIKE).lower(), words, n=1, cutoff=0.7)
    if near:
        return f"did you mean `{near[0]}`?"
    if not words:
        return f"{what}: none"
    shown = words if len(words) <= 12 else [*words[:12], f"… ({len(words)} in all)"]
    return f"{what}: {', '.join(shown)}"


def describe(character: str) -> str:
    """A character as a person can find it: its name and code point."""
    name = unicodedata.name(character, "control character" if unicodedata.category(character) == "Cc" else "unnamed")
    return f"U+{ord(character):04X} {name}"


def printable(text: str) -> str:
    """A text from outside (a file's name, a value) as it is safe to print: what does not show is written out."""
    if text.isprintable():
        return text
    return "".join(part if part.isprintable() else part.encode("unicode_escape").decode() for part in text)


def hidden(text: str) -> int:
    """Index of the first character that does not show or turns the reading direction (bidi, zero width), or -1.

    Such characters make a text read differently from what it is (CVE-2021-42574). Space separators are allowed.
    """
    if text.isascii() and text.isprintable():
        return -1
    for index, character in enumerate(text):
        if not character.isprintable() and unicodedata.category(character) != "Zs":
            return index
    return -1


def _refuse_foreign(text: str, what: str) -> None:
    for character in text:
        if not character.isascii():
            plain = text.translate(_LOOK_ALIKE)
            hint = f"did you mean `{plain}`?" if plain.isascii() else "only ASCII letters, digits and hyphens"
            raise BadValueError(f"{what} `{text}` holds {describe(character)}, which is no ASCII letter", hint)


def name(value: object) -> str:
    """An id of ours: 2 to 24 lower-case letters, digits and hyphens, a letter first."""
    if not isinstance(value, str):
        raise BadValueError(f"a name must be text, not {value!r}", f'write it in quotes: "{value}"')
    if _NAME.fullmatch(value):
        return value
    _refuse_foreign(value, "the name")
    repaired = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")
    rule = "2 to 24 lower-case letters, digits and hyphens, a letter first"
    hint = f"did you mean `{repaired}`?" if repaired != value and _NAME.fullmatch(repaired) else ""
    raise BadValueError(f"`{value}` is not a name: {rule}", hint)


def policy(value: object) -> str:
    """Id of a policy: family and name, with a dot between."""
    return _like(value, POLICY, "the id of a policy", "as hardening.filesystem (docs/reference/policies.md lists them)")


def waiver_scope(value: object) -> str:
    """What a waiver is for."""
    return _like(value, WAIVER_SCOPE, "what a waiver is for", "tenant/tax, tenant/tax/site/www, platform or centre")


def _like(value: object, pattern: str, what: str, hint: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII) or "\n" in value:
        raise BadValueError(f"`{value}` is not {what}", hint)
    return value


def host_name(value: object) -> str:
    """A DNS host name of at least two labels in lower case (RFC 1123); ``xn--`` labels must not mix scripts."""
    if not isinstance(value, str):
        raise BadValueError(f"a host name must be text, not {value!r}", "as www.city.example")
    _refuse_foreign(value, "the host name")
    if value != value.lower():
        raise BadValueError(f"the host name `{value}` has upper-case letters", f"write `{value.lower()}`")
    if value.endswith("."):
        raise BadValueError(f"the host name `{value}` ends with a dot", f"write `{value.rstrip('.')}`")
    if "://" in value or "/" in value or ":" in value:
        raise BadValueError(f"`{value}` is a URL or has a port, not a host name", "the bare name, as www.city.example")
    labels = value.split(".")
    if len(value) > 253 or len(labels) < 2:
        raise BadValueError(f"`{value}` is not a host name of 2 or more labels", "as www.city.example")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise BadValueError(
                f"the host name `{value}` has the label `{label}`",
                "each label has 1 to 63 letters, digits and hyphens, no hyphen first or last (RFC 1123)",
            )
        if label.startswith("xn--"):
            _check_international(label, value)
    if labels[-1].isdigit():
        raise BadValueError(f"`{value}` reads as an address, not as a host name", "as www.city.example")
    return value


def _check_international(label: str, whole: str) -> None:
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        raise BadValueError(f"the label `{label}` of `{whole}` is no valid punycode", "write the label anew") from None
    letters = [character for character in decoded if character.isalpha()]
    scripts = {unicodedata.name(character, "?").split()[0] for character in letters} - {"HIRAGANA", "KATAKANA"}
    if len(scripts) > 1 or any(character.translate(_LOOK_ALIKE).isascii() for character in letters):
        raise BadValueError(
            f"the label `{label}` of `{whole}` reads `{decoded}`, which mixes scripts or passes for a Latin name",
            "a label has the letters of one script, and none that look Latin",
        )


def person(value: object) -> str:
    """A person's name: visible text, each word in letters of one script and none that pass for Latin ones."""
    found = line(value)
    for word in re.findall(r"[^\W\d_]+", found):
        scripts = {_script(character) for character in word} - {"HIRAGANA", "KATAKANA"}
        foreign = next((character for character in word if not character.isascii()), "")
        plain = unicodedata.normalize("NFKC", word).translate(_LOOK_ALIKE)
        if foreign and (len(scripts) > 1 or plain.isascii()):
            hint = f"did you mean `{plain}`?" if plain.isascii() else "each word in the letters of one script"
            passes = "mixes scripts or passes for a Latin word"
            raise BadValueError(f"`{word}` {passes}: it holds {describe(foreign)}", hint)
    return found


def _script(character: str) -> str:
    return unicodedata.name(character, "?").split()[0]


def same_person(name: str) -> str:
    """What two spellings of one person's name have in common: case, spacing, full-width and look-alike letters."""
    return " ".join(unicodedata.normalize("NFKC", name).translate(_LOOK_ALIKE).casefold().split())


def email(value: object) -> str:
    """A mail address: the plain ``local@host.name`` form."""
    if not isinstance(value, str) or not _EMAIL.fullmatch(value) or len(value) > 254:
        raise BadValueError(f"`{value}` is not a mail address", "as duty@city.example")
    host_name(value.rpartition("@")[2])
    return value


def line(value: object) -> str:
    """A text of one line that shows all it holds: 1 to 200 characters."""
    if not isinstance(value, str):
        raise BadValueError(f"must be text, not {value!r}", f'write it in quotes: "{value}"')
    if not value.strip() or len(value) > 200:
        raise BadValueError("must have 1 to 200 characters", "a few plain words")
    if "\n" in value or hidden(value) >= 0:
        raise BadValueError("must be one line of visible text")
    return value

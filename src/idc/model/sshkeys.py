"""Public SSH keys as people paste them: one key, whole, of a kind that is sound, and nothing else beside it."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping
from typing import Final

from idc.model.text import BadValueError

_CURVES: Final[Mapping[str, tuple[bytes, int]]] = {  # type -> name of its curve, bytes of an uncompressed point
    "ecdsa-sha2-nistp256": (b"nistp256", 65),
    "ecdsa-sha2-nistp384": (b"nistp384", 97),
}
_ED25519: Final = "ssh-ed25519"
_SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"
TYPES: Final = (_ED25519, _SK_ED25519, *_CURVES)
_COPY: Final = "copy the .pub file's line"


def ssh_key(value: object) -> str:
    """``TYPE BASE64``, without the comment. Raises BadValueError for whatever is not exactly one sound key."""
    if not isinstance(value, str):
        raise BadValueError(f"must be text, not {value!r}", "as ssh-ed25519 AAAA… name")
    if "PRIVATE KEY" in value:
        raise BadValueError(
            "this is a private key, which must never leave its owner", "make a new one: it is known now"
        )
    if "\n" in value.strip():
        raise BadValueError("an SSH key is one line", "one item of the list for each key")
    words = value.split()
    kind = words[0] if words else ""
    if kind not in TYPES:
        raise BadValueError(*_no_key(words))
    if len(words) < 2:
        raise BadValueError("the SSH key is cut off: there is nothing behind its type", _COPY)
    for word in words[2:]:
        if word in TYPES or word.startswith(("ssh-", "ecdsa-", "sk-", "AAAA")):
            raise BadValueError(f"a second SSH key follows the first, at `{word}`", "one item of the list for each key")
    _check(kind, _decoded(words[1]))
    return " ".join(words[:2])


def _no_key(words: list[str]) -> tuple[str, str]:
    """What it is instead, and what to do."""
    kinds = f"type one of {', '.join(TYPES)}"
    kind = words[0] if words else ""
    if kind.startswith(("ssh-", "ecdsa-", "sk-", "rsa-")) and len(words) > 1:
        bits = f" of {bits:,} bits" if kind == "ssh-rsa" and (bits := _rsa_bits(words[1])) else ""
        return f"SSH keys of type `{kind}`{bits} are not taken", f"`ssh-keygen -t ed25519` makes a new one; {kinds}"
    if any(word in TYPES for word in words):
        message = f"options before an SSH key: `{kind}`"
        return message, "the key alone, from its type on: what its owner may do follows from the role"
    return "not a public SSH key", f"`TYPE BASE64 comment`, {kinds}"


def _rsa_bits(word: str) -> int:
    """Length of an RSA key's modulus; 0 for what is none."""
    try:
        parts = _strings(base64.b64decode(word, validate=True))
    except (binascii.Error, ValueError):
        return 0
    return int.from_bytes(parts[2], "big").bit_length() if len(parts) == 3 else 0


def _decoded(word: str) -> bytes:
    try:
        blob = base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    if not blob or base64.b64encode(blob).decode() != word:
        raise BadValueError("the SSH key is damaged: its second word is no base64", _COPY)
    return blob


def _strings(blob: bytes) -> list[bytes]:
    """The strings of a key, each with its length before it (RFC 4251). Raises ValueError where they do not fill it."""
    found = []
    while blob:
        if len(blob) < 4:
            raise ValueError("a length is cut off")
        (length,) = struct.unpack(">I", blob[:4])
        if length > len(blob) - 4:
            raise ValueError("a string is cut off")
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def _check(kind: str, blob: bytes) -> None:
    """Whether a key holds what its type says and nothing behind it (RFC 8709, RFC 5656, OpenSSH's PROTOCOL.u2f)."""
    try:
        parts = _strings(blob)
    except ValueError:
        parts = []
    sound = bool(parts) and parts[0] == kind.encode()
    if kind in _CURVES:
        curve, size = _CURVES[kind]
        sound = sound and len(parts) == 3 and parts[1] == curve and len(parts[2]) == size and parts[2][0] == 4
    elif kind == _SK_ED25519:
        sound = sound and len(parts) == 3 and len(parts[1]) == 32 and parts[2].startswith(b"ssh:")
    else:
        sound = sound and len(parts) == 2 and len(parts[1]) == 32
    if not sound:
        raise BadValueError(f"the SSH key is damaged: it is no {kind} key", _COPY)

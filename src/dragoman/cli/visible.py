"""Text of others, such as a corpus' lines and files' names, on the way to a terminal or into JSON."""

import json
import re
from collections.abc import Mapping
from typing import Any

_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, ends of lines, changes of direction, and halves of characters, which no file can hold."""
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What JSON lets through, but ends a line for some readers, steers a terminal, or cannot be written."""


def visible(text: str) -> str:
    """The same text in one line, in which nothing can steer the terminal: <1b> for an escape."""
    return _STEERING.sub(lambda found: f"<{ord(found[0]):02x}>", text)


def json_line(value: Mapping[str, Any]) -> str:
    """One object as JSON: one line for every reader."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))

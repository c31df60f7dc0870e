"""The raw head of an answer, watched for what the parser behind it would let pass."""

from __future__ import annotations

import re

from moulouya.web.trouble import Trouble

LARGEST = 64 * 1024
MOST_LINES = 200
_END = re.compile(rb"\n\r?\n")
_INTERIM = re.compile(rb"\s*HTTP/1\.\d 1\d\d")


class HeadWatch:
    """Reads along until the final head is complete, interim ones (1xx) included."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._before = 0
        self._complete = False
        self.body = 0  # bytes that came behind the final head

    def feed(self, data: bytes) -> None:
        """More bytes of an answer; Trouble for a head that is too long or doubtful.

        The parser takes two equal lengths for one. A server that says anything twice is not one
        to believe about where a body ends.
        """
        if self._complete:
            self.body += len(data)
            return
        self._text += data
        while True:
            end = _END.search(self._text)
            size = self._before + (end.end() if end else len(self._text))
            if size > LARGEST:
                raise Trouble(f": the head of the answer is longer than {LARGEST} bytes")
            if end is None:
                return
            head = bytes(self._text[: end.end()])
            if not _INTERIM.match(head):
                _check(head)
                self._complete = True
                self.body = len(self._text) - end.end()
                return
            self._before += end.end()
            del self._text[: end.end()]


def _check(head: bytes) -> None:
    lines = head.splitlines()
    if len(lines) > MOST_LINES:
        raise Trouble(f": the head of the answer has more than {MOST_LINES} lines")
    lengths = [line for line in lines if line.lower().startswith(b"content-length:")]
    if len(lengths) > 1 or any(b"," in line for line in lengths):
        raise Trouble(": the answer says its length more than once", retry=True)

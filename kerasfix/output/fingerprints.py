"""Names for findings that stay the same while the code around them moves."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

from kerasfix.output.told import Entry

_NUMBER = re.compile(r"\d+")


class Fingerprints:
    """Gives each finding of a run a name of its own, made of what it says and not of where it stands.

    Of findings that are all the same (two equal lines in one method) the first is one, the second another.
    """

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, ...]] = Counter()

    def of(self, entry: Entry, name: str) -> str:
        """The fingerprint of an entry.

        Args:
            entry: The entry; of one run each is to be asked for once, in order.
            name: What its file is called, the same on every machine.
        """
        content = (name, entry.code, *_content(entry))
        self._seen[content] += 1
        spelled = "\0".join((*content, str(self._seen[content])))
        return hashlib.sha256(spelled.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _content(entry: Entry) -> tuple[str, ...]:
    finding, view = entry.finding, entry.view
    if finding is None or view is None:
        return (_NUMBER.sub("0", entry.message),)
    source = view.source
    line = source.line(source.position(finding.start).line)
    return finding.owner, finding.method, _spaced(line), _spaced(source.text[finding.start : finding.end])


def _spaced(code: str) -> str:
    """Code whatever its indentation."""
    return " ".join(code.split())

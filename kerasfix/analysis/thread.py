"""All that has to change together for the training flag to reach some layers."""

from __future__ import annotations

from dataclasses import dataclass, field

from kerasfix.analysis.index import Method
from kerasfix.analysis.sites import Site


@dataclass(eq=False)
class Thread:
    """All that has to change together for the flag to reach the layers behind one method.

    Attributes:
        gains: Methods that get a parameter `training=None`.
        passes: Calls that get `training=training`.
        blockers: Sentences that say why it cannot be done; the thread is then not to be made.
        refused: Why the `call` of a layer cannot take the flag; it goes on as it did.
    """

    gains: list[Method] = field(default_factory=list)
    passes: list[Site] = field(default_factory=list)
    blockers: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def prune(self) -> None:
        """Leave out helpers that would take the flag and hand it to nobody."""
        gaining = set(self.gains)
        useful: set[Method] = set()
        waiting = True
        while waiting:
            found = {
                method
                for site in self.passes
                if not site.helpers or not gaining.issuperset(site.helpers) or useful & set(site.helpers)
                for method in (site.method, *site.helpers)
            }
            waiting = not found <= useful
            useful |= found
        self.gains = [method for method in self.gains if method in useful]
        self.passes = [site for site in self.passes if site.method in useful]
        if gaining and not self.gains and not self.blockers:
            self.blockers += self.refused

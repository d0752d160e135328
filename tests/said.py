"""What the rules say of their own cases, as text to read and compare: `python -m tests.said` writes it anew.

A case shows what becomes of a program. What a finding says besides (where, how bad, whose, why it was left
alone) stands in tests/fixtures/said/, one file a rule, so that a changed word is seen before people read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kerasfix.engine import Engine
from kerasfix.findings import Chain, Finding, Fix, Link, Loop
from kerasfix.rules import all_rules
from kerasfix.rules.base import HEADER, Case, Rule
from kerasfix.source import Source

FOLDER = Path(__file__).parent / "fixtures" / "said"
FILE = "/nowhere/net.py"


def whole(source: str) -> str:
    """The whole text of a case, of which a rule holds what is below the imports."""
    return source if "import" in source.partition("class")[0] else HEADER + source


def findings(rule: Rule, case: Case) -> list[Finding]:
    """What a rule finds in a case."""
    return [
        each for each in Engine().check_source(Source(whole(case.source), FILE)) if each.code == rule.code
    ]


def page(rule: Rule) -> str:
    """What a rule says of all its cases that are faults."""
    return "\n".join("".join(f"{line}\n" for line in _case(rule, case)) for case in rule.invalid)


def _case(rule: Rule, case: Case) -> Iterator[str]:
    yield f"# {case.why}"
    source = Source(whole(case.source), FILE)
    for each in findings(rule, case):
        yield from _finding(source, each)


def _finding(source: Source, each: Finding) -> Iterator[str]:
    start = source.position(each.start)
    place = f"{start.line}:{start.column} `{' '.join(source.text[each.start : each.end].split())}`"
    loses = f" loses {', '.join(each.loses)}" if each.loses else ""
    where = ".".join(filter(None, (each.owner, each.method)))
    yield f"{place}{f' in {where}' if where else ''}{loses}"
    yield f"  {each.severity.value}: {each.message}"
    for kind, fix in (("fix", each.fix), *(("other", other) for other in each.others)):
        if fix is not None:
            yield from _fix(kind, fix)
    if each.help:
        yield f"  help: {each.help}"
    if each.chain is not None:
        yield f"  chain: {_chain(each.chain)}"
    yield from (f"  loop: {_loop(loop)}" for loop in each.loops)


def _fix(kind: str, fix: Fix) -> Iterator[str]:
    mends = f" [mends {', '.join(fix.mends)}]" if fix.mends else ""
    yield f"  {kind}, {fix.applicability.value}: {fix.message}{mends}"
    if fix.effect:
        yield f"    {fix.effect}"


def _chain(chain: Chain) -> str:
    def links(calls: tuple[Link, ...]) -> str:
        return " ".join(f"{call.name}:{call.line}" for call in calls)

    lost = f"({links(chain.lost)}) -> {chain.variable}"
    return f"{chain.source} -> {lost}, line {chain.line}: ({links(chain.taken)}) -> {chain.end}"


def _loop(loop: Loop) -> str:
    function = f"{'.'.join(filter(None, (loop.owner, loop.function)))}:{loop.line}"
    obstacle = f"; {loop.obstacle}" if loop.obstacle else ""
    return f"{Path(loop.file).name} {function} ({', '.join(loop.models)}){obstacle}"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in all_rules():
        (FOLDER / f"{each.code}.txt").write_text(page(each), "utf-8")

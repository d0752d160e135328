"""What the rules share that pass the flag on: the fix of one bare call, and how far it can be trusted."""

from __future__ import annotations

import ast

from kerasfix.analysis.index import Method
from kerasfix.analysis.program import Program
from kerasfix.analysis.sites import FLAG, Site
from kerasfix.analysis.thread import Thread
from kerasfix.analysis.training import Dependence
from kerasfix.analysis.values import UserLayer
from kerasfix.findings import Applicability, Fix
from kerasfix.rules.base import attempt, left_alone, listed


def passing_fix(
    program: Program, site: Site, effect: str = "", at_least: Applicability = Applicability.SAFE
) -> tuple[Fix | None, str]:
    """The fix of a bare call, or no fix and why. A helper that has no flag gains it; callers hand it over.

    Args:
        program: The program.
        site: The call.
        effect: What runs differently afterwards.
        at_least: How far the fix is trusted at most.
    """
    thread = program.threads.thread(site.method)
    blockers = list(thread.blockers)
    if site.flag_in_reach:
        blockers = [*filter(None, [program.threads.blocker(site)]), *blockers]
    if blockers:
        return None, left_alone(blockers)
    from kerasfix.codemods.training import pass_flag, thread_edits

    found = applicability(program, site, thread)
    found = at_least if found is Applicability.SAFE else found
    if not site.flag_in_reach:
        gaining = listed([f"`{method.name}`" for method in thread.gains])
        message = f"Take `training=None` in {gaining} and pass it on"
        return attempt(message, found, lambda: thread_edits(thread), effect)
    others = [each for each in thread.passes if each is not site]
    return attempt(
        "Pass `training=training`" + (", here and where it is called" if others else ""),
        found,
        lambda: (*pass_flag(site), *thread_edits(thread, but=site)),
        effect,
    )


def is_super_call(site: Site) -> bool:
    """Whether it is `super().call(...)`."""
    return site.is_super and isinstance(site.call.func, ast.Attribute) and site.call.func.attr == "call"


def applicability(program: Program, site: Site, thread: Thread) -> Applicability:
    """Safe if a layer gets what the context gave it; a method that had a default gets another value."""
    if site.method.name != "call" and not program.threads.gets_flag(site.method):
        return Applicability.SUGGESTION
    if any(method.name == "call" for method in thread.gains):
        # A `call` that names the flag is given it by Keras.
        return Applicability.REPAIR
    passes = [site, *thread.passes]
    if any(helper.takes(FLAG) for each in passes for helper in each.helpers) or site.is_super:
        return Applicability.REPAIR
    return Applicability.REPAIR if _may_leak(program, site) else Applicability.SAFE


def _may_leak(program: Program, site: Site) -> bool:
    """Whether a sibling, or a layer in it, has a mode of its own.

    Under Keras 3 that becomes the mode of the bare calls behind it, so that passing the flag changes them.
    """
    flow = program.flow
    waiting = [site.method.owner.find("call") or site.method, site.method]
    seen: set[Method] = set()
    while waiting:
        method = waiting.pop()
        if method in seen:
            continue
        seen.add(method)
        if program.leaks.sets_a_mode(method):
            return True
        for each in flow.sites(method):
            if each.is_decided or any(flow.value_depends(v) is Dependence.AUGMENTS for v in each.values):
                return True
            inner = [value.info.find("call") for value in each.values if isinstance(value, UserLayer)]
            waiting += [found for found in (*each.helpers, *inner) if found is not None]
    return False

"""Which settings of the learning phase can be in force at each call of a project.

A body is gone through in the order in which it runs, with the settings that can be the last ones so far. A
function goes on with what its callers left, and leaves to them what it set. Where something calls it that is
not in sight, or nobody does, what is in force is not known.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kerasfix.analysis.callers import Callers
from kerasfix.analysis.calls import Call
from kerasfix.analysis.index import Module
from kerasfix.analysis.loops.phases import PhaseUse
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import Function
from kerasfix.analysis.sites import called_methods
from kerasfix.syntax import children

Body = Function | ast.Module
# The settings that can be in force; OUTSIDE: what was before the body began, or nothing in sight.
State = frozenset[PhaseUse | None]
OUTSIDE = None
_BEFORE: State = frozenset({OUTSIDE})
_NEVER: State = frozenset()
_MAX_BODIES = 4000


@dataclass(slots=True)
class _Trace:
    """What was seen in one body.

    Attributes:
        at: The settings at each call.
        exit: Those with which it ends.
    """

    at: dict[ast.Call, State] = field(default_factory=dict)
    exit: State = _BEFORE


class PhaseFlow:
    """The settings of a project.

    Args:
        project: The modules.
        callers: Their calls.
        settings: What each call of `set_learning_phase` and `learning_phase_scope` is, by its node.
        modules: Where to look.
    """

    def __init__(
        self,
        project: Project,
        callers: Callers,
        settings: Mapping[ast.Call, PhaseUse],
        modules: Iterable[Module],
    ) -> None:
        self._project = project
        self._callers = callers
        self._settings = settings
        self._traces: dict[Body, _Trace] = {}
        self._home: dict[Body, Module] = {}
        self._calls: dict[ast.Call, Call] = {}
        self._known: set[Module] = set()
        self._callees: dict[ast.Call, Function | None] = {}
        for module in modules:
            self._trace(module.source.tree, module)
            for call in callers.calls(module):
                if call.spot.function is not None:
                    self._trace(call.spot.function, module)
        self._entries = self._settle()

    @property
    def bodies(self) -> list[tuple[Body, Module]]:
        """The bodies that were gone through."""
        return [(body, self._home[body]) for body in self._traces if body in self._home]

    def calls(self, body: Body) -> list[tuple[Call, State]]:
        """The calls of a body with what can be in force there, in the order of the source."""
        found = []
        for node, state in self._traces[body].at.items():
            call = self._calls.get(node)
            if call is not None:
                found.append((call, self._resolved(state, body)))
        return found

    def leaves(self, body: Body) -> list[PhaseUse]:
        """What is in force when a body ends because it, or a function that it calls, set it."""
        return [setting for setting in self._traces[body].exit if setting is not None]

    def is_entered_from_outside(self, body: Body) -> bool:
        """Whether something may run a body that is not in sight."""
        if isinstance(body, ast.Module) or body not in self._home:
            return True
        return not self._callers.of(body, self._home[body])

    def callee(self, call: ast.Call) -> Function | None:
        """The function of the project that a call runs."""
        if call not in self._callees:
            self._callees[call] = self._find_callee(call)
        return self._callees[call]

    def _find_callee(self, node: ast.Call) -> Function | None:
        call = self._calls.get(node)
        if call is None:
            return None
        if call.spot.method is not None:
            methods = called_methods(node.func, call.spot.method)
            if methods:
                self._home[methods[0].node] = methods[0].owner.module
                return methods[0].node if len(methods) == 1 else None
        found = self._project.function_named(node.func, call.spot.scope)
        if found is not None:
            module = self._project.module_of(found[1])
            if module is not None:
                self._home.setdefault(found[0], module)
            return found[0]
        info = self._project.class_named(node.func, call.spot.scope)
        method = info.find("__init__") if info is not None and info.kind is None else None
        if method is not None:
            self._home.setdefault(method.node, method.owner.module)
            return method.node
        return None

    def _learn(self, module: Module) -> None:
        if module not in self._known:
            self._known.add(module)
            self._calls |= {call.node: call for call in self._callers.calls(module)}
            self._home |= {
                call.spot.function: module
                for call in self._callers.calls(module)
                if call.spot.function is not None
            }

    def _trace(self, body: Body, module: Module | None = None) -> _Trace:
        if body not in self._traces:
            home = module or self._home.get(body)
            trace = self._traces[body] = _Trace()
            if home is None or len(self._traces) > _MAX_BODIES:
                return trace
            self._home[body] = home
            self._learn(home)
            run = _Run(self, trace)
            trace.exit = run.block(body.body, _BEFORE) | run.returned
        return self._traces[body]

    def is_setting(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and node in self._settings

    def after(self, call: ast.Call, state: State) -> State:
        """What is in force after a call."""
        setting = self._settings.get(call)
        if setting is not None:
            return frozenset({setting})
        callee = self.callee(call)
        if callee is None:
            return state
        left = self._trace(callee).exit
        return (left - _BEFORE) | state if OUTSIDE in left else left

    def _settle(self) -> dict[Body, State]:
        """What is in force when each body begins."""
        entries: dict[Body, State] = dict.fromkeys(self._traces, _NEVER)
        for body in entries:
            if self.is_entered_from_outside(body):
                entries[body] = _BEFORE
        changed = True
        while changed:
            changed = False
            for body, trace in self._traces.items():
                for node, state in trace.at.items():
                    callee = self.callee(node)
                    if callee is None or callee not in entries:
                        continue
                    here = entries[body] if OUTSIDE in state else _NEVER
                    new = entries[callee] | (state - _BEFORE) | here
                    changed |= new != entries[callee]
                    entries[callee] = new
        # What nobody reaches runs in nobody knows which mode.
        return {body: state or _BEFORE for body, state in entries.items()}

    def _resolved(self, state: State, body: Body) -> State:
        return (state - _BEFORE) | self._entries[body] if OUTSIDE in state else state


class _Run:
    """Goes through one body."""

    def __init__(self, flow: PhaseFlow, trace: _Trace) -> None:
        self._flow = flow
        self._trace = trace
        self.returned: State = _NEVER
        self._leaving: list[State] = []
        # All that was in force since the beginning of each `try` around.
        self._seen: list[State] = []

    def block(self, body: list[ast.stmt], state: State) -> State:
        for statement in body:
            state = self._statement(statement, state)
        return state

    def _statement(self, node: ast.stmt, state: State) -> State:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._parts([*node.decorator_list, node.args], state)
            case ast.ClassDef():
                state = self._parts([*node.decorator_list, *node.bases, *node.keywords], state)
                return self.block(node.body, state)
            case ast.If(test=test, body=body, orelse=orelse):
                state = self._parts([test], state)
                return self.block(body, state) | self.block(orelse, state)
            case ast.For(iter=head) | ast.AsyncFor(iter=head) | ast.While(test=head):
                return self._loop(node, head, state)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                after = self.block(body, self._parts(items, state))
                # A scope puts back what was in force before it.
                scopes = any(self._flow.is_setting(item.context_expr) for item in items)
                return state if scopes and after else after
            case ast.Match(subject=subject, cases=cases):
                state = self._parts([subject], state)
                return state.union(*(self.block(each.body, state) for each in cases))
            case ast.Return() | ast.Raise():
                state = self._parts([node], state)
                if isinstance(node, ast.Return):
                    self.returned |= state
                return _NEVER
            case ast.Break() | ast.Continue():
                if self._leaving:
                    self._leaving[-1] |= state
                return _NEVER
        if isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
            return self._try(node, state)
        return self._parts([node], state)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, head: ast.expr, state: State) -> State:
        before = _NEVER
        while not state <= before:
            before |= state
            self._leaving.append(_NEVER)
            after = self.block(node.body, self._parts([head], before))
            state = before | after | self._leaving.pop()
        return self.block(node.orelse, before) | before

    def _try(self, node: ast.stmt, state: State) -> State:
        assert isinstance(node, ast.Try) or type(node).__name__ == "TryStar"
        self._seen.append(state)
        after = self.block(node.body, state)  # type: ignore[attr-defined]
        seen = self._seen.pop()
        handled = [self.block(each.body, seen) for each in node.handlers]  # type: ignore[attr-defined]
        after = self.block(node.orelse, after).union(*handled)  # type: ignore[attr-defined]
        last = node.finalbody  # type: ignore[attr-defined]
        if last:
            self.block(last, seen.union(*handled))
            after = self.block(last, after)
        if self._seen:
            self._seen[-1] |= seen | after
        return after

    def _parts(self, nodes: Iterable[ast.AST], state: State) -> State:
        """Expressions, what they are made of before they themselves."""
        for node in nodes:
            if isinstance(node, ast.Lambda):
                # It runs later, if ever.
                self._parts([node.body], state | _BEFORE)
                continue
            state = self._parts(children(node), state)
            if isinstance(node, ast.Call):
                self._trace.at[node] = self._trace.at.get(node, _NEVER) | state
                state = self._flow.after(node, state)
                if self._seen:
                    self._seen[-1] |= state
        return state

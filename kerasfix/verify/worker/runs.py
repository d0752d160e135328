"""Runs what a project has for trying a class: its tests, and functions that build something with it.

Only where nothing can be written outside of the folder of the run, and only until the class was called.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import signal
import threading
import types
import unittest
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .guesses import MISSING, by_annotation, by_name
from .keras_import import is_keras_class
from .recipes import Scope, make

_MOST_TESTS = 4


class Enough(BaseException):
    """What was to be seen has been seen. No `Exception`: what runs shall not catch it."""


class _TooLong(BaseException):
    """It has run for longer than it may."""


def can_be_run(thing: Any) -> bool:
    """Whether it is a function, or a class of tests."""
    return isinstance(thing, types.FunctionType) or (isinstance(thing, type) and not is_keras_class(thing))


def run(thing: Any, methods: Sequence[str], scope: Scope, seconds: float) -> None:
    """Run a function, or tests of a class, one after the other, until they end, raise or take too long.

    Args:
        thing: See `can_be_run`.
        methods: What the names of the tests begin with that are of use.
        scope: For the values of parameters.
        seconds: For all of them; only systems that have an alarm stop in time.

    Raises:
        Enough: from what looks on.
    """
    with _alarm(seconds), contextlib.suppress(_TooLong):
        for action in itertools.islice(_actions(thing, methods, scope), _MOST_TESTS):
            with contextlib.suppress(Exception, SystemExit):
                action()


def _actions(thing: Any, methods: Sequence[str], scope: Scope) -> Iterator[Callable[[], Any]]:
    if isinstance(thing, types.FunctionType):
        yield lambda: thing(**_arguments(thing, scope))
        return
    names = [name for name in dir(thing) if name.startswith(tuple(methods))]
    if issubclass(thing, unittest.TestCase):
        with contextlib.suppress(Exception):
            thing.setUpClass()
        yield from (thing(name).debug for name in names)
        return
    for name in names:
        yield lambda name=name: _run_method(thing, name, scope)  # type: ignore[misc]


def _run_method(cls: type, name: str, scope: Scope) -> None:
    """As pytest does with a class that is none of `unittest`."""
    instance = cls()
    if hasattr(instance, "setup_method"):
        instance.setup_method()
    method = getattr(instance, name)
    method(**_arguments(method, scope))


def _arguments(function: Any, scope: Scope) -> dict[str, Any]:
    """Values for the parameters without default: of the first case of a test, else by their names.

    Raises:
        LookupError: if there is none for one of them.
    """
    values = dict(_first_case(function))
    for item in inspect.signature(function).parameters.values():
        if item.name in values or item.default is not item.empty:
            continue
        if item.kind in (item.VAR_POSITIONAL, item.VAR_KEYWORD):
            continue
        text = "" if item.annotation is item.empty else str(item.annotation)
        value = by_annotation(item.name, text) if text else by_name(item.name)
        if value is MISSING:
            raise LookupError(item.name)
        values[item.name] = make(value, scope)
    return values


def _first_case(function: Any) -> Iterator[tuple[str, Any]]:
    """What `pytest.mark.parametrize` says."""
    for mark in getattr(function, "pytestmark", ()):
        if getattr(mark, "name", "") != "parametrize" or len(mark.args) < 2 or not mark.args[1]:
            continue
        names, first = mark.args[0], next(iter(mark.args[1]))
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        first = getattr(first, "values", first)
        yield from [(names[0], first)] if len(names) == 1 else zip(names, first)


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

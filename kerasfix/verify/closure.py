"""Which definitions of which modules a class needs, and theirs, until nothing is new.

What a statement looks up when it runs is needed by it: where that cannot be had, the statement goes as well.
What only its functions look up may turn out not to be needed: where that cannot be had, the name stays
unbound, and the reason is kept for whoever runs into it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import os
from collections.abc import Callable, Collection, Iterable

from kerasfix.analysis.places import inside
from kerasfix.verify.errors import SliceError
from kerasfix.verify.judge import Judge
from kerasfix.verify.modules import Definition, FunctionNode, Import, Module
from kerasfix.verify.names import global_reads
from kerasfix.verify.program import Program

_MODULE_NAMES = frozenset(
    ("__name__", "__file__", "__doc__", "__package__", "__spec__", "__path__", "__builtins__", "__class__")
)
# Run on every model that is tried, so what they need is needed.
_ALWAYS_RUN = frozenset(("__init__", "build", "call"))

Steps = tuple[str, ...]


class Closure:
    """Collects what is needed.

    Attributes:
        kept: Place -> the definitions to keep, by their index, with the names of each that are needed.
        places: The modules that are needed, whether or not something of them is kept.
        imports: Place -> modules as its kept statements spell them -> their places, "" for what is not there.
        inside: Place of a package -> the modules in it that are needed.
        missing: Place -> names that cannot be had -> why.
        program: The modules.
    """

    def __init__(self, program: Program) -> None:
        self.kept: dict[str, dict[int, set[str]]] = {}
        self.places: dict[str, None] = {}
        self.imports: dict[str, dict[str, str]] = {}
        self.inside: dict[str, dict[str, str]] = {}
        self.missing: dict[str, dict[str, str]] = {}
        self.program = self._program = program
        self._judge = Judge(program)
        self._home = ""
        self._taken: dict[tuple[str, str, Steps], SliceError | None] = {}
        self._entered: set[tuple[str, int]] = set()
        self._later: list[Callable[[], None]] = []

    def take_class(
        self,
        place: str,
        name: str,
        methods: Collection[str] = (),
        others: Iterable[tuple[str, str]] = (),
        without: Collection[str] = (),
        companions: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Collect what a class needs.

        Args:
            methods: Those that are run for sure, besides its constructor and its `call`.
            others: Other names that are wanted, each with the place of its module.
            without: Names that it reads and gets from elsewhere.
            companions: Names that may be wanted beside it, if they can be had, each with its module's place.

        Raises:
            SliceError: if it cannot be had.
        """
        self._home = place
        module = self._module(place)
        indices = module.binding.get(name, []) if module else []
        nodes = [module.definitions[index].node for index in indices] if module else []
        own = [node for node in nodes if isinstance(node, ast.ClassDef)]
        if not own:
            raise SliceError(f"class {name} is not defined at the top level of the file")
        self._use(place)
        self._take(place, name, ())
        for method in own[-1].body:
            if isinstance(method, ast.FunctionDef) and method.name in {*_ALWAYS_RUN, *methods}:
                for dotted in global_reads(method):
                    if dotted.partition(".")[0] not in without:
                        self._take_own(place, dotted)
        self._take_others(others)
        for home, companion in companions:
            self._use(home)
            self._later.append(lambda home=home, name=companion: self._take_own(home, name))  # type: ignore[misc]
        self._take_later()

    def _take_others(self, others: Iterable[tuple[str, str]]) -> None:
        for place, name in others:
            self._use(place)
            self._take_own(place, name)

    def take_function(
        self, place: str, name: str, others: Iterable[tuple[str, str]] = (), without: Collection[str] = ()
    ) -> None:
        """Collect what a function needs when it is called.

        Args:
            others: Other names that are wanted, each with the place of its module.
            without: Names that it reads and gets from elsewhere.

        Raises:
            SliceError: if it cannot be had.
        """
        self._home = place
        module = self._module(place)
        indices = module.binding.get(name, []) if module else []
        nodes = [module.definitions[index].node for index in indices] if module else []
        if len(nodes) != 1 or not isinstance(nodes[0], FunctionNode):
            raise SliceError(f"`{name}` is not defined once, at the top level of the file")
        self._use(place)
        self._take(place, name, ())
        for dotted in global_reads(nodes[0]):
            if dotted.partition(".")[0] not in without:
                self._take_own(place, dotted)
        self._take_others(others)
        self._take_later()

    def _take_later(self) -> None:
        while self._later:
            # What cannot be had is noted as missing; whether it is needed shows when it runs.
            with contextlib.suppress(SliceError):
                self._later.pop()()

    def judge(self, statement: ast.stmt, place: str) -> str | None:
        """What running a statement in a module would do besides making something, as source text."""
        return self._judge.statement(statement, place)

    def _module(self, place: str) -> Module | None:
        return self._program.module(place)

    def _use(self, place: str) -> None:
        self.places.setdefault(place)

    def _take_own(self, place: str, dotted: str) -> None:
        """What a module's own code reads, with the attributes that it reads of it."""
        name, *rest = dotted.split(".")
        module = self._module(place)
        if module is None:
            return
        if module.binding_or_mutating(name):
            self._take(place, name, tuple(rest))
        elif not hasattr(builtins, name) and name not in _MODULE_NAMES:
            self._take_from_stars(place, name, tuple(rest))

    def _take_at(self, place: str, steps: Steps) -> None:
        """What others read of a module."""
        self._use(place)
        if not steps:
            self._take_all(place)
            return
        name, rest = steps[0], steps[1:]
        module = self._module(place)
        if module is not None and module.binding_or_mutating(name):
            self._take(place, name, rest)
            return
        sub = inside(place, name)
        if sub is not None:
            self.inside.setdefault(place, {})[name] = sub
            self._take_at(sub, rest)
        elif name not in _MODULE_NAMES and not self._take_from_stars(place, name, rest):
            dynamic = module is not None and "__getattr__" in module.binding
            how = "makes only when it runs" if dynamic else "does not define"
            raise self._lacking(place, name, f"it needs `{name}`, which {_called(place)} {how}")

    def _take_all(self, place: str) -> None:
        """A module that is handed on as a whole, and who knows what is read of it."""
        module = self._module(place)
        for name in module.binding if module else ():
            if name != "*":
                self._later.append(lambda name=name: self._take(place, name, ()))  # type: ignore[misc]

    def _take_from_stars(self, place: str, name: str, rest: Steps) -> bool:
        """Keep the star import that brings a name; those of libraries if it can come from nowhere else."""
        module = self._module(place)
        libraries: list[int] = []
        for index in module.binding.get("*", ()) if module else ():
            definition = module.definitions[index]  # type: ignore[union-attr]
            if self._judge.statement(definition.node, place) is not None:
                continue
            for item in definition.imports:
                target = self._program.place_or_none(item.module, place)
                if target is None:
                    libraries.append(index)
                elif self._program.provides(target, name):
                    self._note(place, item.module, target)
                    self._take_at(target, (name, *rest))
                    self._keep(place, index, definition, name, rest)
                    return True
        for index in libraries:
            self._keep(place, index, module.definitions[index], "*", ())  # type: ignore[union-attr]
        return bool(libraries)

    def _take(self, place: str, name: str, rest: Steps) -> None:
        """The definitions of a name.

        Raises:
            SliceError: if none of them can be had; the name is noted as missing.
        """
        key = (place, name, rest)
        if key in self._taken:
            error = self._taken[key]
            if error is not None:
                raise error
            return
        self._taken[key] = None  # where definitions need each other
        try:
            self._take_one_of(place, name, rest)
        except SliceError as error:
            self._taken[key] = self._lacking(place, name, str(error))
            raise

    def _take_one_of(self, place: str, name: str, rest: Steps) -> None:
        module = self._module(place)
        assert module is not None
        failed: list[SliceError] = []
        taken = False
        for index in module.binding_or_mutating(name):
            definition = module.definitions[index]
            problem = self._judge.statement(definition.node, place)
            try:
                if problem is not None:
                    raise SliceError(
                        f"it needs `{name}`, which {self._line(definition, place)} makes by running "
                        f"{problem}; kerasfix runs definitions only"
                    )
                self._keep(place, index, definition, name, rest)
            except SliceError as error:
                if definition.makes_more_of(name):
                    # Without it the object would be another one.
                    raise
                failed.append(error)
            else:
                taken = taken or name in definition.binds
        if failed and not taken:
            raise failed[-1]

    def _keep(self, place: str, index: int, definition: Definition, name: str, rest: Steps) -> None:
        if definition.is_import:
            self._keep_import(place, definition, name, rest)
        elif (alias := self._alias(place, name)) is not None:
            self._take_own(place, ".".join([alias, *rest]))
        elif (place, index) not in self._entered:
            self._entered.add((place, index))
            try:
                self._enter(place, definition)
            except SliceError:
                self._entered.discard((place, index))
                raise
        self._use(place)
        self.kept.setdefault(place, {}).setdefault(index, set()).add(name)

    def _alias(self, place: str, name: str) -> str | None:
        module = self._module(place)
        return module.alias_of(name) if module is not None else None

    def _keep_import(self, place: str, definition: Definition, name: str, rest: Steps) -> None:
        failed: list[SliceError] = []
        items = [item for item in definition.imports if item.bound == name != "*"]
        for item in items:
            try:
                self._follow(place, item, rest)
            except SliceError as error:  # noqa: PERF203
                failed.append(error)
        if failed and len(failed) == len(items):
            raise failed[0]

    def _enter(self, place: str, definition: Definition) -> None:
        """What a definition needs when it runs, now; what its functions need, later."""
        for item in definition.imports:
            # In `try` and `if`: the program copes without what is not there.
            for rest in _rests(item, definition):
                with contextlib.suppress(SliceError):
                    self._follow(place, item, rest)
        for dotted, at_once in definition.reads.items():
            if at_once:
                self._take_own(place, dotted)
            else:
                self._later.append(lambda dotted=dotted: self._take_own(place, dotted))  # type: ignore[misc]
        for item in definition.inner_imports:
            for rest in _rests(item, definition):
                self._later.append(lambda item=item, rest=rest: self._follow(place, item, rest))  # type: ignore[misc]

    def _follow(self, place: str, item: Import, rest: Steps) -> None:
        """What an import statement needs of the project."""
        if item.bound == "*":
            # In `try` or `if`: whatever it brings.
            target = self._program.place_or_none(item.module, place)
            if target is not None:
                self._note(place, item.module, target)
                self._take_at(target, ())
            return
        steps = rest if item.member is None else (item.member, *rest)
        renamed = item.member is not None or item.is_renamed
        try:
            end = self._program.locate(item.module, place, steps[0] if steps and renamed else None)
        except SliceError as error:
            self._note(place, item.module, "")
            raise SliceError(f"{error} (line {item.node.lineno}{_of(place, self._home)})") from None
        if end is None:
            return
        self._note(place, item.module, end)
        self._use(end)
        sub = inside(end, steps[0]) if steps and end == place else None
        if sub is not None:
            # `from package import module` in the package itself.
            self.inside.setdefault(end, {})[steps[0]] = sub
            self._take_at(sub, steps[1:])
            return
        if renamed:
            self._take_at(end, steps)
        if item.member is not None or "." not in item.module:
            if not renamed and rest:
                self._take_at(end, rest)
            return
        _, *inner = item.module.split(".")
        head_name = item.module.partition(".")[0]
        head = self._program.locate(head_name, place, inner[0] if inner else None)
        if head is not None:
            self._note(place, head_name, head)
            self._pass_through(head, inner)
            if rest and not renamed:
                self._take_at(head, rest)

    def _pass_through(self, place: str, steps: Iterable[str]) -> None:
        """The modules on the way of `import a.b.c`."""
        for step in steps:
            sub = inside(place, step)
            if sub is None:
                return
            self.inside.setdefault(place, {})[step] = sub
            self._use(sub)
            place = sub

    def _note(self, place: str, spelled: str, target: str) -> None:
        self.imports.setdefault(place, {})[spelled] = target
        if target:
            self._use(target)

    def _lacking(self, place: str, name: str, reason: str) -> SliceError:
        self.missing.setdefault(place, {}).setdefault(name, reason)
        return SliceError(reason)

    def _line(self, definition: Definition, place: str) -> str:
        return f"line {definition.node.lineno}{_of(place, self._home)}"


def _rests(item: Import, definition: Definition) -> list[Steps]:
    """The attributes that a definition reads of what it imports; [()] if none."""
    start = item.bound + "."
    found = [tuple(dotted.split(".")[1:]) for dotted in definition.chains if dotted.startswith(start)]
    return found or [()]


def _of(place: str, home: str) -> str:
    return "" if place == home else f" of {_called(place)}"


def _called(place: str) -> str:
    """A module as people speak of it."""
    name = os.path.basename(place)
    if name == "__init__.py":
        return os.path.join(os.path.basename(os.path.dirname(place)), name)
    return name or "the file"

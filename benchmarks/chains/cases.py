"""The cases: chains of layers in a package, and where each of them is broken.

A link of a chain is a variable that a layer call gives a value, and that one later layer call alone reads,
further on in the same block. Nothing else depends on it, so that a break makes the output lost for certain.
What is no case is counted with the reason.
"""

from __future__ import annotations

import ast
import enum
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chains.made import Layers, Site
from benchmarks.chains.straight import Place, Straight, assigned, reads
from benchmarks.restore.knowledge import Knowledge, own_attribute, positional
from benchmarks.restore.library import ClassInfo, Function, Library, Module
from benchmarks.restore.surgery import Cut

_NUMBER = re.compile(r"\d+")
# What these do is not part of what a class computes.
_NOT_FORWARD = {"build", "build_from_config", "get_config", "from_config", "compute_output_shape"}
# Functions of these make tensors from tensors, but for those that only look at them.
_COMPUTING = (
    "tensorflow.nn.",
    "tensorflow.math.",
    "keras.ops.",
    "keras.activations.",
    "tensorflow.keras.activations.",
)
# Layers that have no weights, by the names that packages give them.
_NO_WEIGHTS = re.compile(
    r"^(?:\w+\.)*\w*(?:Drop|Dropout|DropPath|StochasticDepth|Activation|ReLU|GELU|Softmax)\w*\("
)
_NO_TENSOR = {"shape", "ndim", "size", "moments"}


class Kind(enum.Enum):
    """What is broken.

    INPUT: A layer reads the first input of the method again, instead of the fresh tensor.
    OLDER: It reads another tensor that the fresh one was made from.
    DROP: A result is not assigned.
    SIBLING: The layer before it in a numbered row is called a second time.
    """

    INPUT = "input"
    OLDER = "older"
    DROP = "drop"
    SIBLING = "sibling"


CHAINS = (Kind.INPUT, Kind.OLDER)


@dataclass(frozen=True, slots=True)
class Case:
    """One break of one function.

    Attributes:
        path: The file.
        statement: Which statement of the module it is; in a class, also which one of that.
        name: Of the class or function, and of the method.
        lines: From where to where the function reaches.
        line: Of what is broken.
        cut: The break.
        builder: Whether the layers are made where they are called.
    """

    kind: Kind
    package: str
    path: Path
    statement: tuple[int, ...]
    name: str
    lines: tuple[int, int]
    line: int
    cut: Cut
    builder: bool


@dataclass(frozen=True, eq=False)
class _Home:
    """A function, and where it stands."""

    module: Module
    statement: tuple[int, ...]
    info: ClassInfo | None
    name: str
    function: Function
    is_forward: bool
    is_reached: bool


class Finder:
    """Finds the cases of a package.

    Attributes:
        excluded: How often what was no case, and why.
    """

    def __init__(self, package: str, library: Library) -> None:
        self.package = package
        self.library = library
        self.knowledge = Knowledge(library, across=True)
        self.layers = Layers(self.knowledge)
        self.excluded: Counter[tuple[str, str]] = Counter()

    def cases(self) -> Iterator[Case]:
        for module in self.library.modules_with(b"layers"):
            for home in self._homes(module):
                yield from self._of_function(home)

    def _homes(self, module: Module) -> Iterator[_Home]:
        classes = {info.node: info for info in module.classes}
        for statement in module.tree.body:
            info = classes.get(statement) if isinstance(statement, ast.ClassDef) else None
            if info is not None and not self.knowledge.is_keras(info):
                info = None
            reached = self._reached(info) if info is not None else set()
            own = set(info.methods.values()) if info is not None else set()
            for where, node in _functions(module, statement):
                if node.name in _NOT_FORWARD:
                    continue
                method = info if node in own else None
                name = node.name if node is statement else f"{getattr(statement, 'name', '')}.{node.name}"
                forward = method is not None and node.name != "__init__"
                yield _Home(module, where, method, name, node, forward, node in reached)

    def _reached(self, info: ClassInfo) -> set[Function]:
        """`call`, and the methods of the class that it uses."""
        found: set[Function] = set()
        waiting = ["call"]
        while waiting:
            method = self.knowledge.method(info, waiting.pop())
            if method is None or method[1] in found:
                continue
            found.add(method[1])
            for node in ast.walk(method[1]):
                if isinstance(node, ast.Call):
                    name = own_attribute(node.func, method[1])
                    waiting += [name] if name else []
        return found

    def _of_function(self, home: _Home) -> Iterator[Case]:
        straight: Straight | None = None
        for node in _assignments(home.function):
            if self._site(home, node.value) is not None:
                straight = Straight(home.function)
                break
        if straight is None:
            return
        if not straight.is_plain:
            self.excluded["function", "deletes names, or reaches them from elsewhere"] += 1
            return
        for place in straight.places:
            name = assigned(place.node)
            if name is None:
                continue
            assert isinstance(place.node, ast.Assign)
            outer = self._site(home, place.node.value)
            inner = self._innermost(home, outer)
            if outer is None or inner is None or not isinstance(inner.consumed, ast.Name):
                continue
            yield from self._chain(home, straight, place, name, inner)
            if inner.consumed.id == name:
                yield from self._drop(home, straight, place, outer, inner)
            if not outer.is_made:
                yield from self._sibling(home, outer)

    def _site(self, home: _Home, node: ast.expr | None) -> Site | None:
        return self.layers.site(home.module, home.info, home.function, node)

    def _innermost(self, home: _Home, site: Site | None) -> Site | None:
        """The layer call at the inner end of `self.bn(self.conv(x))`."""
        while site is not None and isinstance(site.consumed, ast.Call):
            site = self._site(home, site.consumed)
        return site

    # --- A layer that reads an older tensor --------------------------------------------------------------

    def _chain(
        self, home: _Home, straight: Straight, place: Place, target: str, site: Site
    ) -> Iterator[Case]:
        read = site.consumed
        assert isinstance(read, ast.Name)
        made = straight.definition(read.id, place)
        if made is None or made.block is not place.block:
            return
        assert isinstance(made.node, ast.Assign)
        maker = self._maker(home, straight, made, read.id)
        if maker is None:
            return
        reason = self._no_link(straight, made, place, read.id, target)
        if maker.has_effect:
            reason = "the layer may be called for more than its output"
        if reason:
            self.excluded["chain", reason] += 1
            return
        first = self._first_input(home)
        older: set[Kind] = set()
        for name, since in straight.made_from(made, lambda call: self._keeps_tensors(home, call)):
            kind = Kind.INPUT if since is None and name == first else Kind.OLDER
            if name == read.id or kind in older or not straight.still_holds(name, since, place):
                continue
            older.add(kind)
            module = home.module
            change = Cut(module.start(read), module.end(read), name.encode())
            yield self._case(kind, home, read.lineno, change, site.is_made)
        if not older:
            self.excluded["chain", "no older tensor that has a name there"] += 1

    def _maker(self, home: _Home, straight: Straight, made: Place, name: str) -> Site | None:
        """The layer call whose output a variable holds, with nothing but plain operations behind it."""
        for _ in made.block.statements:
            assert isinstance(made.node, ast.Assign)
            value = made.node.value
            site = self._site(home, value)
            if site is not None:
                return site
            # `x = tf.nn.relu(x)`
            match value:
                case ast.Call(args=[ast.Name(id=given)]) if given == name and self._computes(home, value):
                    before = straight.definition(name, made)
                case _:
                    return None
            if before is None or before.block is not made.block or reads(made.node, name) != 1:
                return None
            if any(reads(node, name) for node in made.block.statements[before.index + 1 : made.index]):
                return None
            made = before
        return None

    def _keeps_tensors(self, home: _Home, call: ast.Call) -> bool:
        """Whether a call is one of a layer, or of a function of a library that computes."""
        if self._site(home, call) is not None:
            return True
        # A method that computes is given tensors.
        return home.is_forward or self._computes(home, call)

    def _computes(self, home: _Home, call: ast.Call) -> bool:
        """Whether a call is one of a function of a library that makes a tensor from a tensor."""
        target = self.knowledge.target(home.module, call.func)
        if not isinstance(target, str) or not target.startswith(_COMPUTING):
            return False
        return target.rpartition(".")[2] not in _NO_TENSOR

    def _no_link(self, straight: Straight, made: Place, place: Place, name: str, target: str) -> str:
        between = place.block.statements[made.index + 1 : place.index]
        if name in straight.captured:
            return "a function inside reads the variable"
        if any(isinstance(node, ast.Try) for node, _ in place.block.above):
            return "inside of `try`"
        if any(reads(node, name) for node in between) or reads(place.node, name) != 1:
            return "the fresh tensor is read elsewhere too"
        if target != name and not straight.is_dead_after(name, place):
            return "the fresh tensor is read elsewhere too"
        return ""

    def _first_input(self, home: _Home) -> str:
        names = [argument.arg for argument in positional(home.function)]
        # The first parameter of a method is the object.
        names = names[1:] if names[:1] == ["self"] else names
        return names[0] if names else ""

    # --- A result that is dropped ------------------------------------------------------------------------

    def _drop(
        self, home: _Home, straight: Straight, place: Place, outer: Site, inner: Site
    ) -> Iterator[Case]:
        assert isinstance(place.node, ast.Assign)
        assert isinstance(inner.consumed, ast.Name)
        reason = ""
        if outer.has_effect:
            reason = "the layer may be called for more than its output"
        elif not straight.is_read_after(inner.consumed.id, place):
            reason = "nothing reads the variable afterwards"
        elif not outer.is_made and not home.is_forward:
            reason = "a layer that is kept, called where models are built: the call may be there to build it"
        elif home.is_forward and not home.is_reached:
            reason = "in a method that `call` does not use, where a layer may be called to be built"
        module = home.module
        target = place.node.targets[0]
        equals = module.data[module.end(target) : module.start(place.node.value)]
        if not reason and equals.strip() != b"=":
            reason = "written in an unusual way"
        if reason:
            self.excluded["drop", reason] += 1
            return
        change = Cut(module.start(target), module.start(place.node.value))
        yield self._case(Kind.DROP, home, place.node.lineno, change, outer.is_made)

    # --- A sibling that is called twice ------------------------------------------------------------------

    def _sibling(self, home: _Home, site: Site) -> Iterator[Case]:
        func = site.call.func
        name = own_attribute(func, home.function)
        if name is None or home.info is None or not isinstance(func, ast.Attribute):
            return
        before = _one_less(name)
        uses = [node for node in ast.walk(home.module.tree) if isinstance(node, ast.Attribute)]
        if before is None or sum(each.attr == name and _is_load(each) for each in uses) != 1:
            return
        if not any(
            each.attr == before and _is_load(each)
            for each in ast.walk(home.function)
            if isinstance(each, ast.Attribute)
        ):
            return
        own = self._makers(home.info, name)
        others = self._makers(home.info, before)
        if len(own) != 1 or [each.partition("(")[0] for each in own] != [
            each.partition("(")[0] for each in others
        ]:
            self.excluded["sibling", "not made in the same way as the one before"] += 1
            return
        if own == others and _NO_WEIGHTS.search(own[0]):
            self.excluded["sibling", "without weights and made alike: one may take the other's place"] += 1
            return
        module = home.module
        change = Cut(module.end(func) - len(name.encode()), module.end(func), before.encode())
        yield self._case(Kind.SIBLING, home, func.lineno, change, builder=False)

    def _makers(self, info: ClassInfo, name: str) -> list[str]:
        """The constructions that an attribute of a class is made with, but for the names that they give."""
        return [
            _construction(node.value) if isinstance(node.value, ast.Call) else ""
            for method in info.methods.values()
            for node in ast.walk(method)
            if isinstance(node, ast.Assign)
            and any(own_attribute(target, method) == name for target in node.targets)
        ]

    def _case(self, kind: Kind, home: _Home, line: int, change: Cut, builder: bool) -> Case:
        function = home.function
        lines = function.lineno, function.end_lineno or function.lineno
        path = home.module.path
        return Case(kind, self.package, path, home.statement, home.name, lines, line, change, builder)


def _functions(module: Module, statement: ast.stmt) -> Iterator[tuple[tuple[int, ...], Function]]:
    """The functions in a statement of a module, and which part of the module each one is in."""
    number = module.tree.body.index(statement)
    parts: list[tuple[tuple[int, ...], ast.stmt]] = [((number,), statement)]
    if isinstance(statement, ast.ClassDef):
        parts = [((number, inner), node) for inner, node in enumerate(statement.body)]
    for where, part in parts:
        for node in ast.walk(part):
            if isinstance(node, Function):
                yield where, node


def _assignments(function: Function) -> Iterator[ast.Assign]:
    return (node for node in ast.walk(function) if isinstance(node, ast.Assign))


def _construction(call: ast.Call) -> str:
    keywords = [each for each in call.keywords if each.arg != "name"]
    return ast.unparse(ast.Call(call.func, call.args, keywords))


def _one_less(name: str) -> str | None:
    """`conv1` for `conv2`."""
    numbers = list(_NUMBER.finditer(name))
    if not numbers or int(numbers[-1][0]) < 1:
        return None
    last = numbers[-1]
    return f"{name[: last.start()]}{int(last[0]) - 1}{name[last.end() :]}"


def _is_load(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Load)

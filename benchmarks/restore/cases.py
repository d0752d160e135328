"""The cases: correct classes of a package, and what is broken in each of them.

A class is correct if its `call` has `training=None` or `training=False` and hands it as `training=training`
to every layer that is known to depend on it. What is no case is counted with the reason.
"""

from __future__ import annotations

import ast
import enum
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.restore.knowledge import FLAG, Is, Knowledge, flag_position, site_kind, takes_flag
from benchmarks.restore.library import ClassInfo, Function, Key, Library
from benchmarks.restore.surgery import (
    Cut,
    as_positional,
    default_of,
    is_written_plainly,
    with_default,
    without_argument,
    without_parameter,
)


class Kind(enum.Enum):
    """What is broken.

    PASS: One layer is not given the flag any more.
    SIGNATURE: `call` does not take the flag any more, and no layer gets it.
    DEFAULT: The default is True.
    POSITIONAL: One layer is given the flag by position.
    """

    PASS = "pass"
    SIGNATURE = "signature"
    DEFAULT = "default"
    POSITIONAL = "positional"


# How far one has to look to know that the layer depends on the flag.
CATEGORIES = ("builtin", "same file", "other file")


@dataclass(frozen=True, slots=True)
class Case:
    """One break of one class.

    Attributes:
        statement: Which statement of the module the class is.
        line: Of what is broken.
        cuts: The break.
        category: One of `CATEGORIES`.
        shape: The same for cases with the same `call`, whatever the class is named.
        reach: The classes that the class needs, itself among them.
    """

    kind: Kind
    package: str
    path: Path
    class_name: str
    statement: int
    line: int
    cuts: tuple[Cut, ...]
    category: str
    shape: int
    reach: frozenset[Key] = field(repr=False, compare=False)

    def interacts(self, other: Case) -> bool:
        """Whether one of the two classes needs the other, or is the same."""
        return self.reaches((other.path, other.class_name)) or other.reaches((self.path, self.class_name))

    def reaches(self, key: Key) -> bool:
        return key in self.reach


@dataclass(frozen=True, slots=True)
class _Site:
    """A call in `call` that hands the flag on to a layer that depends on it."""

    call: ast.Call
    keyword: ast.keyword
    category: str


class Finder:
    """Finds the cases of a package.

    Args:
        published: The files as published: only what the author wrote is broken.
        settled: The files after kerasfix has mended what it finds in them: what is broken, and has to come
            back.

    Attributes:
        excluded: How often what was no case, and why.
        false_defaults: The cuts that give correct classes `training=None` for `training=False`.
    """

    def __init__(self, package: str, published: Library, settled: Library) -> None:
        self.package = package
        self.published = published
        self.settled = settled
        self.whole = Knowledge(settled, across=True)
        self.single = Knowledge(settled, across=False)
        self.excluded: Counter[tuple[str, str]] = Counter()
        self.false_defaults: list[tuple[Path, Cut]] = []
        self._reached: dict[ClassInfo, frozenset[Key]] = {}

    def cases(self) -> Iterator[Case]:
        for module in self.settled.modules_with(b"def call("):
            for info in module.classes:
                call = info.methods.get("call")
                if call is not None and takes_flag(call):
                    yield from self._of_class(info, call)

    def _exclude(self, what: str, reason: str) -> None:
        self.excluded[what, reason] += 1

    def _of_class(self, info: ClassInfo, call: Function) -> Iterator[Case]:
        original = self._as_published(info)
        reason = self._no_case(info, call, original)
        if reason or original is None:
            self._exclude("class", reason)
            return
        sites: list[_Site] = []
        others: list[str] = []
        for node in ast.walk(call):
            if not isinstance(node, ast.Call):
                continue
            kind = site_kind(self.whole.values(info, call, node.func))
            keyword = next((each for each in node.keywords if each.arg == FLAG), None)
            if kind is Is.DEPENDENT:
                if keyword is None or not _is_flag(keyword.value):
                    self._exclude(
                        "class", "a layer in it that depends on the flag does not get it by keyword"
                    )
                    return
                sites.append(_Site(node, keyword, self._category(info, call, node)))
            elif keyword is not None and _is_flag(keyword.value):
                others.append(f"hands the flag to {kind.value}")
        if not sites:
            self._exclude("class", others[0] if others else "calls no layer that depends on the flag")
            return
        for reason in others:
            self._exclude("call", reason)
        written = Counter(ast.dump(node) for node in ast.walk(original) if isinstance(node, ast.Call))
        sites = [site for site in sites if self._is_written(site, written, call)]
        for number, site in enumerate(sites):
            yield from self._of_site(info, call, site, number)
        if not _is_constant(default_of(call), None):
            self.false_defaults.append((info.module.path, with_default(info.module, call, b"None")))
        elif sites:
            yield from self._default(info, call, sites)
            yield from self._signature(info, call, original, sites, others)

    def _as_published(self, info: ClassInfo) -> Function | None:
        module = self.published.module(info.module.name)
        classes = module.classes if module is not None else []
        return next((each.methods.get("call") for each in classes if each.name == info.name), None)

    def _no_case(self, info: ClassInfo, call: Function, original: Function | None) -> str:
        if original is None or not takes_flag(original):
            return "as published, `call` does not take the flag"
        if not self.whole.is_keras(info):
            return "not known to be a Keras class"
        if any("__call__" in each.methods for each in self.whole.classes(info)):
            return "overrides `__call__`, so that Keras may not reach `call`"
        if not _is_constant(default_of(original), None, False):
            return "as published, the default is neither None nor False"
        if not _is_constant(default_of(call), None, False):
            return "kerasfix gives it another default"
        for node in ast.walk(call):
            match node:
                case ast.Name(id=name, ctx=ast.Store()) if name == FLAG:
                    return "`training` gets another value in `call`"
                case ast.Lambda(args=arguments) | ast.FunctionDef(args=arguments) if node is not call:
                    if any(each.arg == FLAG for each in ast.walk(arguments) if isinstance(each, ast.arg)):
                        return "a function inside of `call` has a flag of its own"
        return ""

    def _is_written(self, site: _Site, written: Counter[str], call: Function) -> bool:
        own = call.args.kwarg.arg if call.args.kwarg else None
        if not written[ast.dump(site.call)]:
            self._exclude("call", "the author did not write it so")
            return False
        if any(
            keyword.arg is None and not (isinstance(keyword.value, ast.Name) and keyword.value.id == own)
            for keyword in site.call.keywords
        ):
            self._exclude("call", "a dict with `**` may carry the flag besides")
            return False
        if any(isinstance(argument, ast.Starred) for argument in site.call.args):
            self._exclude("call", "a list with `*` may carry the flag besides")
            return False
        return True

    def _category(self, info: ClassInfo, call: Function, node: ast.Call) -> str:
        values = self.single.values(info, call, node.func)
        if not self.single.is_keras(info) or site_kind(values) is not Is.DEPENDENT:
            return "other file"
        builtin = any(value.kind is Is.DEPENDENT and isinstance(value.target, str) for value in values)
        return "builtin" if builtin else "same file"

    def _of_site(self, info: ClassInfo, call: Function, site: _Site, number: int) -> Iterator[Case]:
        module = info.module
        if not is_written_plainly(module, site.keyword):
            self._exclude("call", "written in an unusual way")
            return
        shape = hash((ast.dump(call), number))
        cuts = (without_argument(module, site.call, site.keyword),)
        yield self._case(Kind.PASS, info, site.keyword.lineno, cuts, site.category, shape)
        values = [
            value for value in self.whole.values(info, call, site.call.func) if value.kind is not Is.NOTHING
        ]
        positions = {flag_position(value, self.whole) for value in values}
        named = as_positional(module, site.call, site.keyword)
        if positions == {len(site.call.args)} and named is not None:
            yield self._case(Kind.POSITIONAL, info, site.keyword.lineno, (named,), site.category, shape)
        else:
            self._exclude("positional", "the flag does not stand right behind the positional arguments")

    def _default(self, info: ClassInfo, call: Function, sites: list[_Site]) -> Iterator[Case]:
        if not all(_is_harmless(use) for use in _uses(call)):
            self._exclude("default", "`call` does more with the flag than hand it on or test it")
        else:
            category = min((site.category for site in sites), key=CATEGORIES.index)
            cuts = (with_default(info.module, call, b"True"),)
            yield self._case(Kind.DEFAULT, info, call.lineno, cuts, category, hash(ast.dump(call)))

    def _signature(
        self, info: ClassInfo, call: Function, original: Function, sites: list[_Site], others: list[str]
    ) -> Iterator[Case]:
        if others:
            self._exclude("signature", f"`call` also {others[0]}")
            return
        if len(sites) != sum(1 for _ in _uses(call)):
            self._exclude("signature", "`call` does more with the flag than hand it on")
            return
        if not all(is_written_plainly(info.module, site.keyword) for site in sites):
            self._exclude("signature", "written in an unusual way")
            return
        keywords = call.args.kwarg
        if keywords is not None and any(_is_name(node, keywords.arg) for node in ast.walk(call)):
            self._exclude("signature", "`**kwargs`, which `call` hands on, would carry the flag")
            return
        if len(sites) != sum(1 for _ in _uses(original)):
            self._exclude("signature", "the author did not write it so")
            return
        category = max((site.category for site in sites), key=CATEGORIES.index)
        cuts = [without_argument(info.module, site.call, site.keyword) for site in sites]
        cuts.append(without_parameter(info.module, call))
        yield self._case(Kind.SIGNATURE, info, call.lineno, tuple(cuts), category, hash(ast.dump(call)))

    def _case(
        self, kind: Kind, info: ClassInfo, line: int, cuts: tuple[Cut, ...], category: str, shape: int
    ) -> Case:
        path = info.module.path
        return Case(
            kind,
            self.package,
            path,
            info.name,
            info.statement,
            line,
            cuts,
            category,
            shape,
            self._reach(info),
        )

    def _reach(self, info: ClassInfo) -> frozenset[Key]:
        if info not in self._reached:
            self._reached[info] = frozenset(self.settled.reach(info))
        return self._reached[info]


@dataclass(frozen=True, slots=True)
class _Use:
    """A read of the flag, and what stands around it."""

    parent: ast.AST


def _uses(call: Function) -> Iterator[_Use]:
    for parent in ast.walk(call):
        for child in ast.iter_child_nodes(parent):
            if _is_name(child, FLAG):
                yield _Use(parent)


def _is_harmless(use: _Use) -> bool:
    match use.parent:
        case ast.keyword(arg=name):
            return name == FLAG
        case ast.If() | ast.IfExp() | ast.UnaryOp(op=ast.Not()) | ast.BoolOp():
            return True
    return False


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)


def _is_flag(node: ast.expr) -> bool:
    return _is_name(node, FLAG)


def _is_constant(node: ast.expr | None, *values: bool | None) -> bool:
    return isinstance(node, ast.Constant) and any(node.value is value for value in values)

"""What happens while gradients are recorded: from one function on, through the functions that it calls."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from kerasfix.analysis.loops.holders import Context, Followed, Holder, Holders
from kerasfix.analysis.loops.sources import Source, Sources
from kerasfix.analysis.scope import Function
from kerasfix.analysis.tapes import is_tape
from kerasfix.syntax import children, own_nodes

# Nobody trains by a Jacobian; it measures a model as it is.
_GRADIENTS = frozenset({"gradient"})
_DIFFERENTIATE = frozenset({"jax.grad", "jax.value_and_grad"})
_STATELESS = "stateless_call"
# What lets no gradient through to what it is given.
_STOPS = frozenset(
    {
        "tensorflow.stop_gradient",
        "tensorflow.argmax",
        "tensorflow.math.argmax",
        "keras.ops.stop_gradient",
        "keras.ops.argmax",
        "jax.lax.stop_gradient",
        "jax.numpy.argmax",
    }
)
_NO_GRADIENTS = frozenset({"torch.no_grad", "torch.inference_mode"})
_MAX_DEPTH = 12
_MAX_FUNCTIONS = 300


@dataclass(eq=False, slots=True)
class Recording:
    """Something that takes gradients of what runs in it.

    Attributes:
        node: The `with` or the call that begins it.
        holder: The tape.
        sources: The models whose variables it takes the gradient by.
        by: Under JAX, the parameters by which a function is differentiated.
        is_stopped: Whether what it gives lets no gradient through: what is recorded in it trains nothing that
            is outside of it.
    """

    node: ast.AST
    holder: Holder | None = None
    sources: list[Source] = field(default_factory=list)
    by: frozenset[Holder] = frozenset()
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A call of a function of the project, and where it stands.

    Attributes:
        node: The call.
        context: Where it stands.
        function: The function.
        inside: Where its body stands, with what its parameters are given.
        handed: Whether the function is handed over, for somebody else to call.
    """

    node: ast.Call
    context: Context
    function: Function
    inside: Context
    handed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A call of something that may be a model.

    Attributes:
        call: The call.
        model: What is called.
        context: Where it stands.
        recordings: What is recorded there.
        way: The calls of functions on the way to it, the outermost first, and where each stands.
    """

    call: ast.Call
    model: ast.expr
    context: Context
    recordings: tuple[Recording, ...]
    way: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class _At:
    context: Context
    recordings: tuple[Recording, ...] = ()
    way: tuple[Step, ...] = ()


# A function, what records it, the call by which it is entered, and what its parameters are known by.
_Entry = tuple[Function, tuple[Recording, ...], ast.expr, frozenset[tuple[str, Holder | None]]]


class Walk:
    """All that one function, or a module, runs.

    Args:
        body: Its statements.
        context: Where they stand.
        holders: Tells models and tapes apart.
        sources: Reads lists of variables.
        recorded: What records them already.
        way: The calls on the way to them.

    Attributes:
        runs: The calls of what may be a model, while something is recorded.
    """

    def __init__(
        self,
        body: Iterable[ast.stmt],
        context: Context,
        holders: Holders,
        sources: Sources,
        recorded: tuple[Recording, ...] = (),
        way: tuple[Step, ...] = (),
    ) -> None:
        self.runs: list[Run] = []
        self._holders = holders
        self._sources = sources
        self._recordings: list[Recording] = []
        self._entered: set[_Entry] = set()
        for statement in body:
            self._visit(statement, _At(context, recorded, way))

    def _visit(self, node: ast.AST, at: _At) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                return
            case ast.With() | ast.AsyncWith():
                self._with(node, at)
                return
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                at = replace(at, context=at.context.inside(node))
            case ast.Call():
                if at.recordings and at.context.spot.scope.dotted(node.func) in _STOPS:
                    at = replace(at, recordings=())
                self._call(node, at)
        for child in children(node):
            self._visit(child, at)

    def _with(self, node: ast.With | ast.AsyncWith, at: _At) -> None:
        for item in node.items:
            made = item.context_expr
            self._visit(made, at)
            match made:
                case ast.Call(func=ast.Attribute(value=tape, attr="stop_recording")):
                    holder = self._holders.holder(tape, at.context)
                    left = tuple(each for each in at.recordings if each.holder != holder)
                    at = replace(at, recordings=left)
                    continue
            if holds_back(item, at.context):
                at = replace(at, recordings=())
                continue
            if is_tape(made, at.context.spot.scope):
                variable = item.optional_vars if item.optional_vars is not None else made
                holder = self._holders.holder(variable, at.context)
                at = replace(at, recordings=(*at.recordings, self._record(Recording(node, holder))))
        for statement in node.body:
            self._visit(statement, at)

    def _record(self, recording: Recording) -> Recording:
        self._recordings.append(recording)
        return recording

    def _call(self, call: ast.Call, at: _At) -> None:
        match call.func:
            case ast.Attribute(value=tape, attr=name) if name in _GRADIENTS:
                recording = self._gradient(tape, _argument(call, 1, "sources"), at)
                if recording is not None and not recording.sources:
                    recording.is_stopped = _is_stopped(call, at.context)
            case ast.Attribute(attr="minimize"):
                self._minimize(call, at)
                return
            case ast.Attribute(attr="apply_gradients"):
                self._apply(call, at)
            case ast.Attribute(value=model, attr=name) if name == _STATELESS and at.recordings:
                self._stateless(call, model, at)
                return
        if at.context.spot.scope.dotted(call.func) in _DIFFERENTIATE and call.args:
            self._differentiate(call, at)
            return
        given = [self._tape(each, at) for each in _arguments(call)]
        tapes = [each for each in given if each is not None]
        if not at.recordings and not tapes:
            return
        followed = self._holders.follow(call, at.context)
        if followed is not None:
            handed = self._holders.is_run_elsewhere(call)
            self._enter(followed, call, call, at, handed=handed)
            return
        if tapes:
            # `optimizer.minimize_with_tape(tape, loss, model.trainable_variables)`, written elsewhere.
            found = [source for one in _arguments(call) for source in self._sources.of(one, at.context)]
            for recording in tapes:
                recording.sources += found
        if at.recordings and isinstance(call.func, ast.Name | ast.Attribute | ast.Subscript):
            self.runs.append(Run(call, call.func, at.context, at.recordings, at.way))

    def _enter(self, followed: Followed, named: ast.expr, call: ast.Call, at: _At, *, handed: bool) -> None:
        """Go through a function that is called, or handed over to be called."""
        # A way is gone again only where the parameters are other models, or it begins at another call.
        given = frozenset(
            (name, self._holders.holder(each.node, each.context))
            for (function, name), each in followed.context.given.items()
            if function is followed.function
        )
        key = followed.function, at.recordings, named, given
        if len(at.way) < _MAX_DEPTH and len(self._entered) < _MAX_FUNCTIONS and key not in self._entered:
            self._entered.add(key)
            step = Step(call, at.context, followed.function, followed.context, handed)
            for statement in followed.function.body:
                self._visit(statement, replace(at, context=followed.context, way=(*at.way, step)))

    def _tape(self, node: ast.expr, at: _At) -> Recording | None:
        """The tape that an expression is."""
        if not self._recordings or not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            return None
        holder = self._holders.holder(node, at.context)
        return next((each for each in reversed(self._recordings) if holder and each.holder == holder), None)

    def _gradient(self, tape: ast.expr, sources: ast.expr | None, at: _At) -> Recording | None:
        """The tape of which a gradient is taken, which knows its sources then."""
        recording = self._tape(tape, at)
        if recording is not None and sources is not None:
            recording.sources += self._sources.of(sources, at.context)
        return recording

    def _minimize(self, call: ast.Call, at: _At) -> None:
        """`optimizer.minimize(loss, variables, tape=tape)`, or with a function that computes the loss."""
        variables = _argument(call, 1, "var_list")
        tape = next((each.value for each in call.keywords if each.arg == "tape"), None)
        if tape is not None:
            self._gradient(tape, variables, at)
            return
        loss = _argument(call, 0, "loss")
        if loss is None or variables is None:
            return
        recording = self._record(Recording(call, sources=self._sources.of(variables, at.context)))
        self._run_function(loss, call, replace(at, recordings=(*at.recordings, recording)))

    def _run_function(self, function: ast.expr, call: ast.Call, at: _At) -> None:
        """Go through a function that is handed over, to be called later."""
        if isinstance(function, ast.Lambda):
            self._visit(function.body, at)
            return
        followed = self._holders.follow(ast.Call(function, [], []), at.context)
        if followed is not None:
            self._enter(followed, function, call, at, handed=True)

    def _apply(self, call: ast.Call, at: _At) -> None:
        """`apply_gradients(zip(gradients, variables))` says it again, of gradients that a tape has given."""
        match call.args:
            case [ast.Call(func=ast.Name(id="zip"), args=[ast.Name(id=gradients), variables]), *_]:
                for made in at.context.spot.scope.lookup(gradients):
                    match made:
                        case ast.Call(func=ast.Attribute(value=tape, attr=name)) if name in _GRADIENTS:
                            self._gradient(tape, variables, at)

    def _differentiate(self, call: ast.Call, at: _At) -> None:
        """`jax.value_and_grad(loss_of)`: what the function runs on its first argument is trained."""
        found = self._holders.function(call.args[0], at.context)
        if found is None:
            return
        arguments = [each.arg for each in (*found.function.args.posonlyargs, *found.function.args.args)]
        if found.owner is not None:
            arguments = arguments[1:]
        by = frozenset(
            Holder((found.function, arguments[number]))
            for number in _positions(call)
            if number < len(arguments)
        )
        recording = self._record(Recording(call, by=by))
        self._run_function(call.args[0], call, replace(at, recordings=(*at.recordings, recording)))

    def _stateless(self, call: ast.Call, model: ast.expr, at: _At) -> None:
        holder = self._holders.holder(call.args[0], at.context) if call.args else None
        trained = self._holders.holder(model, at.context)
        for recording in at.recordings:
            if holder in recording.by and trained is not None:
                recording.sources.append(Source(trained))
        self.runs.append(Run(call, model, at.context, at.recordings, at.way))


def _is_stopped(call: ast.Call, context: Context) -> bool:
    """Whether a gradient is given a name, and all that is done with that lets no gradient through."""
    scope, function = context.spot.scope, context.spot.function
    names_of = {name for name, bindings in scope.bindings.items() if any(each is call for each in bindings)}
    if not names_of or function is None:
        return False
    reads = [
        node
        for node in own_nodes(function.body)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names_of
    ]
    stopped = {
        inner
        for node in own_nodes(function.body)
        if isinstance(node, ast.Call) and scope.dotted(node.func) in _STOPS
        for inner in own_nodes([node])
    }
    return bool(reads) and all(read in stopped for read in reads)


def holds_back(item: ast.withitem, context: Context) -> bool:
    """Whether it is PyTorch's `with torch.no_grad():`."""
    made = item.context_expr
    return isinstance(made, ast.Call) and context.spot.scope.dotted(made.func) in _NO_GRADIENTS


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    if len(call.args) > position:
        return call.args[position]
    return next((each.value for each in call.keywords if each.arg == name), None)


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _positions(call: ast.Call) -> list[int]:
    """The arguments by which a function is differentiated."""
    given = _argument(call, 1, "argnums")
    match given:
        case None:
            return [0]
        case ast.Constant(value=int(number)):
            return [number]
        case ast.Tuple(elts=parts):
            return [
                each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, int)
            ]
    return []

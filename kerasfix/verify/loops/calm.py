"""Whether a training function may be called: it computes, and does nothing else.

A loop saves checkpoints, writes pictures and reports to services; none of that may happen in a run that only
looks where a flag arrives. What it calls of its project is looked at too.
"""

from __future__ import annotations

import ast
import builtins

from kerasfix.syntax import walk
from kerasfix.verify.harmless import REACHING_BUILTINS, is_reaching_name, words
from kerasfix.verify.loops.reading import methods_of
from kerasfix.verify.modules import FunctionNode, ImportNode, imports_of
from kerasfix.verify.names import bound_names, dotted_name
from kerasfix.verify.program import Found, Program

# What a step of training is written with.
_LIBRARIES = words(
    "abc collections copy dataclasses datetime einops enum functools itertools keras keras_cv keras_hub "
    "keras_nlp logging math numpy operator random tensorflow tensorflow_addons tensorflow_probability time "
    "tqdm typing warnings"
)
# Of these what reads and writes files, or asks the network.
_REACHING = (
    "keras.datasets",
    "keras.utils.get_file",
    "keras.utils.plot_model",
    "keras.saving.",
    "keras.models.load_model",
    "keras.models.save_model",
    "keras.preprocessing.image.save_img",
    "tensorflow.io.gfile",
    "tensorflow.io.write",
    "tensorflow.io.read",
    "tensorflow.io.match",
    "tensorflow.saved_model",
    "tensorflow.summary.create_file_writer",
    "tensorflow.summary.trace",
    "tensorflow.train",
    "tensorflow.profiler",
    "tensorflow.keras.utils.get_file",
    "numpy.save",
    "numpy.load",
    "numpy.fromfile",
    "numpy.genfromtxt",
    "numpy.memmap",
)
# What objects are told to do that is more than computing.
_METHODS = words(
    "save save_weights save_model savefig savetxt tofile write writelines write_text write_bytes to_csv dump "
    "export imsave imwrite load_weights restore unlink rmtree mkdir makedirs rmdir system popen urlopen "
    "urlretrieve fit connect send post commit"
)


def more_than_computing(program: Program, place: str, name: str, owner: str = "") -> str | None:
    """What calling a function, or a method of a class, would do besides computing, as source text; None if
    nothing.
    """
    return _Watch(program).found(Found(place, owner, (name,)) if owner else Found(place, name))


class _Watch:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._seen: set[tuple[str, str]] = set()

    def found(self, thing: Found) -> str | None:
        """The same for something of the project that is called."""
        if (thing.place, thing.name) in self._seen:
            return None
        self._seen.add((thing.place, thing.name))
        module = self._program.module(thing.place)
        for index in module.binding.get(thing.name, ()) if module else ():
            node = module.definitions[index].node  # type: ignore[union-attr]
            if isinstance(node, FunctionNode) and (problem := self._function(node, thing.place)):
                return problem
            if isinstance(node, ast.ClassDef) and thing.rest:
                problem = self._method(node, thing.rest[0], thing.place)
                if problem:
                    return problem
        return None

    def _method(self, owner: ast.ClassDef, name: str, place: str) -> str | None:
        """The same for a method and those that it calls."""
        methods = methods_of(owner)
        waiting, seen = [name], {name}
        while waiting:
            method = methods.get(waiting.pop())
            if method is None:
                continue
            problem = self._function(method, place)
            if problem:
                return problem
            own = method.args.args[0].arg if method.args.args else ""
            for node in walk(method):
                match node:
                    case ast.Attribute(value=ast.Name(id=root), attr=called) if (
                        root == own and called not in seen
                    ):
                        seen.add(called)
                        waiting.append(called)
        return None

    def _function(self, function: FunctionNode, place: str) -> str | None:
        nodes = list(walk(function))
        imports = [each for each in nodes if isinstance(each, ImportNode)]
        imported = {item.bound: item for each in imports for item in imports_of(each)}
        local = {each.arg for each in nodes if isinstance(each, ast.arg)}
        for each in nodes:
            if isinstance(each, ast.stmt) and each is not function and not isinstance(each, ImportNode):
                local |= bound_names(each)
        for node in nodes:
            name = dotted_name(node) if isinstance(node, ast.Name | ast.Attribute) else None
            if name is not None and name.partition(".")[0] not in local:
                root, *rest = name.split(".")
                meaning = (
                    self._program.meaning_of_import(imported[root], tuple(rest), place)
                    if root in imported
                    else self._program.meaning(place, name)
                )
                if self._reaches(name, meaning):
                    return name
                if isinstance(meaning, Found) and not meaning.rest and (problem := self.found(meaning)):
                    return problem
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in _METHODS
            ):
                return ast.unparse(node.func) + "(…)"
        return None

    def _reaches(self, name: str, meaning: str | Found | None) -> bool:
        if isinstance(meaning, str):
            is_foreign = meaning.partition(".")[0] not in _LIBRARIES
            return is_foreign or meaning.startswith(_REACHING) or is_reaching_name(meaning)
        return meaning is None and name in REACHING_BUILTINS and hasattr(builtins, name)

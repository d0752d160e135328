"""What the classes of a module are, and which layer each of their attributes can hold."""

from __future__ import annotations

import ast

import pytest

from kerasfix.analysis.index import ClassInfo, Kind, Module
from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.project import Project
from kerasfix.analysis.values import (
    BuiltinLayer,
    Container,
    Nothing,
    Stack,
    UserLayer,
    Value,
    flat,
    is_layer,
)
from kerasfix.source import Source

_HEADER = """\
import abc
import typing
import keras
from keras import layers

"""


def _module(text: str) -> Module:
    return Project.of(Source(_HEADER + text)).given[0]


def _classes(text: str) -> dict[str, ClassInfo]:
    return {info.name: info for info in _module(text).classes}


def _shape(value: Value) -> str:
    """A value in short: `Dense`, `[Dense, Dropout]`, `Sequential(Dense)`, `None`, `?`."""
    match value:
        case BuiltinLayer(inner=inner) if inner:
            return f"{value.class_name}({', '.join(map(_shape, inner))})"
        case BuiltinLayer() | UserLayer():
            return value.class_name
        case Stack(layers=inner):
            return f"Sequential({', '.join(map(_shape, inner))})"
        case Container(elements=inner):
            return f"[{', '.join(map(_shape, inner))}]"
        case Nothing():
            return "None"
    return "?"


def _attribute(init: str, name: str = "a", before: str = "") -> list[str]:
    """What `self.a` can be after the statements of an `__init__`."""
    body = "\n".join(f"        {line}" for line in init.splitlines())
    module = _module(f"{before}\nclass Net(keras.Model):\n    def __init__(self, given, n):\n{body}\n")
    [info] = [each for each in module.classes if each.name == "Net"]
    attributes = LayerIndex(module.project).attributes(info)
    return [_shape(value) for value in attributes[name].values] if name in attributes else []


def _called(body: str) -> list[str]:
    """What the callee of the last call in a `call` can be."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    module = _module(
        "class Net(keras.Model):\n"
        "    def __init__(self):\n"
        "        self.a = layers.Dense(1)\n"
        "        self.b = layers.Dropout(0.1)\n"
        "        self.ab = [self.a, self.b]\n"
        f"    def call(self, x):\n{lines}\n"
    )
    [info] = module.classes
    method = info.methods["call"]
    calls = [node for node in ast.walk(method.node) if isinstance(node, ast.Call)]
    last = max(calls, key=lambda call: (call.lineno, call.col_offset))
    return [_shape(value) for value in LayerIndex(module.project).values_of(last.func, method, method.scope)]


# Classes.


@pytest.mark.parametrize(
    ("base", "kind"),
    [
        ("keras.Model", Kind.MODEL),
        ("keras.models.Model", Kind.MODEL),
        ("keras.Sequential", Kind.MODEL),
        ("layers.Layer", Kind.LAYER),
        ("layers.Dense", Kind.LAYER),
        ("layers.Dense, keras.Model", Kind.MODEL),
        ("object", None),
        ("", None),
        ("unknown.Base", None),
        ("keras.callbacks.Callback", None),
    ],
)
def test_the_kind_of_a_class_comes_from_its_bases(base: str, kind: Kind | None) -> None:
    assert _classes(f"class Net({base}): pass")["Net"].kind is kind


def test_the_kind_is_inherited_through_classes_of_the_module() -> None:
    found = _classes("class A(keras.Model): pass\nclass B(A): pass\nclass C(B): pass")
    assert found["C"].kind is Kind.MODEL
    assert [info.name for info in found["C"].ancestors] == ["C", "B", "A"]


def test_only_keras_classes_are_keras_classes() -> None:
    module = _module("class A: pass\nclass B(layers.Layer): pass")
    assert [info.name for info in module.keras_classes] == ["B"]


@pytest.mark.parametrize(
    ("base", "is_open"),
    [
        ("keras.Model", False),
        ("layers.Layer, object", False),
        ("layers.Layer, abc.ABC", False),
        ("layers.Layer, typing.Protocol", False),
        ("layers.Layer, Mixin", True),
        ("layers.Layer, other.Mixin", True),
        ("layers.Layer, make()", True),
    ],
)
def test_a_class_with_an_unknown_base_is_open(base: str, is_open: bool) -> None:
    assert _classes(f"import other\nclass Net({base}): pass")["Net"].is_open is is_open


def test_an_open_ancestor_opens_the_class() -> None:
    assert _classes("class A(Mixin): pass\nclass B(A, layers.Layer): pass")["B"].is_open


def test_a_base_that_is_bound_twice_is_unknown() -> None:
    found = _classes("class A(keras.Model): pass\nclass A(layers.Layer): pass\nclass B(A): pass")
    assert found["B"].bases == [None]


def test_a_class_that_names_itself_as_its_base_is_no_circle() -> None:
    info = _classes("class A(A): pass")["A"]
    assert info.ancestors == [info]


def test_classes_that_inherit_from_each_other_end() -> None:
    found = _classes("class A(B): pass\nclass B(A): pass")
    assert [info.name for info in found["A"].ancestors] == ["A"]
    assert [info.name for info in found["B"].ancestors] == ["B", "A"]


def test_a_shadowed_object_is_not_the_builtin() -> None:
    assert _classes("from mine import object\nclass A(object): pass")["A"].is_open


def test_a_family_shares_self_upwards_and_downwards_but_not_sideways() -> None:
    found = _classes("class A: pass\nclass B(A): pass\nclass C(A): pass\nclass D(B): pass")
    assert {info.name for info in found["B"].family} == {"A", "B", "D"}
    assert {info.name for info in found["A"].family} == {"A", "B", "C", "D"}


def test_concrete_keras_layers_among_the_bases_are_known() -> None:
    assert _classes("class A(layers.Dense): pass\nclass B(A, layers.Layer): pass")["B"].builtin_bases == [
        "Dense"
    ]


def test_classes_are_found_at_any_depth() -> None:
    text = """
class A:
    class B: pass
def make():
    class C: pass
    def inner():
        class D: pass
if flag:
    class E: pass
try:
    class F: pass
except Error:
    class G: pass
match flag:
    case 1:
        class H: pass
with flag:
    class I: pass
"""
    assert list(_classes(text)) == list("ABCDEFGHI")


def test_a_class_inside_of_a_function_sees_the_function_s_imports() -> None:
    found = _classes("def make():\n    from keras.layers import Layer as L\n    class A(L): pass")
    assert found["A"].kind is Kind.LAYER


# Methods.


def test_of_two_methods_with_one_name_the_last_one_counts() -> None:
    method = _classes("class A:\n    def f(self, x): pass\n    def f(self, y): pass")["A"].methods["f"]
    assert method.parameters == ("y",)


def test_a_method_is_looked_for_in_the_ancestors() -> None:
    found = _classes(
        "class A:\n    def f(self): pass\n    def g(self): pass\nclass B(A):\n    def f(self): pass"
    )
    info = found["B"]
    assert info.find("f") is info.methods["f"]
    assert info.find("g") is found["A"].methods["g"]
    assert info.find_above("f") is found["A"].methods["f"]
    assert info.find("h") is None
    assert found["A"].find_above("f") is None


@pytest.mark.parametrize(
    ("signature", "self_name", "parameters"),
    [
        ("self, x, y=1", "self", ("x", "y")),
        ("me, x, /, y", "me", ("x", "y")),
        ("self, *xs, k, **kw", "self", ()),
        ("*xs", None, ()),
    ],
)
def test_the_positional_parameters_of_a_method(
    signature: str, self_name: str | None, parameters: tuple[str, ...]
) -> None:
    method = _classes(f"class A:\n    def f({signature}): pass")["A"].methods["f"]
    assert (method.self_name, method.parameters) == (self_name, parameters)


@pytest.mark.parametrize(
    ("signature", "takes", "default"),
    [
        ("self, x, flag", True, None),
        ("self, x, flag=1", True, "1"),
        ("self, x, flag=1, y=2", True, "1"),
        ("self, x, flag=1, /, y=2", True, "1"),
        ("self, *, flag", True, None),
        ("self, *, flag=3, y", True, "3"),
        ("self, x=1, *flag", False, None),
        ("self, **flag", False, None),
    ],
)
def test_whether_a_method_takes_a_parameter_and_its_default(
    signature: str, takes: bool, default: str | None
) -> None:
    method = _classes(f"class A:\n    async def f({signature}): pass")["A"].methods["f"]
    value = method.default("flag")
    assert method.takes("flag") is takes
    assert (value and ast.unparse(value)) == default


@pytest.mark.parametrize(
    ("imports", "answer"),
    [
        ("import tf_keras", True),
        ("import tf_keras as keras", True),
        ("import tf_keras\nimport keras", False),
        ("import tf_keras\nfrom tensorflow import keras", False),
        ("import tf_keras\nimport tensorflow as tf\ntf.keras", False),
        ("import keras", False),
    ],
)
def test_a_program_that_imports_only_tf_keras_wants_keras_2(imports: str, answer: bool) -> None:
    assert Project.of(Source(imports)).given[0].is_keras2_only is answer


# Attributes.


@pytest.mark.parametrize(
    ("init", "values"),
    [
        pytest.param("self.a = layers.Dense(1)", ["Dense"], id="a layer"),
        pytest.param("self.a: object = layers.Dense(1)", ["Dense"], id="annotated"),
        pytest.param("self.a: object", [], id="only annotated"),
        pytest.param("self.a = self.b = layers.Dense(1)", ["Dense"], id="two targets"),
        pytest.param("self.a, self.b = layers.Dense(1), 2", ["Dense"], id="a tuple"),
        pytest.param("[self.b, self.a] = 2, layers.Dense(1)", ["Dense"], id="a list of targets"),
        pytest.param("self.a, self.b = given", ["?"], id="a tuple out of sight"),
        pytest.param("a = layers.Dense(1)\nself.a = a", ["Dense"], id="a local alias"),
        pytest.param("L = layers.Dense\nself.a = L(1)", ["Dense"], id="an alias of the class"),
        pytest.param("self.b = layers.Dense(1)\nself.a = self.b", ["Dense"], id="another attribute"),
        pytest.param(
            "self.a = self.b\nself.b = layers.Dense(1)", ["?"], id="another attribute, not yet there"
        ),
        pytest.param("self.a = None", ["None"], id="None"),
        pytest.param("self.a = given", ["?"], id="a parameter"),
        pytest.param("self.a = lambda x: x", ["?"], id="a lambda"),
        pytest.param("self.a = make()", ["?"], id="an unknown call"),
        pytest.param("self.a = layers.Attenuator()", ["?"], id="no layer that Keras has"),
        pytest.param("self.a += given", ["?"], id="an augmented assignment"),
        pytest.param("for self.a in given: pass", ["?"], id="a loop variable"),
        pytest.param(
            "if n:\n    self.a = layers.Dense(1)\nelse:\n    self.a = layers.Dropout(0.1)",
            ["Dense", "Dropout"],
            id="two branches",
        ),
        pytest.param(
            "if n:\n    self.a = layers.Dense(1)\nelse:\n    self.a = lambda x: x",
            ["Dense", "?"],
            id="or a lambda",
        ),
        pytest.param("self.a = layers.Dense(1) if n else None", ["Dense", "None"], id="a conditional"),
        pytest.param(
            "if n:\n    a = layers.Dense(1)\nelse:\n    a = layers.Dropout(0.1)\nself.a = a",
            ["Dense", "Dropout"],
            id="an alias with two values",
        ),
        pytest.param("a = b\nb = a\nself.a = a", ["?"], id="aliases in a circle"),
    ],
)
def test_what_an_attribute_holds(init: str, values: list[str]) -> None:
    assert _attribute(init) == values


@pytest.mark.parametrize(
    ("init", "values"),
    [
        pytest.param("self.a = [layers.Dense(1), layers.Dropout(0.1)]", ["[Dense, Dropout]"], id="a list"),
        pytest.param(
            "self.a = (layers.Dense(1), given)", ["[Dense, ?]"], id="a tuple with something unknown"
        ),
        pytest.param("self.a = {'d': layers.Dense(1)}", ["[Dense]"], id="a dict"),
        pytest.param("self.a = [layers.Dense(i) for i in range(n)]", ["[Dense]"], id="a comprehension"),
        pytest.param("self.a = {i: layers.Dense(i) for i in n}", ["[Dense]"], id="a dict comprehension"),
        pytest.param("self.a = list(layers.Dense(i) for i in n)", ["[Dense]"], id="list of a generator"),
        pytest.param("self.a = tuple([layers.Dense(1)])", ["[Dense]"], id="tuple of a list"),
        pytest.param("self.a = list()", ["?"], id="list of nothing"),
        pytest.param(
            "self.a = [layers.Dense(1)] + [layers.Dropout(1)]", ["[Dense]", "[Dropout]"], id="a sum"
        ),
        pytest.param("self.a = [layers.Dense(1)] + given", ["?"], id="a sum with something unknown"),
        pytest.param("self.a = [layers.Dense(1)] * n", ["?"], id="a product"),
        pytest.param(
            "self.a = []\nfor i in n:\n    self.a.append(layers.Dense(i))", ["[]", "[Dense]"], id="append"
        ),
        pytest.param("self.a = [[layers.Dense(1)], [given]]", ["[[Dense], [?]]"], id="nested lists"),
        pytest.param("b = [layers.Dense(1)]\nself.a = b[0]", ["Dense"], id="an element of an alias"),
        pytest.param("self.a = [None][0]", ["None"], id="an element that is None"),
        pytest.param("b = None\nself.a = b[0]", [], id="an element of None"),
        pytest.param("self.a = given[0]", ["?"], id="an element of something unknown"),
        pytest.param("for a in [layers.Dense(1)]:\n    self.a = a", ["Dense"], id="a loop over a list"),
    ],
)
def test_what_is_in_a_container(init: str, values: list[str]) -> None:
    assert _attribute(init) == values


@pytest.mark.parametrize(
    ("init", "values"),
    [
        pytest.param("self.a = keras.Sequential()", ["Sequential()"], id="empty"),
        pytest.param("self.a = keras.Sequential([layers.Dense(1)])", ["Sequential(Dense)"], id="a list"),
        pytest.param(
            "self.a = keras.Sequential(layers=[layers.Dense(1)])", ["Sequential(Dense)"], id="keyword"
        ),
        pytest.param("self.a = keras.Sequential(given)", ["Sequential(?)"], id="something unknown"),
        pytest.param(
            "b = [layers.Dense(1)]\nself.a = keras.models.Sequential(b)", ["Sequential(Dense)"], id="an alias"
        ),
        pytest.param(
            "self.a = keras.Sequential()\nself.a.add(layers.Dense(1))",
            ["Sequential()", "Sequential(Dense)"],
            id="add",
        ),
        pytest.param(
            "self.a = layers.TimeDistributed(layers.Dense(1))", ["TimeDistributed(Dense)"], id="a wrapper"
        ),
        pytest.param(
            "self.a = layers.Bidirectional(layer=layers.LSTM(1))", ["Bidirectional(LSTM)"], id="by keyword"
        ),
        pytest.param("self.a = layers.Bidirectional()", ["Bidirectional"], id="a wrapper of nothing"),
        pytest.param(
            "self.a = layers.RNN([layers.LSTMCell(1)])",
            ["RNN([LSTMCell])"],
            id="a wrapper of a list of cells",
        ),
    ],
)
def test_what_is_in_a_sequential_or_a_wrapper(init: str, values: list[str]) -> None:
    assert _attribute(init) == values


@pytest.mark.parametrize(
    "init",
    [
        pytest.param("self.a = [layers.Dropout(1)]\nself.a.extend(given)", id="extend"),
        pytest.param("self.a = [layers.Dropout(1)]\nself.a.insert(0, given)", id="insert"),
        pytest.param("self.a = [layers.Dropout(1)]\nself.a[0] = given", id="a stored element"),
        pytest.param("self.a = {'d': layers.Dropout(1)}\nself.a['e'] = given", id="a stored key"),
        pytest.param("self.a = {'d': layers.Dropout(1)}\nself.a.update(given)", id="update"),
        pytest.param("b = [layers.Dropout(1)]\nb.append(given)\nself.a = b", id="append to an alias"),
    ],
)
def test_what_is_put_into_a_container_later_is_in_it(init: str) -> None:
    assert any("?" in value for value in _attribute(init))


def test_an_instance_of_a_class_of_the_module_is_that_class() -> None:
    assert _attribute("self.a = Block()", before="class Block(layers.Layer): pass") == ["Block"]


def test_an_instance_of_a_class_that_is_no_layer_is_unknown() -> None:
    assert _attribute("self.a = Config()", before="class Config: pass") == ["?"]


def test_a_function_called_list_is_not_the_builtin() -> None:
    assert _attribute("self.a = list([layers.Dense(1)])", before="def list(x): pass") == ["?"]


def test_a_class_variable_is_an_attribute() -> None:
    module = _module("class Net(keras.Model):\n    a = layers.Dense(1)\n    b, c = 1, 2\n")
    attributes = LayerIndex(module.project).attributes(module.classes[0])
    assert {name: list(map(_shape, each.values)) for name, each in attributes.items()} == {"a": ["Dense"]}


def test_self_may_be_called_otherwise() -> None:
    module = _module("class Net(keras.Model):\n    def __init__(me):\n        me.a = layers.Dense(1)\n")
    assert list(LayerIndex(module.project).attributes(module.classes[0])) == ["a"]


def test_an_attribute_of_the_parent_is_one_of_the_child_and_may_be_replaced_there() -> None:
    module = _module(
        "class A(keras.Model):\n    def build(self, s):\n        self.a = layers.Dense(1)\n"
        "class B(A):\n    def build(self, s):\n        self.a = layers.Dropout(1)\n"
    )
    layers = LayerIndex(module.project)
    held = [sorted(map(_shape, layers.attributes(info)["a"].values)) for info in module.classes]
    assert held == [["Dense"], ["Dense", "Dropout"]]


def test_an_attribute_knows_the_statements_that_make_it() -> None:
    module = _module(
        "class Net(keras.Model):\n    def __init__(self):\n"
        "        self.a = layers.Dense(1)\n        self.a = None\n"
    )
    made_at = LayerIndex(module.project).attributes(module.classes[0])["a"].made_at
    assert [ast.unparse(statement) for statement in made_at] == ["self.a = layers.Dense(1)", "self.a = None"]


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ("return self.a(x)", ["Dense"]),
        ("return self.missing(x)", ["?"]),
        ("f = self.b\nreturn f(x)", ["Dropout"]),
        ("return self.ab[1](x)", ["Dense", "Dropout"]),
        ("for f in self.ab:\n    x = f(x)\nreturn x", ["Dense", "Dropout"]),
        ("for i, f in enumerate(self.ab):\n    x = f(x)", ["Dense", "Dropout"]),
        ("for f in self.ab[1:]:\n    x = f(x)", ["Dense", "Dropout"]),
        ("for f, y in zip(self.ab, x):\n    x = f(x)", ["Dense", "Dropout"]),
        ("for f in reversed(self.ab):\n    x = f(x)", ["Dense", "Dropout"]),
        ("fs = {'a': self.a}\nfor k, f in fs.items():\n    x = f(x)", ["Dense"]),
        ("fs = {'a': self.a}\nfor f in fs.values():\n    x = f(x)", ["Dense"]),
        ("fs = [self.a]\nfs.append(self.b)\nreturn fs[0](x)", ["Dense", "Dropout"]),
        ("fs = [self.a]\nfs.insert(0, self.b)\nreturn fs[0](x)", ["Dense", "Dropout"]),
        ("fs = [self.a]\nfs.extend([self.b])\nreturn fs[0](x)", ["Dense", "Dropout"]),
        ("fs = [self.a]\nfs[0] = self.b\nreturn fs[0](x)", ["Dense", "Dropout"]),
        ("fs = {'a': self.a}\nfs.update(x)\nreturn fs['b'](x)", ["?"]),
        ("f = keras.Sequential()\nf.add(self.a)\nreturn f(x)", ["Sequential()", "Sequential(Dense)"]),
        ("return (self.a if x else self.b)(x)", ["Dense", "Dropout"]),
        ("f = lambda y: y\nreturn f(x)", ["?"]),
        ("return layers.Dense(1)", ["?"]),
    ],
)
def test_what_is_called(body: str, values: list[str]) -> None:
    assert _called(body) == values


def test_only_layers_and_none_may_be_given_the_flag() -> None:
    module = _module(
        "class Net(keras.Model):\n    def __init__(self, given):\n"
        "        self.a = [layers.Dense(1), keras.Sequential(), None, given, [layers.Dense(1)]]\n"
    )
    [value] = LayerIndex(module.project).attributes(module.classes[0])["a"].values
    assert isinstance(value, Container)
    assert [is_layer(each) for each in value.elements] == [True, True, True, False, False]
    assert list(map(_shape, flat(value))) == ["Dense", "Sequential()", "None", "?", "Dense"]

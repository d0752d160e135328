"""A name is Keras' if its import says so, and only then."""

from __future__ import annotations

import ast

import pytest

from kerasfix.analysis.scope import Imported, function_scope, module_scope, own_nodes
from kerasfix.keras.names import canonical, layer_name


def _dotted(program: str, expression: str) -> str | None:
    """What an expression at the end of a program stands for."""
    node = ast.parse(expression, mode="eval").body
    return module_scope(ast.parse(program)).dotted(node)


def _dotted_inside(program: str, expression: str) -> str | None:
    """What an expression inside the last function of a program stands for."""
    tree = ast.parse(program)
    function = tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    scope = function_scope(function, module_scope(tree))
    return scope.dotted(ast.parse(expression, mode="eval").body)


@pytest.mark.parametrize(
    ("program", "expression"),
    [
        ("import keras", "keras.layers.Dropout"),
        ("import keras as K", "K.layers.Dropout"),
        ("import keras.layers", "keras.layers.Dropout"),
        ("import keras.layers as L", "L.Dropout"),
        ("import tensorflow as tf", "tf.keras.layers.Dropout"),
        ("import tensorflow", "tensorflow.keras.layers.Dropout"),
        ("import tensorflow.keras as k", "k.layers.Dropout"),
        ("import tensorflow.keras.layers", "tensorflow.keras.layers.Dropout"),
        ("import tensorflow.compat.v1 as tf", "tf.keras.layers.Dropout"),
        ("import tf_keras", "tf_keras.layers.Dropout"),
        ("import keras_core as keras", "keras.layers.Dropout"),
        ("from tensorflow import keras", "keras.layers.Dropout"),
        ("from tensorflow.keras import layers", "layers.Dropout"),
        ("from tensorflow.keras import layers as L", "L.Dropout"),
        ("from tensorflow.keras.layers import Dropout", "Dropout"),
        ("from keras.layers import Dropout as Drop", "Drop"),
        ("from tensorflow.python.keras.layers import Dropout", "Dropout"),
        ("from tensorflow.python.keras.layers.core import Dropout", "Dropout"),
        ("from keras.src.layers.regularization.dropout import Dropout", "Dropout"),
        ("from keras.legacy.layers import Dropout", "Dropout"),
        ("from keras.layers import *", "Dropout"),
        ("from tensorflow.keras.layers import *", "Dropout"),
    ],
)
def test_every_spelling_of_an_import_is_the_same_layer(program: str, expression: str) -> None:
    assert _dotted(program, expression) == "keras.layers.Dropout"


@pytest.mark.parametrize(
    "program",
    [
        "import keras\nL = keras.layers",
        "import keras\nk = keras\nL = k.layers",
        "import keras\nL: object = keras.layers",
        "import keras\n(L, other) = (keras.layers, 1)",
        "import keras\nif (L := keras.layers):\n    pass",
        "try:\n    import keras.layers as L\nexcept Error:\n    from tensorflow.keras import layers as L",
        "if new:\n    import keras.layers as L\nelse:\n    import tf_keras.layers as L",
    ],
)
def test_aliases_are_followed_and_may_say_it_twice(program: str) -> None:
    assert _dotted(program, "L.Dropout") == "keras.layers.Dropout"


@pytest.mark.parametrize(
    "program",
    [
        "",
        "class Dropout: pass",
        "from mine import Dropout",
        "from .layers import Dropout",
        "from . import keras\nDropout = keras.layers.Dropout",
        "from keras.layers import Dropout\nfrom mine import Dropout",
        "from keras.layers import Dropout\nDropout = wrapped(Dropout)",
        "from keras.layers import Dropout\nDropout += 1",
        "from keras.layers import Dropout\ndef Dropout(): pass",
        "from keras.layers import Dropout\nfor Dropout in made: pass",
        "from keras.layers import Dropout\nwith made as (Dropout, other): pass",
        "from keras.layers import Dropout\ntry: pass\nexcept Error as Dropout: pass",
        "from keras.layers import Dropout\nmatch made:\n    case [Dropout, *other]: pass",
        "from keras.layers import Dropout\nmatch made:\n    case [*Dropout]: pass",
        "from keras.layers import Dropout\nfirst, *Dropout = made",
        "from keras.layers import Dropout\n[Dropout, other] = made",
        "from keras.layers import *\nfrom mine import *",
        "from mine import *",
        "from keras.layers import *\nDropout = None",
        "Dropout = Dropout",
    ],
)
def test_a_name_that_may_be_something_else_is_not_known(program: str) -> None:
    assert _dotted(program, "Dropout") is None or layer_name(_dotted(program, "Dropout")) is None


def test_the_rest_of_a_mapping_pattern_hides_an_import() -> None:
    program = "from keras.layers import Dropout\nmatch made:\n    case {**Dropout}: pass"
    assert _dotted(program, "Dropout") is None


def test_a_star_import_of_keras_itself_hides_no_layer() -> None:
    assert (
        _dotted("from keras.layers import *\nfrom keras.models import *", "Dropout") == "keras.layers.Dropout"
    )


def test_a_star_import_brings_only_layers_that_keras_has() -> None:
    assert _dotted("from keras.layers import *", "Attenuator") is None


@pytest.mark.parametrize("expression", ["made().layers", "x[0]", "'keras'"])
def test_what_is_no_dotted_name_stands_for_nothing(expression: str) -> None:
    assert _dotted("import keras", expression) is None


def test_a_name_outside_of_keras_keeps_its_own_name() -> None:
    assert _dotted("import numpy as np", "np.random.rand") == "numpy.random.rand"


def test_aliases_that_go_round_in_circles_end() -> None:
    assert _dotted("a = b\nb = a", "a.Dropout") is None


# Functions.


def test_a_function_sees_the_imports_around_it() -> None:
    assert _dotted_inside("from keras import layers\ndef f(): pass", "layers.Dense") == "keras.layers.Dense"


def test_an_import_inside_of_a_function_counts_there_alone() -> None:
    program = "def f():\n    from keras import layers"
    assert _dotted_inside(program, "layers.Dense") == "keras.layers.Dense"
    assert _dotted(program, "layers.Dense") is None


@pytest.mark.parametrize(
    "signature", ["layers", "layers, /", "*, layers", "*layers", "**layers", "a, layers=None"]
)
def test_a_parameter_hides_an_import(signature: str) -> None:
    assert _dotted_inside(f"from keras import layers\ndef f({signature}): pass", "layers.Dense") is None


def test_a_local_variable_hides_an_import() -> None:
    assert _dotted_inside("from keras import layers\ndef f():\n    layers = 1", "layers.Dense") is None


def test_a_star_import_of_the_module_is_seen_inside_of_a_function() -> None:
    assert _dotted_inside("from keras.layers import *\ndef f(): pass", "Dense") == "keras.layers.Dense"


def test_names_of_a_nested_function_stay_in_it() -> None:
    program = "from keras import layers\ndef f():\n    def g():\n        layers = 1"
    assert _dotted_inside(program, "layers.Dense") == "keras.layers.Dense"


def test_a_lambda_has_its_parameters_and_no_body_of_statements() -> None:
    tree = ast.parse("import keras\nlambda keras: keras")
    [function] = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    scope = function_scope(function, module_scope(tree))
    assert scope.dotted(ast.Name("keras", ast.Load())) is None


# Bindings.


def test_a_name_with_one_binding_has_a_value() -> None:
    scope = module_scope(ast.parse("import keras\nx = 1\nx = 2"))
    assert scope.value("keras") == Imported("keras")
    assert scope.value("x") is None
    assert len(scope.lookup("x")) == 2
    assert scope.lookup("unknown") == []


def test_a_loop_variable_is_an_element_of_what_is_iterated() -> None:
    binding = module_scope(ast.parse("for x in blocks: pass")).value("x")
    assert isinstance(binding, ast.Subscript)
    assert ast.unparse(binding) == "blocks[0]"


def test_own_nodes_come_in_the_order_of_the_source_without_nested_bodies() -> None:
    tree = ast.parse("a\ndef f(): b\nclass C: c\nd(lambda: e)\nf")
    assert [node.id for node in own_nodes(tree.body) if isinstance(node, ast.Name)] == ["a", "d", "f"]


# Spellings.


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("keras.models.Model", "keras.Model"),
        ("keras.engine.training.Model", "keras.Model"),
        ("tensorflow.keras.Sequential", "keras.Sequential"),
        ("keras.layers.InputLayer", "keras.Input"),
        ("keras.engine.base_layer.Layer", "keras.layers.Layer"),
        ("keras", "keras"),
        ("tensorflow.keras", "keras"),
        ("keras.ops.add", "keras.ops.add"),
        ("keras.applications.Model", "keras.applications.Model"),
        ("keras_tuner.Model", "keras_tuner.Model"),
        ("keras.layers.core", "keras.layers.core"),
    ],
)
def test_a_dotted_name_has_one_spelling(spelling: str, name: str) -> None:
    assert canonical(spelling) == name


@pytest.mark.parametrize("name", [None, "numpy.Dense", "keras.Model", "keras.ops.add"])
def test_what_is_no_layer_has_no_layer_name(name: str | None) -> None:
    assert layer_name(name) is None

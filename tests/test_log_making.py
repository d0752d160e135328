"""What a program makes, and the numbers that its layers get, without running it (`tests/keras` runs it)."""

from __future__ import annotations

from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.project import Project
from kerasfix.log.made import Made
from kerasfix.log.making import Making
from kerasfix.log.mapping import Mapper
from kerasfix.log.messages import Variable
from kerasfix.source import Source

_HEADER = "import keras\nimport tensorflow as tf\nfrom keras import layers\n\n\n"


def made_by(program: str) -> list[Made]:
    source = Source(_HEADER + program, "/nowhere/program.py")
    project = Project({source.file: source})
    return Making(project, LayerIndex(project)).everything()


def names(program: str) -> list[str | None]:
    """The names of what is made, in order; None where the source does not say it."""
    return [each.name.exact for each in made_by(program)]


def attributes(program: str, path: str) -> tuple[list[str], bool]:
    """What a variable can belong to, and whether that is certain."""
    mapped = Mapper(made_by(program)).variable(Variable(path))
    return [each.attribute for each in mapped.candidates], mapped.is_certain


def test_layers_are_numbered_in_the_order_in_which_they_are_made() -> None:
    assert names("a = layers.Dense(1)\nb = layers.Conv2D(1, 1)\nc = layers.Dense(1)\n") == [
        "dense",
        "conv2d",
        "dense_1",
    ]


def test_loops_of_a_known_length_are_run() -> None:
    program = (
        "N = 2\na = [layers.Dense(1) for _ in range(N)]\nfor i in [1, 2]:\n    a.append(layers.Dense(1))\n"
    )
    assert names(program) == ["dense", "dense_1", "dense_2", "dense_3"]


def test_what_a_branch_or_an_unknown_loop_makes_hides_later_numbers() -> None:
    after = "d = layers.Dense(1)\nc = layers.Conv2D(1, 1)\n"
    for before in (
        "if flag:\n    a = layers.Dense(1)\n",
        "for i in range(depth):\n    a = layers.Dense(1)\n",
        "while more():\n    a = layers.Dense(1)\n",
        "a = layers.Dense(1) if flag else None\n",
        "a = [layers.Dense(1) for size in sizes if size]\n",
        "try:\n    pass\nexcept ValueError:\n    a = layers.Dense(1)\n",
    ):
        assert names(before + after) == [None, None, "conv2d"]


def test_a_ready_made_application_hides_all_later_numbers() -> None:
    assert names("a = keras.applications.InceptionV3()\nb = layers.Conv2D(1, 1)\n") == [None]


def test_names_that_are_computed_are_patterns() -> None:
    first, second = made_by(
        'a = layers.Dense(1, name=f"head_{i}")\nb = layers.Dense(1, name=prefix + "_out")\n'
    )
    assert first.fit("head_7") is not None
    assert first.fit("tail_7") is None
    assert second.fit("policy_out") is not None
    assert second.fit("policy_in") is None


def test_functions_that_main_calls_are_followed() -> None:
    program = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.make()

    def make(self):
        self.head = layers.Dense(1)


def main():
    with strategy.scope():
        return Net()


if __name__ == "__main__":
    main()
"""
    assert names(program) == ["net", "dense"]
    assert attributes(program, "net/dense/kernel") == (["self.head"], True)


def test_a_model_that_is_made_elsewhere_leaves_its_numbers_open() -> None:
    program = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.Dense(1)
        self.second = layers.Dense(1)
"""
    assert attributes(program, "net/dense_1/kernel") == (["self.second", "self.first"], False)
    # There is one model, and it has no other kind of layer.
    assert attributes(
        program + "        self.norm = layers.BatchNormalization()\n", "net_3/batch_normalization_8/gamma"
    ) == (
        ["self.norm"],
        True,
    )


def test_a_layer_cannot_have_a_weight_of_another_kind() -> None:
    program = 'a = layers.Flatten(name="x")\nb = layers.Dense(1, name="x")\n'
    assert attributes(program, "x/kernel") == (["b"], True)
    assert attributes(program, "x/gamma") == ([], False)


def test_weights_that_a_class_makes_itself() -> None:
    program = """\
class Scale(tf.Module):
    def __init__(self):
        self.gain = tf.Variable(1.0, name="gain")
        self.nameless = tf.Variable(1.0)


class Gate(layers.Layer):
    def build(self, shape):
        self.gate = self.add_weight(name="gate", shape=(1,))


scale = Scale()
gate = Gate()
"""
    assert attributes(program, "gain") == (["self.gain"], True)
    assert attributes(program, "Variable") == (["self.nameless"], True)
    assert attributes(program, "gate/gate") == (["self.gate"], True)


def test_layers_that_get_into_an_attribute_by_way_of_a_list() -> None:
    program = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        parts = []
        parts.append(layers.Dense(1))
        self.parts = parts


net = Net()
"""
    assert attributes(program, "net/dense/kernel") == (["self.parts"], True)


def test_classes_that_make_each_other_come_to_an_end() -> None:
    program = """\
class A(layers.Layer):
    def __init__(self):
        super().__init__()
        self.b = B()


class B(layers.Layer):
    def __init__(self):
        super().__init__()
        self.a = A()


def f():
    g()


def g():
    f()
    return A()


g()
"""
    assert names(program)[:2] == ["a", "b"]

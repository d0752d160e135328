"""The names that Keras gives layers and variables, and what kerasfix makes of them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from installed import needs_stated_version
from layer_setups import INPUTS, setup_of

from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.project import Project
from kerasfix.keras.layers import LAYERS
from kerasfix.keras.weight_names import HOLDS_LAYERS, WEIGHTS, may_have
from kerasfix.log.making import Making
from kerasfix.log.mapping import Mapped, Mapper
from kerasfix.log.messages import Variable, variables_in
from kerasfix.log.naming import Counters, number_of, numbered, snake_case
from kerasfix.source import Source

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.keras

CLASSES = (
    "_Private",
    "MLPBlock",
    "Conv2DBlock",
    "ResNet50V2",
    "VAE",
    "my_net",
    "Net",
    "NLPModel2",
    "A",
    "UNetPP",
)


def name_of(variable: Any) -> str:
    return str(getattr(variable, "path", variable.name)).removesuffix(":0")


@pytest.mark.parametrize(
    "class_name", [*CLASSES, "Conv2DTranspose", "LSTM", "GRU", "PReLU", "MultiHeadAttention"]
)
def test_a_layer_without_a_name_is_called_after_its_class_with_a_number(keras: Any, class_name: str) -> None:
    keras.api.backend.clear_session()
    counters = Counters()
    layer = type(class_name, (keras.layers.Layer,), {})
    for _ in range(3):
        base = snake_case(class_name, 3 if keras.is_3 else 2)
        number = counters.take(base)
        made = layer().name
        assert made == numbered(base, number)
        assert number_of(made, class_name) == number


def test_a_name_of_its_own_takes_no_number(keras: Any) -> None:
    keras.api.backend.clear_session()
    names = [keras.layers.Dense(1, name=name).name for name in (None, "score", None)]
    assert names == ["dense", "score", "dense_1"]


def test_a_wrapper_is_numbered_after_what_it_wraps_and_its_copies_take_no_number(keras: Any) -> None:
    keras.api.backend.clear_session()
    layers = keras.layers
    wrapped = layers.Bidirectional(layers.LSTM(2), name="both")
    assert (wrapped.forward_layer.name, wrapped.backward_layer.name) == ("forward_lstm", "backward_lstm")
    assert layers.LSTM(2).name == "lstm_1"


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_the_weights_of_each_layer_are_called_as_the_table_says(
    keras: Any, tensorflow: ModuleType, name: str
) -> None:
    needs_stated_version(keras)
    kind, setup = getattr(keras.layers, name, None), setup_of(name)
    if kind is None:
        pytest.skip("not in this Keras")
    try:
        layer = setup.build(kind, keras.layers)
        layer(*[INPUTS[each]() for each in setup.inputs])
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        pytest.skip("needs more than the set-up has")
    names = [name_of(each) for each in layer.trainable_weights]
    class_name = LAYERS[name].name
    assert [each for each in names if not may_have(class_name, each.rpartition("/")[2])] == []
    if class_name in WEIGHTS and class_name not in ("Attention", "STFTSpectrogram"):  # which need no weights
        assert names
    if any(each.count("/") > 1 for each in names):
        assert class_name in HOLDS_LAYERS


# Each program makes `net` and calls it on `images`, so that all that it has is built.
_HEADER = "import keras\nfrom keras import layers\n\n\n"
PLAIN = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(3, 3, padding="same")
        self.conv2 = layers.Conv2D(3, 3, padding="same", name="middle")
        self.conv3 = layers.Conv2D(3, 3, padding="same")
        self.norm = layers.BatchNormalization()
        self.score = layers.Dense(2)

    def call(self, x):
        return self.score(self.norm(self.conv3(self.conv2(self.conv1(x)))))


net = Net()
"""
SECOND = PLAIN.replace("net = Net()", "first = Net()\nnet = Net()")
EARLIER = PLAIN.replace("net = Net()", "head = layers.Conv2D(3, 3)\nnet = Net()")
PARTS = """\
class Block(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.c1 = layers.Conv2D(filters, 3, padding="same")
        self.c2 = layers.Conv2D(filters, 3, padding="same")

    def call(self, x):
        return self.c2(self.c1(x))


def down(filters):
    block = keras.Sequential()
    block.add(layers.Conv2D(filters, 3, padding="same"))
    block.add(layers.BatchNormalization())
    return block


class Net(keras.Model):
    def __init__(self):
        super().__init__(name="pyramid")
        self.stem = layers.Conv2D(3, 3, padding="same")
        self.blocks = [Block(3) for _ in range(3)]
        self.down1 = down(3)
        self.down2 = down(3)
        self.seq = keras.Sequential([layers.Conv2D(3, 3, padding="same"), layers.Dense(3)])
        parts = []
        for i in range(2):
            parts.append(layers.Dense(3))
        self.parts = parts
        self.norm = layers.LayerNormalization()
        self.head = layers.Dense(3)
        self.attention = layers.MultiHeadAttention(2, 2)
        self.both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
        self.each = layers.TimeDistributed(layers.Dense(3))
        self.last = layers.LSTM(3)

    def call(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        x = self.seq(self.down2(self.down1(x)))
        for part in self.parts:
            x = part(x)
        x = self.head(self.norm(x))
        x = x[:, 0]
        x = self.attention(x, x)
        return self.last(self.each(self.both(x)))


net = Net()
"""
FUNCTIONAL = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        inputs = keras.Input((8, 8, 3))
        x = layers.Conv2D(3, 3)(inputs)
        x = layers.BatchNormalization(name="calm")(x)
        outputs = layers.Conv2D(3, 3)(x)
        self.inner = keras.Model(inputs, outputs)
        self.score = layers.Dense(2)

    def call(self, x):
        return self.score(self.inner(x))


net = Net()
"""
SUBCLASSES = """\
class Base(keras.Model):
    def __init__(self, name="base", **kwargs):
        super().__init__(name=name, **kwargs)
        self.first = layers.Dense(3)


class Net(Base):
    def __init__(self):
        super().__init__(name="derived")
        self.second = layers.Dense(3)

    def build(self, shape):
        self.third = layers.Dense(3)
        super().build(shape)

    def call(self, x):
        return self.third(self.second(self.first(x)))


class Outer(keras.Model):
    def __init__(self):
        super().__init__()
        self.net = Net()
        self.scale = self.add_weight(shape=(1,), name="scale")

    def call(self, x):
        return self.net(x) * self.scale


net = Outer()
"""


def held_in(thing: Any, variable: Any) -> set[str]:
    """The attributes that lead to a variable, of all objects that the model is made of."""
    found: set[str] = set()
    for name, value in vars(thing).items():
        if name.startswith("_") or name in ("inputs", "outputs", "optimizer"):
            continue
        parts = list(value) if isinstance(value, list | tuple) else [value]
        for part in parts:
            if part is variable:
                found.add(name)
            elif any(each is variable for each in getattr(part, "variables", ())):
                found |= {name, *held_in(part, variable)}
    return found


def mapped_by(program: str, keras: Any, folder: Path) -> dict[str, tuple[Mapped, set[str]]]:
    """What each variable of the `net` that a program makes is mapped to, and the attributes that hold it."""
    keras.api.backend.clear_session()
    names = {"keras": keras.api, "layers": keras.layers, "__name__": "program"}
    exec(compile(program, "program.py", "exec"), names)
    net = names["net"]
    net(np.zeros((2, 8, 8, 3), "float32"))
    source = Source(_HEADER + program, str(folder / "program.py"))
    project = Project({source.file: source})
    mapper = Mapper(Making(project, LayerIndex(project)).everything())
    return {
        name_of(each): (mapper.variable(Variable(name_of(each))), held_in(net, each))
        for each in net.trainable_variables
    }


@pytest.mark.parametrize("program", [PLAIN, SECOND, EARLIER, PARTS, SUBCLASSES])
def test_each_variable_is_mapped_to_the_attribute_that_holds_its_layer(
    keras: Any, tensorflow: ModuleType, program: str, tmp_path: Path
) -> None:
    mapped = mapped_by(program, keras, tmp_path)
    wrong = {
        name: [each.attribute for each in told.candidates]
        for name, (told, held) in mapped.items()
        if not told.candidates or told.candidates[0].plain_attribute not in held
    }
    assert wrong == {}
    unsure = {attribute for told, held in mapped.values() if not told.is_certain for attribute in held}
    # When `build` runs, in which the third is made, the source does not say.
    assert unsure <= ({"third", "net", "kernel", "bias"} if program is SUBCLASSES else set())


def test_in_a_functional_model_each_variable_is_mapped_to_the_line_of_its_layer(
    keras: Any, tensorflow: ModuleType, tmp_path: Path
) -> None:
    mapped = mapped_by(FUNCTIONAL, keras, tmp_path)
    lines = {name: told.candidates[0].call.lineno for name, (told, _) in mapped.items() if told.is_certain}
    conv, calm, second, score = 9, 10, 11, 13
    assert [*lines.values()] == [conv, conv, calm, calm, second, second, score, score]


def test_the_objects_of_a_list_are_read_as_keras_prints_them(keras: Any, tensorflow: ModuleType) -> None:
    keras.api.backend.clear_session()
    layer = keras.layers.Dense(2)
    layer(np.zeros((1, 3), "float32"))
    (kernel, bias) = variables_in(str(layer.trainable_variables))
    assert (kernel.path, kernel.shape) == ("dense/kernel", (3, 2))
    assert (bias.path, bias.shape) == ("dense/bias", (2,))

"""What arrives before each operation of `kerasfix.keras.gradients`: no gradient, zeros, or one after all."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from installed import layer_class
from layer_setups import INPUTS, SETUPS, Setup
from test_gradient_facts import what_keras_says

from kerasfix.keras.gradients import (
    CASTS,
    KIND_OF,
    LOOKS,
    TRAINED,
    WHOLE_NUMBERS,
    WRAPPERS,
    ZEROS,
)
from kerasfix.keras.layers import LAYERS

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.keras

VALUES = [[0.3, 1.7, -0.6]]
# Names of other generations: TensorFlow 1 (under `tf.compat.v1`), and Keras 2.
VERSION_1 = {
    "tensorflow.arg_max",
    "tensorflow.arg_min",
    "tensorflow.ceil",
    "tensorflow.count_nonzero",
    "tensorflow.floordiv",
    "tensorflow.is_finite",
    "tensorflow.is_inf",
    "tensorflow.is_nan",
    "tensorflow.multinomial",
    "tensorflow.py_func",
    "tensorflow.random_shuffle",
    "tensorflow.rint",
    "tensorflow.to_int32",
    "tensorflow.to_int64",
}
# Layers that the flag does not matter to, and that have weights.
_MAPS, _LINES = ("maps",), ("sequences",)
_FILTERS, _KERNEL = {"filters": 2, "kernel_size": 2}, {"kernel_size": 2}
MORE_SETUPS = SETUPS | {
    **{f"{name}2D": Setup(_FILTERS, _MAPS) for name in ("Conv", "SeparableConv", "LocallyConnected")},
    **{f"{name}1D": Setup(_FILTERS, _LINES) for name in ("Conv", "SeparableConv", "LocallyConnected")},
    **{f"Conv3D{end}": Setup(_FILTERS, ("volumes",)) for end in ("", "Transpose")},
    "Conv1DTranspose": Setup(_FILTERS, _LINES),
    "Conv2DTranspose": Setup(_FILTERS, _MAPS),
    "DepthwiseConv1D": Setup(_KERNEL, _LINES),
    "DepthwiseConv2D": Setup(_KERNEL, _MAPS),
    **{name: Setup({}, ("vectors",)) for name in ("LayerNormalization", "PReLU", "RMSNormalization")},
}
# They have weights only if they are asked for, do not come from a gradient, or are those of cells.
_NOT_ALWAYS = {"AdditiveAttention", "RandomFourierFeatures", "STFTSpectrogram", "StackedRNNCells"}
_PAIRS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "isclose")


def call(name: str, function: Any, x: Any, tf: Any) -> Any:
    """One call of an operation, with the arguments that it wants besides `x`."""
    last = name.rpartition(".")[2]
    match last:
        case _ if last in _PAIRS or last in ("floordiv", "floor_divide"):
            return function(x, 0.5)
        case "arg_max" | "arg_min":
            return function(x, 1)
        case "bitcast" | "saturate_cast" | "cast":
            return function(x, "int32")
        case "numpy_function" | "py_func":
            return function(lambda value: value * 2, [x], tf.float32)
        case "searchsorted" if name.startswith("keras"):
            return function(np.array([0.0, 1.0], "float32"), x[0])
        case "searchsorted":
            return function(x, x)
        case "digitize":
            return function(x, np.array([0.0, 1.0], "float32"))
        case "in_top_k" if name.startswith("keras"):
            return function(x, [1], 1)
        case "in_top_k":
            return function([1], x, 1)
        case "categorical" | "multinomial":
            return function(x, 2)
        case "stateless_categorical":
            return function(x, 2, [1, 2])
        case "bincount":
            return function(tf.cast(x * x, tf.int32))
        case "nonzero":
            return function(x)[0]
        case "as_string":
            return tf.strings.to_number(function(x))
        case "Assert":
            return function(tf.reduce_all(x < 9), [x]) or tf.zeros(())
    return function(x)


def find(name: str, keras: Any, tf: ModuleType) -> Any:
    """The operation of a dotted name, or a skipped test."""
    root, *steps = name.split(".")
    if name in VERSION_1:
        found: Any = tf.compat.v1
    elif root == "tensorflow":
        found = tf
    else:
        found = {"keras": keras.api, "numpy": np}[root]
    for step in steps:
        found = getattr(found, step, None)
        if found is None:
            pytest.skip(f"{keras.api.__name__} has no {name}")
    return found


def gradient(function: Callable[[Any], Any], tf: Any) -> Any:
    """What a variable gets through `function`, alone and behind other operations that have gradients."""
    variable = tf.Variable(VALUES)
    with tf.GradientTape() as tape:
        made = function(variable * 2.0)
        loss = tf.reduce_sum(tf.cast(tf.convert_to_tensor(made), tf.float32) * 3.0)
    return tape.gradient(loss, variable)


KEYS = [name for name in KIND_OF if not name.startswith("jax.")]


@pytest.mark.parametrize("name", KEYS)
def test_no_gradient_passes_an_operation(name: str, keras: Any, tensorflow: ModuleType) -> None:
    function = find(name, keras, tensorflow)
    assert gradient(lambda x: call(name, function, x, tensorflow), tensorflow) is None


@pytest.mark.parametrize("name", sorted(ZEROS))
def test_zeros_come_through_a_sign(name: str, keras: Any, tensorflow: ModuleType) -> None:
    found = gradient(find(name, keras, tensorflow), tensorflow)
    assert found is not None
    assert not np.any(found.numpy())


@pytest.mark.parametrize("kind", ["float16", "float64", *sorted(WHOLE_NUMBERS - {"int"})])
@pytest.mark.parametrize("name", sorted(CASTS))
def test_a_cast_lets_it_through_to_floating_numbers_only(
    name: str, kind: str, keras: Any, tensorflow: ModuleType
) -> None:
    function = find(name, keras, tensorflow)
    if "saturate" in name and kind == "bool":
        pytest.skip("there is nothing to saturate")
    assert (gradient(lambda x: function(x, kind), tensorflow) is None) is (kind in WHOLE_NUMBERS)


@pytest.mark.parametrize("name", sorted(LOOKS - {"tensorflow.Assert"}))
def test_what_looks_returns_nothing_of_the_values(name: str, keras: Any, tensorflow: ModuleType) -> None:
    function = find(name, keras, tensorflow)

    def looked(x: Any) -> Any:
        found = function(x)
        return 0.0 if found is None or isinstance(found, str | bool) else found

    assert gradient(looked, tensorflow) is None


@pytest.mark.parametrize(
    ("what", "function"),
    [
        ("x > 0", lambda x, tf: x > 0.0),
        ("x == 0", lambda x, tf: x == 0.0),
        ("x // 2", lambda x, tf: x // 2.0),
        (".numpy()", lambda x, tf: x.numpy()),
        ("float()", lambda x, tf: float(x[0, 0])),
        ("int()", lambda x, tf: int(x[0, 0])),
        ("bool()", lambda x, tf: bool(x[0, 0])),
        ("np.array", lambda x, tf: np.array(x)),
        ("np.mean", lambda x, tf: np.mean(x)),
        ("np.sqrt", lambda x, tf: np.sqrt(x * x)),
        ("np.add", lambda x, tf: np.add(x, 1.0)),
        ("np.clip", lambda x, tf: np.clip(x, 0.0, 1.0)),
        ("one_hot", lambda x, tf: tf.one_hot(tf.argmax(x, -1), 3)),
        ("where", lambda x, tf: tf.where(x > 0.0, 1.0, 0.0)),
        ("numbers back", lambda x, tf: tf.convert_to_tensor(x.numpy())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_gradient_passes_what_is_written_without_a_function(
    what: str, function: Callable[[Any, Any], Any], tensorflow: ModuleType
) -> None:
    assert gradient(lambda x: function(x, tensorflow), tensorflow) is None


@pytest.mark.parametrize(
    "function",
    [
        lambda x, tf: x % 0.5,
        lambda x, tf: tf.sort(x),
        lambda x, tf: tf.math.top_k(x, 2)[0],
        lambda x, tf: tf.py_function(lambda value: value * 2, [x], tf.float32),
        lambda x, tf: tf.constant(x),
        lambda x, tf: tf.convert_to_tensor(x),
        lambda x, tf: tf.grad_pass_through(tf.round)(x),
        lambda x, tf: x + tf.stop_gradient(tf.round(x) - x),
        lambda x, tf: np.ones((1, 3), "float32") * x,
        lambda x, tf: abs(x) + sum(x) + max(x[0]),
        lambda x, tf: tf.where(x > 0.0, x, 0.0),
        lambda x, tf: tf.quantization.fake_quant_with_min_max_args(x),
        lambda x, tf: tf.clip_by_value(x, -1.0, 1.0),
    ],
)
def test_these_look_like_it_and_let_a_gradient_through(
    function: Callable[[Any, Any], Any], tensorflow: ModuleType
) -> None:
    found = gradient(lambda x: function(x, tensorflow), tensorflow)
    assert np.any(found.numpy())


@pytest.mark.parametrize(
    "function",
    [
        lambda x, tf: x.numpy(),
        lambda x, tf: float(tf.reduce_sum(x)),
        lambda x, tf: np.mean(x),
        lambda x, tf: tf.constant(x),
    ],
)
def test_plain_numbers_raise_where_a_function_is_compiled(
    function: Callable[[Any, Any], Any], tensorflow: ModuleType
) -> None:
    compiled = tensorflow.function(lambda x: tensorflow.convert_to_tensor(function(x, tensorflow)))
    with pytest.raises((AttributeError, NotImplementedError, TypeError)):
        compiled(tensorflow.constant(VALUES))


def blocked(keras: Any, operation: Callable[[Any], Any]) -> Any:
    layers = keras.layers

    class Net(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="net")
            self.before, self.after = layers.Dense(3, name="before"), layers.Dense(1, name="after")

        def call(self, x: Any) -> Any:
            return self.after(operation(self.before(x)))

    return Net()


def said_in_fit(keras: Any, operation: Callable[[Any], Any]) -> list[str]:
    net = blocked(keras, operation)
    net.compile(optimizer="sgd", loss="mse")
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    with what_keras_says() as said:
        net.fit(x, np.ones((8, 1), "float32"), verbose=0)
    return [text for text in said if "Gradients do not exist" in text]


def test_keras_warns_of_the_layers_before_a_rounding(keras: Any, tensorflow: ModuleType) -> None:
    said = said_in_fit(keras, tensorflow.round)
    assert said
    assert all("before" in text or keras.version < (3, 9) for text in said)
    assert not any("after" in text for text in said)


def test_keras_says_nothing_of_the_layers_before_a_sign(keras: Any, tensorflow: ModuleType) -> None:
    assert said_in_fit(keras, tensorflow.sign) == []


def test_a_model_that_only_chooses_can_not_be_trained(keras: Any, tensorflow: ModuleType) -> None:
    net = keras.api.Sequential([keras.layers.Dense(3), keras.layers.Lambda(tensorflow.round)])
    net.compile(optimizer="sgd", loss="mse")
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        net.fit(np.ones((4, 3), "float32"), np.ones((4, 3), "float32"), verbose=0)


@pytest.mark.parametrize("name", sorted(TRAINED | WRAPPERS))
def test_a_layer_has_weights_that_fit_trains(name: str, keras: Any, tensorflow: ModuleType) -> None:
    if (LAYERS[name].keras3 if keras.is_3 else LAYERS[name].keras2) is None:
        pytest.skip(f"this Keras has no {name}")
    setup = MORE_SETUPS[name]
    layer = setup.build(layer_class(keras, name), keras.layers, setup.insensitive)
    layer(*(INPUTS[each]() for each in setup.inputs))
    assert layer.trainable_variables


def test_a_table_of_every_layer_that_has_weights(keras: Any, tensorflow: ModuleType) -> None:
    """No layer of Keras that always has weights is left out, but for those that only wrap others."""
    left_out = []
    for name, setup in MORE_SETUPS.items():
        fact = LAYERS.get(name)
        if fact is None or fact.name != name or name in TRAINED | WRAPPERS:
            continue
        if (fact.keras3 if keras.is_3 else fact.keras2) is None:
            continue
        try:
            layer = setup.build(layer_class(keras, name), keras.layers)
            layer(*(INPUTS[each]() for each in setup.inputs))
        except Exception:  # what can not be built so is no layer with weights of its own
            continue
        if layer.trainable_variables:
            left_out.append(name)
    assert set(left_out) <= _NOT_ALWAYS


def test_pytorch_detaches(tensorflow: ModuleType) -> None:
    torch = pytest.importorskip("torch")
    x = torch.ones(2, requires_grad=True)
    assert not x.detach().requires_grad
    assert isinstance(x.sum().item(), float)


def test_jax_stops() -> None:
    jax = pytest.importorskip("jax")
    assert jax.grad(lambda x: jax.lax.stop_gradient(x) * 2.0)(1.0) == 0.0

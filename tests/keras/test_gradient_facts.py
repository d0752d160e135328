"""What a broken chain does to gradients, and what Keras says about it."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from nets import BATCH, IMAGES, model

np = pytest.importorskip("numpy")
pytestmark = [
    pytest.mark.keras,
    # No model here calls all of its layers; Keras 3 thinks that build() forgot the others.
    pytest.mark.filterwarnings("ignore:.*unbuilt state:UserWarning"),
]


def discriminator(keras: Any, *, broken: bool) -> Any:
    """Two blocks; in the broken one the second block starts from the inputs again."""
    layers = keras.layers

    class Discriminator(keras.api.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="discriminator")
            self.conv1 = layers.Conv2D(3, 3, padding="same", name="conv1")
            self.conv2 = layers.Conv2D(3, 3, padding="same", name="conv2")
            self.leaky1, self.leaky2 = layers.LeakyReLU(), layers.LeakyReLU()
            self.flatten = layers.Flatten()
            self.score = layers.Dense(1, name="score")

        def call(self, inputs: Any, training: Any = None) -> Any:
            x = self.leaky1(self.conv1(inputs))
            x = self.leaky2(self.conv2(inputs if broken else x))
            return self.score(self.flatten(x))

    return Discriminator()


def step(net: Any, tf: ModuleType, keras: Any) -> dict[str, Any]:
    """One step through a tape; what each variable got, by its name."""
    with tf.GradientTape() as recorded:
        loss = tf.reduce_mean(net(IMAGES, training=True) ** 2)
    gradients = recorded.gradient(loss, net.trainable_variables)
    keras.api.optimizers.SGD().apply_gradients(zip(gradients, net.trainable_variables, strict=True))
    names = [getattr(v, "path", v.name).removesuffix(":0") for v in net.trainable_variables]
    return dict(zip(names, gradients, strict=True))


@contextlib.contextmanager
def what_keras_says() -> Iterator[list[str]]:
    """Everything that is said meanwhile: Keras 3 warns, Keras 2 writes to TensorFlow's logger."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    listener, logger = Listener(), logging.getLogger("tensorflow")
    logger.addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield said
        said += [str(warning.message) for warning in caught]
    finally:
        logger.removeHandler(listener)


def test_a_broken_chain_leaves_exactly_the_skipped_layer_without_gradient(
    keras: Any, tensorflow: ModuleType
) -> None:
    with what_keras_says():
        gradients = step(discriminator(keras, broken=True), tensorflow, keras)
    missing = {name for name, gradient in gradients.items() if gradient is None}
    assert missing == {"discriminator/conv1/kernel", "discriminator/conv1/bias"}
    assert len(gradients) == 6


def test_the_mended_chain_gives_every_variable_a_gradient(keras: Any, tensorflow: ModuleType) -> None:
    with what_keras_says() as said:
        gradients = step(discriminator(keras, broken=False), tensorflow, keras)
    assert all(gradient is not None and np.any(gradient.numpy()) for gradient in gradients.values())
    assert not [text for text in said if "Gradients do not exist" in text]


def test_keras_names_the_variables_that_a_broken_chain_skips(keras: Any, tensorflow: ModuleType) -> None:
    with what_keras_says() as said:
        step(discriminator(keras, broken=True), tensorflow, keras)
    (text,) = {text for text in said if "Gradients do not exist" in text}  # Keras 2 says it twice
    if keras.is_3 and keras.version < (3, 9):
        pytest.skip("Keras 3 named variables without their path then")
    suffix = "" if keras.is_3 else ":0"
    names = f"['discriminator/conv1/kernel{suffix}', 'discriminator/conv1/bias{suffix}']"
    assert text.startswith(f"Gradients do not exist for variables {names} when minimizing the loss.")


def test_a_layer_that_is_never_called_has_no_variable_that_could_lack_a_gradient(
    keras: Any, tensorflow: ModuleType
) -> None:
    def call(self, x, training=None):
        return self.project(x)

    net = model(keras, call)
    net(BATCH)
    assert net.normalize.weights == []
    assert len(net.trainable_variables) == len(net.project.trainable_variables)

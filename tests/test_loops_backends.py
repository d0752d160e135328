"""Loops on JAX and on PyTorch (KF301, KF302)."""

from __future__ import annotations

import pytest

from tests.loop_variants import Loop, assert_is_settled

_JAX = """\
import os

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras
from keras import layers

model = keras.Sequential([layers.Dense(4), layers.Dropout(0.5)])
optimizer = keras.optimizers.Adam()
loss_fn = keras.losses.MeanSquaredError()


"""
_TORCH = """\
import os

os.environ["KERAS_BACKEND"] = "torch"
import torch
import keras
from keras import layers

model = keras.Sequential([layers.Dense(4), layers.Dropout(0.5)])
teacher = keras.Sequential([layers.Dense(4), layers.Dropout(0.5)])
loss_fn = torch.nn.MSELoss()


"""

ON_JAX = (
    Loop(
        "a loop of one's own",
        _JAX
        + """\
def compute_loss_and_updates(trainable_variables, non_trainable_variables, x, y):
    y_pred, non_trainable_variables = model.stateless_call(
        trainable_variables, non_trainable_variables, x<<, training=True>>
    )
    return loss_fn(y, y_pred), non_trainable_variables


grad_fn = jax.value_and_grad(compute_loss_and_updates, has_aux=True)


@jax.jit
def train_step(state, data):
    trainable_variables, non_trainable_variables, optimizer_variables = state
    x, y = data
    (loss, non_trainable_variables), grads = grad_fn(trainable_variables, non_trainable_variables, x, y)
    return loss


@jax.jit
def eval_step(state, data):
    x, y = data
    y_pred, _ = model.stateless_call(state[0], state[1], x)
    return loss_fn(y, y_pred)
""",
    ),
    Loop(
        "the function of the loss evaluates too",
        _JAX
        + """\
def compute_loss(trainable_variables, non_trainable_variables, x, y):
    y_pred, updates = model.stateless_call(trainable_variables, non_trainable_variables, x)
    return loss_fn(y, y_pred), updates


grad_fn = jax.value_and_grad(compute_loss, has_aux=True)


def evaluate(state, x, y):
    return compute_loss(state[0], state[1], x, y)
""",
        said=(
            (
                "KF301",
                "y_pred, updates = model.stateless_call(trainable_variables, non_trainable_variables, x)",
            ),
        ),
    ),
    Loop(
        "a train_step",
        """\
        import jax
        import keras


        class CustomModel(keras.Model):
            def __init__(self):
                super().__init__()
                self.drop = keras.layers.Dropout(0.5)

            def call(self, x, training=None):
                return self.drop(x, training=training)

            def compute_loss_and_updates(self, tv, ntv, x, y):
                y_pred, ntv = self.stateless_call(tv, ntv, x<<, training=True>>)
                return self.compute_loss(x, y, y_pred), (y_pred, ntv)

            def train_step(self, state, data):
                tv, ntv, ov, mv = state
                x, y = data
                grad_fn = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
                (loss, (y_pred, ntv)), grads = grad_fn(tv, ntv, x, y)
                return {}, (tv, ntv, ov, mv)
        """,
    ),
    Loop(
        "the flag is there",
        _JAX
        + """\
def compute_loss_and_updates(tv, ntv, x, y, training=False):
    y_pred, ntv = model.stateless_call(tv, ntv, x, training=training)
    return loss_fn(y, y_pred), ntv


grad_fn = jax.value_and_grad(compute_loss_and_updates, has_aux=True)


def train_step(state, x, y):
    return grad_fn(state[0], state[1], x, y, training=True)
""",
    ),
    Loop(
        "the variables of another model are held",
        _JAX
        + """\
def compute_loss(image, tv, ntv):
    features, _ = model.stateless_call(tv, ntv, image)
    return features.sum()


grad_fn = jax.grad(compute_loss)
""",
    ),
)

ON_TORCH = (
    Loop(
        "a loop with an evaluation in the same function",
        _TORCH
        + """\
def main(train_dataloader, val_dataloader):
    for epoch in range(3):
        for inputs, targets in train_dataloader:
            logits = model(inputs<<, training=True>>)
            loss = loss_fn(logits, targets)
            model.zero_grad()
            trainable_weights = [v for v in model.trainable_weights]
            loss.backward()
            gradients = [v.value.grad for v in trainable_weights]
            with torch.no_grad():
                optimizer.apply(gradients, trainable_weights)
        for x_batch_val, y_batch_val in val_dataloader:
            val_logits = model(x_batch_val)
            val_acc_metric.update_state(y_batch_val, val_logits)
""",
    ),
    Loop(
        "a teacher of which no variable is trained",
        _TORCH
        + """\
def train(batches):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x in batches:
        with torch.no_grad():
            wanted = teacher(x)
        loss = loss_fn(model(x<<, training=True>>), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
    ),
    Loop(
        "a train_step",
        """\
        import torch
        import keras


        class CustomModel(keras.Model):
            def __init__(self):
                super().__init__()
                self.drop = keras.layers.Dropout(0.5)

            def call(self, x, training=None):
                return self.drop(x, training=training)

            def train_step(self, data):
                x, y = data
                self.zero_grad()
                y_pred = self(x<<, training=True>>)
                loss = self.compute_loss(y=y, y_pred=y_pred)
                loss.backward()
                trainable_weights = [v for v in self.trainable_weights]
                gradients = [v.value.grad for v in trainable_weights]
                with torch.no_grad():
                    self.optimizer.apply(gradients, trainable_weights)
                return {m.name: m.result() for m in self.metrics}

            def test_step(self, data):
                x, y = data
                y_pred = self(x<<, training=False>>)
                self.compute_loss(y=y, y_pred=y_pred)
                return {m.name: m.result() for m in self.metrics}
        """,
    ),
    Loop(
        "a function that makes the loss",
        _TORCH
        + """\
def compute_loss(x, y):
    return loss_fn(model(x<<, training=True>>), y)


def train(batches):
    for x, y in batches:
        model.zero_grad()
        loss = compute_loss(x, y)
        loss.backward()
        optimizer.apply([v.value.grad for v in model.trainable_weights], model.trainable_weights)
""",
    ),
    Loop(
        "pseudo labels by the model itself, which PyTorch records not",
        _TORCH
        + """\
def train(batches):
    for x, y in batches:
        with torch.no_grad():
            pseudo = model(x)
        loss = loss_fn(model(x<<, training=True>>), pseudo)
        model.zero_grad()
        loss.backward()
        optimizer.apply([v.value.grad for v in model.trainable_weights], model.trainable_weights)
""",
    ),
    Loop(
        "a model of torch",
        """\
        import torch
        from torch import nn
        import keras


        class Net(nn.Module):
            def forward(self, x):
                return x


        net = Net()


        def train(x, y):
            loss = nn.functional.mse_loss(net(x), y)
            net.zero_grad()
            loss.backward()
        """,
    ),
)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in ON_JAX])
def test_on_jax(loop: Loop) -> None:
    assert_is_settled(loop)


@pytest.mark.parametrize("loop", [pytest.param(each, id=each.why) for each in ON_TORCH])
def test_on_pytorch(loop: Loop) -> None:
    assert_is_settled(loop)


_ARGUMENTS = (
    _JAX
    + """\
def loss_of({takes}):
    y_pred, state = model.stateless_call(weights, state, x{edit})
    return loss_fn(y, y_pred), state


def step(weights, state, x, y):
    return jax.value_and_grad({function}{by}, has_aux=True)({takes})
"""
)
_FIRST = "weights, state, x, y"
_SECOND = "state, weights, x, y"


@pytest.mark.parametrize(
    ("takes", "by", "is_trained"),
    [
        pytest.param(_FIRST, "", True, id="the first one, if nothing is said"),
        pytest.param(_SECOND, "", False, id="another one is the first"),
        pytest.param(_SECOND, ", argnums=1", True, id="by number"),
        pytest.param(_SECOND, ", 1", True, id="by number, without a name"),
        pytest.param(_SECOND, ", argnums=(1, 2)", True, id="one of several"),
        pytest.param(_SECOND, ", argnums=(0, 2)", False, id="none of several"),
        pytest.param(_SECOND, ", argnums=(0, 9)", False, id="more than there are"),
        pytest.param(_SECOND, ", argnums=number", False, id="who knows which"),
    ],
)
def test_the_arguments_by_which_jax_differentiates(takes: str, by: str, *, is_trained: bool) -> None:
    edit = "<<, training=True>>" if is_trained else ""
    assert_is_settled(Loop("", _ARGUMENTS.format(takes=takes, by=by, edit=edit, function="loss_of")))


def test_a_function_that_is_not_in_sight_is_differentiated() -> None:
    assert_is_settled(Loop("", _ARGUMENTS.format(takes=_FIRST, by="", edit="", function="other.loss_of")))

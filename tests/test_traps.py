"""Traps: programs that once were edited wrongly, or faults that once were missed.

In each of the first group an edit would break a model that works, or change what its author meant.
"""

from __future__ import annotations

import pytest

import kerasfix
from kerasfix.rules.base import HEADER

_ALL = tuple(kerasfix.Applicability)
_SAFE_AND_REPAIR = (kerasfix.Applicability.SAFE, kerasfix.Applicability.REPAIR)

# Why it is left alone, whether suggestions are made too, the program.
LEFT_ALONE = [
    (
        "a helper that has the flag is also handed to map_fn, without it",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x): return tf.map_fn(self._block, x)
    def _block(self, x, training=None): return self.bn(x)
""",
    ),
    (
        "call cannot take the flag, and its helper would get None",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, **kwargs):
        print(kwargs); return self._block(x)
    def _block(self, x, training=None): return self.bn(x)
""",
    ),
    (
        "a subclass calls super().call without the flag",
        _SAFE_AND_REPAIR,
        """\
class B(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=None): return self.bn(x)
class S(B):
    def call(self,x,**kw):
        print(kw); return super().call(x)
""",
    ),
    (
        "a nested function has a flag of its own, which its caller does not pass",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=None):
        def f(t, training=False): return self.bn(t)
        return f(x)
""",
    ),
    (
        "a helper is called with a star",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=None): return self._block(*x)
    def _block(self, a, b): return self.bn(a + b)
""",
    ),
    (
        "a public method of the class is called from the call of another one",
        _SAFE_AND_REPAIR,
        """\
class Enc(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=None): return self._block(x)
    def encode(self, x): return self._block(x)
    def _block(self, x): return self.bn(x)
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.enc = Enc()
    def call(self, x, training=None): return self.enc.encode(x)
""",
    ),
    (
        "a list of layers is extended with a function",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.ls = [layers.Dropout(.1)]; self.ls.extend([tf.nn.relu])
    def call(self, x, training=None):
        for l in self.ls: x = l(x)
        return x
""",
    ),
    (
        "a function is inserted into a list of layers",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.ls = [layers.Dropout(.1)]; self.ls.insert(0, tf.nn.relu)
    def call(self, x, training=None):
        for l in self.ls: x = l(x)
        return x
""",
    ),
    (
        "a function is put into the local list that becomes the attribute",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        ls = [layers.Dropout(.1)]; ls.append(tf.nn.relu); self.ls = ls
    def call(self, x, training=None):
        for l in self.ls: x = l(x)
        return x
""",
    ),
    (
        "an element of the list is replaced by a lambda",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.ls = [layers.Dropout(.1)]; self.ls[0] = lambda t: t
    def call(self, x, training=None):
        for l in self.ls: x = l(x)
        return x
""",
    ),
    (
        "a function is added to the list with +=",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.ls = [layers.Dropout(.1)]
        self.ls += [tf.nn.relu]
    def call(self, x, training=None):
        for l in self.ls: x = l(x)
        return x
""",
    ),
    (
        "a dict of layers is updated with a function",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.ls = {'a':layers.Dropout(.1)}
        self.ls.update(b=tf.nn.relu)
    def call(self, x, training=None):
        for l in self.ls.values(): x = l(x)
        return x
""",
    ),
    (
        "a comprehension has a loop variable of the name of another loop",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.ls = [layers.Dropout(.1)]
        self.fns=[tf.nn.relu]
    def call(self, x, training=None):
        for l in self.ls: x = l(x, training=training)
        return [l(x) for l in self.fns]
""",
    ),
    (
        "the layer is replaced from outside of the class",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=None):
        return self.d(x)
n = N(); n.d = lambda x: x
""",
    ),
    (
        "the layer is replaced later, by a nested function",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.d = layers.Dropout(.1)
        def f():
            self.d = lambda x: x
        self.f = f
    def call(self, x, training=None):
        return self.d(x)
""",
    ),
    (
        "the layer is replaced with setattr",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.d = layers.Dropout(.1)
        setattr(self, 'd', tf.nn.relu)
    def call(self, x, training=None):
        return self.d(x)
""",
    ),
    (
        "a decorator does not hand the flag on",
        _SAFE_AND_REPAIR,
        """\
def log(f):
    def g(self, x): return f(self, x)
    return g
class N(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    @log
    def call(self, x, training=None): return self.bn(x)
""",
    ),
    (
        "a tape calls an attribute that may be the model",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
class Trainer:
    def __init__(self, m): self.model = m
    def step(self, a):
        with tf.GradientTape() as t: p = self.model(a)
        return p
""",
    ),
    (
        "a tape calls a parameter that may be the model",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
def train(model, x):
    with tf.GradientTape() as t: p = model(x)
    return p
""",
    ),
    (
        "a tf.function with an input signature takes no None",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    @tf.function(input_signature=[tf.TensorSpec([None, 4])])
    def call(self, x): return self.bn(x)
""",
    ),
    (
        "augmentation reads the default of the flag from the context",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
        self.flip = layers.RandomFlip()
    def call(self, x, training=False):
        x = self.flip(x)
        return self.d(x, training=training)
""",
    ),
    (
        "something unknown may read the default of the flag from the context",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
        self.bb = make()
    def call(self, x, training=False):
        x = self.bb(x)
        return self.d(x, training=training)
""",
    ),
    (
        "the mode is decided by an attribute",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x): return self.d(x, training=not self.frozen)
""",
    ),
    (
        "the flag comes from the function around the class",
        _SAFE_AND_REPAIR,
        """\
def make(training):
    class N(keras.Model):
        def __init__(self):
            super().__init__()
            self.bn = layers.BatchNormalization()
            self.d = layers.Dropout(.1)
        def call(self, x): return self.d(x, training=training)
    return N
""",
    ),
    (
        "two heads, of which one is not used",
        _ALL,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.l1 = layers.Dense(2)
        self.v = layers.Dense(2)
        self.pi = layers.Dense(2)
        self.a = layers.Dense(2)
        self.b = layers.Dense(2)
        self.l = layers.Dense(2)
    def call(self, s, t=None):
        h = self.l1(s); value = self.v(h); logits = self.pi(h)
        return logits
""",
    ),
    (
        "a result that is dropped on purpose",
        _ALL,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.l1 = layers.Dense(2)
        self.v = layers.Dense(2)
        self.pi = layers.Dense(2)
        self.a = layers.Dense(2)
        self.b = layers.Dense(2)
        self.l = layers.Dense(2)
    def call(self, s, t=None):
        _ = self.a(s)
        return self.b(s)
""",
    ),
    (
        "two branches with inputs of their own",
        _ALL,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.l1 = layers.Dense(2)
        self.v = layers.Dense(2)
        self.pi = layers.Dense(2)
        self.a = layers.Dense(2)
        self.b = layers.Dense(2)
        self.l = layers.Dense(2)
    def call(self, s, t=None):
        a = self.l(s); b = self.v(t)
        return b
""",
    ),
    (
        "two inputs, each rebound",
        _ALL,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.l1 = layers.Dense(2)
        self.v = layers.Dense(2)
        self.pi = layers.Dense(2)
        self.a = layers.Dense(2)
        self.b = layers.Dense(2)
        self.l = layers.Dense(2)
    def call(self, s, t=None):
        s = self.l(s); t = self.l(t)
        return self.v(t)
""",
    ),
    (
        "only the shape of an output is used",
        _ALL,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.l1 = layers.Dense(2)
        self.v = layers.Dense(2)
        self.pi = layers.Dense(2)
        self.a = layers.Dense(2)
        self.b = layers.Dense(2)
        self.l = layers.Dense(2)
    def call(self, s, t=None):
        f = self.l(s); shape = tf.shape(f); out = self.v(s)
        return out
""",
    ),
    (
        "the output is deleted",
        _ALL,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.l1 = layers.Dense(2)
        self.v = layers.Dense(2)
        self.pi = layers.Dense(2)
        self.a = layers.Dense(2)
        self.b = layers.Dense(2)
        self.l = layers.Dense(2)
    def call(self, s, t=None):
        h = self.l(s); del h; return self.v(s)
""",
    ),
    (
        "a method that builds the layers on made-up input",
        _ALL,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def build_all(self, shape):
        x = tf.zeros(shape); self.bn(x); self.d(x)
    def call(self, x, training=None): return x
""",
    ),
    (
        "a layer whose call can not take the flag",
        _ALL,
        """\
class Blk(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, **kwargs):
        print(kwargs); return self.bn(x)
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.b=Blk()
    def call(self, x): return self.b(x)
""",
    ),
    (
        "a loss function that a tape calls runs the model",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
def compute_loss(model, x): return tf.reduce_mean(model(x))
net = G()
def step(x):
    with tf.GradientTape() as tape:
        return compute_loss(net, x)
""",
    ),
    (
        "train_step calls a method that calls the model itself",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
    def compute(self, x): return self(x)
    def train_step(self, data): return self.compute(data[0])
""",
    ),
    (
        "a list of models is trained",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
class GAN(keras.Model):
    def __init__(self):
        super().__init__()
        self.gens = [G(), G()]
    def train_step(self, z): return sum(g(z) for g in self.gens)
""",
    ),
    (
        "minimize takes a lambda",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
net = G()
opt = keras.optimizers.SGD()
opt.minimize(lambda: net(1), net.trainable_variables)
""",
    ),
    (
        "call is called directly in a tape",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
g = G()
with tf.GradientTape() as tape:
    y = g.call(1)
""",
    ),
    (
        "the model is an attribute of a plain object",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
s = State()
s.g = G()
with tf.GradientTape() as tape:
    y = s.g(1)
""",
    ),
    (
        "fakes are made before the tape",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
gen = G()
def step(z, d):
    fake = gen(z)
    with tf.GradientTape() as tape:
        loss = d(fake, training=True)
    return tape.gradient(loss, [])
""",
    ),
    (
        "a loop in PyTorch's style",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
net = G()
def step(z):
    net(z).mean().backward()
""",
    ),
    (
        "a Sequential of the layer is trained",
        _SAFE_AND_REPAIR,
        """\
class G(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
net = keras.Sequential([G()])
with tf.GradientTape() as tape:
    y = net(1)
""",
    ),
    (
        "the outer model calls its flag is_training",
        _SAFE_AND_REPAIR,
        """\
class G(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
class Outer(keras.Model):
    def __init__(self, k=0):
        super().__init__()
        self.b = G()
    def call(self, x, is_training=None): return self.b(x)
""",
    ),
    (
        "the outer model has a lambda in the other branch",
        _SAFE_AND_REPAIR,
        """\
class G(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
class Outer(keras.Model):
    def __init__(self, k=0):
        super().__init__()
        self.b = G()
        if k: self.b = lambda x: x
    def call(self, x): return self.b(x)
""",
    ),
    (
        "a layer whose model is not in sight",
        _SAFE_AND_REPAIR,
        """\
class G(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
""",
    ),
    (
        "predict_step relies on a helper whose default is True",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def enc(self, x, training=True): return self.d(x)
    def call(self, x, training=None): return self.enc(x, training=training)
    def predict_step(self, data): return self.enc(data[0])
""",
    ),
    (
        "a helper that one caller gives a mode",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def f(self, x, training=False): return self.d(x)
    def call(self, x, training=None):
        return self.f(x, training=training) + self.f(x, training=False)
""",
    ),
    (
        "the flag is set to something else",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=None):
        training = False
        return self.d(x)
""",
    ),
    (
        "a comprehension has a variable of the name of the flag",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=None):
        return [self.d(x) for training in range(3)]
""",
    ),
    (
        "augmentation behind a helper reads the default",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
        self.flip = layers.RandomFlip()
    def aug(self, x): return self.flip(x)
    def call(self, x, training=False):
        return self.d(self.aug(x), training=training)
""",
    ),
    (
        "augmentation of a sublayer reads the default",
        _SAFE_AND_REPAIR,
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
        self.flip = layers.RandomFlip()
        self.g = G()
    def call(self, x, training=False):
        return self.d(self.g.flip(x), training=training)
""",
    ),
    (
        "augmentation in a function of the module reads the default",
        _SAFE_AND_REPAIR,
        """\
flip = layers.RandomFlip()
def aug(x): return flip(x)
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
        self.flip = layers.RandomFlip()
    def call(self, x, training=False):
        return self.d(aug(x), training=training)
""",
    ),
    (
        "a subclass calls the method of its base by the name of the base, and relies on its default",
        _SAFE_AND_REPAIR,
        """\
class Base(keras.Model):
    def __init__(self):
        super().__init__()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
class Net(Base):
    def call(self, x): return Base.call(self, x)
""",
    ),
    (
        "a flag under another name, of a class that a function gets from somebody else",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
    def call(self, x, is_training=False): return self.bn(x, training=is_training)
def evaluate(net, x): return net(x, is_training=False)
evaluate(G(), 1)
evaluate(restored(), 1)
""",
    ),
    (
        "a flag under another name, which the keywords of a subclass carry",
        _SAFE_AND_REPAIR,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
    def call(self, x, is_training=False): return self.bn(x, training=is_training)
class H(G):
    def call(self, x, **kwargs): return super().call(x, **kwargs)
H()(1, is_training=True)
""",
    ),
    (
        "a string that says what to do is no flag",
        _ALL,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.d = layers.Dropout(.1)
    def call(self, x, train_mode=None):
        if train_mode == "train": x = self.d(x, training=True)
        return x if train_mode else -x
G()(1, train_mode="train")
""",
    ),
    (
        "a flag under another name beside a lambda with the right one",
        _ALL,
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.d = layers.Dropout(.1)
    def call(self, x, is_training=None):
        return (lambda y, training: self.d(y, training=is_training))(x, 1)
G()
""",
    ),
    (
        "a decorator of the project that takes no keywords",
        _ALL,
        """\
import functools
def logged(fn):
    @functools.wraps(fn)
    def inner(self, x): return fn(self, x)
    return inner
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.d = layers.Dropout(.1)
    @logged
    def call(self, x): return self.d(x)
""",
    ),
    (
        "a decorator of the project that hides the signature",
        _SAFE_AND_REPAIR,
        """\
def logged(fn):
    def inner(*args, **kwargs): return fn(*args, **kwargs)
    return inner
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.d = layers.Dropout(.1)
    @logged
    def call(self, x): return self.d(x)
""",
    ),
]

# What is mended, the program, what the mended program has in it.
MENDED = [
    (
        "call and its helper are mended together",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x): return self.block(x)
    def block(self, x, training=None): return self.bn(x)
""",
        [
            "def call(self, x, training=None): return self.block(x, training=training)",
            "return self.bn(x, training=training)",
        ],
    ),
    (
        "the train_step of another model relied on the default",
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
class GAN(keras.Model):
    def __init__(self):
        super().__init__()
        self.g = G()
    def train_step(self, z):
        with tf.GradientTape() as t: loss = tf.reduce_mean(self.g(z)**2)
        return loss
""",
        ["training=None", "self.g(z, training=True)"],
    ),
    (
        "a tape relied on the default, in a call with two inputs",
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, y, training=True): return self.d(x, training=training)
m = G()
with tf.GradientTape() as t: p = m(1, 2)
""",
        ["training=None", "m(1, 2, training=True)"],
    ),
    (
        "a layer that is called only to be built",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=None):
        if not self.built: self.bn(x)
        return self.d(x, training=training)
""",
        ["self.d(x"],
    ),
    (
        "two star imports of Keras",
        """\
from keras.layers import *
from keras.models import *
class N(Model):
    def __init__(self):
        super().__init__()
        self.d = Dropout(.5)
    def call(self, x):
        return self.d(x)
""",
        ["self.d(x, training=training)"],
    ),
    (
        "layers behind enumerate, zip, a slice and items()",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.bs = [layers.Dropout(.1)]
        self.cs=[layers.Dense(2)]
        self.dd={}
        self.dd['a']=layers.Dropout(.3)
    def call(self, x, training=None):
        for i, b in enumerate(self.bs): x = b(x)
        for b, c in zip(self.bs, self.cs): x = c(b(x))
        for b in self.bs[1:]: x = b(x)
        for k, v in self.dd.items(): x = v(x)
        return x
""",
        [
            "x = b(x, training=training)\n        for b, c",
            "x = c(b(x, training=training))",
            "self.bs[1:]: x = b(x, training=training)",
            "x = v(x, training=training)",
        ],
    ),
    (
        "a local Sequential that layers are added to",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        m = keras.Sequential()
        m.add(layers.Dropout(.1))
        self.m = m
    def call(self, x, training=None):
        return self.m(x)
""",
        ["self.m(x, training=training)"],
    ),
    (
        "the older tensor is read by keyword",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.c1=layers.Dense(3)
        self.c2=layers.Dense(3)
        self.c3=layers.Dense(3)
    def call(self, i):
        x = self.c1(i)
        x = self.c2(inputs=i)
        return x
""",
        ["self.c2(inputs=x)"],
    ),
    (
        "the older tensor is read inside an expression",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.c1=layers.Dense(3)
        self.c2=layers.Dense(3)
        self.c3=layers.Dense(3)
    def call(self, i):
        x = self.c1(i)
        x = self.c2(i + 1)
        return x
""",
        ["self.c2(x + 1)"],
    ),
    (
        "a plain operation reads the older tensor",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.c1=layers.Dense(3)
        self.c2=layers.Dense(3)
        self.c3=layers.Dense(3)
    def call(self, i):
        x = self.c1(i)
        x = tf.nn.relu(i)
        return self.c2(x)
""",
        ["tf.nn.relu(x)"],
    ),
    (
        "both branches read the older tensor",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.c1=layers.Dense(3)
        self.c2=layers.Dense(3)
        self.c3=layers.Dense(3)
    def call(self, i):
        x = self.c1(i)
        if self.deep:
            x = self.c2(i)
        else:
            x = self.c3(i)
        return x
""",
        ["self.c2(x)", "self.c3(x)"],
    ),
    (
        "a loop through enumerate, with a plain operation",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.c1=layers.Dense(3)
        self.c2=layers.Dense(3)
        self.c3=layers.Dense(3)
    def call(self, i):
        for n, l in enumerate([self.c1, self.c2]):
            x = tf.nn.relu(l(i))
        return x
""",
        ["x = i\n", "tf.nn.relu(l(x))"],
    ),
    (
        "a result in a name that nobody reads, before the next of a numbered row",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.c1=layers.Dense(3)
        self.c2=layers.Dense(3)
        self.c3=layers.Dense(3)
    def call(self, i):
        a = self.c1(i)
        b = self.c2(i)
        return b
""",
        ["self.c2(a)"],
    ),
    (
        "an LSTM and either of two layers get the flag by position",
        """\
class N(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn=layers.LSTM(3,dropout=.1)
        self.g=layers.BatchNormalization() if K else layers.Dropout(.2)
    def call(self, x, training=None):
        return self.g(self.rnn(x, None, training), training)
""",
        ["self.rnn(x, None, training=training)", "), training=training)"],
    ),
    (
        "Python's method resolution order, not the nearest name",
        """\
class A1(layers.Layer):
    def call(self, x): return x
class B(A1): pass
class C0(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x): return self.bn(x)
class C(C0): pass
class D(B, C): pass
""",
        ["def call(self, x, training=None): return self.bn(x, training=training)"],
    ),
    (
        "a tape that was made before the with",
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
net = G()
tape = tf.GradientTape()
with tape:
    y = net(1)
""",
        ["training=None", "net(1, training=True)"],
    ),
    (
        "the outer model has no flag and its tape no hint",
        """\
class G(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.g = G()
    def call(self, x): return self.g(x)
net = Net()
with tf.GradientTape() as tape:
    y = net(1)
""",
        ["net(1, training=True)", "self.g(x, training=training)"],
    ),
    (
        "super() in a mixin leads to a class that it does not name",
        """\
class Base(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x): return self.bn(x)
class Mix(layers.Layer):
    def call(self, x, training=None): return tf.nn.relu(super().call(x))
class Net(Mix, Base): pass
""",
        ["bn(x, training=training)", "super().call(x, training=training)"],
    ),
    (
        "a subclass overrides the helper without the flag",
        """\
class Base(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=None): return self.block(x)
    def block(self, x, training=None): return self.bn(x, training=training)
class Sub(Base):
    def block(self, x): return self.bn(x)
""",
        [
            "self.block(x, training=training)",
            "def block(self, x, training=None): return self.bn(x, training=training)\n",
        ],
    ),
    (
        "a list of models is trained by index",
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
class GAN(keras.Model):
    def __init__(self):
        super().__init__()
        self.gens = [G(), G()]
    def train_step(self, z): return self.gens[0](z)
""",
        ["training=None", "self.gens[0](z, training=True)"],
    ),
    (
        "a dict of models is trained",
        """\
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
models = {'g': G()}
with tf.GradientTape() as tape:
    y = models['g'](1)
""",
        ["training=None", "models['g'](1, training=True)"],
    ),
    (
        "a flag under another name, down to the loop that a class of one's own runs",
        """\
class B(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
    def call(self, x, train): return self.bn(x, train)
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.bs = [B() for _ in range(2)]
    def call(self, x, is_training=False):
        for b in self.bs: x = b(x, is_training)
        return x
class Loop:
    def __init__(self): self.net = G()
    def step(self, x):
        with tf.GradientTape() as tape: y = self.net(x, is_training=True)
        return y
    def test(self, x): return self.net(x, False)
""",
        [
            "def call(self, x, training=None): return self.bn(x, training=training)",
            "def call(self, x, training=None):\n        for b in self.bs: x = b(x, training=training)",
            "y = self.net(x, training=True)",
            "return self.net(x, training=False)",
        ],
    ),
    (
        "a decorator of the project with functools.wraps",
        """\
import functools
def logged(fn):
    @functools.wraps(fn)
    def inner(self, *args, **kwargs): return fn(self, *args, **kwargs)
    return inner
class G(keras.Model):
    def __init__(self):
        super().__init__()
        self.d = layers.Dropout(.1)
    @logged
    def call(self, x): return self.d(x)
""",
        ["def call(self, x, training=None): return self.d(x, training=training)"],
    ),
    (
        "the outer model hands on **kwargs",
        """\
class G(layers.Layer):
    def __init__(self):
        super().__init__()
        self.bn = layers.BatchNormalization()
        self.d = layers.Dropout(.1)
    def call(self, x, training=True): return self.d(x, training=training)
class Outer(keras.Model):
    def __init__(self, k=0):
        super().__init__()
        self.b = G()
    def call(self, x, **kwargs): return self.b(x, **kwargs)
""",
        [
            "x, training=None): return self.d",
            "x, training=None, **kwargs): return self.b(x, training=training, **kwargs)",
        ],
    ),
]


@pytest.mark.parametrize(
    ("applicability", "text"), [each[1:] for each in LEFT_ALONE], ids=[each[0] for each in LEFT_ALONE]
)
def test_left_alone(applicability: tuple[kerasfix.Applicability, ...], text: str) -> None:
    assert kerasfix.fix(HEADER + text, applicability=applicability).text == HEADER + text


@pytest.mark.parametrize(("text", "pieces"), [each[1:] for each in MENDED], ids=[each[0] for each in MENDED])
def test_mended(text: str, pieces: list[str]) -> None:
    text = text if text.startswith("from") else HEADER + text
    fixed = kerasfix.fix(text, applicability=_ALL)
    assert [piece for piece in pieces if piece not in fixed.text] == []
    assert kerasfix.fix(fixed.text, applicability=_ALL).text == fixed.text

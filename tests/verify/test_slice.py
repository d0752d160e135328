"""What of a module is run to get one class, and what is not."""

from __future__ import annotations

import ast

import pytest
from verify_models import dcgan

from kerasfix.verify.errors import SliceError
from kerasfix.verify.slice import slice_class

HOSTILE = """
import os, sys, socket, threading
import tensorflow as tf
import a_module_that_is_not_installed
from tensorflow.keras.layers import *

UNITS = 8
SIZES = [UNITS * n for n in range(3)]
open("{marker}", "w").write("ran")
socket.create_connection(("example.com", 80))
os.remove("precious.txt")
threading.Thread(target=print).start()
(images, labels), _ = tf.keras.datasets.mnist.load_data()
while True:
    break
for step in range(10 ** 9):
    print(step)
with open("{marker}", "w") as file:
    file.write("ran")
sys.exit(3)

class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = Dense(UNITS)
        images = 1

    def call(self, x):
        return helper(self.dense(x))

def helper(x):
    step = x
    return step + SIZES[0]

class Other(tf.keras.Model):
    data = open("{marker}", "w")

net = Net()
net.fit(images, labels)
if __name__ == "__main__":
    helper(open("{marker}", "w"))
"""


def top_level(text: str) -> list[str]:
    return [ast.unparse(node).splitlines()[0] for node in ast.parse(text).body]


def test_only_definitions_of_a_hostile_module_remain() -> None:
    assert top_level(slice_class(HOSTILE, "Net").text) == [
        "import tensorflow as tf",
        "from tensorflow.keras.layers import *",
        "UNITS = 8",
        "SIZES = [UNITS * n for n in range(3)]",
        "class Net(tf.keras.Model):",
        "def helper(x):",
    ]


def test_lines_keep_their_numbers() -> None:
    text = dcgan()
    sliced = slice_class(text, "DiscriminatorModel").text.splitlines()
    number = next(i for i, line in enumerate(text.splitlines()) if "self.conv2(inputs)" in line)
    assert sliced[number] == text.splitlines()[number]
    assert "GeneratorModel" not in "\n".join(sliced)


def test_a_class_needs_its_base_and_its_user_layers() -> None:
    text = (
        "import keras\nclass A(keras.layers.Layer): pass\nclass B(keras.Model):\n x = A\nclass Net(B): pass\n"
    )
    assert len(top_level(slice_class(text, "Net").text)) == 4


@pytest.mark.parametrize(
    "value",
    [
        "3 * 4",
        "{'units': 8, 'rate': .5}",
        "keras.initializers.RandomNormal(0., .02)",
        "tf.keras.regularizers.l2(1e-4)",
        "np.sqrt(2.)",
        "math.log(2)",
        "lambda x: open(x)",
        "'a,b'.split(',')",
        "Config()",
        "os.environ.get('UNITS', 3)",
    ],
)
def test_harmless_constants_are_kept(value: str) -> None:
    text = (
        "import keras, math, os\nimport numpy as np\nimport tensorflow as tf\n"
        "class Config:\n    units = 3\n"
        f"VALUE = {value}\nclass Net(keras.Model):\n    def call(self, x): return VALUE\n"
    )
    assert any(line.startswith("VALUE = ") for line in top_level(slice_class(text, "Net").text))


@pytest.mark.parametrize(
    "value",
    [
        "open('x').read()",
        "download()",
        "np.load('x.npy')",
        "[open(name) for name in 'ab']",
        "tf.keras.datasets.mnist.load_data()",
        "keras.models.load_model('x')",
        "keras.applications.VGG16()",
        "__import__('os').system('true')",
        "keras.utils.get_file('a', 'b')",
        "(lambda: open('x'))()",
        "Config()",
    ],
)
def test_a_needed_value_that_must_be_run_is_refused_with_its_line(value: str) -> None:
    text = (
        "import keras\nimport numpy as np\nimport tensorflow as tf\n"
        "class Config:\n    def __init__(self): open('x')\n"
        f"VALUE = {value}\nclass Net(keras.Model):\n    def call(self, x): return VALUE\n"
    )
    with pytest.raises(SliceError, match=r"it needs `VALUE`, which line 6 makes by running"):
        slice_class(text, "Net")


@pytest.mark.parametrize(
    "code",
    [
        "class Net(keras.Model):\n    data = open('x')\n",
        "class Net(keras.Model):\n    print('hello')\n",
        "class Net(keras.Model):\n    def call(self, x, y=open('x')): pass\n",
        "class Net(make_base(open('x'))): pass\n",
    ],
)
def test_a_class_statement_that_does_more_than_define_is_refused(code: str) -> None:
    with pytest.raises(SliceError):
        slice_class("import keras\n" + code, "Net")


def test_a_local_variable_does_not_drag_in_a_script_variable_of_its_name() -> None:
    text = "import keras\nx = load()\nclass Net(keras.Model):\n    def call(self, x):\n        return x\n"
    assert "load" not in slice_class(text, "Net").text


def test_an_annotation_needs_nothing() -> None:
    text = (
        "import keras\nfrom missing import T\n"
        "class Net(keras.Model):\n    def call(self, x: T) -> T: return x\n"
    )
    assert "missing" not in slice_class(text, "Net").text


def test_an_import_is_cut_down_to_the_names_that_are_needed() -> None:
    text = "import keras, not_there\nclass Net(keras.Model): pass\n"
    assert top_level(slice_class(text, "Net").text)[0] == "import keras"


def test_import_fallbacks_are_kept_whole() -> None:
    text = (
        "try:\n    import keras\nexcept ImportError:\n    from tensorflow import keras\n"
        "class Net(keras.Model): pass\n"
    )
    assert "except ImportError:" in slice_class(text, "Net").text


def test_type_checking_blocks_are_dropped() -> None:
    text = (
        "from typing import TYPE_CHECKING\nimport keras\nif TYPE_CHECKING:\n    from missing import T\n"
        "class Net(keras.Model): pass\n"
    )
    assert "missing" not in slice_class(text, "Net").text


def test_statements_that_share_a_line_are_told_apart() -> None:
    text = "import keras; run(); N = 3\nclass Net(keras.Model):\n    n = N\n"
    assert top_level(slice_class(text, "Net").text)[:2] == ["import keras", "N = 3"]


def test_a_mutation_belongs_to_the_constant() -> None:
    text = "import keras\nC = {}\nC['n'] = 3\nclass Net(keras.Model):\n    def call(self, x): return C\n"
    assert "C['n'] = 3" in slice_class(text, "Net").text


def test_the_backend_that_a_file_asks_for_is_reported() -> None:
    text = "import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras\nclass Net(keras.Model): pass\n"
    assert slice_class(text, "Net").backend == "jax"


def test_a_class_that_is_not_there_is_refused() -> None:
    with pytest.raises(SliceError, match="not defined at the top level"):
        slice_class("def f():\n    class Net: pass\n", "Net")

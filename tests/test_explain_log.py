"""`--explain-log`: real messages of Keras, and what comes of them.

The logs are what our own small programs wrote, under Keras 3.15.1 on TensorFlow, PyTorch and JAX, and under
Keras 2.21.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasfix.log.messages import Topic
from kerasfix.log.reading import Said, read_log

Run = Callable[..., subprocess.CompletedProcess[str]]

NET = """\
import keras
from keras import layers


class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.c1 = layers.Conv2D(3, 3, padding="same")
        self.c2 = layers.Conv2D(3, 3, padding="same")
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        h = self.c1(x)
        h = self.c2(x)
        return self.drop(h)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.stem = layers.Conv2D(3, 3, padding="same")
        self.blocks = [Block() for _ in range(2)]
        self.norm = layers.BatchNormalization()
        self.flat = layers.Flatten()
        self.head = layers.Dense(2)

    def call(self, x, training=None):
        y = self.stem(x)
        for b in self.blocks:
            y = b(y, training=training)
        return self.head(self.flat(self.norm(y, training)))


net = Net()
net.compile("sgd", "mse")
"""
NAMES = "['net/block/conv2d_1/kernel', 'net/block/conv2d_1/bias', 'net/block_1/conv2d_3/kernel']"
KERAS_3 = (
    "Epoch 1/2\n/usr/lib/python3/keras/src/optimizers/base_optimizer.py:862: UserWarning: Gradients do not "
    f"exist for variables {NAMES} when minimizing the loss. If using `model.compile()`, did you forget to "
    "provide a `loss` argument?\n  warnings.warn(\n"
    "\r\x1b[1m1/1\x1b[0m \x1b[32m━━━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m0s\x1b[0m 719ms/step\x08\x08\x08\r"
)
KERAS_2 = (
    "WARNING:tensorflow:Gradients do not exist for variables ['net/block/conv2d_1/kernel:0', "
    "'net/block/conv2d_1/bias:0', 'net/block_1/conv2d_3/kernel:0'] when minimizing the loss. If you're using "
    "`model.compile()`, did you forget to provide a `loss` argument?\n"
)
POSITIONAL = """\
Traceback (most recent call last):
  File "/home/somebody/net.py", line 39, in <module>
    net.fit(x, y)
  File "/usr/lib/python3/keras/src/utils/traceback_utils.py", line 122, in error_handler
    raise e.with_traceback(filtered_tb) from None
  File "/home/somebody/net.py", line 31, in call
    return self.head(self.flat(self.norm(y, training)))
                               ^^^^^^^^^^^^^^^^^^^^^^
ValueError: Exception encountered when calling Net.call().

\x1b[1mOnly input tensors may be passed as positional arguments. The following argument value should be \
passed as a keyword argument: True (of type <class 'bool'>)\x1b[0m

Arguments received by Net.call():
  • x=tf.Tensor(shape=(None, 8, 8, 3), dtype=float32)
  • training=True
"""
NONE_IN_KERAS_2 = """\
    File "/usr/lib/python3/tf_keras/src/optimizers/utils.py", line 77, in filter_empty_gradients
        raise ValueError(

    ValueError: No gradients provided for any variable: (['net/block/conv2d_1/kernel:0', \
'net/block/conv2d_1/bias:0'],). Provided `grads_and_vars` is ((None, <tf.Variable \
'net/block/conv2d_1/kernel:0' shape=(3, 3, 3, 3) dtype=float32>), (None, <tf.Variable \
'net/block/conv2d_1/bias:0' shape=(3,) dtype=float32>)).
"""
NONE_IN_KERAS_3 = """\
    raise ValueError("No gradients provided for any variable.")
ValueError: No gradients provided for any variable.
"""
SILENT = "\x1b[1m1/1\x1b[0m \x1b[32m━━━━\x1b[0m \x1b[1m0s\x1b[0m 462ms/step - loss: 0.0000e+00\n"


def said_in(text: str | bytes) -> list[Said]:
    return read_log(io.BytesIO(text.encode() if isinstance(text, str) else text))


def paths(said: Said) -> list[str]:
    return [each.path for each in said.variables]


CONV = ["net/block/conv2d_1/kernel", "net/block/conv2d_1/bias", "net/block_1/conv2d_3/kernel"]


@pytest.fixture
def explain(tmp_path: Path, kerasfix: Run) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(log: str, source: str = NET, *options: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "net.py").write_text(source)
        (tmp_path / "train.log").write_text(log)
        return kerasfix("--explain-log", "train.log", *options)

    return run


@pytest.mark.parametrize("log", [KERAS_3, KERAS_2, KERAS_2 * 4, NONE_IN_KERAS_2])
def test_the_finding_comes_first_and_then_the_layers(explain: Run, log: str) -> None:
    done = explain(log)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("log: ")
    assert lines[1].startswith(
        "net.py:14:21: KF201 `self.c2` reads `x` instead of `h`, so that the output of c1"
    )
    assert (
        "  net/block/conv2d_1 (kernel, bias) → self.c1, made at net.py:8 (class Block), "
        "inside self.blocks at net.py:22 (class Net)"
    ) in lines
    assert lines[-1] == "1 message of Keras in train.log, 1 explained by the source"
    assert done.returncode == 1


def test_a_missing_gradient_is_not_explained_with_the_flag(explain: Run) -> None:
    done = explain(KERAS_3)
    assert "KF201" in done.stdout
    assert "KF10" not in done.stdout


def test_what_is_repeated_is_told_once_with_a_count(explain: Run) -> None:
    done = explain(KERAS_2 * 4)
    assert done.stdout.count("log: ") == 1
    assert "(4 times)" in done.stdout


def test_a_flag_by_position_is_explained_at_the_line_that_raised(explain: Run) -> None:
    done = explain(POSITIONAL)
    lines = done.stdout.splitlines()
    assert lines[1].startswith("net.py:31:49: KF104 ")
    assert "  raised at net.py:31" in lines
    assert "KF201" not in done.stdout


def test_the_line_that_raised_is_found_although_lines_were_added_since(explain: Run) -> None:
    done = explain(POSITIONAL, "# Copyright\n" + NET)
    assert "  raised at net.py:32" in done.stdout.splitlines()


def test_a_log_from_windows_names_files_with_backslashes(explain: Run) -> None:
    done = explain(POSITIONAL.replace("/home/somebody/", "C:\\Users\\somebody\\"))
    assert "  raised at net.py:31" in done.stdout.splitlines()


def test_an_expression_that_is_nested_deeply_is_left_out(explain: Run) -> None:
    deep = "x = " + "(" * 90 + "1" + " + 1)" * 90 + "\ny = " + " + ".join(["x"] * 600) + "\n"
    done = explain(KERAS_3, NET + deep)
    assert "→ self.c1, made at net.py:8" in done.stdout


def test_another_line_is_not_taken_for_the_one_that_raised(explain: Run) -> None:
    mended = NET.replace("self.norm(y, training)", "self.norm(y, training=training)")
    done = explain(POSITIONAL, mended)
    assert "raised at" not in done.stdout
    assert "Nothing that kerasfix finds in the source explains it" in done.stdout
    assert done.returncode == 1


def test_a_message_that_names_nothing_is_answered_with_what_may_be_why(explain: Run) -> None:
    done = explain(NONE_IN_KERAS_3)
    assert "this may be why" in done.stdout
    assert "KF201" in done.stdout
    assert done.stdout.endswith("1 message of Keras in train.log, 0 explained by the source\n")


def test_a_source_without_the_fault_is_not_blamed(explain: Run) -> None:
    done = explain(KERAS_3, NET.replace("self.c2(x)", "self.c2(h)"))
    assert "KF201" not in done.stdout
    assert "Nothing that kerasfix finds in the source explains it" in done.stdout
    # The lines are told nevertheless.
    assert "→ self.c1, made at net.py:8" in done.stdout


def test_variables_of_another_program_are_not_mapped(explain: Run) -> None:
    done = explain(KERAS_3.replace("net/block", "critic/stage").replace("conv2d", "dense_block"))
    assert "the source shows no layer of these names" in done.stdout
    assert "KF201" not in done.stdout


def test_a_log_without_a_message_is_worth_one_line_and_exit_code_0(explain: Run) -> None:
    done = explain(SILENT)
    text = "No message of Keras about gradients, the training flag or unbuilt layers in train.log\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, text, "")


def test_a_log_that_is_not_there_is_an_error(kerasfix: Run) -> None:
    done = kerasfix("--explain-log", "nowhere.log")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "nowhere.log: error: cannot be read: No such file or directory\n"


def test_a_source_that_cannot_be_parsed_is_an_error_and_the_others_answer(
    explain: Run, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("import keras\n\nclass Net(:\n")
    done = explain(KERAS_3)
    assert done.returncode == 2
    assert "KF201" in done.stdout
    assert done.stderr.startswith("broken.py:3: error: syntax error")


def test_standard_input_is_read_as_a_log(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    command = [sys.executable, "-m", "kerasfix", "--explain-log", "-", "net.py"]
    done = subprocess.run(command, input=KERAS_3.encode(), cwd=tmp_path, capture_output=True, check=False)
    assert b"net.py:14:21: KF201" in done.stdout
    assert b"1 message of Keras in standard input" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize("option", ["--diff", "--apply", "--verify"])
def test_a_log_goes_with_nothing_that_writes_or_runs(explain: Run, option: str) -> None:
    done = explain(KERAS_3, NET, option)
    assert done.returncode == 2
    assert "--explain-log goes with none of" in done.stderr


def test_ignored_rules_explain_nothing(explain: Run) -> None:
    done = explain(KERAS_3, NET, "--ignore", "KF201")
    assert "KF201" not in done.stdout


def test_old_keras_3_says_only_the_last_part_of_names(explain: Run) -> None:
    done = explain(KERAS_3.replace(NAMES, "['kernel', 'bias', 'gamma']"))
    assert "  kernel → probably self.c1, made at net.py:8 (class Block)" in done.stdout
    assert "gamma: Keras says no more of its name" in done.stdout
    assert "  not explained by the source: gamma" in done.stdout


def test_numbers_that_another_program_gave_leave_several_candidates(explain: Run) -> None:
    """A notebook whose cell ran again: the numbers went on."""
    mended = NET.replace("self.c2(x)", "self.c2(h)")
    done = explain(KERAS_3.replace("conv2d_1", "conv2d_16").replace("block/", "block_6/"), mended)
    assert "net/block_6/conv2d_16 (kernel, bias) is one of these, the likeliest first:" in done.stdout


def test_colours_progress_bars_and_wrapped_lines_are_seen_through() -> None:
    wrapped = "\n".join(KERAS_3[start : start + 40] for start in range(0, len(KERAS_3), 40))
    [said] = said_in(wrapped)
    assert paths(said) == CONV


def test_the_time_before_each_line_is_no_part_of_a_message() -> None:
    lines = KERAS_3.replace("', '", "',\n '").splitlines()
    [said] = said_in("\n".join(f"2026-01-02 03:04:05,678 {line}" for line in lines))
    assert paths(said) == CONV


def test_lists_of_variables_as_objects() -> None:
    objects = (
        "[<tf.Variable 'net/conv2d/kernel:0' shape=(3, 3, 3, 8) dtype=float32, numpy=\narray([[1., 2.]])>,\n "
        "<KerasVariable shape=(8,), dtype=float32, path=net/conv2d/bias>, "
        "<Variable path=net/dense/kernel, shape=(4, 2), dtype=float32, value=[[1. 2.]]>]"
    )
    [said] = said_in(KERAS_3.replace(NAMES, objects))
    assert [(each.path, each.shape) for each in said.variables] == [
        ("net/conv2d/kernel", (3, 3, 3, 8)),
        ("net/conv2d/bias", (8,)),
        ("net/dense/kernel", (4, 2)),
    ]


def test_a_printed_shape_tells_layers_apart(explain: Run) -> None:
    source = NET.replace("self.c2 = layers.Conv2D(3,", "self.c2 = layers.Conv2D(16,")
    printed = "[<tf.Variable 'net/block_9/conv2d_19/kernel:0' shape=(3, 3, 3, 16) dtype=float32>]"
    done = explain(KERAS_3.replace(NAMES, printed), source)
    assert "net/block_9/conv2d_19 (kernel) → self.c2, made at net.py:9" in done.stdout


def test_tensorflow_1_lists_what_has_no_gradient() -> None:
    [said] = said_in(
        "ValueError: No gradients provided for any variable, check your graph for ops that do not support "
        "gradients, between variables [\"<tf.Variable 'dense/kernel:0' shape=(3, 3) dtype=float32>\"] and "
        'loss Tensor("Mean:0", shape=(), dtype=float32).'
    )
    assert (said.message.topic, paths(said)) == (Topic.NO_GRADIENTS, ["dense/kernel"])


def test_words_in_the_source_of_keras_are_no_message() -> None:
    [said] = said_in(NONE_IN_KERAS_3)
    assert said.count == 1


def test_bytes_that_are_no_text_and_windows_logs() -> None:
    [said] = said_in(b"\x80\xff\xfe\x00" * 50 + b"\xe9\n" + KERAS_3.encode() + b"\x80\xff")
    assert paths(said) == CONV
    [said] = said_in(KERAS_3.replace("\n", "\r\n").encode("utf-16"))
    assert paths(said) == CONV


def test_a_traceback_of_something_else_is_not_taken_for_that_of_a_message() -> None:
    other = POSITIONAL.partition("ValueError")[0] + "KeyError: 'x'\n" + "step\n" * 1000
    [said] = said_in(other + "No gradients provided for any variable.\n")
    assert said.frames == ()


def test_a_big_log_is_read_in_pieces(tmp_path: Path) -> None:
    """Messages everywhere, also across the ends of the pieces, each counted once."""
    noise = "step 1: loss 0.1\n" * 9_000
    names = ", ".join(f"'net/dense_{number}/kernel'" for number in range(1, 5_000))
    long = f"Gradients do not exist for variables [{names}] when minimizing the loss.\n"
    with open(tmp_path / "big.log", "w") as file:
        for _ in range(40):
            file.write(noise + KERAS_2)
        file.write(long + noise * 30)
    with open(tmp_path / "big.log", "rb") as stream:
        first, second = read_log(stream)
    assert (first.count, second.count) == (40, 1)
    assert len(second.variables) == 4_999

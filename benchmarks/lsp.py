"""Types into a file of models, and measures how soon the language server says what is wrong with it.

    python -m benchmarks.lsp                  300 keystrokes in 2,000 lines, then 1,000 edits
    python -m benchmarks.lsp --lines 4000

A server of its own is started, as an editor does. One character at a time is typed, with a pause behind each
in which the diagnostics of that very version come in: once as the server pushes them, which it does only
after a moment of quiet, and once as an editor asks for them. Then edits come faster than they can be
checked, and the memory, the threads and the processes are counted before and after. Needs pytest-lsp and
psutil.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
import psutil
from rich.console import Console

from kerasfix.lsp.server import DEBOUNCE
from tests.lsp.editor import Editor, editor

# Between two keystrokes of somebody who types.
_PAUSE = 0.1
_HEAD = "import tensorflow as tf\nfrom tensorflow import keras\nfrom tensorflow.keras import layers\n"
_MODEL = """

class Block{0}(layers.Layer):
    def __init__(self, units=16, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.BatchNormalization()
        self.dense1 = layers.Dense(units, activation="relu")
        self.dense2 = layers.Dense(units)
        self.drop = layers.Dropout(rate)
        self.add = layers.Add()

    def call(self, inputs{1}):
        x = self.norm(inputs)
        x = self.dense1(x)
        x = self.drop(x)
        x = self.dense2({2})
        return self.add([inputs, x])


class Model{0}(keras.Model):
    def __init__(self, depth=3):
        super().__init__()
        self.blocks = [Block{0}() for _ in range(depth)]
        self.pool = layers.GlobalAveragePooling1D()
        self.head = layers.Dense(10, activation="softmax")

    def call(self, inputs, training=None):
        x = inputs
        for block in self.blocks:
            x = block(x, training=training)
        x = self.pool(x)
        return self.head(x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training={3})
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {{"loss": loss}}


def build{0}(units):
    inputs = keras.Input((None, units))
    x = layers.Dense(units, activation="relu")(inputs)
    x = layers.Dropout(0.2)(x)
    x = Block{0}(units)(x)
    return keras.Model(inputs, x)
"""


def program(lines: int) -> str:
    """A file of models; one in three has a fault, and each another one."""
    text, number = _HEAD, 0
    while text.count("\n") < lines:
        faults = (
            ("", "x", "True"),
            (", training=None", "inputs" if number % 2 else "x", "True"),
            (", training=None", "x", "True"),
        )
        text += _MODEL.format(number, *faults[number % 3])
        number += 1
    return text


async def typed(client: Editor, uri: str, edits: int, pause: float, *, pull: bool) -> list[float]:
    """Seconds from each keystroke until the diagnostics of that version are there."""
    taken = []
    text = client.texts[uri]
    text = text.replace("    x = self.pool(x)", "    x = self.pool(x)\n        x = x", 1)
    place = text.index("        x = x") + len("        x = x")
    # At each keystroke but the space this is Python again, so that nearly all of it is looked at each time.
    word = " + xxxxxxxxxxxxxx"
    for number in range(edits):
        text = text[:place] + word[number % len(word)] + text[place:]
        place += 1
        begin = time.perf_counter()
        client.type(uri, text)
        if pull:
            await client.pull(uri)
        else:
            version = client.versions[uri]
            while client.said.get(uri) != version:
                await asyncio.sleep(0.001)
                if time.perf_counter() - begin > 30:
                    raise click.ClickException(f"no diagnostics of version {version}")
        taken.append(time.perf_counter() - begin)
        await asyncio.sleep(pause)
    return taken


def row(name: str, seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"{name:34} median {statistics.median(ordered):.3f} s, p95 {p95:.3f} s, most {ordered[-1]:.3f} s"


def footprint(process: psutil.Process) -> tuple[float, int, int]:
    """Megabytes, threads, and processes below a process."""
    return (
        process.memory_info().rss / 1e6,
        process.num_threads(),
        len(process.children(recursive=True)),
    )


async def measure(lines: int, keystrokes: int, edits: int, console: Console) -> bool:
    """Whether nothing is left behind."""
    text = program(lines)
    console.print(
        f"{text.count(chr(10))} lines, {keystrokes} keystrokes, {DEBOUNCE} s of quiet before a push"
    )
    for pull in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            before = {each.pid for each in psutil.Process().children()}
            async with editor(Path(folder), pull=pull) as client:
                [server] = [each for each in psutil.Process().children() if each.pid not in before]
                begin = time.perf_counter()
                uri = client.open("models.py", text)
                first = await (client.pull(uri) if pull else client.pushed(uri, 1))
                console.print(f"opened: {len(first)} findings after {time.perf_counter() - begin:.3f} s")
                seconds = await typed(client, uri, keystrokes, _PAUSE, pull=pull)
                console.print(row("pulled" if pull else "pushed, with the quiet", seconds))
                if pull:
                    continue
                at_first = footprint(server)
                for number in range(edits):
                    client.type(uri, f"{text}\nx = {number}\n")
                    await asyncio.sleep(0.01)
                await client.pushed(uri, client.versions[uri])
                at_last = footprint(server)
                for name, one in (("before", at_first), (f"after {edits} edits", at_last)):
                    console.print(f"{name:34} {one[0]:.0f} MB, {one[1]} threads, {one[2]} processes below")
            is_gone = not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
            console.print(
                f"{'the server, when the editor is gone':34} {'ended' if is_gone else 'STILL RUNS'}"
            )
            if not is_gone or at_last[1] > at_first[1] or at_last[2]:
                return False
    return True


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--lines", default=2000, show_default=True)
@click.option("--keystrokes", default=300, show_default=True)
@click.option("--edits", default=1000, show_default=True)
def main(lines: int, keystrokes: int, edits: int) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not asyncio.run(measure(lines, keystrokes, edits, console)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

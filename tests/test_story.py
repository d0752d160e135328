"""The story that must work: the DCGAN of a tutorial, from its faults to the proof of its fix."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Done, Run, run_command

pytestmark = pytest.mark.keras

AFTER = """\
    def call(self,inputs,training=None):

        # first block
        x=self.conv1(inputs)
        x=self.leaky1(x)
        x=self.dropout1(x,training=training)

        # second block
        x=self.conv2(x)
        x=self.leaky2(x)
        x=self.dropout2( x,training=training )

        x=self.flatten(x)
        return self.score(x)   # real or fake
"""


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """The folder after `kerasfix --apply --verify dcgan.py`, which all tests here look at."""
    pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("story")
    fixture = Path(__file__).parent / "fixtures" / "dcgan"
    for file in fixture.glob("*.py"):
        (folder / file.name).write_bytes(file.read_bytes())
    options = [
        "--apply",
        "--verify",
        "--python",
        sys.executable,
        "--device",
        "cpu",
        "--report",
        "report.json",
        "--report",
        "report.html",
    ]
    return folder, run_command(folder, *options, "dcgan.py")


@pytest.fixture(scope="module")
def models(verified: tuple[Path, Done]) -> dict[str, dict[str, Any]]:
    report = json.loads((verified[0] / "report.json").read_text("utf-8"))
    return {model["class_name"]: model for model in report["models"]}


def test_all_is_written_and_nothing_is_left(verified: tuple[Path, Done]) -> None:
    folder, done = verified
    assert done.returncode == 0, done.stdout + done.stderr
    text = (folder / "dcgan.py").read_text()
    assert text.endswith(AFTER)
    assert "        x=self.bn(x,training=training)   # noise -> features\n" in text
    assert "Fixed dcgan.py: KF102 (2), KF103 (2), KF104, KF201" in done.stdout


def test_the_generator_raised_and_trains_now(models: dict[str, dict[str, Any]]) -> None:
    model = models["GeneratorModel"]
    assert model["verdict"] == "proved"
    assert "Only input tensors may be passed as positional arguments" in model["before"]["raised"]
    assert model["before"]["raised_line"] == 25
    assert model["after"]["raised"] is None
    assert len(model["after"]["trainable"]) == 6
    assert model["after"]["sensitive"]["bn"]["received"] == {
        "fit": True,
        "evaluate": False,
        "predict": False,
        "call": None,
        "tape": True,
    }
    assert model["after"]["sensitive"]["bn"]["statistics_moved"]["fit"] is True
    assert model["after"]["sensitive"]["bn"]["statistics_moved"]["call"] is False


def test_the_first_block_of_the_discriminator_was_dead_and_learns_now(
    models: dict[str, dict[str, Any]],
) -> None:
    model = models["DiscriminatorModel"]
    before, after = model["before"], model["after"]
    assert model["verdict"] == "proved"
    assert len(before["trainable"]) == 6
    assert sorted(before["missing_gradient"]) == ["conv1/bias", "conv1/kernel"]
    assert before["layers_not_reached"] == ["conv1", "leaky1", "dropout1"]
    assert after["missing_gradient"] == after["layers_not_reached"] == after["not_moved"] == []
    assert len(after["trainable"]) == 6


def test_a_missing_gradient_is_traced_back_to_its_lines(models: dict[str, dict[str, Any]]) -> None:
    traces = models["DiscriminatorModel"]["traces"]
    assert [(trace["variable"], trace["made_line"], trace["lost_line"]) for trace in traces] == [
        ("conv1/kernel", 39, 58),
        ("conv1/bias", 39, 58),
    ]


def test_a_plain_call_drops_no_more(models: dict[str, dict[str, Any]]) -> None:
    before = models["DiscriminatorModel"]["before"]["sensitive"]["dropout2"]
    after = models["DiscriminatorModel"]["after"]["sensitive"]["dropout2"]
    assert (before["received"]["call"], after["received"]["call"]) == (True, None)
    assert (before["dropped"]["call"], after["dropped"]["call"]) == (True, False)
    assert before["dropped"]["fit"] is after["dropped"]["fit"] is True


def test_nothing_was_downloaded_and_no_other_file_came(
    verified: tuple[Path, Done],
) -> None:
    names = sorted(path.name for path in verified[0].iterdir())
    assert names == ["dcgan.py", "report.html", "report.json", "train.py"]


def test_the_report_says_it_for_people(verified: tuple[Path, Done]) -> None:
    shown = [" ".join(line.split()) for line in verified[1].stdout.splitlines()]
    lost = "lost on line 58"
    assert f"no gradient 2 of 6 variables: conv1/kernel, conv1/bias, {lost} none of 6 variables" in shown
    assert f"not reached 3 of 8 layers: conv1, leaky1, dropout1, {lost} none of 8 layers" in shown
    assert "raised ValueError: Only input tensors may be passed as positional nothing" in shown
    assert "bn (BatchNormalization) - - - - - True False False None True" in shown
    assert ", CPU, " in verified[1].stdout


def test_the_report_is_a_page_too(verified: tuple[Path, Done]) -> None:
    text = (verified[0] / "report.html").read_text("utf-8")
    assert text.index("GeneratorModel") < text.index("DiscriminatorModel")
    assert "does not reach the output" in text
    assert "lost on line 58" in text


def test_the_diff_with_verify_shows_what_apply_with_verify_wrote(
    verified: tuple[Path, Done], dcgan: Path, kerasfix: Run
) -> None:
    done = kerasfix("--diff", "--verify", "--python", sys.executable, "dcgan.py")
    assert done.returncode == 1
    assert "+        x=self.conv2(x)\n" in done.stdout
    assert done.stdout.startswith("--- a/dcgan.py\n")
    subprocess.run(["git", "apply", "-"], input=done.stdout.encode(), cwd=dcgan, check=True)
    assert (dcgan / "dcgan.py").read_bytes() == (verified[0] / "dcgan.py").read_bytes()

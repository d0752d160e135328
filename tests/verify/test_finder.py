"""Arguments and inputs that go together: when a smaller instance is looked for. Nothing imports Keras."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kerasfix.verify.worker import finder, inputs
from kerasfix.verify.worker.arguments import Maker
from kerasfix.verify.worker.candidates import Array, Spec
from kerasfix.verify.worker.finder import Finder
from kerasfix.verify.worker.inputs import Prober
from kerasfix.verify.worker.load import Refused

KERAS = SimpleNamespace(layers=SimpleNamespace(Layer=object), Model=object)
SPEC = Spec("one", (Array((4, 16)),))


class _Sized:
    def __init__(self, units: int = 512) -> None:
        self.units = units


class _Fixed:
    def __init__(self, rate: float = 0.5) -> None:
        self.units = 512


class _FakeProber:
    """Takes as long as the instance is large; finds nothing for instances of the sizes in `refused`."""

    refused: tuple[int, ...] = ()
    nearest = None
    is_heavy = True

    def __init__(self, *_: Any, **__: Any) -> None:
        self.took = 0.0

    def find(self, example: Any, *_: Any) -> Spec:
        self.took = example.units / 100
        if example.units in self.refused:
            raise Refused("inputs", "none ran")
        return SPEC


def _found(
    cls: type, monkeypatch: pytest.MonkeyPatch, refused: tuple[int, ...] = (), **more: Any
) -> dict[str, Any]:
    monkeypatch.setattr(finder, "Prober", _FakeProber)
    monkeypatch.setattr(_FakeProber, "refused", refused)
    job = {"probe_seconds": 12.0, "hints": [], "seed": 1, **more}
    scale = SimpleNamespace(limit=None, exceeded=False)
    maker = Maker(cls, KERAS, {}, [])
    return Finder(job, cls, KERAS, None, maker, scale, None, lambda phase: None).find()["init"]  # type: ignore[arg-type]


def test_of_a_slow_model_a_smaller_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _found(_Sized, monkeypatch) == {"units": 16}


def test_a_slow_model_is_taken_if_no_smaller_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _found(_Sized, monkeypatch, refused=(16, 64)) == {}
    assert _found(_Fixed, monkeypatch) == {}


def test_what_finds_no_input_is_tried_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _found(_Sized, monkeypatch, refused=(512,)) == {"units": 16}


@pytest.mark.parametrize(("limit", "units"), [(4096, 40), (1024, 16), (None, 40)])
def test_what_takes_much_memory_is_made_smaller(
    limit: int | None, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Before, and after a call.
    peaks = iter([400.0, 600.0, 600.0])
    monkeypatch.setattr(finder, "peak_mb", lambda: next(peaks))

    class Quick(_Sized):
        def __init__(self, units: int = 40) -> None:
            super().__init__(units)

    assert _found(Quick, monkeypatch, memory_mb=limit) == ({} if units == 40 else {"units": units})


@pytest.mark.parametrize(("hurried", "most"), [(True, 4), (False, 11)])
def test_a_slow_model_with_a_smaller_one_is_given_up_early(
    hurried: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(inputs.time, "monotonic", lambda: now[0])
    candidates = [Spec("one", (Array((4, size)),)) for size in range(1, 40)]
    monkeypatch.setattr(inputs, "specs", lambda *_: candidates)
    tried = []

    def fresh(spec: Spec | None) -> Any:
        now[0] += 0.5
        tried.append(spec)
        raise ValueError(f"not {spec}")

    prober = Prober(fresh, None, KERAS, 1, 6.0, hurried=hurried)  # type: ignore[arg-type]
    with pytest.raises(Refused):
        prober.find(object(), [], [])
    assert prober.is_heavy
    assert len(set(tried)) == most

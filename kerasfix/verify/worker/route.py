"""The way that tensors take from layer to layer, as far as they are handed on as they are.

What the model computes between layers (a sum, a reshape) makes new tensors, and what those were made from is
not seen; a layer that reads one is said to read something computed.
"""

from __future__ import annotations

from typing import Any

from .frameworks import Framework

#: Stands for the model's input in `LayerCall.reads`.
INPUT = -1
# A recurrent model that calls a layer at every time step is not written down to its last step.
_MOST_CALLS = 2000


class Route:
    """The calls of layers that call no other layers, in their order, and what each of them read."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self.begin(())

    def begin(self, inputs: Any) -> None:
        """Forget everything; these are the tensors that the model is given."""
        self._calls: list[dict[str, Any]] = []
        # On JAX the model is called once more, for its gradients.
        self._is_done = False
        # The number of the call that a tensor came out of. The tensor is kept, so that its id stays its own.
        self._sources: dict[int, tuple[int, Any]] = {}
        # For each call that is running: whether it called a layer itself.
        self._running: list[bool] = []
        for tensor in self._tensors(inputs):
            self._sources[id(tensor)] = (INPUT, tensor)

    def enter(self) -> int:
        """A layer is called; the number belongs to this call."""
        if self._running:
            self._running[-1] = True
        self._running.append(False)
        return len(self._running) - 1

    def leave(self, number: int, layer: str, given: Any, outputs: Any, fresh: Any) -> int | None:
        """It is done; gives the number of the call, None if it is not written down.

        Args:
            number: What `enter` said.
            given: Its arguments.
            outputs: What came out of it ...
            fresh: ... and the tensors that the model goes on with instead.
        """
        called_others = self._running[number]
        # With those inside that raised, where the model goes on all the same.
        del self._running[number:]
        old, new = self._tensors(outputs), self._tensors(fresh)
        if called_others:
            for before, after in zip(old, new):
                if id(before) in self._sources:
                    self._sources[id(after)] = (self._sources[id(before)][0], after)
        elif len(self._calls) < _MOST_CALLS and not self._is_done:
            self._calls.append(
                {"layer": layer, "reads": self._reads(given), "is_output": False, "is_lost": False}
            )
            for tensor in new:
                self._sources[id(tensor)] = (len(self._calls) - 1, tensor)
            return len(self._calls) - 1
        return None

    def end(self, result: Any) -> None:
        """The model is done, and gave this."""
        if self._is_done:
            return
        self._is_done = True
        for tensor in self._tensors(result):
            source = self._sources.get(id(tensor), (INPUT, None))[0]
            if source != INPUT:
                self._calls[source]["is_output"] = True
        self._sources.clear()

    def lose(self, calls: set[int]) -> None:
        """Nothing that came out of these calls reaches the loss."""
        for number in calls:
            self._calls[number]["is_lost"] = True

    def to_json(self) -> list[dict[str, Any]]:
        return self._calls

    def _reads(self, given: Any) -> list[int | None]:
        sources = [self._sources.get(id(tensor), (None, None))[0] for tensor in self._tensors(given)]
        return list(dict.fromkeys(sources))

    def _tensors(self, value: Any) -> list[Any]:
        if isinstance(value, (list, tuple)):
            return [tensor for item in value for tensor in self._tensors(item)]
        if isinstance(value, dict):
            return [tensor for item in value.values() for tensor in self._tensors(item)]
        return [value] if self._framework.is_array(value) else []

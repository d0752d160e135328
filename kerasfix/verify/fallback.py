"""Classes that Keras 3 refuses for a reason that Keras 2 would not have.

Much code that imports `tf.keras` was written for Keras 2 and never run on Keras 3. It is no fault of a fix
that Keras 3 refuses such a class; where `tf_keras` is installed, it is run there, and the report says why not
on 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kerasfix.verify.choice import Installed, Kind
from kerasfix.verify.settings import Wish

# What Keras 3 says of code that Keras 2 takes.
_OF_KERAS_3 = re.compile(
    r"Only input tensors may be passed as positional arguments"
    r"|cannot contain character `/`"
    r"|Unrecognized keyword arguments? passed to"
    r"|Argument\(s\) not recognized"
    r"|A KerasTensor cannot be used as input to a TensorFlow function"
    r"|cannot add new elements of state .* to a layer that is already built"
    r"|got multiple values for argument 'shape'"
    r"|property '\w+' of '\w+' object has no setter"
    r"|module 'keras[\w.]*' has no attribute"
    r"|No module named 'keras\.|cannot import name '\w+' from 'keras\."
    r"|has no attribute '(?:add_variable|_keras_shape|get_input_shape_at|get_output_shape_at|updates|"
    r"_set_inputs|run_eagerly|get_updates|_compute_dtype|_call_fn_args)'"
    r"|Layer\.add_weight\(\) got"
)


def why_not_on_keras_3(messages: Iterable[str]) -> str | None:
    """The first of the messages that Keras 2 would not have given; None if there is none.

    >>> why_not_on_keras_3(["ValueError: Argument `name` must be a string and cannot contain character `/`."])
    'ValueError: Argument `name` must be a string and cannot contain character `/`.'
    """
    return next((message for message in messages if _OF_KERAS_3.search(message)), None)


def kind_instead(kind: Kind, wish: Wish, installed: Installed) -> Kind | None:
    """The worker of Keras 2 that takes over from one of Keras 3; None if the user or the Python has none."""
    if wish.keras is not None or wish.backend is not None or kind.package != "keras":
        return None
    if kind.backend != "tensorflow" or installed.old_keras or "tf_keras" not in installed.versions:
        return None
    return Kind("tf_keras", "tensorflow", legacy=True, renamed=True)

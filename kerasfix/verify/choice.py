"""Which Keras a model runs on, and on which backend.

What the code would get in its own environment counts, unless the user says otherwise. Pure: what is installed
and what the environment says comes in as data.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kerasfix.source import Source, SourceError
from kerasfix.syntax import walk
from kerasfix.verify.errors import SliceError, VerifyError
from kerasfix.verify.settings import BACKENDS, Wish

_SWITCHES = ("KERAS_BACKEND", "TF_USE_LEGACY_KERAS")


@dataclass(frozen=True)
class Installed:
    """What a Python has, and what its environment says of Keras.

    Attributes:
        versions: By the name that is imported ("keras", "tf_keras", "tensorflow", "jax", "torch"); empty
            where a package does not tell.
        backend: The value of KERAS_BACKEND, or what somebody wrote into Keras' configuration file.
        legacy: Whether TF_USE_LEGACY_KERAS is set.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    backend: str | None = None
    legacy: bool = False

    @property
    def old_keras(self) -> bool:
        """Whether the package "keras" is Keras 2, as it was up to TensorFlow 2.15."""
        return self.versions.get("keras", "").partition(".")[0] == "2"


@dataclass(frozen=True)
class Kind:
    """What tells one worker from another; each imports its Keras once.

    Attributes:
        package: "keras" or "tf_keras".
        legacy: Whether `tf.keras` is Keras 2 there.
        renamed: Whether code that imports `keras` gets `tf_keras`.
    """

    package: str = "keras"
    backend: str = "tensorflow"
    legacy: bool = False
    renamed: bool = False

    def environment(self) -> dict[str, str]:
        """The variables that make a worker of this kind; empty ones are to be removed."""
        return {
            "KERAS_BACKEND": self.backend,
            "TF_USE_LEGACY_KERAS": "1" if self.legacy else "",
            "KERASFIX_KERAS": self.package,
            "KERASFIX_RENAME_KERAS": "1" if self.renamed else "",
        }


@dataclass(frozen=True)
class Asked:
    """What a module asks for.

    Attributes:
        backend: The backend that it sets by name.
        legacy: Whether it sets TF_USE_LEGACY_KERAS; None if it does not.
        keras_2: Whether it imports `tf_keras`.
        keras: Whether it imports `keras` itself.
        tensorflow: Whether it imports `tensorflow` or a part of it.
    """

    backend: str | None = None
    legacy: bool | None = None
    keras_2: bool = False
    keras: bool = False
    tensorflow: bool = False


def asked_by(text: str) -> Asked:
    """What a module's imports and its lines on `os.environ` ask for.

    Raises:
        SliceError: if it cannot be parsed.
    """
    try:
        tree = Source(text).tree
    except SourceError as error:
        raise SliceError(f"line {error.line or 1}: {error.reason}") from None
    values: dict[str, str] = {}
    roots: set[str] = set()
    for node in walk(tree):
        values.update(_switches(node))
        roots |= _imported(node)
    backend, legacy = values.get("KERAS_BACKEND"), values.get("TF_USE_LEGACY_KERAS")
    return Asked(
        backend=backend.lower() if backend else None,
        legacy=None if legacy is None else _is_true(legacy),
        keras_2="tf_keras" in roots,
        keras="keras" in roots,
        tensorflow="tensorflow" in roots,
    )


def asked_by_all(texts: Iterable[str]) -> Asked:
    """What several modules ask for together; of those that name a backend the first counts."""
    each = [asked_by(text) for text in texts]
    return Asked(
        backend=next((one.backend for one in each if one.backend is not None), None),
        legacy=next((one.legacy for one in each if one.legacy is not None), None),
        keras_2=any(one.keras_2 for one in each),
        keras=any(one.keras for one in each),
        tensorflow=any(one.tensorflow for one in each),
    )


def choose(module: Asked, needed: Asked, wish: Wish, installed: Installed) -> Kind:
    """The kind of worker for a class.

    Args:
        module: What its module asks for.
        needed: What the definitions that it needs ask for: the imports of other classes do not count.

    Raises:
        SliceError: if what is asked for does not go together, or is not installed. A sentence for people.
    """
    legacy = installed.legacy if module.legacy is None else module.legacy
    if wish.keras is not None:
        legacy = wish.keras == 2
    if wish.keras == 3 and needed.keras_2:
        raise SliceError("its file imports tf_keras, which is Keras 2, and Keras 3 is asked for")
    if wish.keras == 3 and installed.old_keras:
        raise SliceError(f"Keras 3 is asked for, and Keras {installed.versions['keras']} is installed")
    through_tensorflow = needed.tensorflow and not needed.keras and legacy
    if needed.keras_2 or through_tensorflow or wish.keras == 2:
        return _on_keras_2(legacy, wish, installed)
    backend = _backend(module, wish, installed)
    if backend not in BACKENDS:
        raise SliceError(f"Keras on {backend} is asked for; kerasfix knows {', '.join(BACKENDS)}")
    if backend not in installed.versions:
        raise SliceError(
            f"Keras on {backend} is asked for, and this Python does not have {backend}: {_pip(backend)}"
        )
    return Kind("keras", backend, legacy)


def check_wish(wish: Wish, installed: Installed, python: Path) -> None:
    """Make sure that what the user asks for can be had at all.

    Raises:
        VerifyError: one line that says what to install.
    """
    try:
        choose(Asked(), Asked(keras=True), wish, installed)
    except SliceError as error:
        options = [f"--backend {wish.backend}"] if wish.backend else []
        options += [f"--keras {wish.keras}"] if wish.keras else []
        raise VerifyError(f"{' '.join(options)} ({python}): {error}") from None


def _on_keras_2(legacy: bool, wish: Wish, installed: Installed) -> Kind:
    if wish.backend not in (None, "tensorflow"):
        raise SliceError(f"Keras 2 runs on TensorFlow only, and backend {wish.backend} is asked for")
    if "tensorflow" not in installed.versions:
        raise SliceError("Keras 2 needs TensorFlow, which this Python does not have: " + _pip("tensorflow"))
    if "tf_keras" in installed.versions:
        return Kind("tf_keras", "tensorflow", legacy, renamed=wish.keras == 2 and not installed.old_keras)
    if installed.old_keras:
        return Kind("keras", "tensorflow", legacy)
    raise SliceError("Keras 2 is asked for, and this Python does not have it: " + _pip("tf_keras"))


def _pip(package: str) -> str:
    return f"pip install {package}"


def _backend(module: Asked, wish: Wish, installed: Installed) -> str:
    asked = wish.backend or module.backend or installed.backend
    if asked:
        return asked
    # Keras takes TensorFlow if nobody asks; a Python without it has one that somebody means to use.
    return next((name for name in BACKENDS if name in installed.versions), "tensorflow")


def _switches(node: ast.AST) -> dict[str, str]:
    """`os.environ["KERAS_BACKEND"] = "jax"` and the other ways to say that."""
    if isinstance(node, ast.Assign):
        return {
            key: node.value.value
            for target in node.targets
            if isinstance(target, ast.Subscript) and _ends_in(target.value, "environ")
            for key in [_text(target.slice)]
            if key in _SWITCHES and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        }
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return {}
    name, arguments = node.func.attr, [_text(each) for each in node.args]
    if name in ("setdefault", "putenv") and len(arguments) == 2:
        pairs = [(arguments[0], arguments[1])]
    elif name == "update" and _ends_in(node.func.value, "environ"):
        pairs = list(_updated(node))
    elif name == "set_backend" and len(arguments) == 1:
        pairs = [("KERAS_BACKEND", arguments[0])]
    else:
        pairs = []
    return {key: value for key, value in pairs if key in _SWITCHES and value is not None}


def _updated(node: ast.Call) -> Iterator[tuple[str | None, str | None]]:
    for argument in node.args:
        if isinstance(argument, ast.Dict):
            pairs = zip(argument.keys, argument.values, strict=True)
            yield from ((_text(key), _text(value)) for key, value in pairs)
    yield from ((item.arg, _text(item.value)) for item in node.keywords)


def _imported(node: ast.AST) -> set[str]:
    """The first parts of the names of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {node.module.partition(".")[0]}
    return set()


def _ends_in(node: ast.expr, name: str) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == name) or (
        isinstance(node, ast.Name) and node.id == name
    )


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_true(value: str) -> bool:
    return value.strip().lower() in ("1", "true")

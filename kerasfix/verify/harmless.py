"""Which expressions may be evaluated while a module's definitions are loaded.

Literals, arithmetic, containers and names are harmless; a call is harmless only if its callee stands on the
list below. The list names what people write at the top of model files: layers, initializers, constants, paths
that are only spelled. Nothing on it opens a file, a socket, a process or a thread.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BUILTINS = _words(
    "abs bool bytes classmethod complex dict divmod enumerate float frozenset int len list max min object "
    "pow property range reversed round set slice sorted staticmethod str sum super tuple zip"
)

# Callees are written with their modules in full; "keras" stands for every way to spell Keras.
_KERAS_PREFIXES = tuple(
    f"keras.{room}."
    for room in _words(
        "layers initializers regularizers constraints activations losses metrics optimizers backend ops "
        "random mixed_precision experimental.preprocessing"
    )
)
_KERAS_NAMES = _words(
    "keras.Input keras.Model keras.Sequential keras.models.Model keras.models.Sequential keras.Variable "
    "keras.DTypePolicy keras.InputSpec keras.utils.register_keras_serializable "
    "keras.saving.register_keras_serializable keras.backend.image_data_format"
)
_TENSORFLOW_NAMES = _words(
    "constant Variable TensorSpec TensorShape zeros ones fill eye range linspace cast convert_to_tensor "
    "reshape function stack concat sqrt square exp pow expand_dims constant_initializer "
    "random_normal_initializer random_uniform_initializer ones_initializer zeros_initializer as_dtype "
    "dtypes.as_dtype"
)
_NUMPY_NAMES = _words(
    "array asarray zeros ones full eye arange linspace logspace prod sum mean sqrt square log log2 exp power "
    "float16 float32 float64 int8 int16 int32 int64 uint8 bool_ dtype ceil floor round array_split "
    "concatenate stack reshape max min abs sin cos tile repeat identity"
)
_PREFIXES = (
    *_KERAS_PREFIXES,
    "tensorflow.math.",
    "math.",
    "typing.",
    "typing_extensions.",
    "operator.",
    "itertools.",
)
_NAMES = (
    _KERAS_NAMES
    | {f"tensorflow.{name}" for name in _TENSORFLOW_NAMES}
    | {f"numpy.{name}" for name in _NUMPY_NAMES}
    | _words(
        "collections.namedtuple collections.OrderedDict collections.defaultdict collections.deque "
        "dataclasses.field dataclasses.dataclass functools.partial functools.wraps functools.lru_cache "
        "functools.cache enum.auto enum.unique pathlib.Path os.path.join os.path.dirname os.path.abspath "
        "os.environ.get os.getenv logging.getLogger re.compile abc.abstractmethod contextlib.contextmanager "
        "types.SimpleNamespace packaging.version.parse packaging.version.Version fractions.Fraction "
        "decimal.Decimal"
    )
)
# Methods of strings, containers and arrays that give a new value and touch nothing else.
_METHODS = _words(
    "split rsplit join format lower upper strip replace startswith endswith get keys values items copy "
    "index count astype reshape tolist as_posix"
)

_REFUSED = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)


def offence(node: ast.AST, modules: Mapping[str, str], plain_classes: frozenset[str]) -> str | None:
    """The first call in an expression that may do more than give a value; None if there is none.

    Args:
        node: An expression.
        modules: Names bound by imports -> the full dotted name that they stand for.
        plain_classes: Classes of the file that can be constructed without running code of theirs.
    """
    if isinstance(node, ast.Lambda):
        return None
    if isinstance(node, _REFUSED):
        return ast.unparse(node)
    if isinstance(node, ast.Call) and not _harmless_callee(node.func, modules, plain_classes):
        return ast.unparse(node.func) + "(…)"
    for child in ast.iter_child_nodes(node):
        if found := offence(child, modules, plain_classes):
            return found
    return None


def canonical(dotted: str) -> str:
    """One spelling for every way to name Keras: "tensorflow.keras.layers.Dense" -> "keras.layers.Dense"."""
    for prefix in (
        "tensorflow.compat.v2.keras",
        "tensorflow.compat.v1.keras",
        "tensorflow.python.keras",
        "tensorflow.keras",
        "tf_keras",
    ):
        if dotted == prefix or dotted.startswith(prefix + "."):
            return "keras" + dotted[len(prefix) :]
    return dotted


def dotted_name(node: ast.AST) -> str | None:
    """The text of a plain dotted name such as `a.b.c`, None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        value = dotted_name(node.value)
        return None if value is None else f"{value}.{node.attr}"
    return None


def _harmless_callee(func: ast.expr, modules: Mapping[str, str], plain_classes: frozenset[str]) -> bool:
    name = dotted_name(func)
    if name is not None:
        root, _, rest = name.partition(".")
        if root in modules:
            full = canonical(modules[root] + ("." + rest if rest else ""))
            return full in _NAMES or full.startswith(_PREFIXES)
        if not rest:
            return name in plain_classes or (name in _BUILTINS and hasattr(builtins, name))
    return isinstance(func, ast.Attribute) and func.attr in _METHODS

"""What may be called while a module's definitions are loaded, by name.

The lists name what people write at the top of model files: layers, initializers, constants, paths that are
only spelled; and what their decorators and registries do. Nothing on them opens a file, a socket, a process
or a thread.
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BUILTINS = words(
    "abs all any bool bytes callable classmethod complex dict divmod enumerate float frozenset getattr "
    "hasattr int isinstance issubclass len list max min object pow property range reversed round set "
    "slice sorted staticmethod str sum super tuple zip"
)

# Callees are written with their modules in full; "keras" stands for every way to spell Keras.
_KERAS_PREFIXES = tuple(
    f"keras.{room}."
    for room in words(
        "layers initializers regularizers constraints activations losses metrics optimizers backend ops "
        "random mixed_precision experimental.preprocessing"
    )
)
_KERAS_NAMES = words(
    "keras.Input keras.Model keras.Sequential keras.models.Model keras.models.Sequential keras.Variable "
    "keras.DTypePolicy keras.InputSpec keras.models.clone_model keras.utils.register_keras_serializable "
    "keras.saving.register_keras_serializable keras.backend.image_data_format "
    "keras.version keras.config.backend keras.config.floatx keras.config.image_data_format"
)
_TENSORFLOW_NAMES = words(
    "constant Variable TensorSpec TensorShape zeros ones fill eye range linspace cast convert_to_tensor "
    "reshape function stack concat sqrt square exp pow expand_dims constant_initializer "
    "random_normal_initializer random_uniform_initializer ones_initializer zeros_initializer as_dtype "
    "dtypes.as_dtype get_logger is_tensor "
    "is_symbolic_tensor"
)
_NUMPY_NAMES = words(
    "array asarray zeros ones full eye arange linspace logspace prod sum mean sqrt square log log2 exp power "
    "float16 float32 float64 int8 int16 int32 int64 uint8 bool_ dtype ceil floor round array_split "
    "concatenate stack finfo iinfo reshape max min abs sin cos tile repeat identity"
)
_PREFIXES = (
    *_KERAS_PREFIXES,
    "tensorflow.math.",
    "tensorflow.random.",
    "tensorflow.losses.",
    "tensorflow.metrics.",
    "tensorflow.optimizers.",
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
    | words(
        "collections.namedtuple collections.OrderedDict collections.defaultdict collections.deque "
        "dataclasses.field dataclasses.dataclass functools.partial functools.wraps functools.lru_cache "
        "functools.cache enum.auto enum.unique pathlib.Path os.path.join os.path.dirname os.path.abspath "
        "os.environ.get os.getenv logging.getLogger re.compile abc.abstractmethod contextlib.contextmanager "
        "types.SimpleNamespace packaging.version.parse packaging.version.Version fractions.Fraction "
        "decimal.Decimal"
    )
)
# Methods of strings, containers and arrays that give a new value and touch nothing else.
METHODS = words(
    "split rsplit join format lower upper strip replace startswith endswith get keys values items copy "
    "index count astype reshape tolist as_posix"
)

# What the bodies of decorators, registries and small constructors call besides.
CALM_BUILTINS = BUILTINS | words(
    "all any callable chr delattr filter format getattr hasattr hash id isinstance issubclass iter locals "
    "map next ord repr setattr type vars NotImplementedError ValueError TypeError KeyError ImportError "
    "AttributeError RuntimeError AssertionError Exception DeprecationWarning UserWarning"
)
CALM_METHODS = METHODS | words(
    "add append bind bind_partial clear discard endswith extend findall group groups match search "
    "build compile count_params get_layer summary "
    "get_config insert isidentifier issubset lstrip pop register remove replace rstrip setdefault "
    "signature sort title union update warn warning debug info"
)
_CALM_LIBRARIES = words(
    "abc attr attrs collections copy dataclasses deprecated enum functools gin inspect itertools math namex "
    "numbers operator packaging re six string textwrap typeguard types typing typing_extensions warnings "
    "weakref wrapt"
)
_CALM_NAMES = words(
    "torch.utils._pytree.register_pytree_node torch.utils._pytree._register_pytree_node sys._getframe "
    "logging.debug logging.info logging.warning importlib.util.find_spec importlib.metadata.version"
)


REACHING_BUILTINS = words("open exec eval compile input __import__ breakpoint exit quit")
_REACHING_LIBRARIES = words(
    "asyncio builtins ctypes ftplib glob http io multiprocessing os pickle requests runpy shutil signal "
    "smtplib socket subprocess tempfile threading urllib webbrowser"
)
_NOT_REACHING = words(
    "os.environ os.getenv os.path os.sep os.name os.linesep os.pathsep os.PathLike os.fspath io.StringIO "
    "io.BytesIO"
)


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


def is_harmless_name(full: str) -> bool:
    """Whether what a library calls so (see `canonical`) may be called while definitions are loaded."""
    return full in _NAMES or full.startswith(_PREFIXES)


def is_reaching_name(full: str) -> bool:
    """Whether a library's thing opens files, sockets, processes or threads; modules as a whole do not."""
    root, _, rest = full.partition(".")
    if root not in _REACHING_LIBRARIES or not rest or is_harmless_name(full):
        return False
    return ".".join(full.split(".")[:2]) not in _NOT_REACHING


def is_calm_name(full: str) -> bool:
    """The same for what a function of the project calls that is run while definitions are loaded."""
    return is_harmless_name(full) or full in _CALM_NAMES or full.partition(".")[0] in _CALM_LIBRARIES

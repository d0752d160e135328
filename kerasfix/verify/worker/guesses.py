"""Values for constructor arguments by their names: one small world in which the sizes fit together.

A model dimension is 16 and has 2 heads of 8; sequences have 16 steps, images 32 by 32 pixels.
"""

from __future__ import annotations

import ast
import re
from typing import Any

BATCH = 4
WIDTH = 16
STEPS = 16
IMAGE = 32
VOCABULARY = 64

_TABLE: tuple[tuple[str, Any], ...] = (
    (r"(^|_)name$", "driven"),
    (r"(^|_)seed$", 7),
    (r"dropout", 0.1),
    (r"growth_rate", WIDTH),
    (r"dilation", 1),
    (
        r"(scale|value|sigma|std|radius|distance)_?(min|max|low|high)$|(^|_)(min|max|low|high)_?(scale|value|sigma|std)",
        0.5,
    ),
    (r"coeff", 1.0),
    (r"dtype", "float32"),
    (r"data_format", "channels_last"),
    (r"^(padding|pad_mode)$", "same"),
    (r"initializer_range|init_range|init_std|stddev", 0.02),
    (r"initializer|_init$|^init$", "glorot_uniform"),
    (r"regularizer|constraint|quantization|dtype_policy|weights$|checkpoint", None),
    (r"learning_rate|^lr$", 1e-3),
    (
        r"^(use|is|has|with|add|do|apply|return|include|share|tie|enable|no|learn)_|_?bias$|causal|trainable|"
        r"residual|bidirectional|norm_first|pre_norm|normalize_first|verbose|_only$|^scaled?$|stateful|"
        r"^training$|shared$|(normalize|norm)_before$|batch_?norm$",
        False,
    ),
    (r"activation|act_fn|nonlinearity|^act$|hidden_act$", "relu"),
    (r"(^|_)eps$|epsilon|tolerance", 1e-5),
    (r"momentum|decay", 0.9),
    (
        r"slope|alpha|^beta$|^gamma$|lambda|temperature|threshold|scalar|probability|_prob$|^p$|fraction|"
        r"smoothing",
        0.5,
    ),
    (r"(^|_)(rate|dropout|drop|drop_prob|keep_prob)($|_)|dropout|drop_path|stochastic_depth", 0.1),
    (r"wavelength|theta$|base$", 10000.0),
    (
        r"(heads|num_kv|(^|_)(num|n)_?head|attention_head)$|num_attention_heads|num_query_heads|"
        r"num_key_value_heads",
        2,
    ),
    (r"(^|_)(key|value|head|query|qk|v|k)_?(dim|size|depth)|^d_[kqv]$|dim_?head|size_per_head|head_width", 8),
    (
        r"vocab|(item|user|word|token|entity)_num$|num_tokens|num_embeddings|num_buckets|num_categories|"
        r"cardinality",
        VOCABULARY,
    ),
    (
        r"max_.*(len|pos|step|seq)|seq(uence)?_?(len|length|size)|context_length|time_?steps|num_positions|"
        r"maxlen|max_len|input_length|(prediction|forecast|train|predict).*length|horizon|window_length",
        STEPS,
    ),
    (
        r"(image|img|input|target|crop|mesh)_?(size|resolution|height|width)|^(height|width|resolution)$",
        IMAGE,
    ),
    (r"image_shape|img_shape|input_shape", {"$tuple": [IMAGE, IMAGE, 3]}),
    (r"spatial_dims|^rank$|(^|_)(n|num)_?dims?$|(^|_)ndim", 2),
    (r"(^|_)(target|output|event|state|obs|observation|action)_?shape$|^shape$", {"$tuple": [WIDTH]}),
    (r"patch(es)?_?(size|dim|height|width)|window(_?size)?$|block_size|chunk_size", 4),
    (r"kernel|filter_size|filter_width|receptive", 3),
    (r"stride|dilation|groups?$|delay|downsampl|upsampl.*factor", 1),
    (r"pool_?size|factor|ratio|multiplier|expansion|expand|reduction|radix", 2),
    (r"intermediate|ffn?_|_ffn?|mlp_|dff|feed_?forward|inner_dim", 2 * WIDTH),
    (r"(class|label|output|action)(es|s)?$|num_?classes|n_classes|num_labels", 4),
    (
        r"(layers|blocks|depth|stages|repeats?|iterations?|iters?|steps|levels|hops|loops|stacks?)$|"
        r"^(num|n)_(layers|blocks)|layer_num$|^T$",
        2,
    ),
    (r"top_?k|^k$|experts|capsules|kernels", 2),
    (r"axis", -1),
    (r"seed", 7),
    (r"batch_?size", 4),
    (
        r"units|filters|channels|hidden|dims?$|_dim_|features?|width|latent|size$|embed|d_model|^c_|_c$|"
        r"neurons|nodes|^(d|c|f)$|planes|rank",
        WIDTH,
    ),
    (r"^(num|n|number)_|_num$|count$|^n$|points", 4),
)
_TABLE_COMPILED = tuple((re.compile(pattern), value) for pattern, value in _TABLE)

_CONFIG = re.compile(r"(^|_)(config|cfg|params|hparams|settings|args|options|specs?|kwargs)$")
# No part by itself: a number of them, a choice, a width.
_SAID = re.compile(
    r"(num|n|number|use|is|has|with|add|do|apply|return|include|share|tie|enable|no|learn|d|dim|per|max|min)_|.*_per_"
)
_COUNT = re.compile(r"(num|n|number)_")
_LAYER = re.compile(
    r"(^|_)(layer|cell|backbone|encoder|decoder|model|net|network|generator|discriminator|critic|block|mlp|"
    r"embedder|module|submodule|transformer|projection|head|subnet)$"
)
# Whatever else the name speaks of: an "embedding_layer" is no width.
_PART = re.compile(r"_(layer|cell|network|backbone|encoder|decoder|block|head|generator|discriminator)$")
_FUNCTION = re.compile(r"(_fn|_func|function)$")
_FACTORY = re.compile(r"(norm|act|attention|block|embed)_(layer|class|cls)$|_(class|cls)$|norm_layer")

LAYER = {"$call": "Dense", "positional": [WIDTH], "named": {}}
CELL = {"$call": "LSTMCell", "positional": [WIDTH], "named": {}}
FACTORY = {"$name": "LayerNormalization"}
FUNCTION = {"$name": "keras.activations.relu"}
IMAGE_MODEL = {"$model": [IMAGE, IMAGE, 3]}
VECTOR_MODEL = {"$model": [WIDTH]}
SETTINGS: dict[str, Any] = {"$settings": {}}

MISSING = object()


def by_name(name: str) -> Any:
    """The value that a parameter of this name is likely to take, as JSON; MISSING if the name says nothing.

    >>> by_name("num_heads"), by_name("dropout_rate"), by_name("filters")
    (2, 0.1, 16)
    """
    lowered = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    if _CONFIG.search(lowered) and not _COUNT.match(lowered):
        return SETTINGS
    if _FACTORY.search(lowered):
        return FACTORY
    if _FUNCTION.search(lowered) and "activation" not in lowered:
        return FUNCTION
    if _PART.search(lowered) and not _SAID.match(lowered):
        return CELL if lowered.endswith("cell") else LAYER
    for pattern, value in _TABLE_COMPILED:
        if pattern.search(lowered):
            return value
    if _LAYER.search(lowered):
        return CELL if lowered.endswith("cell") else LAYER
    return MISSING


def by_annotation(name: str, annotation: str) -> Any:
    """A value of the annotated type, as JSON; MISSING if the annotation says nothing.

    >>> by_annotation("filters", "list[int]"), by_annotation("scales", "int")
    ([16, 16], 4)
    """
    text = annotation.replace("typing.", "").replace(" ", "").strip("'\"")
    optional = re.fullmatch(r"(?:Optional|Union)\[(.*)\]", text)
    text = _first_of(optional.group(1) if optional else text)
    lowered = text.lower()
    value = by_name(name)
    within = re.fullmatch(r"[\w.]*\[(.*)\]", text)
    inner = _top_level(within.group(1), ",") if within else []
    if lowered.startswith("literal[") and inner:
        return _literal(inner[0])
    if re.match(r"(list|sequence|iterable|collection|set)\b", lowered):
        if inner and _is_rich(inner[0]):
            return [by_annotation(name.rstrip("s"), inner[0])] * 2
        return as_list(name, value, "[str" in lowered)
    if lowered.startswith("tuple"):
        if inner and any(_is_rich(each) or each.lower() == "float" for each in inner):
            return {"$tuple": [by_annotation(name.rstrip("s"), each) for each in inner if each != "..."]}
        return {"$tuple": as_list(name, value, "[str" in lowered)[: max(1, lowered.count("int") or 2)]}
    if lowered.startswith(("dict", "mapping")):
        if len(inner) == 2 and (_is_rich(inner[1]) or inner[1] in ("int", "float")):
            return {key: by_annotation(name.rstrip("s"), inner[1]) for key in ("first", "second")}
        return SETTINGS
    if lowered.startswith("callable"):
        return value if isinstance(value, str) else FUNCTION
    if lowered.startswith("type["):
        return FACTORY
    if re.search(r"(layer|model|module)$", lowered):
        return LAYER
    plain = {"int": 4, "float": 0.5, "bool": False, "str": "relu"}.get(lowered, MISSING)
    if plain is MISSING or (value is not MISSING and _fits(value, lowered)):
        return value
    return plain


def _first_of(text: str) -> str:
    """The first of several types that is not None."""
    for each in _top_level(text, ",|"):
        if each not in ("None", "NoneType"):
            return each
    return text


def _top_level(text: str, separators: str) -> list[str]:
    """The parts of an annotation between separators that are not inside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[(") - (letter in "])")
        if letter in separators and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]


def _is_rich(annotation: str) -> bool:
    """Whether a value of that type is more than a number or a word."""
    return bool(
        re.match(r"list|sequence|tuple|dict|mapping|callable|.*(layer|model|module)$", annotation.lower())
    )


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return MISSING


def as_list(name: str, value: Any, strings: bool = False) -> list[Any]:
    """Two of what a parameter of this name would hold."""
    singular = by_name(name.rstrip("s")) if value is MISSING else value
    if isinstance(singular, dict) and "$tuple" in singular:
        return list(singular["$tuple"])
    if strings:
        singular = singular if isinstance(singular, str) else "relu"
    return [WIDTH if singular is MISSING else singular] * 2


def _fits(value: Any, annotation: str) -> bool:
    kinds: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool, "str": str}
    is_bool = isinstance(value, bool)
    return isinstance(value, kinds[annotation]) and is_bool == (annotation == "bool")

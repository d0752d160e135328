"""Whether a layer output that nobody reads may be meant so: an unused head, or one of parallel ways.

A pooler, a value head, the logits of an auxiliary loss: a class computes them, and a task leaves them. Their
names say what they are, and those of layers that stand side by side are alike (`wq`, `wk`).
"""

from __future__ import annotations

import re

from kerasfix.analysis.layer_calls import LayerCall
from kerasfix.analysis.lost import LostChain
from kerasfix.analysis.siblings import difference
from kerasfix.analysis.values import BuiltinLayer

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# What a network gives to the outside, and what one attends with.
_HEAD = re.compile(
    "actor|adv|advantage|aux|auxiliary|critic|discriminator|heads?|policy|q|reward|v|values?"
    "|bbox|box|boxes|class|classes|classification|classifier|cls|labels?|logits?|regression"
    "|confidence|predicted|predictions?|preds?|probs?|probabilit(?:y|ies)|scores?|stop|unused"
    "|loss|mask|pool|pooled|pooler|pooling|recon|reconstruction|style|temperature"
    "|log|logvar|mean|mu|sigma|std|var|variance|alpha|attentions|gate|weights?|k|keys?|quer(?:y|ies)"
)
# What stands beside the way on, whatever numbers say.
_SIDE = re.compile(
    "branch|branches|downsample|expert|experts|gate|gates|heads?|identity|lateral|laterals|pyramid|shortcut|skip"
    "|skips|tower|towers"
)
# What makes an image or a sequence flat, and what works on such only.
_FLATTENS = re.compile(r"^Flatten$|^Global\w+Pooling")
_NEEDS_PLACES = re.compile(
    r"Conv\w*\dD|^(?:Max|Average|Avg|Global\w*)Pool\w*$|^(?:UpSampling|ZeroPadding|Cropping)\d"
)
# What is normalized, regularized, embedded or joined is not looked at by itself.
_ON_THE_WAY = re.compile(
    r"Normalization$|Dropout|^Embedding$|^ZeroPadding|^Cropping|^UpSampling|^GaussianNoise$|^Masking$|ReLU$"
    r"|^(?:Add|Average|Concatenate|ELU|Multiply|Subtract)$"
)
# Words, and the letters of short names, that tell parallel ways apart.
_BESIDE = tuple(
    frozenset(words.split())
    for words in (
        "a b c",
        "audio image lang language text video vision visn visual",
        "backward bwd forward fwd",
        "box class cls mask",
        "col column row",
        "cross deep wide linear",
        "gate up",
        "end start",
        "global local",
        "h w",
        "high low",
        "imag im re real",
        "item user",
        "k q v",
        "key query value",
        "keys queries values",
        "l left r right",
        "log_var logvar mean mu sigma std var variance",
        "max min avg",
        "policy value",
        "actor critic",
        "source src target tgt",
        "x y z",
    )
)
# `stem2a`, `stem2b`: letters that count on.
_IN_ROW = re.compile(r"\d[a-z](?![a-z])")
# Names like `wq` and `wk`.
_SHORT = 3


def may_be_meant(chain: LostChain) -> bool:
    """Whether names say that an output which nobody reads is a head of the network."""
    last = chain.calls[-1]
    if _says_head(chain.end.name):
        return True
    return _says_head(last.name) and not _are(last, _ON_THE_WAY)


def is_side_way(chain: LostChain) -> bool:
    """Whether names say that a way of its own ends here: a shortcut, one of several branches or heads."""
    names = (chain.end.name, chain.calls[-1].name)
    return any(_SIDE.fullmatch(word.lower()) for name in names for word in _WORD.findall(name))


def cannot_follow(last: LayerCall, call: LayerCall) -> bool:
    """Whether a layer cannot work on what another one gives: `GlobalAveragePooling2D` on what is flat."""
    return _are(last, _FLATTENS) and _are(call, _NEEDS_PLACES)


def _are(call: LayerCall, kinds: re.Pattern[str]) -> bool:
    return bool(call.values) and all(
        isinstance(each, BuiltinLayer) and kinds.search(each.fact.name) is not None for each in call.values
    )


def _says_head(name: str) -> bool:
    return any(_HEAD.fullmatch(word.lower()) for word in _WORD.findall(name))


def stand_beside(first: str, second: str) -> bool:
    """Whether two names are those of parallel ways: `wq` and `wk`, `left_conv` and `right_conv`."""
    if _IN_ROW.search(first):
        return False
    apart = _apart(first, second)
    return apart is not None and any(apart <= words for words in _BESIDE)


def _apart(first: str, second: str) -> frozenset[str] | None:
    """The two words, or letters of short names, in which names differ."""
    changed = difference(first, second)
    if changed is None and len(first) == len(second) <= _SHORT:
        letters = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
        changed = letters[0] if len(letters) == 1 else None
    if changed is None:
        ours, theirs = first.lower().split("_"), second.lower().split("_")
        # Whole names, that share nothing: `query` and `key`.
        changed = (ours[0], theirs[0]) if len(ours) == len(theirs) == 1 else None
    return frozenset(each.lower() for each in changed) if changed is not None else None

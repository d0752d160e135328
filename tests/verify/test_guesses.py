"""Values for constructors from names, annotations and the code that uses them; nothing here imports Keras."""

from __future__ import annotations

import copy
import enum
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from kerasfix.verify.worker.alternatives import configured
from kerasfix.verify.worker.annotated import Annotated
from kerasfix.verify.worker.arguments import Maker
from kerasfix.verify.worker.depth import Failure
from kerasfix.verify.worker.guesses import (
    IMAGE_MODEL,
    LAYER,
    MISSING,
    SETTINGS,
    by_annotation,
    by_name,
)
from kerasfix.verify.worker.lightness import Scale, TooHeavy, lighter
from kerasfix.verify.worker.reading import usages
from kerasfix.verify.worker.recipes import CannotMake, Scope, Settings, make
from kerasfix.verify.worker.relatives import classes_for, classes_having, classes_named, concrete
from kerasfix.verify.worker.sizes import fields_of, widths_of


class _Layer:
    def __init__(self, units: int) -> None:
        self.units = units


KERAS = SimpleNamespace(layers=SimpleNamespace(Layer=_Layer, Dense=_Layer), Model=_Layer)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("units", 16),
        ("filters", 16),
        ("num_classes", 4),
        ("vocab_size", 64),
        ("vocabularySize", 64),
        ("d_model", 16),
        ("num_heads", 2),
        ("head_dim", 8),
        ("dropout_rate", 0.1),
        ("kernel_size", 3),
        ("strides", 1),
        ("num_steps", 2),
        ("rms_norm_eps", 1e-5),
        ("activation", "relu"),
        ("hidden_act", "relu"),
        ("kernel_initializer", "glorot_uniform"),
        ("use_bias", False),
        ("image_size", 32),
        ("patch_size", 4),
        ("max_sequence_length", 16),
        ("config", SETTINGS),
        ("encoder", LAYER),
        ("hidden_dim", 16),
        ("ndim", 2),
        ("decoder_layer", LAYER),
        ("embedding_layer", LAYER),
        ("num_layers", 2),
        ("num_params", 4),
        ("growth_rate", 16),
        ("activation_dropout", 0.1),
        ("rope_theta", 10000.0),
        ("xyzzy", MISSING),
    ],
)
def test_values_by_name(name: str, value: object) -> None:
    assert by_name(name) == value


def test_the_sizes_fit_together() -> None:
    assert by_name("d_model") == by_name("num_heads") * by_name("key_dim")
    assert by_name("image_size") % by_name("patch_size") == 0


@pytest.mark.parametrize(
    ("name", "annotation", "value"),
    [
        ("units", "list[int]", [16, 16]),
        ("size", "Tuple[int, int]", {"$tuple": [16, 16]}),
        ("xyzzy", "int", 4),
        ("xyzzy", "Optional[float]", 0.5),
        ("xyzzy", "bool | None", False),
        ("inner", "tf.keras.layers.Layer", LAYER),
        ("rate", "float", 0.1),
        ("xyzzy", "Mystery", MISSING),
        ("blocks", "list[keras.layers.Layer]", [LAYER, LAYER]),
        ("units", "Sequence[Sequence[int]]", [[16, 16], [16, 16]]),
        ("kernel_size", "Union[int, Tuple[int, int]]", 3),
        ("xyzzy", "Tuple[float, float]", {"$tuple": [0.5, 0.5]}),
        ("xyzzy", "Dict[str, keras.Model]", {"first": LAYER, "second": LAYER}),
        ("sizes", "Dict[str, int]", {"first": 16, "second": 16}),
        ("mode", "Literal['sum', 'mean']", "sum"),
        ("xyzzy", "None | list[str]", ["relu", "relu"]),
    ],
)
def test_values_by_annotation(name: str, annotation: str, value: object) -> None:
    assert by_annotation(name, annotation) == value


class _Used:
    def __init__(self, sizes: Any, kind: Any, options: Any, thing: Any, extra: Any, nets: Any) -> None:
        self.nets = nets
        self.parts = [_Layer(size) for size in sizes]
        self.kind = kind
        self.a = options["alpha"]
        self.thing = thing
        self.extra = _Layer(**extra)
        self.units = _Layer(kind)

    def call(self, x: Any) -> Any:
        if self.kind == "mean":
            return x
        for net in self.nets:
            x = net(x)
        return self.thing(x)


def test_how_parameters_are_used() -> None:
    found = usages(_Used)
    assert found["sizes"].iterated
    assert not found["sizes"].items_called
    assert found["nets"].items_called
    assert found["kind"].options == ["mean"]
    assert found["kind"].aliases == ["units"]
    assert found["options"].keys == ["alpha"]
    assert found["thing"].called
    assert not found["thing"].makes
    assert found["extra"].spread
    assert found["extra"].keys == ["units"]


class _Needs:
    def __init__(self, sizes: Any, units: int, mode: str) -> None:
        if mode not in ("alpha", "beta"):
            raise ValueError(f"mode must be one of 'alpha', 'beta', not {mode}")
        if units % 5:
            raise ValueError("units must be divisible by 5")
        self.parts = list(sizes)


class _Plain:
    def __init__(self, units: int, xyzzy: int = 3) -> None:
        assert xyzzy == 3
        self.units = units


def _first(cls: type, init: dict[str, Any], sites: list[dict[str, Any]]) -> dict[str, Any]:
    return next(Maker(cls, KERAS, init, sites).working())[0]


def test_what_the_user_configured_is_never_changed() -> None:
    assert _first(_Plain, {"units": 77}, []) == {"units": 77}
    assert list(Maker(_Plain, KERAS, {"units": 1, "xyzzy": 4}, []).working()) == []


def test_a_construction_site_comes_before_guesses() -> None:
    site = {"positional": [{"value": 9}], "named": {"unheard_of": 1}, "unknown": []}
    assert _first(_Plain, {}, [site]) == {"units": 9}


def test_a_site_with_a_value_that_is_not_known_is_completed() -> None:
    assert _first(_Plain, {}, [{"positional": [None], "named": {"xyzzy": 3}, "unknown": []}]) == {
        "units": 16,
        "xyzzy": 3,
    }


def test_messages_lead_to_other_values() -> None:
    class Picky:
        def __init__(self, mode: str) -> None:
            if mode not in {"alpha", "beta"}:
                raise ValueError("mode must be 'alpha' or 'beta'")

    assert _first(Picky, {}, [])["mode"] in ("alpha", "beta")


def test_a_constructor_that_nothing_satisfies_is_refused_with_its_settings() -> None:
    class Never:
        def __init__(self, thing: object) -> None:
            raise ValueError("no thing will do")

    maker = Maker(Never, KERAS, {}, [])
    assert list(maker.working()) == []
    refusal = maker.refusal()
    assert "ValueError: no thing will do" in refusal.reason
    assert refusal.settings == ("[tool.kerasfix.verify.Never]", "init = { thing = … }")


def test_recipes_become_new_objects_every_time() -> None:
    scope = Scope({"Own": _Plain}, KERAS)
    recipe = {"$call": "Own", "positional": [{"$tuple": [1, 2]}], "named": {}}
    one, other = make(recipe, scope), make(recipe, scope)
    assert one.units == (1, 2)
    assert one is not other
    assert make({"$call": "layers.Dense", "positional": [4], "named": {}}, scope).units == 4
    with pytest.raises(CannotMake):
        make({"$name": "nowhere.Thing"}, scope)


def test_settings_have_what_is_asked_of_them() -> None:
    settings = Settings({"units": 5})
    assert settings.units == 5
    assert settings.hidden_size == settings["hidden_size"] == 16
    assert settings.get("num_heads") == 2
    assert settings.get("num_layers", 12) == 12
    assert not hasattr(settings, "__len_hint__")


def test_settings_are_no_dict_that_keras_would_replace() -> None:
    settings = Settings({"units": 5})
    assert not isinstance(settings, dict)
    assert {**settings} == {"units": 5}
    assert bool(Settings())
    assert copy.deepcopy(settings).hidden_size == 16


class _Backbone(_Layer):
    def __init__(self, units: int, width: int = 3) -> None:
        super().__init__(units)


class _Other(_Layer):
    pass


class _Task(_Layer):
    head_cls = _Other

    def __init__(self, backbone: Any, head: Any) -> None:
        self.backbone = backbone
        self.width = backbone.units + head.units


def test_a_part_is_made_of_the_class_that_its_name_speaks_of() -> None:
    assert classes_for("backbone", _Task, KERAS) == [_Backbone]
    assert classes_for("head", _Task, KERAS) == [_Other]
    found = _first(_Task, {}, [])
    assert found["backbone"] == {"$call": "_Backbone", "positional": [], "named": {"units": 16}}
    assert found["head"] == {"$call": "_Other", "positional": [], "named": {"units": 16}}


class _Mode(enum.Enum):
    SUM = "sum"
    MEAN = "mean"


class _Annotated:
    def __init__(self, xyzzy: _Other, mode: _Mode, many: list[_Other]) -> None:
        assert mode is _Mode.SUM
        self.width = xyzzy.units


def test_annotations_name_classes_of_the_project() -> None:
    found = _first(_Annotated, {}, [])
    assert found["xyzzy"] == {"$call": "_Other", "positional": [], "named": {"units": 16}}
    assert found["mode"] == {"$name": "_Mode.SUM"}
    assert isinstance(found["many"], list)


def test_an_attribute_that_only_functional_models_have_asks_for_one() -> None:
    class Wraps:
        def __init__(self, base: Any) -> None:
            self.end = base.output

    assert Maker(Wraps, KERAS, {}, [])._guess("base") == IMAGE_MODEL


class _Heavy:
    made: ClassVar[list[int]] = []

    def __init__(self, units: int = 4096, sizes: Any = (512, 1024), mode: str = "big") -> None:
        self.made.append(units)
        if units > 100:
            raise TooHeavy("too many weights")


def test_what_is_too_heavy_is_tried_with_smaller_sizes() -> None:
    assert _first(_Heavy, {}, []) == {"units": 16, "sizes": {"$tuple": [16, 16]}}
    assert _Heavy.made == [4096, 16]


def test_sizes_that_the_user_configured_stay() -> None:
    found = list(lighter({"units": 64}, {"depth": 24, "rate": 0.5}, by_name, {"units": 64}))
    assert found == [{"units": 64, "depth": 2}, {"units": 64, "depth": 3}]


def test_weights_are_counted_from_one_instance_to_the_next() -> None:
    class Variable:
        def __init__(self, initializer: Any, shape: Any = None) -> None:
            self.shape = shape

    scale = Scale(SimpleNamespace(Variable=Variable))
    scale.limit = 100
    Variable("zeros", (9, 9))
    scale.reset()
    Variable("zeros", shape=(9, 9))
    assert not scale.exceeded
    with pytest.raises(TooHeavy):
        Variable("zeros", (9, 9))
    assert scale.exceeded


def test_lists_that_are_too_short_are_made_longer() -> None:
    class Stages:
        def __init__(self, depths: list) -> None:  # type: ignore[type-arg]
            self.last = depths[3]

    assert _first(Stages, {}, []) == {"depths": [2, 2, 2, 2]}


def test_a_failed_call_may_blame_an_argument() -> None:
    class Tied:
        def __init__(self, units: int = 3, tie_weights: bool = True) -> None:
            self.tied = tie_weights

    maker = Maker(Tied, KERAS, {}, [])
    attempts = maker.working()
    first, _ = next(attempts)
    maker.mend(first, Failure("ValueError: weights are needed when tie_weights=True", ()))
    assert next(attempts)[0] == {"tie_weights": False}


def test_widths_are_sizes_of_axes_only() -> None:
    assert widths_of({"units": 24, "filters": [8, 40], "kernel_size": 5, "rate": 0.5, "flag": True}) == [
        24,
        8,
        40,
    ]
    # All heads together are as wide as the input.
    assert widths_of({"num_heads": 3, "key_dim": 7}) == [7, 21]


class _Levels(_Layer):
    def __init__(self, depths: list, units: int = 3) -> None:  # type: ignore[type-arg]
        super().__init__(units)
        self.levels = {f"P{place}": depth for place, depth in enumerate(depths, 1)}


class _Refusing(_Layer):
    @property
    def levels(self) -> Any:
        raise NotImplementedError


class _Detector(_Layer):
    def __init__(self, trunk: Any) -> None:
        self.width = trunk.levels["P4"]


def test_a_layer_of_the_package_has_what_a_part_of_ours_lacks() -> None:
    assert classes_having(["levels"], "trunk", _Detector, KERAS)[:2] == [_Levels, _Refusing]
    assert classes_having([], "trunk", _Detector, KERAS) == []
    maker = Maker(_Detector, KERAS, {}, [{"positional": [{"value": LAYER}], "named": {}, "unknown": []}])
    arguments, _ = next(maker.working())
    named = {"depths": [2, 2, 2, 2]}
    assert arguments == {"trunk": {"$call": "_Levels", "positional": [], "named": named}}


class WantedLayer(_Layer):
    pass


def test_a_message_may_name_the_class_that_is_wanted() -> None:
    message = "ValueError: `trunk` must be a `WantedLayer`. Received: `Settings`"
    assert classes_named(message, _Detector, KERAS) == [WantedLayer]
    assert classes_named(message, WantedLayer, KERAS) == []


def test_a_class_with_an_underscore_first_is_given_a_name() -> None:
    maker = Maker(_Other, KERAS, {}, [])
    attempts = maker.working()
    first, _ = next(attempts)
    maker.mend(first, Failure("ValueError: '__other_1' is not a valid root scope name.", ()))
    assert maker._attempts.take() == {**first, "name": "driven"}


class _Unfinished(_Layer):
    def forward(self, x: Any) -> Any:
        raise NotImplementedError

    def backward(self, x: Any) -> Any:
        raise NotImplementedError("this is left to others")


class _HalfDone(_Unfinished):
    def forward(self, x: Any) -> Any:
        return x


class _DoneWith(_HalfDone):
    def __init__(self, depth: int) -> None:
        super().__init__(depth)

    def backward(self, x: Any) -> Any:
        return x


class _Done(_HalfDone):
    def __init__(self, depth: int = 2) -> None:
        super().__init__(depth)

    def backward(self, x: Any) -> Any:
        return x


def test_what_a_class_leaves_to_others_is_taken_of_them() -> None:
    assert concrete(_Unfinished) == [_Done, _DoneWith, _HalfDone, _Unfinished]
    assert concrete(_Done) == [_Done]
    assert concrete(None) == [None]


class _Sizes:
    def __init__(self, units: int = 512, strides: tuple[int, int] = (2, 2), depth: int = 3) -> None:
        self.units = units


def test_a_large_configuration_is_made_small_with_its_pictures() -> None:
    assert fields_of(_Sizes) == {"units": 16}

    class Pictures(_Sizes):
        def __init__(
            self, input_size: tuple[int, int] = (224, 160), strides: list[int] | None = None
        ) -> None:
            super().__init__()

    assert fields_of(Pictures) == {"input_size": {"$tuple": [32, 32]}}


def test_a_configuration_is_tried_as_it_is_made_elsewhere() -> None:
    value = {"$call": "Config", "positional": [], "named": {"size": 16}}
    sites = [
        {"positional": [{"value": 3}], "named": {"size": 64}, "unknown": []},
        {"positional": [None], "named": {}, "unknown": []},
    ]
    found = list(configured({"config": value, "units": 4}, {"Config": sites, "Other": sites}))
    assert found == [{"config": {"$call": "Config", "positional": [3], "named": {"size": 64}}, "units": 4}]


class _Fussy(_Layer):
    def __init__(self, part: Any, units: int = 3) -> None:
        if isinstance(part, dict):
            raise ValueError("no part")
        super().__init__(units)


def test_a_value_that_cannot_be_made_is_given_up_alone() -> None:
    broken = {"$call": "_Fussy", "positional": [{}], "named": {}}
    site = {"positional": [{"value": broken}], "named": {"units": 9}, "unknown": []}
    arguments, _ = next(Maker(_Fussy, KERAS, {}, [site]).working())
    assert arguments["units"] == 9
    assert arguments["part"] != broken


class Rule:
    def score(self, x: Any) -> Any:
        raise NotImplementedError


class Quantile(Rule):
    def __init__(self, level: float = 0.5) -> None:
        self.level = level

    def score(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("Rule", "one"),
        ("Optional[Rule]", "one"),
        ("Rule | None", "one"),
        ("list[Rule]", ["one", "one"]),
        ("typing.Sequence[Rule]", ["one", "one"]),
        ("dict[str, Rule] | None", {"first": "one"}),
        ("Tuple[Rule, ...]", {"$tuple": ["one", "one"]}),
        (Rule, "one"),
        (list[Rule], ["one", "one"]),
        (dict[str, Rule] | None, {"first": "one"}),
        ("list[int]", None),
        ("Any", None),
        (np.ndarray, None),
        (list, None),
        (int, None),
    ],
)
def test_objects_of_the_project_are_made_for_annotations(annotation: Any, value: Any) -> None:
    """Of `Rule`, which leaves everything to others, the one that does it is taken."""
    classes = {"Rule": Rule, "int": int}
    annotated = Annotated(classes.get, lambda found: "one" if found[0] is Quantile else None, _Layer)
    assert annotated.recipe(annotation) == value


class _Scored(_Layer):
    def __init__(self, rules: dict[str, Rule]) -> None:
        super().__init__(len(rules))
        self.rules = rules["first"].score(1)


def test_a_class_that_wants_objects_of_another_gets_them() -> None:
    arguments, made = next(Maker(_Scored, KERAS, {}, []).working())
    assert arguments == {"rules": {"first": {"$call": "Quantile", "positional": [], "named": {}}}}
    assert made.rules == 1

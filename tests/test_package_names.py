"""From any spelling of a layer of KerasHub, KerasNLP, KerasCV or TensorFlow Addons to its fact."""

from __future__ import annotations

import pytest

from kerasfix.keras.packages import PACKAGE_LAYERS, package_layer


@pytest.mark.parametrize("public", PACKAGE_LAYERS)
def test_a_public_name_is_found(public: str) -> None:
    assert package_layer(public) is PACKAGE_LAYERS[public]


@pytest.mark.parametrize(
    ("dotted", "public"),
    [
        (
            "keras_hub.src.layers.modeling.transformer_encoder.TransformerEncoder",
            "keras_hub.layers.TransformerEncoder",
        ),
        ("keras_nlp.layers.TransformerEncoder", "keras_hub.layers.TransformerEncoder"),
        ("keras_nlp.api.layers.FNetEncoder", "keras_hub.layers.FNetEncoder"),
        ("keras_nlp.src.layers.modeling.f_net_encoder.FNetEncoder", "keras_hub.layers.FNetEncoder"),
        ("keras_nlp.layers.modeling.f_net_encoder.FNetEncoder", "keras_hub.layers.FNetEncoder"),
        ("keras_hub.src.models.sam3.sam3_detr_decoder.SAM3DetrDecoder", "keras_hub.layers.SAM3DetrDecoder"),
        (
            "keras_hub.src.models.clip.clip_image_converter.CLIPImageConverter",
            "keras_hub.layers.CLIPImageConverter",
        ),
        ("keras_cv.src.layers.regularization.drop_path.DropPath", "keras_cv.layers.DropPath"),
        ("keras_cv.layers.regularization.DropPath", "keras_cv.layers.DropPath"),
        ("keras_cv.api.layers.DropPath", "keras_cv.layers.DropPath"),
        (
            "keras_cv.src.models.segmentation.segment_anything.sam_layers.TwoWayMultiHeadAttention",
            "keras_cv.layers.TwoWayMultiHeadAttention",
        ),
        (
            "tensorflow_addons.layers.wrappers.WeightNormalization",
            "tensorflow_addons.layers.WeightNormalization",
        ),
        ("tensorflow_addons.rnn.nas_cell.NASCell", "tensorflow_addons.rnn.NASCell"),
    ],
)
def test_another_spelling_means_the_same_layer(dotted: str, public: str) -> None:
    assert package_layer(dotted) is PACKAGE_LAYERS[public]


@pytest.mark.parametrize(
    "dotted",
    [
        "",
        "src",
        "keras_hub",
        "keras_hub.layers",
        "keras_hub.layers.modeling",
        "keras_hub.layers.NoSuchLayer",
        "keras_hub.models.CausalLM",
        "keras_hub.samplers.TransformerEncoder",
        "keras_cv.TransformerEncoder",
        "keras.layers.Dropout",
        "my.layers.TransformerEncoder",
        "tensorflow_addons.layers.NASCell",
        "tensorflow_addons.rnn.StochasticDepth",
    ],
)
def test_what_is_no_such_layer_is_not_found(dotted: str) -> None:
    assert package_layer(dotted) is None


@pytest.mark.parametrize(
    "dotted",
    [
        "keras_hub.src.models.gemma.rms_normalization.RMSNormalization",
        "keras_hub.src.models.stable_diffusion_3.mmdit.RMSNormalization",
        "keras_cv.models.retinanet.FeaturePyramid",
        "keras_cv.src.models.object_detection.retinanet.feature_pyramid.FeaturePyramid",
    ],
)
def test_a_namesake_in_a_model_is_another_class(dotted: str) -> None:
    assert package_layer(dotted) is None


def test_keras_2_and_3_can_differ_in_where_the_flag_stands() -> None:
    heads = package_layer("keras_nlp.layers.CachedMultiHeadAttention")
    assert heads is not None
    assert heads.takes_training
    assert heads.training_position is None

"""What kerasfix knows of the layers of KerasHub (once KerasNLP), KerasCV and TensorFlow Addons.

Measured as `kerasfix.keras.layers`: keras_hub on Keras 3.15.1, keras_cv on that and on Keras 2.15, the others
on Keras 2.15. What was only read in the source says so. `tests/keras/test_package_table.py` measures again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from kerasfix.keras.layers import Effect, LayerFact


@dataclass(frozen=True, slots=True)
class PackageLayer(LayerFact):
    """One layer class of a package.

    Some depend on the flag though their `call` has no `training`: passed by keyword it reaches the layers
    inside all the same. `trainable=False` in the constructor does not freeze those layers.

    Attributes:
        source: Package, version and module of `call`, or of the class if it leaves `call` to Keras.
    """

    source: str = field(kw_only=True)


# Since 0.16, keras_nlp is another name of keras_hub; before, it had classes of the same names.
_RENAMED: Final = {"keras_nlp": "keras_hub"}

# Some public layers live in modules of models (SAM, the converters). There, these names mean other classes.
_NAMESAKES: Final = frozenset({"FeaturePyramid", "RMSNormalization"})


def package_layer(dotted: str) -> LayerFact | None:
    """What is known of a layer class of one of the packages, by its public name or an internal one."""
    root, *rest = dotted.split(".")
    steps = [step for step in rest if step not in ("src", "api")]
    if len(steps) < 2 or (steps[0] == "models" and steps[-1] in _NAMESAKES):
        return None
    home = "layers" if steps[0] == "models" else steps[0]
    return PACKAGE_LAYERS.get(f"{_RENAMED.get(root, root)}.{home}.{steps[-1]}")


def _rows(release: str, modules: str, generations: str, table: str) -> Iterator[tuple[str, PackageLayer]]:
    """The facts of a table: heads `effect folder`, and lines `module Name, module Name: call; argument at`.

    A call is the names of its parameters, the same under each of `generations`, the Kerases that the release
    runs on; `call | call` states another one for Keras 2, `call | =` the same one. After `;` stand the
    dropout arguments or the rate of the layer, and where the constructor takes the first.
    """
    effect, folder, module = Effect.UNKNOWN, "", ""
    for line in table.strip().splitlines():
        if ":" not in line:
            value, folder = line.split()
            effect = Effect(value)
            continue
        signature, _, switch = line.partition(";")
        layers, _, calls = signature.partition(":")
        call, _, older = (part.strip() for part in calls.partition("|"))
        keras2 = call if older in ("", "=") else older
        *arguments, at = switch.split() or [""]
        dropouts, rates = ([], arguments) if effect is Effect.STOCHASTIC else (arguments, [])
        for word in layers.replace(",", "").split():
            if word.islower():
                module = f"{modules}.{folder}.{word}"
                continue
            yield (
                f"{release.partition('=')[0]}.{'rnn' if folder == 'rnn' else 'layers'}.{word}",
                PackageLayer(
                    name=word,
                    effect=effect,
                    keras3=tuple(call.split()) if "3" in generations else None,
                    keras2=tuple(keras2.split()) if "2" in generations or older else None,
                    dropout_arguments=tuple(dropouts),
                    dropout_position=int(at) if dropouts else None,
                    rate_argument=rates[0] if rates else None,
                    rate_position=int(at) if rates else None,
                    source=f"{release} {module}",
                ),
            )


# Keras 2 is keras_nlp 0.12.1, the last that ran on it. Up to 0.6.4 no `call` of keras_nlp had `training`.
# RandomDeletion, RandomSwap and MaskedLMMaskGenerator draw whatever the flag; AudioConverter is a base class;
# nothing reads SAM3VisionEncoder's `attention_dropout_rate`. Read, not run: AnchorGenerator,
# NonMaxSuppression, SAMMaskDecoder, SAMPromptEncoder, all converters but ImageConverter and
# CLIPImageConverter.
_KERAS_HUB = """
dropout_argument layers.modeling
    cached_multi_head_attention CachedMultiHeadAttention: \
        query value key attention_mask cache cache_update_index return_attention_scores training \
        | query value key attention_mask cache cache_update_index training; dropout 3
    f_net_encoder FNetEncoder: inputs training | =; dropout 1
    transformer_decoder TransformerDecoder: decoder_sequence encoder_sequence decoder_padding_mask \
        decoder_attention_mask encoder_padding_mask encoder_attention_mask self_attention_cache \
        self_attention_cache_update_index cross_attention_cache cross_attention_cache_update_index \
        use_causal_mask training | =; dropout 2
    transformer_encoder TransformerEncoder: inputs padding_mask attention_mask training \
        return_attention_scores | inputs padding_mask attention_mask training; dropout 2
dropout_argument models.sam3
    sam3_detr_decoder SAM3DetrDecoder: vision_features text_features vision_pos_encodings text_masks \
        training; dropout_rate 8
    sam3_detr_encoder SAM3DetrEncoder: vision_features text_features vision_pos_embeds text_masks training; \
        dropout_rate 5
    sam3_geometry_encoder SAM3GeometryEncoder: box_embeddings box_masks box_labels fpn_hidden_states \
        fpn_position_encodings training; dropout_rate 6
    sam3_mask_decoder SAM3MaskDecoder: decoder_queries backbone_features encoder_hidden_states \
        prompt_features prompt_masks training; dropout_rate 3
    sam3_vision_encoder SAM3VisionEncoder: pixel_values training; hidden_dropout_rate 14
unknown layers.preprocessing
    audio_converter AudioConverter:
none layers.modeling
    alibi_bias AlibiBias: attention_scores | =
    anchor_generator AnchorGenerator: inputs
    box_matcher BoxMatcher: similarity_matrix
    masked_lm_head MaskedLMHead: inputs mask_positions | =
    non_max_supression NonMaxSuppression: box_prediction class_prediction images
    position_embedding PositionEmbedding, sine_position_encoding SinePositionEncoding, \
        token_and_position_embedding TokenAndPositionEmbedding: inputs start_index positions \
        | inputs start_index
    reversible_embedding ReversibleEmbedding: inputs reverse | =
    rms_normalization RMSNormalization: x
    rotary_embedding RotaryEmbedding: inputs start_index positions | =
none layers.preprocessing
    image_converter BASNetImageConverter BLIP2ImageConverter CLIPImageConverter CSPNetImageConverter \
        DFineImageConverter DINOV2ImageConverter DINOV3ImageConverter DeepLabV3ImageConverter \
        DeiTImageConverter DenseNetImageConverter DepthAnythingImageConverter EfficientNetImageConverter \
        Gemma3ImageConverter Gemma3nImageConverter HGNetV2ImageConverter ImageConverter \
        MetaCLIP2ImageConverter MiTImageConverter MobileNetImageConverter MobileNetV5ImageConverter \
        PARSeqImageConverter PaliGemmaImageConverter ResNetImageConverter RetinaNetImageConverter \
        SAM3ImageConverter SAMImageConverter SegFormerImageConverter SigLIPImageConverter \
        SwinTransformerImageConverter T5Gemma2ImageConverter VGGImageConverter ViTImageConverter \
        VideoPrismImageConverter XceptionImageConverter, video_converter VideoConverter: inputs
    masked_lm_mask_generator MaskedLMMaskGenerator: inputs | =
    multi_segment_packer MultiSegmentPacker, start_end_packer StartEndPacker: \
        inputs sequence_length add_start_value add_end_value | =
    random_deletion RandomDeletion, random_swap RandomSwap: inputs rng | inputs
none models
    gemma3n.gemma3n_audio_converter Gemma3nAudioConverter: \
        raw_speech padding max_length truncation pad_to_multiple_of return_attention_mask
    gemma4.gemma4_audio_converter Gemma4AudioConverter, \
        whisper.whisper_audio_converter WhisperAudioConverter: audio
    gemma4.gemma4_image_converter Gemma4ImageConverter, gemma4.gemma4_video_converter Gemma4VideoConverter, \
        qwen3_5.qwen3_5_image_converter Qwen3_5ImageConverter, \
        qwen3_5.qwen3_5_video_converter Qwen3_5VideoConverter: inputs
    moonshine.moonshine_audio_converter MoonshineAudioConverter: \
        inputs sampling_rate padding max_length pad_to_multiple_of
    sam.sam_mask_decoder SAMMaskDecoder: image_embeddings prompt_dense_positional_embeddings \
        prompt_sparse_embeddings prompt_dense_embeddings
    sam.sam_prompt_encoder SAMPromptEncoder: images points labels boxes masks
    sam3.sam3_text_encoder SAM3TextEncoder: token_ids padding_masks training
"""

# TransformerEncoder is stochastic as it comes, its two dropouts are 0.1. A bare call of DynamicVoxelization
# trains. What wraps hands the flag on; KerasCV's own augmentations ignore it and augment in inference, too
# (up to 0.4.2 they had `training=True`). ROIGenerator keeps more boxes in training; FeaturePyramid can be
# given layers; Augmenter and AnchorGenerator refuse the flag. Read, not run: HeatmapDecoder,
# CenterNetLabelEncoder, GroupPointsByBoundingBoxes, RandomCopyPaste, SwapBackground.
_KERAS_CV = """
stochastic layers
    regularization.drop_path DropPath, regularization.dropblock_2d DropBlock2D, \
        regularization.stochastic_depth StochasticDepth: x training; rate 0
    transformer_encoder TransformerEncoder: inputs
updates_state layers
    fusedmbconv FusedMBConvBlock, mbconv MBConvBlock: inputs
    object_detection_3d.voxelization DynamicVoxelization: point_xyz point_feature point_mask training
    spatial_pyramid SpatialPyramidPooling: inputs training
dropout_argument layers
    hierarchical_transformer_encoder HierarchicalTransformerEncoder: x; drop_prob 3
wraps layers.preprocessing
    base_image_augmentation_layer RandomApply RandomAugmentationPipeline RandomChoice \
        RepeatedAugmentation: inputs
unknown layers
    augmenter Augmenter: | inputs
    feature_pyramid FeaturePyramid: features
    object_detection.roi_generator ROIGenerator: multi_level_boxes multi_level_scores training
    preprocessing.base_image_augmentation_layer BaseImageAugmentationLayer, \
        preprocessing.vectorized_base_image_augmentation_layer VectorizedBaseImageAugmentationLayer, \
        preprocessing_3d.base_augmentation_layer_3d BaseAugmentationLayer3D: inputs
none layers
    object_detection.anchor_generator AnchorGenerator, vit_det_layers WindowPartitioning: | inputs
    object_detection.box_matcher BoxMatcher: similarity_matrix
    object_detection.multi_class_non_max_suppression MultiClassNonMaxSuppression, \
        object_detection.non_max_suppression NonMaxSuppression: \
        box_prediction class_prediction images image_shape
    object_detection.roi_pool ROIPooler: feature_map rois
    object_detection_3d.centernet_label_encoder CenterNetLabelEncoder, \
        preprocessing_3d.base_augmentation_layer_3d FrustumRandomDroppingPoints \
        FrustumRandomPointFeatureNoise GlobalRandomDroppingPoints GlobalRandomFlip GlobalRandomRotation \
        GlobalRandomScaling GlobalRandomTranslation RandomDropBox SwapBackground, \
        preprocessing_3d.waymo.group_points_by_bounding_boxes GroupPointsByBoundingBoxes, \
        preprocessing_3d.waymo.random_copy_paste RandomCopyPaste: inputs
    object_detection_3d.heatmap_decoder HeatmapDecoder: prediction
    overlapping_patching_embedding OverlappingPatchingAndEmbedding, \
        segformer_multihead_attention SegFormerMultiheadAttention, vit_det_layers AddPositionalEmbedding \
        MultiHeadAttentionWithRelativePE ViTDetPatchingAndEmbedding WindowedTransformerEncoder: x
    regularization.squeeze_excite SqueezeAndExcite2D: inputs training
    vit_det_layers AddRelativePositionalEmbedding: attention_map queries query_size key_size
    vit_layers PatchingAndEmbedding: images interpolate interpolate_width interpolate_height patch_size
none layers.preprocessing
    base_image_augmentation_layer AugMix CutMix FourierMix GridMask MixUp Posterization RandAugment \
        RandomAspectRatio RandomChannelShift RandomCropAndResize RandomGaussianBlur RandomJpegQuality \
        Rescaling Resizing, mosaic Mosaic, vectorized_base_image_augmentation_layer AutoContrast \
        ChannelShuffle Equalization Grayscale JitteredResize RandomBrightness RandomColorDegeneration \
        RandomColorJitter RandomContrast RandomCrop RandomCutout RandomFlip RandomHue RandomRotation \
        RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom Solarization: inputs
none models.segmentation.segment_anything
    sam_layers MultiHeadAttentionWithDownsampling: query value key
    sam_layers RandomFrequencyPositionalEmbeddings: size
    sam_layers TwoWayMultiHeadAttention: queries keys query_pe key_pe
"""

# `survival_probability=1` switches StochasticDepth off; NoisyDense is noisy until `remove_noise()`. Read, not
# run: EmbeddingBag and CorrelationCost, whose compiled kernels do not load into TensorFlow 2.15.
_TENSORFLOW_ADDONS = """
stochastic layers
    stochastic_depth StochasticDepth: x training
updates_state layers
    spectral_normalization SpectralNormalization: inputs training
dropout_argument layers
    multihead_attention MultiHeadAttention: inputs training mask; dropout 3
dropout_argument rnn
    layer_norm_lstm_cell LayerNormLSTMCell, peephole_lstm_cell PeepholeLSTMCell: \
        inputs states training; dropout recurrent_dropout 14
    layer_norm_simple_rnn_cell LayerNormSimpleRNNCell: inputs states training; dropout recurrent_dropout 16
wraps layers
    wrappers WeightNormalization: inputs
none layers
    adaptive_pooling AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D \
        AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D, gelu GELU, maxout Maxout, \
        noisy_dense NoisyDense, normalizations FilterResponseNormalization GroupNormalization \
        InstanceNormalization, optical_flow CorrelationCost, poincare PoincareNormalize, \
        polynomial PolynomialCrossing, snake Snake, sparsemax Sparsemax, \
        spatial_pyramid_pooling SpatialPyramidPooling2D, tlu TLU: inputs
    crf CRF: inputs mask
    embedding_bag EmbeddingBag: indices weights
    esn ESN: inputs mask training initial_state
    max_unpooling_2d MaxUnpooling2D, max_unpooling_2d_v2 MaxUnpooling2DV2: updates mask
none rnn
    esn_cell ESNCell, nas_cell NASCell: inputs state
"""

PACKAGE_LAYERS: Final[dict[str, LayerFact]] = {
    **dict(_rows("keras_hub==0.32.0", "keras_hub.src", "3", _KERAS_HUB)),
    **dict(_rows("keras_cv==0.9.0", "keras_cv.src", "2 3", _KERAS_CV)),
    **dict(_rows("tensorflow_addons==0.23.0", "tensorflow_addons", "2", _TENSORFLOW_ADDONS)),
}


def told_layer(dotted: str, effect: str, rate: str | None, source: str) -> LayerFact:
    """The row of a class that nobody measured: what a project says of it, and else what most layers do.

    Args:
        dotted: Its name.
        effect: How it depends on the flag, in the words of the configuration.
        rate: The constructor's argument that switches it off at 0, if there is one.
        source: Where the project says so.
    """
    known = Effect(effect.replace("-", "_"))
    call = ("inputs",) if known is Effect.NONE else ("inputs", "training")
    return PackageLayer(
        name=dotted.rpartition(".")[2],
        effect=known,
        keras3=call,
        keras2=call,
        rate_argument=rate,
        # People write the rate first, as `Dropout(0.5)`.
        rate_position=0 if rate else None,
        source=source,
    )

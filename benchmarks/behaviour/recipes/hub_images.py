"""KerasHub (Keras 3): backbones for images and video, and layers that no backbone here reaches."""

from __future__ import annotations

from typing import Any

from benchmarks.behaviour.spec import exactly, floats, ints, new, ones, recipe, within

MODELS = "keras_hub.src.models"
TOKENS = {"token_ids": ints(2, 5, below=10), "padding_mask": ones(2, 5)}
VISION = {"image_shape": (16, 16, 3), "patch_size": 4, "num_layers": 2, "num_heads": 2, "hidden_dim": 8}
DROPS = {"dropout_rate": 0.3, "attention_dropout": 0.3}
GEMMA_EYES = {"image_size": 16, "patch_size": 4, "num_layers": 2, "num_heads": 2, "hidden_dim": 8}
GRID = [[0, 0], [0, 1], [1, 0], [1, 1]]
SAM = {"hidden_dim": 32, "num_heads": 2, "dropout_rate": 0.3}


def images(size: int = 16, channels: int = 3) -> Any:
    return floats(2, size, size, channels)


RECIPES = within(
    MODELS,
    recipe(
        "deeplab_v3.deeplab_v3_layers:SpatialPyramidPooling",
        {"dilation_rates": [1, 2], "num_channels": 4, "dropout": 0.3},
        images(8, 4),
    ),
    recipe("deit.deit_backbone:DeiTBackbone", {**VISION, **DROPS, "intermediate_dim": 12}, images()),
    recipe(
        "deit.deit_layers:DeiTEmbeddings",
        {"image_size": (16, 16), "patch_size": (4, 4), "hidden_dim": 8, "dropout_rate": 0.3},
        images(),
    ),
    recipe(
        "dinov2.dinov2_backbone:DINOV2Backbone",
        {
            **VISION,
            "intermediate_dim": 12,
            "dropout_rate": 0.3,
            "num_register_tokens": 1,
            "position_embedding_shape": (16, 16),
            "use_mask_token": False,
        },
        {"images": images()},
    ),
    recipe("efficientnet.cba:CBABlock", {"input_filters": 4, "output_filters": 4}, images(8, 4)),
    recipe(
        "efficientnet.fusedmbconv:FusedMBConvBlock",
        {"input_filters": 4, "output_filters": 4, "expand_ratio": 2, "se_ratio": 0.5},
        images(8, 4),
    ),
    recipe(
        "efficientnet.mbconv:MBConvBlock",
        {"input_filters": 4, "output_filters": 4, "expand_ratio": 2, "se_ratio": 0.5},
        images(8, 4),
    ),
    recipe(
        "gemma3.gemma3_vision_encoder:Gemma3VisionEncoderBlock",
        {**GEMMA_EYES, "intermediate_dim": 12},
        floats(2, 1, 16, 16, 3),
    ),
    recipe(
        "gemma3.gemma3_vision_encoder:Gemma3VisionAttention",
        {"hidden_dim": 8, "num_heads": 2, "dropout": 0.3},
        floats(2, 5, 8),
    ),
    recipe(
        "gemma4.gemma4_vision_encoder:Gemma4VisionEncoderBlock",
        {**GEMMA_EYES, "num_key_value_heads": 1, "head_dim": 4, "intermediate_dim": 12, "dropout": 0.3},
        floats(2, 1, 4, 48),
        exactly([[GRID]], 2, 1, 4, 2),
    ),
    recipe(
        "gemma4.gemma4_decoder_block:Gemma4VisionDecoderBlock",
        {
            "hidden_dim": 8,
            "intermediate_dim": 12,
            "head_dim": 4,
            "num_query_heads": 2,
            "num_key_value_heads": 1,
            "dropout": 0.3,
        },
        floats(2, 4, 8),
        exactly([GRID], 2, 4, 2),
    ),
    recipe(
        "mit.mit_backbone:MiTBackbone",
        {
            "layerwise_depths": [1, 1],
            "num_layers": 2,
            "layerwise_num_heads": [1, 2],
            "layerwise_sr_ratios": [2, 1],
            "max_drop_path_rate": 0.3,
            "layerwise_patch_sizes": [7, 3],
            "layerwise_strides": [4, 2],
            "image_shape": (32, 32, 3),
            "hidden_dims": [4, 8],
        },
        images(32),
    ),
    recipe(
        "mobilenet.mobilenet_backbone:DepthwiseConvBlock",
        {
            "infilters": 4,
            "filters": 4,
            "stride": 1,
            "squeeze_excite_ratio": 0.5,
            "residual": True,
            "name": "block",
        },
        images(8, 4),
    ),
    recipe(
        "mobilenet.mobilenet_backbone:InvertedResidualBlock",
        {
            "expansion": 2,
            "infilters": 4,
            "filters": 4,
            "kernel_size": 3,
            "stride": 1,
            "squeeze_excite_ratio": 0.5,
            "activation": "relu",
            "padding": 1,
            "name": "block",
        },
        images(8, 4),
    ),
    recipe(
        "mobilenet.mobilenet_backbone:ConvBnActBlock",
        {"filter": 4, "activation": "relu", "name": "block"},
        images(8, 4),
    ),
    recipe(
        "mobilenetv5.mobilenetv5_attention:Attention2d",
        {
            "filters": 8,
            "num_heads": 2,
            "attn_drop": 0.3,
            "proj_drop": 0.3,
            "data_format": "channels_last",
            "channel_axis": -1,
        },
        images(4, 8),
    ),
    recipe("mobilenetv5.mobilenetv5_layers:DropPath", {"drop_prob": 0.5}, images(4)),
    recipe(
        "mobilenetv5.mobilenetv5_layers:ConvNormAct",
        {"out_chs": 4, "kernel_size": 3, "channel_axis": -1},
        images(8, 4),
    ),
    recipe(
        "pali_gemma.pali_gemma_vit:PaliGemmaVit",
        {
            "image_size": 16,
            "patch_size": 4,
            "num_heads": 2,
            "hidden_dim": 8,
            "num_layers": 1,
            "intermediate_dim": 12,
            "pooling": "map",
            "num_classes": 3,
        },
        images(),
    ),
    recipe(
        "pali_gemma.pali_gemma_vit:MultiHeadAttentionPooling",
        {"hidden_dim": 8, "num_heads": 2, "dropout": 0.3},
        floats(2, 5, 8),
    ),
    recipe(
        "parseq.parseq_backbone:PARSeqBackbone",
        {
            "image_encoder": new(
                f"{MODELS}.vit.vit_backbone:ViTBackbone",
                **{**VISION, **DROPS, "mlp_dim": 12, "use_class_token": False},
            ),
            "vocabulary_size": 10,
            "max_label_length": 5,
            "decoder_hidden_dim": 8,
            "num_decoder_layers": 1,
            "num_decoder_heads": 2,
            "decoder_mlp_dim": 12,
            "dropout_rate": 0.3,
        },
        {**TOKENS, "images": images()},
    ),
    recipe(
        "retinanet.feature_pyramid:FeaturePyramid",
        {
            "min_level": 3,
            "max_level": 5,
            "use_p5": False,
            "num_filters": 4,
            "use_batch_norm": True,
            "data_format": "channels_last",
        },
        {"P3": images(8, 4), "P4": images(4, 4), "P5": images(2, 4)},
    ),
    recipe(
        "sam3.sam3_detr_decoder:SAM3DetrDecoder",
        {
            **SAM,
            "image_shape": (16, 16, 3),
            "patch_size": 4,
            "num_layers": 1,
            "intermediate_dim": 12,
            "num_queries": 3,
        },
        floats(2, 16, 32),
        floats(2, 5, 32),
        floats(2, 16, 32),
        ones(2, 5, dtype="bool"),
    ),
    recipe(
        "sam3.sam3_mask_decoder:SAM3MaskDecoder",
        {**SAM, "num_upsampling_stages": 1},
        floats(2, 3, 32),
        [floats(2, 8, 8, 32), floats(2, 4, 4, 32)],
        floats(2, 16, 32),
        floats(2, 5, 32),
        ones(2, 5, dtype="bool"),
    ),
    recipe(
        "swin_transformer.swin_transformer_backbone:SwinTransformerBackbone",
        {
            "image_shape": (32, 32, 3),
            "embed_dim": 8,
            "depths": [2, 1],
            "num_heads": [2, 2],
            "window_size": 4,
            "dropout_rate": 0.3,
            "attention_dropout": 0.3,
            "drop_path": 0.3,
        },
        images(32),
    ),
    recipe(
        "video_prism.video_prism_backbone:VideoPrismBackbone",
        {
            "num_frames": 2,
            "patch_size": 4,
            "hidden_dim": 8,
            "intermediate_dim": 12,
            "num_heads": 2,
            "num_spatial_layers": 1,
            "num_temporal_layers": 1,
            "num_auxiliary_layers": 1,
            "vocabulary_size": 10,
            "num_text_layers": 1,
            "dropout_rate": 0.3,
            "attention_dropout_rate": 0.3,
            "image_shape": (16, 16, 3),
        },
        {**TOKENS, "pixel_values": floats(2, 2, 16, 16, 3)},
    ),
    recipe("vit.vit_backbone:ViTBackbone", {**VISION, **DROPS, "mlp_dim": 12}, images()),
)

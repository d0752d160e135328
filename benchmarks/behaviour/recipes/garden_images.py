"""The TensorFlow Model Garden (Keras 2): its projects, and images and video."""

from __future__ import annotations

from typing import Any

from benchmarks.behaviour.spec import floats, ints, new, ones, recipe, within, zeros

PROJECTS = "official.projects"

MOBILE_BERT = {
    "word_vocab_size": 10,
    "word_embed_size": 4,
    "type_vocab_size": 2,
    "output_embed_size": 8,
    "max_sequence_length": 6,
    "dropout_rate": 0.3,
}
IMAGE = floats(2, 8, 8, 4)
BOTTLENECK = {"filters": 4, "strides": 1, "use_projection": True, "stochastic_depth_drop_rate": 0.3}
INVERTED = {
    "in_filters": 4,
    "out_filters": 4,
    "expand_ratio": 2,
    "strides": 1,
    "se_ratio": 0.5,
    "stochastic_depth_drop_rate": 0.3,
}
MULTI_QUERY = {"num_heads": 2, "key_dim": 4, "value_dim": 4, "dropout": 0.3}
MAXVIT: dict[str, Any] = {"hidden_size": 8, "head_size": 4, "dropatt": 0.3, "dropout": 0.3}
MASKS = {"num_classes": 3, "num_convs": 1, "num_filters": 4}

RECIPES = (
    *within(
        PROJECTS,
        recipe(
            "centernet.modeling.layers.cn_nn_blocks:HourglassBlock",
            {"channel_dims_per_stage": [4, 6], "blocks_per_stage": [1, 1], "use_sync_bn": False},
            IMAGE,
        ),
        recipe(
            "deepmac_maskrcnn.modeling.heads.hourglass_network:HourglassNetwork",
            {
                "num_stages": 1,
                "input_channel_dims": 4,
                "channel_dims_per_stage": [4, 4],
                "blocks_per_stage": [1, 1],
                "num_hourglasses": 2,
            },
            floats(2, 16, 16, 3),
        ),
        recipe(
            "deepmac_maskrcnn.modeling.heads.hourglass_network:InputConvBlock",
            {"out_channels_initial_conv": 4, "out_channels_residual_block": 4},
            IMAGE,
        ),
        recipe(
            "deepmac_maskrcnn.modeling.heads.instance_heads:DeepMaskHead",
            {**MASKS, "class_agnostic": True},
            [floats(2, 2, 4, 4, 4), ints(2, 2, below=3)],
        ),
        recipe(
            "detr.modeling.detr:DETR",
            {
                "backbone": new(
                    "official.vision.modeling.backbones.resnet:ResNet",
                    model_id=10,
                    input_specs=new("tf_keras:layers.InputSpec", shape=[None, 64, 64, 3]),
                    stem_type="v0",
                    depth_multiplier=0.1,
                ),
                "backbone_endpoint_name": "5",
                "num_queries": 3,
                "hidden_size": 8,
                "num_classes": 3,
                "num_encoder_layers": 1,
                "num_decoder_layers": 1,
                "dropout_rate": 0.3,
            },
            floats(2, 64, 64, 3),
        ),
        recipe(
            "detr.modeling.detr:DETRTransformer",
            {
                "num_encoder_layers": 1,
                "num_decoder_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 12,
                "dropout_rate": 0.3,
            },
            {
                "inputs": floats(2, 4, 8),
                "targets": floats(2, 3, 8),
                "pos_embed": floats(2, 4, 8),
                "mask": ones(2, 4, dtype="float32"),
            },
        ),
        recipe(
            "maxvit.modeling.maxvit:MaxViTBlock",
            {**MAXVIT, "window_size": 2, "grid_size": 2, "survival_prob": 0.7, "norm_type": "batch_norm"},
            floats(2, 4, 4, 8),
        ),
        recipe(
            "maxvit.modeling.layers:TransformerBlock",
            {**MAXVIT, "survival_prob": 0.7, "pool_stride": 2, "rel_attn_type": None},
            floats(2, 4, 4, 8),
        ),
        recipe("maxvit.modeling.layers:FFN", {"hidden_size": 8, "dropout": 0.3}, floats(2, 4, 8)),
        recipe(
            "maxvit.modeling.layers:MBConvBlock",
            {"hidden_size": 8, "survival_prob": 0.7, "norm_type": "batch_norm"},
            floats(2, 4, 4, 8),
        ),
        recipe(
            "movinet.modeling.movinet_layers:MovinetBlock",
            {"out_filters": 4, "expand_filters": 8, "stochastic_depth_drop_rate": 0.3},
            floats(2, 3, 4, 4, 4),
        ),
        recipe(
            "movinet.modeling.movinet_layers:ClassifierHead",
            {"head_filters": 6, "num_classes": 3, "dropout_rate": 0.3},
            floats(2, 1, 1, 1, 4),
        ),
        recipe(
            "nhnet.decoder:EmbeddingPostprocessor",
            {
                "use_type_embeddings": True,
                "token_type_vocab_size": 2,
                "max_position_embeddings": 6,
                "dropout_prob": 0.3,
                "initializer": "glorot_uniform",
            },
            floats(2, 4, 8),
            zeros(2, 4, dtype="int32"),
        ),
        recipe(
            "qat.nlp.modeling.layers.mobile_bert_layers:MobileBertEmbeddingQuantized",
            MOBILE_BERT,
            ints(2, 4),
        ),
        recipe("qat.vision.modeling.layers.nn_blocks:BottleneckBlockQuantized", BOTTLENECK, IMAGE),
        recipe("qat.vision.modeling.layers.nn_blocks:InvertedBottleneckBlockQuantized", INVERTED, IMAGE),
        recipe("qat.vision.n_bit.nn_blocks:BottleneckBlockNBitQuantized", BOTTLENECK, IMAGE),
        recipe("qat.vision.n_bit.nn_blocks:InvertedBottleneckBlockNBitQuantized", INVERTED, IMAGE),
    ),
    *within(
        "official.vision.modeling",
        recipe(
            "heads.instance_heads:DetectionHead",
            {"num_classes": 3, "num_convs": 1, "num_filters": 4, "num_fcs": 1, "fc_dims": 6},
            floats(2, 2, 4, 4, 4),
        ),
        recipe(
            "heads.instance_heads:MaskHead",
            {**MASKS, "class_agnostic": True},
            [floats(2, 2, 4, 4, 4), ints(2, 2, below=3)],
        ),
        recipe(
            "layers.nn_blocks:MultiQueryAttentionLayerV1", MULTI_QUERY, [floats(2, 4, 8), floats(2, 4, 8)]
        ),
        recipe(
            "layers.nn_blocks:MultiQueryAttentionLayerV2",
            MULTI_QUERY,
            [floats(2, 4, 4, 8), floats(2, 4, 4, 8)],
        ),
        recipe(
            "layers.nn_blocks:OptimizedMultiQueryAttentionLayerWithDownSampling",
            {**MULTI_QUERY, "query_h_strides": 2, "query_w_strides": 2, "kv_strides": 2},
            floats(2, 4, 4, 8),
        ),
        recipe(
            "layers.nn_blocks:MultiHeadSelfAttentionBlock",
            {"input_dim": 8, **MULTI_QUERY, "stochastic_depth_drop_rate": 0.3, "use_cpe": True},
            floats(2, 4, 4, 8),
        ),
        recipe(
            "layers.nn_blocks:TransformerEncoderBlock",
            {
                "num_attention_heads": 2,
                "inner_dim": 12,
                "inner_activation": "relu",
                "output_dropout": 0.3,
                "attention_dropout": 0.3,
                "stochastic_depth_drop_rate": 0.3,
            },
            floats(2, 4, 8),
        ),
    ),
)

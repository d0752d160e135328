"""The TensorFlow Model Garden (Keras 2): text."""

from __future__ import annotations

from typing import Any

from benchmarks.behaviour.spec import exactly, floats, ints, new, ones, recipe, within, zeros

TEXT = "official.nlp.modeling"
LEGACY = "official.legacy"

ENCODER = {"vocab_size": 10, "hidden_size": 8, "num_layers": 2, "num_attention_heads": 2, "inner_dim": 12}
DROPS = {"output_dropout": 0.3, "attention_dropout": 0.3}
TOKENS = {
    "input_word_ids": ints(2, 4, below=10),
    "input_mask": ones(2, 4),
    "input_type_ids": zeros(2, 4, dtype="int32"),
}
BLOCK = {"num_attention_heads": 2, "dropout_rate": 0.3, "attention_dropout_rate": 0.3}
INNER = {"intermediate_size": 12, "intermediate_activation": "relu"}
MASKED = (floats(2, 4, 8), ones(2, 4, 4))
RELATIVE: dict[str, Any] = {
    "vocab_size": 10,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "head_size": 4,
    "inner_size": 12,
    "dropout_rate": 0.3,
    "attention_dropout_rate": 0.3,
}
XLNET = new(
    f"{TEXT}.networks.xlnet_base:XLNetBase",
    **RELATIVE,
    num_layers=2,
    attention_type="bi",
    bi_data=False,
    initializer="glorot_uniform",
)
LEGACY_XLNET: dict[str, Any] = {
    "n_token": 10,
    "n_layer": 2,
    "d_model": 8,
    "n_head": 2,
    "d_head": 4,
    "d_inner": 12,
    "ff_activation": "relu",
    "untie_r": False,
}
BERT = new(f"{TEXT}.networks.bert_encoder:BertEncoder", **ENCODER, **DROPS, dict_outputs=True)
TRANSFORMER: dict[str, Any] = {
    "vocab_size": 10,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_heads": 2,
    "filter_size": 12,
    "initializer_gain": 1.0,
    "layer_postprocess_dropout": 0.3,
    "attention_dropout": 0.3,
    "relu_dropout": 0.3,
    "label_smoothing": 0.1,
    "enable_metrics_in_training": False,
    "padded_decode": False,
    "extra_decode_length": 2,
    "beam_size": 2,
    "alpha": 0.6,
    "dtype": "float32",
}
MOBILE_BERT = {
    "word_vocab_size": 10,
    "word_embed_size": 4,
    "type_vocab_size": 2,
    "output_embed_size": 8,
    "max_sequence_length": 6,
    "dropout_rate": 0.3,
}

RECIPES = (
    *within(
        f"{LEGACY}.transformer",
        recipe(
            "attention_layer:SelfAttention",
            {"hidden_size": 8, "num_heads": 2, "attention_dropout": 0.3},
            floats(2, 4, 8),
            zeros(2, 1, 1, 4),
        ),
        recipe(
            "ffn_layer:FeedForwardNetwork",
            {"hidden_size": 8, "filter_size": 12, "relu_dropout": 0.3},
            floats(2, 4, 8),
        ),
        recipe("transformer:Transformer", {"params": TRANSFORMER}, [ints(2, 4), ints(2, 5)], predict=False),
        recipe("transformer:Transformer", {"params": TRANSFORMER}, [ints(2, 4)], predict=False),
    ),
    *within(
        f"{LEGACY}.xlnet.xlnet_modeling",
        recipe(
            ":TransformerXLModel",
            {
                **{key: value for key, value in LEGACY_XLNET.items() if key != "untie_r"},
                "dropout": 0.3,
                "dropout_att": 0.3,
                "attn_type": "bi",
                "bi_data": False,
                "is_training": False,
                "initializer": "glorot_uniform",
                "use_tpu": False,
            },
            ints(4, 2),
            seg_id=zeros(4, 2, dtype="int32"),
            input_mask=zeros(4, 2),
            predict=False,
        ),
        recipe(
            ":ClassificationXLNetModel",
            {
                "xlnet_config": new("types:SimpleNamespace", **LEGACY_XLNET),
                "run_config": new(
                    "types:SimpleNamespace",
                    dropout=0.3,
                    dropout_att=0.3,
                    mem_len=None,
                    reuse_len=None,
                    bi_data=False,
                    clamp_len=-1,
                    init_method="normal",
                    init_std=0.1,
                    init_range=0.1,
                ),
                "n_class": 3,
                "summary_type": "last",
            },
            {
                "input_ids": ints(2, 4),
                "segment_ids": zeros(2, 4, dtype="int32"),
                "input_mask": zeros(2, 4),
                "label_ids": ints(2, 1, below=3),
            },
            predict=False,
        ),
        recipe(
            ":QALossLayer",
            {
                "hidden_size": 8,
                "start_n_top": 2,
                "end_n_top": 2,
                "initializer": "glorot_uniform",
                "dropout_rate": 0.3,
            },
            floats(2, 4, 8),
            zeros(2, 4),
            ints(2, below=4),
            predict=False,
        ),
    ),
    *within(
        f"{TEXT}.layers",
        recipe(
            "block_diag_feedforward:BlockDiagFeedforward",
            {**INNER, "dropout": 0.3, "num_blocks": 2},
            floats(2, 4, 8),
        ),
        recipe(
            "cls_head:ClassificationHead",
            {"inner_dim": 6, "num_classes": 3, "dropout_rate": 0.3},
            floats(2, 4, 8),
        ),
        recipe(
            "cls_head:MultiClsHeads",
            {"inner_dim": 6, "cls_list": [["a", 2], ["b", 3]], "dropout_rate": 0.3},
            floats(2, 4, 8),
        ),
        recipe(
            "cls_head:GaussianProcessClassificationHead",
            {"inner_dim": 6, "num_classes": 3, "dropout_rate": 0.3},
            floats(2, 4, 8),
        ),
        recipe("gated_feedforward:GatedFeedforward", {"inner_dim": 12, "dropout": 0.3}, floats(2, 4, 8)),
        recipe(
            "gaussian_process:RandomFeatureGaussianProcess",
            {"units": 3, "num_inducing": 6, "normalize_input": True},
            floats(2, 8),
        ),
        recipe(
            "kernel_attention:KernelAttention",
            {"num_heads": 2, "key_dim": 4, "num_random_features": 6, "redraw": True, "dropout": 0.3},
            floats(2, 4, 8),
            floats(2, 4, 8),
        ),
        recipe(
            "multi_channel_attention:MultiChannelAttention",
            {"num_heads": 2, "key_dim": 4, "dropout": 0.3},
            floats(2, 4, 8),
            floats(2, 3, 5, 8),
            context_attention_weights=floats(2, 2, 4, 3),
            attention_mask=ones(2, 3, 4, 5),
        ),
        recipe("mobile_bert_layers:MobileBertEmbedding", MOBILE_BERT, ints(2, 4)),
        recipe(
            "pack_optimization:StridedTransformerEncoderBlock",
            {
                "num_attention_heads": 2,
                "inner_dim": 12,
                "inner_activation": "relu",
                "output_dropout": 0.3,
                "attention_dropout": 0.3,
            },
            MASKED,
            stride=2,
        ),
        recipe("pack_optimization:StridedReZeroTransformer", {**BLOCK, "inner_dim": 12}, MASKED, stride=2),
        recipe("rezero_transformer:ReZeroTransformer", {**BLOCK, "inner_dim": 12}, MASKED),
        recipe(
            "tn_transformer_expand_condense:TNTransformerExpandCondense",
            {**BLOCK, "intermediate_size": 256, "intermediate_activation": "relu"},
            [floats(2, 4, 128), ones(2, 4, 4)],
        ),
        recipe(
            "transformer:TransformerDecoderBlock",
            {**BLOCK, **INNER},
            [floats(2, 4, 8), floats(2, 4, 8), ones(2, 4, 4), ones(2, 4, 4)],
        ),
    ),
    *within(
        f"{TEXT}.models",
        recipe(
            "electra_pretrainer:ElectraPretrainer",
            {
                "generator_network": BERT,
                "discriminator_network": BERT,
                "vocab_size": 10,
                "num_classes": 2,
                "num_token_predictions": 2,
            },
            {
                **TOKENS,
                "masked_lm_positions": exactly([[0, 2]], 2, 2),
                "masked_lm_ids": exactly([[1, 2]], 2, 2),
            },
        ),
        recipe("xlnet:XLNetClassifier", {"network": XLNET, "num_classes": 3, "dropout_rate": 0.3}, TOKENS),
        recipe(
            "xlnet:XLNetSpanLabeler",
            {"network": XLNET, "start_n_top": 2, "end_n_top": 2, "dropout_rate": 0.3},
            {**TOKENS, "class_index": ints(2, below=4), "paragraph_mask": zeros(2, 4)},
        ),
    ),
    *within(
        f"{TEXT}.networks",
        recipe(
            "xlnet_base:XLNetBase",
            {**XLNET.options, "two_stream": True},
            ints(2, 4),
            segment_ids=zeros(2, 4, dtype="int32"),
            input_mask=ones(2, 4, dtype="float32"),
            masked_tokens=exactly([[0, 1, 0, 1]], 2, 4, dtype="float32"),
            permutation_mask=zeros(2, 4, 4),
        ),
        recipe("bert_encoder:BertEncoderV2", {**ENCODER, **DROPS}, TOKENS),
        recipe("fnet:FNet", {**ENCODER, **DROPS, "attention_layers": (1,), "max_sequence_length": 4}, TOKENS),
        recipe("funnel_transformer:FunnelTransformerEncoder", {**ENCODER, **DROPS}, TOKENS),
        recipe(
            "sparse_mixer:SparseMixer",
            {
                **ENCODER,
                **DROPS,
                "moe_layers": (0,),
                "attention_layers": (1,),
                "num_experts": 2,
                "max_sequence_length": 4,
            },
            TOKENS,
        ),
    ),
)

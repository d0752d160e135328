"""KerasHub (Keras 3): small backbones for text, and layers that no backbone here reaches."""

from __future__ import annotations

from typing import Any

from benchmarks.behaviour.spec import Recipe, exactly, floats, ints, ones, recipe, within, zeros

MODELS = "keras_hub.src.models"
TOKENS = {"token_ids": ints(2, 5, below=10), "padding_mask": ones(2, 5)}
TEXT: dict[str, Any] = {"vocabulary_size": 10, "num_layers": 2, "hidden_dim": 8, "intermediate_dim": 12}
GROUPED = {**TEXT, "num_query_heads": 2, "num_key_value_heads": 1, "dropout": 0.3}
EXPERTS = {**GROUPED, "num_experts": 3, "top_k": 2, "moe_intermediate_dim": 6}
LINEAR = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 4,
    "linear_value_head_dim": 4,
}
GEMMA3N: dict[str, Any] = {
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "attention_dropout": 0.3,
    "attention_bias": False,
    "rms_norm_eps": 1e-6,
}
QUANTIZED = {"num_embeddings": 6, "embedding_dim": 4}


def images(size: int = 16, channels: int = 3) -> Any:
    return floats(2, size, size, channels)


def decoder(path: str, make: dict[str, Any], inputs: dict[str, Any] = TOKENS, **more: Any) -> Recipe:
    """A causal decoder of tokens; nearly all of them take the same inputs."""
    return recipe(path, {**make, **more}, inputs)


RECIPES = within(
    MODELS,
    decoder("bloom.bloom_backbone:BloomBackbone", TEXT, num_heads=2, dropout=0.3),
    decoder(
        "deberta_v3.deberta_v3_backbone:DebertaV3Backbone", TEXT, num_heads=2, dropout=0.3, bucket_size=4
    ),
    recipe(
        "edrec.edrec_backbone:EdRecBackbone",
        {
            "vocab_size": 10,
            "num_layers_enc": 1,
            "num_layers_dec": 1,
            "hidden_dim": 8,
            "intermediate_dim": 12,
            "num_heads": 2,
            "dropout": 0.3,
        },
        {
            "encoder_token_ids": ints(2, 5),
            "encoder_padding_mask": ones(2, 5),
            "decoder_token_ids": ints(2, 4),
            "decoder_padding_mask": ones(2, 4),
        },
    ),
    recipe(
        "esm.esm_backbone:ESMBackbone",
        {**TEXT, "num_heads": 2, "dropout": 0.3},
        {"token_ids": ints(2, 5)},
    ),
    decoder(
        "falcon.falcon_backbone:FalconBackbone",
        TEXT,
        num_attention_heads=2,
        attention_dropout_rate=0.3,
        feedforward_dropout_rate=0.3,
    ),
    decoder("gemma.gemma_backbone:GemmaBackbone", GROUPED, head_dim=4),
    decoder("gemma3.gemma3_backbone:Gemma3Backbone", GROUPED, head_dim=4, image_size=16),
    recipe(
        "gemma3n.gemma3n_text_model:Gemma3nTextModel",
        {
            **GEMMA3N,
            "pad_token_id": 0,
            "vocab_size": 10,
            "hidden_size": 8,
            "num_hidden_layers": 2,
            "layer_types": ["full_attention", "sliding_attention"],
            "sliding_window": 4,
            "rope_theta": 10000.0,
            "rope_scaling": None,
            "rope_local_base_freq": 10000.0,
            "max_position_embeddings": 8,
            "intermediate_size": [12, 12],
            "hidden_activation": "gelu_approximate",
            "activation_sparsity_pattern": [0.0, 0.0],
            "altup_num_inputs": 2,
            "altup_coef_clip": None,
            "altup_active_idx": 0,
            "altup_correct_scale": True,
            "laurel_rank": 1,
            "hidden_size_per_layer_input": 2,
            "vocab_size_per_layer_input": 10,
            "num_kv_shared_layers": 0,
        },
        ints(2, 5),
        ones(2, 5),
        floats(2, 5, 8),
        floats(2, 5, 2, 2),
    ),
    recipe(
        "gemma3n.gemma3n_attention:Gemma3nTextAttention",
        {**GEMMA3N, "hidden_size": 8},
        floats(2, 5, 8),
        ones(2, 5, 5, dtype="bool"),
    ),
    decoder(
        "gemma4.gemma4_backbone:Gemma4Backbone",
        GROUPED,
        head_dim=4,
        image_size=16,
        layer_types=["sliding_attention", "full_attention"],
        inputs={**TOKENS, "position_ids": exactly([[0, 1, 2, 3, 4]], 2, 5)},
    ),
    decoder(
        "gpt_neo_x.gpt_neo_x_backbone:GPTNeoXBackbone",
        TEXT,
        num_heads=2,
        dropout=0.3,
        rotary_percentage=0.5,
    ),
    decoder("gpt_oss.gpt_oss_backbone:GptOssBackbone", GROUPED, num_experts=3, head_dim=4),
    decoder("llama.llama_backbone:LlamaBackbone", GROUPED),
    decoder("mistral.mistral_backbone:MistralBackbone", GROUPED),
    decoder("mixtral.mixtral_backbone:MixtralBackbone", GROUPED, num_experts=3),
    recipe(
        "pali_gemma.pali_gemma_backbone:PaliGemmaBackbone",
        {
            **GROUPED,
            "head_dim": 4,
            "image_size": 16,
            "vit_patch_size": 4,
            "vit_num_heads": 2,
            "vit_hidden_dim": 8,
            "vit_num_layers": 1,
            "vit_intermediate_dim": 12,
        },
        {**TOKENS, "images": images(), "response_mask": zeros(2, 5, dtype="int32")},
    ),
    decoder("phi3.phi3_backbone:Phi3Backbone", GROUPED),
    decoder("qwen.qwen_backbone:QwenBackbone", GROUPED),
    decoder("qwen3.qwen3_backbone:Qwen3Backbone", GROUPED, head_dim=4),
    decoder(
        "qwen3_5.qwen3_5_backbone:Qwen3_5Backbone",
        {**GROUPED, **LINEAR},
        head_dim=8,
        layer_types=["full_attention", "linear_attention"],
    ),
    decoder(
        "qwen3_5_moe.qwen3_5_moe_backbone:Qwen3_5MoeBackbone",
        {key: value for key, value in {**EXPERTS, **LINEAR}.items() if key != "intermediate_dim"},
        head_dim=8,
        layer_types=["full_attention", "linear_attention"],
        shared_expert_intermediate_size=6,
    ),
    decoder("qwen3_moe.qwen3_moe_backbone:Qwen3MoeBackbone", EXPERTS, head_dim=4),
    decoder("qwen_moe.qwen_moe_backbone:QwenMoeBackbone", EXPERTS, shared_expert_intermediate_dim=6),
    recipe(
        "roformer_v2.roformer_v2_backbone:RoformerV2Backbone",
        {**TEXT, "num_heads": 2, "head_size": 4, "dropout": 0.3},
        {"token_ids": ints(2, 5), "segment_ids": zeros(2, 5, dtype="int32")},
    ),
    recipe("rqvae.rqvae_layers:VectorQuantizerEMA", QUANTIZED, floats(2, 4)),
    recipe(
        "rqvae.rqvae_backbone:RQVAEBackbone",
        {
            "input_dim": 6,
            "encoder_layer_dims": [5],
            "output_dim": 4,
            "decoder_layer_dims": [5],
            "num_embeddings": 6,
            "num_quantizers": 2,
        },
        floats(2, 6),
    ),
    recipe(
        "rwkv7.rwkv7_layer:RWKV7_Block",
        {
            "hidden_size": 8,
            "head_size": 4,
            "intermediate_dim": 12,
            "gate_lora": 4,
            "mv_lora": 4,
            "aaa_lora": 4,
            "decay_lora": 4,
        },
        floats(2, 16, 8),
        floats(2, 16, 8),
    ),
    recipe(
        "xlnet.xlnet_backbone:XLNetBackbone",
        {**TEXT, "num_heads": 2, "dropout": 0.3},
        {**TOKENS, "segment_ids": zeros(2, 5, dtype="int32")},
    ),
)

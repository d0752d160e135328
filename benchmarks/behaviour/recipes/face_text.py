"""Hugging Face transformers (Keras 2): models for text, from small configurations."""

from __future__ import annotations

from typing import Any

from benchmarks.behaviour.spec import Recipe, exactly, new, ones, zeros

DROPS: dict[str, Any] = {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.3}
SIZES: dict[str, Any] = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
}
BERT: dict[str, Any] = {
    **SIZES,
    **DROPS,
    "vocab_size": 30,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
    "pad_token_id": 1,
    "classifier_dropout": 0.3,
}
IDS = {"input_ids": exactly([[5, 7, 9, 11, 2]], 2, 5), "attention_mask": ones(2, 5)}
WORDS = {"input_ids": IDS["input_ids"], "decoder_input_ids": exactly([[4, 6, 2]], 2, 3)}
BART: dict[str, Any] = {
    "vocab_size": 30,
    "d_model": 8,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 12,
    "decoder_ffn_dim": 12,
    "max_position_embeddings": 40,
    "dropout": 0.3,
    "attention_dropout": 0.3,
    "activation_dropout": 0.3,
    "classifier_dropout": 0.3,
    "encoder_layerdrop": 0.0,
    "decoder_layerdrop": 0.0,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}


def model(
    name: str, config: str, settings: dict[str, Any], inputs: Any, predict: bool = True, **more: Any
) -> Recipe:
    """A model of the package, from its configuration."""
    made = new(f"transformers:{name}", new(f"transformers:{config}", **{**settings, **more}))
    return Recipe(made, (inputs,), predict=predict)


def bert(name: str, head: str = "ForSequenceClassification", inputs: Any = IDS, **more: Any) -> Recipe:
    return model(f"TF{name}{head}", f"{name}Config", BERT, inputs, **more)


def bart(name: str, head: str = "ForConditionalGeneration", inputs: Any = WORDS, **more: Any) -> Recipe:
    return model(f"TF{name}{head}", f"{name}Config", BART, inputs, **more)


RECIPES = (
    bert("Albert", "ForPreTraining", embedding_size=6, num_hidden_groups=1, classifier_dropout_prob=0.3),
    bart("Bart"),
    bart("Bart", "ForSequenceClassification", {"input_ids": IDS["input_ids"]}),
    bert("Bert", "ForPreTraining"),
    bart("Blenderbot"),
    bart("BlenderbotSmall"),
    model("TFBlipTextModel", "BlipTextConfig", BERT, IDS, encoder_hidden_size=8),
    bert("Camembert"),
    bert("ConvBert", embedding_size=8, conv_kernel_size=3, num_attention_heads=4, head_ratio=2),
    bert("Deberta", relative_attention=True, pos_att_type=["c2p", "p2c"], pooler_dropout=0.3),
    bert(
        "DebertaV2",
        relative_attention=True,
        pos_att_type=["c2p", "p2c"],
        pooler_dropout=0.3,
        conv_kernel_size=3,
        conv_act="gelu",
    ),
    model(
        "TFTransfoXLModel",
        "TransfoXLConfig",
        {},
        {"input_ids": IDS["input_ids"]},
        predict=False,
        vocab_size=30,
        cutoffs=[10, 20],
        d_model=8,
        d_embed=8,
        n_head=2,
        d_head=4,
        d_inner=12,
        n_layer=2,
        mem_len=5,
        div_val=2,
        dropout=0.3,
        dropatt=0.3,
    ),
    model(
        "TFDistilBertForSequenceClassification",
        "DistilBertConfig",
        {},
        IDS,
        vocab_size=30,
        dim=8,
        hidden_dim=12,
        n_layers=2,
        n_heads=2,
        max_position_embeddings=40,
        dropout=0.3,
        attention_dropout=0.3,
    ),
    # The second option is what the head asks for, misspelled.
    bert("Electra", embedding_size=6, classifhidden_dropout_probier_dropout=0.3),
    bert("Esm", position_embedding_type="rotary", emb_layer_norm_before=True, mask_token_id=3),
    model(
        "TFFunnelForSequenceClassification",
        "FunnelConfig",
        {},
        IDS,
        vocab_size=30,
        block_sizes=[1, 1],
        d_model=8,
        n_head=2,
        d_head=4,
        d_inner=12,
        hidden_dropout=0.3,
        attention_dropout=0.3,
        activation_dropout=0.3,
    ),
    model(
        "TFGPT2LMHeadModel",
        "GPT2Config",
        {},
        IDS,
        vocab_size=30,
        n_positions=40,
        n_embd=8,
        n_layer=2,
        n_head=2,
        resid_pdrop=0.3,
        embd_pdrop=0.3,
        attn_pdrop=0.3,
    ),
    model(
        "TFGPTJModel",
        "GPTJConfig",
        {},
        IDS,
        vocab_size=30,
        n_positions=40,
        n_embd=8,
        n_layer=2,
        n_head=2,
        rotary_dim=2,
        resid_pdrop=0.3,
        embd_pdrop=0.3,
        attn_pdrop=0.3,
    ),
    bert("LayoutLM", inputs={**IDS, "bbox": zeros(2, 5, 4, dtype="int32")}, max_2d_position_embeddings=20),
    bart(
        "LED",
        attention_window=[4],
        max_encoder_position_embeddings=40,
        max_decoder_position_embeddings=40,
    ),
    bert("Longformer", attention_window=[4, 4]),
    bart("Marian", "MTModel"),
    bart("MBart"),
    bert(
        "MobileBert",
        "ForPreTraining",
        embedding_size=6,
        true_hidden_size=8,
        intra_bottleneck_size=8,
        num_feedforward_networks=2,
        trigram_input=True,
        use_bottleneck=True,
        normalization_type="layer_norm",
    ),
    bert("MPNet", relative_attention_num_buckets=8),
    model(
        "TFOpenAIGPTLMHeadModel",
        "OpenAIGPTConfig",
        {},
        IDS,
        vocab_size=30,
        n_positions=40,
        n_embd=8,
        n_layer=2,
        n_head=2,
        resid_pdrop=0.3,
        embd_pdrop=0.3,
        attn_pdrop=0.3,
    ),
    model(
        "TFOPTForCausalLM",
        "OPTConfig",
        SIZES,
        IDS,
        vocab_size=30,
        ffn_dim=12,
        max_position_embeddings=40,
        dropout=0.3,
        attention_dropout=0.3,
        word_embed_proj_dim=8,
    ),
    bart("Pegasus"),
    bert("RemBert", input_embedding_size=6, output_embedding_size=8),
    bert("Roberta"),
    bert("RobertaPreLayerNorm"),
    bert("RoFormer", embedding_size=6),
    model(
        "TFTapasModel",
        "TapasConfig",
        BERT,
        {**IDS, "token_type_ids": zeros(2, 5, 7, dtype="int32")},
        type_vocab_sizes=[2, 2, 2, 2, 2, 2, 2],
    ),
    model(
        "TFXGLMForCausalLM",
        "XGLMConfig",
        {},
        IDS,
        vocab_size=30,
        d_model=8,
        ffn_dim=12,
        num_layers=2,
        attention_heads=2,
        max_position_embeddings=40,
        dropout=0.3,
        attention_dropout=0.3,
        activation_dropout=0.3,
        layerdrop=0.0,
    ),
    bert("XLMRoberta"),
    model(
        "TFXLNetForSequenceClassification",
        "XLNetConfig",
        {},
        IDS,
        vocab_size=30,
        d_model=8,
        n_layer=2,
        n_head=2,
        d_inner=12,
        dropout=0.3,
        summary_last_dropout=0.3,
    ),
)

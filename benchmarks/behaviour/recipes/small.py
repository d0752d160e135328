"""Packages of which kerasfix changes a few classes each."""

from __future__ import annotations

from typing import Any

from benchmarks.behaviour.spec import Package, Recipe, exactly, floats, ints, new, ones, recipe, within

DENSE = [
    floats(4, 6),
    exactly([[1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1]], 4, 4, dtype="float32"),
]
SPARSE = [
    floats(4, 6),
    new(
        "tensorflow:SparseTensor",
        indices=[[0, 0], [0, 1], [1, 1], [2, 2], [3, 3]],
        values=[1.0] * 5,
        dense_shape=[4, 4],
    ),
]

SPEECH: dict[str, Any] = {
    **{
        f"{side}_{key}": value
        for side in ("encoder", "decoder")
        for key, value in {
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "attention_head_size": 4,
            "intermediate_size": 12,
        }.items()
    },
    "hidden_dropout_prob": 0.3,
    "attention_probs_dropout_prob": 0.3,
    "max_position_embeddings": 20,
    "num_duration_conv_layers": 1,
    "duration_predictor_filters": 4,
    "num_mels": 4,
    "n_conv_postnet": 2,
    "postnet_conv_filters": 4,
    "postnet_dropout_rate": 0.3,
}
SPOKEN = (ints(2, 4, below=9), ints(2, below=1), exactly([[1, 2, 1, 1]], 2, 4))
VIT: dict[str, Any] = {
    "input_size": (16, 16),
    "patch_size": 4,
    "embed_dim": 8,
    "nb_blocks": 2,
    "nb_heads": 2,
    "nb_classes": 3,
    "drop_rate": 0.3,
    "attn_drop_rate": 0.3,
    "drop_path_rate": 0.3,
}
WIRING = new("ncps.wirings:FullyConnected", 6, 3)


def timm(module: str, name: str, **more: Any) -> Recipe:
    path = f"tfimm.architectures.{module}:{name}"
    size = more["input_size"][0]
    configuration = new(f"{path}Config", **{"name": "model", "url": "", **more})
    return Recipe(new(path, configuration), (floats(2, size, size, 3),))


SPEKTRAL = Package(
    "spektral==1.3.1",
    ("spektral",),
    within(
        "spektral",
        recipe(
            "layers.convolutional.general_conv:GeneralConv",
            {"channels": 5, "dropout": 0.3},
            SPARSE,
            predict=False,
        ),
        recipe(
            "layers.convolutional.gin_conv:GINConv", {"channels": 5, "mlp_hidden": [6]}, SPARSE, predict=False
        ),
        recipe(
            "layers.convolutional.gin_conv:GINConvBatch",
            {"channels": 5, "mlp_hidden": [6]},
            [floats(2, 4, 6), ones(2, 4, 4, dtype="float32")],
        ),
        recipe("models.gcn:GCN", {"n_labels": 3}, DENSE),
        recipe(
            "models.general_gnn:GeneralGNN", {"output": 3, "hidden": 6, "dropout": 0.3}, SPARSE, predict=False
        ),
    ),
    legacy=True,
    stubs=("sklearn", "pandas", "lxml", "joblib"),
)
TFIMM = Package(
    "tfimm==0.2.14",
    ("tfimm",),
    (
        timm("cait", "CaiT", **VIT),
        timm("vit", "ViT", **VIT),
        timm("vit", "ViT", **VIT, distilled=True, classifier=("head", "head_dist")),
        timm(
            "swin",
            "SwinTransformer",
            **{**VIT, "patch_size": 2, "nb_blocks": (2, 1), "nb_heads": (2, 2), "window_size": 4},
        ),
        timm(
            "resnetv2",
            "ResNetV2",
            input_size=(32, 32),
            nb_blocks=(1, 1),
            nb_channels=(8, 16),
            stem_width=8,
            nb_classes=3,
            norm_layer="batch_norm",
            drop_rate=0.3,
            drop_path_rate=0.3,
        ),
        recipe(
            "tfimm.layers.classifier:ClassifierHead", {"nb_classes": 3, "drop_rate": 0.3}, floats(2, 4, 4, 6)
        ),
        recipe("tfimm.layers.drop:DropPath", {"drop_prob": 0.5}, floats(4, 6)),
    ),
    legacy=True,
)
SPEAKING = Package(
    "TensorFlowTTS==1.8",
    ("tensorflow_tts",),
    within(
        "tensorflow_tts",
        recipe(
            "models.fastspeech:TFFastSpeech",
            {"config": new("tensorflow_tts.configs:FastSpeechConfig", **SPEECH)},
            *SPOKEN,
            predict=False,
        ),
        recipe(
            "models.fastspeech2:TFFastSpeech2",
            {
                "config": new(
                    "tensorflow_tts.configs:FastSpeech2Config",
                    **SPEECH,
                    variant_predictor_filter=4,
                    # The two dropouts that the package leaves on in inference mode.
                    variant_dropout_rate=0.0,
                    variant_predictor_dropout_rate=0.0,
                )
            },
            *SPOKEN,
            floats(2, 4),
            floats(2, 4),
            predict=False,
        ),
        recipe(
            "models.parallel_wavegan:TFResidualBlock",
            {
                "residual_channels": 4,
                "gate_channels": 6,
                "skip_channels": 4,
                "aux_channels": 4,
                "dropout_rate": 0.3,
            },
            floats(2, 8, 4),
            floats(2, 8, 4),
        ),
        recipe(
            "models.tacotron2:TFTacotronEmbeddings",
            {"config": new("tensorflow_tts.configs:Tacotron2Config", embedding_hidden_size=4, n_speakers=2)},
            [ints(2, 4), ints(2, below=2)],
        ),
    ),
    legacy=True,
    stubs=(
        "tensorflow_addons",
        "librosa",
        "soundfile",
        "unidecode",
        "inflect",
        "sklearn",
        "pyworld",
        "numba",
        "jamo",
        "pypinyin",
        "g2pM",
        "textgrid",
        "g2p_en",
        "german_transliterate",
        "matplotlib",
        "scipy",
    ),
)
GRAPHICS = Package(
    "tensorflow-graphics==2021.12.3",
    ("tensorflow_graphics",),
    within(
        "tensorflow_graphics",
        recipe("nn.layer.pointnet:PointNetVanillaClassifier", {"num_classes": 3}, floats(2, 6, 3)),
        recipe("projects.cvxnet.lib.models:Decoder", {"dims": 5}, floats(2, 8)),
        recipe(
            "projects.cvxnet.lib.resnet:BasicBlock", {"planes": 4, "downsample": True}, floats(2, 8, 8, 3)
        ),
        *within(
            "projects.local_implicit_grid.core",
            recipe(
                "model_g2g:UNet3D",
                {"in_grid_res": 8, "out_grid_res": 4, "num_filters": 2, "max_filters": 8, "out_features": 4},
                floats(2, 8, 8, 8, 1),
            ),
            recipe(
                "model_g2g:UNet3DOdd",
                {"in_grid_res": 8, "out_grid_res": 3, "num_filters": 2, "max_filters": 8, "out_features": 4},
                floats(2, 8, 8, 8, 1),
            ),
            recipe(
                "model_g2v:GridEncoder",
                {"in_grid_res": 8, "num_filters": 2, "codelen": 4},
                floats(2, 8, 8, 8, 1),
            ),
            recipe(
                "model_g2v:GridEncoderVAE",
                {"in_grid_res": 8, "num_filters": 2, "codelen": 4},
                floats(2, 8, 8, 8, 1),
                predict=False,
            ),
        ),
    ),
    legacy=True,
    stubs=(
        "tensorflow_addons",
        "tensorflow_datasets",
        "matplotlib",
        "psutil",
        "OpenEXR",
        "trimesh",
        "sonnet",
    ),
)
KERAS_CV = Package(
    "keras-cv==0.9.0",
    ("keras_cv",),
    (
        recipe(
            "keras_cv.src.layers.transformer_encoder:TransformerEncoder",
            {
                "project_dim": 8,
                "num_heads": 2,
                "mlp_dim": 8,
                "mlp_dropout": 0.3,
                "attention_dropout": 0.3,
            },
            floats(2, 4, 8),
        ),
    ),
    stubs=("tensorflow_datasets", "keras_core"),
)
DEEPCTR = Package(
    "deepctr==0.9.4",
    ("deepctr",),
    within(
        "deepctr.layers",
        recipe(
            "interaction:BridgeModule", {"bridge_type": "attention_pooling"}, [floats(2, 4), floats(2, 4)]
        ),
        recipe("sequence:BiLSTM", {"units": 4, "layers": 2, "dropout_rate": 0.3}, floats(2, 5, 4)),
    ),
    legacy=True,
    stubs=("requests",),  # it asks the package index for a newer release
)
DEEPMATCH = Package(
    "deepmatch==0.3.1",
    ("deepmatch",),
    within(
        "deepmatch.layers.interaction",
        recipe(
            ":AttentionSequencePoolingLayer",
            {"dropout_rate": 0.3},
            [floats(2, 1, 4), floats(2, 5, 4), exactly([[3], [5]], 2, 1)],
        ),
        recipe(":SelfAttention", {"dropout_rate": 0.3}, [floats(2, 5, 4), ones(2, 5, 5, dtype="bool")]),
        recipe(
            ":SelfMultiHeadAttention",
            {"num_units": 4, "head_num": 2, "dropout_rate": 0.3},
            [floats(2, 5, 4), exactly([[3], [5]], 2, 1)],
        ),
        recipe(
            ":UserAttention",
            {"num_units": 4, "dropout_rate": 0.3},
            [floats(2, 5, 4), floats(2, 5, 4), exactly([[3], [5]], 2, 1)],
        ),
    ),
    legacy=True,
    stubs=("requests",),
    needs=("deepctr==0.9.4",),
)
OTHERS = (
    Package(
        "vit-keras==0.1.2",
        ("vit_keras",),
        (
            recipe(
                "vit_keras.layers:TransformerBlock",
                {"num_heads": 2, "mlp_dim": 12, "dropout": 0.3},
                floats(2, 4, 8),
            ),
        ),
        legacy=True,
        stubs=("tensorflow_addons",),
    ),
    Package(
        "keras-unet-collection==0.1.13",
        ("keras_unet_collection",),
        (
            recipe(
                "keras_unet_collection.transformer_layers:SwinTransformerBlock",
                {
                    "dim": 8,
                    "num_patch": (4, 4),
                    "num_heads": 2,
                    "window_size": 2,
                    "shift_size": 1,
                    "num_mlp": 12,
                    "mlp_drop": 0.3,
                    "attn_drop": 0.3,
                    "proj_drop": 0.3,
                    "drop_path_prob": 0.3,
                },
                floats(2, 16, 8),
            ),
        ),
        legacy=True,
    ),
    Package(
        "ncps==1.0.1",
        ("ncps",),
        (
            recipe(
                "ncps.tf.cfc_cell:CfCCell",
                {"units": 4, "backbone_units": 6, "backbone_dropout": 0.3},
                floats(2, 3),
                [floats(2, 4)],
            ),
            recipe(
                "ncps.tf.cfc:CfC", {"units": 4, "backbone_units": 6, "backbone_dropout": 0.3}, floats(2, 5, 3)
            ),
            recipe("ncps.tf.cfc:CfC", {"units": WIRING}, floats(2, 5, 3)),
        ),
        legacy=True,
    ),
    Package(
        "bayesflow==2.0.11",
        ("bayesflow",),
        (
            recipe(
                "bayesflow.networks.summary.convolutional.double_conv:DoubleConv",
                {"width": 4, "norm": "batch", "dropout": 0.3},
                floats(2, 8, 8, 4),
            ),
        ),
        stubs=("pandas", "matplotlib", "seaborn", "sklearn"),
    ),
)
PACKAGES = (TFIMM, SPEAKING, GRAPHICS, KERAS_CV, DEEPCTR, DEEPMATCH, *OTHERS)

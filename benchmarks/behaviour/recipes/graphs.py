"""Packages for graphs of which kerasfix changes a few classes each."""

from __future__ import annotations

from benchmarks.behaviour.spec import Package, exactly, floats, new, ones, recipe, within

EDGES = exactly([[0, 1, 2, 3], [1, 2, 3, 0]], 2, 4)
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
KGCNN = Package(
    "kgcnn==4.0.2",
    ("kgcnn",),
    within(
        "kgcnn",
        recipe(
            "layers.aggr:AggregateLocalEdgesLSTM",
            {"units": 4, "max_edges_per_node": 2, "dropout": 0.3},
            [floats(4, 5), floats(4, 6), EDGES, exactly([0, 0, 0, 0], 4)],
        ),
        recipe(
            "layers.set2set:PoolingSet2SetEncoder",
            {"channels": 5, "dropout": 0.3},
            [floats(2, 3), floats(4, 5), exactly([0, 0, 1, 1], 4, dtype="int64")],
            predict=False,
        ),
        recipe(
            "literature.CMPNN._layers:PoolingNodesGRU",
            {"units": 4, "dropout": 0.3},
            [
                floats(4, 5),
                exactly([0, 0, 1, 1], 4, dtype="int64"),
                exactly([0, 1, 0, 1], 4, dtype="int64"),
                exactly([2, 2], 2, dtype="int64"),
            ],
            predict=False,
        ),
        recipe(
            "literature.MAT._layers:MATAttentionHead",
            {"units": 4, "dropout": 0.3},
            [floats(2, 3, 4), floats(2, 3, 3, 1), floats(2, 3, 3, 1)],
            mask=[ones(2, 3, 1), ones(2, 3, 3, 1), ones(2, 3, 3, 1)],
        ),
    ),
    stubs=("sklearn", "pandas", "matplotlib", "rdkit", "pymatgen", "keras_tuner", "ase", "brotli", "pyxtal"),
)
STELLARGRAPH = Package(
    "stellargraph==1.2.1",
    ("stellargraph",),
    (
        recipe(
            "stellargraph.layer.graph_attention:GraphAttention",
            {"units": 4, "attn_heads": 2, "in_dropout_rate": 0.3, "attn_dropout_rate": 0.3},
            [floats(1, 4, 6), ones(1, 4, 4, dtype="float32")],
        ),
        recipe(
            "stellargraph.layer.graph_attention:GraphAttentionSparse",
            {"units": 4, "attn_heads": 2, "in_dropout_rate": 0.3, "attn_dropout_rate": 0.3},
            [floats(1, 4, 6), SPARSE[1]],
            predict=False,
        ),
    ),
    legacy=True,
    stubs=("sklearn", "pandas", "matplotlib", "gensim", "chardet"),
)
PACKAGES = (SPEKTRAL, KGCNN, STELLARGRAPH)

"""The packages, and for each the objects to build."""

from __future__ import annotations

from benchmarks.behaviour.recipes import (
    face_others,
    face_text,
    garden_images,
    garden_text,
    graphs,
    hub_images,
    hub_text,
    small,
)
from benchmarks.behaviour.spec import Package

PACKAGES: tuple[Package, ...] = (
    Package("keras-hub==0.32.0", ("keras_hub",), (*hub_text.RECIPES, *hub_images.RECIPES)),
    Package(
        "tf-models-official==2.20.0",
        ("official",),
        (*garden_text.RECIPES, *garden_images.RECIPES),
        legacy=True,
        stubs=("tensorflow_datasets", "pycocotools", "PIL", "cv2"),
    ),
    Package(
        "transformers==4.44.2", ("transformers",), (*face_text.RECIPES, *face_others.RECIPES), legacy=True
    ),
    *graphs.PACKAGES,
    *small.PACKAGES,
)

"""Which models come with Sadari? A list of them, from the simplest up. No torch here.

The models are those of the articles A0 to A4, and those on pre-trained backbones. An article's own network (a1-cnn ...)
has the settings that its article trains it with; the other models leave them to the user. A network that starts from
published weights comes under the licence of those weights, which a run's environment.json names.
"""

from sadari.models.backbone.choice import AUTO, END
from sadari.models.spec import FittedBy, ModelSpec
from sadari.models.sprints import SPRINTS
from sadari.settings import Value

_BACKBONE = "backbone $backbone cut $cut train {train} weights $weights"
_ON_A_BACKBONE: dict[str, Value] = {"backbone": AUTO, "cut": END, "weights": AUTO}
# Assumed: small sets make few large batches, and weights learnt from a million images should move slowly.
FINE_TUNING: dict[str, Value] = {"batch_size": 32, "learning_rate": 0.001, "backbone_learning_rate": 0.0001}

_CNN_TRUNK = """
    conv 32 same, batchnorm, maxpool
    conv 64 same, batchnorm, maxpool
    conv 64 same, batchnorm, maxpool
"""
_CNN2_TRUNK = """
    conv 32 same, batchnorm
    conv 32 same, batchnorm, dropout 0.25
    conv 64 same, maxpool, dropout 0.25
    conv 128 same, batchnorm, dropout 0.25
"""

# Chosen on validation images of flowers and animals, as RESULTS.md says. In the crops that weights were trained on,
# objects are larger than in whole photographs of the same size (Touvron et al. 2019, NeurIPS): a frozen backbone reads
# larger photographs, and one that learns from crops is judged by photographs in which objects are as large as in those.
_LARGE, _JUDGED, _CROPPED = 288, 256, 224

_PHOTO: dict[str, Value] = {
    "image_size": _JUDGED,
    "train_size": _CROPPED,
    "augment": "resized-crop 0.5, flip",
    "class_layer": "logistic",
    "class_layer_C": 0.1,
    "backbone_norms": "still",
    "epochs": 3,
    "least_steps": 40,
    "batch_size": 32,
    "optimizer": "adamw",
    "learning_rate": 0.001,
    "backbone_learning_rate": 0.0003,
    "schedule": "cosine",
    "warmup_epochs": 0.2,
    "label_smoothing": 0.05,
    "start_share": 0.5,
    "restore_best": False,
}

LADDER = (
    ModelSpec(
        name="majority",
        summary="always says the most frequent class",
        layers="",
        fitted_by=FittedBy.SOLVER,
    ),
    ModelSpec(
        name="logistic",
        summary="logistic regression on pixels",
        layers="flatten",
        variables={"C": 1.0, "max_iter": 100},
        fitted_by=FittedBy.SOLVER,
        article="A2",
    ),
    ModelSpec(
        name="sgd",
        summary="logistic regression on pixels, one image at a time",
        layers="flatten",
        variables={"alpha": 0.0001, "average": True},
        settings={"scaling": "pixel", "epochs": 20},
        fitted_by=FittedBy.SOLVER,
        article="A2",
    ),
    ModelSpec(
        name="softmax",
        summary="one softmax layer on pixels",
        layers="flatten",
        article="A2",
    ),
    ModelSpec(
        name="mlp",
        summary="two dense layers",
        layers="flatten, dense 256, dense 64",
        article="A0",
    ),
    ModelSpec(
        name="dnn",
        summary="one dense layer of sigmoid units",
        layers="flatten, dense 100 sigmoid",
        article="A2",
    ),
    ModelSpec(
        name="cnn",
        summary="three convolutions, each pooled, and a dense layer",
        layers=_CNN_TRUNK + "flatten, dense 64",
        article="A0",
    ),
    ModelSpec(
        name="lstm",
        summary="reads the image row by row, two layers deep",
        layers="""
            rows
            lstm 64 sequence, lstm 64, layernorm, dropout $dropout
        """,
        variables={"dropout": 0.5},
        article="A0",
    ),
    ModelSpec(
        name="lstm3",
        summary="reads the image row by row, three layers deep",
        layers="""
            rows
            lstm 64 sequence, lstm 64 sequence, lstm 64, layernorm, dropout $dropout
        """,
        variables={"dropout": 0.5},
        article="A0",
    ),
    ModelSpec(
        name="cnn-lstm",
        summary="the maps of the cnn, read row by row",
        layers=_CNN_TRUNK + "rows, lstm 64 sequence, lstm 64, dropout $dropout",
        variables={"dropout": 0.5},
        article="A0",
    ),
    ModelSpec(
        name="cnn2",
        summary="four convolutions and two dense layers, with dropout",
        layers=_CNN2_TRUNK
        + """
            flatten
            dense 512, batchnorm, dropout 0.5
            dense 128, batchnorm, dropout 0.5
        """,
        article="A0",
    ),
    ModelSpec(
        name="cnn2-lstm",
        summary="the maps of the cnn2, read row by row",
        layers=_CNN2_TRUNK
        + """
            rows
            lstm 512 sequence, layernorm, dropout 0.5
            lstm 128, layernorm, dropout 0.5
        """,
        article="A0",
    ),
    ModelSpec(
        name="a1-cnn",
        summary="four wide convolutions, for large photographs",
        layers="""
            conv 128 same, maxpool
            conv 256 same, maxpool
            conv 128 same, maxpool
            conv 64 same, maxpool
            flatten, dense 128, dense 64, dense 32
        """,
        settings={"epochs": 50},
        article="A1",
    ),
    ModelSpec(
        name="a2-cnn",
        summary="two convolutions, with dropout before the classes",
        layers="""
            conv 32 same, maxpool
            conv 64 same, maxpool
            flatten, dense 100, dropout $dropout
        """,
        variables={"dropout": 0.4},
        settings={"epochs": 20, "patience": 3},
        article="A2",
    ),
    ModelSpec(
        name="a3-cnn",
        summary="four convolutions with one dropout rate, for colour images",
        layers="""
            conv 64 same, dropout $dropout
            conv 64 same, dropout $dropout, maxpool
            conv 128 same, dropout $dropout, maxpool
            conv 256 same, dropout $dropout, maxpool
            flatten, dense 512, dense 512
        """,
        variables={"dropout": 0.5},
        settings={"scaling": "channel", "optimizer": "sgd", "epochs": 50, "batch_size": 512},
        article="A3",
    ),
    ModelSpec(
        name="a4-first",
        summary="two convolutions of 64 filters without padding",
        layers="conv 64, maxpool, conv 64, maxpool, flatten, dense 128",
        settings={"epochs": 5, "batch_size": 32},
        article="A4",
    ),
    ModelSpec(
        name="a4-dnn",
        summary="one dense layer, to compare with a4-cnn",
        layers="flatten, dense 128",
        settings={"epochs": 5, "batch_size": 32},
        article="A4",
    ),
    ModelSpec(
        name="a4-cnn",
        summary="two convolutions of 32 filters without padding",
        layers="conv 32, maxpool, conv 32, maxpool, flatten, dense 128",
        settings={"epochs": 5, "batch_size": 32},
        article="A4",
    ),
    *SPRINTS,
    ModelSpec(
        name="knn",
        summary="the nearest training images vote, by features of a pre-trained backbone",
        layers=_BACKBONE.format(train="head") + ", globalavgpool, neighbours $k",
        variables={"k": 20, **_ON_A_BACKBONE},
        fitted_by=FittedBy.SOLVER,
    ),
    ModelSpec(
        name="linear-probe",
        summary="logistic regression on the features of a pre-trained backbone",
        layers=_BACKBONE.format(train="head") + ", globalavgpool",
        variables={"C": 1.0, "max_iter": 1000, **_ON_A_BACKBONE},
        fitted_by=FittedBy.SOLVER,
    ),
    ModelSpec(
        name="vgg16",
        summary="VGG16, pre-trained, and three dense layers",
        layers="backbone vgg16 cut $cut train $train weights $weights, flatten, dense 128, dense 64, dense 32",
        variables={"cut": "end", "train": "head", "weights": "auto"},
        settings={"epochs": 50},
        article="A1",
    ),
    ModelSpec(
        name="fine-tune",
        summary="a pre-trained backbone and a class layer, trained further",
        layers=_BACKBONE.format(train="$train") + ", globalavgpool",
        variables={"backbone": AUTO, "cut": END, "train": "all", "weights": AUTO},
        settings=FINE_TUNING,
    ),
    ModelSpec(
        name="photo-probe",
        summary="logistic regression on the features of large photographs, mirrored too",
        layers=_BACKBONE.format(train="head") + ", globalavgpool, mirror",
        variables={"C": 0.1, "max_iter": 1000, **_ON_A_BACKBONE},
        settings={"image_size": _LARGE},
        fitted_by=FittedBy.SOLVER,
    ),
    ModelSpec(
        name="photo",
        summary="as linear-probe, then the last half of the backbone learns with it",
        layers=_BACKBONE.format(train="$train") + ", globalavgpool",
        variables={"train": "last:0.5", **_ON_A_BACKBONE},
        settings=_PHOTO,
    ),
)

"""What is worth searching of each model? Its own sensible space, in the words of --search. No torch here.

The ranges are assumed: around what the model has by itself, and as wide as is usually tried. Every space holds the
model's own settings, so that a search tries those first.
"""

from collections.abc import Mapping

from sadari.models.spec import FittedBy, ModelSpec

Space = Mapping[str, str]  # by setting or variable, as --search takes it

_DROPOUT: Space = {"dropout": "0:0.6"}
_OF_A_NETWORK: Space = {
    "learning_rate": "0.0003:0.03:log",
    "optimizer": "adam,adamw,nesterov,muon",
    "schedule": "constant,cosine,one-cycle",
    "batch_size": "32:256:log",
    "label_smoothing": "0:0.2",
}
# Plain descent needs larger steps, and the article's 512 images a step are in the range.
_OF_A3: Space = {
    **_OF_A_NETWORK,
    "learning_rate": "0.001:0.1:log",
    "optimizer": "sgd,adam,nesterov,muon",
    "batch_size": "64:512:log",
    **_DROPOUT,
}
_OF_SPRINT: Space = {
    "learning_rate": "0.003:0.03:log",
    "batch_size": "128:1024:log",
    "label_smoothing": "0:0.2",
    "weight_decay": "0:0.1",
}
_OF_A_BACKBONE: Space = {
    "learning_rate": "0.0002:0.01:log",
    "backbone_learning_rate": "0.00001:0.001:log",
    "schedule": "constant,cosine,one-cycle",
    "label_smoothing": "0:0.2",
}
_OF_CLASSES: Space = {"C": "0.001:100:log"}

OWN: Mapping[str, Space] = {
    "logistic": {"C": "0.0001:100:log"},
    "sgd": {"alpha": "0.000001:0.01:log", "average": "true,false"},
    "a3-cnn": _OF_A3,
    "sprint": _OF_SPRINT,
    "sprint-wide": _OF_SPRINT,
    "sprint-colour": {**_OF_SPRINT, "learning_rate": "0.06:0.5:log"},
    "knn": {"k": "1:100:log"},
    "linear-probe": _OF_CLASSES,
    "photo-probe": _OF_CLASSES,
    "vgg16": {key: text for key, text in _OF_A_NETWORK.items() if key != "batch_size"},
    "fine-tune": _OF_A_BACKBONE,
    "photo": {
        "learning_rate": "0.0002:0.01:log",
        "backbone_learning_rate": "0.00003:0.003:log",
        "start_share": "0:0.9",
        "class_layer_C": "0.01:1:log",
        "label_smoothing": "0:0.2",
    },
}
WITHOUT = {"majority": "it always says the most frequent class, so that no setting changes it"}


def space_of(spec: ModelSpec) -> Space:
    """Return what is searched of a model where the user names nothing; empty where there is nothing to search.

    A network of the user, and one of the ladder without a space of its own, has that of its kind.
    """
    if spec.name in OWN and not spec.source:
        return OWN[spec.name]
    if not spec.layers or spec.fitted_by is FittedBy.SOLVER:
        return {}
    kind = _OF_A_BACKBONE if spec.begins_with_backbone() else _OF_A_NETWORK
    return {**kind, **(_DROPOUT if isinstance(spec.variables.get("dropout"), float) else {})}

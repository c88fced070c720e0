"""A network, as a TOML file would describe it: it may use layers, losses and optimisers of plug-ins."""

import sadari

THUMBNAIL = sadari.model(
    "thumbnail",
    "one convolution whose channels are weighed",
    layers="conv $filters same, squeeze-excite 4, maxpool, flatten, dense 32, dropout $dropout",
    variables={"filters": 16, "dropout": 0.3},
    settings={"optimizer": "lion", "loss": "focal"},
)

"""How fast is model.predict? On the backend that KERAS_BACKEND names, with the scaling and the softmax in the model.

infer_keras.py BATCHES FOLDER/task.json    (run by ../inference.py; inference_task.py says what a task is)
"""

from typing import Any

import keras
import numpy as np
from keras import layers as kl

from inference_task import Numbers, race, read_task, read_weights
from keras_layers import MAKERS, build

PACKAGES = {"tensorflow": "tensorflow-cpu", "jax": "jax", "torch": "torch"}
MAKERS |= {
    "relu": lambda _: kl.ReLU(),
    "globalmaxpool": lambda _: kl.GlobalMaxPooling2D(),
    "mirror": lambda _: kl.Identity(),
}


def in_keras(kind: str, numbers: list[Numbers]) -> list[Numbers]:
    """Return the numbers of a layer in Keras's order of axes: inputs before outputs."""
    if kind == "conv":
        return [numbers[0].transpose(2, 3, 1, 0), numbers[1]]
    if kind in ("dense", "lstm"):
        return [each.T for each in numbers]
    return numbers


def whole(network: Any, task: dict[str, Any]) -> Any:
    """Return the model from uint8 pixels to probabilities."""
    scale, shift = (np.asarray(task[name], np.float32).transpose(1, 2, 0) for name in ("scale", "shift"))
    pixels = keras.Input(tuple(task["shape"]), dtype="uint8")
    x = kl.Rescaling(scale, shift)(pixels)
    logits = network(x)
    if any(layer["kind"] == "mirror" for layer in task["layers"]):
        mirrored = kl.Lambda(lambda maps: keras.ops.flip(maps, axis=2))(x)
        logits = kl.Average()([logits, network(mirrored)])
    return keras.Model(pixels, kl.Softmax()(logits))


def main() -> None:
    task, folder = read_task()
    network = build(task["layers"], task["shape"])
    for layer, described, numbers in zip(network.layers, task["layers"], read_weights(task, folder), strict=True):
        layer.set_weights(in_keras(described["kind"], numbers))
    model = whole(network, task)

    def judge(images: Numbers, batch: int) -> Numbers:
        return np.asarray(model.predict(images, batch_size=batch, verbose=0))

    race(judge, "float32", ["keras", PACKAGES[keras.backend.backend()]], network.count_params())


main()

"""What does Keras make of photographs? The program of its guide "Transfer learning & fine-tuning", on TensorFlow.

photo_keras.py TASK    (run by ../../photographs.py; photo_task.py says what a task is)

As the guide and TensorFlow's tutorial of the same name have it: `image_dataset_from_directory` with its batches of 32
and a fifth for validation, random flips and rotations, the frozen network, a mean over its map, dropout of 0.2, a class
layer trained by Adam; then, where `all` is more than 0, all layers by Adam at 0.00001 with batch norms still. Keras has
no EfficientNet-Lite0; keras_lite0.py builds it. options: `head` and `all`, the epochs of both (2 and 1 in the guide, 10
and 10 in the tutorial).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from keras_lite0 import make_lite0
from photo_task import NAME, SIDE, Features, Pixels, Task, classes_of, run, scaling

VALIDATION, DROPOUT, FINE_RATE, ROTATION = 0.2, 0.2, 1e-5, 0.1  # cited: the guide's


def train(task: Task) -> Iterator[tuple[str, str]]:
    """Train, and return the name and the class of each judged image."""
    keras.utils.set_random_seed(task["seed"])
    learned, validated = keras.utils.image_dataset_from_directory(
        f"{task['photos']}/train",
        image_size=(SIDE, SIDE),
        validation_split=VALIDATION,
        subset="both",
        seed=task["seed"],
    )
    base = body(task)
    model = network(task, base, len(classes_of(task)))
    options = task["options"]
    fit(model, learned, validated, options["head"], keras.optimizers.Adam())
    if options["all"]:
        base.trainable = True
        fit(model, learned, validated, options["all"], keras.optimizers.Adam(FINE_RATE))
    judged = keras.utils.image_dataset_from_directory(
        task["judged"], labels=None, shuffle=False, image_size=(SIDE, SIDE)
    )
    said = (learned.class_names[at] for at in model.predict(judged, verbose=0).argmax(axis=1))
    return zip((Path(path).name for path in judged.file_paths), said, strict=True)


def body(task: Task) -> Any:
    """Return the network with the weights, without head, frozen."""
    base = make_lite0(Path(task["weights"]) / NAME / "model.safetensors", SIDE)
    base.trainable = False
    return base


def network(task: Task, base: Any, classes: int) -> Any:
    """Return what the guide puts around `base`."""
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.RandomFlip("horizontal")(inputs)
    x = keras.layers.RandomRotation(ROTATION)(x)
    x = base(rescaling(task)(x), training=False)  # batch norms keep their statistics, also where they learn
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(DROPOUT)(x)
    return keras.Model(inputs, keras.layers.Dense(classes)(x))


def rescaling(task: Task) -> Any:
    """Return the layer that scales pixels in 0..255 as the weights need it."""
    (mean, *_), (std, *_) = scaling(task)
    return keras.layers.Rescaling(1 / (255 * std), offset=-mean / std)


def fit(model: Any, learned: Any, validated: Any, epochs: int, optimizer: Any) -> None:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    model.fit(learned, validation_data=validated, epochs=epochs, verbose=2)


def features(task: Task, pixels: Pixels) -> Features:
    """Return the pooled features of the images."""
    model = keras.Sequential([rescaling(task), body(task), keras.layers.GlobalAveragePooling2D()])
    found: Features = model.predict(pixels, verbose=0)
    return found


if __name__ == "__main__":
    run(train, features)

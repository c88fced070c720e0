"""What does Keras make of a task? model.fit on arrays in memory, on the backend that KERAS_BACKEND names.

keras_training.py TASK    (run by ../yardstick.py; training_task.py says what a task is)
"""

from typing import Any

import keras

from keras_clock import Clock
from keras_layers import build, counts
from training_task import JUDGED_AT_ONCE, answer, check_params, read_pixels, read_task

PACKAGES = {"tensorflow": "tensorflow-cpu", "jax": "jax", "torch": "torch"}


def optimizer_of(task: dict[str, Any]) -> Any:
    if task["optimizer"] == "sgd":
        return keras.optimizers.SGD(task["learning_rate"])
    return keras.optimizers.Adam(task["learning_rate"], epsilon=task["epsilon"])


def main() -> None:
    task = read_task()
    if task["precision"] == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(task["seed"])
    pixels = read_pixels(task)
    model = build(task["layers"], task["shape"])
    check_params(task["layers"], counts(model))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer_of(task), loss=loss, metrics=["accuracy"])
    clock = Clock()
    fitting = {"batch_size": task["batch"], "epochs": task["epochs"], "verbose": 0, "callbacks": [clock]}
    model.fit(pixels.x_train, pixels.y_train, **fitting)
    said = model.predict(pixels.x_test, batch_size=JUDGED_AT_ONCE, verbose=0).argmax(axis=1)
    accuracy = float((said == pixels.y_test).mean())
    packages = ["keras", PACKAGES[keras.backend.backend()]]
    answer(clock.seconds, accuracy, model.count_params(), task["precision"], packages)


main()

"""What does skorch make of a task? NeuralNetClassifier.fit on arrays in memory, with no validation.

skorch_training.py TASK    (run by ../yardstick.py; training_task.py says what a task is)
"""

from skorch import NeuralNetClassifier
from torch import nn

from torch_layers import build, counts
from torch_optimizer import optimizer_of
from training_task import JUDGED_AT_ONCE, answer, check_params, read_pixels, read_task


def main() -> None:
    task = read_task()
    pixels = read_pixels(task)
    x_train, x_test = (each.transpose(0, 3, 1, 2).copy() for each in (pixels.x_train, pixels.x_test))
    network = build(task["layers"], task["shape"], task["seed"])
    counted = counts(network)
    check_params(task["layers"], counted)
    kind, chosen = optimizer_of(task)
    classifier = NeuralNetClassifier(
        network,
        criterion=nn.CrossEntropyLoss,
        optimizer=kind,
        batch_size=task["batch"],
        max_epochs=task["epochs"],
        train_split=None,
        iterator_train__shuffle=True,
        iterator_valid__batch_size=JUDGED_AT_ONCE,
        verbose=0,
        **{f"optimizer__{name}": value for name, value in chosen.items()},
    )
    classifier.fit(x_train, pixels.y_train)
    accuracy = float((classifier.predict(x_test) == pixels.y_test).mean())
    total = sum(each for each, _ in counted)
    answer(classifier.history[:, "dur"], accuracy, total, task["precision"], ["skorch", "torch"])


main()

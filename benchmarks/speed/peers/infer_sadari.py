"""How does Sadari judge images in memory? As `sadari predict` and the server do; or in bfloat16, as while it trains.

infer_sadari.py 0 FOLDER/task.json    (run by ../inference.py; inference_task.py says what a task is)
"""

import numpy as np
import torch

from inference_task import Numbers, race, read_task
from sadari.inference.classifier import Classifier
from sadari.inference.predict import Inputs, predict_logits


def main() -> None:
    task, folder = read_task()
    classifier = Classifier.open(folder)
    model = classifier.model

    def judge(images: Numbers, _: int) -> Numbers:
        if task["precision"] == "float32":
            return classifier.probabilities(images)
        inputs = Inputs.pixels(images, model.preprocess)
        logits = predict_logits(model.network, inputs, np.arange(len(images)), torch.bfloat16)
        return np.asarray(torch.softmax(logits, dim=1).numpy())

    race(judge, task["precision"], ["sadari", "torch", "numpy"], sum(row.total for row in model.architecture.rows()))


main()

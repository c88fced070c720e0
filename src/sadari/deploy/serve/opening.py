"""How many processor threads share one pass of the network, where requests and decoding want the processor too?"""

from pathlib import Path

from sadari.deploy.classifier import Classifier
from sadari.settings import Settings
from sadari.training.machine import threads_for, use_machine


def open_to_serve(path: Path | str) -> Classifier:
    """`Classifier.open`, with as many threads as a single image can keep busy instead of a whole batch of training.

    Measured on two cores that others used too: 64 images of 28x28 through A4's cnn take 4 ms on one thread, and 9 to 36
    on two, which wait for each other. Raises as `Classifier.open` does.
    """
    classifier = Classifier.open(path)
    device = str(next(classifier.model.network.parameters()).device)
    settings = Settings(device=device, batch_size=1)
    use_machine(settings, threads_for(settings, classifier.shape))
    return classifier

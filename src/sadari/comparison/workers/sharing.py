"""How do the runs of a comparison share the cores? One thread each, side by side, where that is faster.

Measured on two cores, batches of 128 unless stated, training and evaluation together: the speed-up of two runs at once
with one thread each over one after the other with two threads; and the speed-up of a single run by a second thread,
which a run loses when no other run is beside it.

    model                weights x batch     side by side   alone, two threads
    logistic                        1 M             2.52                 0.73
    sgd                             1 M             1.61                 1.08
    softmax                         1 M             1.41                 1.13
    lstm                            7 M             1.55                 1.25
    dnn                            10 M             1.61                 1.22
    lstm3                          12 M             1.61                 1.14
    mlp                            28 M             1.47                 1.13
    lstm, batch 512                29 M             1.51                 1.22
    dense 512, 512                 86 M             1.56                 1.13
    lstm 256, 256                 105 M             1.25                 1.51
    dense 1024, 1024              238 M             1.29                 1.41
    dense 2048, 2048              742 M             1.10                 1.70
    cnn                          convolves          1.05                 1.80
    sprint, batch 500            convolves          1.08                 1.79
    cnn of digits, 8x8           convolves          1.48                 1.26
    cnn2 of digits, 8x8          convolves          1.45                 1.25

(Fashion-MNIST unless digits is stated; the last two have one thread wherever they are trained, see `threads_for`.)
Convolutions keep two cores busy: a gain of 5 to 8 % is not worth that a lone run takes 1.8 times as long.
"""

from collections.abc import Sequence
from math import prod

from sadari.comparison.executor import Task
from sadari.inference.device import resolve_machine, values_of_batch
from sadari.job import Job
from sadari.models.layers.specs import Conv
from sadari.models.own.model import only_here
from sadari.models.own.spec import Own
from sadari.models.spec import FittedBy
from sadari.plugins.offers import SCRIPT, modules_here
from sadari.run import RunRecord, memory_bytes
from sadari.values import ImageSet, Prefetching

# Weights times images of a batch, up to which a second thread has little to do in a network without convolutions
# (measured, see above).
LITTLE_WORK = 250e6
# Pixel values of a batch, up to which two runs at once are faster than one after the other with two threads, which
# train at most 1.4 times as fast as one thread (batches of 32 at 28x28; see inference/device.py).
LITTLE_BATCH = 32_768
# Bytes of all pixels as float32, up to which classical models, which need them all at once, may train side by side
# (assumed: the memory of a laptop holds two of them beside everything else).
LITTLE_MEMORY = 1 << 30
# Pixel values that all runs read together in all of their epochs, up to which a worker is not worth its start, which
# takes seconds on the free core. Measured with a worker and with `--workers 1`: `compare digits`, 9 million,
# 2.9 s and 2.6; mlp, lstm and a4-cnn on a twentieth of Fashion-MNIST (cnn beside them goes alone), 40 million, 13.3 and
# 13.1; mlp, dnn, lstm and lstm3 there, 107 million, 9.0 and 10.1. Without a worker the second of these took 16.5 s, as
# each run has one thread either way.
LITTLE_IN_ALL = 20_000_000
# Share of the machine's memory that runs side by side may take, and bytes of each beside such pixels (assumed:
# the rest is for the system and for images, of which there is one copy; torch alone takes half of a worker's).
OF_MEMORY, WORKER_MEMORY = 0.5, 1 << 29


def goes_beside(job: Job, images: ImageSet) -> bool:
    """Return whether a run of `job` on `images` should have one thread, and other runs beside it.

    The rule depends on what is trained, never on which cores are free: a run has the same bytes beside others and
    alone. False on a graphics processor, where images are decoded again and again, and behind a backbone, where one
    run keeps the machine busy; nor with a teacher, whose answers the first run computes and the others read; nor where
    a run has several devices of its own, or is of code that a worker could not import.
    """
    settings = job.settings
    if job.devices > 1:
        return False
    if resolve_machine(settings).device != "cpu" or isinstance(images.images, Prefetching):
        return False
    if job.backbone is not None or job.taught:
        return False
    if only_here(job.model):
        return False
    if _pixels_at_once(job, images) > LITTLE_MEMORY:
        return False
    if settings.threads:
        return settings.threads == 1
    if values_of_batch(settings, images.shape) < LITTLE_BATCH:
        return True
    if job.model.fitted_by is FittedBy.SOLVER:
        return True
    if any(isinstance(layer, Conv | Own) for layer in job.layers):  # what code of the user computes is not known
        return False
    weights = sum(row.total for row in job.rows(images.shape, len(images.classes)))
    return settings.batch_size * weights <= LITTLE_WORK


def fit_at_once(tasks: Sequence[Task], most: int) -> int:
    """Return how many of `tasks` may run at once: `most`, or as many of the largest as the machine's memory holds.

    One where all of them are done before a worker would be of use, and where a script or a notebook offers plug-ins of
    its own, which no other process can import. This may depend on the machine, as the result of a run does not depend
    on how many are beside it.
    """
    if SCRIPT in modules_here():
        return 1
    if sum(values_of_run(task) for task in tasks if not RunRecord(task.out).finished) <= LITTLE_IN_ALL:
        return 1
    each = max((memory_of_run(task.job, task.images) for task in tasks), default=WORKER_MEMORY)
    memory = memory_bytes()
    return max(1, min(most, int(OF_MEMORY * memory) // each)) if memory else most


def memory_of_run(job: Job, images: ImageSet) -> int:
    """Return the bytes of memory that a process needs for a run of `job`, beside the images themselves."""
    return WORKER_MEMORY + _pixels_at_once(job, images)


def _pixels_at_once(job: Job, images: ImageSet) -> int:
    """Return the bytes of the pixels that a run of `job` needs at once: all of them for classical models."""
    return 4 * prod(images.images.shape) if job.model.fitted_by is FittedBy.SOLVER else 0


def values_of_run(task: Task) -> int:
    """Return the number of pixel values that a run reads in all of its epochs."""
    images = len(task.split.train)
    return images * prod(task.images.shape) * task.job.settings.epochs_for(images)

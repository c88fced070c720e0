"""Which images did each run classify correctly?"""

from collections.abc import Sequence

import numpy as np

from sadari.errors import SadariError
from sadari.evaluation.statistics import Bools
from sadari.run import RunRecord


def correctness(records: Sequence[RunRecord]) -> Bools:
    """Return which images each run classified correctly, bool (runs, images).

    Raises SadariError where the runs were judged on different images.
    """
    answers = [record.answers for record in records]
    for record, each in zip(records, answers, strict=True):
        if not np.array_equal(each.ids, answers[0].ids):
            raise SadariError(f"{records[0].path} and {record.path} were judged on different images; compare them anew")
    return np.stack([each.correct for each in answers])

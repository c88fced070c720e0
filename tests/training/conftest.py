"""What several tests of training share."""

import pytest

from sadari.run import RunRecord
from sadari.training.train import train
from support.jobs import job_for, parts
from support.teachers import IMAGES


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A finished run, from which others learn."""
    out = tmp_path_factory.mktemp("teachers") / "teacher"
    return train(job_for("softmax"), out, images=IMAGES, split=parts(IMAGES))

"""What several tests of comparisons share."""

import sys
from pathlib import Path

import pytest

from sadari.comparison.best import candidates
from sadari.comparison.cluster import cluster
from sadari.models.catalog import find_model
from support.best import MADE
from support.cluster_node import Node
from support.fake_ray import FakeRay


@pytest.fixture
def few_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a search for the best model find those of MADE only."""
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in MADE])


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    """Stand in for Ray."""
    fake = FakeRay()
    for name, module in fake.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return fake


@pytest.fixture
def node(tmp_path: Path, ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> Node:  # noqa: ARG001 - Ray is there first
    """Have the runs of a cluster made by one node, which does what the test says."""
    one = Node(tmp_path / "node")
    monkeypatch.setattr(cluster, "work", one.work)
    return one

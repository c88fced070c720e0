"""Are the weights that come with Sadari in the cache once, whole, and made again when they are gone or altered?"""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sadari.data.cache.entries import describe, entries, remove, remove_altered
from sadari.errors import SadariError
from sadari.inference import embedded
from sadari.inference.embedded import embedded_tensors, entry_folder
from sadari.models.backbone.pretrained import pretrained_at

SMALL = {"conv_stem.weight": torch.arange(6.0).view(2, 3), "bn1.num_batches_tracked": torch.tensor(3)}


@pytest.fixture
def reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how often the package is read, of which SMALL stands in for the content; the cache is an own one."""
    counted: list[int] = []

    def read() -> dict[str, Tensor]:
        counted.append(1)
        return SMALL

    monkeypatch.setattr(embedded, "read_embedded", read)
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    return counted


def assert_small(tensors: dict[str, Tensor]) -> None:
    assert tensors.keys() == SMALL.keys() and all(torch.equal(tensors[name], SMALL[name]) for name in SMALL)


def test_they_are_written_once_in_the_layout_of_the_hub(reads: list[int]) -> None:
    for _ in range(3):
        assert_small(embedded_tensors())
    assert len(reads) == 1
    assert {each.name for each in entry_folder().iterdir()} >= {"config.json", "model.safetensors", "entry.json"}
    found = pretrained_at(entry_folder())
    assert (found.name, found.license, found.size) == ("tf_efficientnet_lite0", "apache-2.0", 224)
    [entry] = entries()
    assert entry.kind == "weights" and describe(entry) == "tf_efficientnet_lite0, which comes with Sadari"


def test_they_are_made_again_after_the_cache_was_cleared(reads: list[int]) -> None:
    embedded_tensors()
    remove(entries()[0])
    assert not entries() and not entry_folder().exists()
    assert_small(embedded_tensors())
    assert len(reads) == 2 and len(entries()) == 1


@pytest.mark.parametrize("verified", [True, False])
def test_altered_ones_are_not_used(verified: bool, reads: list[int]) -> None:
    embedded_tensors()
    path = entry_folder() / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    if verified:
        assert [each.kind for each in remove_altered()] == ["weights"]
    assert_small(embedded_tensors())
    assert_small(embedded_tensors())
    assert len(reads) == 2


def test_without_room_in_the_cache_they_are_read_from_their_package(
    reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0")
    for _ in range(2):
        assert_small(embedded_tensors())
    assert len(reads) == 2 and not entries()


def test_a_full_disk_is_one_sentence_and_leaves_nothing(reads: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        path.write_bytes(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embedded, "_write_synced", full)
    with pytest.raises(SadariError, match=r"cannot keep weights in .* \(No space left on device\)"):
        embedded_tensors()
    assert not entries() and [each for each in entry_folder().parent.iterdir() if each.is_dir()] == []
    assert len(reads) == 1


def test_the_configuration_is_whole_json(reads: list[int]) -> None:
    embedded_tensors()
    document = json.loads((entry_folder() / "config.json").read_text(encoding="utf-8"))
    assert document["architecture"] == "tf_efficientnet_lite0" and len(reads) == 1

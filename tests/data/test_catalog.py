"""Are the named sets registered, found where they lie, read in torchvision's order, and fetched when missing?"""

import gzip
import hashlib
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.data.sources.base import SOURCES, ArrayContent
from sadari.data.sources.catalog import PUBLISHED, PublishedSource, download_folder, where
from sadari.data.sources.digits import DigitsSource
from sadari.data.sources.torchvision import archives_of
from sadari.errors import SadariError, UsageError
from sadari.progress import Silent, Task
from sadari.settings import Settings

NAMES = ["digits", "shapes", "fashion-mnist", "mnist", "cifar10", "cifar100", "svhn", "stl10"]
Write = Callable[[Path], None]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def idx(values: NDArray[Any]) -> bytes:
    """The bytes of an IDX file (the MNIST format): magic number, sizes, unsigned bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes()


def fashion_files() -> dict[str, bytes]:
    generator = np.random.default_rng(0)
    files = {}
    for prefix, count in (("train", 30), ("t10k", 20)):
        files[f"{prefix}-images-idx3-ubyte"] = idx(generator.integers(0, 256, (count, 28, 28)))
        files[f"{prefix}-labels-idx1-ubyte"] = idx(np.arange(count) % 10)
    return files


def lay_fashion(root: Path) -> None:
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in fashion_files().items():
        (raw / name).write_bytes(content)


def content_of(name: str) -> ArrayContent:
    return PublishedSource(PUBLISHED[name]).content()


def test_all_names_are_registered_without_torch_or_torchvision() -> None:
    code = (
        "import sys, sadari.data.sources.catalog as n\n"
        "assert not {'torch', 'torchvision', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "print(*n.SOURCES.names())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == NAMES
    assert set(NAMES) <= set(SOURCES.names())


def test_digits_are_scikit_learns_scaled_to_255() -> None:
    from sklearn.datasets import load_digits

    source = DigitsSource()
    content = source.content()
    bunch = load_digits()
    assert content.images.shape == (1797, 8, 8, 1)
    assert np.array_equal(content.images[..., 0], np.rint(bunch.images * 255 / 16))
    assert content.images.max() == 255
    assert np.array_equal(content.labels, bunch.target)
    assert content.classes == tuple("0123456789")
    assert set(content.source_split) == {""}
    assert source.fingerprint() == DigitsSource().fingerprint()


def test_a_name_that_takes_no_options_says_so() -> None:
    for name in ("digits", "fashion-mnist"):
        with pytest.raises(UsageError, match=f"{name} takes no options, not 'size'"):
            SOURCES.get(name).open({"size": "3"})


def test_the_files_are_those_that_torchvision_needs() -> None:
    """torchvision's own lists, asked one by one, against the lists written down for the fast commands."""
    import torchvision.datasets as published

    for name in ("mnist", "fashion-mnist", "svhn"):
        archives = archives_of(PUBLISHED[name].reader, PUBLISHED[name].files)
        assert {file for archive in archives for file in archive.files} == set(PUBLISHED[name].files)
    for name in ("cifar10", "cifar100", "stl10"):
        reader = getattr(published, PUBLISHED[name].reader)
        wanted = {file for file, _ in reader.train_list + reader.test_list}
        wanted.add(reader.class_names_file if name == "stl10" else reader.meta["filename"])
        assert {f"{reader.base_folder}/{file}" for file in wanted} == set(PUBLISHED[name].files)
    for each in PUBLISHED.values():
        for archive in archives_of(each.reader, each.files):
            assert len(archive.remote.md5) == 32
            assert all(url.startswith(("http://", "https://")) for url in archive.remote.urls)


def test_fashion_mnist_is_read_with_its_names_parts_and_ids(tmp_path: Path) -> None:
    assert where("fashion-mnist") == "missing"
    lay_fashion(tmp_path / "data")
    assert where("fashion-mnist") == str(tmp_path / "data")
    content = content_of("fashion-mnist")
    files = fashion_files()
    assert content.images.shape == (50, 28, 28, 1)
    stored = np.frombuffer(files["train-images-idx3-ubyte"], np.uint8, offset=16).reshape(30, 28, 28)
    assert np.array_equal(content.images[:30, ..., 0], stored)
    assert content.labels.tolist() == [index % 10 for index in range(30)] + [index % 10 for index in range(20)]
    assert content.classes[0] == "T-shirt/top" and content.classes[9] == "Ankle boot"
    assert content.ids[0] == "train/00000" and content.ids[30] == "test/00000"
    assert content.source_split == ("train",) * 30 + ("test",) * 20


def test_the_cache_folder_is_searched_too(tmp_path: Path) -> None:
    lay_fashion(tmp_path / "cache" / "data")
    assert where("fashion-mnist") == str(tmp_path / "cache" / "data")
    assert len(content_of("fashion-mnist").images) == 50


def test_a_changed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    lay_fashion(tmp_path / "data")
    source = PublishedSource(PUBLISHED["fashion-mnist"])
    before = source.fingerprint()
    assert source.fingerprint() == before
    labels = tmp_path / "data" / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(20)))
    assert source.fingerprint() != before


def test_a_file_cut_short_is_one_sentence(tmp_path: Path) -> None:
    lay_fashion(tmp_path / "data")
    images = tmp_path / "data" / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:1000])
    with pytest.raises(SadariError, match=r"torchvision cannot read fashion-mnist in .*; remove its files there"):
        content_of("fashion-mnist")


def test_labels_of_another_number_than_images_are_refused(tmp_path: Path) -> None:
    lay_fashion(tmp_path / "data")
    labels = tmp_path / "data" / "FashionMNIST" / "raw" / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(31)))
    with pytest.raises(SadariError, match="30 images with 31 labels in train"):
        content_of("fashion-mnist")


def make_tar(folder: str, files: dict[str, bytes], target: Path, tmp_path: Path) -> None:
    source = tmp_path / "packing" / folder
    source.mkdir(parents=True)
    for name, content in files.items():
        (source / name).write_bytes(content)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz") as tar:
        tar.add(source, arcname=folder)


def sums(files: dict[str, bytes], *names: str) -> list[list[str]]:
    return [[name, hashlib.md5(files[name]).hexdigest()] for name in names]


def cifar_files() -> dict[str, bytes]:
    generator = np.random.default_rng(0)
    files = {}
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        batch = {"data": generator.integers(0, 256, (4, 3072)).astype(np.uint8), "labels": [0, 1, 2, 3]}
        files[name] = pickle.dumps(batch)
    files["batches.meta"] = pickle.dumps({"label_names": ["airplane", "automobile", "bird", "cat"]})
    return files


def expect_cifar(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], archive: Path) -> None:
    """Make torchvision expect the sums of the made-up files."""
    from torchvision.datasets import CIFAR10

    names = [f"data_batch_{number}" for number in range(1, 6)]
    monkeypatch.setattr(CIFAR10, "train_list", sums(files, *names))
    monkeypatch.setattr(CIFAR10, "test_list", sums(files, "test_batch"))
    meta = dict(sums(files, "batches.meta"))
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": meta["batches.meta"]})
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())


def test_cifar10_is_unpacked_from_an_archive_that_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "data" / "cifar-10-python.tar.gz"
    files = cifar_files()
    make_tar("cifar-10-batches-py", files, archive, tmp_path)
    expect_cifar(monkeypatch, files, archive)
    content = content_of("cifar10")
    assert content.images.shape == (24, 32, 32, 3)
    first = pickle.loads(files["data_batch_1"])["data"][0]  # noqa: S301  written by this test
    assert np.array_equal(content.images[0], first.reshape(3, 32, 32).transpose(1, 2, 0))
    assert content.classes == ("airplane", "automobile", "bird", "cat")
    assert content.source_split.count("test") == 4
    assert archive.exists(), "the user's own archive stays"
    assert sorted(each.name for each in (tmp_path / "data").iterdir()) == ["cifar-10-batches-py", archive.name]


def test_a_pickle_with_another_sum_is_never_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return (Path.mkdir, (tmp_path / "sprung",))  # type: ignore[return-value]

    archive = tmp_path / "data" / "cifar-10-python.tar.gz"
    files = cifar_files()
    make_tar("cifar-10-batches-py", files, archive, tmp_path)
    expect_cifar(monkeypatch, files, archive)
    PUBLISHED["cifar10"].bring(Silent())
    (tmp_path / "data" / "cifar-10-batches-py" / "data_batch_3").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(SadariError, match=r"torchvision cannot read cifar10 in .*corrupted"):
        content_of("cifar10")
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_archive_that_lies_there_is_named_and_kept(tmp_path: Path) -> None:
    archive = tmp_path / "data" / "cifar-10-python.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(b"not an archive")
    with pytest.raises(SadariError, match=r"cifar-10-python\.tar\.gz is damaged: its MD5 is [0-9a-f]{32} instead of"):
        PUBLISHED["cifar10"].bring(Silent())
    assert archive.read_bytes() == b"not an archive"


def test_stl10_and_svhn_are_read_upright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat
    from torchvision.datasets import STL10, SVHN

    generator = np.random.default_rng(0)
    root = tmp_path / "data" / "stl10_binary"
    root.mkdir(parents=True)
    pixels = generator.integers(0, 256, (4, 96, 96, 3)).astype(np.uint8)
    # The published file stores each channel column by column.
    stored = pixels.transpose(0, 3, 2, 1).tobytes()
    files = {
        "train_X.bin": stored,
        "train_y.bin": bytes([1, 2, 3, 10]),
        "test_X.bin": stored,
        "test_y.bin": bytes([10, 1, 2, 3]),
        "unlabeled_X.bin": b"not read",
        "class_names.txt": "\n".join(f"kind{number}" for number in range(10)).encode(),
    }
    for name, content in files.items():
        (root / name).write_bytes(content)
    monkeypatch.setattr(STL10, "train_list", sums(files, "train_X.bin", "train_y.bin", "unlabeled_X.bin"))
    monkeypatch.setattr(STL10, "test_list", sums(files, "test_X.bin", "test_y.bin"))
    read = content_of("stl10")
    assert np.array_equal(read.images[:4], pixels)
    assert read.labels.tolist() == [0, 1, 2, 9, 9, 0, 1, 2]
    assert read.classes[9] == "kind9"

    split_list = {}
    for split_name in ("train", "test"):
        path = tmp_path / "data" / f"{split_name}_32x32.mat"
        savemat(path, {"X": pixels[:, :32, :32].transpose(1, 2, 3, 0), "y": np.array([[10], [1], [2], [9]])})
        split_list[split_name] = ["http://127.0.0.1/", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(SVHN, "split_list", {**split_list, "extra": split_list["test"]})
    read = content_of("svhn")
    assert np.array_equal(read.images[:4], pixels[:, :32, :32])
    assert read.labels.tolist() == [0, 1, 2, 9] * 2
    assert read.classes == tuple("0123456789")


def publish_fashion(monkeypatch: pytest.MonkeyPatch, mirror: str) -> dict[str, bytes]:
    """Make torchvision expect a small Fashion-MNIST at `mirror`; returns the archives to serve, by name."""
    from torchvision.datasets import FashionMNIST

    packed = {f"{name}.gz": gzip.compress(content) for name, content in fashion_files().items()}
    monkeypatch.setattr(FashionMNIST, "mirrors", [mirror])
    monkeypatch.setattr(FashionMNIST, "resources", [(n, hashlib.md5(c).hexdigest()) for n, c in packed.items()])
    return packed


def test_a_missing_set_is_downloaded_verified_and_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from support.web import serving

    with serving() as server:
        server.files = publish_fashion(monkeypatch, f"http://127.0.0.1:{server.server_port}/")
        said: list[str] = []

        class Saying(Silent):
            def say(self, sentence: str) -> None:
                said.append(sentence)

        assert PUBLISHED["fashion-mnist"].bring(Saying()) == tmp_path / "data"
        assert len(server.asked) == 4
        PUBLISHED["fashion-mnist"].bring(Saying())
        assert len(server.asked) == 4, "what is here is not asked for again"
    assert said == [f"fashion-mnist is not here yet; downloading it to {tmp_path / 'data'}"]
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    assert {each.name: each.read_bytes() for each in raw.iterdir()} == fashion_files()
    assert len(content_of("fashion-mnist").images) == 50


def test_loading_a_missing_set_shows_its_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sadari.data.load import load
    from support.web import serving

    said: list[str] = []
    tasks: list[str] = []

    class Showing(Silent):
        def say(self, sentence: str) -> None:
            said.append(sentence)

        def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:
            tasks.append(label)
            return super().task(label, total, unit)

    with serving() as server:
        server.files = publish_fashion(monkeypatch, f"http://127.0.0.1:{server.server_port}/")
        images = load("fashion-mnist", Settings(), Showing())
    assert len(images) == 50
    assert said == [f"fashion-mnist is not here yet; downloading it to {tmp_path / 'data'}"]
    assert tasks[:4] == list(server.files)


def test_archives_that_lie_there_packed_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = publish_fashion(monkeypatch, "http://127.0.0.1:9/")
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in packed.items():
        (raw / name).write_bytes(content)
    assert len(content_of("fashion-mnist").images) == 50


def test_without_a_network_the_files_and_their_place_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from support.web import serving

    with serving() as server:
        mirror = f"http://127.0.0.1:{server.server_port}/"
    publish_fashion(monkeypatch, mirror)
    with pytest.raises(SadariError) as caught:
        content_of("fashion-mnist")
    sentence = str(caught.value)
    assert "cannot download train-images-idx3-ubyte.gz (127.0.0.1:" in sentence
    assert sentence.endswith(
        "without a network, put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, "
        f"t10k-labels-idx1-ubyte.gz into {tmp_path / 'data' / 'FashionMNIST' / 'raw'}"
    )
    assert "\n" not in sentence


def test_a_read_only_data_folder_sends_downloads_to_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    assert download_folder() == tmp_path / "data"
    # A superuser may write everywhere, so the answer of the system is made up here.
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path) != tmp_path / "data")
    assert download_folder() == tmp_path / "cache" / "data"
    monkeypatch.delenv("SADARI_DATA_DIR")
    assert download_folder() == tmp_path / "cache" / "data"

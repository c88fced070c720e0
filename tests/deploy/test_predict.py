"""Does `sadari predict` answer for files as the run itself did, and go on where one is bad?"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

import sadari as public
from sadari.cli.main import app
from sadari.data.decode import fit_rectangle
from sadari.deploy import predict as predicting
from sadari.deploy.files import Content, FileGroup, find_files
from sadari.deploy.predict import predict_files
from sadari.errors import UsageError
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import evaluate
from sadari.run import RunRecord
from support.photographs import CLASSES, photograph, photographs, trained
from support.sets import encode, write_folder, write_tar, write_zip


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Photographs of several sizes, one of which is large enough to be decoded at a reduced scale."""
    return photographs(12, ((20, 30), (300, 200), (16, 16)), "JPEG")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> Path:
    return write_folder(tmp_path_factory.mktemp("data") / "photos", files)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> RunRecord:
    return trained(folder, tmp_path_factory.mktemp("runs") / "cnn", image_size=16)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> RunRecord:
    """A run that takes images of a million pixels at most."""
    return trained(folder, tmp_path_factory.mktemp("runs") / "strict", "logistic", image_size=16, max_megapixels=1.0)


def test_the_runs_own_limit_of_pixels_holds_and_an_option_sets_another(
    strict: RunRecord, run: RunRecord, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    Image.new("RGB", (1200, 1000)).save(large)
    (refused,) = public.predict(strict.path, large)
    assert "1200 x 1000 pixels, over the limit of 1,000,000" in refused.reason
    (taken,) = public.predict(strict.path, large, max_megapixels=2)
    assert taken.label
    assert public.predict(run.path, large)[0].label
    command = ["predict", str(strict.path), str(large), "--json"]
    assert "over the limit" in CliRunner().invoke(app, command).output
    assert '"label"' in CliRunner().invoke(app, [*command, "--max-megapixels", "2"]).output


def as_predicted(run: RunRecord) -> dict[str, NDArray[np.float32]]:
    """Return the probabilities of predictions.csv, by the image's id."""
    stored = run.predictions
    return dict(zip(stored.ids.tolist(), stored.probabilities, strict=True))


@pytest.mark.parametrize("form", ["folder", "zip", "tar", "tgz"])
def test_files_get_the_numbers_of_the_run(
    form: str, run: RunRecord, folder: Path, files: dict[str, bytes], tmp_path: Path
) -> None:
    judged = {name: content for name, content in files.items() if name.startswith("test/")}
    if form == "folder":
        given, top = folder / "test", f"{folder}/"
    elif form == "zip":
        given = write_zip(tmp_path / "photos.zip", judged)
        top = f"{given}/"
    else:
        given = write_tar(tmp_path / ("photos.tar.gz" if form == "tgz" else "photos.tar"), judged)
        top = f"{given}/"
    wanted = as_predicted(run)
    answers = public.predict(run.path, given)
    assert {answer.file.removeprefix(top) for answer in answers} == set(wanted) == set(judged)
    assert len(answers) == len(judged)
    evaluated = evaluate(run)
    again = dict(zip(evaluated.ids.tolist(), evaluated.probabilities, strict=True))
    for answer in answers:
        image_id = answer.file.removeprefix(top)
        assert answer.probabilities is not None
        assert np.abs(answer.probabilities - wanted[image_id]).max() < 1e-6
        assert np.abs(answer.probabilities - again[image_id]).max() < 1e-6
    assert len({answer.probabilities.tobytes() for answer in answers if answer.probabilities is not None}) > 6


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
def test_models_of_rectangles_give_the_numbers_of_the_run(fit: str, tmp_path: Path) -> None:
    files = photographs(9, ((12, 20),), "PNG")
    run = trained(write_folder(tmp_path / "photos", files), tmp_path / "run", "logistic", fit=fit)
    assert Classifier.open(run.path).shape == (12, 20, 3)
    wanted = as_predicted(run)
    answers = public.predict(run.path, tmp_path / "photos" / "test")
    assert len(answers) == len(wanted) > 0
    for answer in answers:
        assert answer.probabilities is not None
        difference = answer.probabilities - wanted[answer.file.removeprefix(f"{tmp_path}/photos/")]
        assert np.abs(difference).max() < 1e-6
    (other,) = public.predict(run.path, write_folder(tmp_path, {"square.png": encode(wide())}) / "square.png")
    assert other.label in CLASSES


def wide() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (40, 90, 3), dtype=np.uint8)


def test_other_shapes_become_the_rectangle() -> None:
    stripes = np.zeros((10, 40, 1), np.uint8)
    stripes[:, 10:30] = 200  # the centred part of shape 1:2
    cropped = fit_rectangle(stripes, 5, 10, "crop")
    assert (cropped[:, 1:-1] == 200).all() and cropped.min() > 150  # the filter looks a little beyond the edge
    padded = fit_rectangle(stripes, 20, 20, "pad")
    assert padded.shape == (20, 20, 1)
    assert (padded[:7] == 0).all() and (padded[13:] == 0).all() and padded[10, 10] == 200
    squashed = fit_rectangle(stripes, 20, 20, "squash")
    assert squashed[:, 9].min() == 200 and squashed[:, 0].max() == 0
    assert fit_rectangle(stripes, 10, 40, "crop") is stripes
    tall = fit_rectangle(wide(), 60, 20, "crop")
    expected = np.asarray(Image.fromarray(wide()).crop((38, 0, 52, 40)).resize((20, 60), Image.Resampling.BILINEAR))
    assert tall.shape == (60, 20, 3)
    assert np.abs(tall.astype(int) - expected).mean() < 16  # the box is 13.3 pixels wide, not 14


def odd_files() -> dict[str, bytes]:
    """One picture in every mode that cameras and painting programs write."""
    picture = Image.fromarray(photograph())
    images = {
        "grey.png": picture.convert("L"),
        "bits.png": picture.convert("1"),
        "deep.png": Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257),
        "palette.png": picture.convert("P"),
        "alpha.png": picture.convert("RGBA"),
        "grey-alpha.png": picture.convert("LA"),
        "print.jpg": picture.convert("CMYK"),
        "old.gif": picture.convert("P"),
        "flat.bmp": picture,
        "scan.tiff": picture,
        "web.webp": picture,
    }
    files = {}
    for name, image in images.items():
        buffer = io.BytesIO()
        image.save(buffer, {"jpg": "JPEG"}.get(name.rpartition(".")[2], name.rpartition(".")[2].upper()))
        files[name] = buffer.getvalue()
    return files


def test_any_mode_is_judged(run: RunRecord, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "odd", odd_files())
    answers = public.predict(run.path, folder)
    assert [answer.reason for answer in answers] == [""] * 11
    assert [Path(answer.file).name for answer in answers] == sorted(odd_files())
    by_name = {Path(answer.file).name: np.asarray(answer.probabilities) for answer in answers}
    for same in ("alpha.png", "scan.tiff"):
        assert np.array_equal(by_name[same], by_name["flat.bmp"])
    assert np.array_equal(by_name["deep.png"], by_name["grey.png"])


def test_turned_photographs_are_judged_upright(run: RunRecord, tmp_path: Path) -> None:
    upright, turned = Image.fromarray(photograph()), Image.fromarray(np.rot90(photograph()).copy())
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    upright.save(tmp_path / "upright.png")
    turned.save(tmp_path / "turned.png", exif=exif)
    turned.save(tmp_path / "untold.png")
    first, second, third = public.predict(
        run.path, *(tmp_path / f"{name}.png" for name in ("upright", "turned", "untold"))
    )
    assert first.probabilities is not None and second.probabilities is not None
    assert np.array_equal(first.probabilities, second.probabilities)
    assert third.probabilities is not None and not np.array_equal(first.probabilities, third.probabilities)


def test_a_damaged_archive_is_one_bad_line(run: RunRecord, files: dict[str, bytes], tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "whole.zip", {"a.jpg": files["test/cat/000.jpeg"]})
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-40])
    empty = write_zip(tmp_path / "empty.zip", {"readme.txt": b"nothing"})
    cut, nothing, good = public.predict(run.path, tmp_path / "cut.zip", empty, whole)
    assert "damaged" in cut.reason and cut.file.endswith("cut.zip") and cut.label == "" and cut.top(3) == []
    assert nothing.reason == "the archive holds no images"
    assert good.label in CLASSES and good.file.endswith("whole.zip/a.jpg")


def test_an_archive_that_breaks_on_the_way_keeps_what_came_before(
    run: RunRecord, files: dict[str, bytes], tmp_path: Path
) -> None:
    content = files["test/cat/000.jpeg"]
    path = write_zip(tmp_path / "some.zip", {f"{number}.jpg": content for number in range(3)})
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(b"1.jpg") + 100] ^= 0xFF  # in the packed bytes of the second member
    path.write_bytes(bytes(damaged))
    first, *others = public.predict(run.path, path)
    assert first.label in CLASSES
    assert len(others) == 2 and all("damaged" in other.reason for other in others)


def test_a_name_that_is_no_text_is_escaped(run: RunRecord, files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.jpg"  # the byte 0xE9 alone, as Latin-1 has it
    path.write_bytes(files["test/cat/000.jpeg"])
    (answer,) = public.predict(run.path, path)
    assert answer.file.endswith("caf\\udce9.jpg") and answer.label in CLASSES


def test_few_files_are_held_at_a_time(run: RunRecord, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicting, "BLOCK_IMAGES", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    read = 0

    def contents() -> Iterator[tuple[int, Content]]:
        nonlocal read
        for position in range(100):
            read += 1
            yield position, files["test/cat/000.jpeg"]

    group = FileGroup(tuple(f"{number}.jpg" for number in range(100)), contents)
    furthest = 0
    for answered, _ in enumerate(predict_files(Classifier.open(run.path), [group]), start=1):
        furthest = max(furthest, read - answered)
    assert answered == read == 100
    assert furthest <= 10  # three blocks under way, one just taken, one being filled: of two images each


def test_large_or_few_images_make_small_blocks(run: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = Classifier.open(run.path)
    assert predicting._block_images(classifier, 100_000, 2) == 256
    assert predicting._block_images(classifier, 100, 2) == 13  # so that no worker waits for the other
    assert predicting._block_images(classifier, 1, 2) == predicting._block_images(classifier, 0, 2) == 1
    monkeypatch.setattr(predicting, "BLOCK_PIXEL_BYTES", 10 * 16 * 16 * 3)
    assert predicting._block_images(classifier, 100_000, 2) == 10


def test_decoding_goes_on_while_the_network_computes(
    run: RunRecord, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one core, the network waits here until a file behind its own block is decoded."""
    monkeypatch.setattr(predicting, "BLOCK_IMAGES", 2)
    monkeypatch.setattr(predicting.os, "cpu_count", lambda: 1)
    decoded, third = list[bytes](), Event()

    class Watching(Classifier):
        def decode(self, content: bytes) -> NDArray[np.uint8]:
            decoded.append(content)
            if len(decoded) == 3:
                third.set()
            return super().decode(content)

        def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            assert third.wait(60)
            return super().probabilities(images)

    answers = list(predict_files(Watching(run.path, Classifier.open(run.path).model), find_files([folder])))
    assert len(decoded) == len(answers) > 4
    assert all(each.label for each in answers)


def test_folders_are_read_in_order_and_archives_as_they_are(tmp_path: Path) -> None:
    write_folder(tmp_path / "d", {"b/2.jpg": b"", "a/3.png": b"", "1.jpg": b"", ".hidden/x.jpg": b"", "a.txt": b""})
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("z.jpg", "y.jpg", "readme"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    folder, packed = find_files([tmp_path / "d", path])
    assert folder.names == tuple(f"{tmp_path}/d/{name}" for name in ("1.jpg", "a/3.png", "b/2.jpg"))
    assert folder.left_out == 2
    assert packed.names == (f"{path}/z.jpg", f"{path}/y.jpg")
    assert packed.left_out == 1


def test_the_seam_takes_bytes_and_pixels(run: RunRecord, files: dict[str, bytes]) -> None:
    classifier = Classifier.open(run.path)
    pixels = classifier.decode(files["test/cat/000.jpeg"])
    assert pixels.shape == classifier.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    assert classifier.classes == CLASSES
    probabilities = classifier.probabilities(pixels[np.newaxis])
    assert probabilities.shape == (1, 3)
    assert probabilities.dtype == np.float32
    assert probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert classifier.probabilities(np.empty((0, 16, 16, 3), np.uint8)).shape == (0, 3)


def test_an_unfinished_run_says_so(run: RunRecord, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "settings.toml").write_bytes((run.path / "settings.toml").read_bytes())
    with pytest.raises(public.SadariError, match="has no model yet; finish it with: sadari resume"):
        Classifier.open(folder)
    with pytest.raises(UsageError, match="there is no model in"):
        Classifier.open(tmp_path / "nothing")

"""What does a photograph of 12 megapixels cost from its file to a pack: CPU time by step, by threads, and memory?

    uv run python benchmarks/speed/large_photographs.py PHOTOS [--counts 50,300] [--distinct 6] [--size 224]

PHOTOS: a folder of class folders. `--distinct` of its photographs are enlarged to 4000 x 3000, with the noise of a
sensor so that their files are as large as a camera's, and saved as JPEG with colour at half resolution.

- steps: CPU milliseconds of one photograph, the median over the files and the least of two tries each: its digest,
  decoding at full scale and at the scale that Sadari takes, and the whole of what a pack does, each made `--size`.
- margins: the same whole for other choices of DRAFT_MARGIN, how many times larger than wanted a JPEG stays when it is
  decoded at a reduced scale, with the difference of the pixels from decoding at full scale, in levels of 255.
- packing: sets of so many links to these files are loaded from an empty cache, by two threads and the first also by
  one, each in a fresh process: CPU and wall seconds, and the peak of anonymous memory beside that before loading.

Stored in large_photographs.json beside this file.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import numpy as np
from PIL import Image

from any_size import Memory, link_photos
from machine import commit, this_machine
from sadari.data import decode
from sadari.data.image_file import MAX_PIXELS, open_image
from sadari.files import write_json

WIDE, HIGH, QUALITY, NOISE = 4000, 3000, 92, 4.0
FULL_SCALE, TRIES = 10**6, 2


def enlarge(photos: Path, folder: Path, distinct: int) -> None:
    """Write `distinct` photographs of 12 megapixels into class folders of `folder`."""
    generator = np.random.default_rng(0)
    files = sorted(photos.rglob("*.jpg"))
    for number in range(distinct):
        source = files[number * len(files) // distinct]
        large = Image.open(source).convert("RGB").resize((WIDE, HIGH), Image.Resampling.BICUBIC)
        noise = generator.normal(0, NOISE, (HIGH, WIDE, 3)).astype(np.float32)
        pixels = np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8)
        out = folder / source.parent.name / f"{number:02}.jpg"
        out.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(out, quality=QUALITY, subsampling="4:2:0")


def milliseconds(work: Callable[[], object]) -> float:
    """Return the CPU time of `work`, the least of TRIES."""
    found = []
    for _ in range(TRIES):
        began = time.process_time()
        work()
        found.append(1000 * (time.process_time() - began))
    return min(found)


@contextmanager
def margin(value: int) -> Iterator[None]:
    """Let JPEGs inside stay at least so many times larger than wanted."""
    before, decode.DRAFT_MARGIN = decode.DRAFT_MARGIN, value
    try:
        yield
    finally:
        decode.DRAFT_MARGIN = before


def steps(files: list[bytes], frame: decode.Frame) -> dict[str, float]:
    """Return the CPU milliseconds of each step, medians over the files."""

    def opened(content: bytes, reduced: bool) -> None:
        image = open_image(content, MAX_PIXELS)
        if reduced:
            decode.draft(image, frame.size, frame.fit)
        image.load()

    works: dict[str, Callable[[bytes], object]] = {
        "digest": lambda content: blake2b(content, digest_size=20).digest(),
        "decoding at full scale": lambda content: opened(content, False),
        "decoding at the scale taken": lambda content: opened(content, True),
        "whole": frame.decode,
    }
    return {
        name: statistics.median(milliseconds(lambda content=content, work=work: work(content)) for content in files)  # type: ignore[misc]
        for name, work in works.items()
    }


def margins(files: list[bytes], frame: decode.Frame) -> list[dict[str, float]]:
    """Return, for each margin, CPU milliseconds, the scale taken, and how far pixels are from those at full scale."""
    with margin(FULL_SCALE):
        exact = [frame.decode(content).astype(np.int16) for content in files]
    rows = []
    for value in (2, 3, 4, 6, FULL_SCALE):
        with margin(value):
            image = open_image(files[0], MAX_PIXELS)
            decode.draft(image, frame.size, frame.fit)
            taken = statistics.median(milliseconds(lambda content=content: frame.decode(content)) for content in files)  # type: ignore[misc]
            off = [np.abs(frame.decode(content) - whole) for content, whole in zip(files, exact, strict=True)]
        rows.append({
            "margin": value, "scale": round(WIDE / image.width), "cpu_ms": taken,
            "mean": float(np.mean(off)), "largest": int(np.max(off)),
        })  # fmt: skip
    return rows


def pack_here(data: str, size: int, threads: int) -> dict[str, float]:
    """Load the set from an empty cache in this process: seconds, and memory in MiB."""
    from sadari.data.load import load
    from sadari.settings import Settings

    memory = Memory()
    before, _ = memory.look()
    memory.start()
    began = time.process_time(), time.perf_counter()
    images = load(data, Settings(image_size=size, interpolation="bicubic", threads=threads))
    found = {"cpu": time.process_time() - began[0], "wall": time.perf_counter() - began[1], "images": len(images)}
    memory.over.set()
    memory.look()
    return {**found, "before_MiB": before, "peak_MiB": memory.anonymous}


def packing(folder: Path, counts: list[int], size: int) -> list[dict[str, float]]:
    """Pack sets of links to the files of `folder`, each in a process and a cache of its own."""
    rows = []
    for count in counts:
        for threads in (1, 2) if count == counts[0] else (2,):
            with tempfile.TemporaryDirectory(prefix="large-photographs-") as name:
                data = link_photos(folder, Path(name) / "photos", count)
                words = [sys.executable, __file__, str(data), "--pack", str(threads), "--size", str(size)]
                environment = {**os.environ, "SADARI_CACHE_DIR": str(Path(name) / "cache"), "OMP_NUM_THREADS": "1"}
                done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
            rows.append({"threads": threads, "load": os.getloadavg()[0], **json.loads(done.stdout.splitlines()[-1])})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--counts", default="50,300")
    parser.add_argument("--distinct", type=int, default=6)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--pack", type=int, help="load PHOTOS in this process, with so many threads")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    if options.pack:
        print(json.dumps(pack_here(str(options.photos), options.size, options.pack)))
        return
    frame = decode.Frame(options.size, "crop", 3, interpolation="bicubic")
    with tempfile.TemporaryDirectory(prefix="large-photographs-") as name:
        enlarge(options.photos, Path(name), options.distinct)
        files = [path.read_bytes() for path in sorted(Path(name).rglob("*.jpg"))]
        document = {
            "machine": this_machine(), "commit": commit(), "date": time.strftime("%Y-%m-%d"), "size": options.size,
            "megabytes": statistics.mean(map(len, files)) / 1e6, "steps": steps(files, frame),
            "margins": margins(files, frame),
        }  # fmt: skip
        print(json.dumps({key: document[key] for key in ("megabytes", "steps", "margins")}), flush=True)
        rows = packing(Path(name), [int(each) for each in options.counts.split(",")], options.size)
    write_json(options.out, {**document, "packing": rows})


if __name__ == "__main__":
    main()

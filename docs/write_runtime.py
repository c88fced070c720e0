"""Take what the page in a browser needs out of npm's package onnxruntime-web, into the package.

    npm pack onnxruntime-web@1.30.0
    uv run python docs/write_runtime.py onnxruntime-web-1.30.0.tgz

The package holds 33 MB, of which two files are needed. It lacks the texts of the licences, which come from the PyPI
package onnxruntime (extra `deploy`). All is compressed by LZMA and otherwise unchanged; `runtime.py` has the sums.
"""

import hashlib
import lzma
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

from sadari.deploy.browser.runtime import FILES, FOLDER, PACKAGE_SHA512

LICENCES = ("LICENSE", "ThirdPartyNotices.txt")


def main(package: Path) -> None:
    """Write the files of FILES into FOLDER, out of the npm package at `package`, whose sum is verified first."""
    content = package.read_bytes()
    found = hashlib.sha512(content).hexdigest()
    if found != PACKAGE_SHA512:
        raise SystemExit(
            f"{package} has the SHA-512 {found}; change PACKAGE_SHA512 in runtime.py, or take another file"
        )
    spec = find_spec("onnxruntime")
    assert spec is not None and spec.origin is not None
    with tarfile.open(package) as archive:
        for name in FILES:
            if name in LICENCES:
                original = (Path(spec.origin).parent / name).read_bytes()
            else:
                member = archive.extractfile(f"package/dist/{name}")
                assert member is not None
                original = member.read()
            packed = lzma.compress(original, preset=9 | lzma.PRESET_EXTREME)
            (FOLDER / f"{name}.xz").write_bytes(packed)
            sys.stdout.write(
                f"{name} {hashlib.sha256(original).hexdigest()} {len(original):,} -> {len(packed):,} bytes\n"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

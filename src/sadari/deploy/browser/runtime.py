"""What computes an ONNX graph in a browser? onnxruntime-web, of which this package holds the files that are needed.

`docs/write_runtime.py` takes them out of the npm package. They are stored compressed (2.2 MB instead of 14.6), and
each is compared with its SHA-256 before it is used.
"""

import hashlib
import lzma
import re
from pathlib import Path

from sadari.errors import SadariError

FOLDER = Path(__file__).parent / "onnxruntime_web"
VERSION = "1.30.0"
# Of onnxruntime-web-1.30.0.tgz, as npm states it ("integrity", there in base64).
PACKAGE_SHA512 = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
WASM, SCRIPT = "ort-wasm-simd-threaded.wasm", "ort.wasm.bundle.min.mjs"
LICENCE, NOTICES = "LICENSE", "ThirdPartyNotices.txt"
# The SHA-256 of each file, uncompressed.
FILES = {
    WASM: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    SCRIPT: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    LICENCE: "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c",
    NOTICES: "d8696258afcf9df7827a5e01d6b6d55ee9b461b4e82020f5f48242deb9cc2270",
}
_EXPORTS = re.compile(r"export\{([^}]*)\};\s*(//# sourceMappingURL=\S+\s*)?$")


def runtime_file(name: str) -> bytes:
    """Return the file `name` of FILES; raises SadariError where it is missing, damaged or another one."""
    path = FOLDER / f"{name}.xz"
    try:
        content = lzma.decompress(path.read_bytes())
    except (OSError, lzma.LZMAError) as error:
        raise SadariError(f"cannot read {path} ({error}); install Sadari again") from None
    if hashlib.sha256(content).hexdigest() != FILES[name]:
        raise SadariError(f"{path} is not the file of onnxruntime-web {VERSION}; install Sadari again")
    return content


def runtime_script() -> str:
    """Return onnxruntime-web as the text of a script that puts its names into the global `ort`.

    The npm package has it as a module, which a page that is opened as a file may not import: its last statement, the
    exports, becomes an assignment. The comment with its licence stays.
    """
    text = runtime_file(SCRIPT).decode("utf-8")
    found = _EXPORTS.search(text)
    assert found is not None  # the file is verified
    names = (each.split(" as ") for each in found[1].split(","))
    listed = ",".join(f"{exported}:{inner}" for inner, exported in names if exported != "default")
    return f"{text[: found.start()]}globalThis.ort={{{listed}}};\n"

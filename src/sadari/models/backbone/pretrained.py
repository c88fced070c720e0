"""Which weights does a backbone start from, and which images do they need? No tensor is read here, and no torch."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sadari.errors import SadariError, UsageError
from sadari.files import expanded
from sadari.models.backbone import embedded
from sadari.models.backbone.importing import import_timm
from sadari.registry import unknown_name

TENSORS, CONFIG = "model.safetensors", "config.json"  # cited: the layout of timm's models on the Hugging Face hub
# cited: timm's own defaults for what a configuration leaves out (timm/models/_pretrained.py, timm/data/constants.py)
MEAN, STD, SIZE, INTERPOLATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (3, 224, 224), "bicubic"
WEIGHTS = "auto, embedded, random, random:SEED, a .safetensors file, or a folder with config.json and model.safetensors"
EMBEDDED = "embedded"  # weights=embedded: those that come with Sadari
_SET_OTHER = "set weights=auto for another backbone"
_NO_WEIGHTS = "it does not describe weights that can be used"

# The arguments of timm's constructors that a file may set: numbers within these bounds, lists of whole numbers,
# switches and single tokens. Others may name files, which timm opens and in some versions unpickles.
_WHOLE = {
    "num_classes": (0, 1_000_000), "in_chans": (3, 3), "img_size": (1, 4096), "patch_size": (1, 512),
    "embed_dim": (1, 8192), "embed_dims": (1, 8192), "dims": (1, 8192), "widths": (1, 8192), "channels": (1, 8192),
    "depth": (1, 128), "depths": (1, 128), "layers": (1, 128), "num_heads": (1, 256), "window_size": (1, 512),
    "reg_tokens": (0, 64), "cardinality": (1, 256), "base_width": (1, 1024), "stem_width": (1, 1024),
    "head_hidden_size": (1, 65_536), "output_stride": (8, 32), "num_features": (0, 65_536),
}  # fmt: skip
_FRACTIONS = {
    "bn_eps": (0.0, 1.0), "bn_momentum": (0.0, 1.0), "channel_multiplier": (0.01, 16.0),
    "depth_multiplier": (0.01, 16.0), "mlp_ratio": (0.01, 16.0), "init_values": (0.0, 10.0),
    "ls_init_value": (0.0, 10.0),
    **dict.fromkeys(("drop_rate", "drop_path_rate", "proj_drop_rate", "attn_drop_rate", "pos_drop_rate"), (0.0, 1.0)),
}  # fmt: skip
_SWITCHES = frozenset((
    "class_token", "no_embed_class", "qkv_bias", "qk_norm", "pre_norm", "final_norm", "fc_norm", "dynamic_img_size",
    "dynamic_img_pad", "strict_img_size", "avg_down", "conv_bias", "head_norm", "head_norm_first", "conv_mlp",
    "bn_tf", "fix_stem",
))  # fmt: skip
_TOKENS = frozenset(("global_pool", "act_layer", "norm_layer", "weight_init", "stem_type", "pad_type"))
_MOST_IN_LIST = 16
_TOKEN = re.compile(r"[A-Za-z0-9_]{0,32}")


def check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    """Raise ValueError unless `name` is plain and every argument is one that a file may set, within its bounds."""
    if not (isinstance(name, str) and name and len(name) <= 100 and name.isascii() and name.isidentifier()):
        raise ValueError(f"{str(name)[:100]!r} is no name of a network")
    for key, value in arguments.items():
        if not _is_plain(key, value):
            known = sorted((*_WHOLE, *_FRACTIONS, *_SWITCHES, *_TOKENS))
            if key in known:
                raise ValueError(f"the argument {key} of {name} has a value out of bounds: {str(value)[:50]}")
            raise ValueError(
                f"the argument {str(key)[:50]!r} of {name} is not taken from a file; these are: {', '.join(known)}"
            )


def _is_plain(key: str, value: Any) -> bool:
    if key in _SWITCHES:
        return isinstance(value, bool) or value is None
    if key in _TOKENS:
        return value is None or (isinstance(value, str) and _TOKEN.fullmatch(value) is not None)
    if key in _FRACTIONS:
        low, high = _FRACTIONS[key]
        return value is None or (type(value) in (int, float) and low <= value <= high)
    if key not in _WHOLE:
        return False
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    least, most = _WHOLE[key]
    return value is None or (
        0 < len(values) <= _MOST_IN_LIST and all(type(each) is int and least <= each <= most for each in values)
    )


@dataclass(frozen=True)
class Pretrained:
    """A network of timm and the weights that it starts from.

    name: timm's, without the tag of the weights. arguments: for its constructor. size: the side in pixels of the
    images that the weights were trained on. mean, std: per channel, of pixels in 0..1. interpolation: how
    those images were resized. license: that of the weights, "" where it is not stated. origin: where the weights come
    from: a path, "hub:REPOSITORY", "embedded:NAME" or "random:SEED" ("random": by the run's own seed).
    """

    name: str
    arguments: Mapping[str, Any]
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    license: str
    origin: str

    def __post_init__(self) -> None:
        check_arguments(self.name, self.arguments)

    @property
    def random(self) -> bool:
        """Return whether there are no weights to read."""
        return self.origin.partition(":")[0] == "random"

    @property
    def embedded(self) -> bool:
        """Return whether the weights are those that come with Sadari."""
        return self.origin.partition(":")[0] == EMBEDDED

    def to_json(self) -> dict[str, Any]:
        """Return its fields; `std` is called "deviation", as in 0.1.0."""
        return {("deviation" if key == "std" else key): value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Pretrained":
        """Read what `to_json` gave; raises KeyError, TypeError or ValueError for anything else."""
        known = dict(document)
        mean, std = _three(known.pop("mean")), _three(known.pop("deviation"))
        for key in ("interpolation", "license", "origin"):
            if not isinstance(known[key], str):
                raise TypeError(f"{key} is no text")
        return cls(**known, mean=mean, std=std)


def find_pretrained(backbone: str, weights: str = "auto") -> Pretrained:
    """Find the weights of `backbone` (a timm name, with a tag or without) that `weights` means.

    auto: the folder or file of that name in SADARI_WEIGHTS_DIR, else what the Hugging Face hub has stored on this
    disk, else those that come with Sadari, else the hub. embedded: those that come with Sadari. A path: that file or
    folder. random[:SEED]: none. Raises UsageError for an unknown backbone and for weights that are not there,
    SadariError for a damaged configuration. Nothing is read from the hub here.
    """
    kind, _, seed = weights.partition(":")
    if kind == "random":
        if seed and not seed.isdecimal():
            raise UsageError(f"weights=random:SEED takes a whole number from 0 up, not '{seed}'")
        return _registered(backbone, weights)
    if weights == EMBEDDED:
        if backbone != embedded.NAME:
            raise UsageError(
                f"the weights that come with Sadari are of {embedded.NAME}, not of {backbone}; {_SET_OTHER}"
            )
        return embedded_pretrained()
    if weights != "auto":
        path = expanded(weights)
        if not path.exists():
            raise UsageError(f"there are no weights '{weights}'; weights is {WEIGHTS}")
        return _local(backbone, path.resolve())
    found = _in_weights_folder(backbone)
    if found:
        return _local(backbone, found)
    if backbone == embedded.NAME and embedded.package_file() and not in_hub_cache(embedded.ON_THE_HUB):
        return embedded_pretrained()
    return _registered(backbone, "")


@cache
def embedded_pretrained() -> Pretrained:
    """Return the weights that come with Sadari; whether they are installed is found when they are read."""
    document = json.loads(embedded.configuration())
    return _read_config(embedded.NAME, {}, document["pretrained_cfg"], f"{EMBEDDED}:{embedded.NAME}")


def pretrained_at(path: Path) -> Pretrained:
    """Return the weights in the folder or file `path`, of the network that their config.json names.

    Raises UsageError where nothing names it, SadariError for a damaged configuration.
    """
    config = (path if path.is_dir() else path.parent) / CONFIG
    if not config.is_file():
        raise UsageError(f"nothing beside {path} says which network's weights these are; set backbone=NAME")
    return _local(_architecture(config), path)


def in_hub_cache(repository: str) -> Path | None:
    """Return where the hub's library has stored the weights of `repository` on this disk; None where it has not."""
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(repository, TENSORS)
    except (OSError, ValueError):
        return None
    return Path(found) if isinstance(found, str) else None


def weights_folder() -> Path | None:
    """Return the folder of local weights: SADARI_WEIGHTS_DIR, if it is set."""
    folder = os.environ.get("SADARI_WEIGHTS_DIR", "")
    return expanded(folder).resolve() if folder else None


def _in_weights_folder(backbone: str) -> Path | None:
    """Find what is called `backbone` there, or `backbone` with one tag; raises UsageError for several tags."""
    folder = weights_folder()
    if folder is None or not folder.is_dir():
        return None
    for exact in (folder / backbone, folder / f"{backbone}.safetensors"):
        if exact.exists():
            return exact
    if "." in backbone:
        return None
    tagged = sorted(each for each in folder.glob(f"{backbone}.*") if each.is_dir() or each.suffix == ".safetensors")
    if len(tagged) > 1:
        names = ", ".join(each.name.removesuffix(".safetensors") for each in tagged)
        raise UsageError(f"{folder} has several weights of {backbone}: {names}; set backbone to one of these names")
    return tagged[0] if tagged else None


def _local(backbone: str, path: Path) -> Pretrained:
    """Return the weights in the folder or file `path`; a file may have its configuration beside it."""
    tensors = path / TENSORS if path.is_dir() else path
    config = tensors.with_name(CONFIG)
    if path.is_dir() and not config.is_file():
        raise UsageError(f"{path} has no {CONFIG}; weights is {WEIGHTS}")
    if tensors.suffix != ".safetensors":
        raise UsageError(f"{path} is no .safetensors file; weights of other kinds are not read, since they hold code")
    if not tensors.is_file():
        raise UsageError(f"{path} has no {TENSORS}; weights of other kinds are not read, since they hold code")
    if not config.is_file():
        return _registered(backbone, str(tensors))
    return _configured(backbone, config, tensors)


def _configured(backbone: str, config: Path, tensors: Path) -> Pretrained:
    """Read what `config.json` says about `tensors`.

    Raises SadariError where it cannot be read, UsageError where it contradicts `backbone`.
    """
    name = backbone.partition(".")[0]
    try:
        document = json.loads(config.read_text(encoding="utf-8"))
        architecture = _named_in(document)
        arguments = dict(document.get("model_args") or {})
        pretrained = _read_config(name, arguments, document.get("pretrained_cfg", document), str(tensors))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SadariError(f"cannot read {config}: {type(error).__name__} {error}; {_NO_WEIGHTS}") from None
    if architecture != name:
        raise UsageError(f"{tensors} are weights of {architecture}, not of {name}; set backbone={architecture}")
    return pretrained


def _architecture(config: Path) -> str:
    """Return the network that `config.json` names; raise SadariError where it names none."""
    try:
        return _named_in(json.loads(config.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SadariError(f"cannot read {config}: {type(error).__name__} {error}; {_NO_WEIGHTS}") from None


def _named_in(document: Mapping[str, Any]) -> str:
    return str(document["architecture"]).partition(".")[0]


@cache
def _registered(backbone: str, origin: str) -> Pretrained:
    """Return the weights as timm registers them, with `origin` in place of its own ("": the hub)."""
    import_timm()
    from timm.models import get_pretrained_cfg, is_model, list_models, list_pretrained

    name, _, tag = backbone.partition(".")
    if not is_model(name):
        raise unknown_name("backbone", name, list_models())
    if tag and origin == "" and backbone not in list_pretrained(f"{name}.*"):
        raise unknown_name("weights", backbone, list_pretrained(f"{name}.*"))
    config = get_pretrained_cfg(backbone, allow_unregistered=True)
    values = asdict(config) if config is not None else {}
    if origin:  # other weights, or none: timm states the licence of its own only
        return _read_config(name, {}, {**values, "license": ""}, origin)
    return _read_config(name, {}, values, f"hub:{values.get('hf_hub_id') or ''}")


def _read_config(name: str, arguments: Mapping[str, Any], values: Mapping[str, Any], origin: str) -> Pretrained:
    channels, *sides = values.get("input_size") or SIZE
    if channels != 3:
        raise ValueError(f"input_size: the weights read {channels} channels instead of 3")
    return Pretrained(
        name=name,
        arguments=arguments,
        size=int(min(sides)),
        mean=_three(values.get("mean") or MEAN),
        std=_three(values.get("std") or STD),
        interpolation=str(values.get("interpolation") or INTERPOLATION),
        license=str(values.get("license") or ""),
        origin=origin,
    )


def _three(values: Any) -> tuple[float, ...]:
    numbers = tuple(float(each) for each in values)
    if len(numbers) != 3:
        raise ValueError(f"mean and std have 3 values, not {len(numbers)}")
    return numbers

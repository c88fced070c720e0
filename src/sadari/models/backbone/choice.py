"""Which pre-trained network does `backbone=auto` take here? One that is on this disk; nothing is downloaded. No torch.

In this order: weights in SADARI_WEIGHTS_DIR, weights that the Hugging Face hub's library has stored, and those that
come with Sadari. Where several are there, first those of PREFERRED in its order, then by name.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sadari.errors import SadariError, UsageError
from sadari.files import expanded
from sadari.models.backbone import embedded
from sadari.models.backbone.pretrained import (
    CONFIG,
    EMBEDDED,
    TENSORS,
    Pretrained,
    embedded_pretrained,
    find_pretrained,
    in_hub_cache,
    pretrained_at,
    weights_folder,
)
from sadari.settings import Value

AUTO, END = "auto", "end"
# Networks that auto looks for first, with the hub's repositories and licences (cited: timm's registry). Assumed: both
# are small enough for a processor, and free.
PREFERRED = {
    embedded.NAME: (embedded.ON_THE_HUB, "apache-2.0"),
    "mobilenetv1_100": ("timm/mobilenetv1_100.ra4_e3600_r224_in1k", "apache-2.0"),
}
DECIDED = ("backbone", "weights", "cut")  # the variables that auto decides together


@dataclass(frozen=True)
class Choice:
    """What `backbone=auto` takes: the values of three variables, and what the user is told.

    place: where the weights are, in words. license: "" where it is not stated. left_out: why other weights of the
    user were not taken, a sentence each.
    """

    backbone: str
    weights: str
    place: str
    license: str
    cut: str = END
    left_out: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Return which network it is, where it comes from, and its licence."""
        licence = f" (licence {self.license})" if self.license else " (its licence is not stated)"
        if self.weights.partition(":")[0] == "random":
            licence = ""
        partly = "" if self.cut == END else f"; its weights are whole up to {self.cut} and used so far"
        others = "".join(f"; {each}" for each in self.left_out)
        return f"backbone: auto takes {self.backbone}, {self.place}{licence}{partly}{others}"


def settled(variables: Mapping[str, Value], given: Collection[str] = ()) -> tuple[dict[str, Value], Choice | None]:
    """Return `variables` with what backbone=auto takes here in place of it, and the choice; None where it is not auto.

    given: the variables that the user set, which stay as they are. Raises UsageError and SadariError as `choose` does.
    """
    if variables.get("backbone") != AUTO:
        return dict(variables), None
    choice = choose(str(variables.get("weights", AUTO)))
    own = {name: getattr(choice, name) for name in DECIDED if name in variables}
    if "cut" in given:
        own.pop("cut", None)
    return {**variables, **own}, choice


def choose(weights: str = AUTO) -> Choice:
    """Return what backbone=auto takes here. weights: as the user set it; auto leaves it open.

    Raises UsageError for weights that are not there or that no network is named for, SadariError for damaged ones and
    where there are none on this machine.
    """
    if weights.partition(":")[0] == "random":
        return Choice(embedded.NAME, weights, "with random weights", "")
    if weights not in (AUTO, EMBEDDED):
        return _at_path(weights)
    if weights == AUTO:
        if (folder := weights_folder()) and (found := _in_folder(folder)):
            return found
        for name, (repository, licence) in PREFERRED.items():
            if in_hub_cache(repository):
                tagged = repository.partition("/")[2]
                assert tagged.startswith(name)
                return Choice(tagged, AUTO, "of the Hugging Face hub, stored on this disk", licence)
    embedded.installed_file()
    return Choice(embedded.NAME, EMBEDDED, "which comes with Sadari", embedded_pretrained().license)


def _at_path(weights: str) -> Choice:
    path = expanded(weights)
    if not path.exists():
        raise UsageError(f"there are no weights '{weights}'; set weights=auto, or the path of a folder of weights")
    found = pretrained_at(path.resolve())
    return Choice(found.name, weights, f"of {path.name}", found.license, _reach(found))


def _in_folder(folder: Path) -> Choice | None:
    """Return the first weights in the user's folder that can be used; None where there are none."""
    left_out: list[str] = []
    for path, name in sorted(_entries(folder), key=_rank):
        try:
            found = pretrained_at(path) if path.is_dir() or path.with_name(CONFIG).is_file() else find_pretrained(name)
            cut = _reach(found)
        except SadariError as error:
            left_out.append(f"{path.name} is left out: {error}")
            continue
        backbone, weights = _words_for(found, name, path)
        return Choice(backbone, weights, "of SADARI_WEIGHTS_DIR", found.license, cut, tuple(left_out))
    return None


def _entries(folder: Path) -> Iterator[tuple[Path, str]]:
    """Return the folders and files of weights in `folder`, each with the name that it is called by."""
    if folder.is_dir():
        for path in folder.iterdir():
            if (path / TENSORS).is_file() or (path.suffix == ".safetensors" and path.is_file()):
                yield path, path.name.removesuffix(".safetensors")


def _rank(entry: tuple[Path, str]) -> tuple[int, str]:
    path, name = entry
    order = list(PREFERRED)
    network = name.partition(".")[0]
    return (order.index(network) if network in order else len(order), path.name)


def _words_for(found: Pretrained, name: str, path: Path) -> tuple[str, str]:
    """Return the values of backbone and weights that mean `found` again: by its name where that is enough."""
    for backbone in (found.name, name):
        try:
            if find_pretrained(backbone).origin == found.origin:
                return backbone, AUTO
        except SadariError:  # several have the name, or it is no network's
            continue
    return found.name, str(path)


def _reach(found: Pretrained) -> str:
    from sadari.models.backbone.tensors import whole_up_to  # loads torch and timm

    return whole_up_to(found)

"""Of which layers does an arm's network consist, and how did each shape come about?"""

from collections.abc import Sequence

from sadari.explain.summary import layers_of
from sadari.models.kinds import shape_text
from sadari.report.contents import LayerRow
from sadari.run import RunRecord


def layer_rows(records: Sequence[RunRecord]) -> tuple[LayerRow, ...]:
    """The images, then each layer of the network that these runs, one a seed, have trained.

    () where no weights lie beside the results any more. Raises SadariError for a damaged model.
    """
    run = next((each for each in records if (each.path / "model.safetensors").is_file()), None)
    if run is None:
        return ()
    layers = layers_of(run)
    images = LayerRow("input", "", shape_text(layers.shape), 0, 0, "")
    rows = zip(layers.rows, layers.names, strict=True)
    return (images, *(LayerRow(r.text, name, shape_text(r.shape), r.total, r.trainable, r.how) for r, name in rows))

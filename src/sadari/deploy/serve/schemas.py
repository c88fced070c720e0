"""What do requests and answers look like? The documents of the HTTP interface, as /openapi.json describes them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Shape = Annotated[list[int], Field(description="Sizes of the axes.")]


class Problem(BaseModel):
    """Why a request got no answer, in one sentence that says what to do."""

    detail: str


class ImagesAsText(BaseModel):
    """Images in a JSON body."""

    model_config = ConfigDict(extra="forbid", strict=True)

    images: Annotated[
        list[Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]],
        Field(min_length=1, description="Each image file (JPEG, PNG, BMP, GIF, WebP, TIFF, HEIC or AVIF) in base64."),
    ]


class ClassProbability(BaseModel):
    """A class and how probable it is."""

    label: str
    probability: Annotated[float, Field(ge=0, le=1.000001)]


class Answer(ClassProbability):
    """What the model says about one image: its most probable class, and the next ones."""

    file: Annotated[str, Field(description="The file's name; in JSON the image's number, from 1.")]
    known: Annotated[
        bool | None,
        Field(description="Whether it shows one of the classes; absent where the model does not decide that."),
    ] = None
    score: Annotated[float | None, Field(description="How known it is; known from the model's threshold on.")] = None
    top: Annotated[list[ClassProbability], Field(description="The most probable classes, best first.")]
    set: Annotated[
        list[str] | None,
        Field(description="With `coverage`: the classes that the image leaves open, the most probable one first."),
    ] = None


class Answers(BaseModel):
    """What the model says about the images, in their order."""

    answers: list[Answer]


class Layer(BaseModel):
    """A layer whose feature maps POST /feature-maps returns."""

    name: str
    text: Annotated[str, Field(description="The layer as it is written in the model's list of layers.")]
    shape: Annotated[Shape, Field(description="Channels, height and width of its output.")]


class Input(BaseModel):
    """The shape that every image is brought to."""

    height: int
    width: int
    channels: int
    fit: Annotated[str, Field(description="How images of other shapes are fitted: crop, pad or squash.")]


class Accepts(BaseModel):
    """The limits of one request."""

    images: int
    image_bytes: int
    body_bytes: int
    pixels: int


class Abstains(BaseModel):
    """How the model decides whether an image shows one of its classes."""

    score: Annotated[str, Field(description="Which score: mahalanobis, energy or probability.")]
    threshold: Annotated[float, Field(description="From which score on an image is known.")]
    kept: Annotated[float, Field(description="The share of known images that the threshold keeps, on new ones.")]
    images: Annotated[int, Field(description="How many validation images it was taken from.")]


class Model(BaseModel):
    """The model that answers here."""

    model: Annotated[str, Field(description="The model, or the name of the exported folder.")]
    data: Annotated[str | None, Field(description="What it was trained on; null for an exported folder.")]
    classes: list[str]
    input: Input
    params: int
    scores: Annotated[dict[str, dict[str, float]], Field(description="By split: train, val, test.")]
    layers: list[Layer]
    caution: Annotated[str, Field(description="A sentence where its probabilities are not to be trusted, else empty.")]
    abstains: Annotated[Abstains | None, Field(description="null where it names a class for every image.")] = None
    calibration: Annotated[str, Field(description="The temperature of its probabilities, or why there is none.")]
    grad_cam: Annotated[bool, Field(description="Whether POST /grad-cam can explain this model.")]
    accepts: Accepts


class Plane(BaseModel):
    """A picture of uint8 values."""

    height: int
    width: int
    values: Annotated[str, Field(description="Row by row, in base64.", json_schema_extra={"contentEncoding": "base64"})]


class Heatmap(Plane):
    """Where in the image the model finds a class: 0 nowhere, 255 most of all."""

    label: str


class FeatureMaps(Plane):
    """The output of a layer for an image: its channels one after the other, each of this height and width.

    0 stands for `low` and 255 for `high`; 0 is between them, so that it has one colour. Large maps are averaged down,
    and only the first channels are returned.
    """

    layer: str
    channels: Annotated[int, Field(description="How many the layer has.")]
    shown: Annotated[int, Field(description="How many are returned.")]
    low: float
    high: float


class Sample(BaseModel):
    """An image that the run was judged on."""

    id: str
    label: str
    image: Annotated[str, Field(description="PNG, in base64.", json_schema_extra={"contentEncoding": "base64"})]


class Samples(BaseModel):
    """A few images that the run was judged on; none where its data are not on this machine."""

    samples: list[Sample]


class Health(BaseModel):
    """The server answers."""

    status: str

"""What TensorFlow and Flax call a weight of a transformers model, and what PyTorch calls it.

The rules are those by which the transformers 4 model classes of the three frameworks name
and lay out the same weights: the last part of a name changes, and kernels are transposed by
rank. A rule never reshapes: it drops axes of length one and permutes axes, both of which are
views, so a wrong rule shows as a wrong shape instead of as wrong numbers of the right shape.
"""

from __future__ import annotations

from scanner.frozen import dataclass
from scanner.patterns import pattern
from secureload.convert.safetensors import contiguous
from secureload.convert.weights import Storage, Tensor, make_tensor

ARCHITECTURES = frozenset(
    {
        "bart",
        "bert",
        "distilbert",
        "gpt2",
        "layoutlmv3",
        "resnet",
        "swin",
        "t5",
        "vit",
        "wav2vec2",
    }
)
"""Values of `model_type` whose mapping is proven by recorded outputs; no other is guessed."""

_LAST = {
    "kernel": "weight",
    "embeddings": "weight",
    "embedding": "weight",
    "gamma": "weight",
    "scale": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "mean": "running_mean",
    "var": "running_var",
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
    "pointwise_kernel": "pointwise.weight",
    "depthwise_kernel": "depthwise.weight",
}
_KERNEL_AXES = {2: (1, 0), 3: (2, 1, 0), 4: (3, 2, 0, 1)}
_WRAPPED = pattern(r"[^/]*___([^/]*)/")


@dataclass(frozen=True, kw_only=True, slots=True)
class Renamed:
    """A weight by PyTorch's name: `axes` lists the old axes in their new order.

    An axis left out of `axes` has length one.
    """

    name: str
    axes: tuple[int, ...]


def from_tensorflow(variable: str, shape: tuple[int, ...]) -> Renamed:
    """Rename a variable, its model name taken off: `bert/pooler/dense/kernel`."""
    parts = _WRAPPED.sub(r"\1/", variable).replace("_._", "/").split("/")
    last = parts[-1]
    axes = _axes(last, shape)
    if last == "bias" and len(shape) == 2 and shape[0] == 1 and _is_conv1d(parts):
        axes = (1,)  # GPT-2's Conv1D keeps its bias as one row
    if last == "weight_g" and len(shape) == 3:
        axes = (2, 1, 0)
    return Renamed(name=_joined(parts), axes=axes)


def from_flax(path: tuple[str, ...], shape: tuple[int, ...]) -> Renamed:
    """Rename a parameter by its path below `params` or `batch_stats`."""
    return Renamed(name=_joined(list(path)), axes=_axes(path[-1], shape))


def lay_out(
    file: str, renamed: Renamed, dtype: str, shape: tuple[int, ...], storage: Storage
) -> Tensor:
    """Make the tensor of a row-major array under its new name and with its new axes.

    Raises:
        ConversionError: safetensors has no such dtype, or the array leaves its storage.
    """
    stride = contiguous(shape)
    return make_tensor(
        file,
        renamed.name,
        dtype=dtype,
        shape=tuple(shape[axis] for axis in renamed.axes),
        stride=tuple(stride[axis] for axis in renamed.axes),
        storage=storage,
        offset=0,
    )


def _axes(last: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    unchanged = tuple(range(len(shape)))
    return _KERNEL_AXES.get(len(shape), unchanged) if last == "kernel" else unchanged


def _joined(parts: list[str]) -> str:
    return ".".join([*parts[:-1], _LAST.get(parts[-1], parts[-1])])


def _is_conv1d(parts: list[str]) -> bool:
    return len(parts) > 1 and parts[-2] in {"c_attn", "c_proj", "c_fc", "q_attn"}

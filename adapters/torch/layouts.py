"""A torch tensor's numbers in other places of memory. What lies between them shows where a kernel reads it.

It is NaN; between sliced rows a number of which a diagnosis can say what comes out.
"""

from typing import Any

import torch

from nnparity.spec.cases import layouts

#: Elements that an offset view lies past an aligned start.
PAST = 1


def arranged(tensor: Any, layout: str) -> Any:
    """The tensor as a view of that layout; as it is where the layout says nothing of its rank."""
    if layout == layouts.ALIASED or tensor.ndim < layouts.LEAST.get(layout, 1):
        return tensor
    if layout in layouts.MIXTURES:
        layout = layouts.CHANNELS_LAST if tensor.ndim == layouts.IMAGES else layouts.TRANSPOSED
    return VIEWS[layout](tensor)


def _transposed(tensor: Any) -> Any:
    return _laid(tensor.mT, torch.contiguous_format).mT


def _channels_last(tensor: Any) -> Any:
    """Of images; those of several steps at once lie as usual."""
    return _laid(tensor, torch.channels_last) if tensor.ndim == layouts.IMAGES else tensor


def _laid(tensor: Any, order: torch.memory_format) -> Any:
    """A copy with the strides of that order: `contiguous` leaves those of an array with an axis of one element."""
    return torch.empty_like(tensor, memory_format=order).copy_(tensor)


def _expanded(tensor: Any) -> Any:
    return tensor[:1].expand(tensor.shape) if (tensor == tensor[:1]).all() else tensor


def _empty(tensor: Any, *shape: int) -> Any:
    """Memory full of NaN, or of ones where there is none."""
    return tensor.new_full(shape, float("nan") if tensor.is_floating_point() else 1)


def _strided(tensor: Any) -> Any:
    """Every second element of the last axis of a wider one."""
    view = _empty(tensor, *tensor.shape[:-1], 2 * tensor.shape[-1])[..., ::2]
    return view.copy_(tensor)


def _sliced(tensor: Any) -> Any:
    """The first elements of the last axis of a wider one."""
    columns = tensor.shape[-1]
    slack = layouts.SLACK if tensor.is_floating_point() else layouts.WHOLE_SLACK
    return torch.nn.functional.pad(tensor, (0, layouts.slack(columns)), value=slack)[..., :columns]


def _offset(tensor: Any) -> Any:
    view = _empty(tensor, PAST + tensor.numel())[PAST:].view(tensor.shape)
    return view.copy_(tensor)


VIEWS = {
    layouts.TRANSPOSED: _transposed,
    layouts.STRIDED: _strided,
    layouts.SLICED: _sliced,
    layouts.UNALIGNED: _offset,
    layouts.EXPANDED: _expanded,
    layouts.CHANNELS_LAST: _channels_last,
}

"""A torch tensor's numbers in other places of memory. What lies between them is NaN: a kernel that reads it shows."""

from typing import Any

import torch

from nnparity.spec.cases import layouts

#: Elements that an offset view lies past an aligned start.
PAST = 1


def arranged(tensor: Any, layout: str) -> Any:
    """The tensor as a view of that layout; as it is where the layout says nothing of its rank."""
    if layout == layouts.ALIASED:
        return tensor
    images = tensor.ndim == layouts.IMAGES
    if layout == layouts.MIXED:
        layout = layouts.CHANNELS_LAST if images else layouts.TRANSPOSED
    if layout == layouts.TRANSPOSED:
        return tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor
    if layout == layouts.CHANNELS_LAST:
        return tensor.contiguous(memory_format=torch.channels_last) if images else tensor
    if layout == layouts.EXPANDED:
        return tensor[:1].expand(tensor.shape) if tensor.ndim and _rows_alike(tensor) else tensor
    return _strided(tensor) if layout == layouts.STRIDED else _offset(tensor)


def _rows_alike(tensor: Any) -> bool:
    return bool((tensor == tensor[:1]).all())


def _empty(tensor: Any, *shape: int) -> Any:
    """Memory full of NaN, or of ones where there is none."""
    return tensor.new_full(shape, float("nan") if tensor.is_floating_point() else 1)


def _strided(tensor: Any) -> Any:
    """Every second element of the last axis of a wider one."""
    if not tensor.ndim:
        return tensor
    view = _empty(tensor, *tensor.shape[:-1], 2 * tensor.shape[-1])[..., ::2]
    return view.copy_(tensor)


def _offset(tensor: Any) -> Any:
    view = _empty(tensor, PAST + tensor.numel())[PAST:].view(tensor.shape)
    return view.copy_(tensor)

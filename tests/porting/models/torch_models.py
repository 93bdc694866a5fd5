"""Models of PyTorch and Hugging Face, to be ported from."""

from typing import Any

import torch
from torch import nn

from nnparity.tests.porting.models import numbers


def bert(dtype: str = "float32") -> Any:
    """Hugging Face's `BertModel`, twelve layers."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=numbers.WORDS,
        hidden_size=numbers.WIDTH,
        num_hidden_layers=numbers.LAYERS,
        num_attention_heads=numbers.HEADS,
        intermediate_size=numbers.INNER,
        max_position_embeddings=numbers.PLACES,
    )
    model = BertModel(config)
    model.load_state_dict({name: torch.tensor(x) for name, x in numbers.bert().items()}, strict=False)
    return model.eval().to(getattr(torch, dtype))


class ChannelsLast(nn.Module):
    """Flattens channels last."""

    def forward(self, x: Any) -> Any:
        return x.permute(0, 2, 3, 1).flatten(1)


class Functional(nn.Module):
    """Listing 4.2 with the activations, the pooling and the softmax as calls of functions."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv2d(3, 32, 3), nn.Conv2d(32, 64, 3), nn.Conv2d(64, 64, 3)])
        self.hidden, self.last = nn.Linear(1024, 64), nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        for number, layer in enumerate(self.convolutions):
            x = torch.relu(layer(x))
            x = nn.functional.max_pool2d(x, 2) if number < 2 else x
        x = torch.relu(self.hidden(x.permute(0, 2, 3, 1).flatten(1)))
        return torch.softmax(self.last(x), -1)


def cnn() -> Any:
    """Listing 4.2, of modules alone; its features are flattened channels last, as its weights want them."""
    return _with_weights(
        nn.Sequential(
            *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 64, 3), nn.ReLU(), ChannelsLast()),
            *(nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10), nn.Softmax(-1)),
        )
    )


def functional_cnn() -> Any:
    """The same, with functions in the place of modules."""
    return _with_weights(Functional())


def channels_first_cnn() -> Any:
    """The same, flattened channels first; the first dense layer's weights are in that order."""
    model = cnn()
    model[8] = nn.Flatten()
    with torch.no_grad():
        weight = model[9].weight
        weight.copy_(weight.reshape(64, 4, 4, 64).permute(0, 3, 1, 2).reshape(64, 1024).clone())
    return model


def _with_weights(model: Any) -> Any:
    given = [torch.tensor(x) for pair in numbers.pairs(numbers.CNN) for x in pair]
    with torch.no_grad():
        for parameter, x in zip(model.parameters(), given, strict=True):
            parameter.copy_(x)
    return model.eval()


class LastState(nn.Module):
    """Listing 4.3, both LSTMs in one module."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, num_layers=2, batch_first=True)
        self.dense = nn.Linear(5, 1)

    def forward(self, x: Any) -> Any:
        return self.dense(self.lstm(x)[0][:, -1])


def lstm() -> Any:
    """With the weights of `numbers`; half of each bias is in either of the two that PyTorch has."""
    (wx1, b1), (wh1, _), (wx2, b2), (wh2, _), (w, b) = numbers.pairs(numbers.LSTM)
    given = (wx1, wh1, b1 / 2, b1 / 2, wx2, wh2, b2 / 2, b2 / 2, w, b)
    model = LastState()
    with torch.no_grad():
        for parameter, x in zip(model.parameters(), given, strict=True):
            parameter.copy_(torch.tensor(x))
    return model.eval()


def states(batch_first: bool = True) -> Any:
    """An LSTM alone, and what it returns for each step."""
    torch.manual_seed(0)
    model = nn.LSTM(3, 5, batch_first=batch_first).eval()
    return model, lambda x: model(x)[0]


def gru() -> Any:
    """Two GRUs in one module, and what the second returns for each step."""
    torch.manual_seed(5)
    model = nn.GRU(3, 5, num_layers=2, batch_first=True).eval()
    return model, lambda x: model(x)[0]


def classes() -> Any:
    """The logarithms of shares of five classes."""
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(3, 5), nn.LogSoftmax(-1)).eval()


class Attention(nn.Module):
    """Attention in heads, and the normalisation of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Any, images: Any) -> Any:
        return self.attention(x, x, x, need_weights=False)[0], self.norm(images)


def attention() -> Any:
    """With the weights of `numbers`."""
    model = Attention()
    given = numbers.attention()
    with torch.no_grad():
        for name, x in (*model.named_parameters(), *model.named_buffers()):
            if name in given:
                x.copy_(torch.tensor(given[name]))
    return model.eval()


class Residual(nn.Module):
    """What a ResNet begins with: activations are calls of functions, the pooling and a convolution pad themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.pool = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.MaxPool2d(3, 2, 1)
        self.conv, self.norm = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.down, self.alone = nn.Conv2d(8, 6, 3, stride=2, padding=1), nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.last = nn.Linear(6, 4)

    def forward(self, x: Any) -> Any:
        x = self.pool(torch.relu(self.stem(x)))
        x = torch.relu(x + self.norm(self.conv(x)))
        return self.last(torch.relu(self.alone(nn.functional.silu(self.down(x)))).mean((2, 3)))


def residual() -> Any:
    """With numbers of its own."""
    torch.manual_seed(5)
    return Residual().eval()


class Signal(nn.Module):
    """A convolution along time with padding and strides, the ReLU a call of a function, an LSTM over what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm1d(8)
        self.lstm = nn.LSTM(8, 5, batch_first=True)

    def forward(self, x: Any) -> Any:
        y, _ = self.lstm(torch.relu(self.norm(self.conv(x.transpose(1, 2)))).transpose(1, 2))
        return y


def signal() -> Any:
    """With numbers of its own."""
    torch.manual_seed(5)
    return Signal().eval()


def images() -> Any:
    """A convolution with padding and strides, batch normalisation, pooling of other windows and of the whole, SiLU."""
    model = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4), nn.RMSNorm(4, eps=1e-6), nn.SiLU()),
    )
    given = numbers.images()
    model.load_state_dict({name: torch.tensor(x) for name, x in given.items()}, strict=False)
    return model.eval()

"""Nets that repaint a picture in one pass: 26 learnt styles, or the style of any second picture.

Three papers: a learned representation for artistic style (Dumoulin, Shlens and Kudlur,
arXiv:1610.07629) brought the painter and its conditional instance norm; a real-time arbitrary
stylisation network (Ghiasi et al., arXiv:1705.06830) predicts the norm's parameters from a
picture; MobileNetV2 (Sandler et al., arXiv:1801.04381) is the body of that predictor here.

A *style* is one vector: for every normalised layer of the painter, in order, its scales and then
its shifts. ``LearntStyles`` keeps 26 of them, ``AnyStyle`` makes one from a picture.

Pictures are float RGB in 0..1, (B, 3, H, W). Knows nothing of files, sizes to choose, or names.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMALLEST_SIDE = 16
"""The least height and width that the painter takes; reflect padding needs that much."""

STYLE_SIDE = 256
"""Height and width at which the predictor was trained to see a style picture."""

EPSILON = 1e-5


def style_norm(x: Tensor, style: Tensor) -> Tensor:
    """Normalise each channel of each picture, then scale and shift it by its style.

    Takes x (B, C, H, W) and style (B, 2C): scales, then shifts.
    """
    batch, channels, height, width = x.shape
    scale, shift = style.reshape(batch, 2, channels).unbind(1)  # (B, C) each
    flat = x.reshape(1, batch * channels, height, width)  # every picture has its own statistics
    out = F.batch_norm(
        flat, None, None, scale.flatten(), shift.flatten(), training=True, eps=EPSILON
    )
    return out.view(batch, channels, height, width)


class Layer(nn.Module):
    """Perhaps enlarge, pad by reflection, convolve, normalise by style, activate.

    ``styled`` layers are normalised and need no bias; the others keep one instead.
    """

    def __init__(
        self, inside: int, outside: int, kernel: int, *, stride: int = 1, enlarge: int = 1,
        styled: bool = True, activation: Callable[[Tensor], Tensor] = torch.relu_,
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, bias=not styled)
        self.pad = kernel // 2
        self.enlarge = enlarge
        self.activation = activation
        self.style_size = 2 * outside if styled else 0

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, inside, H, W) and style (B, style_size) to (B, outside, H', W')."""
        if self.enlarge > 1:
            x = F.interpolate(x, scale_factor=float(self.enlarge), mode="nearest")
        x = self.conv(F.pad(x, (self.pad,) * 4, mode="reflect"))
        return self.activation(style_norm(x, style) if self.style_size else x)


class Residual(nn.Module):
    """Two styled layers around which the input is led, the second without activation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Layer(channels, channels, 3)
        self.second = Layer(channels, channels, 3, activation=nn.Identity())
        self.style_size = self.first.style_size + self.second.style_size

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map (B, C, H, W) and style (B, 4C) to (B, C, H, W)."""
        first, second = style.split((self.first.style_size, self.second.style_size), 1)
        return x + self.second(self.first(x, first), second)


class Painter(nn.Module):
    """Contract to a quarter, think in residual blocks, expand again.

    Args:
        down: Channels of the three contracting layers.
        blocks: Number of residual blocks.
        up: Channels of the two layers before the last.
        styled_down: Whether the contracting layers are normalised by style too.

    ``style_size`` is the length of its styles.
    """

    def __init__(
        self, down: tuple[int, int, int], blocks: int, up: tuple[int, int], *, styled_down: bool
    ) -> None:
        super().__init__()
        a, b, c = down
        d, e = up
        layers: list[Layer | Residual] = [
            Layer(3, a, 9, styled=styled_down),
            Layer(a, b, 3, stride=2, styled=styled_down),
            Layer(b, c, 3, stride=2, styled=styled_down),
            *(Residual(c) for _ in range(blocks)),
            Layer(c, d, 3, enlarge=2),
            Layer(d, e, 3, enlarge=2),
            Layer(e, 3, 9, activation=torch.sigmoid),
        ]
        self.layers = nn.ModuleList(layers)
        self.style_sizes = [layer.style_size for layer in layers]
        self.style_size = sum(self.style_sizes)

    def forward(
        self, picture: Tensor, style: Tensor, tell: Callable[[int, int], None] | None = None
    ) -> Tensor:
        """Repaint (B, 3, H, W), H and W >= SMALLEST_SIDE, by style (B, style_size); same size.

        ``tell(done, total)`` is called after each layer; it may raise to stop.
        """
        height, width = picture.shape[-2:]
        x = F.pad(picture, (0, -width % 4, 0, -height % 4), mode="reflect")  # whole quarters
        parts = style.split(self.style_sizes, 1)
        for done, (layer, part) in enumerate(zip(self.layers, parts, strict=True), start=1):
            x = layer(x, part)
            if tell is not None:
                tell(done, len(parts))
        return x[..., :height, :width]


class LearntStyles(nn.Module):
    """A painter and the styles that it learnt."""

    def __init__(self, styles: int = 26) -> None:
        super().__init__()
        self.painter = Painter((32, 32, 32), 6, (8, 4), styled_down=True)
        self.styles = nn.Parameter(torch.zeros(styles, self.painter.style_size))


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen by 1x1, filter each channel, narrow by 1x1 (norms folded in)."""

    def __init__(self, inside: int, outside: int, *, stride: int, widen: int) -> None:
        super().__init__()
        wide = inside * widen
        self.expand = nn.Conv2d(inside, wide, 1) if widen > 1 else None
        self.depthwise = nn.Conv2d(wide, wide, 3, stride, groups=wide)
        self.project = nn.Conv2d(wide, outside, 1)
        self.stride = stride
        self.leads_around = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inside, H, W) to (B, outside, H / stride, W / stride)."""
        wide = x if self.expand is None else F.relu6(self.expand(x))
        wide = F.relu6(self.depthwise(same_pad(wide, self.stride)))
        out = self.project(wide)
        return x + out if self.leads_around else out


def same_pad(x: Tensor, stride: int) -> Tensor:
    """Pad by zeros for a 3x3 convolution as TensorFlow does: at stride 2, right and below only."""
    return F.pad(x, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))


# (blocks, channels, stride of the first block, widening), as in table 2 of the paper
MOBILE_STAGES = (
    (1, 16, 1, 1), (2, 24, 2, 6), (3, 32, 2, 6), (4, 64, 2, 6), (3, 96, 1, 6), (3, 160, 2, 6),
    (1, 320, 1, 6),
)  # fmt: skip


class Predictor(nn.Module):
    """MobileNetV2 that sums a style picture up in 100 numbers."""

    def __init__(self, outside: int = 100) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2)
        blocks: list[nn.Module] = []
        inside = 32
        for count, channels, stride, widen in MOBILE_STAGES:
            for step in (stride, *(1,) * (count - 1)):
                blocks.append(InvertedResidual(inside, channels, stride=step, widen=widen))
                inside = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Conv2d(inside, 1280, 1)
        self.sum_up = nn.Linear(1280, outside)

    def forward(self, picture: Tensor) -> Tensor:
        """Map a style picture (B, 3, STYLE_SIDE, STYLE_SIDE) to (B, 100)."""
        x = F.relu6(self.stem(same_pad(picture, 2)))
        x = F.relu6(self.head(self.blocks(x)))  # (B, 1280, 8, 8)
        return self.sum_up(x.mean((2, 3)))


class AnyStyle(nn.Module):
    """A painter whose style is read from a second picture."""

    def __init__(self) -> None:
        super().__init__()
        self.predictor = Predictor()
        self.painter = Painter((8, 16, 32), 5, (16, 8), styled_down=False)
        self.to_style = nn.Linear(100, self.painter.style_size)

    def style_of(self, picture: Tensor) -> Tensor:
        """Map a style picture (B, 3, STYLE_SIDE, STYLE_SIDE) to its style (B, style_size)."""
        return self.to_style(self.predictor(picture))

#!/usr/bin/env python3
"""One training step in PyTorch, arranged as the original arranges it: the opponent of `bench step`.

Decoder forward, measurement through the union mask and the new aperture (two centred transforms each, the object's
spectrum computed for both), normalised L1, backward, Adam.  usage: torch_step.py [N/O ...]
"""
import argparse
import statistics
import time

import torch
from torch import nn


def decoder(n, o):
    size, channels = 4, [n // 2]
    layers = [nn.ConvTranspose2d(n, n // 2, 4, 1, 0, bias=False), nn.BatchNorm2d(n // 2), nn.ReLU()]
    while size < o:
        channels.append(channels[-1] // 2)
        layers += [nn.ConvTranspose2d(channels[-2], channels[-1], 4, 2, 1, bias=False), nn.BatchNorm2d(channels[-1]), nn.ReLU()]
        size *= 2
    while channels[-1] > 2:
        channels.append(channels[-1] // 2)
        layers += [nn.Conv2d(channels[-2], channels[-1], 3, 1, 1, bias=False), nn.BatchNorm2d(channels[-1]), nn.ReLU()]
    layers.append(nn.Conv2d(channels[-1], 1, 3, 1, 0))
    net = nn.Sequential(*layers)
    net.latent = nn.Parameter(torch.randn(1, n, 1, 1))
    return net


def fit(x, size):
    """Centre crop or zero pad to size."""
    have = x.shape[-1]
    if have > size:
        start = have // 2 - size // 2
        return x[..., start:start + size, start:start + size]
    pre = size // 2 - have // 2
    return nn.functional.pad(x, (pre, size - have - pre, pre, size - have - pre))


def centred(x):
    return torch.fft.fftshift(torch.fft.fft2(torch.fft.ifftshift(x, dim=(-2, -1)), norm="ortho"), dim=(-2, -1))


def measure(x, mask):
    return torch.flip(torch.abs(centred(mask * centred(x))), dims=(-2, -1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", default=["1024/512", "512/128", "256/128"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {args.threads} threads")
    for size in args.sizes:
        n, o = map(int, size.split("/"))
        net = decoder(n, o)
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
        k = torch.arange(n) - n // 2
        distance = k[:, None] ** 2 + k[None, :] ** 2
        new, old = distance <= (n // 12) ** 2, distance <= (n // 3) ** 2
        truth = fit(torch.rand(1, 1, o, o), n)
        targets = [measure(truth, m).detach() for m in (old, new)]
        norms = [t.abs().mean() + 1e-8 for t in targets]
        times = []
        for _ in range(args.steps + 3):
            begin = time.perf_counter()
            optimiser.zero_grad()
            x = fit(fit(net(net.latent), o), n)
            losses = [(measure(x, m) - t).abs().mean() / c for m, t, c in zip((old, new), targets, norms)]
            total = losses[0] + losses[1]
            total.item()
            total.backward()
            optimiser.step()
            times.append((time.perf_counter() - begin) * 1e3)
        times = times[3:]
        print(f"step/{size}  min {min(times):.2f} ms  median {statistics.median(times):.2f} ms  max {max(times):.2f} ms")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""One training step in PyTorch: the opponent of `prism bench step`.

Decoder forward, measurement through the union mask and the new aperture,
normalised L1, backward, Adam.

  original  as the original arranges it: centred transforms with shifts, the
            object's spectrum computed for both masks
  best      what PyTorch can do: spectrum once, both masks in a batch, no shifts,
            fused Adam, channels-last, compiled; on a GPU the whole step in one
            CUDA graph

usage: torch_step.py [--device cpu|cuda] [--variant original|best] [--json FILE] [N/O ...]
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn


def decoder(n, o):
    size, channels = 4, [n // 2]
    layers = [nn.ConvTranspose2d(n, n // 2, 4, 1, 0, bias=False), nn.BatchNorm2d(n // 2), nn.ReLU()]
    while size < o:
        channels.append(channels[-1] // 2)
        layers += [
            nn.ConvTranspose2d(channels[-2], channels[-1], 4, 2, 1, bias=False),
            nn.BatchNorm2d(channels[-1]),
            nn.ReLU(),
        ]
        size *= 2
    while channels[-1] > 2:
        channels.append(channels[-1] // 2)
        layers += [
            nn.Conv2d(channels[-2], channels[-1], 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels[-1]),
            nn.ReLU(),
        ]
    layers.append(nn.Conv2d(channels[-1], 1, 3, 1, 0))
    net = nn.Sequential(*layers)
    net.latent = nn.Parameter(torch.randn(1, n, 1, 1))
    return net


def fit(x, size):
    """Centre crop or zero pad to size."""
    have = x.shape[-1]
    if have > size:
        start = have // 2 - size // 2
        return x[..., start : start + size, start : start + size]
    pre = size // 2 - have // 2
    return nn.functional.pad(x, (pre, size - have - pre, pre, size - have - pre))


def centred(x):
    return torch.fft.fftshift(
        torch.fft.fft2(torch.fft.ifftshift(x, dim=(-2, -1)), norm="ortho"), dim=(-2, -1)
    )


def original_fields(x, masks):
    return [torch.flip(torch.abs(centred(m * centred(x))), dims=(-2, -1)) for m in masks]


def best_fields(x, masks):
    """Masks in the order of the plain transform; a point reflection and a shift change no loss."""
    return torch.abs(torch.fft.ifft2(torch.fft.fft2(x) * masks)).unbind(1)


def adam(parameters, best, cuda):
    parameters = list(parameters)
    if best:
        for options in (
            {"fused": True, "capturable": True} if cuda else {"fused": True},
            {"foreach": True},
        ):
            try:
                return torch.optim.Adam(parameters, lr=1e-3, **options)
            except (RuntimeError, TypeError):  # this release cannot, on this device
                continue
    return torch.optim.Adam(parameters, lr=1e-3)


def make_step(n, o, device, variant):
    best = variant == "best"
    net = decoder(n, o).to(device)
    if best:
        net = net.to(memory_format=torch.channels_last)
    cuda = device == "cuda"
    optimiser = adam(net.parameters(), best, cuda)
    k = torch.arange(n) - n // 2
    distance = (k[:, None] ** 2 + k[None, :] ** 2).to(device)
    masks = [distance <= (n // 3) ** 2, distance <= (n // 12) ** 2]
    fields = original_fields
    if best:
        masks = torch.fft.ifftshift(torch.stack(masks).float(), dim=(-2, -1))[None]
        fields = best_fields
    truth = fit(torch.rand(1, 1, o, o, device=device), n)
    targets = [t.detach() for t in fields(truth, masks)]
    norms = [float(t.abs().mean()) + 1e-8 for t in targets]

    def loss():
        x = fit(fit(net(net.latent), o), n)
        parts = [(m - t).abs().mean() / c for m, t, c in zip(fields(x, masks), targets, norms)]
        return parts[0] + parts[1]

    forward = torch.compile(loss) if best and hasattr(torch, "compile") else loss

    def step(read=True):
        optimiser.zero_grad()
        total = forward()
        if read:
            total.item()
        total.backward()
        optimiser.step()

    if not (best and cuda):
        return step
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step(False)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    optimiser.zero_grad()
    with torch.cuda.graph(graph):
        step(False)
    return graph.replay


def measure(step, device, steps):
    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    times = []
    for _ in range(steps + 3):
        wait()
        begin = time.perf_counter()
        step()
        wait()
        times.append((time.perf_counter() - begin) * 1e3)
    return sorted(times[3:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", default=["1024/512", "512/128", "256/128"])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--variant", default="original", choices=["original", "best"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    where = torch.cuda.get_device_name() if args.device == "cuda" else f"{args.threads} threads"
    print(f"torch {torch.__version__}, {args.variant}, {where}")
    rows = []
    for size in args.sizes:
        n, o = map(int, size.split("/"))
        times = measure(make_step(n, o, args.device, args.variant), args.device, args.steps)
        p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
        print(
            f"step/{size}  min {times[0]:.3f} ms  "
            f"median {statistics.median(times):.3f} ms  p95 {p95:.3f} ms",
            flush=True,
        )
        rows.append(
            {
                "name": f"step/{size}",
                "real_time": statistics.median(times),
                "min": times[0],
                "p95": p95,
                "time_unit": "ms",
            }
        )
    if args.json:
        with open(args.json, "w", encoding="ascii") as f:
            json.dump(
                {
                    "context": {
                        "library": f"torch {torch.__version__}",
                        "variant": args.variant,
                        "device": where,
                    },
                    "benchmarks": rows,
                },
                f,
                indent=1,
            )


if __name__ == "__main__":
    main()

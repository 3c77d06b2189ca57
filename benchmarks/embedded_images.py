"""Make the embedded sample of Fashion-MNIST again from the full set.

python benchmarks/embedded_images.py --source /usr/share/datasets/fashion-mnist --out fashion_mnist_sample.npz
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

from nasbench.errors import NasbenchError
from nasbench.files import write_atomic
from nasbench.training.embedded import FILE, PER_CLASS, SHA256
from nasbench.training.idx import FASHION_CLASSES, read_split

SEED = 2017


def sample(source: Path) -> dict[str, np.ndarray]:
    """The arrays of the sample, drawn from the four IDX files in `source`: training images from the training set alone."""
    # RandomState over MT19937 is the stream numpy promises never to change (NEP 19).
    draw = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(SEED)))
    arrays: dict[str, np.ndarray] = {}
    for part, count in PER_CLASS.items():
        images, labels = read_split(source, part)
        chosen = [np.sort(draw.permutation(np.flatnonzero(labels == c))[:count]) for c in range(len(FASHION_CLASSES))]
        index = np.concatenate(chosen)  # by class: neighbours are alike, which packs 1 % tighter
        arrays |= {f"{part}_images": images[index], f"{part}_labels": labels[index]}
    return arrays


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """An .npz archive whose bytes depend on the arrays and on zlib alone (np.savez writes the time of day)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, array, version=(1, 0), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3
            member.external_attr = 0o644 << 16
            archive.writestr(member, entry.getvalue(), compresslevel=9)
    return buffer.getvalue()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, help="folder of Fashion-MNIST's four IDX files")
    parser.add_argument("--out", type=Path, default=FILE, help="the file to write (default: the package's own)")
    chosen = parser.parse_args(arguments)
    try:
        content = pack(sample(chosen.source))
        write_atomic(chosen.out, content)
    except NasbenchError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    digest = hashlib.sha256(content).hexdigest()
    same = "as expected" if digest == SHA256 else f"this version expects {SHA256}"
    sys.stdout.write(f"{chosen.out}: {len(content) / 1e6:.2f} MB, SHA-256 {digest} ({same})\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

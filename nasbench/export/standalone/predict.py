"""Which class is on an image? With the network in this folder; without nasbench.

    python predict.py photo.jpg another.png
    python predict.py --json --top 5 photos/*.jpg

It needs Pillow and numpy, and onnxruntime (for model.onnx) or torch and safetensors (for model.py and weights.safetensors).
preprocess.json says how an image becomes the input of the network.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FOLDER = Path(__file__).resolve().parent
ORIENTATION = 0x0112  # the tag of EXIF
DEEP = {"I;16": "integer", "I;16L": "integer", "I;16B": "integer", "I;16N": "integer", "I": "integer", "F": "float"}


def decode(file, size, levels):
    """An image file as uint8 (size, size, 3): upright, the short side resized to `size`, the centre cropped."""
    with Image.open(file) as image:
        image.draft("RGB", (size, size))
        image.load()
        if image.getexif().get(ORIENTATION, 1) in range(2, 9):
            image = ImageOps.exif_transpose(image)
        return np.asarray(ImageOps.fit(colours(image, levels), (size, size), Image.Resampling.BILINEAR))


def colours(image, levels):
    """The image as RGB: transparent pixels are shown on white, and more than 8 bits become 8."""
    depth = DEEP.get(image.mode)
    if depth is not None:
        if depth not in levels:
            raise ValueError(f"it has more than 8 bits ({image.mode}), and the training images had not")
        low, high = levels[depth]
        values = np.asarray(image).astype(np.float32)
        grey = ((values - np.float32(low)) * np.float32(255 / (high - low))).clip(0, 255).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode in ("LA", "PA", "RGBA") or image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return image.convert("RGB")


def resize(pixels, side, axis):
    """uint8 pixels resized along one axis, bilinear with antialiasing, as torch does it: with whole numbers as weights."""
    own = pixels.shape[axis]
    scale = own / side
    reach = max(scale, 1.0)
    centers = scale * (np.arange(side) + 0.5)
    first = np.maximum((centers - reach + 0.5).astype(np.int64), 0)
    count = np.minimum((centers + reach + 0.5).astype(np.int64), own) - first
    weights = np.zeros((side, own))
    for i in range(side):
        distance = np.abs(np.arange(count[i]) + first[i] - centers[i] + 0.5) / reach
        row = np.maximum(1 - distance, 0)
        weights[i, first[i] : first[i] + count[i]] = row / row.sum()
    bits = 0
    while bits < 22 and int(0.5 + weights.max() * 2 ** (bits + 1)) < 2**15:
        bits += 1
    whole = np.floor(0.5 + weights * 2**bits).astype(np.int64)
    sums = np.moveaxis(np.tensordot(whole, pixels.astype(np.int64), (1, axis)), 0, axis)
    return ((sums + 2 ** (bits - 1)) >> bits).clip(0, 255).astype(np.uint8)


def network_input(file, about):
    """An image file as the network's input, float32 (1, C, H, W)."""
    channels, height, width = about["input"]
    pixels = decode(file, about["decoded_size"] or max(height, width), about["levels"])
    if len(about["mean"]) == 1:  # the training images were grey
        red, green, blue = np.moveaxis(pixels.astype(np.float32), 2, 0)
        grey = red * np.float32(0.299) + green * np.float32(0.587) + blue * np.float32(0.114)
        pixels = np.round(grey)[..., None].astype(np.uint8)
    if pixels.shape[1] != width:
        pixels = resize(pixels, width, 1)
    if pixels.shape[0] != height:
        pixels = resize(pixels, height, 0)
    values = (pixels.astype(np.float32) / 255 - np.float32(about["mean"])) / np.float32(about["std"])
    return np.ascontiguousarray(np.broadcast_to(values.transpose(2, 0, 1)[None], (1, channels, height, width)))


def load():
    """A function from the input of the network to its logits."""
    if (FOLDER / "model.onnx").exists() and importlib.util.find_spec("onnxruntime"):
        import onnxruntime

        session = onnxruntime.InferenceSession(str(FOLDER / "model.onnx"))
        name = session.get_inputs()[0].name
        return lambda images: session.run(None, {name: images})[0]
    if importlib.util.find_spec("torch") and importlib.util.find_spec("safetensors"):
        import torch
        from safetensors.torch import load_file

        sys.path.insert(0, str(FOLDER))
        import model

        net = model.network().eval()
        net.load_state_dict(load_file(FOLDER / "weights.safetensors"))

        def logits(images):
            with torch.no_grad():
                return net(torch.from_numpy(images)).numpy()

        return logits
    sys.exit("predict.py runs a network with onnxruntime, or with torch and safetensors; none is installed; type pip install onnxruntime")


def probabilities(logits):
    """The softmax of the logits."""
    values = np.exp(logits.astype(np.float64) - logits.max())
    return values / values.sum()


def predict(files):
    """For each file the probabilities of the classes, (classes,)."""
    about = json.loads((FOLDER / "preprocess.json").read_text(encoding="utf-8"))
    run = load()
    for file in files:
        try:
            image = network_input(file, about)
        except (OSError, ValueError, SyntaxError) as error:
            sys.exit(f"predict.py: cannot read {file} ({error}); name an image file")
        yield dict(zip(about["classes"], probabilities(run(image)[0]).tolist(), strict=True))


def main():
    """Print the most probable classes of each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="IMAGE")
    parser.add_argument("--top", type=int, default=3, help="how many classes; default: 3")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    found = []
    for file, classes in zip(options.files, predict(options.files), strict=True):
        best = sorted(classes.items(), key=lambda item: -item[1])[: options.top]
        found.append({"file": file, "classes": [{"name": name, "probability": p} for name, p in best]})
        if not options.json:
            print(f"{file}: " + ", ".join(f"{name} {p:.1%}" for name, p in best))
    if options.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()

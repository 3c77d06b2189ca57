"""`predict.py`: it reads images exactly as nasbench does, and answers the same, without nasbench."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nasbench.export.standalone import predict
from nasbench.training.preprocess import Preprocess

SIDE = st.integers(1, 70)


@given(SIDE, SIDE, SIDE, SIDE, st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_images_are_resized_as_torch_does(height, width, new_height, new_width, channels, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    images = torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())
    wanted = torch.nn.functional.interpolate(images, (new_height, new_width), mode="bilinear", antialias=True)[0].numpy()
    found = pixels
    if width != new_width:
        found = predict.resize(found, new_width, 1)
    if height != new_height:
        found = predict.resize(found, new_height, 0)
    assert np.array_equal(found.transpose(2, 0, 1), wanted)


def picture(mode: str, size=(90, 60)) -> Image.Image:
    draw = np.random.default_rng(3)
    rgb = Image.fromarray(draw.integers(0, 256, (size[1], size[0], 3), np.uint8))
    if mode == "I;16":
        return Image.fromarray(draw.integers(0, 60_000, (size[1], size[0]), np.uint16))
    if mode in ("LA", "RGBA"):
        image = rgb.convert(mode)
        image.putalpha(Image.fromarray(draw.integers(0, 256, (size[1], size[0]), np.uint8)))
        return image
    return rgb.convert(mode)


ABOUT = [
    Preprocess(input=(3, 32, 32), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25), classes=("a", "b"), decoded_size=64),
    Preprocess(input=(3, 27, 20), mean=(0.4,), std=(0.2,), classes=("a", "b"), decoded_size=64, levels={"integer": (0.0, 65535.0)}),
    Preprocess(input=(1, 28, 28), mean=(0.3,), std=(0.3,), classes=("a", "b"), decoded_size=28),
    Preprocess(input=(1, 28, 28), mean=(0.3,), std=(0.3,), classes=("a", "b")),
]


@pytest.mark.parametrize("about", ABOUT)
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_every_kind_of_image_is_read_alike(tmp_path, about, mode):
    if mode == "I;16" and not about.levels:
        pytest.skip("without levels nasbench refuses it, too")
    file = tmp_path / f"image.{'tif' if mode in ('CMYK', 'I;16') else 'png'}"
    picture(mode).save(file)
    wanted = about.read([file]).numpy()
    found = predict.network_input(file, about.to_json())
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_jpegs_are_turned_and_drafted_alike(tmp_path, orientation):
    exif = Image.Exif()
    exif[predict.ORIENTATION] = orientation
    picture("RGB", (600, 401)).save(tmp_path / "photo.jpg", exif=exif)
    np.testing.assert_allclose(
        predict.network_input(tmp_path / "photo.jpg", ABOUT[0].to_json()), ABOUT[0].read([tmp_path / "photo.jpg"]).numpy(), atol=1e-6
    )


def test_what_it_refuses(tmp_path):
    """One line for an image that cannot be read."""
    (tmp_path / "predict.py").write_text(Path(predict.__file__).read_text())
    (tmp_path / "preprocess.json").write_text(json.dumps(ABOUT[0].to_json()))
    ran = subprocess.run([sys.executable, "predict.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "model.py").write_text("class network:\n    def eval(self): return self\n    def load_state_dict(self, weights): pass\n")
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "weights.safetensors")
    ran = subprocess.run([sys.executable, "predict.py", "broken.jpg"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.startswith("predict.py: cannot read broken.jpg")
    assert ran.stderr.count("\n") == 1

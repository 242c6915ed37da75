"""Draw the moving picture of the README: one panel while its weight scale is dragged.

    python tools/readme_picture.py          writes docs/depth_panel.gif
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from livegrad.panels.gradients import depth_panel

TARGET = Path(__file__).parents[1] / "docs" / "depth_panel.gif"
WIDTH = 800


def main():
    panel = depth_panel()
    panel._picture.view = {"width": WIDTH, "ratio": 1}
    there = np.arange(0.5, 2.01, 0.1)
    frames = []
    for scale in [*there, *there[::-1]]:
        panel.controls["weight_scale"].value = scale
        frames.append(Image.open(io.BytesIO(panel.png())).convert("RGB").quantize(16))
    TARGET.parent.mkdir(exist_ok=True)
    frames[0].save(TARGET, save_all=True, append_images=frames[1:], duration=130, loop=0, optimize=True)
    print(f"{TARGET.name}: {len(frames)} frames, {TARGET.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()

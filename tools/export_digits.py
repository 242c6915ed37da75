"""Write lib/livegrad/data/digits.npz from the copy of the UCI digits that scikit-learn ships.

    python tools/export_digits.py

Needs scikit-learn, which the library does not. `lib/livegrad/data/README.md` names source and license.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).parents[1] / "lib" / "livegrad" / "data" / "digits.npz"

digits = load_digits()
images, labels = digits.data.astype(np.uint8), digits.target.astype(np.uint8)
assert (images == digits.data).all(), "uint8 must hold the pixels exactly"
np.savez_compressed(TARGET, images=images, labels=labels)
print(f"{TARGET}: {len(labels)} digits, {TARGET.stat().st_size} bytes")

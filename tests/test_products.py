"""The product of two matrices, with BLAS and without."""

import numpy as np
import pytest

from livegrad import products


@pytest.mark.parametrize("no_blas", [True, False])
def test_dot_is_the_product_however_the_arrays_lie(monkeypatch, no_blas):
    monkeypatch.setattr(products, "_NO_BLAS", no_blas)
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((5, 7)), rng.standard_normal((3, 7)), rng.standard_normal((3, 5)).astype(np.float32)
    np.testing.assert_allclose(products.dot(a, b.T), [[sum(x * y) for y in b] for x in a])
    out = np.empty((7, 3), np.float32)
    assert products.dot(a.T.astype(np.float32), c.T, out=out) is out
    np.testing.assert_allclose(out, a.T @ c.T, rtol=1e-4, atol=1e-5)

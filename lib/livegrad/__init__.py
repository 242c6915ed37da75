"""See why gradients explode, vanish and survive.

Nothing is re-exported here: ``from livegrad.mlp import MLP`` tells the reader
which room a thing lives in. The rooms, from the ground up:

math (`activations`, `losses`, `initializers`, `mlp`, `optim`, `gradcheck`, `data`)
    NumPy only. Formulas, shapes, validation.
`experiments`
    Sweeps and training runs on that math. They return frozen dataclasses.
`figures`, `style`
    Draw one such result. They compute nothing.
`panels`
    Sliders around a figure. `panels.live` holds all the widget plumbing.
`checks`
    Grade an exercise. They sit on the math alone.
`environment`
    Tells what is wrong with an installation. It imports none of the others, and no package.
"""

__version__ = "0.1.0"

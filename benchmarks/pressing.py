"""Press keys on sliders in a real browser and time the picture: what the benchmarks of panels share."""
import pathlib
import sys

import numpy as np

TESTS = pathlib.Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "browser")]
import driving  # noqa: E402, F401  (these two live beside the tests, which use them too)
import harness  # noqa: E402, F401

# The floor: a slider whose observer swaps a tiny ready-made PNG.
ECHO = """
import io
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np

def tiny(shade):
    png = io.BytesIO()
    plt.imsave(png, np.full((8, 8), shade), cmap="gray", vmin=0, vmax=1, format="png")
    return png.getvalue()

frames = tiny(0.2), tiny(0.8)
image = widgets.Image(value=frames[0], width=200, height=100)
knob = widgets.FloatSlider(value=1.0, min=0.05, max=4.0, step=0.05, description="Echo")
knob.observe(lambda _: setattr(image, "value", frames[image.value == frames[0]]), "value")
widgets.VBox([knob, image])
"""

# Every message between page and server, with its time: shows where the milliseconds go.
TRAFFIC = """
window.traffic = [];
window.WebSocket = class extends WebSocket {
  constructor(...of) {
    super(...of);
    const size = data => data.byteLength ?? data.length;
    this.addEventListener('message', e => traffic.push({at: performance.now(), in: size(e.data)}));
    this.send = data => { traffic.push({at: performance.now(), in: 0}); super.send(data); };
  }
};
"""

# Presses fall anywhere between two screen refreshes, and always on a picture that has come to rest and an idle kernel.
# Where no messages are noted (on the site there is no server that they go to) the total is all there is.
PRESS = """async (root, [label, keys]) => {
  const busy = () => root.querySelector('.livegrad-stale')
    || jupyterapp.shell.currentWidget.sessionContext.session.kernel.status !== 'idle';
  const handle = [...root.querySelectorAll('.noUi-handle')]
    .find(h => h.closest('.widget-inline-hbox').querySelector('.widget-label').textContent === label);
  root.querySelector('img, canvas').scrollIntoView({block: 'center'});
  const times = [];
  for (const key of keys) {
    let before = null;
    do before = await settled(root, 500); while (busy());
    await new Promise(r => setTimeout(r, 17 * Math.random()));
    if (window.traffic) traffic.length = 0;
    const start = performance.now();
    handle.focus({preventScroll: true});
    handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    for (let now = before; now === null || now === before; now = probe(root)) {
      if (performance.now() - start > 10000) throw new Error('no picture changed');
      await new Promise(requestAnimationFrame);
    }
    const end = performance.now();
    if (!window.traffic) { times.push([end - start]); continue; }
    const sent = traffic.find(m => !m.in).at;
    const answers = traffic.filter(m => m.in && m.at > sent);
    const answer = answers.reduce((a, b) => b.in > a.in ? b : a).at;
    const bytes = answers.reduce((sum, m) => sum + m.in, 0);
    times.push([end - start, sent - start, answer - sent, end - answer, bytes]);
  }
  return times;
}"""


def kernel_split(panel, keys):
    """Stage -> median milliseconds that a move takes in the kernel, without any browser. `keys`: name of a slider -> keys to press."""
    driving.page_says(panel._picture, view={"width": 1000, "ratio": 1.0})
    frames = []
    for name, presses in keys.items():
        slider = panel.controls[name]
        for key in presses:
            driving.page_says(slider, value=slider.value + (slider.step if key == "ArrowRight" else -slider.step))
            frames.append(dict(panel.timing))
    panel.close()
    return {stage: 1000 * np.median([frame[stage] for frame in frames]) for stage in frames[0]}

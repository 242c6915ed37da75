// The picture of a panel. Two images lie on top of each other: the backdrop (axes, labels, pinned
// curves) and, transparent around them, the things that move. Words that change are text of the page.
// The kernel sends only what changed.
const REST_MS = 160;
const SPOKEN_MS = 3000;

function element(parent, tag, name) {
  const node = parent.appendChild(document.createElement(tag));
  node.className = `livegrad-${name}`;
  return node;
}

// A picture is put in place only once it is decoded, so nothing flickers; one that was overtaken is dropped.
async function paint(layers, name, bytes, [left, top, width, height]) {
  const next = layers[name].cloneNode();
  const turn = (layers[`${name} turn`] = {});
  next.src = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  Object.assign(next.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
  await next.decode().catch(() => {});
  if (turn === layers[`${name} turn`]) {
    layers[name].replaceWith(next);
    URL.revokeObjectURL(layers[name].src);
    layers[name] = next;
  } else URL.revokeObjectURL(next.src);
}

function render({ model, el }) {
  const picture = element(el, "div", "picture");
  picture.setAttribute("role", "img");
  const layers = {};
  for (const name of ["backdrop", "moving"]) {
    layers[name] = element(picture, "img", name);
    layers[name].alt = "";
    layers[name].draggable = false;
  }
  const readout = element(el, "div", "readout");
  const spoken = element(el, "div", "spoken");
  spoken.setAttribute("role", "status");
  const problem = element(el, "div", "problem");
  problem.setAttribute("role", "alert");
  const grips = [];
  const texts = [];
  let rest, heard, silence;

  // Readers who do not see the readout hear it once the hand rests, not at every frame.
  function say(words) {
    if (heard !== undefined && words !== heard) spoken.textContent = words;
    heard = words;
    clearTimeout(silence);
    silence = setTimeout(() => { spoken.textContent = ""; }, SPOKEN_MS);
  }

  // Each grip is a handle on the picture itself. A slider does the same by keyboard.
  function addGrip(index) {
    const grip = element(picture, "div", "grip");
    const report = (event) => {
      const box = picture.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width;
      const y = 1 - (event.clientY - box.top) / box.height;
      model.set("pointer", { grip: index, x, y });
      model.save_changes();
    };
    grip.onpointerdown = (event) => { grip.setPointerCapture(event.pointerId); event.preventDefault(); };
    grip.onpointermove = (event) => { if (grip.hasPointerCapture(event.pointerId)) report(event); };
    return grip;
  }

  const backdrop = () => paint(layers, "backdrop", model.get("backdrop"), [0, 0, 100, 100]);
  const moving = () => paint(layers, "moving", model.get("moving"), model.get("frame").box);

  function words() {
    const frame = model.get("frame");
    picture.setAttribute("aria-label", frame.alt || "");
    picture.style.aspectRatio = frame.aspect || "2";
    readout.textContent = frame.readout || "";
    if (!frame.light) say(frame.readout);
    problem.textContent = frame.problem || "";
    el.classList.toggle("livegrad-stale", Boolean(frame.stale));
    const places = frame.grips || [];
    while (grips.length < places.length) grips.push(addGrip(grips.length));
    grips.forEach((grip, i) => {
      grip.hidden = !places[i];
      if (places[i]) Object.assign(grip.style, { left: `${100 * places[i][0]}%`, bottom: `${100 * places[i][1]}%` });
    });
    const said = frame.words || [];
    while (texts.length < said.length) texts.push(element(picture, "span", "words"));
    texts.forEach((text, i) => {
      const [left, bottom, size, words, centered, bold] = said[i] ?? [0, 0, 0, ""];
      text.textContent = words;
      Object.assign(text.style, { left: `${left}%`, bottom: `${bottom}%`, fontSize: `${size}cqw` });
      text.style.transform = centered ? "translateX(-50%)" : "";
      text.style.fontWeight = bold ? "bold" : "normal";
    });
    // Once the hand rests, ask for the sharp picture of what is shown.
    clearTimeout(rest);
    if (frame.light) rest = setTimeout(() => model.send({ rest: frame.number }), REST_MS);
  }

  const measure = () => {
    const width = Math.round(picture.clientWidth);
    const ratio = window.devicePixelRatio || 1;
    const { width: w, ratio: r } = model.get("view");
    if (width < 50 || (width === w && ratio === r)) return;
    model.set("view", { width, ratio });
    model.save_changes();
  };
  const size = new ResizeObserver(measure);
  size.observe(picture);
  window.addEventListener("resize", measure); // a browser zoom changes the pixel ratio, not always the width

  // Every frame is painted: one that moved by whole pixels has the same bytes in another place.
  const frame = () => { moving(); words(); };
  const watch = { "change:backdrop": backdrop, "change:frame": frame };
  for (const [event, act] of Object.entries(watch)) model.on(event, act);
  backdrop();
  frame();
  return () => {
    for (const [event, act] of Object.entries(watch)) model.off(event, act);
    clearTimeout(rest);
    clearTimeout(silence);
    size.disconnect();
    window.removeEventListener("resize", measure);
    for (const name of ["backdrop", "moving"]) {
      delete layers[`${name} turn`]; // one under way counts as overtaken
      URL.revokeObjectURL(layers[name].src);
    }
  };
}

export default { render };

// One slide, as large as its screen allows. Shared by the live deck (present.js) and the exported slides (deck/build.py).

// Sizes in CSS pixels on a screen of 1280 by 720. They grow with the screen.
const SCREEN = { width: 1280, height: 720 };
const EDGE = 12; // left free above and below
const WIDGETS = 18; // at most
const PICTURE = { most: 1200, wished: 900, least: 680 };

// Prose and code, best first; the small ones where the large ones do not fit.
const LARGE = [[30, 23], [28, 21], [26, 20], [24, 18], [22, 17], [24, 16], [22, 16]];
const SMALL = [[20, 16], [18, 16]];
const LOOKS = [
  // Rather a smaller picture than type below 22, and rather small type than broken lines of code.
  [LARGE, PICTURE.wished, false], [[[22, 17]], PICTURE.least, false], [SMALL, PICTURE.least, false],
  [LARGE.slice(3), PICTURE.least, true], [SMALL, PICTURE.least, true],
].flatMap(([type, least, broken]) => type.map(([prose, code]) => ({ prose, code, least, broken })));

/** Give the cells of one slide the best look at which they fit a screen of this size; whether there is one. */
export function fit(cells, screen = SCREEN) {
  const scale = Math.min(screen.width / SCREEN.width, screen.height / SCREEN.height);
  const inside = (selector) => cells.flatMap((cell) => [...cell.querySelectorAll(selector)]);
  const pictures = inside(".livegrad-picture");
  const wide = inside(".cm-scroller, pre, table, mjx-container");

  // On the cells themselves: to change the style of the whole notebook takes the browser a hundred times as long.
  const set = (name, size) => cells.forEach((cell) => cell.style.setProperty(`--livegrad-${name}`, `${size * scale}px`));
  const room = () => screen.height - 2 * EDGE * scale - cells.reduce((sum, cell) => sum + cell.offsetHeight, 0);
  const cut = () => wide.some((node) => node.clientWidth && node.scrollWidth > node.clientWidth + 1);

  // The widest picture that leaves nothing over the edge: all that is not picture keeps its height.
  function widest() {
    set("picture", PICTURE.most);
    for (let turn = 0; turn < 3 && pictures.length && room() < 0; turn++) {
      const height = pictures.reduce((sum, picture) => sum + picture.offsetHeight, 0);
      const width = Math.floor(pictures[0].offsetWidth * (1 + room() / height));
      set("picture", Math.max(width / scale, PICTURE.least));
    }
    return pictures.length ? pictures[0].offsetWidth / scale : Infinity;
  }

  // A cell of nothing but explanations opens by itself. Answers below their questions wait for a click.
  for (const text of inside(".jp-RenderedMarkdown:not([data-livegrad-seen])")) {
    const parts = [...text.children];
    if (parts.every((part) => part.matches("details"))) parts.forEach((part) => { part.open = true; });
    text.dataset.livegradSeen = "";
  }
  return LOOKS.some(({ prose, code, least, broken }) => {
    set("prose", prose);
    set("code", code);
    set("widgets", Math.min(code, WIDGETS));
    cells.forEach((cell) => cell.classList.toggle("livegrad-broken", broken));
    return widest() >= least && room() >= 0 && !cut();
  });
}

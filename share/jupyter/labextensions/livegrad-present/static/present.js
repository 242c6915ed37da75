// Slides for a lecture hall. While a deck is shown, type, code and panels take the largest size at which the slide still
// fits the screen. An address that ends in ?present opens its notebook as a deck: all cells are run, then it starts at the
// title. Written by hand in the form JupyterLab loads extensions in (a module federation container), so nothing is built.
const HERE = document.currentScript.src;
const ASKED = new URL(location.href); // JupyterLab changes the address later

const LOOK = `
.jp-Deck.jp-NotebookPanel { left: 0; right: 0; }
.jp-Deck .jp-Cell.jp-deck-mod-onscreen {
  padding: 0.15em 28px;
  --jp-content-font-size1: var(--livegrad-prose); --jp-code-font-size: var(--livegrad-code);
  --jp-widgets-font-size: var(--livegrad-widgets); --jp-ui-font-size1: var(--livegrad-widgets);
  --jp-widgets-inline-height: calc(1.75 * var(--livegrad-widgets));
}
.jp-Deck .jp-WindowedPanel-viewport { padding: 0 !important; }
.jp-Deck :is(.jp-Cell-inputWrapper, .jp-Cell-outputWrapper) { margin: 0; }
.jp-Deck .jp-RenderedMarkdown { padding: 0; }
.jp-Deck .jp-RenderedMarkdown > :first-child { margin-top: 0; }
.jp-Deck :is(.jp-Collapser, .jp-InputPrompt, .jp-OutputPrompt), .jp-Deck .livegrad-bare .jp-Cell-inputWrapper { display: none; }
.jp-Deck .jp-OutputArea-output pre { white-space: pre; }
.jp-Deck .livegrad-broken :is(.jp-OutputArea-output pre, .cm-content) {
  white-space: break-spaces; overflow-wrap: anywhere; flex-shrink: 1;
}
:is(.jp-Deck-Remote, .jp-Deck-DesignTools) { opacity: 0.15; }
:is(.jp-Deck-Remote, .jp-Deck-DesignTools):hover { opacity: 1; }
.jp-Deck .livegrad-picture { width: var(--livegrad-picture); max-width: 100%; margin: 0 auto; }
.jp-Deck :is(.livegrad-readout, .livegrad-problem) {
  width: fit-content; max-width: 100%; margin: 0 auto; box-sizing: border-box;
}
.jp-Deck .livegrad-bar { justify-content: center; width: 100%; }
.jp-Deck .livegrad-bar .widget-label { width: auto !important; max-width: none; overflow: visible; }
.jp-Deck .livegrad-bar > .widget-slider { width: auto !important; flex: 1 1 300px; max-width: 420px !important; }
.jp-Deck .widget-radio-box label { height: auto; line-height: 1.5; font-size: var(--livegrad-prose); }
.jp-Deck .widget-radio-box label input {
  width: 0.8em; height: 0.8em; margin: 0 0.5em 0 0; align-self: center; font-size: inherit;
}
.jp-Deck .widget-html { height: auto; }
.jp-Deck .widget-html-content { font-size: var(--livegrad-prose); line-height: 1.4; white-space: normal; }
`;

// What the deck shows, by its own marks.
const shown = () => [...document.querySelectorAll(".jp-Deck .jp-Cell.jp-deck-mod-onscreen")];

function watch(fit) {
  document.head.appendChild(document.createElement("style")).textContent = LOOK;
  let asked = 0;
  const soon = () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => {
      const cells = shown();
      if (!cells.length) return;
      // A panel needs no line of code above it, nor does a question whose code is hidden.
      const bare = (cell) => cell.querySelector(".livegrad-panel, .jp-InputPlaceholder") !== null;
      cells.forEach((cell) => cell.classList.toggle("livegrad-bare", bare(cell)));
      const fits = fit(cells, { width: innerWidth, height: innerHeight });
      cells.forEach((cell) => { cell.dataset.livegradFits = fits; });
    });
  };
  const sizes = new ResizeObserver(soon); // what a cell holds may still grow
  let watched = [];
  new MutationObserver(() => {
    const cells = shown();
    if (cells.length === watched.length && cells.every((cell, i) => cell === watched[i])) return;
    watched = cells;
    sizes.disconnect();
    cells.forEach((cell) => sizes.observe(cell));
    soon();
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["class"] });
  addEventListener("resize", soon);
}

// What a hand-held remote sends turns the slides wherever the focus is, on a slider as well, which would take the key for itself.
function obeyRemote(app) {
  const turns = { PageDown: { direction: "down", alternate: "forward" }, PageUp: { direction: "up", alternate: "back" } };
  addEventListener("keydown", (event) => {
    if (!turns[event.key] || !shown().length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    void app.commands.execute("deck:go", turns[event.key]);
  }, { capture: true });
}

// The notebook named in the address, and none that JupyterLab remembers from last time.
async function notebook(app, path) {
  await app.restored;
  for (;;) {
    const named = [...app.shell.widgets("main")].find((widget) => widget.context?.path === path);
    if (named && named !== app.shell.currentWidget) app.shell.activateById(named.id);
    else if (named?.content.activeCellIndex !== undefined && named.context.isReady) return named;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function present(app, path) {
  const lesson = await notebook(app, path);
  await lesson.sessionContext.ready;
  await app.commands.execute("notebook:run-all-cells");
  lesson.content.activeCellIndex = 0; // the deck opens on the active cell
  app.shell.collapseLeft?.();
  await app.commands.execute("deck:start");
  document.body.dataset.livegradPresenting = "true";
}

const plugin = {
  id: "livegrad-present:plugin",
  autoStart: true,
  activate: (app) => {
    void import(new URL("fit.js", HERE).href).then(({ fit }) => watch(fit));
    obeyRemote(app);
    // JupyterLab has the path in the address, JupyterLite after a question mark.
    const path = ASKED.searchParams.get("path") ?? decodeURIComponent(ASKED.pathname.split("/tree/")[1] ?? "");
    if (ASKED.searchParams.has("present")) void present(app, path);
  },
};

(window._JUPYTERLAB ??= {})["livegrad-present"] = {
  init: () => {},
  get: () => Promise.resolve(() => ({ __esModule: true, default: plugin })),
};

// An address that ends in ?present opens its notebook as a slide show: all cells are run, then the deck starts at the
// title. Written by hand in the form JupyterLab loads extensions in (a module federation container), so nothing is built.
const wanted = new URLSearchParams(location.search).has("present");

async function notebook(app) {
  await app.restored;
  for (;;) {
    const shown = app.shell.currentWidget;
    if (shown?.content?.activeCellIndex !== undefined && shown.context.isReady) return shown;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function present(app) {
  const shown = await notebook(app);
  await shown.sessionContext.ready;
  await app.commands.execute("notebook:run-all-cells");
  shown.content.activeCellIndex = 0; // the deck opens on the active cell
  app.shell.collapseLeft?.();
  await app.commands.execute("deck:start");
  document.body.dataset.livegradPresenting = "true";
}

const plugin = {
  id: "livegrad-present:plugin",
  autoStart: true,
  activate: (app) => void (wanted && present(app)),
};

(window._JUPYTERLAB ??= {})["livegrad-present"] = {
  init: () => {},
  get: () => Promise.resolve(() => ({ __esModule: true, default: plugin })),
};

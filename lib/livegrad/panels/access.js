// What ipywidgets leaves undone for those who use the keyboard or a screen reader, for the widgets that this
// empty element stands among: names that can be spoken, and keys that stay with the control they are meant for.

function name(root) {
  for (const slider of root.querySelectorAll(".widget-slider")) {
    const [label, handle, value] = [".widget-label", ".noUi-handle", ".widget-readout"].map((part) => slider.querySelector(part));
    if (!label || !handle || !value) continue;
    handle.setAttribute("aria-label", label.textContent);
    handle.setAttribute("aria-valuetext", value.textContent);
    if (!value.isContentEditable) continue;
    value.setAttribute("role", "textbox");
    value.setAttribute("aria-label", `${label.textContent}, typed`);
  }
  for (const options of root.querySelectorAll(".widget-radio")) {
    options.setAttribute("role", "radiogroup");
    options.setAttribute("aria-label", options.querySelector(".widget-label")?.textContent ?? "");
  }
}

function render({ el }) {
  el.hidden = true;
  const root = () => el.closest(".livegrad-panel, .livegrad-question");

  // JupyterLab and Notebook 7 take the arrow keys for themselves, unless the focused element says no.
  const keepKeys = ({ target }) => {
    if (root()?.contains(target)) target.dataset.lmSuppressShortcuts = "true";
  };
  document.addEventListener("focusin", keepKeys);

  // Widgets come into the page one by one, and a slider's value changes under the hand.
  const changes = new MutationObserver(() => root() && name(root())); // none once it has left the page
  let waiting;
  const begin = () => {
    if (!root()) waiting = requestAnimationFrame(begin);
    else {
      name(root());
      changes.observe(root(), { subtree: true, childList: true, characterData: true });
    }
  };
  begin();
  return () => {
    cancelAnimationFrame(waiting);
    changes.disconnect();
    document.removeEventListener("focusin", keepKeys);
  };
}

export default { render };

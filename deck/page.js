// Formulas first, then every slide's size, then the show.
const slides = [...document.querySelectorAll(".slides section:not(:has(section))")];
function fitSlide(slide) {
  if (slide.offsetHeight) slide.dataset.livegradFits = fit([...slide.querySelectorAll(".jp-Cell")]);
}

await MathJax.startup.promise;
await MathJax.typesetPromise();
document.body.classList.add("measuring"); // all slides are laid out: a hidden one has no size
slides.forEach(fitSlide);
document.body.classList.remove("measuring");
document.addEventListener("toggle", (event) => fitSlide(event.target.closest("section")), { capture: true });
await Reveal.initialize({
  width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 4, hash: true, transition: "none", slideNumber: "c/t",
});
document.body.dataset.livegradReady = "";

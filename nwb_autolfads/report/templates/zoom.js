"use strict";
// All muscles share one stretch of time: turn the wheel to zoom, drag to move, double-click to see all of it.
(() => {
  const box = document.getElementById("zoom");
  if (!box) return;
  const pictures = Array.from(box.querySelectorAll("svg"));
  const shown = document.getElementById("zoom-shown");
  const bins = Number(box.dataset.bins), begin = Number(box.dataset.start), end = Number(box.dataset.stop);
  let left = 0, width = bins - 1;
  const show = () => {
    width = Math.min(bins - 1, Math.max(20, width));
    left = Math.min(bins - 1 - width, Math.max(0, left));
    for (const picture of pictures) picture.setAttribute("viewBox", `${left} 0 ${width} 1000`);
    const at = (bin) => (begin + (end - begin) * bin / (bins - 1)).toFixed(2);
    shown.textContent = `${at(left)} s to ${at(left + width)} s`;
  };
  const zoom = (factor, share) => { left += width * (1 - factor) * share; width *= factor; show(); };
  for (const picture of pictures) {
    const share = (event) => {
      const place = picture.getBoundingClientRect();
      return (event.clientX - place.left) / place.width;
    };
    picture.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, share(event));
    }, { passive: false });
    picture.addEventListener("pointermove", (event) => {
      if (event.buttons === 1) { left -= event.movementX / picture.getBoundingClientRect().width * width; show(); }
    });
    picture.addEventListener("dblclick", () => { left = 0; width = bins - 1; show(); });
  }
  document.getElementById("zoom-in").addEventListener("click", () => zoom(0.5, 0.5));
  document.getElementById("zoom-out").addEventListener("click", () => zoom(2, 0.5));
  document.getElementById("zoom-left").addEventListener("click", () => { left -= width / 2; show(); });
  document.getElementById("zoom-right").addEventListener("click", () => { left += width / 2; show(); });
  show();
})();

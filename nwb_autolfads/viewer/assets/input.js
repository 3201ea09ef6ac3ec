// Keys, mouse and buttons that move the picture, and the controls of the page that choose what is in it.
"use strict";
window.nwb = window.nwb || {};

nwb.listen = (view) => {
  const end = () => view.session.span[1];
  const actions = {
    "go-first": () => view.go(view.session.span[0]),
    "go-left": () => view.go(view.start - view.span / 2),
    "go-right": () => view.go(view.start + view.span / 2),
    "go-last": () => view.go(end()),
    "zoom-in": () => view.zoom(0.5),
    "zoom-out": () => view.zoom(2),
    "zoom-all": () => view.go(view.session.span[0], end() - view.session.span[0]),
    "event-before": () => view.jumps.jump(-1),
    "event-after": () => view.jumps.jump(1),
    higher: () => nwb.heighten(view, 1.25),
    lower: () => nwb.heighten(view, 0.8),
    before: () => view.go(view.start - view.span),
    after: () => view.go(view.start + view.span),
    "stop-reading": () => view.cursor.hide(),
    read: () => view.cursor.toggle(),
    "read-left": () => view.cursor.move(-1),
    "read-right": () => view.cursor.move(1),
  };
  const keys = {
    Home: "go-first", End: "go-last", "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", 0: "zoom-all",
    n: "event-after", p: "event-before", "]": "higher", "[": "lower", PageUp: "before", PageDown: "after",
    c: "read", ",": "read-left", ".": "read-right", Escape: "stop-reading",
  };
  const arrows = { ArrowLeft: -1, ArrowRight: 1 };

  view.place.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrows[event.key]) {
      if (!event.repeat) view.go(view.start + arrows[event.key] * view.span / 20);
      view.velocity = arrows[event.key] * 0.6;
      view.soon();
    } else if (keys[event.key]) {
      actions[keys[event.key]]();
    } else {
      return;
    }
    event.preventDefault();
  });
  for (const ending of ["keyup", "blur"]) {
    view.place.addEventListener(ending, () => {
      view.velocity = 0;
    });
  }
  document.getElementById("buttons").addEventListener("click", (event) => {
    const action = actions[event.target.id];
    if (action) action();
  });

  view.place.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const box = view.place.getBoundingClientRect();
    const inOverview = event.clientY - box.top < 36;
    const grabbed = { x: event.clientX, start: view.start };
    const move = (moved) => {
      if (inOverview) {
        const [first, last] = view.session.span;
        view.go(first + (moved.clientX - box.left) / view.width * (last - first) - view.span / 2);
      } else {
        view.go(grabbed.start - (moved.clientX - grabbed.x) * view.secondsPerPixel);
      }
    };
    const stop = () => {
      view.place.removeEventListener("pointermove", move);
      view.place.removeEventListener("pointerup", stop);
      view.place.removeEventListener("pointercancel", stop);
    };
    view.place.setPointerCapture(event.pointerId);
    view.place.addEventListener("pointermove", move);
    view.place.addEventListener("pointerup", stop);
    view.place.addEventListener("pointercancel", stop);
    if (inOverview) move(event);
  });
  view.place.addEventListener("pointermove", (event) => {
    const box = view.place.getBoundingClientRect();
    if (event.pointerType !== "touch") view.cursor.point(event.clientX - box.left);
  });
  view.place.addEventListener("pointerleave", () => view.cursor.leave());
  view.place.addEventListener("wheel", (event) => {
    const box = view.place.getBoundingClientRect();
    if (event.ctrlKey) {
      view.zoom(Math.exp(event.deltaY / 300), (event.clientX - box.left) / view.width);
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      view.go(view.start + (event.deltaX || event.deltaY) * view.secondsPerPixel);
    } else {
      return; // the page scrolls
    }
    event.preventDefault();
  }, { passive: false });
};

nwb.heighten = (view, factor) => {
  view.rowHeight = Math.min(400, Math.max(24, view.rowHeight * factor));
  view.resize();
};

// Called by Dash whenever a control changes, and once at the start.
nwb.show = async (muscles, estimates, layers, happened, kind) => {
  const { matches: dark } = matchMedia("(prefers-color-scheme: dark)");
  const narrow = innerWidth < 800;
  nwb.chosen = {
    muscles: muscles || [], estimates: estimates || [], layers: layers || [], happened: happened || [], kind, dark, narrow,
  };
  if (!nwb.view) {
    nwb.view = fetch("session.json")
      .then((answer) => answer.json())
      .then((session) => new nwb.View(document.getElementById("session"), session));
  }
  (await nwb.view).show(nwb.chosen);
  return nwb.chosen;
};
window.dash_clientside = Object.assign({}, window.dash_clientside, { viewer: { show: nwb.show } });

// What is drawn at one moment, in numbers: under the mouse, or where the keyboard puts it.
"use strict";
window.nwb = window.nwb || {};

nwb.Cursor = class {
  static stepPixels = 8;
  static mostLetters = 1500; // for who hears the page
  static quietMs = 250;

  constructor(view) {
    this.view = view;
    this.at = null; // pixels from the left; null where nothing is read
    this.held = false; // by the keyboard: leaving with the mouse does not end it
    this.line = document.createElement("div");
    this.line.className = "cursor";
    this.line.hidden = true;
    view.place.append(this.line);
  }

  get time() {
    return this.view.start + this.at * this.view.secondsPerPixel;
  }

  point(pixels) {
    this.at = Math.min(Math.max(pixels, 0), this.view.width - 1);
    this.view.soon();
  }

  leave() {
    if (!this.held) this.hide();
  }

  hide() {
    this.held = false;
    this.at = null;
    this.view.soon();
  }

  toggle() {
    if (this.held) {
      this.hide();
      return;
    }
    this.held = true;
    this.point(this.at === null ? this.view.width / 2 : this.at);
  }

  move(direction) {
    this.held = true;
    this.point((this.at === null ? this.view.width / 2 : this.at) + direction * nwb.Cursor.stepPixels);
  }

  // Called with each frame.
  show() {
    const { at, line, view } = this;
    line.hidden = at === null;
    const said = [];
    for (const row of view.rows) {
      const values = at === null ? [] : this.values(row);
      row.value.replaceChildren(...values.map(([text, colour]) => {
        const made = document.createElement("b");
        made.style.borderLeftColor = colour;
        made.textContent = text; // whatever a file calls it
        return made;
      }));
      if (values.length) said.push(`${row.label} (${row.unit}): ${values.map(([, , whole]) => whole).join(", ")}`);
    }
    if (at !== null) line.style.transform = `translateX(${Math.round(at)}px)`;
    const decimals = Math.max(0, Math.ceil(-Math.log10(view.secondsPerPixel)));
    const text = at === null ? "" : `${this.time.toFixed(Math.min(decimals, 4))} s`;
    line.dataset.time = text;
    clearTimeout(this.saying);
    this.saying = setTimeout(() => this.say(text && [text, ...said].join("; ")), nwb.Cursor.quietMs);
  }

  say(text) {
    const place = document.getElementById("readout");
    if (!place) return;
    place.hidden = !this.held || !text;
    place.textContent = place.hidden ? "" : text.slice(0, nwb.Cursor.mostLetters);
  }

  // Of a row: the number of each line and filled area as it is drawn, its colour, and the number with its name.
  values(row) {
    const { tiles, secondsPerPixel } = this.view;
    const found = [];
    for (const layer of row.layers) {
      if (layer.kind !== "line" && layer.kind !== "fill") continue;
      const value = tiles.valueAt(layer.signal, layer.column, this.time, secondsPerPixel);
      if (!value) continue;
      const [low, high] = value.map((each) => Number(each.toPrecision(3)));
      const text = low === high ? `${low}` : `${low} to ${high}`;
      found.push([text, layer.colour, `${layer.name || layer.estimate || "EMG"} ${text}`]);
    }
    return found.slice(0, nwb.View.mostNamed);
  }
};

// The picture of a session: which stretch is in view, how keys, mouse and buttons move it, and strips that make it fast.
"use strict";
window.nwb = window.nwb || {};

nwb.View = class {
  static strip = 256; // pixels of a stretch that is drawn once and then only moved
  static drawMs = 12; // of each frame for new strips
  static mostNamed = 6; // columns of a row: as many as there are colours
  static refreshMs = 100;
  static firstS = 10;
  static shortestS = 0.02;

  constructor(place, session) {
    this.place = place;
    this.session = session;
    document.title = `${session.title} - nwb-autolfads`;
    this.rows = [];
    this.chosen = null;
    this.rowHeight = 64;
    this.velocity = 0; // views per second
    this.frames = 0;
    this.tiles = new nwb.Tiles(session, () => this.staleStrips());
    const [start, stop] = session.span;
    this.span = Math.min(nwb.View.firstS, stop - start);
    this.start = start;
    this.strips = new Map();
    this.before = null; // strips of another zoom, drawn until the new ones are there
    this.overview = this.canvas("overview", 36);
    this.axis = this.canvas("axis", 24);
    this.picture = this.canvas("picture", 10);
    this.labels = document.createElement("div");
    place.append(this.labels);
    this.jumps = new nwb.Jumps(this);
    this.cursor = new nwb.Cursor(this);
    nwb.listen(this);
    new ResizeObserver(() => this.resize()).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.resize());
  }

  canvas(name, height) {
    const made = document.createElement("canvas");
    made.className = name;
    made.style.height = `${height}px`;
    this.place.append(made);
    return made;
  }

  get secondsPerPixel() {
    return this.span / this.width;
  }

  // What the controls of the page say.
  show(chosen) {
    this.chosen = chosen;
    const layers = new Set(chosen.layers);
    const shown = (layer) =>
      (!layer.estimate || chosen.estimates.includes(layer.estimate)) &&
      (layer.signal !== "emg" || layers.has("EMG")) && (layer.kind !== "band" || layers.has("uncertainty"));
    this.rows = this.session.rows
      .filter((row) => (row.group === "muscle" ? chosen.muscles.includes(row.label) : layers.has(row.group)))
      .map((row) => ({ ...row, layers: row.layers.filter(shown) }))
      .filter((row) => row.layers.length);
    this.jumps.choose(chosen.kind || "", chosen.happened);
    this.happened = chosen.happened.map((kind) => this.jumps.happened(kind));
    this.resize();
  }

  resize() {
    this.width = Math.max(50, this.place.clientWidth);
    let top = 0;
    for (const row of this.rows) {
      row.columns = row.group === "spikes" ? this.session.units : 1;
      row.top = top;
      row.height = row.group === "spikes" ? Math.max(this.rowHeight, Math.min(240, row.columns * 3)) : this.rowHeight;
      top += row.height;
    }
    this.height = Math.max(20, top);
    const style = getComputedStyle(this.place);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.look = {
      paper: colour("paper"), text: colour("text"), line: colour("line"),
      pixels: Math.min(2, devicePixelRatio || 1), happened: this.happened || [],
    };
    for (const [canvas, height] of [[this.overview, 36], [this.axis, 24], [this.picture, this.height]]) {
      canvas.width = Math.round(this.width * this.look.pixels);
      canvas.height = Math.round(height * this.look.pixels);
      canvas.style.height = `${height}px`;
    }
    this.label();
    this.strips.clear();
    this.before = null;
    this.go(this.start, this.span);
  }

  label() {
    this.labels.replaceChildren(...this.rows.map((row) => {
      const made = document.createElement("div");
      made.className = "label";
      made.style.top = `${60 + row.top + 1}px`;
      const unit = document.createElement("small");
      unit.textContent = ` ${row.range.map((value) => Number(value.toPrecision(2))).join(" to ")} ${row.unit}`;
      made.append(row.label, row.group === "spikes" ? "" : unit); // text, whatever a file calls it
      const columns = row.layers.filter((layer) => layer.name);
      for (const layer of columns.length <= nwb.View.mostNamed ? columns : []) {
        const name = document.createElement("span");
        name.style.borderBottomColor = layer.colour;
        name.textContent = layer.name;
        made.append(name);
      }
      row.value = document.createElement("span");
      row.value.className = "value";
      made.append(row.value);
      return made;
    }));
  }

  // Show another stretch of time.
  go(start, span = this.span) {
    const [first, last] = this.session.span;
    span = Math.min(Math.max(span, nwb.View.shortestS), last - first);
    if (span !== this.span) {
      if (this.strips.size) this.before = { strips: this.strips, secondsPerPixel: this.secondsPerPixel };
      this.strips = new Map();
      this.tiles.forgetWishes();
      this.overviewStale = true;
    }
    this.span = span;
    this.start = Math.min(Math.max(start, first), last - span);
    this.soon();
  }

  zoom(factor, at = 0.5) {
    const middle = this.start + at * this.span;
    const [first, last] = this.session.span;
    const span = Math.min(Math.max(this.span * factor, nwb.View.shortestS), last - first);
    this.go(middle - at * span, span);
  }

  // New tiles are there: draw again what lacked them, but not for each.
  staleStrips() {
    if (this.refreshing) return;
    this.refreshing = setTimeout(() => {
      this.refreshing = 0;
      this.refresh();
    }, this.tiles.isLoading ? nwb.View.refreshMs : 0);
  }

  refresh() {
    this.overviewStale = true;
    for (const strip of this.strips.values()) if (!strip.complete) strip.stale = true;
    this.soon();
  }

  soon() {
    if (!this.asked) this.asked = requestAnimationFrame((now) => this.frame(now));
  }

  frame(now) {
    this.asked = 0;
    if (this.velocity) {
      const passed = Math.min(0.1, (now - (this.moved || now)) / 1000);
      this.moved = now;
      this.go(this.start + this.velocity * passed * this.span);
    } else {
      this.moved = 0;
    }
    if (!this.rows.length && !this.chosen) return;
    const complete = this.paint();
    nwb.draw.axis(this.axis, this.start, this.secondsPerPixel, this.look);
    this.paintOverview();
    this.cursor.show();
    this.frames += 1;
    const said = this.place.dataset;
    said.frames = this.frames;
    said.start = this.start;
    said.span = this.span;
    said.complete = complete && !this.tiles.isLoading;
    if (this.velocity) this.soon();
    else if (!complete && !this.tiles.isLoading) this.again = this.again || setTimeout(() => {
      this.again = 0;
      this.staleStrips();
    }, nwb.Tiles.againAfterMs);
    clearTimeout(this.saying);
    this.saying = setTimeout(() => this.say(), 250);
  }

  say() {
    const stop = this.start + this.span;
    const text = `${this.start.toFixed(2)} to ${stop.toFixed(2)} s`;
    const where = document.getElementById("status");
    if (where) where.textContent = [text, this.jumps.note, this.tiles.problem].filter(Boolean).join(". ");
  }

  // Draw what is in view from strips; return whether all of it is there and complete.
  paint() {
    const context = this.picture.getContext("2d", { alpha: false });
    const { pixels } = this.look;
    const offset = Math.round((this.start - this.session.span[0]) / this.secondsPerPixel);
    const first = Math.floor(offset / nwb.View.strip);
    const last = Math.floor((offset + this.width - 1) / nwb.View.strip);
    const begun = performance.now();
    let complete = true;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.look.paper;
    context.fillRect(0, 0, this.picture.width, this.picture.height);
    if (this.before) this.paintBefore(context);
    const ahead = this.velocity < 0 ? [first - 1] : [last + 1];
    const inView = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    for (const index of [...inView, ...ahead]) {
      let strip = this.strips.get(index);
      const late = performance.now() - begun > nwb.View.drawMs;
      if ((!strip || strip.stale) && late) {
        if (index <= last && index >= first) complete = false;
        this.soon();
      } else if (!strip || strip.stale) {
        strip = this.drawStrip(index, strip);
      }
      if (strip && index >= first && index <= last) {
        complete = complete && strip.complete;
        context.drawImage(strip.canvas, (index * nwb.View.strip - offset) * pixels, 0);
      }
    }
    if (complete) this.before = null;
    for (const index of this.strips.keys()) {
      if (index < first - 4 || index > last + 4) this.strips.delete(index);
    }
    return complete;
  }

  paintBefore(context) {
    const { strips, secondsPerPixel } = this.before;
    const ratio = secondsPerPixel / this.secondsPerPixel;
    const wide = nwb.View.strip * ratio * this.look.pixels;
    const offset = (this.start - this.session.span[0]) / this.secondsPerPixel * this.look.pixels;
    for (const [index, strip] of strips) {
      context.drawImage(strip.canvas, index * wide - offset, 0, wide, strip.canvas.height);
    }
  }

  drawStrip(index, old) {
    const canvas = old ? old.canvas : document.createElement("canvas");
    if (!old) {
      canvas.width = nwb.View.strip * this.look.pixels;
      canvas.height = this.picture.height;
    }
    const start = this.session.span[0] + index * nwb.View.strip * this.secondsPerPixel;
    const complete = nwb.draw.strip(canvas, this.tiles, this.rows, start, this.secondsPerPixel, this.look);
    const strip = { canvas, complete, stale: false };
    this.strips.set(index, strip);
    return strip;
  }

  paintOverview() {
    const [first, last] = this.session.span;
    const perPixel = (last - first) / this.width;
    const row = this.rows[0];
    const key = row ? `${row.id} ${this.width} ${this.look.paper} ${row.layers.length}` : "";
    if (row && (this.drawn !== key || this.overviewStale) && this.overviewComplete !== key) {
      this.behind = this.behind || document.createElement("canvas");
      this.behind.width = this.overview.width;
      this.behind.height = this.overview.height;
      const layers = row.layers.slice(-1);
      const all = [{ ...row, layers, top: 0, height: 36 }];
      const look = { ...this.look, happened: [] };
      if (nwb.draw.strip(this.behind, this.tiles, all, first, perPixel, look)) this.overviewComplete = key;
      this.drawn = key;
      this.overviewStale = false;
    }
    const context = this.overview.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    if (this.behind) context.drawImage(this.behind, 0, 0);
    context.setTransform(this.look.pixels, 0, 0, this.look.pixels, 0, 0);
    context.strokeStyle = this.look.text;
    context.lineWidth = 2;
    context.strokeRect((this.start - first) / perPixel, 1, Math.max(3, this.span / perPixel), 34);
  }
};

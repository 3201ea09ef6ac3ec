// Tiles of signals: fetched when they are needed, kept while there is room, coarser ones drawn until they are there.
"use strict";
window.nwb = window.nwb || {};

nwb.Tiles = class {
  static requests = 3;
  static tilesOfOne = 12;
  static mostBytes = 128e6;
  static againAfterMs = 500;

  constructor(session, changed) {
    this.session = session;
    this.changed = changed;
    this.names = Object.keys(session.signals);
    this.kept = new Map();
    this.wanted = new Map();
    this.loading = new Set();
    this.requests = 0;
    this.bytes = 0;
    this.problem = "";
  }

  get isLoading() {
    return this.loading.size + this.wanted.size > 0;
  }

  // The level of which blocks are about as wide as a pixel.
  level(name, secondsPerPixel) {
    const signal = this.session.signals[name];
    const level = Math.floor(Math.log(Math.max(1, secondsPerPixel * signal.rate)) / Math.log(this.session.step) + 0.4);
    return Math.min(level, signal.levels - 1);
  }

  secondsPerBlock(name, level) {
    return this.session.step ** level / this.session.signals[name].rate;
  }

  // The tile, or a coarser one that holds it until it is there; undefined where there is none.
  get(name, level, index) {
    const found = this.look(name, level, index);
    if (found) return found;
    this.want(name, level, index);
    for (let coarser = level + 1; coarser < this.session.signals[name].levels; coarser++) {
      index = Math.floor(index / this.session.step);
      const instead = this.look(name, coarser, index);
      if (instead) return instead;
    }
    return undefined;
  }

  look(name, level, index) {
    const key = `${name} ${level} ${index}`;
    const tile = this.kept.get(key);
    if (!tile) return undefined;
    this.kept.delete(key); // the last used is the last to go
    this.kept.set(key, tile);
    if (!tile.complete && performance.now() - tile.since > nwb.Tiles.againAfterMs) this.want(name, level, index);
    return tile;
  }

  want(name, level, index) {
    const bins = this.session.signals[name].bins;
    const key = `${name} ${level} ${index}`;
    if (index < 0 || index * this.session.tile * this.session.step ** level >= bins || this.loading.has(key)) return;
    this.wanted.delete(key);
    this.wanted.set(key, [name, level, index]);
    this.fetchSome();
  }

  forgetWishes() {
    this.wanted.clear();
  }

  fetchSome() {
    if (this.asked) return;
    this.asked = true;
    queueMicrotask(() => { // all that one picture wants goes together
      this.asked = false;
      while (this.requests < nwb.Tiles.requests && this.wanted.size) {
        const keys = Array.from(this.wanted.keys()).slice(-nwb.Tiles.tilesOfOne); // asked for last: it is in view
        const tiles = keys.map((key) => [key, ...this.wanted.get(key)]);
        for (const key of keys) {
          this.wanted.delete(key);
          this.loading.add(key);
        }
        this.requests += 1;
        this.fetchTiles(tiles).finally(() => {
          this.requests -= 1;
          for (const key of keys) this.loading.delete(key);
          this.fetchSome();
          this.changed();
        });
      }
    });
  }

  async fetchTiles(tiles) {
    try {
      const asked = tiles.map(([, name, level, index]) => [this.names.indexOf(name), level, index].join("."));
      const answer = await fetch(`tiles/${asked.join(",")}`);
      if (!answer.ok) throw new Error(answer.status === 422 ? await answer.text() : `${answer.status}`);
      const bytes = await answer.arrayBuffer();
      let at = 0;
      for (const [key, name, level, index] of tiles) {
        const [complete, channels, columns, blocks] = new Int32Array(bytes, at, 4);
        const values = new Float32Array(bytes, at + 16, channels * columns * blocks).slice();
        at += 16 + values.byteLength;
        this.keep(key, { name, level, index, channels, columns, blocks, complete: Boolean(complete), values,
          since: performance.now() });
      }
    } catch (error) {
      if (tiles.length > 1) { // which of them is it?
        await Promise.all(tiles.map((tile) => this.fetchTiles([tile])));
        return;
      }
      const [[key, name, level, index]] = tiles;
      this.problem = `Not all is drawn: ${error.message}`;
      this.keep(key, { name, level, index, channels: 0, columns: 0, blocks: 0, complete: true,
        values: new Float32Array(0), since: performance.now() });
    }
  }

  keep(key, tile) {
    const before = this.kept.get(key);
    if (before) this.bytes -= before.values.byteLength;
    this.kept.set(key, tile);
    this.bytes += tile.values.byteLength;
    for (const [oldest, old] of this.kept) {
      if (this.bytes <= nwb.Tiles.mostBytes) break;
      this.kept.delete(oldest);
      this.bytes -= old.values.byteLength;
    }
  }

  // Lowest and highest value that is drawn of a column at a time; undefined where nothing is, or not yet.
  valueAt(name, column, time, secondsPerPixel) {
    const signal = this.session.signals[name];
    const level = this.level(name, secondsPerPixel);
    const width = this.secondsPerBlock(name, level) * this.session.tile;
    const tile = this.look(name, level, Math.floor((time - signal.start) / width));
    if (!tile || column >= tile.columns) return undefined;
    const step = this.secondsPerBlock(name, level);
    const block = Math.floor((time - signal.start) / step) - tile.index * this.session.tile;
    if (block < 0 || block >= tile.blocks) return undefined;
    const low = tile.values[column * tile.blocks + block];
    const high = tile.channels === 2 ? tile.values[(tile.columns + column) * tile.blocks + block] : low;
    return low === low ? [low, high] : undefined;
  }

  // Call with time of its middle (s), lowest and highest value of each block of a column, from one time to another.
  forBlocks(name, column, start, stop, secondsPerPixel, use) {
    const signal = this.session.signals[name];
    const level = this.level(name, secondsPerPixel);
    const width = this.secondsPerBlock(name, level) * this.session.tile;
    const first = Math.max(0, Math.floor((start - signal.start) / width));
    const end = Math.min(stop, signal.start + signal.bins / signal.rate);
    let complete = true;
    for (let index = first; signal.start + index * width < end; index++) {
      const tile = this.get(name, level, index);
      if (!tile || tile.level !== level || !tile.complete) complete = false;
      if (!tile || column >= tile.columns) continue;
      const step = this.secondsPerBlock(name, tile.level);
      const begin = signal.start + tile.index * this.session.tile * step;
      const from = Math.max(start - 2 * step, signal.start + index * width);
      const to = Math.min(stop + 2 * step, signal.start + (index + 1) * width);
      const low = column * tile.blocks;
      const high = tile.channels === 2 ? low + tile.columns * tile.blocks : low;
      const last = Math.min(tile.blocks, Math.ceil((to - begin) / step));
      for (let block = Math.max(0, Math.floor((from - begin) / step)); block < last; block++) {
        use(begin + (block + 0.5) * step, tile.values[low + block], tile.values[high + block], step);
      }
    }
    return complete;
  }
};

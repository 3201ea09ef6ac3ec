// Where keys and buttons jump to: events, starts of intervals, or moments that are worth a look, the worst first.
"use strict";
window.nwb = window.nwb || {};

nwb.Jumps = class {
  constructor(view) {
    this.view = view;
    this.chosen = "";
    this.times = [];
    this.edges = [];
    this.worst = null; // moments, where these are jumped to
    this.note = "";
  }

  // Kind and name with a colon between, as the page's control says it.
  choose(chosen) {
    if (chosen === this.chosen) return;
    const at = chosen.indexOf(":");
    const [kind, name] = [chosen.slice(0, at), chosen.slice(at + 1)];
    const { events, intervals } = this.view.session;
    this.chosen = chosen;
    this.times = (kind === "event" && events[name]) || [];
    this.edges = (kind === "interval" && intervals[name]) || [];
    this.note = "";
    this.worst = kind === "moment" ? [] : null;
    this.rank = -1;
    if (this.worst) this.fetchWorst(name);
  }

  // Ask until all of the session is known.
  async fetchWorst(name) {
    const asked = this.chosen;
    const wait = (ms) => new Promise((done) => setTimeout(done, ms));
    while (this.view.place.dataset.complete !== "true") await wait(100); // what is in view comes first
    for (let complete = false; !complete;) {
      const found = await (await fetch("moments.json")).json();
      if (asked !== this.chosen) return;
      complete = found.complete;
      this.worst = found.lists[name] || [];
      this.note = complete ? `${this.worst.length} moments found` : "Still reading: there may be worse moments";
      this.view.soon();
      if (!complete) await wait(2 * nwb.Tiles.againAfterMs);
    }
  }

  jump(direction) {
    if (this.worst) {
      this.goToWorst(Math.min(Math.max(this.rank + direction, 0), this.worst.length - 1));
      return;
    }
    const { view } = this;
    const all = this.times.length ? this.times : this.edges.map((edge) => edge[0]);
    const middle = view.start + view.span / 2;
    const slack = view.span / 1000;
    const next = direction > 0
      ? all.find((time) => time > middle + slack)
      : all.findLast((time) => time < middle - slack);
    if (next === undefined) return;
    this.note = `At ${next.toFixed(2)} s, ${all.indexOf(next) + 1} of ${all.length}`;
    view.go(next - view.span / 2);
  }

  goToWorst(rank) {
    const moment = this.worst[rank];
    if (!moment) return;
    this.rank = rank;
    const where = `Moment ${rank + 1} of ${this.worst.length}, most in ${moment.muscle}`;
    this.note = moment.names.length > 1
      ? `${where}: ${moment.names.join(" and ")} differ by ${(100 * moment.size).toFixed(0)} % of what is usual`
      : `${where}: the EMG is ${Math.exp(moment.size).toFixed(1)} times larger or smaller than ${moment.names[0]} says`;
    this.view.go(moment.time - this.view.span / 2);
  }
};

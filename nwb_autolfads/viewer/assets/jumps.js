// Where keys and buttons jump to: events, starts of intervals, or moments that are worth a look, the worst first.
"use strict";
window.nwb = window.nwb || {};

nwb.Jumps = class {
  constructor(view) {
    this.view = view;
    this.chosen = "";
    this.all = []; // times and names
    this.worst = null; // moments, where these are jumped to
    this.note = "";
  }

  // Of a kind of events or intervals: their times, or begins and ends, and the colour.
  happened(chosen) {
    const [kind, name] = nwb.Jumps.parted(chosen);
    const { events, intervals, happened } = this.view.session;
    return {
      name,
      times: (kind === "event" && events[name]) || [],
      edges: (kind === "interval" && intervals[name]) || [],
      colour: happened[chosen],
    };
  }

  static parted(chosen) {
    const at = chosen.indexOf(":");
    return [chosen.slice(0, at), chosen.slice(at + 1)];
  }

  // Kind and name with a colon between, as the page's controls say them; "drawn:" stands for all that are drawn.
  choose(chosen, drawn) {
    const [kind, name] = nwb.Jumps.parted(chosen);
    const kinds = kind === "drawn" ? drawn : chosen ? [chosen] : [];
    const one = (found) => [...found.times, ...found.edges.map((edge) => edge[0])].map((time) => [time, found.name]);
    this.all = kinds.flatMap((each) => one(this.happened(each))).sort((a, b) => a[0] - b[0]);
    if (chosen === this.chosen) return;
    this.chosen = chosen;
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
    const middle = view.start + view.span / 2;
    const slack = view.span / 1000;
    const next = direction > 0
      ? this.all.find(([time]) => time > middle + slack)
      : this.all.findLast(([time]) => time < middle - slack);
    if (next === undefined) return;
    const [time, name] = next;
    this.note = `${name} at ${time.toFixed(2)} s, ${this.all.indexOf(next) + 1} of ${this.all.length}`;
    view.go(time - view.span / 2);
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

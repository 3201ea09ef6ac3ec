// Rows of a stretch of time, drawn on a canvas: lines, bands, EMG behind them, spikes, events.
"use strict";
window.nwb = window.nwb || {};

nwb.draw = {
  // Draw a stretch; return whether all of it was known.
  strip(canvas, tiles, rows, start, secondsPerPixel, look) {
    const scale = look.pixels;
    const context = canvas.getContext("2d", { alpha: false });
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const width = canvas.width / scale;
    const stop = start + width * secondsPerPixel;
    context.fillStyle = look.paper;
    context.fillRect(0, 0, width, canvas.height / scale);
    nwb.draw.events(context, look, start, stop, secondsPerPixel, canvas.height / scale);
    let complete = true;
    for (const row of rows) {
      context.save();
      context.beginPath();
      context.rect(0, row.top, width, row.height);
      context.clip();
      complete = nwb.draw.row(context, tiles, row, start, stop, secondsPerPixel, look) && complete;
      context.restore();
      context.fillStyle = look.line;
      context.fillRect(0, row.top + row.height - 1, width, 1);
    }
    return complete;
  },

  row(context, tiles, row, start, stop, secondsPerPixel, look) {
    const [low, high] = row.range;
    const unit = (row.height - 4) / (high - low) * (row.gain || 1);
    const y = (value) => row.top + row.height - 2 - (value - low) * unit;
    const x = (time) => (time - start) / secondsPerPixel;
    let complete = true;
    for (const layer of row.layers) {
      const paint = nwb.draw[layer.kind];
      complete = paint(context, tiles, layer, row, start, stop, secondsPerPixel, x, y, look) && complete;
    }
    return complete;
  },

  line(context, tiles, layer, row, start, stop, secondsPerPixel, x, y) {
    let known = false;
    context.beginPath();
    const complete = tiles.forBlocks(layer.signal, layer.column, start, stop, secondsPerPixel, (time, low, high) => {
      if (low !== low) {
        known = false;
      } else {
        if (known) context.lineTo(x(time), y(low));
        else context.moveTo(x(time), y(low));
        if (high !== low) context.lineTo(x(time), y(high));
        known = true;
      }
    });
    context.strokeStyle = layer.colour;
    context.lineWidth = 1.3;
    context.lineJoin = "bevel";
    context.stroke();
    return complete;
  },

  band(context, tiles, layer, row, start, stop, secondsPerPixel, x, y) {
    return nwb.draw.area(context, tiles, layer, start, stop, secondsPerPixel, x, y, null, 0.25);
  },

  fill(context, tiles, layer, row, start, stop, secondsPerPixel, x, y) {
    return nwb.draw.area(context, tiles, layer, start, stop, secondsPerPixel, x, y, row.range[0], 0.6);
  },

  // Between lowest and highest values, or between a base and the highest.
  area(context, tiles, layer, start, stop, secondsPerPixel, x, y, base, opacity) {
    let upper = [];
    let lower = [];
    context.beginPath();
    const close = () => {
      if (upper.length) {
        context.moveTo(upper[0], upper[1]);
        for (let at = 2; at < upper.length; at += 2) context.lineTo(upper[at], upper[at + 1]);
        for (let at = lower.length - 2; at >= 0; at -= 2) context.lineTo(lower[at], lower[at + 1]);
        context.closePath();
      }
      upper = [];
      lower = [];
    };
    const complete = tiles.forBlocks(layer.signal, layer.column, start, stop, secondsPerPixel, (time, low, high) => {
      if (low !== low) {
        close();
      } else {
        upper.push(x(time), y(high));
        lower.push(x(time), y(base === null ? low : base));
      }
    });
    close();
    context.globalAlpha = opacity;
    context.fillStyle = layer.colour;
    context.fill();
    context.globalAlpha = 1;
    return complete;
  },

  raster(context, tiles, layer, row, start, stop, secondsPerPixel, x, y, look) {
    const { columns } = row;
    const height = (row.height - 2) / columns;
    let complete = true;
    context.fillStyle = look.text;
    for (let unit = 0; unit < columns; unit++) {
      const top = row.top + unit * height;
      complete = tiles.forBlocks(layer.signal, unit, start, stop, secondsPerPixel, (time, count, _, step) => {
        if (count > 0) {
          // One spike is black where bins are short; where they hold many, how black says how many.
          context.globalAlpha = 1 - Math.exp(-count / Math.max(0.3, 30 * step));
          const wide = Math.max(1, step / secondsPerPixel);
          context.fillRect(x(time) - wide / 2, top, wide, Math.max(1, height * 0.85));
        }
      }) && complete;
    }
    context.globalAlpha = 1;
    return complete;
  },

  events(context, look, start, stop, secondsPerPixel, height) {
    for (const kind of look.happened) nwb.draw.kind(context, kind, start, stop, secondsPerPixel, height);
  },

  // Of one kind: stretches as shades, every other one darker, and times as lines.
  kind(context, { times, edges, colour }, start, stop, secondsPerPixel, height) {
    context.fillStyle = colour;
    let number = 0;
    for (const [begin, end] of edges) {
      number += 1;
      if (end < start || begin > stop) continue;
      const wide = Math.max(1, (end - begin) / secondsPerPixel);
      context.globalAlpha = number % 2 ? 0.14 : 0.07;
      context.fillRect((begin - start) / secondsPerPixel, 0, wide, height);
    }
    context.globalAlpha = 0.6;
    let last = -Infinity;
    for (const time of times) {
      const at = (time - start) / secondsPerPixel;
      if (time < start || time > stop || at - last < 2) continue;
      context.fillRect(Math.round(at), 0, 1, height);
      last = at;
    }
    context.globalAlpha = 1;
  },

  axis(canvas, start, secondsPerPixel, look) {
    const context = canvas.getContext("2d");
    context.setTransform(look.pixels, 0, 0, look.pixels, 0, 0);
    const width = canvas.width / look.pixels;
    const height = canvas.height / look.pixels;
    context.fillStyle = look.paper;
    context.fillRect(0, 0, width, height);
    context.fillStyle = look.text;
    context.font = "12px system-ui, sans-serif";
    const step = nwb.draw.tickStep(secondsPerPixel * 90);
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    for (let at = Math.ceil(start / step); at * step < start + width * secondsPerPixel; at++) {
      const place = (at * step - start) / secondsPerPixel;
      context.fillRect(Math.round(place), height - 5, 1, 5);
      context.fillText(`${(at * step).toFixed(decimals)} s`, place + 3, height - 7);
    }
  },

  // 1, 2 or 5 times a power of ten: the first that is not smaller.
  tickStep(least) {
    const power = 10 ** Math.floor(Math.log10(least));
    return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least * 0.999);
  },
};

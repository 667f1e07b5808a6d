// The dashboard's plots, drawn by uPlot. Comes late, with the library: see millrace/pace.

import { $, h, setText } from "millrace/dom";
import { SECONDS, perSecond } from "millrace/pace";
import { bytes, decimal, dotted, gettext, number } from "millrace/words";

const HEIGHT = 48; // px, as dashboard.css has it
const FILL = 0.14; // how much of the colour lies below a line

/** Plot by plot: the series of millrace/pace, each with its colour; how a value is said. */
const PLOTS = {
  bytes: { series: [["bytes", "--receiving"]], say: (value) => perSecond(bytes(value)) },
  ended: {
    series: [["processed", "--good"], ["failed", "--bad"], ["cancelled", "--text-quiet"]],
    say: (...values) => dotted(...values.map((value, at) => (value || at === 0 ? OUTCOME[at](decimal(value)) : ""))),
  },
  waiting: { series: [["queued", "--processing"]], say: number },
};

const OUTCOME = [
  (count) => perSecond(count),
  (count) => gettext("%(n)s failed", { n: count }),
  (count) => gettext("%(n)s cancelled", { n: count }),
];

const ages = Float64Array.from({ length: SECONDS }, (_, at) => at - SECONDS + 1);

export class Plots {
  static async load(pace) {
    const [{ default: Plot }] = await Promise.all([import("vendor/uplot"), sheet(import.meta.resolve("vendor/uplot.css"))]);
    return new Plots(Plot, pace);
  }

  constructor(Plot, pace) {
    this.pace = pace;
    this.plots = Object.entries(PLOTS).map(([name, { series, say }]) => this.#make(Plot, name, series, say));
    const again = () => this.plots.forEach(({ plot }) => plot.redraw());
    addEventListener("themechange", again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    this.draw();
  }

  draw() {
    for (const { plot, names } of this.plots) plot.setData([ages, ...names.map((name) => this.pace.series[name])]);
  }

  #make(Plot, name, series, say) {
    const box = $(`plot-${name}`);
    const names = series.map(([each]) => each);
    const options = {
      width: box.clientWidth,
      height: HEIGHT,
      padding: [3, 0, 2, 0],
      legend: { show: false },
      axes: [{ show: false }, { show: false }],
      cursor: { y: false, points: { size: 6 }, drag: { setScale: false, x: false, y: false } },
      scales: { x: { time: false, range: [ages[0], 0] }, y: { range: (_plot, _least, most) => [0, most || 1] } },
      series: [{}, ...series.map(([, role]) => ({ stroke: () => colour(role), fill: () => colour(role, FILL), width: 1.5, points: { show: false } }))],
      hooks: { setCursor: [(plot) => this.#point(plot, names, $(`pace-${name}`), say)] },
    };
    const plot = new Plot(options, [ages, ...names.map((each) => this.pace.series[each])], box);
    new ResizeObserver(() => box.clientWidth && plot.setSize({ width: box.clientWidth, height: HEIGHT })).observe(box);
    return { plot, names };
  }

  /** Where the pointer is, the words above say what was then. */
  #point(plot, names, place, say) {
    const at = plot.cursor.idx;
    place.pointed = at !== null && at !== undefined && plot.cursor.left >= 0;
    if (!place.pointed) {
      if (place.now) setText(place, place.now);
      return;
    }
    const values = names.map((name) => this.pace.series[name][at]);
    setText(place, dotted(say(...values), gettext("%(n)s s ago", { n: number(-ages[at]) })));
  }
}

function sheet(address) {
  return new Promise((resolve) => document.head.append(h("link", { rel: "stylesheet", href: address, onload: resolve, onerror: resolve })));
}

const probe = h("span", { hidden: true });

/** A role's colour as it is in this theme: a canvas knows no light-dark(). */
function colour(role, part = 1) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = part < 1 ? `color-mix(in srgb, var(${role}) ${part * 100}%, transparent)` : `var(${role})`;
  return getComputedStyle(probe).color;
}

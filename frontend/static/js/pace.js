// How fast things go: the last two minutes, second by second, from what the stream says.

import { $, setText } from "millrace/dom";
import { bytes, decimal, gettext, number } from "millrace/words";

export const SECONDS = 120;
const ENDED = ["processed", "failed", "cancelled"];
const RECENT = 10; // seconds that a pace is the mean of, at most
const KNOWN = 2; // seconds of work from which on there is one
const CALM = 5; // seconds between two drawings for those who asked for little motion
const SAID = 10; // seconds between two texts for those who do not see the plots

export class Pace {
  constructor() {
    this.series = { bytes: line(), processed: line(), failed: line(), cancelled: line(), queued: line() };
    this.now = { bytes: 0, processed: 0, failed: 0, cancelled: 0 };
    this.busy = 0; // seconds without a pause in which there was work
    this.plots = null;
    this.tick = 0;
  }

  /** A change of a file, as the store tells it. */
  see({ type, before, file, live }) {
    if (type !== "put" || !live) return;
    this.now.bytes += Math.max(0, arrived(file) - (before ? arrived(before) : 0));
    if (ENDED.includes(file.status) && before && !ENDED.includes(before.status)) this.now[file.status] += 1;
  }

  /** Files that ended each second, lately and while there was work; 0 while that is not known. */
  get filesPerSecond() {
    const seconds = Math.min(this.busy, RECENT);
    return seconds < KNOWN ? 0 : ENDED.reduce((sum, status) => sum + mean(this.series[status], seconds), 0);
  }

  /** `counts()` gives the numbers of files by status as they are now. */
  start(counts) {
    if (!$("pace")) return;
    setInterval(() => this.#second(counts() ?? {}), 1000);
  }

  #second({ queued = 0, processing = 0 }) {
    const now = { ...this.now, queued };
    this.busy = queued + processing > 0 ? this.busy + 1 : 0;
    for (const [name, values] of Object.entries(this.series)) {
      values.copyWithin(0, 1);
      values[SECONDS - 1] = now[name];
    }
    this.now = { bytes: 0, processed: 0, failed: 0, cancelled: 0 };
    this.tick += 1;
    if (document.hidden) return;
    this.#tell();
    if (this.plots) this.#draw();
    else if (Object.values(now).some(Boolean)) this.#fetchPlots();
  }

  #draw() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!still || this.tick % CALM === 0) this.plots.draw();
  }

  /** The library comes with the first thing that there is to draw; where it can't, a little later. */
  async #fetchPlots() {
    this.plots = { draw: () => {} };
    try {
      const { Plots } = await import("millrace/plots");
      this.plots = await Plots.load(this);
    } catch {
      this.plots = null; // the server is away
    }
  }

  #tell() {
    const { bytes: received, failed, queued } = this.series;
    const said = {
      bytes: perSecond(bytes(mean(received, 3))),
      ended: perSecond(decimal(ENDED.reduce((sum, status) => sum + mean(this.series[status], 3), 0))),
      waiting: number(queued.at(-1)),
    };
    for (const [name, text] of Object.entries(said)) {
      const place = $(`pace-${name}`);
      place.now = text;
      if (!place.pointed) setText(place, text);
    }
    if (this.tick % SAID !== 1) return;
    const most = (values, say) => say(Math.max(...values));
    describe("bytes", gettext("Bytes received each second, last two minutes: now %(now)s, at most %(most)s", { now: said.bytes, most: perSecond(most(received, bytes)) }));
    describe("ended", gettext("Files ended each second, last two minutes: now %(now)s; %(failed)s failed in all", { now: said.ended, failed: number(failed.reduce((sum, each) => sum + each, 0)) }));
    describe("waiting", gettext("Files waiting, last two minutes: now %(now)s, at most %(most)s", { now: said.waiting, most: most(queued, number) }));
  }
}

const line = () => new Float64Array(SECONDS);

const arrived = (file) => (file.status === "receiving" ? file.received : (file.size ?? 0));

function mean(values, seconds) {
  let sum = 0;
  for (let at = SECONDS - seconds; at < SECONDS; at += 1) sum += values[at];
  return sum / seconds;
}

export const perSecond = (text) => `${text}/s`;

const describe = (name, text) => $(`plot-${name}`).setAttribute("aria-label", text);

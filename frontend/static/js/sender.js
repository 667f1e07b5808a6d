// How the queue's files go out: how many at once, by which way, and what a failure means. Only this begins and breaks off a transfer.

import { ask } from "millrace/boot";
import { sendTogether } from "millrace/together";
import { correct, tell } from "millrace/told";
import { Resumable, SMALL, arrived, sendWhole, whoIs } from "millrace/transport";
import { gettext } from "millrace/words";

const FIRST_PARALLEL = 3;
const MOST_PARALLEL = 5; // a browser opens six connections; one stays free for the page itself
const MOST_PARALLEL_H2 = 16;
const CALM = 12; // files without an error before one more goes at once
const RETRY_SECONDS = [1, 2, 5, 10, 20, 30]; // the last one again and again
export const SETTLED = 1000; // ms until the server has seen that a request was broken off
const MOST_SIZES = 100; // in one question (uploads/reading/shapes.py)

/** Whether trying again can help: the line, the server's health, its being busy; not what it refuses. */
const passing = ({ status }) => status === 0 || status >= 500 || [408, 409, 423, 425, 429].includes(status);

export class Sender {
  #active = new Set(); // loads
  #parallel = FIRST_PARALLEL;
  #calm = 0;
  #unwanted = []; // items whose request was broken off for good
  #settling = 0;
  #fewer = new Set(); // drops of which fewer come than was told
  #correcting = 0;
  trouble = ""; // why nothing arrives at the moment, in the reader's words

  /**
   * `changed(item)` hears of every change, `moved(item, bytes)` of what has arrived more. One of `sent(item, id)`,
   * `again(item)` (it waits), `refused(item, why)` and `shutOut(items)` (nobody is signed in) is its end, where nobody broke
   * it off; `over()` comes after each load.
   */
  constructor(listeners) {
    Object.assign(this, listeners);
  }

  get moving() {
    return this.#active.size > 0;
  }

  /** Whether one more load may go now. */
  get free() {
    return this.#active.size < this.#parallel;
  }

  /** Sends a load (millrace/load): one item, or several in one request. */
  async send(load) {
    this.#active.add(load);
    for (const item of load) {
      Object.assign(item, { state: "sending", note: "", error: "", startedAt: performance.now() });
      this.changed(item);
    }
    try {
      await (load.length > 1 ? this.#together(load) : this.#alone(load[0]));
    } catch (error) {
      this.#failed(load, error);
    }
    this.#active.delete(load);
    this.settle(load[0].total);
    this.over();
  }

  /** Fewer of a drop may come than the server was told, which it hears once nothing more of it is under way. */
  settle(batch) {
    if (batch.told <= batch.count) return;
    this.#fewer.add(batch);
    this.#correcting ||= setTimeout(() => this.#correct(), SETTLED);
  }

  #correct() {
    this.#correcting = 0;
    const moving = new Set([...this.#active].map(([{ total }]) => total));
    for (const batch of this.#fewer) if (!moving.has(batch)) correct(batch);
    this.#fewer.clear(); // what still moves comes here again
  }

  /** Takes back what has been sent of an item that nobody wants any more. */
  cancel(item) {
    if (item.resumable) item.resumable.cancel().catch(() => this.#cancelThere(item));
    else if (item.state === "sending" || item.doubtful || item.id) this.#cancelWhole(item);
  }

  /** One request for all. Whom it leaves out goes by itself, and so learns why. */
  async #together(load) {
    const control = new AbortController();
    for (const item of load) item.sending = { pause: () => control.abort() };
    const left = await this.#missing(load, control.signal);
    if (!left.length) return;
    const ids = await sendTogether(left, fields(left[0]), control.signal);
    left.forEach((item, place) => (ids[place] ? this.#arrived(item, ids[place]) : this.#goAlone(item)));
  }

  async #alone(item) {
    const control = new AbortController();
    item.sending = { pause: () => control.abort() };
    if (item.doubtful && !item.id) {
      const found = (await this.#find([item], control.signal)).get(item);
      if (found && found.status !== "receiving") return this.#arrived(item, found.id);
      if (found) Object.assign(item, { id: found.id, resumable: null });
    }
    const whole = item.size <= SMALL && !item.id;
    return this.#arrived(item, await (whole ? sendWhole(item.file, fields(item), control.signal) : this.#resumable(item).start()));
  }

  /** Those that have still to go: answers may have been lost, and their files be there. */
  async #missing(load, signal) {
    const doubtful = load.filter((item) => item.doubtful);
    if (!doubtful.length) return load;
    const found = await this.#find(doubtful, signal);
    for (const [item, { id, status }] of found) {
      if (status === "receiving") found.delete(item); // was broken off with its request, which took it whole or not
      else this.#arrived(item, id);
    }
    return load.filter((item) => !found.has(item));
  }

  /** What came of items of one drop whose answers were lost: the file of each that is there, whole or in part. */
  async #find(items, signal) {
    const sizes = new Set(items.map(({ size }) => size));
    const there = await arrived(items[0].batch, { size: sizes.size > MOST_SIZES ? "" : [...sizes].join(","), signal });
    const taken = new Set(items[0].total.ids);
    const found = new Map();
    for (const item of items) {
      const file = there.get(whoIs(item))?.find(({ id }) => !taken.has(id));
      if (!file) continue;
      taken.add(file.id);
      found.set(item, file);
    }
    return found;
  }

  #resumable(item) {
    item.resumable ??= new Resumable(item.file, fields(item), {
      id: item.id,
      onProgress: (sent) => this.#progress(item, sent),
      onId: (id) => {
        item.id = id;
        item.total.ids.add(id);
        this.changed(item);
      },
    });
    item.sending = item.resumable;
    return item.resumable;
  }

  #progress(item, sent) {
    if (item.state !== "sending" || sent <= item.sent) return;
    const more = sent - item.sent;
    this.trouble = "";
    item.sent = sent;
    const seconds = (performance.now() - item.startedAt) / 1000;
    item.firstSent ??= sent;
    item.speed = seconds > 0.3 ? (sent - item.firstSent) / seconds : 0;
    this.moved(item, more);
  }

  #arrived(item, id) {
    this.trouble = "";
    this.#calm += 1;
    if (this.#calm >= CALM && this.#parallel < mostParallel()) {
      this.#parallel += 1;
      this.#calm = 0;
    }
    item.total.ids.add(id);
    this.sent(item, id);
  }

  /** Of a load, only whom nobody has paused or cancelled meanwhile is still on its way. */
  #failed(load, error) {
    const items = load.filter(({ state }) => state === "sending");
    if (!items.length) return;
    this.#calm = 0;
    if (error.name === "AbortError") for (const item of items) this.#goAgain(item, { doubtful: true, notBefore: Date.now() + SETTLED });
    else if (error.status === 401) this.shutOut(items);
    else if (passing(error)) this.#tryAgain(items, error);
    else if (items.length > 1) for (const item of items) this.#goAlone(item, { doubtful: true });
    else this.refused(items[0], error.message || (error.code === "unreadable" ? gettext("The file was moved or changed since it was chosen.") : gettext("The server refused it.")));
  }

  #tryAgain(items, { status }) {
    this.#parallel = Math.max(1, Math.ceil(this.#parallel / 2));
    const { tries } = items[0];
    const seconds = RETRY_SECONDS[Math.min(tries, RETRY_SECONDS.length - 1)] * (0.75 + Math.random() / 2);
    const note = status === 0 ? gettext("No connection, goes on by itself") : gettext("The server is busy, goes on by itself");
    this.trouble = note;
    for (const item of items) this.#goAgain(item, { tries: tries + 1, doubtful: true, notBefore: Date.now() + seconds * 1000, note });
  }

  #goAlone(item, more = {}) {
    this.#goAgain(item, { alone: true, ...more });
  }

  #goAgain(item, more) {
    Object.assign(item, { state: "waiting", firstSent: undefined, ...more });
    this.again(item);
  }

  /** The upload's own door did not do it; the file's may. What neither does goes when it expires. */
  #cancelThere({ id }) {
    if (id) ask("POST", `/api/files/${id}/cancel/`).catch(() => {});
  }

  /** A request that is broken off may have left something there, under an id that was never told. */
  #cancelWhole(item) {
    item.sending?.pause();
    this.#unwanted.push(item);
    this.#settling ||= setTimeout(() => this.#cancelUnwanted(), SETTLED);
  }

  async #cancelUnwanted() {
    const items = this.#unwanted;
    this.#unwanted = [];
    this.#settling = 0;
    for (const item of items.filter(({ id }) => id)) this.#cancelThere(item);
    for (const batch of new Set(items.map((item) => item.batch))) {
      const mine = items.filter((item) => item.batch === batch && !item.id);
      const found = mine.length ? await this.#find(mine).catch(() => new Map()) : new Map();
      for (const file of found.values()) this.#cancelThere(file);
    }
  }
}

const fields = (item) => ({ filename: item.name, path: item.path, batch: item.batch, batch_total: tell(item.total), sha256: item.sha256 });

function mostParallel() {
  const [navigation] = performance.getEntriesByType("navigation");
  return /^h[23]/.test(navigation?.nextHopProtocol ?? "") ? MOST_PARALLEL_H2 : MOST_PARALLEL;
}

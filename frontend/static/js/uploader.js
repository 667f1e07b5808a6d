// The queue of what this page sends: how many at once, when to try again, what to do when somebody says stop.

import { ask, boot } from "millrace/boot";
import { bytes, gettext, ngettext } from "millrace/words";
import { Resumable, SMALL, sendWhole } from "millrace/transport";

const FIRST_PARALLEL = 3;
const MOST_PARALLEL = 5; // a browser opens six connections; one stays free for the page itself
const MOST_PARALLEL_H2 = 16;
const RETRY_SECONDS = [1, 2, 5, 10, 20, 30]; // the last one again and again
const SAMPLE = 500; // ms between two looks at the speed
const CALM = 12; // files without an error before one more goes at once

/** Whether trying again can help: the line, the server's health, its being busy; not what it refuses. */
const passing = ({ status }) => status === 0 || status >= 500 || [408, 409, 423, 425, 429].includes(status);

let numbered = 0;

/**
 * One file on its way.
 *
 * `state`: waiting, sending, paused, refused (it says why in `error`), sent. `id` is the file's, once it has one.
 */
class Item {
  constructor(file, path, batch) {
    numbered += 1;
    this.key = `item-${numbered}`;
    this.file = file;
    this.name = file.name;
    this.path = path;
    this.size = file.size;
    this.kind = kindOf(file);
    this.batch = batch.key;
    this.total = batch;
    this.createdAt = new Date().toISOString();
    this.state = "waiting";
    this.sent = 0;
    this.speed = 0;
    this.tries = 0;
    this.note = "";
    this.error = "";
    this.id = null;
    this.notBefore = 0;
    this.sending = null;
  }
}

/** A guess for the tile until the server has looked inside. */
function kindOf({ type, name }) {
  const family = type.split("/")[0];
  if (["image", "audio", "video", "font"].includes(family)) return family;
  if (type === "application/pdf") return "pdf";
  if (/\.(csv|tsv|xlsx?|parquet|ods)$/i.test(name)) return "table";
  if (/\.(zip|tar|gz|7z|xz|rar)$/i.test(name)) return "archive";
  return family === "text" ? "text" : "";
}

export class Uploader {
  /** `changed(item)` and `gone(item)` hear of every change; `totals()` when the sums have changed. */
  constructor({ changed, gone, totals }) {
    Object.assign(this, { changed, gone, totals });
    this.items = new Map();
    this.waiting = []; // keys, in order; those that are no longer waiting are passed over
    this.next = 0;
    this.active = new Set();
    this.parallel = FIRST_PARALLEL;
    this.calm = 0;
    this.stopped = false;
    this.sum = { files: 0, bytes: 0, sent: 0, sentFiles: 0, refused: 0, paused: 0, speed: 0, pace: 0 };
    this.lastSample = { at: 0, sent: 0, files: 0 };
    this.timer = 0;
    addEventListener("online", () => this.#wake());
    addEventListener("beforeunload", (event) => {
      if (this.busy) event.preventDefault();
    });
  }

  /** Whether leaving now would break something off. */
  get busy() {
    return this.sum.sentFiles + this.sum.refused < this.sum.files;
  }

  /** A drop: what is added to it later still belongs to it. */
  batch() {
    return { key: crypto.randomUUID(), count: 0 };
  }

  /** Puts files in the queue; what can't be taken is refused here, before a byte is sent. */
  add(list, batch) {
    if (!this.busy) this.#forgetSums();
    for (const { file, path } of list) {
      batch.count += 1;
      const item = new Item(file, path, batch);
      this.items.set(item.key, item);
      this.sum.files += 1;
      this.sum.bytes += item.size;
      const no = this.#refusal(item, batch);
      if (no) this.#refuse(item, no);
      else if (this.stopped) this.#hold(item);
      else this.waiting.push(item.key);
      this.changed(item);
    }
    this.#pump();
    this.totals();
  }

  #refusal({ size, name }, batch) {
    const { limits } = boot;
    if (size > limits.bytes) return gettext("Larger than the %(limit)s that this server takes.", { limit: bytes(limits.bytes) });
    if (new TextEncoder().encode(name).length > 255) return gettext("The name is longer than 255 bytes.");
    if (batch.count > limits.files) return ngettext("A drop takes at most %(count)s file.", "A drop takes at most %(count)s files.", limits.files);
    return "";
  }

  // -- the queue ---------------------------------------------------------------------------------------------------------

  #pump() {
    while (!this.stopped && this.active.size < this.parallel) {
      const item = this.#take();
      if (!item) break;
      this.#send(item);
    }
    this.#watchSpeed();
  }

  #take() {
    const now = Date.now();
    let soonest = Infinity;
    for (let at = this.next; at < this.waiting.length; at += 1) {
      const item = this.items.get(this.waiting[at]);
      if (item?.state !== "waiting") {
        if (at === this.next) this.next += 1;
        continue;
      }
      if (item.notBefore <= now) {
        if (at === this.next) this.next += 1;
        else this.waiting.splice(at, 1);
        return item;
      }
      soonest = Math.min(soonest, item.notBefore);
      if (at - this.next > 50) break; // all of these wait for the same line
    }
    clearTimeout(this.timer);
    if (soonest < Infinity) this.timer = setTimeout(() => this.#pump(), soonest - now + 10);
    return null;
  }

  async #send(item) {
    this.active.add(item);
    Object.assign(item, { state: "sending", note: "", error: "", startedAt: performance.now() });
    this.changed(item);
    try {
      const id = await this.#transport(item);
      this.active.delete(item);
      this.#sent(item, id);
    } catch (error) {
      this.active.delete(item);
      if (error.name !== "AbortError") this.#failed(item, error);
    }
    this.#pump();
    this.totals();
  }

  #fields(item) {
    return { filename: item.name, path: item.path, batch: item.batch, batch_total: item.total.count };
  }

  #transport(item) {
    if (item.size <= SMALL) {
      const control = new AbortController();
      item.sending = { pause: () => control.abort(), cancel: () => control.abort() };
      return sendWhole(item.file, this.#fields(item), control.signal);
    }
    if (!(item.sending instanceof Resumable)) {
      item.sending = new Resumable(item.file, this.#fields(item), {
        onProgress: (sent) => this.#progress(item, sent),
        onId: (id) => {
          item.id = id;
          this.changed(item);
        },
      });
    }
    return item.sending.start();
  }

  #progress(item, sent) {
    if (item.state !== "sending" || sent <= item.sent) return;
    this.sum.sent += sent - item.sent;
    item.sent = sent;
    const seconds = (performance.now() - item.startedAt) / 1000;
    item.firstSent ??= sent;
    item.speed = seconds > 0.3 ? (sent - item.firstSent) / seconds : 0;
    this.changed(item);
    this.totals();
  }

  #sent(item, id) {
    this.sum.sent += item.size - item.sent;
    this.sum.sentFiles += 1;
    Object.assign(item, { state: "sent", sent: item.size, id, sending: null, file: null, tries: 0 });
    this.changed(item);
    this.items.delete(item.key);
    this.calm += 1;
    if (this.calm >= CALM && this.parallel < mostParallel()) {
      this.parallel += 1;
      this.calm = 0;
    }
  }

  #failed(item, error) {
    this.calm = 0;
    item.firstSent = undefined;
    if (!passing(error)) {
      this.#refuse(item, error.message || (error.code === "unreadable" ? gettext("The file was moved or changed since it was chosen.") : gettext("The server refused it.")));
      this.changed(item);
      return;
    }
    this.parallel = Math.max(1, Math.ceil(this.parallel / 2));
    const seconds = RETRY_SECONDS[Math.min(item.tries, RETRY_SECONDS.length - 1)] * (0.75 + Math.random() / 2);
    item.tries += 1;
    Object.assign(item, { state: "waiting", notBefore: Date.now() + seconds * 1000 });
    item.note = error.status === 0 ? gettext("No connection, goes on by itself") : gettext("The server is busy, goes on by itself");
    this.waiting.push(item.key);
    this.changed(item);
  }

  #refuse(item, error) {
    Object.assign(item, { state: "refused", error, sending: null });
    this.sum.refused += 1;
  }

  #wake() {
    for (const item of this.items.values()) item.notBefore = 0;
    this.#pump();
  }

  // -- what people ask for -------------------------------------------------------------------------------------------------

  pause(item) {
    if (item.state !== "waiting" && item.state !== "sending") return;
    const { sending, state } = item;
    this.#hold(item);
    if (state === "sending") sending.pause();
    this.changed(item);
    this.#pump();
    this.totals();
  }

  #hold(item) {
    if (item.size <= SMALL) {
      this.sum.sent -= item.sent;
      item.sent = 0;
    }
    Object.assign(item, { state: "paused", note: "", firstSent: undefined });
    this.sum.paused += 1;
  }

  resume(item) {
    if (item.state !== "paused") return;
    this.stopped = false;
    this.sum.paused -= 1;
    this.#again(item);
  }

  retry(item) {
    if (item.state !== "refused" || !item.file) return;
    this.sum.refused -= 1;
    item.tries = 0;
    this.#again(item);
  }

  #again(item) {
    Object.assign(item, { state: "waiting", notBefore: 0, note: "", error: "" });
    this.waiting.push(item.key);
    this.changed(item);
    this.#pump();
    this.totals();
  }

  cancel(item) {
    if (!this.items.delete(item.key)) return;
    if (item.sending instanceof Resumable) item.sending.cancel().catch(() => this.#cancelThere(item));
    else if (item.state === "sending") item.sending.cancel();
    if (item.state === "refused") this.sum.refused -= 1;
    if (item.state === "paused") this.sum.paused -= 1;
    item.state = "gone";
    item.total.count -= 1;
    this.sum.files -= 1;
    this.sum.bytes -= item.size;
    this.sum.sent -= item.sent;
    this.gone(item);
    this.totals();
  }

  /** The upload's own door did not do it; the file's may. What neither does goes when it expires. */
  #cancelThere({ id }) {
    if (id) ask("POST", `/api/files/${id}/cancel/`).catch(() => {});
  }

  pauseAll() {
    this.stopped = true;
    for (const item of [...this.items.values()]) this.pause(item);
  }

  resumeAll() {
    this.stopped = false;
    for (const item of [...this.items.values()]) this.resume(item);
  }

  retryAll() {
    for (const item of [...this.items.values()]) this.retry(item);
  }

  cancelAll() {
    for (const item of [...this.items.values()]) this.cancel(item);
    this.waiting = [];
    this.next = 0;
    this.stopped = false;
  }

  // -- how fast --------------------------------------------------------------------------------------------------------------

  #watchSpeed() {
    if (this.ticking || !this.active.size) return;
    this.lastSample = { at: performance.now(), sent: this.sum.sent, files: this.sum.sentFiles };
    this.ticking = setInterval(() => {
      const now = performance.now();
      const speed = ((this.sum.sent - this.lastSample.sent) * 1000) / (now - this.lastSample.at);
      this.sum.speed = this.sum.speed ? this.sum.speed * 0.7 + speed * 0.3 : speed;
      const pace = ((this.sum.sentFiles - this.lastSample.files) * 1000) / (now - this.lastSample.at);
      this.sum.pace = this.sum.pace ? this.sum.pace * 0.8 + pace * 0.2 : pace;
      this.lastSample = { at: now, sent: this.sum.sent, files: this.sum.sentFiles };
      if (!this.active.size) {
        clearInterval(this.ticking);
        this.ticking = 0;
        this.sum.speed = this.sum.pace = 0;
      }
      this.totals();
    }, SAMPLE);
  }

  #forgetSums() {
    this.sum = { files: 0, bytes: 0, sent: 0, sentFiles: 0, refused: 0, paused: 0, speed: 0, pace: 0 };
    for (const item of [...this.items.values()]) {
      if (item.state !== "refused") continue;
      this.sum.files += 1;
      this.sum.bytes += item.size;
      this.sum.refused += 1;
    }
    this.waiting = this.waiting.slice(this.next);
    this.next = 0;
  }
}

function mostParallel() {
  const [navigation] = performance.getEntriesByType("navigation");
  return /^h[23]/.test(navigation?.nextHopProtocol ?? "") ? MOST_PARALLEL_H2 : MOST_PARALLEL;
}

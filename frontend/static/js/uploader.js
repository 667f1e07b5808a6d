// The queue of what this page sends: how many at once, when to try again, what to do when somebody says stop.

import { ask, boot } from "millrace/boot";
import { breathe } from "millrace/dom";
import { Item } from "millrace/item";
import { Kept } from "millrace/kept";
import { Resumable, SMALL, arrived, forgetOthers, sendWhole, whoIs } from "millrace/transport";
import { Twins } from "millrace/twins";
import { bytes, gettext, ngettext } from "millrace/words";

const FIRST_PARALLEL = 3;
const MOST_PARALLEL = 5; // a browser opens six connections; one stays free for the page itself
const MOST_PARALLEL_H2 = 16;
const RETRY_SECONDS = [1, 2, 5, 10, 20, 30]; // the last one again and again
const SAMPLE = 500; // ms between two looks at the speed
const SENDING = new Set(["waiting", "sending", "paused"]);
const PASSED = 5000; // keys behind the place in the queue before they are let go
const AT_ONCE = 500; // files put in the queue between two breaths of the page
const SETTLED = 1000; // ms until the server has seen that a request was broken off
const CALM = 12; // files without an error before one more goes at once

/** Whether trying again can help: the line, the server's health, its being busy; not what it refuses. */
const passing = ({ status }) => status === 0 || status >= 500 || [408, 409, 423, 425, 429].includes(status);

export class Uploader {
  /**
   * `changed(item)` and `gone(item)` hear of every change; `totals()` when the sums have changed; `room()` says how many
   * bytes the space can still take.
   */
  constructor({ changed, gone, totals, room }) {
    Object.assign(this, { changed, gone, totals, room });
    this.kept = new Kept();
    this.twins = new Twins({ cleared: (item) => this.#cleared(item), here: (item, twin) => this.#here(item, twin) });
    this.items = new Map();
    this.restored = new Set(); // looks of the files that go on from an earlier page
    this.waiting = []; // keys, in order; those that are no longer waiting are passed over
    this.next = 0;
    this.active = new Set();
    this.parallel = FIRST_PARALLEL;
    this.calm = 0;
    this.stopped = false;
    this.sum = nothing();
    this.lastSample = { at: 0, sent: 0, files: 0 };
    this.timer = 0;
    addEventListener("online", () => this.#wake());
    addEventListener("shutout", () => this.pauseAll()); // who signs in next may be somebody else
    addEventListener("beforeunload", (event) => {
      if (this.busy) event.preventDefault();
    });
  }

  /** Whether leaving now would break something off. */
  get busy() {
    return this.sum.sentFiles + this.sum.refused + this.sum.here < this.sum.files;
  }

  /** A drop: what is added to it later still belongs to it. `count` is what the server is to expect of it. */
  batch(key = newKey()) {
    return { key, given: 0, count: 0, ids: new Set() };
  }

  /**
   * Puts files in the queue; what can't be taken is refused here, before a byte is sent. Large ones are looked up first, in
   * case that the space has them already.
   */
  add(list, batch) {
    if (!this.busy) this.#forgetSums();
    const unknown = [];
    this.left = this.#roomLeft();
    for (const entry of list) {
      if (!entry.known && this.#isRestored(entry)) continue; // handed again, while it goes on by itself
      const item = this.#enter(entry, batch);
      if (item.checking) unknown.push(item);
      if (item.state !== "refused") this.kept.keep(item);
      this.changed(item);
    }
    this.twins.look(unknown);
    this.#pump();
    this.totals();
  }

  #enter({ file, path, kept = null, id = null, known = false, doubtful = false }, batch) {
    const item = Object.assign(new Item(file, path, batch), { kept, id, doubtful });
    batch.given += 1;
    this.items.set(item.key, item);
    this.sum.files += 1;
    this.sum.bytes += item.size;
    const no = known ? "" : this.#refusal(item, batch);
    if (no) {
      this.#refuse(item, no);
      return item;
    }
    this.left -= item.size;
    item.checking = !known && item.size > SMALL;
    item.count(!item.checking);
    if (this.stopped) this.#hold(item);
    else this.#queue(item);
    return item;
  }

  #queue(item) {
    if (item.checking) item.note = gettext("Looking whether it is here already");
    else this.waiting.push(item.key);
  }

  /** The space does not have it, or has nothing to say about it: it goes on its way. */
  #cleared(item) {
    if (!this.items.has(item.key)) return;
    Object.assign(item, { checking: false, note: "" });
    item.count(true);
    if (item.state === "waiting") this.#queue(item);
    this.changed(item);
    this.#pump();
  }

  #here(item, twin) {
    if (!this.items.has(item.key)) return;
    if (item.state === "paused") this.sum.paused -= 1;
    Object.assign(item, { checking: false, note: "", twin, state: "here" });
    this.sum.here += 1;
    this.kept.drop(item);
    this.changed(item);
    this.totals();
  }

  /** Takes up what was not sent when this person's last page closed. Resolves to how many files that are. */
  async restore(batchOf) {
    forgetOthers();
    const batches = new Map();
    await this.kept.restore((list) => {
      for (const entry of list) {
        if (!batches.has(entry.batch)) batches.set(entry.batch, []);
        batches.get(entry.batch).push(entry);
      }
    });
    const handed = new Set([...this.items.values()].map(lookOf));
    let count = 0;
    for (const [key, entries] of batches) count += await this.#restoreBatch(batchOf(key), entries, handed);
    return count;
  }

  async #restoreBatch(batch, entries, handed) {
    const there = await arrived(batch.key).catch(() => null);
    const left = entries.filter((entry) => this.#isLeft(entry, there ?? new Map(), handed));
    const told = entries.reduce((most, { count }) => Math.max(most, count), 0);
    batch.count = Math.max(0, told - left.length); // the server was told of those that have arrived, too
    for (let at = 0; at < left.length; at += AT_ONCE) {
      const some = left.slice(at, at + AT_ONCE);
      this.add(some.map(({ file, path, key: kept, id }) => ({ file, path, kept, id, known: true, doubtful: !there })), batch);
      for (const entry of some) this.restored.add(lookOf(entry));
      await breathe();
    }
    return left.length;
  }

  /** Whether it must still be sent; the answer to a request may have been lost with the page. */
  #isLeft(entry, there, handed) {
    const found = there.get(whoIs({ path: entry.path, name: entry.file.name, size: entry.file.size }))?.shift();
    if ((found && found.status !== "receiving") || handed.has(lookOf(entry))) {
      this.kept.drop({ kept: entry.key });
      return false;
    }
    entry.id = found?.id ?? null;
    return true;
  }

  #isRestored(entry) {
    return this.restored.size > 0 && this.restored.has(lookOf(entry));
  }

  #refusal({ size, name }, batch) {
    const { limits } = boot;
    if (size > limits.bytes) return gettext("Larger than the %(limit)s that this server takes.", { limit: bytes(limits.bytes) });
    if (new TextEncoder().encode(name).length > 255) return gettext("The name is longer than 255 bytes.");
    if (size > this.left) return gettext("The space has room for %(room)s only.", { room: bytes(Math.max(0, this.left)) });
    if (batch.given > limits.files) return ngettext("A drop takes at most %(count)s file.", "A drop takes at most %(count)s files.", limits.files);
    return "";
  }

  /** Bytes that the space can take beside all that is queued here. */
  #roomLeft() {
    let room = this.room();
    if (room === Infinity) return room;
    for (const item of this.items.values()) if (!item.id && SENDING.has(item.state)) room -= item.size;
    return room;
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
    if (this.next > PASSED) {
      this.waiting = this.waiting.slice(this.next);
      this.next = 0;
    }
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
    return { filename: item.name, path: item.path, batch: item.batch, batch_total: item.total.count, sha256: item.sha256 };
  }

  async #transport(item) {
    const control = new AbortController();
    item.sending = { pause: () => control.abort() };
    if (item.doubtful && !item.id) {
      const found = await this.#findArrived(item, control.signal);
      if (found && found.status !== "receiving") return found.id;
      if (found) Object.assign(item, { id: found.id, resumable: null });
    }
    if (item.size <= SMALL && !item.id) return sendWhole(item.file, this.#fields(item), control.signal);
    return this.#resumable(item).start();
  }

  /** What came of it when its answer was lost: the file may be there, whole or in part. */
  async #findArrived(item, signal) {
    const there = await arrived(item.batch, { size: item.size, signal });
    return there.get(whoIs(item))?.find(({ id }) => !item.total.ids.has(id));
  }

  #resumable(item) {
    item.resumable ??= new Resumable(item.file, this.#fields(item), {
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
    item.total.ids.add(id);
    this.#done(item);
    Object.assign(item, { state: "sent", sent: item.size, id, sending: null, resumable: null, file: null, tries: 0 });
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
    if (error.status === 401) {
      this.#signedOut(item);
      return;
    }
    if (!passing(error)) {
      this.#refuse(item, error.message || (error.code === "unreadable" ? gettext("The file was moved or changed since it was chosen.") : gettext("The server refused it.")));
      this.changed(item);
      return;
    }
    this.parallel = Math.max(1, Math.ceil(this.parallel / 2));
    const seconds = RETRY_SECONDS[Math.min(item.tries, RETRY_SECONDS.length - 1)] * (0.75 + Math.random() / 2);
    item.tries += 1;
    item.doubtful = true;
    Object.assign(item, { state: "waiting", notBefore: Date.now() + seconds * 1000 });
    item.note = error.status === 0 ? gettext("No connection, goes on by itself") : gettext("The server is busy, goes on by itself");
    this.waiting.push(item.key);
    this.changed(item);
  }

  /** Whoever signs in next may be somebody else: nothing more goes from here. What is kept waits for its owner. */
  #signedOut(item) {
    Object.assign(item, { state: "waiting", note: "" });
    this.waiting.push(item.key);
    this.pauseAll();
  }

  #refuse(item, error) {
    Object.assign(item, { state: "refused", error, sending: null, resumable: null });
    item.count(false);
    this.sum.refused += 1;
    this.#done(item);
  }

  /** Sent, or not to be sent: it need not be remembered. */
  #done(item) {
    this.kept.drop(item);
    this.restored.delete(lookOf(item));
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
    if (!item.resumable) {
      item.doubtful ||= item.state === "sending";
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

  /** Sends what the space has already all the same. */
  keepBoth(item) {
    if (item.state !== "here") return;
    this.sum.here -= 1;
    item.twin = null;
    this.#again(item);
  }

  #again(item) {
    Object.assign(item, { state: "waiting", notBefore: 0, note: "", error: "" });
    item.count(!item.checking);
    this.kept.keep(item);
    this.#queue(item);
    this.changed(item);
    this.#pump();
    this.totals();
  }

  cancel(item) {
    if (!this.items.delete(item.key)) return;
    if (item.resumable) item.resumable.cancel().catch(() => this.#cancelThere(item));
    else if (item.state === "sending" || item.doubtful || item.id) this.#cancelWhole(item);
    if (item.state === "refused") this.sum.refused -= 1;
    if (item.state === "paused") this.sum.paused -= 1;
    if (item.state === "here") this.sum.here -= 1;
    item.state = "gone";
    item.count(false);
    this.twins.forget(item);
    this.#done(item);
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

  /** A request that is broken off may have left something there, under an id that was never told. */
  async #cancelWhole(item) {
    item.sending?.pause();
    await new Promise((resolve) => setTimeout(resolve, SETTLED));
    const found = item.id ? item : await this.#findArrived(item).catch(() => null);
    if (found) this.#cancelThere(found);
  }

  pauseAll() {
    this.stopped = true;
    for (const item of [...this.items.values()]) this.pause(item);
  }

  resumeAll() {
    this.stopped = false;
    for (const item of [...this.items.values()]) this.resume(item);
  }

  keepAllBoth() {
    for (const item of [...this.items.values()]) this.keepBoth(item);
  }

  leaveOutAll() {
    for (const item of [...this.items.values()]) if (item.state === "here") this.cancel(item);
  }

  retryAll() {
    for (const item of [...this.items.values()]) this.retry(item);
  }

  cancelAll() {
    for (const item of [...this.items.values()].reverse()) this.cancel(item);
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
    this.sum = nothing();
    for (const item of this.items.values()) {
      if (item.state !== "refused" && item.state !== "here") continue;
      this.sum.files += 1;
      this.sum.bytes += item.size;
      this.sum[item.state] += 1;
    }
    this.waiting = this.waiting.slice(this.next);
    this.next = 0;
  }
}

/** By what a file that is handed again is known, without reading it. */
const lookOf = ({ file, path }) => `${path || ""}\n${file?.name}\n${file?.size}\n${file?.lastModified}`;

const nothing = () => ({ files: 0, bytes: 0, sent: 0, sentFiles: 0, refused: 0, here: 0, paused: 0, speed: 0, pace: 0 });

/** A random UUID; crypto.randomUUID is not there for pages over plain http. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function mostParallel() {
  const [navigation] = performance.getEntriesByType("navigation");
  return /^h[23]/.test(navigation?.nextHopProtocol ?? "") ? MOST_PARALLEL_H2 : MOST_PARALLEL;
}

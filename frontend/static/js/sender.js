// How the queue's files go out: how many at once, by which way, and what a failure means. Only this begins and breaks off a transfer.

import { ask } from "millrace/boot";
import { Resumable, SMALL, arrived, sendWhole, whoIs } from "millrace/transport";
import { gettext } from "millrace/words";

const FIRST_PARALLEL = 3;
const MOST_PARALLEL = 5; // a browser opens six connections; one stays free for the page itself
const MOST_PARALLEL_H2 = 16;
const CALM = 12; // files without an error before one more goes at once
const RETRY_SECONDS = [1, 2, 5, 10, 20, 30]; // the last one again and again
const SETTLED = 1000; // ms until the server has seen that a request was broken off

/** Whether trying again can help: the line, the server's health, its being busy; not what it refuses. */
const passing = ({ status }) => status === 0 || status >= 500 || [408, 409, 423, 425, 429].includes(status);

export class Sender {
  #active = new Set();
  #parallel = FIRST_PARALLEL;
  #calm = 0;

  /**
   * `changed(item)` hears of every change, `moved(item, bytes)` of what has arrived more. One of `sent(item, id)`,
   * `again(item)` (it waits), `refused(item, why)` and `shutOut(item)` (nobody is signed in) is its end, where nobody broke
   * it off; `over()` comes after each.
   */
  constructor(listeners) {
    Object.assign(this, listeners);
  }

  get moving() {
    return this.#active.size > 0;
  }

  /** Whether one more may go now. */
  get free() {
    return this.#active.size < this.#parallel;
  }

  async send(item) {
    this.#active.add(item);
    Object.assign(item, { state: "sending", note: "", error: "", startedAt: performance.now() });
    this.changed(item);
    try {
      const id = await this.#transport(item);
      this.#active.delete(item);
      this.#arrived(item, id);
    } catch (error) {
      this.#active.delete(item);
      if (error.name !== "AbortError") this.#failed(item, error);
    }
    this.over();
  }

  /** Takes back what has been sent of an item that nobody wants any more. */
  cancel(item) {
    if (item.resumable) item.resumable.cancel().catch(() => this.#cancelThere(item));
    else if (item.state === "sending" || item.doubtful || item.id) this.#cancelWhole(item);
  }

  async #transport(item) {
    const control = new AbortController();
    item.sending = { pause: () => control.abort() };
    if (item.doubtful && !item.id) {
      const found = await this.#findArrived(item, control.signal);
      if (found && found.status !== "receiving") return found.id;
      if (found) Object.assign(item, { id: found.id, resumable: null });
    }
    if (item.size <= SMALL && !item.id) return sendWhole(item.file, fields(item), control.signal);
    return this.#resumable(item).start();
  }

  /** What came of it when its answer was lost: the file may be there, whole or in part. */
  async #findArrived(item, signal) {
    const there = await arrived(item.batch, { size: item.size, signal });
    return there.get(whoIs(item))?.find(({ id }) => !item.total.ids.has(id));
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
    item.sent = sent;
    const seconds = (performance.now() - item.startedAt) / 1000;
    item.firstSent ??= sent;
    item.speed = seconds > 0.3 ? (sent - item.firstSent) / seconds : 0;
    this.moved(item, more);
  }

  #arrived(item, id) {
    this.#calm += 1;
    if (this.#calm >= CALM && this.#parallel < mostParallel()) {
      this.#parallel += 1;
      this.#calm = 0;
    }
    item.total.ids.add(id);
    this.sent(item, id);
  }

  #failed(item, error) {
    this.#calm = 0;
    item.firstSent = undefined;
    if (error.status === 401) this.shutOut(item);
    else if (passing(error)) this.#tryAgain(item, error);
    else this.refused(item, error.message || (error.code === "unreadable" ? gettext("The file was moved or changed since it was chosen.") : gettext("The server refused it.")));
  }

  #tryAgain(item, { status }) {
    this.#parallel = Math.max(1, Math.ceil(this.#parallel / 2));
    const seconds = RETRY_SECONDS[Math.min(item.tries, RETRY_SECONDS.length - 1)] * (0.75 + Math.random() / 2);
    item.tries += 1;
    item.doubtful = true;
    Object.assign(item, { state: "waiting", notBefore: Date.now() + seconds * 1000 });
    item.note = status === 0 ? gettext("No connection, goes on by itself") : gettext("The server is busy, goes on by itself");
    this.again(item);
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
}

const fields = (item) => ({ filename: item.name, path: item.path, batch: item.batch, batch_total: item.total.count, sha256: item.sha256 });

function mostParallel() {
  const [navigation] = performance.getEntriesByType("navigation");
  return /^h[23]/.test(navigation?.nextHopProtocol ?? "") ? MOST_PARALLEL_H2 : MOST_PARALLEL;
}

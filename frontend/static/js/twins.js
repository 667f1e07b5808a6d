// Which files the space has already, asked before a byte of them is sent.

import { ask } from "millrace/boot";
import { digest } from "millrace/digests";

const AT_ONCE = 100; // sizes, or digests, in one question (uploads/reading/shapes.py)
const MOST_FOUND = 1000; // files in one answer
const GATHER = 60; // ms until what has gathered is asked

/**
 * Looks each file up and calls `cleared(item)` or `here(item, file)` once for it.
 *
 * A file whose size no file of the space has is cleared without being read. The others are hashed one after the other in
 * a worker; `item.sha256` is set where that was done. What can't be found out is cleared.
 */
export class Twins {
  #sizes;
  #digests;
  #stops = new Map();

  constructor({ cleared, here }) {
    Object.assign(this, { cleared, here });
    this.#sizes = new Gathering((items) => this.#askSizes(items));
    this.#digests = new Gathering((items) => this.#askDigests(items));
  }

  look(items) {
    if (items.length) this.#sizes.add(items);
  }

  /** No longer wanted; nothing is called for it. */
  forget(item) {
    this.#stops.get(item)?.abort();
    this.#stops.delete(item);
  }

  async #askSizes(items) {
    for (const item of items) this.#stops.set(item, new AbortController());
    const found = await find({ size: distinct(items, "size") });
    const sizes = new Set(found?.items.filter(({ sha256 }) => sha256).map(({ size }) => size));
    for (const item of items) {
      if (found?.next || sizes.has(item.size)) this.#hash(item);
      else this.#clear(item);
    }
  }

  async #hash(item) {
    const stop = this.#stops.get(item);
    if (!stop) return;
    item.sha256 = await digest(item.file, { signal: stop.signal });
    if (item.sha256) this.#digests.add([item]);
    else this.#clear(item);
  }

  async #askDigests(items) {
    const found = await find({ sha256: distinct(items, "sha256") });
    for (const item of items) {
      const twin = found?.items.find(({ sha256 }) => sha256 === item.sha256);
      if (!twin) this.#clear(item);
      else if (this.#stops.delete(item)) this.here(item, twin);
    }
  }

  #clear(item) {
    if (this.#stops.delete(item)) this.cleared(item);
  }
}

const distinct = (items, field) => [...new Set(items.map((item) => item[field]))].join(",");

/** A page of the list; null where the server does not answer: then sending will find out. */
async function find(parameters) {
  try {
    return await ask("GET", "/api/files/", { parameters: { ...parameters, limit: MOST_FOUND } });
  } catch {
    return null;
  }
}

/** Hands on what was added, a little later and not too many at once. */
class Gathering {
  #items = [];
  #timer = 0;

  constructor(run) {
    this.run = run;
  }

  add(items) {
    this.#items.push(...items);
    this.#timer ||= setTimeout(() => this.#flush(), GATHER);
  }

  async #flush() {
    while (this.#items.length) await this.run(this.#items.splice(0, AT_ONCE));
    this.#timer = 0;
  }
}

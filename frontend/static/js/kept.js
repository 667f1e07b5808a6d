// Files of the queue that the browser keeps until they are sent, so that closing the page loses nothing.

import { boot } from "millrace/boot";

export const KEPT = 32 * 1024 * 1024; // bytes; a larger file is handed again by who sends it

/**
 * What this page keeps, and what earlier pages of the same person in the same space have left.
 *
 * Kept are files up to KEPT, of all pages at most as much as workers/keeping.js says, and for three days. Where the
 * browser has no database or no locks (private windows, plain http from another machine), nothing is.
 */
export class Kept {
  #worker = null;
  #name = "";
  #keeping = [];
  #dropping = [];
  #later = 0;
  #restored = () => {};
  #done = () => {};

  /** Takes over what was left: `restored(list)` is called with {key, file, path, batch, count}, again and again. Resolves at the end. */
  restore(restored) {
    this.#restored = restored;
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#start().postMessage({ restore: true });
    });
  }

  /** Keeps an item's file, where it is small enough. */
  keep(item) {
    if (item.kept || item.size > KEPT || !item.file) return;
    item.kept = `${this.#page}/${item.key}`;
    this.#keeping.push({ key: item.kept, file: item.file, path: item.path, batch: item.batch, count: item.total.count });
    this.#soon();
  }

  /** The file is sent, or not wanted any more. */
  drop(item) {
    if (!item.kept) return;
    this.#dropping.push(item.kept);
    item.kept = null;
    this.#soon();
  }

  get #page() {
    this.#name ||= `${boot.user}/${boot.space}/${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`;
    return this.#name;
  }

  #start() {
    if (this.#worker) return this.#worker;
    this.#worker = new Worker(import.meta.resolve("millrace/workers/keeping"), { type: "module" });
    this.#worker.postMessage({ start: { name: this.#page, user: boot.user, space: boot.space } });
    this.#worker.onmessage = ({ data }) => (data.done ? this.#done() : this.#restored(data.restored));
    this.#worker.onerror = () => this.#done();
    return this.#worker;
  }

  #soon() {
    this.#later ||= setTimeout(() => this.#tell(), 100);
  }

  #tell() {
    this.#later = 0;
    const worker = this.#start();
    if (this.#keeping.length) worker.postMessage({ keep: this.#keeping });
    if (this.#dropping.length) worker.postMessage({ drop: this.#dropping });
    this.#keeping = [];
    this.#dropping = [];
  }
}

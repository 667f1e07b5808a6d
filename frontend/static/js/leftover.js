// What an earlier page of the same person had not sent: only this decides what of it has still to go, and that nothing goes twice.

import { arrived, forgetOthers, whoIs } from "millrace/transport";

export class Leftover {
  #kept;
  #restored = new Set(); // looks of the files that go on from an earlier page

  constructor(kept) {
    this.#kept = kept;
  }

  /** Whether a file that is handed again goes on by itself already. */
  has(entry) {
    return this.#restored.size > 0 && this.#restored.has(lookOf(entry));
  }

  /** It is sent, or not wanted any more. */
  done(item) {
    this.#restored.delete(lookOf(item));
  }

  /**
   * Hands over, by `take(list, batch)`, what was left, but for what `items` of this page are already. `batchOf(key)` makes a
   * batch. Resolves to how many files that are.
   */
  async take({ items, batchOf, take }) {
    forgetOthers();
    const batches = new Map();
    await this.#kept.restore((list) => {
      for (const entry of list) {
        if (!batches.has(entry.batch)) batches.set(entry.batch, []);
        batches.get(entry.batch).push(entry);
      }
    });
    const handed = new Set([...items.values()].map(lookOf));
    let count = 0;
    for (const [key, entries] of batches) count += await this.#takeBatch(batchOf(key), entries, { handed, take });
    return count;
  }

  async #takeBatch(batch, entries, { handed, take }) {
    const there = await arrived(batch.key).catch(() => null);
    const left = entries.filter((entry) => this.#isLeft(entry, there ?? new Map(), handed));
    const told = entries.reduce((most, { count }) => Math.max(most, count), 0);
    batch.count = Math.max(0, told - left.length); // the server was told of those that have arrived, too
    batch.told = told;
    if (!left.length) return 0;
    for (const entry of left) this.#restored.add(lookOf(entry));
    await take(left.map(({ file, path, key: kept, id }) => ({ file, path, kept, id, known: true, doubtful: !there })), batch);
    return left.length;
  }

  /** Whether it must still be sent; the answer to a request may have been lost with the page. */
  #isLeft(entry, there, handed) {
    const found = there.get(whoIs({ path: entry.path, name: entry.file.name, size: entry.file.size }))?.shift();
    if ((found && found.status !== "receiving") || handed.has(lookOf(entry))) {
      this.#kept.drop({ kept: entry.key });
      return false;
    }
    entry.id = found?.id ?? null;
    return true;
  }
}

/** By what a file that is handed again is known, without reading it. */
const lookOf = ({ file, path }) => `${path || ""}\n${file?.name}\n${file?.size}\n${file?.lastModified}`;

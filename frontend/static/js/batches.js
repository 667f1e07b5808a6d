// Batches of which this page does not hold every file: what the stream says of them, or else the server when it is asked.

import { ask } from "millrace/boot";

const ASK_AGAIN = 1500; // ms between two questions about one batch

export class Batches {
  #asking = new Set(); // keys of batches

  /** `isShown(group)`: it has a card; `isOwn(group)`: this page has sent all of it; `changed()` shows what was learnt. */
  constructor({ groups, store, isShown, isOwn, changed }) {
    Object.assign(this, { groups, store, isShown, isOwn, changed });
  }

  see(group) {
    if (!group.batch || !this.isShown(group)) return;
    const said = this.store.batches.get(group.key);
    if (said) {
      this.store.batches.delete(group.key);
      this.groups.told(said);
    }
    if (group.total === null && !this.isOwn(group)) group.total = 0;
    else if (group.complete) return;
    if (!this.isOwn(group) && !this.#asking.has(group.key)) this.#learn(group);
  }

  /** Asks about a batch, and again later where it has changed since it was asked. */
  async #learn(group) {
    const { key, told, version } = group;
    this.#asking.add(key);
    const rested = new Promise((resolve) => setTimeout(resolve, ASK_AGAIN));
    const batch = await ask("GET", `/api/batches/${encodeURIComponent(key)}/`).catch(() => null);
    const changed = group.version !== version;
    if (batch && group.told === told) this.groups.told(batch); // the stream may have said meanwhile how it ended
    this.changed();
    const { version: known } = group;
    await rested;
    this.#asking.delete(key);
    if (batch && (changed || group.version !== known)) this.see(group);
  }
}

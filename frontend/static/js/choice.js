// Which files of the page of all files are chosen: one by one, a range of them, or all that are listed.

import { $, setHidden, setText } from "millrace/dom";
import { ngettext } from "millrace/words";

export class Choice {
  #anchor = ""; // the id of the file that a range of choices starts from

  /** `items()` are the files that are listed; `changed()` shows them anew. */
  constructor({ items, changed }) {
    Object.assign(this, { items, changed });
    this.ids = new Set();
    $("lines").addEventListener("click", (event) => {
      const check = event.target.closest(".check");
      if (check) this.choose(check.closest(".line").dataset.id, check.checked, { range: event.shiftKey });
    });
    $("select-all").addEventListener("change", (event) => {
      for (const { id } of this.items()) this.#set(id, event.target.checked);
      this.#show();
    });
  }

  get size() {
    return this.ids.size;
  }

  has(id) {
    return this.ids.has(id);
  }

  clear() {
    this.ids.clear();
    this.#anchor = "";
    this.#show();
  }

  forget(ids) {
    const before = this.size;
    for (const id of ids) this.ids.delete(id);
    if (this.size < before) this.#show();
  }

  /** By id, since rows come and go: a place may be another file's before it is drawn. */
  choose(id, on, { range = false } = {}) {
    const items = this.items();
    const place = (wanted) => items.findIndex((file) => file.id === wanted);
    const places = [id, ...(range ? [this.#anchor] : [])].map(place).filter((at) => at >= 0);
    for (const file of items.slice(Math.min(...places), Math.max(...places) + 1)) this.#set(file.id, on);
    this.#anchor = id;
    this.#show();
  }

  /** Ticks the box for all by how many of what is listed are chosen. */
  tickAll() {
    const all = $("select-all");
    all.checked = this.size > 0 && this.size === this.items().length;
    all.indeterminate = this.size > 0 && !all.checked;
  }

  #set(id, on) {
    if (on) this.ids.add(id);
    else this.ids.delete(id);
  }

  #show() {
    setHidden($("selected"), this.size === 0);
    if (this.size) setText($("selected-words"), ngettext("%(count)s selected", "%(count)s selected", this.size));
    this.changed();
    this.tickAll();
  }
}

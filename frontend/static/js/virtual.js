// A list that holds only the rows that can be seen, each under its key. It works inside a scroller or down the page.

import { inFrame } from "millrace/dom";

const BEYOND = 6; // rows above and below what is seen
const SPARE = 24; // rows that wait to be used again

/**
 * `create()` makes an empty row, `patch(row, item, index)` fills it and is called only where `versionOf(item)` changed,
 * `keyOf(item)` is what makes an item the same one.
 */
export class VirtualRows {
  #rows = new Map();
  #spare = [];
  #held = false;

  constructor(list, { scroller = null, create, patch, keyOf, versionOf = () => NaN, columns = () => 1, height }) {
    Object.assign(this, { list, scroller, create, patch, keyOf, versionOf, columns, height });
    this.items = [];
    this.render = this.render.bind(this);
    list.classList.add("virtual");
    for (const row of [...list.children]) this.#rows.set(row.dataset.id, row); // what the server rendered
    const ask = () => inFrame(this.render);
    this.over = new AbortController();
    (scroller ?? window).addEventListener("scroll", ask, { passive: true, signal: this.over.signal });
    this.resized = new ResizeObserver(ask);
    this.resized.observe(scroller ?? list);
    // rows must not move away from under the pointer or the focus
    list.addEventListener("pointerenter", () => (this.#held = true));
    list.addEventListener("pointerleave", () => (this.#held = false));
  }

  /** Whether somebody is about to point at a row, or has the focus in one. */
  get held() {
    return this.#held || this.list.contains(document.activeElement);
  }

  set(items) {
    this.items = items;
    this.#setTall(); // at once, so that what lies below goes to its place in one go
    inFrame(this.render);
  }

  #setTall() {
    const total = `${Math.ceil(this.items.length / this.columns()) * this.height()}px`;
    if (this.list.style.height !== total) this.list.style.height = total;
  }

  /** Nobody sees them: lets go of every row. */
  release() {
    this.items = [];
    this.#spare = [];
    if (this.#rows.size) this.render();
    this.#spare = [];
  }

  stop() {
    this.over.abort(); // the window lives longer than a list, and would hold it
    this.resized.disconnect();
  }

  /** Brings the item at `index` into sight and gives its link the focus. */
  focus(index) {
    const bounded = Math.max(0, Math.min(this.items.length - 1, index));
    const top = Math.floor(bounded / this.columns()) * this.height();
    const view = this.#view();
    if (top < view.top || top + this.height() > view.bottom) this.#scrollTo(top, view);
    this.render();
    this.#rows.get(this.keyOf(this.items[bounded]))?.querySelector("a")?.focus({ preventScroll: true });
  }

  /** The index of the row that has the focus, -1 if none has. */
  get focused() {
    const row = document.activeElement?.closest("[data-index]");
    return row && this.list.contains(row) ? Number(row.dataset.index) : -1;
  }

  #scrollTo(top, view) {
    if (this.scroller) this.scroller.scrollTop = top - (view.bottom - view.top) / 2;
    else scrollTo(0, this.list.getBoundingClientRect().top + scrollY + top - innerHeight / 2);
  }

  #view() {
    if (this.scroller) return { top: this.scroller.scrollTop, bottom: this.scroller.scrollTop + this.scroller.clientHeight };
    const top = -this.list.getBoundingClientRect().top;
    return { top, bottom: top + innerHeight };
  }

  render() {
    const view = this.#view(); // looked at before anything is changed, or the browser would have to lay out twice
    const height = this.height();
    const columns = this.columns();
    this.#setTall();
    const first = Math.max(0, Math.floor(view.top / height) - BEYOND) * columns;
    const last = Math.min(this.items.length, (Math.ceil(view.bottom / height) + BEYOND) * columns);
    const wanted = new Map();
    for (let index = first; index < last; index += 1) wanted.set(this.keyOf(this.items[index]), index);
    this.#letGo(wanted);
    let before = null;
    for (const [key, index] of wanted) before = this.#show(key, index, before, { height, columns });
  }

  #letGo(wanted) {
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      this.#rows.delete(key);
      row.remove();
      if (this.#spare.length < SPARE) this.#spare.push(row);
    }
  }

  #show(key, index, before, { height, columns }) {
    const item = this.items[index];
    let row = this.#rows.get(key);
    if (!row) {
      row = this.#spare.pop() ?? this.create();
      row.version = undefined;
      this.#rows.set(key, row);
    }
    const place = `translate(${(index % columns) * 100}%, ${Math.floor(index / columns) * height}px)`;
    if (row.place !== place) {
      row.place = place;
      row.style.transform = place;
    }
    if (row.dataset.index !== String(index)) row.dataset.index = index;
    row.classList.toggle("last", index === this.items.length - 1);
    const after = before ? before.nextElementSibling : this.list.firstElementChild;
    if (row !== after) this.list.insertBefore(row, after);
    const version = this.versionOf(item);
    if (row.version !== version || row.item !== item) {
      row.version = version;
      row.item = item;
      this.patch(row, item, index);
    }
    return row;
  }
}

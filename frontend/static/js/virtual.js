// A list that holds only the rows that can be seen, each under its key. It works inside a scroller or down the page.

import { inFrame } from "millrace/dom";

const BEYOND = 360; // px above and below what is seen
const SPARE = 24; // rows that wait to be used again
const UNKNOWN = 5; // rows that are made for a scroller until it has been measured
const ON_PAPER = 1000; // rows that are printed, seen or not
const AT_ONCE = 4; // rows that are written anew in one frame: laying out and painting a list in one go is the page's longest task

/**
 * `create()` makes an empty row, `patch(row, item, index)` fills it and is called only where `versionOf(item)` changed,
 * `keyOf(item)` is what makes an item the same one.
 */
export class VirtualRows {
  #rows = new Map();
  #spare = [];
  #held = false;
  #printed = false; // whether it goes to paper, on which nobody scrolls
  #going = false; // whether rows are left for the next frame
  #seen = { top: 0, height: 0 }; // of a scroller, as when it last scrolled or changed its size: asked for later, it must be laid out first

  constructor(list, { scroller = null, create, patch, keyOf, versionOf = () => NaN, columns = () => 1, height }) {
    Object.assign(this, { list, scroller, create, patch, keyOf, versionOf, columns, height });
    this.items = [];
    this.render = this.render.bind(this);
    list.classList.add("virtual");
    for (const row of list.children) this.#assign(row.dataset.id, row); // what the server rendered
    const ask = () => {
      if (scroller) this.#look();
      inFrame(this.render);
    };
    this.over = new AbortController();
    (scroller ?? window).addEventListener("scroll", ask, { passive: true, signal: this.over.signal });
    this.resized = new ResizeObserver(ask);
    this.resized.observe(scroller ?? list);
    if (!scroller) for (const when of ["beforeprint", "afterprint"]) addEventListener(when, () => this.#print(when === "beforeprint"), { signal: this.over.signal });
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
    const row = this.#rows.get(this.keyOf(this.items[bounded]));
    if (!row) return;
    if (row.late) this.#write(row); // whoever presses Enter goes where the row leads
    row.querySelector("a")?.focus({ preventScroll: true });
  }

  /** The index of the row that has the focus, -1 if none has. */
  get focused() {
    const row = document.activeElement?.closest("[data-index]");
    return row && this.list.contains(row) ? Number(row.dataset.index) : -1;
  }

  #scrollTo(top, view) {
    if (this.scroller) {
      this.scroller.scrollTop = top - (view.bottom - view.top) / 2;
      this.#look();
    } else scrollTo(0, this.list.getBoundingClientRect().top + scrollY + top - innerHeight / 2);
  }

  #print(now) {
    this.#printed = now;
    this.render();
  }

  #look() {
    this.#seen = { top: this.scroller.scrollTop, height: this.scroller.clientHeight };
  }

  #view() {
    if (this.#printed) return { top: 0, bottom: (ON_PAPER / this.columns()) * this.height() };
    if (this.scroller) {
      const { top, height } = this.#seen;
      return { top, bottom: top + (height || UNKNOWN * this.height() - BEYOND) };
    }
    const top = -this.list.getBoundingClientRect().top;
    return { top, bottom: top + innerHeight };
  }

  render() {
    const view = this.#view(); // looked at before anything is changed, or the browser would have to lay out twice
    const height = this.height();
    const columns = this.columns();
    this.#setTall();
    const first = Math.max(0, Math.floor((view.top - BEYOND) / height)) * columns;
    const last = Math.min(this.items.length, Math.ceil((view.bottom + BEYOND) / height) * columns);
    const wanted = new Map();
    for (let index = first; index < last; index += 1) wanted.set(this.keyOf(this.items[index]), index);
    if (this.#isAnother(wanted)) this.#handOn(wanted); // rows stand as their items do, for the keyboard and for readers
    const free = this.#letGo(wanted);
    let before = null;
    const changed = [];
    for (const [key, index] of wanted) {
      const row = this.#place(key, before, free);
      before = row;
      const moved = this.#bring(row, index, { height, columns });
      if (row.version === this.versionOf(this.items[index]) && row.item === this.items[index]) continue;
      if (moved) this.#write(row);
      else changed.push(row);
    }
    for (const row of free) this.#putAway(row);
    this.#writeSome(changed);
  }

  #assign(key, row) {
    row.key = key;
    this.#rows.set(key, row);
  }

  /** Whether most of what is wanted is new, or what stays has another order than before. The focus must stay with its item. */
  #isAnother(wanted) {
    if (this.list.contains(document.activeElement)) return false;
    let before = -1;
    let staying = 0;
    for (const { key } of this.list.children) {
      const index = wanted.get(key);
      if (index === undefined) continue;
      if (index < before) return true;
      before = index;
      staying += 1;
    }
    return staying < wanted.size / 2;
  }

  /** The rows stay where they are and take over the items in turn: to write into a row costs less than to move it. */
  #handOn(wanted) {
    const rows = [...this.list.children];
    this.#rows.clear();
    for (const key of wanted.keys()) {
      const row = rows.shift();
      if (!row) return;
      this.#assign(key, row);
    }
    for (const row of rows) this.#putAway(row);
  }

  /** Rows of what is no longer wanted. They stay where they are until another item has taken them over, or none has. */
  #letGo(wanted) {
    const free = new Set();
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      this.#rows.delete(key);
      if (row.contains(document.activeElement)) this.#putAway(row); // the focus must not go over to another item
      else free.add(row);
    }
    return free;
  }

  #putAway(row) {
    row.remove();
    row.place = ""; // used again, it shows at once whose it is
    if (this.#spare.length < SPARE) this.#spare.push(row);
  }

  /** The row of an item, behind the one before it: its own, the free one that is there already, or any other. */
  #place(key, before, free) {
    let there = before ? before.nextElementSibling : this.list.firstElementChild;
    let row = this.#rows.get(key);
    if (row) while (free.has(there)) there = there.nextElementSibling; // it goes, or is taken to where it is needed
    else {
      row = free.has(there) ? there : (firstOf(free) ?? this.#spare.pop() ?? this.create());
      free.delete(row);
      row.version = undefined;
      this.#assign(key, row);
    }
    if (row.contains(document.activeElement)) this.#makeWay(there, row);
    else if (row !== there) this.list.insertBefore(row, there);
    return row;
  }

  /** A row that is moved loses the focus: those before it go behind instead, and are placed in their turn. */
  #makeWay(first, row) {
    for (let other = first; other !== row; ) {
      const next = other.nextElementSibling;
      this.list.append(other);
      other = next;
    }
  }

  /** Puts a row where its item belongs; returns whether it was elsewhere. */
  #bring(row, index, { height, columns }) {
    const place = `translate(${(index % columns) * 100}%, ${Math.floor(index / columns) * height}px)`;
    const moved = row.place !== place;
    if (moved) {
      row.place = place;
      row.style.transform = place;
    }
    if (row.dataset.index !== String(index)) row.dataset.index = index;
    row.classList.toggle("last", index === this.items.length - 1);
    return moved;
  }

  #write(row) {
    const index = Number(row.dataset.index);
    const item = this.items[index];
    row.version = this.versionOf(item);
    row.item = item;
    row.late = false;
    this.patch(row, item, index);
  }

  /** Of rows that stay where they are, some now and the others in the frames that follow, those first that had to wait. */
  #writeSome(changed) {
    const turns = [...changed.filter(({ late }) => late), ...changed.filter(({ late }) => !late)];
    const most = document.hidden ? Infinity : AT_ONCE;
    for (const [turn, row] of turns.entries()) {
      if (turn < most) this.#write(row);
      else row.late = true;
    }
    if (turns.length <= most || this.#going) return;
    this.#going = true;
    requestAnimationFrame(() => {
      this.#going = false;
      if (!this.over.signal.aborted) this.render();
    });
  }
}

const firstOf = (set) => set.values().next().value;

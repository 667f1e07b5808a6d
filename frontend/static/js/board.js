// The cards of the dashboard: which groups have one, where it stands, and when cards may move.

import { Card, isAlone } from "millrace/cards";
import { $, setHidden } from "millrace/dom";
import { glide } from "millrace/glide";

const ENDED_SHOWN = 12; // groups under "just ended"
const ENDED_KEPT = 30; // groups in memory
const SEEN = 30; // cards that fit in a window, at most

const parts = [...document.querySelectorAll("#standstill, #drop, #sending, .section-head, .dashboard-side, .side-card")];

export class Board {
  #cards = new Map();
  #rooms = new Map(); // elements that come or go, and so make others move
  #arranged = -1; // the version of the groups
  #moving = false;

  /**
   * `isKnown()`: there is more to show than what the server rendered; `filled()` is called when there are cards, `shown(group)`
   * for each group when its card is current; `changed()` asks for `show` soon.
   */
  constructor({ groups, store, pace, isKnown, filled, shown, changed }) {
    Object.assign(this, { groups, store, pace, isKnown, filled, shown, changed });
    this.whole = false; // until the first snapshot is in, what the server rendered stays
  }

  holds(group) {
    return this.#cards.has(group.key);
  }

  /** Whether something waits to be shown or hidden. */
  get waits() {
    return this.#rooms.size > 0;
  }

  show() {
    const { groups } = this;
    if (this.#moving && !document.hidden) this.#showInPlace();
    else if (this.waits || groups.version !== this.#arranged || [...groups.changed].some((group) => this.#cards.get(group.key)?.changesHeight)) this.#move();
    else this.#showCards();
  }

  tick() {
    for (const card of this.#cards.values()) card.tick();
  }

  /** Shows or hides an element above others, when these have come to rest. */
  makeRoom(element, hidden) {
    if (element.hidden === hidden) this.#rooms.delete(element);
    else this.#rooms.set(element, hidden);
    if (this.waits) this.changed();
  }

  async #move() {
    this.#moving = true;
    await glide(movable, () => {
      for (const [element, hidden] of this.#rooms) element.hidden = hidden;
      this.#rooms.clear();
      if (this.isKnown()) this.#showCards();
    });
    this.#moving = false;
    this.changed();
  }

  /** What is new in cards that keep their place and height. What would move others waits until they have come to rest. */
  #showInPlace() {
    for (const group of this.groups.changed) {
      const card = this.#cards.get(group.key);
      if (!card || card.changesHeight) continue;
      card.show();
      this.shown(group);
      this.groups.changed.delete(group);
    }
  }

  #showCards() {
    if (this.groups.version !== this.#arranged) this.#arrange();
    for (const group of this.groups.changed) {
      const card = this.#cards.get(group.key);
      if (card && card.alone !== isAlone(group)) this.#replace(card);
      this.#cards.get(group.key)?.show();
      this.shown(group);
    }
    this.groups.changed.clear();
  }

  #arrange() {
    const { groups, store } = this;
    for (const id of groups.prune(ENDED_KEPT)) store.forget(id);
    for (const key of store.batches.keys()) if (!groups.groups.has(key)) store.batches.delete(key);
    this.#arranged = groups.version;
    const { flight, ended } = groups.split();
    const sections = [["flight", flight], ["ended", ended.slice(0, ENDED_SHOWN)]];
    const wanted = new Set(sections.flatMap(([, list]) => list.map((group) => group.key)));
    for (const [key, card] of this.#cards) {
      if (wanted.has(key)) continue;
      card.remove();
      this.#cards.delete(key);
    }
    for (const [id, list] of sections) if (list.length) setHidden($(id), false); // before: what is hidden can't take the focus along
    for (const [id, list] of sections) this.#place($(`${id}-groups`), list);
    for (const [id, list] of sections) {
      if (this.whole) clear($(`${id}-groups`), list.length);
      setHidden($(id), list.length === 0);
    }
    if (flight.length || ended.length) this.filled();
  }

  #place(container, list) {
    let before = null;
    for (const group of list) {
      const card = this.#cards.get(group.key) ?? this.#add(container, group);
      const after = before ? before.nextElementSibling : container.firstElementChild;
      if (card.element !== after) bring(container, card.element, after);
      before = card.element;
    }
  }

  /** A card; where the server rendered one of the same shape, it goes on with that. */
  #add(container, group) {
    const rendered = container.querySelector(`[data-key="${CSS.escape(group.key)}"]:not(.held)`);
    const usable = rendered && rendered.classList.contains("single") === isAlone(group);
    const card = this.#card(group, usable ? rendered : null);
    card.show();
    return card;
  }

  /** A lone file that got company, or a drop that shrank to one. */
  #replace(card) {
    card.element.replaceWith(this.#card(card.group).element);
    card.remove();
  }

  #card(group, element = null) {
    const card = new Card(group, element);
    card.element.classList.add("held");
    card.pace = (_group, files) => (this.pace.filesPerSecond ? files / this.pace.filesPerSecond : NaN);
    this.#cards.set(group.key, card);
    return card;
  }
}

/** What makes room on this page: its parts, and the cards as far down as they can be seen. */
const movable = () => [...parts, ...inSight("flight-groups"), ...inSight("ended-groups")];

const inSight = (id) => [...$(id).children].slice(0, SEEN);

/** Removes what the server rendered and the stream knows nothing of: all behind the first so many. */
function clear(container, count) {
  while (container.children.length > count) container.lastElementChild.remove();
}

/** Moves a card there; whoever is in it with the keyboard stays in it. */
function bring(container, element, before) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  container.insertBefore(element, before);
  focused?.focus({ preventScroll: true });
}

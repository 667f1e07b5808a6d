// Who goes next: files of the queue in the order in which they came. Only this knows the order, and who must rest before trying again.

const PASSED = 5000; // keys behind the place in the queue before they are let go
const RESTING = 50; // files that rest before the others are not looked at: all of these wait for the same line

export class Waiting {
  #items;
  #due;
  #keys = []; // in order; those that are no longer waiting are passed over
  #next = 0;
  #timer = 0;

  /** `items` are all that there are, by key; `due()` is called when one that had to rest may go. */
  constructor(items, due) {
    this.#items = items;
    this.#due = due;
  }

  add(item) {
    this.#keys.push(item.key);
  }

  /** The next one that may go now; null where there is none, or where it does not fit. */
  take(fits = () => true) {
    if (this.#next > PASSED) this.tidy();
    const now = Date.now();
    let soonest = Infinity;
    for (let at = this.#next; at < this.#keys.length; at += 1) {
      const item = this.#items.get(this.#keys[at]);
      if (item?.state !== "waiting") {
        if (at === this.#next) this.#next += 1;
        continue;
      }
      if (item.notBefore <= now) {
        if (!fits(item)) return null;
        if (at === this.#next) this.#next += 1;
        else this.#keys.splice(at, 1);
        return item;
      }
      soonest = Math.min(soonest, item.notBefore);
      if (at - this.#next > RESTING) break;
    }
    clearTimeout(this.#timer);
    if (soonest < Infinity) this.#timer = setTimeout(this.#due, soonest - now + 10);
    return null;
  }

  /** Nobody needs to rest any longer: all may go. */
  wake() {
    for (const item of this.#items.values()) item.notBefore = 0;
    this.#due();
  }

  /** Lets go of the keys of those who have gone. */
  tidy() {
    this.#keys = this.#keys.slice(this.#next);
    this.#next = 0;
  }

  clear() {
    this.#keys = [];
    this.#next = 0;
  }
}

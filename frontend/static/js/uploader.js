// The queue of what this page sends: what comes into it, and what becomes of it. Only this changes what an item waits for.

import { refusal, roomBeside } from "millrace/admission";
import { All, One } from "millrace/commands";
import { sliced } from "millrace/dom";
import { Item } from "millrace/item";
import { Kept } from "millrace/kept";
import { Leftover } from "millrace/leftover";
import { nextLoad } from "millrace/load";
import { Sender, SETTLED } from "millrace/sender";
import { Sums } from "millrace/sums";
import { SMALL } from "millrace/transport";
import { Twins } from "millrace/twins";
import { Waiting } from "millrace/waiting";
import { gettext } from "millrace/words";

export class Uploader {
  /**
   * `changed(item)` and `gone(item)` hear of every change; `totals()` when the sums have changed; `room()` says how many
   * bytes the space can still take.
   */
  constructor({ changed, gone, totals, room }) {
    Object.assign(this, { changed, gone, totals, room });
    this.kept = new Kept();
    this.twins = new Twins({ cleared: (item) => this.#cleared(item), here: (item, twin) => this.#here(item, twin) });
    this.items = new Map();
    this.leftover = new Leftover(this.kept);
    this.waiting = new Waiting(this.items, () => this.pump());
    this.sender = this.#makeSender();
    this.sum = new Sums(totals, () => this.sender.moving);
    this.stopped = false;
    this.coming = new Set(); // drops of which files are still put in
    this.one = new One(this);
    this.all = new All(this);
    addEventListener("online", () => this.waiting.wake());
    addEventListener("shutout", () => this.all.pause()); // who signs in next may be somebody else
    addEventListener("beforeunload", (event) => {
      if (this.busy) event.preventDefault();
    });
  }

  /** Whether leaving now would break something off. */
  get busy() {
    return this.coming.size > 0 || this.sum.busy;
  }

  /**
   * Takes in a drop: `read(found)` hands over its files, list by list, and they are put in in slices that let the page breathe.
   * The first may be received before the last are here, so it is busy until all are. What is not here yet when everything is
   * cancelled is left out.
   */
  async take(read, batch) {
    const drop = {};
    const put = (some) => (this.coming.has(drop) ? this.add(some, batch) : some.forEach((entry) => this.#done(entry)));
    this.#begin();
    this.coming.add(drop);
    try {
      await read((list) => sliced(list, put));
    } finally {
      this.coming.delete(drop);
      this.totals();
    }
  }

  /**
   * Puts files of a drop (millrace/admission) in the queue; what can't be taken is refused here, before a byte is sent.
   * Large ones are looked up first, in case that the space has them already.
   */
  add(list, batch) {
    this.#begin();
    const unknown = [];
    this.left = roomBeside(this.items.values(), this.room());
    for (const entry of list) {
      if (!entry.known && this.leftover.has(entry)) continue; // handed again, while it goes on by itself
      const item = this.#enter(entry, batch);
      if (item.checking) unknown.push(item);
      if (item.state !== "refused") this.kept.keep(item);
      this.changed(item);
    }
    this.twins.look(unknown);
    this.pump();
    this.totals();
  }

  #begin() {
    if (this.busy) return;
    this.sum.forget(this.items.values());
    this.waiting.tidy();
  }

  #enter({ file, path, kept = null, id = null, known = false, doubtful = false }, batch) {
    const item = Object.assign(new Item(file, path, batch), { kept, id, doubtful });
    batch.given += 1;
    this.items.set(item.key, item);
    this.sum.files += 1;
    this.sum.bytes += item.size;
    const no = known ? "" : refusal(item, batch, this.left);
    if (no) {
      this.#refuse(item, no);
      return item;
    }
    this.left -= item.size;
    item.checking = !known && item.size > SMALL;
    item.count(!item.checking);
    if (this.stopped) this.hold(item);
    else this.#queue(item);
    return item;
  }

  #queue(item) {
    if (item.checking) item.note = gettext("Looking whether it is here already");
    else this.waiting.add(item);
  }

  /** The space does not have it, or has nothing to say about it: it goes on its way. */
  #cleared(item) {
    if (!this.items.has(item.key)) return;
    Object.assign(item, { checking: false, note: "" });
    item.count(true);
    if (item.state === "waiting") this.#queue(item);
    this.changed(item);
    this.pump();
  }

  #here(item, twin) {
    if (!this.items.has(item.key)) return;
    if (item.state === "paused") this.sum.paused -= 1;
    Object.assign(item, { checking: false, note: "", twin, state: "here" });
    this.sum.here += 1;
    this.kept.drop(item);
    this.changed(item);
    this.totals();
  }

  /** Takes up what was not sent when this person's last page closed. Resolves to how many files that are. */
  restore(batchOf) {
    return this.leftover.take({ items: this.items, batchOf, take: (list, batch) => this.take((found) => found(list), batch) });
  }

  // -- the queue ---------------------------------------------------------------------------------------------------------

  #makeSender() {
    return new Sender({
      changed: this.changed,
      moved: (item, more) => {
        this.sum.sent += more;
        this.changed(item);
        this.totals();
      },
      sent: (item, id) => this.#sent(item, id),
      again: (item) => {
        this.waiting.add(item);
        this.changed(item);
      },
      refused: (item, why) => {
        this.#refuse(item, why);
        this.changed(item);
      },
      shutOut: (items) => this.#signedOut(items),
      over: () => {
        this.pump();
        this.totals();
      },
    });
  }

  /** Sends as much as may go at once. */
  pump() {
    while (!this.stopped && this.sender.free) {
      const load = nextLoad(this.waiting);
      if (!load.length) break;
      this.sender.send(load);
    }
    this.sum.watch();
  }

  #sent(item, id) {
    this.sum.sent += item.size - item.sent;
    this.sum.sentFiles += 1;
    this.#done(item);
    Object.assign(item, { state: "sent", sent: item.size, id, sending: null, resumable: null, file: null, tries: 0 });
    this.changed(item);
    this.items.delete(item.key);
  }

  /** Whoever signs in next may be somebody else: nothing more goes from here. What is kept waits for its owner. */
  #signedOut(items) {
    for (const item of items) this.waiting.add(Object.assign(item, { state: "waiting", note: "" }));
    this.all.pause();
  }

  #refuse(item, error) {
    Object.assign(item, { state: "refused", error, sending: null, resumable: null });
    item.count(false);
    this.sum.refused += 1;
    this.#done(item);
  }

  /** Sent, or not to be sent: it need not be remembered. */
  #done(item) {
    this.kept.drop(item);
    this.leftover.done(item);
  }

  // -- what is said of it (millrace/commands) ---------------------------------------------------------------------------------

  /** It waits for a word. What can't be gone on with begins anew. */
  hold(item) {
    if (!item.resumable) {
      item.doubtful ||= item.state === "sending";
      this.sum.sent -= item.sent;
      item.sent = 0;
    }
    Object.assign(item, { state: "paused", note: "", firstSent: undefined, notBefore: Date.now() + SETTLED });
    this.sum.paused += 1;
  }

  /** It waits for its turn, like the others. */
  again(item) {
    Object.assign(item, { state: "waiting", notBefore: item.doubtful ? Math.min(item.notBefore, Date.now() + SETTLED) : 0, note: "", error: "" });
    item.count(!item.checking);
    this.kept.keep(item);
    this.#queue(item);
    this.changed(item);
    this.pump();
    this.totals();
  }

  /** It is not to be sent, and whatever of it has been is not wanted. */
  remove(item) {
    this.items.delete(item.key);
    this.sender.cancel(item);
    if (item.state === "refused") this.sum.refused -= 1;
    if (item.state === "paused") this.sum.paused -= 1;
    if (item.state === "here") this.sum.here -= 1;
    item.state = "gone";
    item.count(false);
    this.sender.settle(item.total);
    this.twins.forget(item);
    this.#done(item);
    this.sum.files -= 1;
    this.sum.bytes -= item.size;
    this.sum.sent -= item.sent;
    this.gone(item);
    this.totals();
  }
}

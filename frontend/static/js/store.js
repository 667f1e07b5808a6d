// The state of a space as the stream tells it. Pure: no page, no socket, no clock.

/**
 * Applies frames of the stream and says what changed.
 *
 * `watch(change)` is called once for every file that came, changed or went: {type, before, file, live} where type is
 * "put", "gone", or "unheld" (it exists, but is no longer followed); `before` is the file as it was, or undefined; `live`
 * says that it has just happened, rather than been told by a snapshot, and `created` that it is new in the space. Events whose
 * number is known already are dropped, so it does no harm to hear one twice.
 */
export class Store {
  #watch;
  #missed = new Set(); // a list of changes for each answer that is on its way
  #arriving = null; // ids of the snapshot that is coming in, frame by frame

  constructor(watch = () => {}) {
    this.#watch = (change) => {
      for (const changes of this.#missed) changes.push(change);
      watch(change);
    };
    this.files = new Map();
    this.counts = null;
    this.cursor = null;
    this.seq = 0;
    this.batches = new Map(); // what batch.ended said
  }

  /** Applies one frame; returns whether the state is now whole (false inside a snapshot). */
  apply(frame) {
    switch (frame.type) {
      case "snapshot":
        return this.#snapshot(frame);
      case "events":
        for (const event of frame.events) this.#event(event);
        this.cursor = frame.cursor;
        this.counts = frame.counts;
        return true;
      case "progress":
        for (const progress of frame.files) this.#progress(progress);
        return true;
      default:
        return true;
    }
  }

  /** Whether `cursor` (of a position frame) tells of events that never came. */
  missed(cursor) {
    return this.cursor !== null && cursor !== this.cursor;
  }

  /** [answer, changes]: what a request is answered, and what was told while that was on its way; the answer may be older. */
  async meanwhile(asked) {
    const changes = [];
    this.#missed.add(changes);
    try {
      return [await asked, changes];
    } finally {
      this.#missed.delete(changes);
    }
  }

  /** Lets go of a file without saying that it is gone. */
  forget(id) {
    this.files.delete(id);
  }

  #snapshot(frame) {
    if (this.#arriving === null) this.#arriving = new Set();
    for (const file of frame.files) {
      this.#arriving.add(file.id);
      this.#put(file, false);
    }
    if (!frame.last) return false;
    const kept = this.#arriving;
    this.#arriving = null;
    for (const [id, file] of this.files) {
      if (kept.has(id)) continue;
      this.files.delete(id);
      this.#watch({ type: "unheld", before: file, file, live: false });
    }
    this.cursor = frame.cursor;
    this.counts = frame.counts;
    this.seq = 0;
    return true;
  }

  #event(event) {
    if (event.seq <= this.seq) return;
    this.seq = event.seq;
    if (event.type === "batch.ended") this.batches.set(event.batch.id, event.batch);
    else if (event.type === "file.deleted") this.#gone(event.file);
    else this.#put(event.file, true, event.type === "file.created");
  }

  #put(file, live, created = false) {
    const before = this.files.get(file.id);
    const now = { ...file };
    if (before && before.attempt === now.attempt && before.status === now.status) keepFurthest(before, now);
    this.files.set(file.id, now);
    this.#watch({ type: "put", before, file: now, live, created });
  }

  #gone(file) {
    const before = this.files.get(file.id);
    this.files.delete(file.id);
    this.#watch({ type: "gone", before, file, live: true });
  }

  #progress(progress) {
    const before = this.files.get(progress.id);
    if (!before || progress.attempt < before.attempt) return;
    const now = { ...before };
    if (progress.step === "receive") {
      if (before.status !== "receiving" || progress.done < before.received) return;
      now.received = progress.done;
      now.eta_s = progress.eta_s;
    } else {
      if (before.status !== "processing") return;
      const { step: name, done, total, unit, eta_s } = progress;
      const same = before.step?.name === name ? before.step : null;
      if (same && same.done > done) return;
      // whoever joins is told the newest measure once more, which is no sign of life
      const since = same && same.done === done ? (same.stalled_since ?? null) : null;
      now.step = { name, done, total, unit, eta_s, stalled_since: since };
    }
    this.files.set(now.id, now);
    this.#watch({ type: "put", before, file: now, live: true });
  }
}

/** An event may have been written before a measure that overtook it; a measure never goes back. */
function keepFurthest(before, now) {
  if (now.status === "receiving" && before.received > now.received) now.received = before.received;
  if (now.step && before.step?.name === now.step.name && (before.step.done ?? 0) > (now.step.done ?? 0)) {
    now.step = { ...before.step, stalled_since: now.step.stalled_since ?? null };
  }
}

// What people say about one file of the queue, or about all of them. Only this pauses, goes on, tries again, keeps both and cancels.

export class One {
  #uploader;

  constructor(uploader) {
    this.#uploader = uploader;
  }

  pause(item) {
    if (item.state !== "waiting" && item.state !== "sending") return;
    const { sending, state } = item;
    this.#uploader.hold(item);
    if (state === "sending") sending.pause();
    this.#uploader.changed(item);
    this.#uploader.pump();
    this.#uploader.totals();
  }

  resume(item) {
    if (item.state !== "paused") return;
    this.#uploader.stopped = false;
    this.#uploader.sum.paused -= 1;
    this.#uploader.again(item);
  }

  retry(item) {
    if (item.state !== "refused" || !item.file) return;
    this.#uploader.sum.refused -= 1;
    item.tries = 0;
    this.#uploader.again(item);
  }

  /** Sends what the space has already all the same. */
  keepBoth(item) {
    if (item.state !== "here") return;
    this.#uploader.sum.here -= 1;
    item.twin = null;
    this.#uploader.again(item);
  }

  cancel(item) {
    if (this.#uploader.items.has(item.key)) this.#uploader.remove(item);
  }
}

export class All {
  #uploader;

  constructor(uploader) {
    this.#uploader = uploader;
  }

  pause() {
    this.#uploader.stopped = true;
    this.#each((item, one) => one.pause(item));
  }

  resume() {
    this.#uploader.stopped = false;
    this.#each((item, one) => one.resume(item));
  }

  retry() {
    this.#each((item, one) => one.retry(item));
  }

  keepBoth() {
    this.#each((item, one) => one.keepBoth(item));
  }

  leaveOut() {
    this.#each((item, one) => item.state === "here" && one.cancel(item));
  }

  /** The last ones first: those before them keep their places in the lists that they leave. What is still to come never does. */
  cancel() {
    this.#uploader.coming.clear();
    for (const item of [...this.#uploader.items.values()].reverse()) this.#uploader.one.cancel(item);
    this.#uploader.waiting.clear();
    this.#uploader.stopped = false;
  }

  #each(run) {
    for (const item of [...this.#uploader.items.values()]) run(item, this.#uploader.one);
  }
}

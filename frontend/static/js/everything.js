// What people say about all files of the queue at once. Only this goes through all of them for that.

export class Everything {
  constructor(uploader) {
    this.uploader = uploader;
  }

  pause() {
    this.uploader.stopped = true;
    this.#each((item) => this.uploader.pause(item));
  }

  resume() {
    this.uploader.stopped = false;
    this.#each((item) => this.uploader.resume(item));
  }

  retry() {
    this.#each((item) => this.uploader.retry(item));
  }

  keepBoth() {
    this.#each((item) => this.uploader.keepBoth(item));
  }

  leaveOut() {
    this.#each((item) => item.state === "here" && this.uploader.cancel(item));
  }

  /** The last ones first: those before them keep their places in the lists that they leave. */
  cancel() {
    for (const item of [...this.uploader.items.values()].reverse()) this.uploader.cancel(item);
    this.uploader.waiting.clear();
    this.uploader.stopped = false;
  }

  #each(run) {
    for (const item of [...this.uploader.items.values()]) run(item);
  }
}

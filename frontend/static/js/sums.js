// What this page sends, in sums: how many files and bytes, how many of them are there, how fast. Only this measures the speed.

const SAMPLE = 500; // ms between two looks at the speed
const NOTHING = { files: 0, bytes: 0, sent: 0, sentFiles: 0, refused: 0, here: 0, paused: 0, speed: 0, pace: 0 };

export class Sums {
  #told;
  #moving;
  #last = { at: 0, sent: 0, files: 0 };
  #ticking = 0;

  /** `told()` hears of a new speed; `moving()` says whether anything is under way. */
  constructor(told, moving) {
    Object.assign(this, NOTHING);
    this.#told = told;
    this.#moving = moving;
  }

  /** Whether something has still to be sent. */
  get busy() {
    return this.sentFiles + this.refused + this.here < this.files;
  }

  /** Begins anew, with those of `items` that somebody has to do something about. */
  forget(items) {
    Object.assign(this, NOTHING);
    for (const item of items) {
      if (item.state !== "refused" && item.state !== "here") continue;
      this.files += 1;
      this.bytes += item.size;
      this[item.state] += 1;
    }
  }

  /** Looks at the speed again and again, as long as anything is under way. */
  watch() {
    if (this.#ticking || !this.#moving()) return;
    this.#last = { at: performance.now(), sent: this.sent, files: this.sentFiles };
    this.#ticking = setInterval(() => this.#look(), SAMPLE);
  }

  #look() {
    const now = performance.now();
    const since = (count, before) => ((count - before) * 1000) / (now - this.#last.at);
    const speed = since(this.sent, this.#last.sent);
    const pace = since(this.sentFiles, this.#last.files);
    this.speed = this.speed ? this.speed * 0.7 + speed * 0.3 : speed;
    this.pace = this.pace ? this.pace * 0.8 + pace * 0.2 : pace;
    this.#last = { at: now, sent: this.sent, files: this.sentFiles };
    if (!this.#moving()) {
      clearInterval(this.#ticking);
      this.#ticking = 0;
      this.speed = this.pace = 0;
    }
    this.#told();
  }
}

// How full the space is, kept true by what comes and goes.

import { $, setPart, setText } from "millrace/dom";
import { bytes, gettext } from "millrace/words";

export class Storage {
  constructor({ used, quota }) {
    this.used = used;
    this.quota = quota; // 0 for no limit
    this.changed = true;
  }

  /** A change of a file, as the store tells it. A file counts with its whole size from its creation on. */
  see({ type, before, file, live, created }) {
    if (!live || (type === "put" && !before && !created)) return; // one that the page no longer held has been counted
    const was = before ? (before.size ?? 0) : 0;
    const is = type === "gone" ? 0 : (file.size ?? 0);
    const known = type === "gone" && !before ? (file.size ?? 0) : was;
    if (is === known) return;
    this.used = Math.max(0, this.used + is - known);
    this.changed = true;
  }

  show() {
    if (!this.changed) return;
    this.changed = false;
    const used = bytes(this.used);
    setText($("storage-words"), this.quota ? gettext("%(used)s of %(quota)s used", { used, quota: bytes(this.quota) }) : gettext("%(used)s used", { used }));
    if (!this.quota) return;
    const bar = $("storage-bar");
    setPart(bar.firstElementChild, this.used / this.quota);
    bar.setAttribute("aria-valuenow", Math.min(100, Math.floor((100 * this.used) / this.quota)));
  }
}

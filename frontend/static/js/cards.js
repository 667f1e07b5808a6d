// A drop as one thing on the dashboard: its head with one bar, its rows. The markup is the server's (parts/batch.html).

import { boot } from "millrace/boot";
import { clone, setData, setHidden, setPart, setText } from "millrace/dom";
import { createRow, patchRow } from "millrace/row";
import { VirtualRows } from "millrace/virtual";
import { bytes, dotted, gettext, left, ngettext, number } from "millrace/words";

const OPEN_ROWS = 8; // a batch of more files than this is folded once it has ended (uploads/reading/rows.py)
const PEEK_ROWS = 5; // of those that a large batch shows until somebody asks for more (batch.css)
const SETTLE = 700; // ms between two sortings of a large batch

/** The height of a row as the style sheet has it; looked up again when the window changes. */
let height = 0;
addEventListener("resize", () => (height = 0));
function rowHeight() {
  height ||= parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 64;
  return height;
}

/** What an element shows of one group: a lone row, or a batch with a head. */
export class Card {
  #sortedAt = 0;
  #height = "";

  constructor(group, element = null) {
    this.group = group;
    this.alone = isAlone(group);
    this.element = element ?? clone(this.alone ? "single-template" : "batch-template");
    this.element.dataset.key = group.key;
    this.element.card = this;
    const find = (selector) => this.element.querySelector(selector);
    this.body = find(".batch-body");
    this.list = find(".rows");
    this.rows = new VirtualRows(this.list, {
      scroller: this.body,
      create: createRow,
      patch: patchRow,
      keyOf: (entry) => entry.key, // a file whose address becomes known stays the same row, which may have the focus
      versionOf: (entry) => entry.version,
      height: rowHeight,
    });
    if (this.alone) return;
    this.head = {
      fold: find(".batch-fold"),
      title: find(".batch-title"),
      about: find(".batch-about"),
      bar: find(".batch-bar"),
      received: find(".batch-bar .bar-received"),
      done: find(".batch-bar .bar-done"),
      failed: find(".batch-bar .bar-failed"),
      actions: Object.fromEntries([...this.element.querySelectorAll(".batch-head [data-action]")].map((button) => [button.dataset.action, button])),
    };
    this.chosen = false; // whether somebody has folded or unfolded it
    this.head.fold.onclick = () => {
      this.chosen = true;
      this.open = !this.open;
      this.show();
    };
  }

  /** Whether it has to become taller or lower, or another card. */
  get changesHeight() {
    return this.alone !== isAlone(this.group) || (!this.alone && this.#wanted !== this.#height);
  }

  /** What its height depends on: how many rows can be seen without scrolling, and whether there is a bar. */
  get #wanted() {
    const { group, chosen } = this;
    const open = chosen ? this.open : this.#opensItself;
    const rows = open ? Math.min(group.entries.length, group.size > OPEN_ROWS && !chosen ? PEEK_ROWS : OPEN_ROWS) : 0;
    return `${rows} ${group.active}`;
  }

  get #opensItself() {
    return this.group.size <= OPEN_ROWS || this.group.active;
  }

  show() {
    const { group } = this;
    if (this.alone) {
      this.rows.set(group.entries);
      return;
    }
    this.#height = this.#wanted;
    if (!this.chosen) this.open = this.#opensItself;
    this.body.classList.toggle("peek", group.size > OPEN_ROWS && !this.chosen);
    this.#showHead();
    setHidden(this.body, !this.open);
    const expanded = String(this.open);
    if (this.head.fold.getAttribute("aria-expanded") !== expanded) this.head.fold.setAttribute("aria-expanded", expanded);
    if (this.open) this.rows.set(this.#order());
    else this.rows.release();
  }

  /** A large batch shows what moves first, but never sorts away what somebody is pointing at. */
  #order() {
    const { group } = this;
    if (group.entries.length <= OPEN_ROWS) return group.inOrder();
    const now = performance.now();
    const sameLength = this.sorted?.length === group.entries.length;
    if (sameLength && (this.rows.held || now - this.#sortedAt < SETTLE)) return this.sorted;
    this.#sortedAt = now;
    this.sorted = group.ranked();
    return this.sorted;
  }

  #showHead() {
    const { group, head } = this;
    const numbers = group.numbers;
    const count = (...statuses) => statuses.reduce((sum, status) => sum + (numbers[status] ?? 0), 0);
    const size = Math.max(group.size, Object.values(numbers).reduce((sum, each) => sum + each, 0));
    const ended = count("processed", "failed", "cancelled", "refused", "here");
    const failed = count("failed", "refused");
    const title = dotted(group.folder, ngettext("%(count)s file", "%(count)s files", size));
    setText(head.title, title);
    setText(head.about, this.#about(size, numbers, count));
    setData(this.element, "status", group.active ? "active" : "ended");
    setPart(head.received, group.bytes ? group.received / group.bytes : ended / size);
    setPart(head.done, (ended - failed) / size);
    setPart(head.failed, failed / size);
    const percent = String(Math.floor((100 * ended) / size));
    if (head.bar.getAttribute("aria-valuenow") !== percent) head.bar.setAttribute("aria-valuenow", percent);
    if (head.bar.getAttribute("aria-label") !== title) head.bar.setAttribute("aria-label", title);
    setHidden(head.actions["retry-all"], !boot.mayUpload || failed === 0);
    setHidden(head.actions["pause-all"], group.count("waiting", "sending") === 0);
    setHidden(head.actions["resume-all"], group.count("paused") === 0);
    setHidden(head.actions["cancel-all"], !boot.mayUpload || !group.active);
  }

  #about(size, numbers, count) {
    const { group } = this;
    const processed = count("processed");
    const failed = count("failed");
    const parts = [];
    if (processed === size) parts.push(gettext("all processed"));
    else parts.push(gettext("%(done)s of %(total)s processed", { done: number(processed), total: number(size) }));
    if (failed) parts.push(gettext("%(n)s failed", { n: number(failed) }));
    if (count("refused")) parts.push(gettext("%(n)s not sent", { n: number(count("refused")) }));
    if (count("here")) parts.push(gettext("%(n)s already here", { n: number(count("here")) }));
    if (count("cancelled")) parts.push(gettext("%(n)s cancelled", { n: number(count("cancelled")) }));
    if (group.bytes && group.complete) parts.push(bytes(group.bytes));
    if (group.active && !group.sending) parts.push(left(this.pace?.(group, size - processed - failed) ?? NaN));
    return dotted(...parts);
  }

  /** Rows whose words change with the clock alone. */
  tick() {
    if (this.alone || this.open) {
      for (const entry of this.group.entries.slice(0, OPEN_ROWS)) entry.version += 1;
      this.show();
    }
  }

  remove() {
    this.rows.stop();
    this.element.remove();
  }
}

/** A file that came by itself needs no head. */
export const isAlone = (group) => group.size === 1;

// What people do to the rows and cards of the dashboard: by the queue of this page while a file is being sent, else by the server.

import { act, actOnAll, actOnBatch } from "millrace/actions";

const OF_FILES = new Set(["retry", "delete"]); // what is done to a file that is there, not to its sending

export class Doing {
  #uploader;
  #queue;

  /** `uploader` is null for those who may not upload. */
  constructor(uploader) {
    this.#uploader = uploader;
    const one = uploader?.one;
    this.#queue = {
      pause: (item) => one.pause(item),
      resume: (item) => one.resume(item),
      retry: (item) => one.retry(item),
      cancel: (item) => one.cancel(item),
      delete: (item) => one.cancel(item),
      keep: (item) => one.keepBoth(item),
      leave: (item) => one.cancel(item),
    };
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-action]");
      if (!button) return;
      event.preventDefault();
      const { action } = button.dataset;
      const row = button.closest(".row");
      if (row) this.toRow(row, action);
      else this.#toGroup(button.closest(".batch").card.group, action);
    });
  }

  toRow(row, action) {
    const entry = row?.entry;
    if (!entry) return;
    const { item } = entry;
    const id = entry.id ?? item?.id; // an answer may come before the event
    const queued = item && this.#uploader.items.has(item.key) && !(OF_FILES.has(action) && cameFirst(entry));
    if (queued && this.#queue[action]) this.#queue[action](item);
    else if (id) act({ id, name: entry.name }, action);
  }

  #toGroup(group, action) {
    const mine = group.entries.filter(({ item }) => item && this.#uploader?.items.has(item.key));
    const verb = action.replace("-all", "");
    for (const { item } of mine) if (verb !== "retry" || item.state === "refused") this.#queue[verb](item);
    if (verb === "retry" && group.numbers.failed) actOnGroup(group, ["failed"], "retry");
    if (verb === "cancel" && (group.numbers.receiving || group.numbers.queued || group.numbers.processing)) actOnGroup(group, ["receiving", "queued", "processing"], "cancel");
  }
}

/** Whether the event of a file has come before the answer to its sending. */
const cameFirst = ({ file, item }) => Boolean(file && file.status !== "receiving" && item.state !== "refused");

/** By its batch, or where it has none (what came out of one file) by the files that are here. */
function actOnGroup(group, statuses, action) {
  if (group.batch) return actOnBatch(group.batch, statuses, action);
  const ids = group.entries.filter(({ id, status }) => id && statuses.includes(status)).map(({ id }) => id);
  return ids.length ? actOnAll(ids, action) : null;
}

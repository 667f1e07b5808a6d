// How files come to the page: picked, dropped (folders too), pasted. Gives lists of {file, path}; sends nothing.

import { breathe } from "millrace/dom";

const AT_ONCE = 500; // files between two breaths of the page

/** Files of an <input type="file">; of a picked folder with their paths. */
export function fromInput(input) {
  return [...input.files].map((file) => ({ file, path: file.webkitRelativePath || "" }));
}

/** Whether a drag or a paste brings files. */
export const bringsFiles = (transfer) => Boolean(transfer) && [...transfer.types].includes("Files");

/**
 * Everything in a drop, folders walked through. Must be called while the event is being handled, since the browser
 * empties the transfer afterwards. `found(list)` is called again and again, so that sending can begin at once, and waited for.
 */
export async function fromTransfer(transfer, found) {
  const roots = [];
  const loose = [];
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry?.();
    if (entry?.isDirectory) roots.push(entry);
    else {
      const file = item.getAsFile();
      if (file) loose.push({ file, path: "" });
    }
  }
  if (loose.length) await found(loose);
  for (const root of roots) await walk(root, found);
}

async function walk(root, found) {
  const waiting = [root];
  let batch = [];
  while (waiting.length) {
    const entry = waiting.pop();
    if (entry.isDirectory) waiting.push(...(await children(entry)).reverse());
    else batch.push({ file: await fileOf(entry), path: entry.fullPath.replace(/^\//, "") });
    if (batch.length >= AT_ONCE) {
      await found(batch);
      batch = [];
      await breathe();
    }
  }
  if (batch.length) await found(batch);
}

/** All entries of a folder; a reader gives at most 100 a time. */
async function children(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return all;
    all.push(...some);
  }
}

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

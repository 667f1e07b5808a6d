// Keeps the files of a queue in the browser's own database until they are sent. Runs in a worker; millrace/kept speaks to it.
//
// What a page keeps bears the page's name, and the page holds a lock of that name as long as it lives. A later page of the
// same person and space takes over what has no living page any more. What belongs to somebody else is removed unseen.

const MOST_BYTES = 256 * 1024 * 1024; // in this browser, whoever keeps them
const MOST_FILES = 10_000;
const MOST_DAYS = 3;
const INLINE = 256 * 1024; // bytes; up to here the content itself is written, beyond it the browser copies the file
const AT_ONCE = 64; // files, and
const BYTES_AT_ONCE = 8 * 1024 * 1024; // bytes in one transaction
const PATIENCE = 3000; // ms to wait for the lock of a page that is just closing
const DROP_LATER = 200; // ms
const DAY = 86_400_000; // ms

const waiting = []; // the last one is kept first: it will wait longest
const wanted = new Set(); // keys of those that wait and were not sent meanwhile
const dropping = new Set();
let page = null; // {name, user, space}
let opened = null;
let writing = false;
let useless = false; // nothing can be kept here
let kept = { files: 0, bytes: 0 }; // by all pages, when last looked
let timer = 0;

onmessage = ({ data }) => {
  const [[what, value]] = Object.entries(data);
  DO[what](value);
};

const DO = {
  start(given) {
    page = given;
    if (!globalThis.indexedDB || !navigator.locks) useless = true;
    else opened = hold(page.name).then(open).catch(giveUp);
  },
  keep(entries) {
    if (useless) return;
    for (const entry of entries) {
      waiting.push(entry);
      wanted.add(entry.key);
    }
    write();
  },
  drop(keys) {
    for (const key of keys) if (!wanted.delete(key)) dropping.add(key);
    timer ||= setTimeout(removeDropped, DROP_LATER);
  },
  async restore() {
    try {
      if (await opened) await restoreAll();
    } catch {
      // what can't be read is not there
    }
    postMessage({ done: true });
  },
};

function giveUp() {
  useless = true;
  return null;
}

/** Takes a lock for as long as this worker lives; rejects when somebody else still has it after `patience` ms. */
function hold(name, patience = null) {
  return new Promise((resolve, reject) => {
    const options = patience ? { signal: AbortSignal.timeout(patience) } : {};
    navigator.locks
      .request(`millrace/${name}`, options, () => {
        resolve();
        return new Promise(() => {});
      })
      .catch(reject);
  });
}

// -- the database ----------------------------------------------------------------------------------------------------------

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const finished = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });

function open() {
  const request = indexedDB.open("millrace", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("files", { keyPath: "key" }).createIndex("page", "page");
    request.result.createObjectStore("totals");
  };
  return done(request);
}

/** Runs `work(files, totals)`; the totals it leaves are those of all pages, since transactions take turns. */
async function change(work) {
  const transaction = (await opened).transaction(["files", "totals"], "readwrite");
  const ended = finished(transaction);
  const files = transaction.objectStore("files");
  const totals = (await done(transaction.objectStore("totals").get("all"))) ?? { files: 0, bytes: 0 };
  await work(files, totals);
  kept = totals;
  transaction.objectStore("totals").put(totals, "all");
  await ended;
}

// -- keeping ---------------------------------------------------------------------------------------------------------------

async function write() {
  if (writing) return;
  writing = true;
  try {
    while (waiting.length && !useless && (await opened)) await writeSome();
  } catch {
    giveUp(); // the disk is full, or the browser forbids it: sending goes on all the same
  }
  writing = false;
}

async function writeSome() {
  const some = [];
  for (let bytes = 0; waiting.length && some.length < AT_ONCE && bytes < BYTES_AT_ONCE; ) {
    const entry = waiting.pop();
    if (!wanted.delete(entry.key) || !fits(kept, entry.file)) continue;
    some.push(entry);
    bytes += entry.file.size;
  }
  const records = await Promise.all(some.map(record));
  await change(async (files, totals) => {
    for (const each of records) {
      if (!each || dropping.delete(each.key) || !fits(totals, each)) continue;
      totals.files += 1;
      totals.bytes += each.size;
      files.put(each);
    }
  });
}

const fits = ({ files, bytes }, { size }) => files < MOST_FILES && bytes + size <= MOST_BYTES;

async function record({ key, file, path, batch, count }) {
  try {
    const content = file.size > INLINE ? file : await file.arrayBuffer();
    const { name, type, size, lastModified } = file;
    return { key, page: page.name, user: page.user, space: page.space, at: Date.now(), batch, count, path, name, type, size, lastModified, content };
  } catch {
    return null;
  }
}

async function removeDropped() {
  timer = 0;
  if (!(await opened) || !dropping.size) return;
  const keys = [...dropping];
  if (!writing) dropping.clear();
  await change((files, totals) => remove(files, totals, keys)).catch(() => {});
}

async function remove(files, totals, keys) {
  const records = await Promise.all(keys.map((key) => done(files.get(key))));
  for (const { key, size } of records.filter(Boolean)) {
    totals.files -= 1;
    totals.bytes -= size;
    files.delete(key);
    dropping.delete(key);
  }
}

// -- taking over -------------------------------------------------------------------------------------------------------------

async function restoreAll() {
  const index = (await opened).transaction("files").objectStore("files").index("page");
  const pages = new Set();
  for (let cursor = await done(index.openKeyCursor(null, "nextunique")); cursor; cursor = await step(cursor)) pages.add(cursor.key);
  pages.delete(page.name);
  await Promise.all([...pages].map((name) => hold(name, PATIENCE).then(() => takeOver(name), () => {})));
}

const step = (cursor) => {
  const moved = done(cursor.request);
  cursor.continue();
  return moved;
};

async function takeOver(name) {
  const keys = await done((await opened).transaction("files").objectStore("files").index("page").getAllKeys(name));
  for (let at = 0; at < keys.length; at += AT_ONCE) {
    const some = keys.slice(at, at + AT_ONCE);
    const files = (await opened).transaction("files").objectStore("files");
    const records = await Promise.all(some.map((key) => done(files.get(key))));
    const gone = records.filter((each) => each.user !== page.user || each.at < Date.now() - MOST_DAYS * DAY);
    if (gone.length) await change((all, totals) => remove(all, totals, gone.map(({ key }) => key)));
    const mine = records.filter((each) => !gone.includes(each) && each.space === page.space);
    if (mine.length) postMessage({ restored: mine.map(handed) });
  }
}

const handed = ({ key, batch, count, path, name, type, lastModified, content }) => ({
  key,
  batch,
  count,
  path,
  file: content instanceof File ? content : new File([content], name, { type, lastModified }),
});

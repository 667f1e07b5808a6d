import assert from "node:assert/strict";
import { test } from "node:test";

import { Groups } from "millrace/groups";

let clock = 0;
const at = () => `2026-01-01T00:00:${String((clock += 1) % 60).padStart(2, "0")}.000Z`;
const file = (id, fields = {}) => ({ id, name: `${id}.txt`, path: "", size: 10, received: 10, status: "queued", attempt: 0, step: null, batch: "drop", created_at: at(), finished_at: null, kind: null, ...fields });
const item = (name, fields = {}) => ({ key: `item-${name}`, name: `${name}.txt`, path: "", size: 10, sent: 0, state: "waiting", id: null, batch: "drop", createdAt: at(), kind: "", ...fields });
const put = (groups, body) => groups.fileChanged({ type: "put", file: body });

test("the files of one drop are one group, a file without a drop is its own", () => {
  const groups = new Groups();
  put(groups, file("a"));
  put(groups, file("b"));
  put(groups, file("c", { batch: null }));
  assert.deepEqual([...groups.groups.keys()], ["drop", "file:c"]);
  assert.equal(groups.groups.get("drop").size, 2);
});

test("what came out of one file is one group", () => {
  const groups = new Groups();
  put(groups, file("a", { batch: null, parent: "mail", path: "a.eml/a.txt" }));
  put(groups, file("b", { batch: null, parent: "mail", path: "a.eml/b.txt" }));
  put(groups, file("c", { batch: null, parent: "other" }));
  assert.deepEqual([...groups.groups.keys()], ["from:mail", "from:other"]);
  assert.equal(groups.groups.get("from:mail").folder, "a.eml");
  assert.equal(groups.groups.get("from:mail").batch, null);
});

test("counts follow every change", () => {
  const groups = new Groups();
  put(groups, file("a"));
  put(groups, file("a", { status: "processing", attempt: 1 }));
  put(groups, file("a", { status: "processed", attempt: 1, finished_at: at() }));
  const group = groups.groups.get("drop");
  assert.equal(group.count("processed"), 1);
  assert.equal(group.count("queued", "processing"), 0);
  assert.equal(group.active, false);
});

test("an event that overtakes its answer finds the item that it came from", () => {
  const groups = new Groups();
  const sending = item("a", { state: "sending" });
  groups.itemChanged(sending);
  put(groups, file("id-1", { name: "a.txt" }));
  const group = groups.groups.get("drop");
  assert.equal(group.entries.length, 1);
  groups.itemChanged(Object.assign(sending, { state: "sent", id: "id-1" }));
  assert.equal(group.entries.length, 1);
  assert.equal(group.entries[0].status, "queued");
});

test("two items of one name each end with their own file", () => {
  const groups = new Groups();
  const [one, two] = [item("1", { name: "same.txt", state: "sending" }), item("2", { name: "same.txt", state: "sending" })];
  groups.itemChanged(one);
  groups.itemChanged(two);
  put(groups, file("id-2", { name: "same.txt" }));
  put(groups, file("id-1", { name: "same.txt" }));
  groups.itemChanged(Object.assign(one, { state: "sent", id: "id-1" }));
  groups.itemChanged(Object.assign(two, { state: "sent", id: "id-2" }));
  const group = groups.groups.get("drop");
  assert.equal(group.entries.length, 2);
  for (const entry of group.entries) assert.equal(entry.file.id, entry.item.id);
  put(groups, file("id-1", { name: "same.txt", status: "failed" }));
  assert.equal(groups.byItem.get(one.key).status, "failed");
  assert.equal(groups.byItem.get(two.key).status, "queued");
});

test("an item that is taken back leaves nothing", () => {
  const groups = new Groups();
  const waiting = item("a");
  groups.itemChanged(waiting);
  groups.itemGone(waiting);
  assert.equal(groups.groups.size, 0);
});

test("a group that ends is told once", () => {
  const groups = new Groups();
  put(groups, file("a", { status: "processing", attempt: 1 }));
  put(groups, file("b", { status: "processing", attempt: 1 }));
  put(groups, file("a", { status: "processed", attempt: 1 }));
  assert.equal(groups.endings.length, 0);
  put(groups, file("b", { status: "failed", attempt: 1 }));
  assert.equal(groups.endings.length, 1);
});

test("what moves comes first, what waits after it, what is done last", () => {
  const groups = new Groups();
  put(groups, file("done", { status: "processed" }));
  put(groups, file("waits", { status: "queued" }));
  put(groups, file("broken", { status: "failed" }));
  put(groups, file("moves", { status: "processing", attempt: 1 }));
  assert.deepEqual(groups.groups.get("drop").ranked().map(({ id }) => id), ["moves", "broken", "waits", "done"]);
});

test("a large group that ended keeps its failures and its numbers, and lets the rest go", () => {
  const groups = new Groups();
  for (let n = 0; n < 1000; n += 1) put(groups, file(`f${n}`, { status: n % 100 ? "processed" : "failed", finished_at: at() }));
  const group = groups.groups.get("drop");
  const gone = groups.shrink(group);
  assert.equal(gone.length + group.entries.length, 1000);
  assert.ok(group.entries.length <= 400);
  assert.equal(group.numbers.processed, 990);
  assert.equal(group.numbers.failed, 10);
  assert.equal(group.entries.filter(({ status }) => status === "failed").length, 10);
  assert.equal(group.size, 1000);
});

test("old groups are let go of", () => {
  const groups = new Groups();
  for (let n = 0; n < 40; n += 1) put(groups, file(`f${n}`, { batch: null, status: "processed", finished_at: at() }));
  assert.equal(groups.prune(30).length, 10);
  assert.equal(groups.groups.size, 30);
});

test("where the server tells of more files than are held, its numbers count", () => {
  const groups = new Groups();
  put(groups, file("a", { status: "processing", attempt: 1 }));
  groups.told({ id: "drop", total: 5000, counts: { processed: 4000, processing: 1, queued: 999 } });
  const group = groups.groups.get("drop");
  assert.equal(group.complete, false);
  assert.equal(group.numbers.processed, 4000);
  assert.equal(group.size, 5000);
});

test("ten thousand files are grouped without a long task", () => {
  const groups = new Groups();
  const items = Array.from({ length: 10_000 }, (_, n) => item(`n${n}`));
  for (const each of items) groups.itemChanged(each);
  for (const each of items) {
    groups.itemChanged(Object.assign(each, { state: "sending" }));
    put(groups, file(`id-${each.key}`, { name: each.name }));
    groups.itemChanged(Object.assign(each, { state: "sent", id: `id-${each.key}` }));
  }
  assert.equal(groups.groups.get("drop").count("queued"), 10_000);
});

test("what a snapshot tells, the newest first, is shown as it came", () => {
  const groups = new Groups();
  const moment = (second) => `2026-01-01T00:00:0${second}.000Z`;
  for (const second of [3, 2, 1]) groups.fileChanged({ type: "put", live: false, file: file(`${second}`, { created_at: moment(second) }) });
  groups.fileChanged({ type: "put", live: true, file: file("4", { created_at: moment(4) }) });
  const [group] = groups.groups.values();
  assert.deepEqual(group.ranked().map(({ id }) => id), ["1", "2", "3", "4"]);
  assert.deepEqual(groups.queued(2), ["1", "2"]);
});

test("a batch of which not all is held ends when the server says so", () => {
  const groups = new Groups();
  put(groups, file("a"));
  const group = groups.groups.get("drop");
  groups.told({ id: "drop", total: 3, counts: { queued: 1, processed: 2 } });
  assert.equal(group.complete, false);
  put(groups, file("a", { status: "processed", attempt: 1, finished_at: at() }));
  assert.equal(group.active, true);
  const { version } = groups;
  groups.told({ id: "drop", total: 3, counts: { processed: 3 } });
  assert.equal(group.active, false);
  assert.ok(groups.version > version);
});

test("what was sent and never heard of is no longer held after a while, what was heard of is", () => {
  const groups = new Groups();
  const sent = ["1", "2"].map((name) => item(name, { state: "sent", id: `id-${name}` }));
  for (const each of sent) groups.itemChanged(each);
  const unheard = groups.unheard();
  assert.equal(unheard.length, 2);
  put(groups, file("id-2", { name: "2.txt" }));
  groups.letGo(unheard);
  const group = groups.groups.get("drop");
  assert.deepEqual(group.entries.map(({ id }) => id), ["id-2"]);
  assert.equal(group.complete, false);
});

test("a file that was deleted before the answer to its sending does not come back with it", () => {
  const groups = new Groups();
  const sending = item("a", { state: "sending" });
  groups.itemChanged(sending);
  put(groups, file("id-1", { name: "a.txt" }));
  groups.fileChanged({ type: "gone", file: file("id-1") });
  assert.equal(groups.groups.get("drop").entries[0].status, "sending");
  groups.itemChanged(Object.assign(sending, { state: "sent", id: "id-1" }));
  assert.equal(groups.groups.size, 0);
});

test("a group whose last file in flight goes away has ended", () => {
  const groups = new Groups();
  const waiting = item("c");
  for (const id of ["a", "b"]) put(groups, file(id, { status: "processed", attempt: 1, finished_at: at() }));
  groups.itemChanged(waiting);
  const { version } = groups;
  groups.itemGone(waiting);
  assert.equal(groups.groups.get("drop").active, false);
  assert.ok(groups.version > version);
});

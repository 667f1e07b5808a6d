import assert from "node:assert/strict";
import { test } from "node:test";

import { Store } from "millrace/store";

const file = (id, fields = {}) => ({ id, name: `${id}.txt`, path: "", size: 10, received: 10, status: "queued", attempt: 0, step: null, batch: null, finished_at: null, ...fields });
const snapshot = (files, fields = {}) => ({ type: "snapshot", cursor: "e:5", files, counts: {}, reason: "first", last: true, ...fields });
const events = (...list) => ({ type: "events", cursor: `e:${list.at(-1).seq}`, events: list, counts: {} });
const put = (seq, body, type = "file.updated") => ({ seq, type, file: body });

function watched() {
  const seen = [];
  return [new Store((change) => seen.push(change)), seen];
}

test("a snapshot in several frames is one state", () => {
  const [store] = watched();
  assert.equal(store.apply(snapshot([file("a")], { last: false })), false);
  assert.equal(store.apply(snapshot([file("b")])), true);
  assert.deepEqual([...store.files.keys()], ["a", "b"]);
  assert.equal(store.cursor, "e:5");
});

test("what a new snapshot does not hold is no longer held", () => {
  const [store, seen] = watched();
  store.apply(snapshot([file("a"), file("b")]));
  store.apply(snapshot([file("b")]));
  assert.deepEqual([...store.files.keys()], ["b"]);
  assert.equal(seen.at(-1).type, "unheld");
  assert.equal(seen.at(-1).file.id, "a");
});

test("an event that is heard twice changes nothing the second time", () => {
  const [store, seen] = watched();
  store.apply(snapshot([]));
  store.apply(events(put(6, file("a"), "file.created")));
  const before = seen.length;
  store.apply(events(put(6, file("a"), "file.created")));
  assert.equal(seen.length, before);
});

test("what is told by a snapshot is not news, what is told by an event is", () => {
  const [store, seen] = watched();
  store.apply(snapshot([file("a")]));
  store.apply(events(put(6, file("a", { status: "processing", attempt: 1 }))));
  assert.deepEqual(seen.map(({ live }) => live), [false, true]);
});

test("a deleted file is gone", () => {
  const [store, seen] = watched();
  store.apply(snapshot([file("a")]));
  store.apply(events({ seq: 6, type: "file.deleted", file: file("a") }));
  assert.equal(store.files.size, 0);
  assert.equal(seen.at(-1).type, "gone");
});

test("progress never goes back within an attempt", () => {
  const [store] = watched();
  const step = (done) => ({ name: "table", done, total: 100, unit: "rows", eta_s: null });
  store.apply(snapshot([file("a", { status: "processing", attempt: 1, step: step(10) })]));
  const progress = (done, attempt = 1) => store.apply({ type: "progress", files: [{ id: "a", attempt, step: "table", done, total: 100, unit: "rows", eta_s: 1 }] });
  progress(50);
  progress(40);
  assert.equal(store.files.get("a").step.done, 50);
  store.apply(events(put(6, file("a", { status: "processing", attempt: 1, step: step(20) }))));
  assert.equal(store.files.get("a").step.done, 50);
  progress(90, 0);
  assert.equal(store.files.get("a").step.done, 50);
  store.apply(events(put(7, file("a", { status: "processing", attempt: 2, step: step(5) }))));
  assert.equal(store.files.get("a").step.done, 5);
});

test("progress of what is not processed any more is dropped", () => {
  const [store] = watched();
  store.apply(snapshot([file("a", { status: "processed", attempt: 1 })]));
  store.apply({ type: "progress", files: [{ id: "a", attempt: 1, step: "table", done: 5, total: 9, unit: "rows", eta_s: null }] });
  assert.equal(store.files.get("a").step, null);
});

test("a position that is not ours tells of a gap", () => {
  const [store] = watched();
  assert.equal(store.missed("e:9"), false);
  store.apply(snapshot([]));
  assert.equal(store.missed("e:5"), false);
  assert.equal(store.missed("e:6"), true);
});

test("a batch that ended is remembered with its counts", () => {
  const [store] = watched();
  store.apply(snapshot([]));
  store.apply(events({ seq: 6, type: "batch.ended", batch: { id: "b", total: 2, counts: { processed: 2 }, ended: true } }));
  assert.equal(store.batches.get("b").total, 2);
});

test("a measure that overtook an event keeps what the event says of its silence", () => {
  const [store] = watched();
  const step = (done, since) => ({ name: "table", done, total: 100, unit: "rows", eta_s: null, stalled_since: since });
  const running = (done, since) => file("a", { status: "processing", attempt: 1, step: step(done, since) });
  store.apply(snapshot([running(10, null)]));
  store.apply({ type: "progress", files: [{ id: "a", attempt: 1, step: "table", done: 30, total: 100, unit: "rows", eta_s: 2 }] });
  store.apply(events(put(6, running(20, "2026-01-01T00:00:00.000Z"))));
  assert.equal(store.files.get("a").step.done, 30);
  assert.equal(store.files.get("a").step.stalled_since, "2026-01-01T00:00:00.000Z");
  store.apply({ type: "progress", files: [{ id: "a", attempt: 1, step: "table", done: 30, total: 100, unit: "rows", eta_s: 2 }] });
  assert.equal(store.files.get("a").step.stalled_since, "2026-01-01T00:00:00.000Z");
  store.apply({ type: "progress", files: [{ id: "a", attempt: 1, step: "table", done: 31, total: 100, unit: "rows", eta_s: 2 }] });
  assert.equal(store.files.get("a").step.stalled_since ?? null, null);
});

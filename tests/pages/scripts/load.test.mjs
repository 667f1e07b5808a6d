import assert from "node:assert/strict";
import { test } from "node:test";

import { nextLoad } from "millrace/load";
import { Waiting } from "millrace/waiting";

const drop = {};
const item = (key, size, fields = {}) => ({ key, size, batch: drop, state: "waiting", notBefore: 0, id: null, alone: false, ...fields });

function queue(...items) {
  const waiting = new Waiting(new Map(items.map((each) => [each.key, each])), () => {});
  for (const each of items) waiting.add(each);
  return () => nextLoad(waiting).map(({ key }) => key);
}

test("light files go together, as they came, and no more than one request is meant to carry", () => {
  const next = queue(...Array.from({ length: 40 }, (_, at) => item(at, 100)));
  assert.deepEqual(next(), Array.from({ length: 32 }, (_, at) => at));
  assert.equal(next().length, 8);
  assert.deepEqual(next(), []);
  const heavy = queue(...Array.from({ length: 12 }, (_, at) => item(at, 30_000)));
  assert.equal(heavy().length, 8);
});

test("a large file goes by itself, and keeps its turn", () => {
  const next = queue(item(1, 10), item(2, 1_000_000), item(3, 10), item(4, 10));
  assert.deepEqual([next(), next(), next()], [[1], [2], [3, 4]]);
});

test("drops do not mix, nor does who has been refused, or has an upload of its own", () => {
  const next = queue(item(1, 10), item(2, 10, { batch: {} }), item(3, 10, { batch: {}, alone: true }), item(4, 10, { id: "known" }));
  assert.deepEqual([next(), next(), next(), next()], [[1], [2], [3], [4]]);
});

test("who rests is not taken along", () => {
  const next = queue(item(1, 10), item(2, 10, { notBefore: Date.now() + 500 }), item(3, 10));
  assert.deepEqual(next(), [1, 3]);
});

// Two results side by side: what differs, and where.

import assert from "node:assert/strict";
import { test } from "node:test";

import { differences } from "millrace/differences";

test("the same has no differences", () => {
  const result = { text: { words: 3, top: [["a", 1]], none: null } };
  assert.deepEqual(differences(result, structuredClone(result)), []);
});

test("what changed, came and went is named by its place", () => {
  const before = { text: { words: 3, top: [1, 2], gone: "x" }, old: {} };
  const after = { text: { words: 4, top: [1, 3, 5], kind: { a: null } } };
  assert.deepEqual(differences(before, after), [
    { path: "text.words", before: 3, after: 4 },
    { path: "text.top[1]", before: 2, after: 3 },
    { path: "text.top[2]", before: undefined, after: 5 },
    { path: "text.gone", before: "x", after: undefined },
    { path: "text.kind", before: undefined, after: { a: null } },
    { path: "old", before: {}, after: undefined },
  ]);
});

test("a list in place of an object is one difference", () => {
  assert.deepEqual(differences({ a: [1] }, { a: { 0: 1 } }), [{ path: "a", before: [1], after: { 0: 1 } }]);
  assert.deepEqual(differences({ a: null }, { a: 0 }), [{ path: "a", before: null, after: 0 }]);
});

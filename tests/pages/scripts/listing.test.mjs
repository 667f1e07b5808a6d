import assert from "node:assert/strict";
import { test } from "node:test";

import { Listing } from "millrace/listing";

const file = (id, fields = {}) => ({ id, name: `${id}.txt`, status: "processed", kind: "text", batch: null, size: 1, created_at: `2026-01-0${id}T00:00:00.000Z`, finished_at: null, ...fields });
const view = (fields = {}) => ({ q: "", status: "", kind: "", batch: "", sort: "-created_at", ...fields });
const ids = (listing) => listing.items.map(({ id }) => id).join("");

function filled(fields, items, next = null) {
  const listing = new Listing(view(fields));
  listing.add({ items, next });
  return listing;
}

test("a new file comes where the order says", () => {
  const listing = filled({}, [file("5"), file("3"), file("1")]);
  assert.equal(listing.change({ type: "put", file: file("4") }), 2);
  assert.equal(ids(listing), "5431");
});

test("each order of the page is known here", () => {
  const names = filled({ sort: "name" }, [file("1", { name: "a" }), file("2", { name: "c" })]);
  names.change({ type: "put", file: file("3", { name: "B" }) });
  assert.equal(ids(names), "132");
  const sizes = filled({ sort: "-size" }, [file("1", { size: 9 }), file("2", { size: 1 })]);
  sizes.change({ type: "put", file: file("3", { size: 5 }) });
  assert.equal(ids(sizes), "132");
});

test("a file that belongs to a page still to come waits for it", () => {
  const listing = filled({}, [file("5"), file("4")], "more");
  assert.equal(listing.change({ type: "put", file: file("1") }), 0);
  assert.equal(ids(listing), "54");
});

test("a change keeps its row's place", () => {
  const listing = filled({ sort: "name" }, [file("1", { name: "a" }), file("2", { name: "b" })]);
  listing.change({ type: "put", before: {}, file: file("1", { name: "z" }) });
  assert.equal(ids(listing), "12");
  assert.equal(listing.items[0].name, "z");
});

test("a file that no longer fits the filter leaves, one that fits now comes", () => {
  const listing = filled({ status: "failed" }, [file("2", { status: "failed" })]);
  assert.equal(listing.change({ type: "put", before: {}, file: file("2", { status: "queued" }) }), -1);
  assert.equal(listing.change({ type: "put", before: {}, file: file("3", { status: "failed" }) }), 1);
  assert.equal(ids(listing), "3");
});

const created = (id, fields) => ({ type: "put", created: true, file: file(id, fields) });

test("a search counts what is new instead of guessing where it belongs", () => {
  const listing = filled({ q: "river" }, [file("2", { name: "rivers" })]);
  listing.change(created("3", { name: "River two" }));
  listing.change(created("4", { name: "else" }));
  assert.equal(listing.unseen, 1);
  assert.equal(ids(listing), "2");
});

test("what a snapshot or a change tells of a file is no news to a search: it may be on a page still to come", () => {
  const listing = filled({ q: "river" }, [file("2", { name: "river" })], "more");
  listing.change({ type: "put", live: false, file: file("3", { name: "river" }) });
  listing.change({ type: "put", live: true, file: file("4", { name: "river" }) });
  assert.equal(listing.unseen, 0);
});

test("a search announces what it would find by name: beginnings of words, whatever their case and accents", () => {
  const announced = (q, name, path = null) => {
    const listing = new Listing(view({ q }));
    listing.change(created("1", { name, path }));
    return listing.unseen === 1;
  };
  assert.ok(announced("water mill", "Millers-WATER.txt"));
  assert.ok(announced("muller", "Müller.pdf"));
  assert.ok(announced("no 2024", "invoiceNo2024.pdf"));
  assert.ok(announced("survey", "a.txt", "Survey/a.txt"));
  assert.ok(announced("水車", "古い水車.txt"));
  assert.ok(!announced("wheel", "waterwheel.jpg"), "a search does not find it either");
  assert.ok(!announced("?", "a.txt"));
});

test("a deleted file leaves", () => {
  const listing = filled({}, [file("2"), file("1")]);
  listing.change({ type: "gone", file: file("2") });
  assert.equal(ids(listing), "1");
});

test("a page never brings a file twice", () => {
  const listing = filled({}, [file("2"), file("1")], "more");
  listing.add({ items: [file("1"), file("0")], next: null });
  assert.equal(ids(listing), "210");
});

test("what a page brings is no longer announced as new, nor is what has gone", () => {
  const listing = new Listing(view({ q: "river" }));
  for (const id of ["2", "3", "4"]) listing.change(created(id, { name: "river" }));
  assert.equal(listing.unseen, 3);
  listing.add({ items: [file("3", { name: "river" })], next: null });
  listing.change({ type: "gone", file: file("4") });
  assert.equal(listing.unseen, 1);
});

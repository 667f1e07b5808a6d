// Whatever a processor returned: facts, tables, trees, and the pictures, sounds and texts that it made.

import { h, icon } from "millrace/dom";
import { facts, grid } from "millrace/viewers/parts";
import { bytes, gettext, number, precise } from "millrace/words";

const MANY = 300; // rows of a table, entries of a tree's branch
const LONG = 160; // characters that still fit a line

const isScalar = (value) => value === null || typeof value !== "object";
const isTable = (value) => Array.isArray(value) && value.length > 0 && value.every((row) => row && typeof row === "object" && !Array.isArray(row) && Object.values(row).every(isScalar));

/** A result as people can read it. */
export function showResult(result) {
  if (!result || typeof result !== "object") return h("div", { class: "generic" }, h("p", {}, String(result)));
  const short = [];
  const rest = [];
  for (const [key, value] of Object.entries(result)) {
    if (isScalar(value) && String(value).length <= LONG) short.push([label(key), scalar(value)]);
    else rest.push(h("div", {}, h("h3", {}, label(key)), show(value)));
  }
  return h("div", { class: "generic" }, short.length ? facts(short) : null, ...rest);
}

const label = (key) => key.replaceAll("_", " ");

function scalar(value) {
  if (value === null || value === "") return null;
  if (typeof value === "boolean") return value ? gettext("yes") : gettext("no");
  if (typeof value === "number") return Number.isInteger(value) ? number(value) : precise(value);
  return value;
}

function show(value) {
  if (typeof value === "string") return h("pre", {}, value);
  if (isTable(value)) {
    const names = [...new Set(value.flatMap(Object.keys))];
    const columns = names.map((name) => ({ name: label(name), numeric: value.every((row) => row[name] === undefined || row[name] === null || typeof row[name] === "number") }));
    return grid(columns, value.slice(0, MANY).map((row) => names.map((name) => row[name])));
  }
  if (Array.isArray(value) && value.every(isScalar)) return h("p", {}, value.slice(0, MANY).map(String).join(", "));
  return h("div", { class: "tree" }, tree(value));
}

/** Any JSON as a tree that folds. */
export function tree(value, depth = 0) {
  if (isScalar(value)) return leaf(value);
  const entries = Object.entries(value);
  const list = h("div", {});
  const fill = () => {
    if (list.childElementCount) return;
    for (const [key, child] of entries.slice(0, MANY)) list.append(branch(key, child, depth + 1));
    if (entries.length > MANY) list.append(h("div", { class: "quiet" }, gettext("%(n)s more", { n: number(entries.length - MANY) })));
  };
  if (depth === 0) {
    fill();
    return list;
  }
  const open = depth < 2 && entries.length <= 20;
  if (open) fill();
  const summary = Array.isArray(value) ? `[${number(entries.length)}]` : `{${number(entries.length)}}`;
  return { summary, list, open, fill };
}

function branch(key, value, depth) {
  const name = h("span", { class: "tree-key" }, key);
  const inside = tree(value, depth);
  if (inside instanceof Node) return h("div", {}, name, ": ", inside);
  return h("details", { open: inside.open, ontoggle: inside.fill }, h("summary", {}, name, " ", h("span", { class: "quiet" }, inside.summary)), inside.list);
}

function leaf(value) {
  if (typeof value === "string") return h("span", { class: "tree-text" }, JSON.stringify(value));
  if (typeof value === "number") return h("span", { class: "tree-number" }, String(value));
  return h("span", { class: "tree-word" }, String(value));
}

/** Pictures and sounds that a step made. */
export function showArtifacts(artifacts) {
  const pictures = artifacts.filter(({ media_type: type }) => /^image\/(png|jpeg|webp|gif|avif)$/.test(type));
  const sounds = artifacts.filter(({ media_type: type }) => type.startsWith("audio/"));
  const rest = artifacts.filter((artifact) => !pictures.includes(artifact) && !sounds.includes(artifact));
  return [
    pictures.length ? h("div", { class: "pictures" }, pictures.map(({ url, name }) => h("a", { href: url, download: name }, h("img", { src: url, alt: name, loading: "lazy" }), h("span", { class: "cut" }, name)))) : null,
    ...sounds.map(({ url, name }) => h("figure", {}, h("figcaption", {}, name), h("audio", { src: url, controls: true, preload: "metadata" }))),
    rest.length ? h("ul", { class: "made" }, rest.map(({ url, name, size }) => h("li", {}, h("a", { href: url, download: name }, icon("download"), h("span", { class: "cut" }, name), h("span", { class: "quiet numbers" }, bytes(size)))))) : null,
  ].filter(Boolean);
}

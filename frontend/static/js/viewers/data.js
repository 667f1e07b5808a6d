// Nested data as a tree that folds, and the schema that was found in it. Archives as the tree of what is inside.

import { h, icon } from "millrace/dom";
import { detail, grid, message, styled, tools } from "millrace/viewers/parts";
import { bytes, decimal, dotted, gettext, ngettext, number, told } from "millrace/words";

const OPEN_LEVELS = 2;

export function dataPreview(file, result) {
  const note = result.error ? h("p", { class: "note bad" }, icon("alert"), h("span", {}, trouble(result.error))) : null;
  if (!result.tree) return note ? h("div", { class: "view-message" }, note) : message("data", gettext("An empty document"));
  const said = dotted(told(result.top), result.depth ? ngettext("%(count)s level", "%(count)s levels", result.depth) : "", ngettext("%(count)s value", "%(count)s values", result.values ?? 0));
  return h("div", {}, tools(said), note, h("div", { class: "tree", tabindex: "0", role: "region", "aria-label": gettext("Tree") }, node(result.tree, 0)));
}

const trouble = ({ message: words, line, column }) => dotted(told(words), line ? gettext("line %(line)s, column %(column)s", { line: number(line), column: number(column ?? 1) }) : "");

function node({ key, type, value, children }, level) {
  const name = key === undefined ? null : [h("span", { class: typeof key === "number" ? "quiet" : "tree-key" }, key), ": "];
  if (!children) return h("div", {}, name, leaf(type, value));
  const size = type === "array" ? `[${number(children.length)}]` : `{${number(children.length)}}`;
  if (!children.length) return h("div", {}, name, h("span", { class: "quiet" }, size));
  const inside = h("div", {});
  const fill = () => inside.childElementCount || inside.append(...children.map((child, place) => node(type === "array" ? { ...child, key: place } : child, level + 1)));
  const open = level < OPEN_LEVELS;
  if (open) fill();
  return h("details", { open, ontoggle: fill }, h("summary", {}, name, h("span", { class: "quiet" }, size)), inside);
}

function leaf(type, value) {
  if (typeof value === "number") return h("span", { class: "tree-number" }, String(value));
  if (typeof value === "string" && !["integer", "number", "boolean", "null"].includes(type)) return h("span", { class: "tree-text" }, JSON.stringify(value));
  return h("span", { class: "tree-word" }, String(value));
}

export function dataDetails(result) {
  if (!result.schema?.length) return [];
  const columns = [{ name: gettext("Path") }, { name: gettext("Type") }, { name: gettext("Count"), numeric: true }, { name: gettext("Present"), numeric: true }, { name: gettext("Example") }];
  const rows = result.schema.map(({ path, types, count, share, example }) => [path, Object.keys(types).map(told).join(", "), count, share === null ? null : `${decimal(100 * share)} %`, example]);
  return [detail(gettext("Schema"), h("div", { class: "generic" }, grid(columns, rows)))];
}

export function dataFacts(result) {
  return [
    [gettext("Format"), dotted(result.format, result.dialect)],
    [gettext("Valid"), result.valid === undefined ? null : result.valid ? gettext("yes") : gettext("no")],
    [gettext("Depth"), result.depth ? number(result.depth) : null],
    [gettext("Values"), result.values ? number(result.values) : null],
    [gettext("Documents"), result.documents > 1 ? number(result.documents) : null],
    [gettext("Encoding"), result.encoding],
  ];
}

// -- archives ------------------------------------------------------------------------------------------------------------

export function archivePreview(file, result) {
  if (result.listed === false) return message("archive", gettext("A closed archive"), gettext("What is in it can't be listed."));
  if (!result.tree?.length) return message("archive", gettext("An empty archive"), gettext("There is nothing in it."));
  const said = dotted(ngettext("%(count)s entry", "%(count)s entries", result.entries), bytes(result.total_size), result.truncated ? gettext("the first %(n)s are shown", { n: number(result.tree.length) }) : "");
  return h("div", {}, tools(said), h("div", { class: "tree entries", tabindex: "0", role: "region", "aria-label": gettext("Entries") }, folder(nest(result.tree), 0)));
}

/** The flat list of entries as folders inside folders. */
function nest(entries) {
  const root = { folders: new Map(), files: [] };
  for (const entry of entries) {
    const parts = entry.path.replace(/\/+$/, "").split("/").filter(Boolean);
    let here = root;
    const inside = entry.type === "directory" ? parts : parts.slice(0, -1);
    for (const part of inside) {
      if (!here.folders.has(part)) here.folders.set(part, { folders: new Map(), files: [] });
      here = here.folders.get(part);
    }
    if (entry.type !== "directory") here.files.push({ ...entry, name: parts.at(-1) ?? entry.path });
  }
  return root;
}

function folder({ folders, files }, level) {
  const list = h("div", {});
  for (const [name, inside] of folders) {
    const count = inside.files.length + inside.folders.size;
    const content = h("div", {});
    const fill = () => content.childElementCount || content.append(folder(inside, level + 1));
    const open = level === 0 && folders.size <= 3;
    if (open) fill();
    list.append(h("details", { open, ontoggle: fill }, h("summary", {}, icon("folder"), name, h("span", { class: "quiet" }, ` ${number(count)}`)), content));
  }
  for (const { name, size, type, target, encrypted } of files) {
    list.append(h("div", { class: "entry" }, icon(type === "link" ? "open" : "other"), h("span", { class: "cut", title: target ? `→ ${target}` : null }, name, encrypted ? ` (${gettext("locked")})` : ""), h("span", { class: "quiet numbers" }, bytes(size))));
  }
  return list;
}

export function archiveDetails(result) {
  const list = [];
  if (result.warnings?.length) list.push(h("div", { class: "note warn" }, icon("alert"), h("div", {}, h("strong", {}, gettext("Careful when unpacking")), h("ul", {}, result.warnings.slice(0, 20).map(({ entry, message: words }) => h("li", {}, dotted(entry, told(words))))))));
  if (result.types?.length > 1) {
    const most = Math.max(...result.types.map(({ size }) => size)) || 1;
    list.push(detail(gettext("What it holds"), h("ol", { class: "tops" }, result.types.slice(0, 12).map(({ extension, count, size }) => styled(h("li", {}, h("span", {}, `${extension ? `.${extension}` : gettext("without extension")} · ${number(count)}`), h("span", { class: "numbers" }, bytes(size))), { "--part": String(size / most) })))));
  }
  if (result.comment) list.push(detail(gettext("Comment"), h("div", { class: "generic" }, h("pre", {}, result.comment))));
  return list;
}

export function archiveFacts(result) {
  return [
    [gettext("Format"), dotted(result.format, result.compression)],
    [gettext("Files"), result.files === undefined ? null : number(result.files)],
    [gettext("Folders"), result.directories ? number(result.directories) : null],
    [gettext("Unpacked"), result.total_size ? bytes(result.total_size) : null],
    [gettext("Ratio"), result.ratio ? `${decimal(result.ratio)} : 1` : null],
    [gettext("Locked"), result.encrypted ? gettext("yes") : null],
    [gettext("Checked"), result.verified === undefined ? null : result.verified ? gettext("every entry") : gettext("no, sizes are what it claims")],
    [gettext("Broken"), result.broken?.length ? result.broken.join(", ") : null],
  ];
}


// The rows of the page of all files, or their tiles: how many stand beside each other, and what each of them shows.

import { address } from "millrace/boot";
import { $, clone, inFrame, setData, setIcon, setText } from "millrace/dom";
import { telling } from "millrace/row";
import { showTile } from "millrace/tile";
import { VirtualRows } from "millrace/virtual";
import { KIND, MARK, STATUS, ago, bytes, dotted, gettext, when } from "millrace/words";

const CARD_WIDTH = 220; // px, least

export class Sheet {
  #isChosen;
  #version = 0; // of what rows show besides their files: choices, and the time

  /** `isChosen(id)` says whether a file's box is ticked. */
  constructor(isChosen) {
    this.#isChosen = isChosen;
    this.element = $("sheet");
    this.columns = 1;
    this.height = 60;
    this.rows = new VirtualRows($("lines"), {
      create: () => clone("line-template"),
      patch: (line, file, index) => this.#patch(line, file, index),
      keyOf: (file) => file.id,
      versionOf: () => this.#version,
      columns: () => this.columns,
      height: () => this.height,
    });
    const measure = () => this.#measure();
    addEventListener("resize", () => inFrame(measure));
  }

  /** "table" or "gallery". */
  get layout() {
    return this.element.dataset.view || "table";
  }

  lay(layout, items) {
    this.element.dataset.view = layout;
    for (const each of ["table", "gallery"]) document.querySelector(`[data-command="view-${each}"]`).setAttribute("aria-pressed", String(each === layout));
    this.#measure();
    this.rows.set(items);
  }

  /** Shows each file anew, though it has not changed. */
  refresh(items) {
    this.#version += 1;
    this.rows.set(items);
  }

  get #gallery() {
    return this.layout === "gallery";
  }

  #measure() {
    this.columns = this.#gallery ? Math.max(2, Math.floor(this.element.clientWidth / CARD_WIDTH)) : 1;
    this.height = parseFloat(getComputedStyle(this.element).getPropertyValue("--line-height"));
    this.element.style.setProperty("--columns", this.columns);
  }

  #patch(line, file, index) {
    const part = parts(line);
    setData(line, "id", file.id);
    setData(line, "status", file.status);
    setData(line, "kind", file.kind ?? "");
    line.setAttribute("aria-rowindex", index + 2);
    part.check.checked = this.#isChosen(file.id);
    line.setAttribute("aria-selected", part.check.checked);
    part.check.setAttribute("aria-label", gettext("Select %(name)s", { name: file.name }));
    showTile(part.tile, file.kind, file.thumbnail);
    setText(part.name, file.name);
    part.name.title = file.path || file.name;
    part.name.setAttribute("href", address(`/files/${file.id}/`));
    setText(part.about, about(file) || (this.#gallery ? dotted(KIND[file.kind] ?? "", bytes(file.size)) : ""));
    setIcon(part.mark, MARK[file.status]);
    part.mark.classList.toggle("spin", file.status === "processing");
    setText(part.word, STATUS[file.status]);
    setText(part.kind, KIND[file.kind] ?? "");
    setText(part.size, bytes(file.size));
    setText(part.time, ago(file.created_at));
    part.time.dateTime = file.created_at;
    part.time.title = when(file.created_at);
  }
}

function parts(line) {
  const find = (selector) => line.querySelector(selector);
  line.parts ??= {
    check: find(".check"),
    tile: find(".tile"),
    name: find(".line-name"),
    about: find(".line-about"),
    mark: find(".mark .icon"),
    word: find(".mark-word"),
    kind: find(".line-kind"),
    size: find(".line-size"),
    time: find("time"),
  };
  return line.parts;
}

function about(file) {
  if (file.status === "processed" || file.status === "cancelled") return file.path ? file.path.slice(0, -file.name.length).replace(/\/$/, "") : "";
  return telling({ file, size: file.size, receivedBytes: file.received }, file.status);
}

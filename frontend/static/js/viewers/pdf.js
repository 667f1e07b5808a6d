// PDF: its pages as pictures, a strip to choose from, the text of each.

import { h } from "millrace/dom";
import { detail, message, tools } from "millrace/viewers/parts";
import { dotted, gettext, ngettext, number, when } from "millrace/words";

export function pdfPreview(file, result, { artifacts }) {
  const pages = artifacts.filter(({ step, name, media_type: type }) => step === "pdf" && type.startsWith("image/") && name !== "thumbnail.webp");
  pages.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  const total = result.pages_total ?? result.page_count ?? (Array.isArray(result.pages) ? result.pages.length : result.pages) ?? pages.length;
  if (!pages.length) {
    if (result.encrypted || result.locked) return message("pdf", gettext("A locked document"), gettext("It opens with its password only."));
    return null;
  }
  const large = h("img", { alt: "" });
  const strip = pages.length > 1 ? h("div", { class: "page-strip", role: "group", "aria-label": gettext("Pages") }) : null;
  const choose = (index) => {
    large.src = pages[index].url;
    large.alt = gettext("Page %(n)s", { n: index + 1 });
    [...(strip?.children ?? [])].forEach((button, at) => button.setAttribute("aria-current", String(at === index)));
  };
  pages.forEach((page, index) => strip?.append(h("button", { type: "button", onclick: () => choose(index) },
    h("img", { src: page.url, alt: gettext("Page %(n)s", { n: index + 1 }), loading: "lazy", width: 84 }), number(index + 1))));
  choose(0);
  const said = dotted(ngettext("%(count)s page", "%(count)s pages", total), pages.length < total ? ngettext("the first one is shown", "the first %(count)s are shown", pages.length) : "");
  return h("div", {}, tools(said), h("div", { class: strip ? "view-pages" : "view-pages lone" }, strip, h("div", { class: "page-large", tabindex: "0", role: "region", "aria-label": gettext("Page") }, large)));
}

const readable = (value) => (value && /^\d{4}-\d\d-\d\dT/.test(value) ? when(value) : value);

export function pdfDetails(result) {
  const text = typeof result.text === "string" ? result.text : typeof result.head === "string" ? result.head : "";
  return text.trim() ? [detail(gettext("Text"), h("div", { class: "generic" }, h("pre", {}, text)))] : [];
}

export function pdfFacts(result) {
  const meta = result.metadata ?? result;
  const count = Array.isArray(result.pages) ? result.pages.length : result.pages;
  return [
    [gettext("Pages"), count ? number(count) : null],
    [gettext("Title"), meta.title],
    [gettext("Author"), meta.author],
    [gettext("Made with"), meta.producer ?? meta.creator],
    [gettext("Created"), readable(meta.created ?? meta.created_at)],
    [gettext("Version"), result.version ? `PDF ${result.version}` : null],
    [gettext("Words"), result.words ? number(result.words) : null],
  ];
}


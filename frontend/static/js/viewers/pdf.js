// PDF: its pages as pictures with a strip to choose from, its text, what in it could act.

import { h, icon } from "millrace/dom";
import { detail, message, styled, tools } from "millrace/viewers/parts";
import { zoomable } from "millrace/viewers/zoom";
import { dotted, gettext, ngettext, number, when } from "millrace/words";

const READABLE = 1000; // px; the least width at 100 %, for pages of which there is a small picture only

export function pdfPreview(file, result, { artifact }) {
  if (result.locked) return message("pdf", gettext("A locked document"), gettext("It opens with its password only."));
  if (result.empty) return message("pdf", gettext("An empty document"));
  const small = (result.strip ?? []).map((name) => artifact("pdf", name)).filter(Boolean);
  const pages = small.map((page) => ({ small: page, large: artifact("pdf", page.name.replace("-small", "")) ?? page, n: Number(/\d+/.exec(page.name)?.[0] ?? 1) }));
  if (!pages.length) return null;
  const { width_mm: wide, height_mm: high } = result.page ?? {};
  const large = h("img", wide && high ? { class: "to-come", onload: () => large.classList.remove("to-come") } : {});
  if (wide && high) styled(large, { "--ratio": `${wide} / ${high}` });
  const box = h("div", { class: "page-large", tabindex: "0", role: "group", "aria-label": gettext("Page; press + and − to zoom") }, large);
  const { buttons, fit } = zoomable(box, large, { natural: () => Math.max(large.naturalWidth, READABLE) });
  const strip = pages.length > 1 ? h("div", { class: "page-strip", role: "group", tabindex: "0", "aria-label": gettext("Pages") }) : null;
  const choose = (index) => {
    const page = pages[index];
    fit();
    large.src = page.large.url;
    large.alt = gettext("Page %(n)s", { n: page.n });
    large.classList.toggle("rough", page.large === page.small);
    [...(strip?.children ?? [])].forEach((button, at) => button.setAttribute("aria-current", String(at === index)));
  };
  pages.forEach((page, index) => strip?.append(h("button", { type: "button", onclick: () => choose(index) },
    h("img", { src: page.small.url, alt: "", loading: "lazy", width: 84, height: wide && high ? Math.round((84 * high) / wide) : null }), h("span", {}, h("span", { class: "unseen" }, gettext("Page")), ` ${number(page.n)}`))));
  choose(0);
  const said = dotted(ngettext("%(count)s page", "%(count)s pages", result.pages), paper(result.page), pages.length < result.pages ? ngettext("the first one is shown", "the first %(count)s are shown", pages.length) : "");
  return h("div", {}, tools(said, ...buttons), h("div", { class: strip ? "view-pages" : "view-pages lone" }, strip, box));
}

const paper = (page) => (page ? page.paper ?? gettext("%(width)s × %(height)s mm", { width: number(page.width_mm), height: number(page.height_mm) }) : "");

export function pdfDetails(result) {
  const list = [];
  const alarms = [
    result.javascript && ngettext("%(count)s script is in it", "%(count)s scripts are in it", result.javascript),
    result.attachments?.length && ngettext("%(count)s file is attached", "%(count)s files are attached", result.attachments.length),
    result.broken_pages?.length && ngettext("%(count)s page is broken", "%(count)s pages are broken", result.broken_pages.length),
    result.form && gettext("it holds a form"),
  ].filter(Boolean);
  if (alarms.length) list.push(h("p", { class: "note warn" }, icon("alert"), h("span", {}, dotted(...alarms))));
  if (result.outline?.length) list.push(detail(gettext("Outline"), outline(result.outline)));
  if (result.head?.trim()) list.push(detail(gettext("Text"), h("div", { class: "generic" }, h("pre", { tabindex: "0" }, result.head))));
  return list;
}

function outline(entries) {
  return h("ol", { class: "outline" }, entries.map(({ level, title, page }) => h("li", { "data-level": Math.min(level ?? 0, 4) }, h("span", {}, title), page ? h("span", { class: "quiet numbers" }, number(page)) : null)));
}

export function pdfFacts(result) {
  const meta = result.metadata ?? {};
  return [
    [gettext("Pages"), result.pages ? number(result.pages) : null],
    [gettext("Title"), meta.title],
    [gettext("Author"), meta.author],
    [gettext("Subject"), meta.subject],
    [gettext("Made with"), meta.producer ?? meta.creator],
    [gettext("Created"), meta.created ? when(meta.created) : null],
    [gettext("Version"), result.version ? `PDF ${result.version}` : null],
    [gettext("Words"), result.words ? number(result.words) : null],
    [gettext("Scanned"), result.scanned ? gettext("yes: pictures of pages, no text") : null],
    [gettext("Signatures"), result.signatures ? number(result.signatures) : null],
  ];
}

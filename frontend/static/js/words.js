// How things are said: translation, sizes, times, measures. The server says the same in `uploads/reading/rows.py`.

import { boot } from "millrace/boot";

const language = document.documentElement.lang || "en";
const catalog = boot.words?.catalog ?? {};
const pluralOf = (count) => (count === 1 ? 0 : 1); // the rule of every language that there is a catalogue for

/** A text in the reader's language; `%(name)s` are filled from `values`. */
export function gettext(text, values = {}) {
  const found = catalog[text];
  return fill(typeof found === "string" && found ? found : text, values);
}

/** As gettext, by number. */
export function ngettext(one, many, count, values = {}) {
  const found = catalog[one];
  const form = pluralOf(count);
  const text = Array.isArray(found) ? found[form] : form ? many : one;
  return fill(text, { count: number(count), ...values });
}

/** As gettext, for a word that needs its surroundings to be understood. */
export function pgettext(context, text) {
  const found = catalog[`${context}\u0004${text}`];
  return typeof found === "string" && found ? found : text;
}

const HOLE = /%\((\w+)\)s/;
const said = new Map(boot.words?.said ?? []); // sentences of processors and of the API, which speak English
const patterns = [...said].filter(([text]) => HOLE.test(text)).map(([text, words]) => [patternOf(text), words]);

function patternOf(text) {
  const parts = text.split(HOLE).map((part, place) => (place % 2 ? `(?<${part}>[^]+?)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(`^${parts.join("")}$`, "u");
}

/** What a processor or the API says, in the reader's language where it is a sentence that there are words for. */
export function told(text) {
  if (said.size === 0 || !text) return text;
  const whole = said.get(text);
  if (whole) return whole;
  for (const [pattern, words] of patterns) {
    const found = pattern.exec(text)?.groups;
    if (found) return fill(words, Object.fromEntries(Object.entries(found).map(([name, value]) => [name, said.get(value) ?? value])));
  }
  return text;
}

function fill(text, values) {
  return text.replace(/%\((\w+)\)s/g, (all, name) => (name in values ? values[name] : all));
}

const SIGN = { signDisplay: "negative" }; // what rounds to nothing is neither more nor less than that
const plain = new Intl.NumberFormat(language, SIGN);
const oneDecimal = new Intl.NumberFormat(language, { ...SIGN, minimumFractionDigits: 1, maximumFractionDigits: 1 });
const few = new Intl.NumberFormat(language, { ...SIGN, maximumFractionDigits: 2 });
const significant = new Intl.NumberFormat(language, { ...SIGN, maximumSignificantDigits: 6 });

export const number = (value) => plain.format(Math.round(value));
export const decimal = (value) => few.format(value);
export const precise = (value) => significant.format(value);

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes as people say them: "12.4 MB", in powers of 1000; "" where unknown. */
export function bytes(size) {
  if (size === null || size === undefined) return "";
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 99.95 ? oneDecimal.format(value) : plain.format(Math.round(value))} ${UNITS[unit]}`;
}

/** Seconds that are left, roughly: "4 s", "3 min", "2 h". */
export function left(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return gettext("%(n)s s left", { n: Math.max(1, Math.ceil(seconds)) });
  if (seconds < 5400) return gettext("%(n)s min left", { n: Math.ceil(seconds / 60) });
  return gettext("%(n)s h left", { n: Math.ceil(seconds / 3600) });
}

/** A place in the queue, and how long until its turn: "place 12 · in about 3 min". */
export function turn({ place, wait }) {
  return dotted(place === 1 ? gettext("next") : gettext("place %(n)s", { n: number(place) }), soon(wait ?? NaN));
}

function soon(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return gettext("in about %(n)s s", { n: Math.max(1, Math.ceil(seconds)) });
  if (seconds < 5400) return gettext("in about %(n)s min", { n: Math.ceil(seconds / 60) });
  return gettext("in about %(n)s h", { n: Math.ceil(seconds / 3600) });
}

/** Milliseconds that something took: "12 ms", "3.4 s", "2 min 5 s". */
export function took(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${oneDecimal.format(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

/** How long ago: "just now", "3 min ago", and after a week the date. */
export function ago(iso, now = Date.now()) {
  if (!iso) return "";
  const seconds = (now - Date.parse(iso)) / 1000;
  if (seconds < 10) return gettext("just now");
  if (seconds < 60) return relative.format(-Math.round(seconds), "second");
  if (seconds < 3600) return relative.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86_400) return relative.format(-Math.round(seconds / 3600), "hour");
  if (seconds < 7 * 86_400) return relative.format(-Math.round(seconds / 86_400), "day");
  return day.format(new Date(iso));
}

const hours = new Intl.DateTimeFormat(language, { timeStyle: "medium" });

/** A moment of today. */
export const clock = (iso) => hours.format(new Date(iso));

const time = new Intl.DateTimeFormat(language, { timeStyle: "short" });

/** A moment that is near: of today its time alone. */
export function whenSoon(iso) {
  const at = new Date(iso);
  return (at.toDateString() === new Date().toDateString() ? time : moment).format(at);
}

/** A moment in full. */
export const when = (iso) => (iso ? moment.format(new Date(iso)) : "");

export const STATUS = {
  receiving: pgettext("status", "Receiving"),
  queued: pgettext("status", "Queued"),
  processing: pgettext("status", "Processing"),
  processed: pgettext("status", "Processed"),
  failed: pgettext("status", "Failed"),
  cancelled: pgettext("status", "Cancelled"),
  waiting: pgettext("status", "Waiting"),
  sending: pgettext("status", "Sending"),
  paused: pgettext("status", "Paused"),
  refused: pgettext("status", "Not sent"),
  here: pgettext("status", "Already here"),
};

export const MARK = {
  receiving: "upload",
  sending: "upload",
  queued: "clock",
  waiting: "clock",
  processing: "wheel",
  processed: "check",
  failed: "alert",
  refused: "alert",
  cancelled: "slash",
  here: "copy",
  paused: "pause",
};

export const KIND = {
  image: gettext("Image"),
  pdf: gettext("PDF"),
  table: gettext("Table"),
  data: gettext("Data"),
  audio: gettext("Audio"),
  video: gettext("Video"),
  archive: gettext("Archive"),
  office: gettext("Document"),
  mail: gettext("Mail"),
  text: gettext("Text"),
  code: gettext("Code"),
  font: gettext("Font"),
  other: gettext("Other"),
};

/** done of total in its unit: "12 of 90 rows"; bytes as sizes. */
export function measure(done, total, unit) {
  if (done === null || done === undefined) return "";
  const say = unit === "bytes" ? bytes : number;
  const suffix = unit && unit !== "bytes" ? ` ${unit}` : "";
  if (!total) return say(done) + suffix;
  return gettext("%(done)s of %(total)s", { done: say(done), total: say(total) }) + suffix;
}

const languages = new Intl.DisplayNames(language, { type: "language" });

/** A human language, in the reader's own. */
export function languageName({ code, name }) {
  try {
    return languages.of(code);
  } catch {
    return name; // no code that the browser can read
  }
}

/** Parts with a dot between, without the empty ones. */
export const dotted = (...parts) => parts.filter(Boolean).join(" · ");

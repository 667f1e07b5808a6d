// Sound and film: a player, the waveform, frames through the film to scrub over.

import { h, icon } from "millrace/dom";
import { detail, facts, grid, message, styled, tools } from "millrace/viewers/parts";
import { decimal, dotted, gettext, ngettext, number, told } from "millrace/words";

/** Seconds as on a clock: 1:02:03 or 2:03. */
export function clock(seconds) {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

const rate = (value) => (value >= 1000 ? `${number(value / 1000)} kbit/s` : value ? `${number(value)} bit/s` : "");

export function audioPreview(file, result, { artifact, content }) {
  if (result.empty) return message("audio", gettext("An empty recording"));
  const wave = artifact("audio", "waveform.webp");
  const cover = artifact("audio", "cover.webp");
  const { title, artist, album } = result.tags ?? {};
  return h("div", {}, tools(dotted(result.codec, clock(result.duration_s ?? 0), rate(result.bit_rate))),
    h("div", { class: "view-sound" },
      cover ? h("img", { class: "cover", src: cover.url, alt: gettext("Cover"), width: 220, height: 220 }) : null,
      title || artist ? h("div", { class: "sound-words" }, h("h2", {}, title ?? file.name), h("p", { class: "quiet" }, dotted(artist, album))) : null,
      wave ? h("img", { class: "wave", src: wave.url, alt: gettext("Waveform") }) : null,
      h("audio", { src: content, controls: true, preload: "metadata", "aria-label": file.name })),
    result.note ? h("p", { class: "note" }, icon("alert"), h("span", {}, result.note)) : null);
}

export function videoPreview(file, result, { artifact, content }) {
  if (result.empty) return message("video", gettext("An empty film"));
  const poster = artifact("video", "poster.webp");
  const film = h("video", { src: content, controls: true, preload: poster ? "none" : "metadata", poster: poster?.url, playsinline: true, "aria-label": file.name }, subtitles(result, artifact));
  if (result.width && result.height) styled(film, { "--ratio": turned(result) ? `${result.height} / ${result.width}` : `${result.width} / ${result.height}` });
  const said = dotted(result.width ? `${number(result.width)} × ${number(result.height)}` : "", result.codec, clock(result.duration_s ?? 0), result.fps ? gettext("%(n)s frames/s", { n: decimal(result.fps) }) : "");
  const strip = result.strip && artifact("video", result.strip.artifact);
  return h("div", {}, tools(said), h("div", { class: "view-film" }, film), strip ? scrubber(result.strip, strip.url, film) : null,
    result.note ? h("p", { class: "note" }, icon("alert"), h("span", {}, result.note)) : null);
}

const turned = ({ rotation }) => Math.abs(rotation ?? 0) % 180 === 90;

/** What is said in the film, to be switched on in the player. */
function subtitles(result, artifact) {
  return (result.subtitles ?? []).map((one, index) => {
    const words = one.artifact && artifact("video", one.artifact);
    return words && h("track", { kind: "subtitles", src: words.url, srclang: one.language ?? null, label: one.language ?? gettext("Subtitles %(n)s", { n: number(index + 1) }) });
  });
}

/** Frames through the film under the pointer; a click goes there. */
function scrubber({ columns, width, height, times_s: times }, url, film) {
  const frames = times.map((time, index) => {
    const frame = h("button", { type: "button", class: "frame", "aria-label": gettext("Go to %(time)s", { time: clock(time) }), onclick: () => {
      film.currentTime = time;
      film.play().catch(() => {}); // paused again before it began, or not allowed to
    } }, h("span", {}, clock(time)));
    frame.style.setProperty("--width", `${width}px`);
    frame.style.setProperty("--ratio", `${width} / ${height}`);
    frame.style.backgroundImage = `url("${url}")`;
    frame.style.backgroundSize = `${columns * 100}% auto`;
    const rows = Math.ceil(times.length / columns);
    const x = columns > 1 ? (100 * (index % columns)) / (columns - 1) : 0;
    const y = rows > 1 ? (100 * Math.floor(index / columns)) / (rows - 1) : 0;
    frame.style.backgroundPosition = `${x}% ${y}%`;
    return frame;
  });
  return h("div", { class: "frames", role: "group", "aria-label": gettext("Frames through the film") }, frames);
}

export function mediaDetails(result) {
  const list = [];
  const tags = Object.entries(result.tags ?? {});
  if (tags.length) list.push(detail(gettext("Tags"), facts(tags.map(([name, value]) => [told(name.replaceAll("_", " ")), String(value)]))));
  if (result.streams?.length > 1) {
    const columns = [{ name: gettext("Stream") }, { name: gettext("Codec") }, { name: gettext("Language") }, { name: gettext("About") }];
    list.push(detail(gettext("Streams"), h("div", { class: "generic" }, grid(columns, result.streams.map((one) => [told(one.type), one.codec, one.language, dotted(one.width ? `${one.width} × ${one.height}` : "", one.channels ? ngettext("%(count)s channel", "%(count)s channels", one.channels) : "", rate(one.bit_rate))])))));
  }
  if (result.chapters?.length) list.push(detail(gettext("Chapters"), h("ol", { class: "outline" }, result.chapters.map((one) => h("li", {}, h("span", {}, one.title ?? one.name ?? ""), h("span", { class: "quiet numbers" }, clock(one.at_s ?? 0)))))));
  return list;
}

export function mediaFacts(result) {
  return [
    [gettext("Length"), result.duration_s ? clock(result.duration_s) : null],
    [gettext("Codec"), result.codec],
    [gettext("Dimensions"), result.width ? `${number(result.width)} × ${number(result.height)}` : null],
    [gettext("Frame rate"), result.fps ? decimal(result.fps) : null],
    [gettext("Bit rate"), rate(result.bit_rate) || null],
    [gettext("Sample rate"), result.sample_rate ? `${decimal(result.sample_rate / 1000)} kHz` : null],
    [gettext("Channels"), result.channels ? number(result.channels) : null],
    [gettext("Loudness"), typeof result.loudness_lufs === "number" ? `${decimal(result.loudness_lufs)} LUFS` : null],
    [gettext("Loudest"), result.peak_db === undefined || result.peak_db === null ? null : `${decimal(result.peak_db)} dB`],
    [gettext("On average"), result.mean_db === undefined || result.mean_db === null ? null : `${decimal(result.mean_db)} dB`],
    [gettext("Subtitles"), result.subtitles?.length ? result.subtitles.map(({ language }) => language ?? "?").join(", ") : null],
  ];
}

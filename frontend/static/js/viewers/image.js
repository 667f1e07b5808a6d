// Pictures: the preview with zoom; what the camera wrote, colours, and whether it tells a place.

import { h, icon } from "millrace/dom";
import { detail, facts, message, styled, tools } from "millrace/viewers/parts";
import { zoomable } from "millrace/viewers/zoom";
import { decimal, dotted, gettext, number, precise, took, when } from "millrace/words";

const SHOWN_BY_BROWSERS = new Set(["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"]);

export function imagePreview(file, result, { artifact, content }) {
  const preview = artifact("image", "preview.webp");
  if (!preview) return result.empty ? message("image", gettext("An empty picture")) : null;
  const sized = result.preview ?? {};
  const picture = h("img", { src: preview.url, alt: gettext("Preview of %(name)s", { name: file.name }), width: sized.width, height: sized.height });
  if (sized.width) styled(picture, { "--wide": String(sized.width), "--high": String(sized.height) });
  const box = h("div", { class: "view-image", tabindex: "0", role: "group", "aria-label": gettext("Picture; press + and − to zoom") }, picture);
  const width = result.width ?? sized.width;
  const { buttons } = zoomable(box, picture, {
    natural: () => width,
    // the original is fetched only when somebody looks closer than the preview is sharp; not where it is dark
    larger: (zoom) => {
      if (zoom && !result.shown && SHOWN_BY_BROWSERS.has(file.media_type) && picture.src !== content && width > (sized.width ?? 0)) picture.src = content;
    },
  });
  const size = gettext("%(width)s × %(height)s pixels", { width: number(result.width), height: number(result.height) });
  return h("div", {}, tools(dotted(size, span(result.shown)), ...buttons), box);
}

/** Which measured values are black and white here. */
const span = (shown) => (shown ? gettext("shown from %(from)s to %(to)s", { from: precise(shown.from), to: precise(shown.to) }) : "");

export function imageDetails(result) {
  const { exif: { comment, ...exif } = {}, location, palette } = result;
  const texts = [...(result.texts ?? []), ...(comment ? [{ key: gettext("Comment"), value: comment }] : [])];
  const list = [];
  if (location) list.push(place(location));
  if (Object.keys(exif).length) {
    list.push(detail(gettext("Photograph"), facts([
      [gettext("Camera"), [exif.make, exif.model].filter(Boolean).join(" ")],
      [gettext("Lens"), exif.lens],
      [gettext("Taken"), exif.taken_at ? when(exif.taken_at) : null],
      [gettext("Exposure"), exposure(exif)],
      [gettext("Focal length"), exif.focal_length_mm ? `${decimal(exif.focal_length_mm)} mm` : null],
      [gettext("Software"), exif.software],
      [gettext("Artist"), exif.artist],
      [gettext("Copyright"), exif.copyright],
      [gettext("Description"), exif.description],
    ])));
  }
  if (texts.length) list.push(detail(gettext("Texts inside"), words(texts)));
  if (palette?.length) list.push(detail(gettext("Colours"), swatches(palette)));
  return list;
}

const LONG = 160; // characters that still fit a line

function words(texts) {
  const long = ({ value }) => value.length > LONG || value.includes("\n");
  return h("div", { class: "generic" },
    texts.every(long) ? null : facts(texts.filter((text) => !long(text)).map(({ key, value }) => [key, value])),
    texts.filter(long).map(({ key, value }) => h("div", {}, h("h3", {}, key), h("pre", {}, value))));
}

function exposure({ exposure: time, aperture, iso }) {
  return [time, aperture && `f/${decimal(aperture)}`, iso && `ISO ${iso}`].filter(Boolean).join(", ");
}

function place({ latitude, longitude, altitude_m: altitude }) {
  const words = `${latitude.toFixed(5)}, ${longitude.toFixed(5)}${altitude === null ? "" : `, ${decimal(altitude)} m`}`;
  return h("p", { class: "note warn" }, icon("alert"), h("span", {}, gettext("This picture tells where it was taken: %(place)s. Whoever gets the original can read that.", { place: words })));
}

function swatches(palette) {
  const colours = palette.map((entry) => (typeof entry === "string" ? { colour: entry, share: 1 } : { colour: entry.colour ?? entry.color ?? entry.hex, share: entry.share ?? 1 }));
  return h("div", { class: "swatches" }, colours.map(({ colour, share }) => styled(h("span", { title: colour }), { "--colour": colour, "--share": String(Math.max(share, 0.04)) })));
}

export function imageFacts(result) {
  return [
    [gettext("Dimensions"), result.width ? `${number(result.width)} × ${number(result.height)}` : null],
    [gettext("Megapixels"), result.megapixels ? decimal(result.megapixels) : null],
    [gettext("Colour"), [result.mode, result.bits ? gettext("%(n)s bits", { n: result.bits }) : null, result.profile].filter(Boolean).join(", ")],
    [gettext("Frames"), result.frames > 1 ? dotted(number(result.frames), result.duration_s ? took(result.duration_s * 1000) : "") : null],
    [gettext("Resolution"), dpi(result.dpi)],
    [gettext("Damage"), result.damage],
  ];
}

function dpi(value) {
  if (!value) return null;
  const [x, y] = Array.isArray(value) ? value : [value, value];
  return x === y ? `${number(x)} dpi` : `${number(x)} × ${number(y)} dpi`;
}

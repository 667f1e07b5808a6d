// Pictures: the preview with zoom; what the camera wrote, colours, and whether it tells a place.

import { h, icon } from "millrace/dom";
import { detail, facts, iconButton, message, styled, tools } from "millrace/viewers/parts";
import { decimal, gettext, number, when } from "millrace/words";

const ZOOMS = [0.25, 0.5, 1, 2, 4];
const SHOWN_BY_BROWSERS = new Set(["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"]);

export function imagePreview(file, result, { artifact, content }) {
  const preview = artifact("image", "preview.webp");
  if (!preview) return result.empty ? message("image", gettext("An empty picture")) : null;
  const sized = result.preview ?? {};
  const picture = h("img", { src: preview.url, alt: gettext("Preview of %(name)s", { name: file.name }), width: sized.width, height: sized.height });
  const box = h("div", { class: "view-image", tabindex: "0", role: "group", "aria-label": gettext("Picture; press + and − to zoom") }, picture);
  const width = result.width ?? sized.width;
  const word = h("span", { class: "numbers" }, gettext("Fit"));
  let zoom = 0; // 0 fits the box

  function set(next) {
    zoom = next;
    box.classList.toggle("zoomed", zoom > 0);
    styled(box, { "--natural": String(width), "--zoom": String(zoom) });
    word.textContent = zoom ? `${number(zoom * 100)} %` : gettext("Fit");
    // the original is fetched only when somebody looks closer than the preview is sharp
    if (zoom && SHOWN_BY_BROWSERS.has(file.media_type) && picture.src !== content && width > (sized.width ?? 0)) picture.src = content;
  }
  const fitting = () => picture.clientWidth / width;
  const closer = () => set(ZOOMS.find((step) => step > (zoom || fitting()) * 1.01) ?? ZOOMS.at(-1));
  const further = () => set(ZOOMS.findLast((step) => step < (zoom || fitting()) * 0.99) ?? 0);
  box.addEventListener("click", () => set(zoom ? 0 : 1));
  box.addEventListener("keydown", (event) => {
    const run = { "+": closer, "=": closer, "-": further, 0: () => set(0) }[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  });
  const size = gettext("%(width)s × %(height)s pixels", { width: number(result.width), height: number(result.height) });
  return h("div", {},
    tools(size, iconButton("minus", gettext("Smaller"), further), word, iconButton("plus", gettext("Larger"), closer), iconButton("fit", gettext("Fit"), () => set(0))), box);
}

export function imageDetails(result) {
  const { exif = {}, location, palette } = result;
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
  if (palette?.length) list.push(detail(gettext("Colours"), swatches(palette)));
  return list;
}

function exposure({ exposure: time, aperture, iso }) {
  return [time && `${time} s`, aperture && `f/${decimal(aperture)}`, iso && `ISO ${iso}`].filter(Boolean).join(", ");
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
    [gettext("Frames"), result.frames > 1 ? number(result.frames) : null],
    [gettext("Resolution"), dpi(result.dpi)],
    [gettext("Damage"), result.damage],
  ];
}

function dpi(value) {
  if (!value) return null;
  const [x, y] = Array.isArray(value) ? value : [value, value];
  return x === y ? `${number(x)} dpi` : `${number(x)} × ${number(y)} dpi`;
}

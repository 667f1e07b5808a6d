// The picture of a file in a list: its thumbnail, or the icon of its kind.

import { setIcon } from "millrace/dom";

/** Fills a tile (parts/tile.html). */
export function showTile(tile, kind, thumbnail) {
  setIcon(tile.firstElementChild, kind || "other");
  const image = tile.querySelector("img");
  if (image?.getAttribute("src") === thumbnail) return;
  image?.remove();
  if (!thumbnail) return;
  const fresh = new Image(40, 40);
  fresh.alt = "";
  fresh.loading = "lazy";
  fresh.decoding = "async";
  fresh.onerror = () => fresh.remove();
  fresh.src = thumbnail;
  tile.append(fresh);
}

// Looking closer: a box with a picture in it that a click, keys and buttons make larger. Only this sets how large it is shown.

import { h } from "millrace/dom";
import { command } from "millrace/frame";
import { iconButton, styled } from "millrace/viewers/parts";
import { gettext, number } from "millrace/words";

const ZOOMS = [0.25, 0.5, 1, 2, 4];

/**
 * Makes `box`, which holds `picture`, zoom. `natural()` is the width in px that is 100 %, `larger(zoom)` hears of each
 * change (0 fits the box). Returns the buttons for the line above, and what shows all of it again.
 */
export function zoomable(box, picture, { natural, larger = () => {} }) {
  const word = h("span", { class: "numbers" }, gettext("Fit"));
  let zoom = 0;

  function set(next) {
    zoom = next;
    box.classList.toggle("zoomed", zoom > 0);
    styled(box, { "--natural": String(natural()), "--zoom": String(zoom) });
    word.textContent = zoom ? `${number(zoom * 100)} %` : gettext("Fit");
    larger(zoom);
  }

  /** What was clicked stays under the pointer. */
  function lookAt({ clientX, clientY }) {
    const before = picture.getBoundingClientRect();
    const across = (clientX - before.left) / before.width;
    const down = (clientY - before.top) / before.height;
    set(1);
    const after = picture.getBoundingClientRect();
    box.scrollBy({ left: after.left + across * after.width - clientX, top: after.top + down * after.height - clientY, behavior: "instant" });
  }

  const fitting = () => picture.clientWidth / natural();
  const closer = () => set(ZOOMS.find((step) => step > (zoom || fitting()) * 1.01) ?? ZOOMS.at(-1));
  const further = () => set(ZOOMS.findLast((step) => step < (zoom || fitting()) * 0.99) ?? 0);
  const fit = () => set(0);
  command("larger", { key: "+", help: gettext("Larger"), run: closer });
  command("larger-too", { key: "=", run: closer }); // where + needs another key held
  command("smaller", { key: "-", help: gettext("Smaller"), run: further });
  command("fit", { key: "0", help: gettext("Fit"), run: fit });
  box.classList.add("zoomable");
  box.addEventListener("click", (event) => (zoom ? fit() : lookAt(event)));
  return { buttons: [iconButton("minus", gettext("Smaller"), further), word, iconButton("plus", gettext("Larger"), closer), iconButton("fit", gettext("Fit"), fit)], fit };
}

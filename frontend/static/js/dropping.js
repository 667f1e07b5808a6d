// Files that people bring to the dashboard by hand: dropped anywhere, pasted, or chosen in a dialog.

import { $ } from "millrace/dom";
import { complain } from "millrace/frame";
import { bringsFiles, fromInput, fromTransfer } from "millrace/intake";
import { gettext } from "millrace/words";

/** `take(read)` takes what `read(found)` hands over, list by list. */
export function listenForFiles(take) {
  const veil = $("veil");
  let depth = 0;
  const lift = () => {
    depth = 0;
    veil.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!bringsFiles(event.dataTransfer)) return;
    event.preventDefault();
    depth += 1;
    veil.hidden = false;
  });
  addEventListener("dragover", (event) => {
    if (!bringsFiles(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) lift();
  });
  addEventListener("drop", (event) => {
    if (!bringsFiles(event.dataTransfer)) return;
    event.preventDefault();
    lift();
    drop(event.dataTransfer, take);
  });
  addEventListener("paste", (event) => {
    if (!bringsFiles(event.clipboardData) || event.target.closest("input, textarea")) return;
    event.preventDefault();
    drop(event.clipboardData, take);
  });
}

async function drop(transfer, take) {
  try {
    await take((found) => fromTransfer(transfer, found));
  } catch (error) {
    complain(new Error(gettext("A folder could not be read: %(why)s", { why: error.message })));
  }
}

export function pick(folder, take) {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.webkitdirectory = folder;
  input.onchange = () => input.files.length && take((found) => found(fromInput(input)));
  input.click();
}

// What the dashboard shows to newcomers: a few words, and samples to begin with. They go when there are files.

import { $, setText } from "millrace/dom";
import { complain } from "millrace/frame";
import { gettext } from "millrace/words";

/** The words for newcomers go with the first file; the samples stay until there is another file than those. */
export function endFirstRun() {
  if (!$("drop")?.classList.contains("first")) return;
  document.querySelector(".first-steps").remove();
  $("drop").classList.remove("first");
  setText($("drop-title"), gettext("Drop files or folders anywhere"));
}

/** Nothing of it is needed any more: there is a file that is no sample. */
export function forgetFirstRun() {
  endFirstRun();
  $("first-run")?.remove();
}

/** A click on a sample hands it over to `send`, as files are handed over (see Uploader). */
export function offerSamples(send) {
  $("samples")?.addEventListener("click", async (event) => {
    const sample = event.target.closest("[data-sample]");
    if (!sample || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const place = sample.closest("li");
    if (place.inert) return;
    place.inert = true; // one click is enough, however late the sample comes
    const content = await sampleContent(sample.href);
    if (!content) {
      place.inert = false;
      return;
    }
    endFirstRun();
    place.remove();
    if (!$("samples")?.querySelector("li")) $("first-run")?.remove();
    send((found) => found([{ file: new File([content], sample.dataset.sample), path: "" }]));
  });
}

/** A sample's bytes; null where they can't be had, which is said. */
async function sampleContent(href) {
  try {
    const answer = await fetch(href);
    if (answer.ok) return await answer.blob();
  } catch {
    // said below
  }
  complain({ message: "" });
  return null;
}

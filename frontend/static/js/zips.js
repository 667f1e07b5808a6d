// Downloads of many files as one zip.

import { address, ask, boot, proof } from "millrace/boot";
import { h } from "millrace/dom";
import { complain, toast } from "millrace/frame";
import { gettext, number } from "millrace/words";

const ZIP_IDS = 1000; // files that one zip can be asked for by their ids

/** All that is listed by these parameters, as far as one zip holds it: asked first, so that a refusal leaves this page as it is. */
export async function zipListed(parameters) {
  try {
    await ask("HEAD", "/api/files/zip/", { parameters });
    location.assign(address("/api/files/zip/", parameters));
  } catch ({ status }) {
    if (status === 413) toast(gettext("These are more files than one zip holds. Use a filter, or select some."), { mood: "bad" });
    else if (status === 404) toast(gettext("None of these files has been received whole."), { mood: "bad" });
    else complain({ message: "" });
  }
}

/** These files, but for those that are still being received. */
export function zipFiles(files) {
  const ids = files.filter(({ status }) => status !== "receiving").map(({ id }) => id);
  if (ids.length > ZIP_IDS) {
    toast(gettext("At most %(n)s files can be selected for one zip.", { n: number(ZIP_IDS) }), { mood: "bad" });
    return;
  }
  if (!ids.length) {
    toast(gettext("None of these files has been received whole."), { mood: "bad" });
    return;
  }
  const field = (name, value) => h("input", { type: "hidden", name, value });
  const form = h("form", { method: "post", action: address("/api/files/zip/form/"), hidden: true }, field("csrfmiddlewaretoken", proof()[boot.csrf.header]), field("ids", ids.join(",")));
  document.body.append(form);
  form.submit();
  form.remove();
}

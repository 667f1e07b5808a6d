// What people do to files: retry, cancel, delete; one, or many at once.

import { ask, boot } from "millrace/boot";
import { complain, confirm, toast } from "millrace/frame";
import { gettext, ngettext } from "millrace/words";

const AT_ONCE = 4; // requests
const PATHS = { retry: ["POST", "retry/"], cancel: ["POST", "cancel/"], delete: ["DELETE", ""] };

const send = (id, action) => ask(PATHS[action][0], `/api/files/${id}/${PATHS[action][1]}`);

/** Does it to one file; deleting asks first. Resolves to whether it was done. */
export async function act(file, action) {
  if (!boot.mayUpload) return false;
  if (action === "delete") {
    const question = gettext("Delete “%(name)s” and everything that was made from it?", { name: file.name });
    if (!(await confirm(question, gettext("Delete")))) return false;
  }
  try {
    await send(file.id, action);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

/** Does it to many, a few at a time; says how it went. */
export async function actOnAll(ids, action) {
  if (action === "delete") {
    const question = ngettext("Delete %(count)s file and everything that was made from it?", "Delete %(count)s files and everything that was made from them?", ids.length);
    if (!(await confirm(question, gettext("Delete")))) return false;
  }
  const waiting = [...ids];
  let done = 0;
  let error = null;
  const work = async () => {
    while (waiting.length) {
      try {
        await send(waiting.pop(), action);
        done += 1;
      } catch (refused) {
        error = refused;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (error && !done) complain(error);
  else toast(SAY[action](done), { mood: error ? "bad" : "good" });
  return done > 0;
}

const SAY = {
  retry: (count) => ngettext("%(count)s file is tried again.", "%(count)s files are tried again.", count),
  cancel: (count) => ngettext("%(count)s file was cancelled.", "%(count)s files were cancelled.", count),
  delete: (count) => ngettext("%(count)s file was deleted.", "%(count)s files were deleted.", count),
};

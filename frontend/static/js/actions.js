// What people do to files: retry, cancel, delete; one, or many at once.

import { ask, boot } from "millrace/boot";
import { complain, confirm, toast } from "millrace/frame";
import { gettext, ngettext, told } from "millrace/words";

const AT_ONCE = 1000; // files that one request changes
const PATHS = { retry: ["POST", "retry/"], expand: ["POST", "expand/"], replay: ["POST", "replay/"], cancel: ["POST", "cancel/"], delete: ["DELETE", ""] };

/** Does it to one file; deleting asks first. Resolves to whether it was done. */
export async function act(file, action) {
  if (!boot.mayUpload) return false;
  if (action === "delete" && !(await confirm(gettext("Delete “%(name)s” and everything that was made from it?", { name: file.name }), gettext("Delete")))) return false;
  const [method, path] = PATHS[action];
  try {
    await ask(method, `/api/files/${file.id}/${path}`);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

/** Does it to many and says how it went. Resolves to whether anything was done. */
export async function actOnAll(ids, action) {
  const question = () => ngettext("Delete %(count)s file and everything that was made from it?", "Delete %(count)s files and everything that was made from them?", ids.length);
  if (action === "delete" && !(await confirm(question(), gettext("Delete")))) return false;
  const parts = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) parts.push({ ids: ids.slice(at, at + AT_ONCE) });
  return change(action, parts);
}

/** Does it to all files of a batch that have one of these statuses. */
export function actOnBatch(batch, statuses, action) {
  return change(action, [{ status: statuses, batch }]);
}

/** Tries everything again that failed at a step with an error of this code. */
export function actOnReason(code, step) {
  return change("retry", [{ status: ["failed"], error: code, ...(step ? { step } : {}) }]);
}

/** Tries everything again that failed. */
export function retryFailed() {
  return change("retry", [{ status: ["failed"] }]);
}

async function change(action, parts) {
  let changed = 0;
  const refused = [];
  try {
    for (const body of parts) {
      let cursor = null;
      do {
        const answer = await ask("POST", `/api/files/${action}/`, { body: cursor ? { ...body, cursor } : body });
        changed += answer.changed;
        refused.push(...answer.refused);
        cursor = answer.next; // each file once, however soon it fails again
      } while (cursor);
    }
  } catch (error) {
    complain(error);
    return changed > 0;
  }
  if (refused.length && !changed) toast(told(refused[0].error.message), { mood: "bad" });
  else toast(SAY[action](changed), { mood: refused.length ? "bad" : "good" });
  return changed > 0;
}

const SAY = {
  retry: (count) => ngettext("%(count)s file is tried again.", "%(count)s files are tried again.", count),
  cancel: (count) => ngettext("%(count)s file was cancelled.", "%(count)s files were cancelled.", count),
  delete: (count) => ngettext("%(count)s file was deleted.", "%(count)s files were deleted.", count),
};

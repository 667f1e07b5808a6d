// Certificates and keys: who vouches for whom until when, and a warning where a private key lies open.

import { h, icon } from "millrace/dom";
import { detail, facts, message } from "millrace/viewers/parts";
import { gettext, ngettext, when } from "millrace/words";

export function keysPreview(file, result) {
  const { certificates = [], private_keys: keys } = result;
  if (certificates.length) return h("div", { class: "view-keys" }, certificates.map(certificate));
  return keys ? message("shield", ngettext("%(count)s private key", "%(count)s private keys", keys), kinds(result)) : null;
}

const kinds = ({ blocks }) => [...new Set(blocks.map(({ kind }) => kind))].join(", ");

function certificate({ subject, issuer, from, until, names, key, serial, sha256, self_signed: own, authority }) {
  const over = Date.parse(until) < Date.now();
  return facts([
    [gettext("Issued to"), subject],
    [gettext("By"), own ? gettext("itself") : issuer],
    [gettext("Valid from"), when(from)],
    [gettext("Valid until"), over ? h("span", { class: "warn" }, gettext("%(when)s: it has expired", { when: when(until) })) : when(until)],
    [gettext("For"), names.join(", ")],
    [gettext("Key"), key],
    [gettext("May vouch for others"), authority ? gettext("yes") : null],
    [gettext("Serial number"), serial],
    ["SHA-256", sha256],
  ]);
}

export function keysDetails(result) {
  if (!result.private_keys) return [];
  const words = result.unlocked_keys
    ? gettext("A private key lies open in it: whoever has the file can act in its owner's name.")
    : gettext("A private key is in it, locked with a passphrase.");
  const said = h("p", { class: "note warn" }, icon("alert"), h("span", {}, words));
  return result.certificates?.length ? [said, detail(gettext("Inside"), h("p", {}, kinds(result)))] : [said];
}

export function keysFacts(result) {
  const count = result.certificates?.length ?? 0;
  return [
    [gettext("Certificates"), count || null],
    [gettext("Private keys"), result.private_keys || null],
  ];
}

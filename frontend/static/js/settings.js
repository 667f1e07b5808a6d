// The settings page: API tokens, notifications, how processors are confined.

import { ask } from "millrace/boot";
import { $, h, icon } from "millrace/dom";
import { complain, confirm, copy as copyText, say, startFrame, toast } from "millrace/frame";
import { showAnew, startMembers } from "millrace/members";
import { mayNotify, setNotify, wantsNotify } from "millrace/notify";
import { ago, dotted, gettext, ngettext, when } from "millrace/words";

const DAY = 86_400_000; // ms

// -- tokens ----------------------------------------------------------------------------------------------------------------

const showTokens = () => showAnew("tokens", showToken);

function showToken(token) {
  const { name, scopes, space, created_at: created, expires_at: expires, last_used_at: used } = token;
  const about = dotted(
    scopes.map((scope) => SCOPES[scope] ?? scope).join(", "),
    space ? gettext("only the space %(space)s", { space }) : "",
    gettext("made %(when)s", { when: ago(created) }),
    used ? gettext("last used %(when)s", { when: ago(used) }) : gettext("never used"),
    expires ? gettext("valid until %(when)s", { when: when(expires) }) : "",
  );
  const remove = h("button", { class: "button bare small only-icon danger", type: "button", "aria-label": gettext("Remove %(name)s", { name: name || token.id }), onclick: () => removeToken(token) }, icon("trash"));
  return h("li", {}, h("div", {}, h("p", { class: "token-name" }, name || gettext("without a name")), h("p", { class: "token-about" }, about)), remove);
}

const SCOPES = { read: gettext("read"), upload: gettext("send"), manage: gettext("change"), metrics: gettext("metrics") };

async function removeToken({ id, name }) {
  if (!(await confirm(gettext("Remove the token “%(name)s”? Programs that use it are refused from then on.", { name: name || id }), gettext("Remove")))) return;
  try {
    await ask("DELETE", `/api/tokens/${id}/`);
    await showTokens();
  } catch (error) {
    complain(error);
  }
}

async function makeToken(event) {
  event.preventDefault();
  const form = event.target;
  const { name, scopes, space, days } = Object.fromEntries(new FormData(form));
  const body = { name, scopes: scopes.split(","), space: space || null, expires_at: days ? new Date(Date.now() + days * DAY).toISOString() : null };
  try {
    const made = await ask("POST", "/api/tokens/", { body });
    showSecret(made.secret);
    form.reset();
    await showTokens();
  } catch (error) {
    complain(error);
  }
}

function showSecret(secret) {
  const copy = h("button", { class: "button small", type: "button", onclick: () => copyText(secret) }, icon("copy"), gettext("Copy"));
  $("secret").replaceChildren(icon("shield"), h("div", {}, gettext("Copy it now, it is not shown again:"), h("code", {}, secret)), copy);
  $("secret").hidden = false;
  copy.focus();
  say(gettext("The token was made."));
}

// -- notifications ---------------------------------------------------------------------------------------------------------

async function toggleNotify(event) {
  const wanted = event.target.checked;
  if (wanted && !(await mayNotify())) {
    event.target.checked = false;
    toast(gettext("This browser does not allow it; its own settings for this site can."), { mood: "bad" });
    return;
  }
  setNotify(wanted);
}

// -- own processors --------------------------------------------------------------------------------------------------------

async function replay(button) {
  button.disabled = true;
  let changed = 0;
  let cursor = null;
  try {
    do {
      const answer = await ask("POST", "/api/files/replay/", { body: { processor: button.dataset.replay, cursor } });
      changed += answer.changed;
      cursor = answer.next;
    } while (cursor);
    button.remove();
    toast(ngettext("%(count)s file is processed again.", "%(count)s files are processed again.", changed), { mood: "good" });
  } catch (error) {
    button.disabled = false;
    complain(error);
  }
}

// -- isolation -------------------------------------------------------------------------------------------------------------

const WALLS = {
  landlock: () => gettext("Landlock: no other file"),
  seccomp: () => gettext("seccomp: no network, no program"),
  no_new_privs: () => gettext("no new privileges"),
  rlimits: () => gettext("caps on memory and time"),
  capabilities: () => gettext("no capabilities"),
};

async function showWalls() {
  const answer = await fetch("/readyz/", { headers: { Accept: "application/json" } });
  const { facts = {} } = await answer.json();
  $("walls").replaceChildren(...Object.entries(facts.sandbox ?? {}).map(([name, well]) =>
    h("li", { "data-well": well ? "yes" : "no" }, icon(well ? "check" : "cross"), h("span", {}, WALLS[name]?.() ?? name, well ? null : ` (${gettext("missing")})`))));
}

startFrame();
for (const button of document.querySelectorAll("[data-replay]")) button.addEventListener("click", () => replay(button));
$("token-form").addEventListener("submit", makeToken);
$("notify").checked = wantsNotify();
$("notify").addEventListener("change", toggleNotify);
startMembers();
showTokens().catch(complain);
showWalls().catch(() => {});

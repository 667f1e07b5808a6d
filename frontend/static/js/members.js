// The settings page: spaces, their members, invitations.

import { address, ask, boot, inTurn } from "millrace/boot";
import { $, h, icon } from "millrace/dom";
import { complain, confirm, copy as copyText, say } from "millrace/frame";
import { ago, dotted, gettext, ngettext, when } from "millrace/words";

const turns = {}; // by the list's name

/** Shows a list of the settings as it is now, unless somebody has asked for it later and seen it already. */
export async function showAnew(name, row) {
  turns[name] ??= inTurn();
  const isNews = turns[name]();
  const { items } = await ask("GET", `/api/${name}/`);
  if (isNews()) $(name).replaceChildren(...items.map(row));
}

/** Does it, says what was refused, and shows everything anew. Resolves to what was answered, null where it was refused. */
async function tell(method, path, body = undefined) {
  let answer = null;
  try {
    answer = (await ask(method, path, { body })) ?? {};
  } catch (error) {
    complain(error);
  }
  await Promise.all([showMembers(), showInvitations(), showSpaces()]).catch(complain);
  return answer;
}

function line(name, about, ...buttons) {
  return h("li", {}, h("div", {}, h("p", { class: "token-name" }, ...[name].flat()), h("p", { class: "token-about" }, about)), h("div", { class: "setting-actions" }, buttons));
}

function removeButton(label, run) {
  return h("button", { class: "button bare small only-icon danger", type: "button", "aria-label": label, title: label, onclick: run }, icon("trash"));
}

// -- members ---------------------------------------------------------------------------------------------------------------

const showMembers = () => showAnew("members", showMember);

function showMember({ user, role, own, you }) {
  const path = `/api/members/${encodeURIComponent(user)}/`;
  const fixed = own || !boot.mayManage;
  const choice = fixed ? null : h("select", { class: "select small", "aria-label": gettext("Role of %(name)s", { name: user }), onchange: (event) => tell("POST", path, { role: event.target.value }) },
    Object.entries(boot.roles).map(([value, word]) => h("option", { value, selected: value === role }, word)));
  const remove = fixed || you ? null : removeButton(gettext("Remove %(name)s", { name: user }), async () => {
    const question = gettext("Remove %(name)s from this space? What they sent stays; they see it no more.", { name: user });
    if (await confirm(question, gettext("Remove"))) tell("DELETE", path);
  });
  return line(user, dotted(fixed ? boot.roles[role] : "", own ? gettext("it is their own space") : "", you ? gettext("you") : ""), choice, remove);
}

// -- invitations -----------------------------------------------------------------------------------------------------------

async function showInvitations() {
  if (boot.mayManage) await showAnew("invitations", showInvitation);
}

function showInvitation({ id, role, by, created_at: created, expires_at: expires }) {
  const about = dotted(by ? gettext("by %(name)s", { name: by }) : "", gettext("made %(when)s", { when: ago(created) }), gettext("valid until %(when)s", { when: when(expires) }));
  return line(gettext("Open invitation: %(role)s", { role: boot.roles[role] }), about, removeButton(gettext("Withdraw the invitation"), () => tell("DELETE", `/api/invitations/${id}/`)));
}

async function invite(event) {
  event.preventDefault();
  const { role, days } = Object.fromEntries(new FormData(event.target));
  const made = await tell("POST", "/api/invitations/", { role, days: Number(days) });
  if (!made) return;
  const link = new URL(made.path, location.origin).href;
  const copy = h("button", { class: "button small", type: "button", onclick: () => copyText(link) }, icon("copy"), gettext("Copy"));
  $("invitation-link").replaceChildren(icon("shield"), h("div", {}, gettext("Send this link to one person; it works once and is not shown again:"), h("code", {}, link)), copy);
  $("invitation-link").hidden = false;
  copy.focus();
  say(gettext("The invitation was made."));
}

// -- spaces ----------------------------------------------------------------------------------------------------------------

const showSpaces = () => showAnew("spaces", showSpace);

function showSpace({ slug, name, role, own, counts }) {
  const number = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const link = h("a", { href: `/settings/?space=${slug}#members-section`, "aria-current": slug === boot.space ? "true" : null }, name);
  const about = dotted(slug === name ? "" : slug, own ? gettext("your own") : boot.roles[role], ngettext("%(count)s file", "%(count)s files", number));
  const leave = own ? null : h("button", { class: "button small", type: "button", onclick: () => leaveSpace(slug, name) }, gettext("Leave"));
  return line([link], about, h("a", { class: "button small", href: `/?space=${slug}` }, gettext("Open")), leave);
}

async function leaveSpace(slug, name) {
  if (!(await confirm(gettext("Leave “%(name)s”? You see its files no more, until somebody invites you again.", { name }), gettext("Leave")))) return;
  try {
    await ask("DELETE", `/api/members/${encodeURIComponent(boot.username)}/`, { parameters: { space: slug } });
    if (slug === boot.space) location.assign("/settings/");
    else await showSpaces();
  } catch (error) {
    complain(error);
  }
}

async function makeSpace(event) {
  event.preventDefault();
  try {
    const made = await ask("POST", "/api/spaces/", { body: { name: new FormData(event.target).get("name") } });
    location.assign(address("/settings/", { space: made.slug }));
  } catch (error) {
    complain(error);
  }
}

/** Wakes the three sections. */
export function startMembers() {
  $("invite-form")?.addEventListener("submit", invite);
  $("space-form").addEventListener("submit", makeSpace);
  for (const show of [showMembers, showInvitations, showSpaces]) show().catch(complain);
}

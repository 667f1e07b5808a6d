// Why files failed, on the dashboard: by reason, each with all its files at once. The server says it first (failures.py).

import { actOnReason, retryFailed } from "millrace/actions";
import { address, ask, boot, inTurn } from "millrace/boot";
import { $, h, icon } from "millrace/dom";
import { command } from "millrace/frame";
import { dotted, gettext, number } from "millrace/words";

const REST = 1_200; // ms between two questions
const SHOWN = 6; // reasons

/** Follows the number of failed files, and asks for the reasons when it has changed. */
export class Failures {
  #failed = -1;
  #timer = 0;
  #turn = inTurn();

  /** `makeRoom(element, hidden)` shows and hides what makes others move. */
  constructor(makeRoom) {
    this.makeRoom = makeRoom;
    command("retry-failed", { run: retryFailed });
    $("reasons").addEventListener("click", ({ target }) => {
      const { code, step } = target.closest("button")?.parentElement.dataset ?? {};
      if (code) actOnReason(code, step || null);
    });
  }

  see({ failed }) {
    if (failed === this.#failed) return;
    this.#failed = failed;
    this.#timer ||= setTimeout(() => this.#ask(), REST);
  }

  async #ask() {
    this.#timer = 0;
    const isNews = this.#turn();
    if (!this.#failed) {
      isNews();
      this.makeRoom($("failures"), true);
      return;
    }
    try {
      const { items } = await ask("GET", "/api/failures/");
      if (!isNews()) return;
      $("reasons").replaceChildren(...items.slice(0, SHOWN).map(reasonLine));
      this.makeRoom($("failures"), items.length === 0);
    } catch {
      this.#failed = -1; // the next count asks again
    }
  }
}

function reasonLine({ code, step, message, count }) {
  const title = boot.reasons[code] ?? code;
  const link = h("a", { href: address("/files/", { status: "failed", error: code, step }), title: message }, h("span", {}, dotted(title, step)), h("b", {}, number(count)));
  const label = gettext("Retry all: %(reason)s", { reason: dotted(title, step) });
  const retry = h("button", { class: "button bare small only-icon", type: "button", "aria-label": label, title: label }, icon("retry"));
  return h("li", { "data-code": code, "data-step": step ?? "" }, link, boot.mayUpload ? retry : null);
}

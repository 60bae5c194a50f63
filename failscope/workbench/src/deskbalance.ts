// How the golden set would lean, failure mode by failure mode, so that one that floods it is seen before promoting.

import { bdi, fill, h } from "./dom";
import type { DeskState } from "./deskwire";
import { balance, type Bar, inOrder } from "./deskwords";
import { count, oneLine } from "./text";

export class Balance {
  readonly el = h("div", { class: "fs-desk-balance", role: "group", "aria-label": "Balance by failure mode", hidden: true });

  private readonly order: string[] = [];

  set({ rows, kept }: DeskState): void {
    const { bars, others } = balance(rows, kept);
    this.el.hidden = bars.length === 0;
    const most = Math.max(1, ...bars.map((b) => b.kept + b.accepted + b.waiting));
    fill(
      this.el,
      h("span", { class: "fs-desk-legend" }, swatch("kept"), "in the set ", swatch("accepted"), "accepted ", swatch("waiting"), "waiting"),
      ...inOrder(bars, this.order).map((b) => this.bar(b, most)),
      others ? h("span", { class: "fs-quiet" }, `and ${count(others)} more`) : null,
    );
  }

  private bar(b: Bar, most: number): HTMLElement {
    const name = b.mode || "no failure mode";
    const said = `${oneLine(name, 80)}: ${count(b.kept)} in the set, ${count(b.accepted)} accepted, ${count(b.waiting)} waiting`;
    const piece = (kind: "kept" | "accepted" | "waiting") => {
      const el = h("span", { class: `fs-desk-piece fs-desk-piece-${kind}` });
      el.style.width = `calc(var(--fs-desk-widest) * ${b[kind] / most})`;
      return el;
    };
    return h(
      "span",
      { class: "fs-desk-bar", role: "img", "aria-label": said, title: said },
      bdi(oneLine(name, 40), "fs-desk-mode"),
      h("span", { class: "fs-desk-pieces" }, piece("kept"), piece("accepted"), piece("waiting")),
      h("span", { class: "fs-num" }, b.accepted ? `${count(b.kept)} + ${count(b.accepted)}` : count(b.kept)),
    );
  }
}

function swatch(kind: string): HTMLElement {
  return h("span", { class: `fs-desk-piece fs-desk-piece-${kind} fs-desk-swatch`, "aria-hidden": "true" });
}

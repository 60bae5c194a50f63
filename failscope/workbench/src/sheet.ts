// A sheet over the reading pane: a heading, some lines, and numbered things to do.

import { fill, h, kbd } from "./dom";

export interface Item {
  /** The button's words. */
  label: string;
  /** What stands under it. */
  more?: (Node | string)[];
  act(): void;
}

export class Sheet {
  readonly el = h("section", { class: "fs-sheet", role: "dialog", hidden: true, tabindex: -1 });
  /** What it shows; "" while it is closed. */
  kind = "";
  /** Asked before its button closes it: what was typed is not dropped by one press. */
  guard: () => boolean = () => true;
  private items: Item[] = [];

  /** @param done gives the focus back to the workbench */
  constructor(private readonly done: () => void) {}

  get open(): boolean {
    return !this.el.hidden;
  }

  /** Show, or show again with the focus where it was. */
  show(kind: string, title: string, body: (Node | null)[], items: Item[] = []): void {
    const again = this.open && this.kind === kind;
    const at = again ? this.buttons().indexOf(document.activeElement as HTMLButtonElement) : -1;
    const scroll = again ? this.el.scrollTop : 0;
    this.kind = kind;
    this.items = items;
    this.el.setAttribute("aria-label", title);
    this.el.dataset.kind = kind;
    fill(
      this.el,
      h("header", { class: "fs-sheet-head" }, h("h3", {}, title), h("button", { class: "fs-button", type: "button", onclick: () => this.guard() && this.close() }, "Close ", kbd("Esc"))),
      ...body,
      items.length
        ? h("ol", { class: "fs-todo" }, ...items.map(({ label, more, act }, k) => h("li", {}, h("button", { class: "fs-button fs-todo-button", type: "button", onclick: act }, k < 9 ? kbd(String(k + 1)) : null, h("bdi", {}, label)), more ? h("div", { class: "fs-todo-more" }, ...more) : null)))
        : null,
    );
    this.el.hidden = false;
    this.el.scrollTop = scroll;
    const held = this.buttons()[at];
    if (held) held.focus({ preventScroll: true });
    else if (!again || at >= 0) this.el.focus({ preventScroll: true });
  }

  close(): void {
    if (!this.open) return;
    this.el.hidden = true;
    this.kind = "";
    this.items = [];
    fill(this.el);
    this.done();
  }

  /** Do the k-th thing, counted from 1; whether there is one. */
  pick(k: number): boolean {
    const item = this.items[k - 1];
    item?.act();
    return item !== undefined;
  }

  /** The focus to the next button, or the one before. */
  move(by: 1 | -1): void {
    const all = this.buttons();
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    // the first is Close: from the sheet itself the way down leads past it
    all[at < 0 ? Math.min(1, all.length - 1) : (at + by + all.length) % all.length]?.focus();
  }

  private buttons(): HTMLButtonElement[] {
    return [...this.el.querySelectorAll("button")];
  }
}

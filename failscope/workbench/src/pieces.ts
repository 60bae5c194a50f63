// A text of any length as a part of a pane: folded, laid out where it is JSON, read on when asked; and two texts compared.

import { fill, h, prose } from "./dom";
import type { Piece } from "./protocol";
import { type Change, count, foldAt, plural, prettyJson } from "./text";

export const LABELS: Record<string, string> = {
  system_prompt: "System prompt", input: "Input", output: "Output", context: "Context", error: "Error",
  user: "User", assistant: "Assistant", system: "System prompt", tool: "Tool",
};
const FOLD: Record<string, number> = { output: 6000, assistant: 6000, expected_output: 6000, input: 3000, user: 3000, context: 500, system_prompt: 300, system: 300 };
const MORE_STEP = 200_000;

interface Part {
  label: string;
  name: string;
  kind: string;
  piece: Piece;
  /** What is judged: it stands out. */
  answer: boolean;
}

interface Around {
  pattern: RegExp | null;
  /** The next piece of the text. */
  more(start: number): Promise<Piece>;
  /** Where the focus goes when the button that had it goes away. */
  focus(): void;
}

export function textPart({ label, name, kind, piece, answer }: Part, around: Around): HTMLElement {
  const body = h("div", { class: "fs-text" });
  const foot = h("div", { class: "fs-more" });
  let held = piece.text;
  let shown = foldAt(held, FOLD[kind] ?? 1500);
  let pretty = piece.text.length === piece.total ? prettyJson(piece.text) : null;
  const isJson = pretty !== null;
  let expanded = false;
  const draw = () => {
    const text = pretty ?? held;
    const visible = text.slice(0, pretty ? foldAt(text, FOLD[kind] ?? 1500) : shown);
    body.classList.toggle("fs-json", pretty !== null);
    fill(body, piece.total === 0 ? h("p", { class: "fs-nothing" }, `The ${label.toLowerCase()} is empty.`) : prose(pretty && expanded ? text : visible, around.pattern));
    drawFoot(pretty ? (expanded ? text.length : visible.length) : shown, pretty ? text.length : piece.total);
  };
  const drawFoot = (from: number, total: number) => {
    fill(foot);
    if (from >= total) return;
    const left = total - from;
    const said = left <= MORE_STEP ? `Show all ${count(total)} characters` : `Show ${count(MORE_STEP)} more of ${count(total)} characters`;
    foot.append(h("button", { class: "fs-link", type: "button", onclick: () => void grow() }, said));
  };
  const grow = async () => {
    around.focus();
    expanded = true;
    if (!pretty) {
      const goal = Math.min(piece.total, shown + MORE_STEP);
      if (held.length < goal) {
        fill(foot, h("span", { class: "fs-quiet" }, "Reading on…"));
        try {
          held += (await around.more(held.length)).text;
        } catch (error) {
          fill(foot, h("span", { class: "fs-wrong" }, (error as Error).message));
          return;
        }
      }
      shown = Math.min(held.length, goal);
    }
    draw();
  };
  draw();
  const toggle = isJson
    ? h("button", {
        class: "fs-link", type: "button", "aria-pressed": "true",
        onclick: (e: MouseEvent) => {
          pretty = pretty === null ? prettyJson(piece.text) : null;
          (e.currentTarget as HTMLElement).textContent = pretty === null ? "As JSON" : "As written";
          draw();
        },
      }, "As written")
    : null;
  const size = piece.total > 400 ? h("span", { class: "fs-quiet" }, plural(piece.total, "character")) : null;
  return h("section", { class: answer ? "fs-part fs-part-answer" : `fs-part fs-part-${kind}`, "aria-label": label, "data-part": name }, h("h4", {}, label, size, toggle), body, foot);
}

/** Two texts as one: what only the first has is underlined, what only the other has is struck out. */
export function compared(changes: Change[]): HTMLElement {
  const body = h("div", { class: "fs-text" });
  for (const change of changes) {
    const el = h(change.kind === "here" ? "ins" : change.kind === "there" ? "del" : "span", {});
    for (const node of [...prose(change.text).childNodes]) el.append(...node.childNodes);
    body.append(el);
  }
  return body;
}

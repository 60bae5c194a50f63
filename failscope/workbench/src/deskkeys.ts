// Which key does what at the curator's desk: one table for the handler and for the help page.

import type { HelpPart, Stroke } from "./keys";

export type DeskAction =
  | "next" | "previous" | "show" | "firstWaiting" | "pageDown" | "pageUp" | "compare"
  | "expected" | "input" | "criteria" | "mask" | "answer"
  | "accept" | "sendBack" | "reject" | "waive" | "settle" | "promote" | "undo"
  | "mark" | "markRange" | "markAll" | "search" | "help" | "escape" | "noSave"
  | { pick: number };

export const DESK_HELP: HelpPart[] = [
  {
    title: "Read",
    rows: [
      { keys: ["j", "→"], does: "next case" },
      { keys: ["k", "←"], does: "previous case" },
      { keys: ["g"], does: "first case that waits" },
      { keys: ["Enter"], does: "from the list to the case, in a narrow notebook" },
      { keys: ["Space"], does: "scroll the text; with Shift, back" },
      { keys: ["f"], does: "the difference from what production said, or both texts whole" },
    ],
  },
  {
    title: "Mend",
    rows: [
      { keys: ["e"], does: "expected output" },
      { keys: ["i"], does: "input" },
      { keys: ["c"], does: "criteria" },
      { keys: ["m"], does: "mask personal data: shows it first" },
      { keys: ["r"], does: "answer the question with which a case was sent back" },
      { keys: ["u"], does: "undo your last word" },
    ],
  },
  {
    title: "Decide (curators)",
    rows: [
      { keys: ["y"], does: "accept" },
      { keys: ["b"], does: "send back with a question" },
      { keys: ["d"], does: "reject with a reason" },
      { keys: ["v"], does: "waive a check: its number, then the reason" },
      { keys: ["Shift", "d"], does: "settle where readers differ: numbers choose, 0 is fine, Enter saves" },
      { keys: ["Shift", "p"], does: "promote what was accepted; asks first" },
    ],
  },
  {
    title: "List",
    rows: [
      { keys: ["1", "…", "5"], does: "all (of any check and words), waiting, accepted, sent back, rejected" },
      { keys: ["x"], does: "choose a case, or not; y, b, d and v then act on all chosen" },
      { keys: ["Shift", "x"], does: "choose all from the last chosen to this; so does Shift and click" },
      { keys: ["a"], does: "choose all that are shown, or none" },
      { keys: ["/"], does: "search" },
      { keys: ["Esc"], does: "close, leave a field, drop the choice, then the words and the check that narrow the list" },
    ],
  },
];

const PLAIN: Record<string, DeskAction> = {
  j: "next", ArrowRight: "next", ArrowDown: "next", k: "previous", ArrowLeft: "previous", ArrowUp: "previous",
  g: "firstWaiting", Enter: "show", " ": "pageDown", PageDown: "pageDown", PageUp: "pageUp", f: "compare",
  e: "expected", i: "input", c: "criteria", m: "mask", r: "answer", u: "undo",
  y: "accept", b: "sendBack", d: "reject", v: "waive",
  x: "mark", a: "markAll", "/": "search", "?": "help", Escape: "escape",
};

const SHIFTED: Record<string, DeskAction> = { " ": "pageUp", d: "settle", p: "promote", x: "markRange", "?": "help", "/": "search" };

/** What a stroke asks for, null for a key that is not ours. In a text field only Escape is. */
export function deskActionOf(stroke: Stroke, typing: boolean): DeskAction | null {
  const { key, shiftKey } = stroke;
  if (stroke.ctrlKey || stroke.metaKey) {
    // the browser's "save page" is never meant
    return key.toLowerCase() === "s" && !shiftKey && !stroke.altKey ? "noSave" : null;
  }
  if (key === "Escape") return "escape";
  if (typing || stroke.altKey) return null;
  if (/^[0-9]$/.test(key)) return { pick: Number(key) };
  const name = key.length === 1 ? key.toLowerCase() : key;
  // a decision is never made by a key that was held with another
  if (shiftKey) return SHIFTED[name] ?? null;
  return PLAIN[name] ?? null;
}

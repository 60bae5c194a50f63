// Which key does what: one table for the handler and for the help page.

export interface Stroke {
  key: string;
  code: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

export type Action =
  | "next" | "previous" | "unread" | "fine" | "newTag" | "tagCluster" | "note" | "expected" | "propose" | "undo"
  | "score" | "overview" | "whatNext" | "disagreements" | "groupNotes" | "reveal"
  | "accept" | "moreLike" | "moreLikeTag" | "diff" | "lasso" | "search" | "help" | "escape" | "zoomIn" | "zoomOut" | "fit" | "pageDown" | "pageUp" | "noSave"
  | { tag: number }
  | { tagGroup: number };

/** For the help page: keys, and what they do; `writes` is left out where nothing can be written. */
export interface HelpPart {
  title: string;
  rows: { keys: string[]; does: string; writes?: true }[];
}

export const HELP: HelpPart[] = [
  {
    title: "Read",
    rows: [
      { keys: ["j", "→"], does: "next trace" },
      { keys: ["k", "←"], does: "previous trace" },
      { keys: ["g"], does: "first unread trace of the plan" },
      { keys: ["Space"], does: "scroll the text; with Shift, back" },
      { keys: ["d"], does: "difference from the nearest passing answer" },
      { keys: ["m"], does: "more like the selection, or else like this trace", writes: true },
      { keys: ["Shift", "m"], does: "more like those with a tag; Esc goes back to the plan", writes: true },
    ],
  },
  {
    title: "Judge",
    rows: [
      { keys: ["1", "…", "9"], does: "give or take back a failure mode", writes: true },
      { keys: ["0"], does: "fine: read, no failure", writes: true },
      { keys: ["y"], does: "accept the suggested failure mode", writes: true },
      { keys: ["t"], does: "a new failure mode", writes: true },
      { keys: ["n"], does: "note; it is saved when you leave the field", writes: true },
      { keys: ["e"], does: "expected output, likewise", writes: true },
      { keys: ["s"], does: "score by the rubric: a number for the dimension, a number for the point", writes: true },
      { keys: ["p"], does: "propose for a golden set", writes: true },
      { keys: ["u"], does: "undo your last word", writes: true },
    ],
  },
  {
    title: "Groups",
    rows: [
      { keys: ["Shift", "1", "…", "9"], does: "tag the selection, or else the cluster", writes: true },
      { keys: ["c"], does: "tag the selection or the cluster with a new name", writes: true },
      { keys: ["/"], does: "search clusters; ↑ ↓ move in the list, Enter selects" },
    ],
  },
  {
    title: "Together",
    rows: [
      { keys: ["o"], does: "how far everybody is", writes: true },
      { keys: ["w"], does: "what next", writes: true },
      { keys: ["Shift", "d"], does: "settle where people differ: numbers choose, n is the reason, Enter settles", writes: true },
      { keys: ["Shift", "n"], does: "group notes into failure modes", writes: true },
      { keys: ["Shift", "r"], does: "end the blind part, for everybody", writes: true },
    ],
  },
  {
    title: "Map",
    rows: [
      { keys: ["l"], does: "lasso on or off; Shift and drag does the same" },
      { keys: ["+", "−"], does: "zoom; so does the wheel" },
      { keys: ["r"], does: "whole map" },
      { keys: ["Esc"], does: "close, leave a field, or clear the selection" },
    ],
  },
];

const PLAIN: Record<string, Action> = {
  j: "next", ArrowRight: "next", ArrowDown: "next", k: "previous", ArrowLeft: "previous", ArrowUp: "previous",
  g: "unread", "0": "fine", t: "newTag", c: "tagCluster", n: "note", e: "expected", p: "propose", u: "undo",
  y: "accept", m: "moreLike", d: "diff", l: "lasso", "/": "search", "?": "help", Escape: "escape", "+": "zoomIn", "=": "zoomIn", "-": "zoomOut",
  r: "fit", " ": "pageDown", PageDown: "pageDown", PageUp: "pageUp", s: "score", o: "overview", w: "whatNext",
};

const SHIFTED: Record<string, Action> = { " ": "pageUp", m: "moreLikeTag", d: "disagreements", n: "groupNotes", r: "reveal" };

/** What a stroke asks for, null for a key that is not ours. In a text field only Escape is. */
export function actionOf(stroke: Stroke, typing: boolean): Action | null {
  const { key, code, shiftKey } = stroke;
  if (stroke.ctrlKey || stroke.metaKey) {
    // the Lab's own save is out of reach inside the widget, and the browser's "save page" is never meant
    return key.toLowerCase() === "s" && !shiftKey && !stroke.altKey ? "noSave" : null;
  }
  if (key === "Escape") return "escape";
  if (typing || stroke.altKey) return null;
  const digit = /^Digit([1-9])$/.exec(code);
  if (digit && shiftKey) return { tagGroup: Number(digit[1]) };
  if (/^[1-9]$/.test(key)) return { tag: Number(key) };
  if (shiftKey && SHIFTED[key.toLowerCase()]) return SHIFTED[key.toLowerCase()]!;
  return PLAIN[key.length === 1 ? key.toLowerCase() : key] ?? null;
}

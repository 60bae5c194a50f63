// What is done to a model's words before they are shown: pure functions from text to pieces, never to HTML.

export type Run = { kind: "text" | "escape" | "phrase"; text: string; title?: string };

// C0 but tab and newline, DEL, C1, bidirectional controls, zero-width marks, lone surrogates. The joiners
// U+200C and U+200D stay: Persian and emoji need them, and they cannot move other text.
const HOSTILE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const NAMES: Record<number, string> = {
  0x00: "null", 0x07: "bell", 0x08: "backspace", 0x0d: "carriage return", 0x1b: "escape", 0x7f: "delete",
  0xad: "soft hyphen", 0x61c: "Arabic letter mark", 0x200b: "zero-width space",
  0x200e: "left-to-right mark", 0x200f: "right-to-left mark", 0x2028: "line separator", 0x2029: "paragraph separator",
  0x202a: "left-to-right embedding", 0x202b: "right-to-left embedding", 0x202c: "pop directional formatting",
  0x202d: "left-to-right override", 0x202e: "right-to-left override", 0x2060: "word joiner",
  0x2066: "left-to-right isolate", 0x2067: "right-to-left isolate", 0x2068: "first strong isolate",
  0x2069: "pop directional isolate", 0xfeff: "byte order mark",
};

/** A glyph for a character that would act instead of show: its control picture, or its number. */
export function escapeRun(char: string): Run {
  const code = char.charCodeAt(0);
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  const text = code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : hex;
  const name = NAMES[code];
  return { kind: "escape", text, title: name ? `${hex} ${name}` : hex };
}

function escaped(text: string, kind: "text" | "phrase"): Run[] {
  const runs: Run[] = [];
  let at = 0;
  for (const match of text.matchAll(HOSTILE)) {
    // Windows line ends are no attack
    if (match[0] === "\r" && text[match.index + 1] === "\n") continue;
    if (match.index > at) runs.push({ kind, text: text.slice(at, match.index) });
    runs.push(escapeRun(match[0]));
    at = match.index + match[0].length;
  }
  if (at < text.length) runs.push({ kind, text: text.slice(at) });
  return runs;
}

/** The pattern that finds any of these phrases: whole words, any case, any space or sign between the words. */
export function phrasePattern(phrases: readonly string[]): RegExp | null {
  const parts = phrases
    .map((p) => p.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [])
    // a single short word ("you", "i") would light up every line
    .filter((words) => words.join("").length > 3)
    .sort((a, b) => b.join(" ").length - a.join(" ").length)
    .map((words) => words.join("[^\\p{L}\\p{N}]{1,3}"));
  if (parts.length === 0) return null;
  return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${parts.join("|")})(?![\\p{L}\\p{N}_])`, "giu");
}

/** Text cut into what is shown plainly, what is highlighted, and what is shown as a glyph. */
export function runs(text: string, pattern: RegExp | null = null): Run[] {
  if (!pattern) return escaped(text, "text");
  const out: Run[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    out.push(...escaped(text.slice(at, match.index), "text"), ...escaped(match[0], "phrase"));
    at = match.index + match[0].length;
  }
  out.push(...escaped(text.slice(at), "text"));
  return out;
}

/** One line for a card or a label: hostile characters as glyphs, white space folded. */
export function oneLine(text: string, length = 200): string {
  const line = escaped(text.slice(0, length * 2).replace(/\s+/g, " "), "text").map((r) => r.text).join("").trim();
  return line.length > length || text.length > length * 2 ? `${line.slice(0, length).trimEnd()}…` : line;
}

/** Where to fold a text: at the end of a line or a word near the limit; the whole length when it is short. */
export function foldAt(text: string, limit: number): number {
  if (text.length <= limit * 1.2) return text.length;
  const near = text.slice(0, limit);
  const line = near.lastIndexOf("\n");
  if (line > limit * 0.7) return line;
  const space = near.lastIndexOf(" ");
  const cut = space > limit * 0.7 ? space : limit;
  // never between the halves of a pair
  const code = text.charCodeAt(cut - 1);
  return code >= 0xd800 && code < 0xdc00 ? cut - 1 : cut;
}

/** A long text in blocks that the page can lay out one at a time. */
export function blocks(text: string, size = 4000): string[] {
  const out: string[] = [];
  let rest = text;
  while (rest.length > size * 1.2) {
    const cut = foldAt(rest, size);
    out.push(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
  out.push(rest);
  return out;
}

/** JSON laid out for reading, or null when the text is something else. */
export function prettyJson(text: string): string | null {
  const head = text.trimStart()[0];
  if (head !== "{" && head !== "[") return null;
  try {
    const pretty = JSON.stringify(JSON.parse(text), null, 2);
    return pretty === text.trim() ? null : pretty;
  } catch {
    return null;
  }
}

export type Change = { kind: "same" | "here" | "there"; text: string };

const TOKEN =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]\s*|[\p{L}\p{N}_'’]+\s*|[^\p{L}\p{N}\s]\s*|\s+/gu;
/** Words of each text that are compared; the work grows with their product. */
export const MOST_TOKENS = 2000;
/** Below this share of common words a difference word by word cannot be read. */
export const ALIKE = 0.3;

/** Word by word: what only this text has, what only the other has. By the longest common subsequence. */
export function diffWords(here: string, there: string): { changes: Change[]; cut: boolean; alike: number } {
  let a: string[] = here.match(TOKEN) ?? [];
  let b: string[] = there.match(TOKEN) ?? [];
  const cut = a.length > MOST_TOKENS || b.length > MOST_TOKENS;
  a = a.slice(0, MOST_TOKENS);
  b = b.slice(0, MOST_TOKENS);
  const same = (x: string | undefined, y: string | undefined) => x!.trimEnd() === y!.trimEnd();
  let start = 0;
  while (start < a.length && start < b.length && same(a[start], b[start])) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && same(a[a.length - 1 - end], b[b.length - 1 - end])) end++;
  const m = a.length - start - end;
  const n = b.length - start - end;
  const width = n + 1;
  const best = new Uint16Array((m + 1) * width);
  for (let i = m - 1; i >= 0; i--) {
    for (let j = n - 1; j >= 0; j--) {
      best[i * width + j] = same(a[start + i], b[start + j])
        ? best[(i + 1) * width + j + 1]! + 1
        : Math.max(best[(i + 1) * width + j]!, best[i * width + j + 1]!);
    }
  }
  const changes: Pair[] = [];
  const add = (kind: Change["kind"], text: string, other = text) => {
    const last = changes[changes.length - 1];
    if (last?.kind !== kind) changes.push({ kind, text, other });
    else {
      last.text += text;
      last.other += other;
    }
  };
  for (let i = 0; i < start; i++) add("same", a[i]!, b[i]!);
  let i = 0;
  let j = 0;
  while (i < m || j < n) {
    if (i < m && j < n && same(a[start + i], b[start + j])) {
      add("same", a[start + i]!, b[start + j]!);
      i++;
      j++;
    } else if (j < n && (i === m || best[i * width + j + 1]! >= best[(i + 1) * width + j]!)) {
      add("there", b[start + j++]!);
    } else {
      add("here", a[start + i++]!);
    }
  }
  for (let k = end; k > 0; k--) add("same", a[a.length - k]!, b[b.length - k]!);
  const common = start + end + best[0]!;
  return { changes: gathered(changes), cut, alike: (2 * common) / Math.max(1, a.length + b.length) };
}

/** The same words stand with their own white space in each text. */
interface Pair extends Change {
  other: string;
}

/** A common word or two between changes only breaks them up: such islands join the change around them. */
function gathered(changes: Pair[]): Change[] {
  const out: Change[] = [];
  let here = "";
  let there = "";
  let space = "";
  const flush = () => {
    if (there) out.push({ kind: "there", text: space + there });
    if (here) out.push({ kind: "here", text: here });
    here = there = "";
  };
  changes.forEach((change, k) => {
    const inner = k > 0 && k < changes.length - 1 && here !== "" && there !== "";
    if (change.kind === "here") here += change.text;
    else if (change.kind === "there") there += change.text;
    else if (inner && (change.text.match(/[\p{L}\p{N}]+/gu) ?? []).length < 3 && !change.text.includes("\n")) {
      here += change.text;
      there += change.other;
    } else {
      flush();
      out.push({ kind: change.kind, text: change.text });
      // the other text had room here where this one has none
      space = /\s$/.test(change.text) ? "" : (/\s+$/.exec(change.other)?.[0] ?? "");
    }
  });
  flush();
  return out;
}

/** 1234567 as 1,234,567. */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

// What the desk counts, filters and says: pure functions over the list of cases.

import type { DeskRow, Said, Status } from "./deskwire";
import { type Change, diffWords, oneLine, plural } from "./text";

export const STATUSES: { status: Status | ""; label: string; glyph: string }[] = [
  { status: "", label: "All", glyph: "" },
  { status: "waiting", label: "Waiting", glyph: "○" },
  { status: "accepted", label: "Accepted", glyph: "●" },
  { status: "sent back", label: "Sent back", glyph: "↩" },
  { status: "rejected", label: "Rejected", glyph: "✕" },
];

export interface Filter {
  status: Status | "";
  /** Only what this check refuses; "" for all. */
  check: string;
  search: string;
}

export function glyphOf(status: Status): string {
  return STATUSES.find((s) => s.status === status)?.glyph ?? "✓";
}

export function statusCounts(rows: DeskRow[]): Map<Status | "", number> {
  const out = new Map<Status | "", number>(STATUSES.map(({ status }) => [status, 0]));
  for (const { status } of rows) out.set(status, (out.get(status) ?? 0) + 1);
  out.set("", rows.length);
  return out;
}

/** The checks that refuse something, the most refusing first. */
export function refusing(rows: DeskRow[]): [string, number][] {
  const out = new Map<string, number>();
  for (const check of rows.flatMap((row) => row.refused)) out.set(check, (out.get(check) ?? 0) + 1);
  return [...out].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

export function filtered(rows: DeskRow[], { status, check, search }: Filter): DeskRow[] {
  const wanted = search.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    if (status && row.status !== status) return false;
    if (check && !row.refused.includes(check)) return false;
    if (wanted.length === 0) return true;
    const text = [row.id, row.input, row.question, ...row.modes, ...row.proposed_by].join("\n").toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

/** The shown case after or before this one, by the order of all: a case that a filter hides keeps its place. */
export function beside(rows: DeskRow[], shown: DeskRow[], id: string | null, by: 1 | -1): string | null {
  const order = new Map(rows.map((row, k) => [row.id, k]));
  const at = id === null ? undefined : order.get(id);
  if (at === undefined) return shown[0]?.id ?? null;
  const found = by > 0 ? shown.find((row) => order.get(row.id)! > at) : shown.findLast((row) => order.get(row.id)! < at);
  return found?.id ?? null;
}

/** The ids from one to the other, both ends included, in the order shown. */
export function between(ids: string[], from: string, to: string): string[] {
  const [a, b] = [ids.indexOf(from), ids.indexOf(to)];
  if (b < 0) return [];
  return a < 0 ? [to] : ids.slice(Math.min(a, b), Math.max(a, b) + 1);
}

/** What the gate says of a case, in the list. */
export function gateSaid(row: { refused: string[]; waived: string[] }): { mark: string; says: string; tone: "good" | "bad" | "hint" } {
  if (row.refused.length) return { mark: "✗", says: plural(row.refused.length, "check"), tone: "bad" };
  if (row.waived.length) return { mark: "◇", says: `waived ${row.waived.length}`, tone: "hint" };
  return { mark: "✓", says: "passes", tone: "good" };
}

export interface Bar {
  mode: string;
  kept: number;
  accepted: number;
  waiting: number;
}

/** How the set would lean: each failure mode with what the set has, what was accepted and what waits; the largest first. */
export function balance(rows: DeskRow[], kept: Record<string, number>, most = 5): { bars: Bar[]; others: number } {
  const bars = new Map<string, Bar>();
  const bar = (mode: string) => bars.get(mode) ?? bars.set(mode, { mode, kept: 0, accepted: 0, waiting: 0 }).get(mode)!;
  for (const [mode, n] of Object.entries(kept)) bar(mode).kept += n;
  for (const row of rows) {
    const into = row.status === "accepted" ? "accepted" : row.status === "waiting" || row.status === "sent back" ? "waiting" : null;
    if (into) for (const mode of row.modes.length ? row.modes : [""]) bar(mode)[into]++;
  }
  const size = (b: Bar) => b.kept + b.accepted + b.waiting;
  const all = [...bars.values()].filter((b) => size(b) > 0).sort((a, b) => size(b) - size(a) || a.mode.localeCompare(b.mode));
  return { bars: all.slice(0, most), others: Math.max(0, all.length - most) };
}

/** The bars in the order in which the page first had them: a glance finds one where it was. */
export function inOrder(bars: Bar[], order: string[]): Bar[] {
  for (const { mode } of bars) if (!order.includes(mode)) order.push(mode);
  return [...bars].sort((a, b) => order.indexOf(a.mode) - order.indexOf(b.mode));
}

/** What the gate still refuses of a case, behind what became of it. */
export function stillSaid(refused: string[]): string {
  return refused.length ? `; the gate still refuses it: ${refused.map(checkSaid).join(", ")}` : "";
}

/** The accepted cases that the gate would keep out, "" for none. */
export function keptOutSaid(rows: DeskRow[]): string {
  const n = rows.filter((row) => row.status === "accepted" && row.refused.length).length;
  return n ? `${plural(n, "accepted case")} ${n === 1 ? "is" : "are"} refused by the gate` : "";
}

/** Whether the readers agree, in words. */
export function agreementSaid(said: Said[], agree: boolean | null, settled: { by: string; reason: string } | null): string {
  if (said.length === 0) return "Nobody has read it.";
  if (said.length === 1) return "One reader; nobody else has read it.";
  if (agree) return `${said.length} readers, and they agree.`;
  const words = `${said.length} readers, and they differ`;
  return settled ? `${words}; settled by ${oneLine(settled.by, 40)}: ${oneLine(settled.reason, 240)}` : `${words}.`;
}

/** "near_duplicate" as people say it. */
export function checkSaid(check: string): string {
  return oneLine(check.replaceAll("_", " "), 60);
}

/** 2026-06-01T14:03:22.12+00:00 as "2026-06-01 14:03". */
export function when(iso: string): string {
  return oneLine(iso.slice(0, 16).replace("T", " "), 16);
}

const COMPARED = 40_000;

/** The difference of two texts of any length; only their beginnings are compared where they are long. */
export function difference(here: string, there: string): { changes: Change[]; cut: boolean; alike: number } {
  const found = diffWords(here.slice(0, COMPARED), there.slice(0, COMPARED));
  return { ...found, cut: found.cut || here.length > COMPARED || there.length > COMPARED };
}

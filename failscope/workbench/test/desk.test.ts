import assert from "node:assert/strict";
import { test } from "node:test";
import { deskActionOf, DESK_HELP } from "../src/deskkeys";
import { DeskStore } from "../src/deskstore";
import type { DeskRow, Said } from "../src/deskwire";
import { agreementSaid, balance, beside, between, difference, filtered, gateSaid, inOrder, keptOutSaid, refusing, statusCounts, stillSaid, when } from "../src/deskwords";
import { actionOf, type Stroke } from "../src/keys";
import type { Model } from "../src/protocol";
import type { Shell } from "../src/shell";

const stroke = (key: string, more: Partial<Stroke> = {}): Stroke => ({ key, code: "", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more });

const row = (id: string, more: Partial<DeskRow> = {}): DeskRow => ({
  id, input: `input of ${id}`, modes: [], status: "waiting", question: "", refused: [], waived: [], edited: false, proposed_by: ["ana"], readers: [], agree: null, differ: false, seen: "0", ...more,
});

const ROWS = [
  row("a", { status: "accepted", modes: ["invented policy"] }),
  row("b", { refused: ["personal_data", "expected"], modes: ["invented policy"] }),
  row("c", { status: "sent back", question: "which plan?" }),
  row("d", { refused: ["expected"], modes: ["too long"] }),
  row("e", { status: "rejected", modes: ["too long"] }),
];
const ids = (rows: DeskRow[]) => rows.map((r) => r.id);

test("cases are filtered by status, by the check that refuses, and by words", () => {
  const all = { status: "" as const, check: "", search: "" };
  assert.deepEqual(ids(filtered(ROWS, all)), ["a", "b", "c", "d", "e"]);
  assert.deepEqual(ids(filtered(ROWS, { ...all, status: "waiting" })), ["b", "d"]);
  assert.deepEqual(ids(filtered(ROWS, { ...all, check: "expected" })), ["b", "d"]);
  assert.deepEqual(ids(filtered(ROWS, { ...all, search: "POLICY invented" })), ["a", "b"]);
  assert.deepEqual(ids(filtered(ROWS, { ...all, search: "which plan" })), ["c"]);
  assert.deepEqual(ids(filtered(ROWS, { ...all, status: "waiting", check: "personal_data" })), ["b"]);
});

test("each status is counted, the empty ones too", () => {
  const counts = statusCounts(ROWS);
  assert.deepEqual(["", "waiting", "accepted", "sent back", "rejected"].map((s) => counts.get(s as DeskRow["status"])), [5, 2, 1, 1, 1]);
  assert.equal(statusCounts([]).get("waiting"), 0);
});

test("the check that refuses most comes first", () => {
  assert.deepEqual(refusing(ROWS), [["expected", 2], ["personal_data", 1]]);
});

test("a case that a filter hides keeps its place in going through", () => {
  const waiting = filtered(ROWS, { status: "waiting", check: "", search: "" });
  assert.equal(beside(ROWS, waiting, "b", 1), "d");
  assert.equal(beside(ROWS, waiting, "c", 1), "d");
  assert.equal(beside(ROWS, waiting, "c", -1), "b");
  assert.equal(beside(ROWS, waiting, "d", 1), null);
  assert.equal(beside(ROWS, waiting, "gone", 1), "b");
  assert.equal(beside(ROWS, [], "a", 1), null);
});

test("a range holds both its ends, whichever was first", () => {
  assert.deepEqual(between(["a", "b", "c", "d"], "b", "d"), ["b", "c", "d"]);
  assert.deepEqual(between(["a", "b", "c", "d"], "d", "b"), ["b", "c", "d"]);
  assert.deepEqual(between(["a", "b"], "hidden", "b"), ["b"]);
  assert.deepEqual(between(["a", "b"], "a", "hidden"), []);
});

test("the gate's word differs by more than a colour", () => {
  assert.deepEqual([{ refused: ["x", "y"], waived: [] }, { refused: [], waived: ["x"] }, { refused: [], waived: [] }].map((r) => `${gateSaid(r).mark} ${gateSaid(r).says}`), ["✗ 2 checks", "◇ waived 1", "✓ passes"]);
});

test("the balance counts what the set has, what was accepted and what waits, and leaves rejected ones out", () => {
  const { bars, others } = balance(ROWS, { "invented policy": 3, tone: 1 }, 2);
  assert.deepEqual(bars, [
    { mode: "invented policy", kept: 3, accepted: 1, waiting: 1 },
    { mode: "", kept: 0, accepted: 0, waiting: 1 },
  ]);
  assert.equal(others, 2);
});

test("a bar keeps its place when another one outgrows it", () => {
  const order: string[] = [];
  const modes = (kept: Record<string, number>) => inOrder(balance([], kept).bars, order).map((b) => b.mode);
  assert.deepEqual(modes({ tone: 3, empty: 2 }), ["tone", "empty"]);
  assert.deepEqual(modes({ tone: 3, empty: 9, late: 20 }), ["tone", "empty", "late"]);
});

test("what is accepted and refused all the same is said", () => {
  assert.equal(stillSaid(["expected", "near_duplicate"]), "; the gate still refuses it: expected, near duplicate");
  assert.equal(stillSaid([]), "");
  assert.equal(keptOutSaid(ROWS), "");
  assert.equal(keptOutSaid([...ROWS, row("f", { status: "accepted", refused: ["expected"] })]), "1 accepted case is refused by the gate");
});

test("agreement is said in words", () => {
  const said = (reviewer: string): Said => ({ reviewer, failure_modes: [], scores: {}, note: "" });
  assert.equal(agreementSaid([], null, null), "Nobody has read it.");
  assert.match(agreementSaid([said("ana")], null, null), /One reader/);
  assert.equal(agreementSaid([said("ana"), said("ben")], true, null), "2 readers, and they agree.");
  assert.equal(agreementSaid([said("ana"), said("ben")], false, { by: "cleo", reason: "the policy\u202e says so" }), "2 readers, and they differ; settled by cleo: the policyU+202E says so");
});

test("a time is short and nothing else gets in", () => {
  assert.equal(when("2026-06-01T14:03:22.123456+00:00"), "2026-06-01 14:03");
  assert.equal(when(""), "");
});

test("a difference of a megabyte is cut and says so", () => {
  const long = "refund policy of thirty days ".repeat(40_000);
  const { cut, changes } = difference(`Hello ${long}`, long);
  assert.equal(cut, true);
  assert.ok(changes.reduce((n, c) => n + c.text.length, 0) < 60_000);
  assert.deepEqual(difference("thirty days", "fourteen days").changes, [{ kind: "there", text: "fourteen " }, { kind: "here", text: "thirty " }, { kind: "same", text: "days" }]);
  assert.equal(difference("a".repeat(1_000_000), "a").cut, true);
});

test("every single key of the desk's help page does something", () => {
  const named: Record<string, string> = { "→": "ArrowRight", "←": "ArrowLeft", Space: " ", Esc: "Escape" };
  for (const { keys } of DESK_HELP.flatMap((s) => s.rows)) {
    const shiftKey = keys[0] === "Shift";
    for (const key of keys.filter((k) => k !== "…" && k !== "Shift")) assert.notEqual(deskActionOf(stroke(named[key] ?? key, { shiftKey }), false), null, key);
  }
});

test("promoting takes Shift, and caps lock promotes nothing", () => {
  assert.equal(deskActionOf(stroke("P", { shiftKey: true }), false), "promote");
  assert.equal(deskActionOf(stroke("p"), false), null);
  assert.equal(deskActionOf(stroke("P"), false), null);
  assert.equal(deskActionOf(stroke("Y"), false), "accept");
  assert.equal(deskActionOf(stroke("D", { shiftKey: true }), false), "settle"); // a form, which asks
  for (const key of ["Y", "B", "V", "U"]) assert.equal(deskActionOf(stroke(key, { shiftKey: true }), false), null);
});

test("keys that both faces have mean the same", () => {
  for (const key of ["j", "k", "u", "/", "?", "Escape", " ", "ArrowRight", "ArrowLeft", "PageDown"]) assert.equal(deskActionOf(stroke(key), false), actionOf(stroke(key), false), key);
  assert.equal(deskActionOf(stroke("e"), false), "expected");
});

test("in a text field only Escape is the desk's, and browser shortcuts pass", () => {
  for (const key of ["j", "1", " ", "/", "?", "y", "d"]) assert.equal(deskActionOf(stroke(key), true), null);
  assert.equal(deskActionOf(stroke("Escape"), true), "escape");
  assert.equal(deskActionOf(stroke("c", { ctrlKey: true }), false), null);
  assert.equal(deskActionOf(stroke("s", { metaKey: true }), false), "noSave");
  assert.equal(deskActionOf(stroke("y", { altKey: true }), false), null);
});

/** Stands where Python is: answers each question by a function of it. */
class Python implements Model {
  asked: any[] = [];
  private listener: (content: unknown, buffers: DataView[]) => void = () => undefined;
  constructor(private answer: (content: any) => object) {}
  get(): unknown { return undefined; }
  send(content: any): void {
    this.asked.push(content);
    const said = this.answer(content);
    queueMicrotask(() => this.listener({ id: content.id, ok: true, ...said }, []));
  }
  on(_: string, callback: (...args: any[]) => void): void { this.listener = callback; }
  off(): void { this.listener = () => undefined; }
}

function store(rows: () => DeskRow[], refuse = "") {
  let revision = 0;
  const said: string[] = [];
  const foreign: string[][] = [];
  const python = new Python((content) => {
    if (content.ask === "state") return { revision, changed: true, role: "curator", bound: "", golden: "refunds", version: null, examples: 0, kept: {}, firm: [], rows: rows() };
    if (refuse) return { ok: false, error: refuse };
    revision++;
    return {};
  });
  const shell = { setStatus: (text: string) => said.push(text), calm: () => undefined, fail: (error: Error) => said.push(error.message), silence: () => undefined, visible: true } as unknown as Shell;
  const made = new DeskStore(python, shell, { pushed: () => undefined, state: (_, others) => void foreign.push(ids(others)) });
  return { made, python, said, foreign, next: () => revision++ };
}

test("a word goes out with what the page had seen of each case, one after the other", async () => {
  let seen = "1";
  const { made, python, said } = store(() => [row("a", { seen }), row("b", { seen: "7" })]);
  await made.refresh();
  const first = made.write("accept", { cases: ["a", "b"] }, ["a", "b"], () => "Saved: accepted");
  const second = made.write("reject", { cases: ["a"], reason: "x" }, ["a"], () => "Saved: rejected");
  seen = "2";
  await first;
  await second;
  const writes = python.asked.filter((c) => c.ask !== "state");
  assert.deepEqual(writes.map((c) => c.seen), [{ a: "1", b: "7" }, { a: "2" }]);
  assert.equal(said.at(-1), "Saved: rejected");
  made.close();
});

test("what somebody else said is told apart from one's own word", async () => {
  const now: Record<string, string> = { a: "1", b: "1" };
  const { made, foreign, next } = store(() => Object.entries(now).map(([id, seen]) => row(id, { seen })));
  await made.refresh();
  now.a = "2";
  await made.write("accept", { cases: ["a"] }, ["a"], () => "");
  await made.settled;
  now.b = "2";
  next();
  await made.refresh();
  assert.deepEqual(foreign, [[], [], ["b"]]);
  made.close();
});

test("nothing is called saved before the page shows it", async () => {
  const order: string[] = [];
  const python = new Python((content) => (content.ask === "state" ? { revision: 1, changed: true, rows: [row("a")] } : {}));
  const shell = { setStatus: (text: string) => order.push(text), calm: () => undefined, fail: (error: Error) => order.push(error.message), silence: () => undefined } as unknown as Shell;
  const shown = async () => {
    await new Promise((done) => setTimeout(done));
    order.push("shown");
  };
  const made = new DeskStore(python, shell, { pushed: () => undefined, state: shown });
  await made.write("edit", { case: "a" }, ["a"], () => "Saved: edited");
  assert.deepEqual(order, ["Saving…", "shown", "Saved: edited"]);
  made.close();
});

test("a refusal is told and counts as nothing saved", async () => {
  const { made, said } = store(() => [row("a")], "only a curator may accept");
  await made.refresh();
  assert.equal(await made.write("accept", { cases: ["a"] }, ["a"], () => "Saved"), null);
  assert.ok(said.includes("only a curator may accept"));
  assert.ok(!said.includes("Saved"));
  made.close();
});

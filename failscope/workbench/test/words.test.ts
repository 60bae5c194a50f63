import assert from "node:assert/strict";
import { test } from "node:test";
import { actionOf } from "../src/keys";
import type { Person } from "../src/protocol";
import { agreed, decisionSaid, duration, leftSaid, othersSaid, pointKeys } from "../src/words";

const person = (reviewer: string, more: Partial<Person> = {}): Person => ({ reviewer, read: 3, left: 7, of: 10, due: 0, seconds: null, away: false, you: false, ...more });
const point = (score: number) => ({ score, meaning: "", example: "" });

test("a duration is read in seconds, then in minutes", () => {
  assert.deepEqual([null, 0.03, 41.3, 60, 130].map(duration), ["–", "under 1 s", "41 s", "1 min", "2 min 10 s"]);
});

test("the bar names the others and not the reader", () => {
  assert.equal(othersSaid([person("ana", { you: true }), person("ben"), person("cem", { away: true })]), "ben 3 of 10 · cem away");
});

test("of many others the bar names three", () => {
  const people = ["a", "b", "c", "d", "e"].map((p) => person(p));
  assert.equal(othersSaid(people), "a 3 of 10 · b 3 of 10 · c 3 of 10 · 2 more");
});

test("a reviewer's name cannot turn the line around", () => {
  assert.ok(!othersSaid([person("\u202enab")]).includes("\u202e"));
  assert.ok(!decisionSaid({ by: "a\u202e", failure_modes: ["b\u202e"], reason: "c\u202e" }).includes("\u202e"));
});

test("what is left says how much of it are second opinions", () => {
  assert.equal(leftSaid(person("ana", { due: 2 })), "7 left, 2 second opinions among them");
  assert.equal(leftSaid(person("ana")), "7 left");
  assert.equal(leftSaid(person("ana", { left: 0 })), "nothing is left to read");
});

test("a point has its score as its key when every score is one digit, else its place", () => {
  assert.deepEqual(pointKeys([1, 3, 5].map(point)), ["1", "3", "5"]);
  assert.deepEqual(pointKeys([-1, 0, 1].map(point)), ["1", "2", "3"]);
  assert.deepEqual(pointKeys([0, 50, 100].map(point)), ["1", "2", "3"]);
});

test("a decision begins with what all of them said", () => {
  assert.deepEqual(agreed([{ failure_modes: ["a", "b"] }, { failure_modes: ["b", "c"] }]), ["b"]);
  assert.deepEqual(agreed([{ failure_modes: ["a"] }, { failure_modes: [] }]), []);
  assert.deepEqual(agreed([]), []);
});

test("a settled trace that is fine is said to be fine", () => {
  assert.equal(decisionSaid({ by: "ana", failure_modes: [], reason: "a joke" }), "settled by ana as fine: a joke");
});

test("with Shift a letter does another thing, caps lock alone does not", () => {
  const stroke = (key: string, shiftKey: boolean) => ({ key, code: "", shiftKey, ctrlKey: false, metaKey: false, altKey: false });
  assert.equal(actionOf(stroke("D", true), false), "disagreements");
  assert.equal(actionOf(stroke("D", false), false), "diff");
  assert.equal(actionOf(stroke("N", true), false), "groupNotes");
  assert.equal(actionOf(stroke("R", true), false), "reveal");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Selection } from "../src/selection";

function reading(plan: number[], current: number, read: number[] = []): [Selection, Uint8Array] {
  const selection = new Selection();
  selection.begin(plan, new Int32Array(20));
  selection.current = current;
  const bytes = new Uint8Array(20);
  for (const row of read) bytes[row] = 1;
  return [selection, bytes];
}

test("a new order moves nothing that was gone through, nor the trace being read", () => {
  const [selection, read] = reading([1, 2, 3, 4, 5, 6], 3, [1, 2]);
  assert.equal(selection.renew([1, 2, 9, 6, 5, 3], read), true);
  assert.deepEqual(selection.queue, [1, 2, 3, 9, 6, 5]);
  assert.equal(selection.ahead(read), 9);
});

test("the same order moves nothing", () => {
  const [selection, read] = reading([1, 2, 3, 4], 2, [1]);
  assert.equal(selection.renew([1, 2, 3, 4], read), false);
});

test("what was read outside the plan never lies ahead", () => {
  const [selection, read] = reading([1, 2, 3, 4], 2, [1, 9]);
  selection.renew([1, 9, 4, 3], read);
  assert.deepEqual(selection.queue, [9, 1, 2, 4, 3]);
});

test("a walk is the queue until it ends, and the plan is where it was", () => {
  const [selection] = reading([1, 2, 3], 2);
  selection.walk = { rows: [7, 8], reasons: new Map(), says: "", where: "", from: 2 };
  selection.reorder();
  assert.deepEqual(selection.queue, [7, 8]);
  selection.walk = null;
  selection.reorder();
  assert.deepEqual(selection.queue, [1, 2, 3]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawOrder, mixed, pace, passOf } from "../src/draworder";

const n = 10_000;
const codes = Uint8Array.from({ length: n }, (_, i) => i % 4);
const state = Uint8Array.from({ length: n }, (_, i) => (i % 7 === 0 ? 1 : i % 5 === 0 ? 2 : 0));
const colors = new Uint8Array(1024).fill(255);
colors[4 * 3 + 3] = 128;

test("every point is drawn once, those behind first and read ones last", () => {
  const { order, ends } = drawOrder(mixed(n), codes, state, colors);
  assert.deepEqual([...order].sort((a, b) => a - b), Array.from({ length: n }, (_, i) => i));
  order.forEach((i, k) => {
    const pass = passOf(state[i]!, colors[4 * codes[i]! + 3]!);
    assert.ok(k >= (pass ? ends[pass - 1]! : 0) && k < ends[pass]);
  });
});

test("a point that is dimmed or muted stands behind even when it was read", () => {
  assert.equal(passOf(3, 255), 0);
  assert.equal(passOf(2, 128), 0);
  assert.equal(passOf(2, 255), 2);
  assert.equal(passOf(0, 255), 1);
});

test("the first tenth of a pass is spread over all of it", () => {
  const { order } = drawOrder(mixed(n), new Uint8Array(n), new Uint8Array(n), colors);
  const low = [...order.subarray(0, n / 10)].filter((i) => i < n / 2).length;
  assert.ok(Math.abs(low - n / 20) < 80, `${low}`);
});

test("the order is the same every time", () => {
  assert.deepEqual(mixed(500), mixed(500));
  assert.notDeepEqual([...mixed(500)], Array.from({ length: 500 }, (_, i) => i));
});

test("slow frames draw fewer points, never fewer than the least, and quick ones more up to all", () => {
  assert.equal(pace(1, 120, 0.05), 0.5);
  assert.equal(pace(0.06, 120, 0.05), 0.05);
  assert.equal(pace(0.5, 16, 0.05), 0.625);
  assert.equal(pace(0.9, 16, 0.05), 1);
  assert.equal(pace(0.5, 28, 0.05), 0.5);
});

test("no points are no trouble", () => {
  assert.deepEqual(drawOrder(mixed(0), new Uint8Array(0), new Uint8Array(0), colors).ends, [0, 0, 0]);
});

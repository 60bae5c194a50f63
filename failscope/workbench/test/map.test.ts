import assert from "node:assert/strict";
import { test } from "node:test";
import { category, colorOf, contrast, grey, hex, luminance, muted, palette, ramp, type Rgb } from "../src/colors";
import { contains, Grid, unitSquare } from "../src/grid";
import type { Legend } from "../src/protocol";

// a small generator with a seed, so that a failure comes back
function random(seed: number): () => number {
  return () => ((seed = (seed * 1664525 + 1013904223) >>> 0) / 2 ** 32);
}

function cloud(n: number, seed = 1): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: 2 * n }, () => next() * 2 - 1);
}

test("the nearest point is the one that a search of all finds", () => {
  const xy = cloud(500);
  const grid = new Grid(xy);
  const next = random(7);
  for (let trial = 0; trial < 200; trial++) {
    const [x, y] = [next() * 2 - 1, next() * 2 - 1];
    let best: number | null = null;
    let least = 0.1 ** 2;
    for (let i = 0; i < 500; i++) {
      const d = (xy[2 * i]! - x) ** 2 + (xy[2 * i + 1]! - y) ** 2;
      if (d <= least) [best, least] = [i, d];
    }
    assert.equal(grid.nearest(x, y, 0.1), best);
  }
});

test("a lasso takes the points that lie inside its outline, in rising order", () => {
  const xy = cloud(2000, 3);
  const outline: [number, number][] = [[-0.6, -0.5], [0.2, -0.7], [0.7, 0.1], [0, 0.8], [-0.1, 0], [-0.7, 0.4]];
  const wanted = Array.from({ length: 2000 }, (_, i) => i).filter((i) => contains(outline, xy[2 * i]!, xy[2 * i + 1]!));
  assert.ok(wanted.length > 100);
  assert.deepEqual([...new Grid(xy).inside(outline)], wanted);
});

test("a lasso reaches past the edge of the map without wrapping round", () => {
  const xy = Float32Array.from([-1, -1, 1, 1, 0, 0]);
  assert.deepEqual([...new Grid(xy).inside([[-5, -5], [5, -5], [5, 5], [-5, 5]])], [0, 1, 2]);
});

test("two points make no area", () => {
  assert.equal(new Grid(cloud(10)).inside([[0, 0], [1, 1]]).length, 0);
});

test("no points, one point and equal points fit the square", () => {
  assert.equal(unitSquare(new Float32Array(0)).length, 0);
  assert.deepEqual([...unitSquare(Float32Array.from([5, 7]))], [0, 0]);
  assert.deepEqual([...unitSquare(Float32Array.from([3, 3, 3, 3]))], [0, 0, 0, 0]);
  assert.equal(new Grid(new Float32Array(0)).nearest(0, 0, 1), null);
});

test("proportions are kept", () => {
  const out = unitSquare(Float32Array.from([0, 0, 10, 0, 10, 5]));
  assert.deepEqual([...out], [-1, -0.5, 1, -0.5, 1, 0.5]);
});

const backgrounds: [boolean, Rgb][] = [[false, [255, 255, 255]], [true, hex("#212121")]];

test("every category has 3:1 against the page in light and dark", () => {
  for (const [dark, page] of backgrounds) {
    for (let k = 0; k < 10; k++) assert.ok(contrast(category(k, dark), page) >= 3, `${k} ${dark} ${contrast(category(k, dark), page)}`);
  }
});

test("a ramp only gets darker in light and lighter in dark, so that it reads without hue", () => {
  for (const dark of [false, true]) {
    const steps = Array.from({ length: 20 }, (_, k) => luminance(ramp(k / 19, dark)) * (dark ? 1 : -1));
    steps.slice(1).forEach((v, k) => assert.ok(v > steps[k]!));
  }
});

test("grey stands further back than what is muted", () => {
  for (const [dark, page] of backgrounds) assert.ok(contrast(grey(dark), page) < contrast(muted(dark), page));
});

test("a palette marks what stands behind by its alpha", () => {
  const legend: Legend = {
    by: "tag", label: "", kind: "categories", missing: 1,
    categories: [{ name: "a", count: 1, muted: false }, { name: "other", count: 1, muted: true }],
  };
  const colors = palette(legend, false);
  assert.equal(colors[3], 255);
  assert.equal(colors[7], 128);
  assert.equal(colors[255 * 4 + 3], 128);
  assert.deepEqual(colorOf(legend, 255, false), grey(false));
});

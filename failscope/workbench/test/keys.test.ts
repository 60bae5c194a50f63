import assert from "node:assert/strict";
import { test } from "node:test";
import { liftAt, percent } from "../src/figures";
import { actionOf, HELP, type Stroke } from "../src/keys";
import { bytes, Channel, type Model } from "../src/protocol";

const stroke = (key: string, more: Partial<Stroke> = {}): Stroke => ({ key, code: "", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more });

test("numbers tag, with Shift they tag the group, on any keyboard", () => {
  assert.deepEqual(actionOf(stroke("3", { code: "Digit3" }), false), { tag: 3 });
  assert.deepEqual(actionOf(stroke("#", { code: "Digit3", shiftKey: true }), false), { tagGroup: 3 });
  assert.deepEqual(actionOf(stroke("§", { code: "Digit3", shiftKey: true }), false), { tagGroup: 3 });
  assert.equal(actionOf(stroke("0", { code: "Digit0" }), false), "fine");
});

test("in a text field only Escape is ours", () => {
  for (const key of ["j", "1", "0", " ", "/", "?", "ArrowDown"]) assert.equal(actionOf(stroke(key), true), null);
  assert.equal(actionOf(stroke("Escape"), true), "escape");
});

test("browser and system shortcuts pass, but saving the page is held back", () => {
  assert.equal(actionOf(stroke("c", { ctrlKey: true }), false), null);
  assert.equal(actionOf(stroke("r", { metaKey: true }), false), null);
  assert.equal(actionOf(stroke("s", { ctrlKey: true }), false), "noSave");
  assert.equal(actionOf(stroke("j", { altKey: true }), false), null);
});

test("caps lock changes nothing", () => {
  assert.equal(actionOf(stroke("J"), false), "next");
});

test("every single key of the help page does something", () => {
  const keys = HELP.flatMap((s) => s.rows).flatMap((r) => r.keys);
  const named: Record<string, string> = { "→": "ArrowRight", "←": "ArrowLeft", Space: " ", Esc: "Escape", "−": "-" };
  for (const key of keys.filter((k) => k !== "…" && k !== "Shift")) assert.notEqual(actionOf(stroke(named[key] ?? key), false), null, key);
});

test("lifts sit in order on the scale and stay on it", () => {
  const places = [0.01, 0.25, 0.5, 1, 4, 16, 500].map(liftAt);
  assert.deepEqual(places, [...places].sort((a, b) => a - b));
  assert.equal(places[0], 0);
  assert.equal(places.at(-1), 1);
});

test("a share that is not zero is never shown as zero", () => {
  assert.equal(percent(0.0004), "<0.1%");
  assert.equal(percent(0), "0.0%");
  assert.equal(percent(0.034), "3.4%");
  assert.equal(percent(0.92), "92%");
});

class FakeModel implements Model {
  sent: any[] = [];
  listener: (...args: any[]) => void = () => undefined;
  get(): unknown { return undefined; }
  send(content: unknown): void { this.sent.push(content); }
  on(_: string, callback: (...args: any[]) => void): void { this.listener = callback; }
  off(): void { this.listener = () => undefined; }
}

test("an answer finds its question, whatever the order", async () => {
  const model = new FakeModel();
  const channel = new Channel(model, () => undefined, () => undefined);
  const first = channel.ask<{ x: number }>("a");
  const second = channel.ask<{ x: number }>("b");
  model.listener({ id: model.sent[1].id, ok: true, x: 2 }, []);
  model.listener({ id: model.sent[0].id, ok: true, x: 1 }, []);
  assert.deepEqual([(await first).x, (await second).x], [1, 2]);
  channel.close();
});

test("an error of Python is thrown with its words", async () => {
  const model = new FakeModel();
  const channel = new Channel(model, () => undefined, () => undefined);
  const asked = channel.ask("a");
  model.listener({ id: model.sent[0].id, error: "the workspace is locked" }, []);
  await assert.rejects(asked, /the workspace is locked/);
});

test("another view's answers are not ours, and pushes reach every view", () => {
  const model = new FakeModel();
  const pushes: unknown[] = [];
  const channel = new Channel(model, (p) => pushes.push(p), () => undefined);
  model.listener({ id: "other:1", ok: true }, []);
  model.listener({ push: "state" }, []);
  assert.equal(pushes.length, 1);
  channel.close();
});

test("a silent Python is reported, and so is its return", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const model = new FakeModel();
  const heard: boolean[] = [];
  const channel = new Channel(model, () => undefined, (silent) => heard.push(silent));
  void channel.ask("a");
  t.mock.timers.tick(5000);
  model.listener({ id: model.sent[0].id, ok: true }, []);
  void channel.ask("b");
  model.listener({ id: model.sent[1].id, ok: true }, []);
  assert.deepEqual(heard, [true, false]);
  channel.close();
});

test("a buffer that starts at an odd place is read whole", () => {
  const raw = new Uint8Array([9, 1, 0, 0, 0, 2, 0, 0, 0]);
  assert.deepEqual([...new Uint32Array(bytes(new DataView(raw.buffer, 1, 8)).buffer)], [1, 2]);
  assert.equal(bytes(undefined).length, 0);
});

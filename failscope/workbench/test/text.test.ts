import assert from "node:assert/strict";
import { test } from "node:test";
import { blocks, diffWords, foldAt, oneLine, phrasePattern, prettyJson, runs } from "../src/text";

const joined = (text: string) => runs(text).map((r) => r.text).join("");

test("plain text stays one run", () => {
  assert.deepEqual(runs("Grüße, 世界 👍🏽"), [{ kind: "text", text: "Grüße, 世界 👍🏽" }]);
});

test("a script tag is text like any other", () => {
  assert.deepEqual(runs("<script>alert(1)</script>"), [{ kind: "text", text: "<script>alert(1)</script>" }]);
});

test("an ANSI escape becomes a visible glyph", () => {
  const [glyph, rest] = runs("\u001b[31mred");
  assert.deepEqual(glyph, { kind: "escape", text: "␛", title: "U+001B escape" });
  assert.equal(rest?.text, "[31mred");
});

test("right-to-left overrides, zero-width spaces and byte order marks are shown by number", () => {
  for (const [char, hex] of [["\u202e", "U+202E"], ["\u2066", "U+2066"], ["\u200b", "U+200B"], ["\ufeff", "U+FEFF"], ["\u061c", "U+061C"]]) {
    assert.equal(joined(`a${char}b`), `a${hex}b`);
  }
});

test("a lone surrogate is shown by number and a pair is left whole", () => {
  assert.equal(joined("a\ud800b"), "aU+D800b");
  assert.equal(joined("a\udc00"), "aU+DC00");
  assert.equal(joined("😀"), "😀");
});

test("tabs, line ends and Windows line ends are no attack, a bare carriage return is", () => {
  assert.equal(joined("a\tb\nc"), "a\tb\nc");
  assert.equal(runs("a\r\nb").every((r) => r.kind === "text"), true);
  assert.equal(joined("a\rb"), "a␍b");
});

test("Persian joiners and emoji joiners are left alone", () => {
  assert.equal(joined("می‌خواهم 👩‍💻"), "می‌خواهم 👩‍💻");
});

test("phrases are found in any case and across signs, as whole words only", () => {
  const pattern = phrasePattern(["refund policy", "arts", "you"]);
  const marked = (t: string) => runs(t, pattern).filter((r) => r.kind === "phrase").map((r) => r.text);
  assert.deepEqual(marked("Our Refund-Policy says: start the arts, you."), ["Refund-Policy", "arts"]);
  assert.deepEqual(marked("artsy"), []);
});

test("a phrase cannot smuggle in a pattern", () => {
  assert.deepEqual(runs("aaa b", phrasePattern([".*", "(a+)+$"])).map((r) => r.kind), ["text"]);
  assert.equal(phrasePattern([".*", "—"]), null);
});

test("highlighting changes no character", () => {
  const text = "one two\u001b three one";
  assert.equal(runs(text, phrasePattern(["three"])).map((r) => r.text).join(""), "one two␛ three one");
});

test("a fold never splits a surrogate pair", () => {
  const text = "😀".repeat(4000);
  const cut = foldAt(text, 1001);
  assert.equal(text.slice(0, cut).isWellFormed(), true);
});

test("a short text is not folded for a few characters", () => {
  assert.equal(foldAt("x".repeat(110), 100), 110);
});

test("blocks of a megabyte on one line join to the same text, and are small", () => {
  const text = "y".repeat(1_000_000);
  const cut = blocks(text);
  assert.equal(cut.join(""), text);
  assert.ok(Math.max(...cut.map((b) => b.length)) <= 4800);
});

test("one line folds white space and shows control characters", () => {
  assert.equal(oneLine("a\n\n b\u0000"), "a b␀");
  assert.equal(oneLine("x".repeat(500), 10), `${"x".repeat(10)}…`);
});

test("only JSON objects and lists are laid out", () => {
  assert.equal(prettyJson('{"a":1}'), '{\n  "a": 1\n}');
  for (const text of ["12", "{not json}", "", '"a"']) assert.equal(prettyJson(text), null);
});

test("a difference rebuilds both texts", () => {
  const cases: [string, string][] = [
    ["the cat sat on the mat", "the dog sat on a mat today"],
    ["", "something"],
    ["same", "same"],
    ["退款需要五天", "退款需要三天"],
    ["a b c d e f g h", "x y"],
  ];
  for (const [here, there] of cases) {
    const { changes } = diffWords(here, there);
    assert.equal(changes.filter((c) => c.kind !== "there").map((c) => c.text).join(""), here);
    // white space follows the words of the text that is read, so only the words of the other are rebuilt
    const words = (t: string) => t.replace(/\s+/g, "");
    assert.equal(words(changes.filter((c) => c.kind !== "here").map((c) => c.text).join("")), words(there));
  }
});

test("words of the other text keep the white space that stood before them", () => {
  const there = (a: string, b: string) => diffWords(a, b).changes.filter((c) => c.kind === "there").map((c) => c.text).join("|");
  assert.equal(there("A person checks this for you; write to us.", "A colleague looks if you prefer."), "colleague looks if you prefer");
  assert.equal(there("one two three four you; five", "one two three four you prefer; five"), " prefer");
});

test("likeness runs from nothing in common to the same text", () => {
  assert.equal(diffWords("a b c", "a b c").alike, 1);
  assert.equal(diffWords("a b c", "x y z").alike, 0);
  assert.equal(diffWords("", "").alike, 0);
});

test("a difference of two very long texts says that it was cut", () => {
  const long = "word ".repeat(5000);
  assert.equal(diffWords(long, long).cut, true);
  assert.equal(diffWords("short", "short").cut, false);
});

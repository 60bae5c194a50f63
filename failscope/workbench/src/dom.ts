// The only place that makes elements; text goes in as text nodes, so nothing that a model wrote can become markup.

import { blocks, type Run, runs } from "./text";

type Child = Node | string | null | undefined | false;
type Props = Record<string, string | number | boolean | null | undefined | ((event: any) => void)>;

/** An element. `on…` functions are listeners, true and false make an attribute come and go. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") el.addEventListener(name.slice(2).toLowerCase(), value);
    else if (value === true) el.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) el.setAttribute(name, String(value));
  }
  put(el, ...children);
  return el;
}

export function svg(tag: string, props: Record<string, string | number>, ...children: Node[]): SVGElement {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) el.setAttribute(name, String(value));
  el.append(...children);
  return el;
}

export function put(el: Element, ...children: Child[]): void {
  for (const child of children) if (child !== null && child !== undefined && child !== false) el.append(child);
}

export function fill(el: Element, ...children: Child[]): void {
  el.replaceChildren();
  put(el, ...children);
}

function nodeOf(run: Run): Node {
  if (run.kind === "text") return document.createTextNode(run.text);
  if (run.kind === "phrase") return h("mark", {}, run.text);
  return h("span", { class: "fs-escape", title: run.title ?? "" }, run.text);
}

/** A model's text: each block is isolated, so that its direction and its length stay its own affair. */
export function prose(text: string, pattern: RegExp | null = null): DocumentFragment {
  const out = document.createDocumentFragment();
  for (const [k, block] of blocks(text).entries()) {
    const div = h("div", { class: k > 2 ? "fs-block fs-far" : "fs-block", dir: "auto" });
    for (const run of runs(block, pattern)) div.append(nodeOf(run));
    out.append(div);
  }
  return out;
}

/** A short text of unknown direction inside a line of ours. */
export function bdi(text: string, cls = ""): HTMLElement {
  const el = h("bdi", cls ? { class: cls } : {});
  for (const run of runs(text)) el.append(nodeOf(run));
  return el;
}

export function kbd(key: string): HTMLElement {
  return h("kbd", { "aria-hidden": "true" }, key);
}

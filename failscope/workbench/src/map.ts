// The map: a WebGL2 scatter with pan, zoom, lasso and hover. It knows rows and colours, nothing of traces.

import { grey } from "./colors";
import { h, svg } from "./dom";
import { drawOrder, mixed, pace, type DrawOrder } from "./draworder";
import { Grid, unitSquare } from "./grid";

const VERTEX = `#version 300 es
in vec2 a_xy; in float a_code; in float a_state;
uniform vec2 u_center; uniform vec2 u_scale; uniform float u_size; uniform vec3 u_grey;
uniform sampler2D u_palette;
out vec4 v_color; flat out float v_hollow;
void main() {
  bool dim = mod(a_state, 2.0) > 0.5;
  bool read = a_state > 1.5;
  vec4 own = texelFetch(u_palette, ivec2(int(a_code + 0.5), 0), 0);
  bool behind = dim || own.a < 0.75;
  gl_Position = vec4((a_xy - u_center) * u_scale, 0.0, 1.0);
  gl_PointSize = (read && !dim) ? u_size + 2.0 : behind ? u_size * 0.85 : u_size;
  v_color = vec4(dim ? u_grey : own.rgb, behind ? 0.75 : 0.88);
  v_hollow = (read && !dim) ? 1.0 : 0.0;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 v_color; flat in float v_hollow; uniform float u_size; out vec4 color;
void main() {
  float r = length(gl_PointCoord - 0.5) * 2.0;
  float soft = 2.0 / u_size;
  float a = 1.0 - smoothstep(1.0 - soft, 1.0, r);
  if (v_hollow > 0.5) a *= mix(0.18, 1.0, smoothstep(0.5 - soft * 0.5, 0.5 + soft * 0.5, r));
  if (a < 0.01) discard;
  color = vec4(v_color.rgb * v_color.a * a, v_color.a * a);
}`;

export interface MapEvents {
  hover(row: number | null, x: number, y: number): void;
  pick(row: number): void;
  lasso(rows: Uint32Array): void;
  lassoMode(on: boolean): void;
}

export interface Label {
  x: number;
  y: number;
  text: string;
}

export const DIM = 1;
export const READ = 2;

/** Points that any machine draws in a frame; more are drawn while the map moves where frames come quickly enough. */
const EASY = 60_000;
/** Milliseconds without a move after which all points are drawn again. */
const STILL = 140;

export class Scatter {
  readonly el: HTMLElement;
  private readonly canvas = h("canvas", { class: "fs-canvas", "aria-hidden": "true" });
  private readonly ring = h("div", { class: "fs-ring", hidden: true });
  private readonly path = svg("path", { class: "fs-lasso-path" });
  private readonly overlay = svg("svg", { class: "fs-lasso" }, this.path);
  private readonly names = h("div", { class: "fs-names", "aria-hidden": "true" });
  private readonly trouble = h("div", { class: "fs-trouble", hidden: true });
  private gl: WebGL2RenderingContext | null = null;
  private program: WebGLProgram | null = null;
  private buffers: { xy: WebGLBuffer; code: WebGLBuffer; state: WebGLBuffer; order: WebGLBuffer } | null = null;
  private texture: WebGLTexture | null = null;
  private xy: Float32Array = new Float32Array(0);
  private grid: Grid | null = null;
  private codes: Uint8Array = new Uint8Array(0);
  private state: Uint8Array = new Uint8Array(0);
  private colors: Uint8Array = new Uint8Array(1024);
  private shuffled: Uint32Array = new Uint32Array(0);
  private order: DrawOrder | null = null;
  private moving = 0;
  private share = 1;
  private labels: Label[] = [];
  private dark = false;
  private current: number | null = null;
  private center: [number, number] = [0, 0];
  private zoom = 1;
  private size: [number, number] = [1, 1];
  private frame = 0;
  private outline: [number, number][] | null = null;
  private lassoOn = false;
  private readonly resize = new ResizeObserver(() => this.fitCanvas());
  onFrame: (() => void) | null = null;

  constructor(private readonly events: MapEvents) {
    this.el = h("div", { class: "fs-map" }, this.canvas, this.names, this.ring, this.overlay, this.trouble);
    this.canvas.addEventListener("webglcontextlost", (e) => {
      e.preventDefault();
      this.gl = null;
      this.say("The graphics context was lost; it comes back by itself. The list and the texts go on working.");
    });
    this.canvas.addEventListener("webglcontextrestored", () => this.start());
    this.listen();
    this.start();
    this.resize.observe(this.el);
  }

  /** True when points can be drawn. */
  get alive(): boolean {
    return this.gl !== null;
  }

  /** Words in place of the points, "" for none. */
  say(text: string): void {
    this.trouble.textContent = text;
    this.trouble.hidden = text === "";
  }

  private start(): void {
    const gl = this.canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true, alpha: true });
    if (!gl) {
      this.say("This browser has no WebGL2, so there is no map. The list and the texts work without it.");
      return;
    }
    const program = link(gl);
    if (!program) {
      this.say("The graphics driver refused the map's program. The list and the texts work without it.");
      return;
    }
    this.say("");
    this.gl = gl;
    this.program = program;
    this.buffers = { xy: gl.createBuffer()!, code: gl.createBuffer()!, state: gl.createBuffer()!, order: gl.createBuffer()! };
    this.order = null;
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    this.attribute("a_xy", this.buffers.xy, 2, gl.FLOAT);
    this.attribute("a_code", this.buffers.code, 1, gl.UNSIGNED_BYTE);
    this.attribute("a_state", this.buffers.state, 1, gl.UNSIGNED_BYTE);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.upload("xy", this.xy);
    this.upload("code", this.codes);
    this.upload("state", this.state);
    this.uploadPalette();
    this.fitCanvas();
  }

  private attribute(name: string, buffer: WebGLBuffer, size: number, type: number): void {
    const gl = this.gl!;
    const at = gl.getAttribLocation(this.program!, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, type, false, 0, 0);
  }

  private upload(which: "xy" | "code" | "state", data: ArrayBufferView): void {
    if (!this.gl || !this.buffers) return;
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[which]);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, data as ArrayBufferView<ArrayBuffer>, this.gl.STATIC_DRAW);
  }

  private uploadPalette(): void {
    const gl = this.gl;
    if (!gl) return;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, this.colors as Uint8Array<ArrayBuffer>);
  }

  setPoints(raw: Float32Array): void {
    this.xy = unitSquare(raw);
    this.grid = new Grid(this.xy);
    this.codes = new Uint8Array(raw.length / 2).fill(255);
    this.state = new Uint8Array(raw.length / 2);
    this.shuffled = mixed(raw.length / 2);
    this.order = null;
    this.share = Math.min(1, EASY / Math.max(1, raw.length / 2));
    this.upload("xy", this.xy);
    this.upload("code", this.codes);
    this.upload("state", this.state);
    this.fit();
  }

  setColors(codes: Uint8Array, colors: Uint8Array, dark: boolean): void {
    if (codes.length === this.codes.length) {
      this.codes = codes;
      this.upload("code", codes);
    }
    this.colors = colors;
    this.order = null;
    this.dark = dark;
    this.uploadPalette();
    this.redraw();
  }

  /** One byte a point: DIM, READ. */
  setState(state: Uint8Array): void {
    this.state = state;
    this.order = null;
    this.upload("state", state);
    this.redraw();
  }

  setCurrent(row: number | null): void {
    this.current = row;
    // the ring is an element of its own: a new trace draws no point again
    this.drawRing();
  }

  setLabels(labels: Label[]): void {
    this.labels = labels;
    this.redraw();
  }

  /** Where a row is in the square from -1 to 1. */
  place(row: number): [number, number] {
    return [this.xy[2 * row]!, this.xy[2 * row + 1]!];
  }

  fit(): void {
    this.center = [0, 0];
    this.zoom = 1;
    this.redraw();
  }

  zoomBy(factor: number, x = this.size[0] / 2, y = this.size[1] / 2): void {
    const before = this.toWorld(x, y);
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.5), 400);
    const after = this.toWorld(x, y);
    this.center = [this.center[0] + before[0] - after[0], this.center[1] + before[1] - after[1]];
    this.move();
  }

  setLasso(on: boolean): void {
    this.lassoOn = on;
    this.el.classList.toggle("fs-lassoing", on);
    this.events.lassoMode(on);
  }

  get lassoing(): boolean {
    return this.lassoOn;
  }

  /** Pixels of one unit. */
  private get scale(): number {
    return (Math.min(this.size[0], this.size[1]) / 2) * 0.94 * this.zoom;
  }

  private toWorld(x: number, y: number): [number, number] {
    return [this.center[0] + (x - this.size[0] / 2) / this.scale, this.center[1] - (y - this.size[1] / 2) / this.scale];
  }

  private toScreen(x: number, y: number): [number, number] {
    return [(x - this.center[0]) * this.scale + this.size[0] / 2, (this.center[1] - y) * this.scale + this.size[1] / 2];
  }

  private fitCanvas(): void {
    const box = this.el.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) return;
    const ratio = window.devicePixelRatio || 1;
    this.size = [box.width, box.height];
    this.canvas.width = Math.round(box.width * ratio);
    this.canvas.height = Math.round(box.height * ratio);
    this.redraw();
  }

  /** Draw at a new place: only a part of the points where all of them would make it stutter, all once it rests. */
  private move(): void {
    window.clearTimeout(this.moving);
    this.moving = window.setTimeout(() => {
      this.moving = 0;
      this.redraw();
    }, STILL);
    this.redraw();
  }

  private redraw(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    const { gl, program } = this;
    if (gl && program && !gl.isContextLost() && this.xy.length) {
      const ratio = this.canvas.width / this.size[0];
      gl.viewport(0, 0, this.canvas.width, this.canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.useProgram(program);
      const at = (name: string) => gl.getUniformLocation(program, name);
      gl.uniform2f(at("u_center"), ...this.center);
      gl.uniform2f(at("u_scale"), (2 * this.scale) / this.size[0], (2 * this.scale) / this.size[1]);
      gl.uniform1f(at("u_size"), Math.max(2.5, this.pointSize() * ratio));
      const [r, g, b] = grey(this.dark);
      gl.uniform3f(at("u_grey"), r / 255, g / 255, b / 255);
      const { ends } = this.ordered(gl);
      let from = 0;
      for (const end of ends) {
        const count = this.moving ? Math.ceil((end - from) * this.share) : end - from;
        if (count) gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 4 * from);
        from = end;
      }
      if (this.moving) this.keepPace();
    }
    this.drawOverlay();
    if (this.xy.length) this.onFrame?.();
  }

  /** What is drawn in which order, on the graphics card; made anew after points, colours or states changed. */
  private ordered(gl: WebGL2RenderingContext): DrawOrder {
    if (!this.order) {
      this.order = drawOrder(this.shuffled, this.codes, this.state, this.colors);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers!.order);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, this.order.order as Uint32Array<ArrayBuffer>, gl.STATIC_DRAW);
    }
    return this.order;
  }

  /** The time to the next frame, and not to the next movement of the hand, says whether there was too much to draw. */
  private keepPace(): void {
    const begin = performance.now();
    requestAnimationFrame(() => {
      this.share = pace(this.share, performance.now() - begin, Math.min(1, EASY / Math.max(1, this.shuffled.length)));
    });
  }

  /** Few points are drawn large, many small, and all of them grow a little with the zoom. */
  private pointSize(): number {
    const n = this.xy.length / 2;
    const base = Math.min(8, Math.max(2.2, (0.68 * Math.min(...this.size)) / Math.sqrt(n)));
    return Math.min(11, base * Math.pow(this.zoom, 0.28));
  }

  private drawRing(): void {
    const shown = this.current !== null && this.xy.length > 0 && this.gl !== null;
    this.ring.hidden = !shown;
    if (shown) {
      const [x, y] = this.toScreen(...this.place(this.current!));
      this.ring.style.transform = `translate(${x}px, ${y}px)`;
    }
  }

  private drawOverlay(): void {
    this.drawRing();
    const outline = this.outline?.map(([x, y]) => `${x},${y}`).join(" L") ?? "";
    this.path.setAttribute("d", outline ? `M${outline} Z` : "");
    this.drawNames();
  }

  private drawNames(): void {
    if (!this.gl) {
      this.names.replaceChildren();
      return;
    }
    while (this.names.childElementCount < this.labels.length) this.names.append(h("div", { class: "fs-name" }));
    const taken: [number, number, number, number][] = [];
    [...this.names.children].forEach((child, k) => {
      const el = child as HTMLElement;
      const label = this.labels[k];
      el.hidden = !label;
      if (!label) return;
      if (el.textContent !== label.text) el.textContent = label.text;
      const [x, y] = this.toScreen(label.x, label.y);
      const [w, hgt] = [label.text.length * 6.9 + 8, 17];
      // near an edge the name moves inwards, away from the middle of its place
      const left = x < 0 || x > this.size[0] ? x - w / 2 : Math.max(2, Math.min(x - w / 2, this.size[0] - 2 - w));
      const box: [number, number, number, number] = [left, y - hgt, left + w, y];
      const out = box[0] < 2 || box[1] < 2 || box[2] > this.size[0] - 2 || box[3] > this.size[1] - 2;
      // the more suspicious name wins the room
      const hit = taken.some((t) => box[0] < t[2] && box[2] > t[0] && box[1] < t[3] && box[3] > t[1]);
      el.hidden = out || hit;
      if (el.hidden) return;
      taken.push(box);
      el.style.transform = `translate(${Math.round(left)}px, ${Math.round(y - hgt)}px)`;
      el.style.width = `${w}px`;
    });
  }

  private at(e: MouseEvent): [number, number] {
    const box = this.el.getBoundingClientRect();
    return [e.clientX - box.left, e.clientY - box.top];
  }

  private under(x: number, y: number): number | null {
    const [wx, wy] = this.toWorld(x, y);
    return this.grid?.nearest(wx, wy, 9 / this.scale) ?? null;
  }

  private listen(): void {
    let down: { x: number; y: number; center: [number, number]; moved: boolean } | null = null;
    this.el.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      this.el.setPointerCapture(e.pointerId);
      const [x, y] = this.at(e);
      down = { x, y, center: [...this.center], moved: false };
      if (e.shiftKey || this.lassoOn) this.outline = [[x, y]];
      this.events.hover(null, x, y);
    });
    this.el.addEventListener("pointermove", (e) => {
      const [x, y] = this.at(e);
      if (!down) {
        this.events.hover(this.under(x, y), x, y);
        return;
      }
      if (Math.hypot(x - down.x, y - down.y) > 4) down.moved = true;
      if (!down.moved) return;
      if (this.outline) {
        const [lx, ly] = this.outline[this.outline.length - 1]!;
        if (Math.hypot(x - lx, y - ly) > 2) this.outline.push([x, y]);
      } else {
        this.center = [down.center[0] - (x - down.x) / this.scale, down.center[1] + (y - down.y) / this.scale];
        this.el.classList.add("fs-panning");
        this.move();
        return;
      }
      this.redraw();
    });
    const up = (e: PointerEvent) => {
      if (!down) return;
      const { moved } = down;
      const outline = this.outline;
      down = null;
      this.outline = null;
      this.el.classList.remove("fs-panning");
      this.redraw();
      if (e.type === "pointercancel") return;
      if (moved && outline) {
        performance.mark("failscope:lasso-released");
        const rows = this.grid?.inside(outline.map(([x, y]) => this.toWorld(x, y)));
        if (this.lassoOn) this.setLasso(false);
        if (rows) this.events.lasso(rows);
      } else if (!moved) {
        const row = this.under(...this.at(e));
        if (row !== null) this.events.pick(row);
      }
    };
    this.el.addEventListener("pointerup", up);
    this.el.addEventListener("pointercancel", up);
    this.el.addEventListener("pointerleave", (e) => {
      if (!down) this.events.hover(null, ...this.at(e));
    });
    this.el.addEventListener("dblclick", (e) => this.zoomBy(2, ...this.at(e)));
    this.el.addEventListener(
      "wheel",
      (e) => {
        e.preventDefault();
        e.stopPropagation();
        const step = e.deltaMode === 1 ? e.deltaY * 16 : e.deltaY;
        this.zoomBy(Math.exp(-Math.max(-120, Math.min(120, step)) * 0.0022), ...this.at(e));
      },
      { passive: false },
    );
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    window.clearTimeout(this.moving);
    this.resize.disconnect();
    // a page has room for about 16 contexts; a closed view must not keep one
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
    this.gl = null;
  }
}

function link(gl: WebGL2RenderingContext): WebGLProgram | null {
  const program = gl.createProgram()!;
  for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) {
      console.error("failscope map:", gl.getShaderInfoLog(shader));
      return null;
    }
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (gl.getProgramParameter(program, gl.LINK_STATUS)) return program;
  console.error("failscope map:", gl.getProgramInfoLog(program));
  return null;
}

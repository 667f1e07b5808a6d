// How fast things go: two small plots of the last two minutes, fed by what the stream says.

import { $, setText } from "millrace/dom";
import { bytes, decimal } from "millrace/words";

const SECONDS = 120;
const ENDED = new Set(["processed", "failed", "cancelled"]);

export class Pace {
  constructor() {
    this.bytes = new Float64Array(SECONDS);
    this.files = new Float64Array(SECONDS);
    this.nowBytes = 0;
    this.nowFiles = 0;
  }

  /** A change of a file, as the store tells it. */
  see({ type, before, file, live }) {
    if (type !== "put" || !live) return;
    this.nowBytes += Math.max(0, arrived(file) - (before ? arrived(before) : 0));
    if (ENDED.has(file.status) && before && !ENDED.has(before.status)) this.nowFiles += 1;
  }

  /** Files that ended each second, over the last ten; 0 where nothing did. */
  get filesPerSecond() {
    let sum = 0;
    for (let at = SECONDS - 10; at < SECONDS; at += 1) sum += this.files[at];
    return sum / 10;
  }

  start() {
    const box = $("pace");
    if (!box) return;
    box.hidden = false;
    setInterval(() => this.#second(), 1000);
    addEventListener("resize", () => this.#draw());
    addEventListener("themechange", () => this.#draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    requestAnimationFrame(() => this.#draw());
  }

  #second() {
    this.bytes.copyWithin(0, 1);
    this.files.copyWithin(0, 1);
    this.bytes[SECONDS - 1] = this.nowBytes;
    this.files[SECONDS - 1] = this.nowFiles;
    this.nowBytes = this.nowFiles = 0;
    if (document.hidden) return;
    const mean = (values) => (values.at(-1) + values.at(-2) + values.at(-3)) / 3;
    setText($("pace-bytes"), `${bytes(mean(this.bytes))}/s`);
    setText($("pace-files"), `${decimal(mean(this.files))}/s`);
    if (this.bytes.some(Boolean) || this.files.some(Boolean) || this.drawn) this.#draw();
  }

  #draw() {
    this.drawn = this.bytes.some(Boolean) || this.files.some(Boolean);
    plot($("plot-bytes"), this.bytes, "--receiving");
    plot($("plot-files"), this.files, "--good");
  }
}

const arrived = (file) => (file.status === "receiving" ? file.received : (file.size ?? 0));

function plot(canvas, values, role) {
  const { width, height } = canvas.getBoundingClientRect();
  if (!width) return;
  const scale = devicePixelRatio;
  if (canvas.width !== Math.round(width * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const style = getComputedStyle(canvas);
  const ink = canvas.getContext("2d");
  ink.setTransform(scale, 0, 0, scale, 0, 0);
  ink.clearRect(0, 0, width, height);
  const most = Math.max(...values) || 1;
  const x = (index) => (index / (values.length - 1)) * width;
  const y = (value) => height - 2 - (value / most) * (height - 6);
  ink.strokeStyle = colour(style, "--line");
  ink.lineWidth = 1;
  ink.beginPath();
  ink.moveTo(0, height - 1.5);
  ink.lineTo(width, height - 1.5);
  ink.stroke();
  if (!values.some(Boolean)) return;
  ink.beginPath();
  values.forEach((value, index) => ink.lineTo(x(index), y(value)));
  ink.strokeStyle = colour(style, role);
  ink.lineWidth = 1.75;
  ink.lineJoin = "round";
  ink.stroke();
  ink.lineTo(width, height);
  ink.lineTo(0, height);
  ink.closePath();
  ink.globalAlpha = 0.14;
  ink.fillStyle = colour(style, role);
  ink.fill();
  ink.globalAlpha = 1;
}

const probe = document.createElement("span");

/** A role's colour as it is in this theme: a canvas knows no light-dark(). */
function colour(style, role) {
  probe.hidden = true;
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${role})`;
  return getComputedStyle(probe).color || style.color;
}

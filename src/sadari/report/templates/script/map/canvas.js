const FURTHEST = 60; // times that a map is enlarged
const FEW = 140; // pictures in sight, from which down they are drawn themselves
const REACH = 18; // pixels between the pointer and the mark that it means
const MARGIN = 26;

/** The map itself: it draws `view`, moves and enlarges it, and says which picture is meant. `tell` gets every change. */
class MapCanvas {
  constructor(view, tell) {
    Object.assign(this, { view, tell, groups: [], of: () => 0, visible: () => true, found: new Set(), scale: 1, x: 0, y: 0, width: 0, height: 0, meant: -1, waiting: false });
    this.element = html("canvas", { tabindex: 0, role: "application", "aria-roledescription": "map of pictures", "aria-label": "Map of pictures. Arrow keys go from picture to picture, plus and minus enlarge, shift with arrow keys moves, 0 shows all." });
    this.pen = this.element.getContext("2d");
    this.thumbs = null;
    if (view.sheet) {
      this.thumbs = new Image();
      this.thumbs.addEventListener("load", () => this.later());
      this.thumbs.src = sheetOf(view);
    }
    new ResizeObserver(() => this.resized()).observe(this.element);
    const restyle = () => this.remark();
    new MutationObserver(restyle).observe(document.documentElement, { attributes: true, attributeFilter: ["data-scheme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
    listen(this);
  }

  /** Colour by `groups`; `of` names the group of a picture, `visible` says whether it is shown. */
  show({ groups, of }, visible) {
    Object.assign(this, { groups, of, visible });
    this.remark();
  }

  resized() {
    // Asked for once: asking the element for each of 5,000 marks would take most of the time of a drawing.
    Object.assign(this, { width: this.element.clientWidth, height: this.element.clientHeight });
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    this.element.width = Math.round(this.width * this.ratio);
    this.element.height = Math.round(this.height * this.ratio);
    this.remark();
  }

  remark() {
    this.marks = drawMarks(this.groups, this.ratio ?? 1);
    this.ink = { text: colourOf("--text"), faint: colourOf("--rule"), paper: colourOf("--paper") };
    this.later();
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  /** Pixels of the canvas for one unit of the map. */
  get unit() {
    return Math.max(40, Math.min(this.width, this.height) - 2 * MARGIN) * this.scale;
  }

  placeOf(at, unit = this.unit) {
    return [
      this.width / 2 + (this.view.x[at] / 10000 - 0.5) * unit + this.x,
      this.height / 2 + (this.view.y[at] / 10000 - 0.5) * unit + this.y,
    ];
  }

  /** Positions of the pictures in sight that are shown, and of those that are filtered out. */
  inSight() {
    const { width, height, unit } = this;
    const shown = [], hidden = [];
    for (let at = 0; at < this.view.ids.length; at += 1) {
      const [x, y] = this.placeOf(at, unit);
      if (x > -MARK && y > -MARK && x < width + MARK && y < height + MARK) (this.visible(at) ? shown : hidden).push([at, x, y]);
    }
    return [shown, hidden];
  }

  draw() {
    const { pen, ratio = 1, element } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, element.clientWidth, element.clientHeight);
    const [shown, hidden] = this.inSight();
    pen.fillStyle = this.ink.faint;
    for (const [, x, y] of hidden) pen.fillRect(x - 1, y - 1, 2, 2);
    const large = this.scale > 1.5 && shown.length <= FEW && this.thumbs?.complete;
    // What is rarer and more worth a look is drawn later, above the others.
    const rank = (at) => -this.of(at);
    if (this.groups.some(({ look }) => look)) shown.sort((a, b) => rank(a[0]) - rank(b[0]));
    for (const [at, x, y] of shown) {
      if (large && at < this.view.shown) this.drawThumb(at, x, y);
      const mark = this.marks[this.of(at)];
      if (mark) pen.drawImage(mark, x - MARK / 2, y - MARK / 2, MARK, MARK);
    }
    pen.strokeStyle = this.ink.text;
    for (const at of this.found) this.ring(at, 9, 1.5);
    if (this.meant >= 0) this.ring(this.meant, 12, 2.5);
    Object.assign(element.dataset, { shown: shown.length, scale: this.scale.toFixed(2), meant: this.view.ids[this.meant] ?? "", pictures: large ? "yes" : "no" });
    this.tell.drawn?.();
  }

  drawThumb(at, x, y) {
    const { side, columns } = this.view;
    const size = Math.min(side, 44), half = size / 2;
    this.pen.imageSmoothingEnabled = side > CRISP_BELOW;
    this.pen.drawImage(this.thumbs, side * (at % columns), side * Math.floor(at / columns), side, side, x - half, y - half, size, size);
  }

  ring(at, radius, width) {
    const [x, y] = this.placeOf(at);
    const { pen } = this;
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    for (const [line, colour] of [[width + 2.5, this.ink.paper], [width, this.ink.text]]) {
      pen.lineWidth = line;
      pen.strokeStyle = colour;
      pen.stroke();
    }
  }

  /** The shown picture at a place of the canvas, or -1. */
  at(x, y) {
    let best = -1, least = REACH ** 2;
    const { unit } = this;
    for (let at = 0; at < this.view.ids.length; at += 1) {
      const [left, top] = this.placeOf(at, unit);
      const far = (left - x) ** 2 + (top - y) ** 2;
      if (far < least && this.visible(at)) [best, least] = [at, far];
    }
    return best;
  }

  /** Mean one picture; `centre` moves it into the middle where it is out of sight. */
  mean(at, centre = false) {
    this.meant = at;
    if (centre && at >= 0) {
      const [x, y] = this.placeOf(at);
      const { clientWidth, clientHeight } = this.element;
      if (x < MARGIN || y < MARGIN || x > clientWidth - MARGIN || y > clientHeight - MARGIN) this.move(clientWidth / 2 - x, clientHeight / 2 - y);
    }
    this.later();
    this.tell.meant(at);
  }

  move(x, y) {
    this.x += x;
    this.y += y;
    this.hold();
  }

  /** Enlarge around a place of the canvas, which stays where it is. */
  enlarge(factor, x = this.element.clientWidth / 2, y = this.element.clientHeight / 2) {
    const before = this.scale;
    this.scale = Math.min(FURTHEST, Math.max(1, this.scale * factor));
    const by = this.scale / before;
    const fromX = x - this.element.clientWidth / 2, fromY = y - this.element.clientHeight / 2;
    this.x = fromX - (fromX - this.x) * by;
    this.y = fromY - (fromY - this.y) * by;
    this.hold();
  }

  whole() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.hold();
  }

  /** Keep some of the map in sight. */
  hold() {
    const most = this.unit / 2;
    this.x = Math.min(most, Math.max(-most, this.x));
    this.y = Math.min(most, Math.max(-most, this.y));
    this.later();
  }

  /** Go to the nearest shown picture in a direction: [1, 0] is to the right. */
  step([right, down]) {
    if (this.meant < 0) return this.mean(this.middle(), true);
    const [x, y] = this.placeOf(this.meant);
    let best = -1, least = Infinity;
    for (let at = 0; at < this.view.ids.length; at += 1) {
      if (at === this.meant || !this.visible(at)) continue;
      const [left, top] = this.placeOf(at);
      const along = (left - x) * right + (top - y) * down;
      const across = Math.abs((left - x) * down) + Math.abs((top - y) * right);
      if (along > 0.01 && across <= along * 1.2 && along + across < least) [best, least] = [at, along + across];
    }
    if (best >= 0) this.mean(best, true);
  }

  /** The shown picture nearest to the middle. */
  middle() {
    const { clientWidth, clientHeight } = this.element;
    const far = (at) => { const [x, y] = this.placeOf(at); return (x - clientWidth / 2) ** 2 + (y - clientHeight / 2) ** 2; };
    const shown = range(this.view.ids.length).filter((at) => this.visible(at));
    return shown.length ? shown.reduce((best, at) => (far(at) < far(best) ? at : best)) : -1;
  }
}

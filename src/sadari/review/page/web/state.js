// What is to be decided, what was decided, and where the person is. No document here.

export class State {
  constructor(review) {
    Object.assign(this, review);
    this.decided = new Map(Object.entries(review.decided));
    this.kind = Object.keys(this.kinds).find((kind) => this.of(kind).length) ?? Object.keys(this.kinds)[0];
    this.at = new Map();
  }

  of(kind) {
    return this.items.filter((item) => item.kind === kind);
  }

  get list() {
    return this.of(this.kind);
  }

  get place() {
    return this.at.get(this.kind) ?? 0;
  }

  get item() {
    return this.list[this.place];
  }

  filesOf(item) {
    return item.positions.map((position) => this.pictures[position].file);
  }

  isDone(item) {
    const decisions = this.filesOf(item).map((file) => this.decided.get(file)?.decision);
    return decisions.every(Boolean) || (decisions.length > 1 && decisions.includes("drop"));
  }

  left(kind) {
    return this.of(kind).filter((item) => !this.isDone(item)).length;
  }

  move(by) {
    this.at.set(this.kind, Math.max(0, Math.min(this.list.length - 1, this.place + by)));
  }

  // Go to the next item that is not decided, from here on and then from the beginning; stay where none is left.
  advance() {
    const list = this.list;
    for (let step = 1; step < list.length; step += 1) {
      const place = (this.place + step) % list.length;
      if (!this.isDone(list[place])) {
        this.at.set(this.kind, place);
        return;
      }
    }
  }

  record({ file, decision, label }) {
    if (decision) this.decided.set(file, { decision, label });
    else this.decided.delete(file);
  }

  // Show the item with this file, where one of the kind that is open has it.
  goTo(file) {
    for (const kind of [this.kind, ...Object.keys(this.kinds)]) {
      const place = this.of(kind).findIndex((item) => this.filesOf(item).includes(file));
      if (place >= 0) {
        this.kind = kind;
        this.at.set(kind, place);
        return;
      }
    }
  }
}

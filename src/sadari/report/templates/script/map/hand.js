const STEP = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const CLICK = 6; // pixels that a pointer may move and still mean what is under it

/** Moves a map by pointer, touch, wheel and keyboard. One finger scrolls the page; two move and enlarge the map. */
function listen(map) {
  const { element } = map;
  const held = new Map();
  let moved = 0;
  const spot = ({ clientX, clientY }) => {
    const { left, top } = element.getBoundingClientRect();
    return [clientX - left, clientY - top];
  };
  element.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, spot(event));
    moved = 0;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    const [x, y] = spot(event);
    const before = held.get(event.pointerId);
    if (!before) return event.pointerType === "mouse" && map.tell.over(map.at(x, y));
    moved += Math.abs(x - before[0]) + Math.abs(y - before[1]);
    if (held.size === 1 && moved > CLICK) map.move(x - before[0], y - before[1]);
    if (held.size === 2) pinch(map, held, event.pointerId, [x, y]);
    held.set(event.pointerId, [x, y]);
  });
  const letGo = (event) => {
    if (event.type === "pointerup" && held.size === 1 && moved <= CLICK) map.mean(map.at(...spot(event)));
    held.delete(event.pointerId);
  };
  element.addEventListener("pointerup", letGo);
  element.addEventListener("pointercancel", letGo);
  element.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && map.tell.over(-1));
  element.addEventListener("wheel", (event) => {
    // Inside a longer page the wheel scrolls, until the map is chosen.
    if (!(event.ctrlKey || event.metaKey || document.activeElement === element || map.alone)) return;
    event.preventDefault();
    map.enlarge(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), ...spot(event));
  }, { passive: false });
  element.addEventListener("dblclick", (event) => map.enlarge(2, ...spot(event)));
  element.addEventListener("keydown", (event) => key(map, event));
}

function pinch(map, held, moving, [x, y]) {
  const [other] = [...held].filter(([id]) => id !== moving).map(([, place]) => place);
  const before = held.get(moving);
  const apart = ([left, top]) => Math.hypot(left - other[0], top - other[1]);
  map.enlarge(apart([x, y]) / Math.max(1, apart(before)), (x + other[0]) / 2, (y + other[1]) / 2);
  map.move((x - before[0]) / 2, (y - before[1]) / 2);
}

function key(map, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const way = STEP[event.key];
  const around = map.meant >= 0 ? map.placeOf(map.meant) : [];
  if (way && event.shiftKey) map.move(-60 * way[0], -60 * way[1]);
  else if (way) map.step(way);
  else if (event.key === "+" || event.key === "=") map.enlarge(1.5, ...around);
  else if (event.key === "-") map.enlarge(1 / 1.5, ...around);
  else if (event.key === "0") map.whole();
  else if (event.key === "Escape") map.mean(-1);
  else return;
  event.preventDefault();
}

/** From a drawing to the few pixels that a model reads; grey.js says what a grey picture is. */

/** How do these grey pictures fill their frame? The usual extent of what is on them, as a share of the side, or null. */
export function extent(pictures) {
  const shares = pictures
    .map((picture) => [bounds(picture), picture.side])
    .filter(([box]) => box)
    .map(([box, side]) => Math.max(box.right - box.left, box.bottom - box.top) / side)
    .sort((a, b) => a - b);
  return shares.length ? shares[shares.length >> 1] : null;
}

/**
 * How is a picture moved, so that what is on it fills `share` of the frame and lies in its middle?
 *
 * {scale, left, top}: a point at x comes to scale * x + left; left and top are shares of the side. null where nothing is
 * on it.
 */
export function placement(picture, share) {
  const box = bounds(picture);
  if (!box) return null;
  const { side } = picture;
  const across = box.right - box.left;
  const down = box.bottom - box.top;
  const scale = (share * side) / Math.max(across, down);
  const mass = centre(picture);
  return {
    scale,
    left: inside(side / 2 - scale * mass.x, side, scale, box.left, box.right) / side,
    top: inside(side / 2 - scale * mass.y, side, scale, box.top, box.bottom) / side,
  };
}

/** The mean of each block of pixels: what an area of the drawing looks like from far away. */
export function shrink({ side, values }, size) {
  const small = new Uint8ClampedArray(size * size);
  const block = side / size;
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      let sum = 0;
      for (let y = row * block; y < (row + 1) * block; y += 1) {
        for (let x = column * block; x < (column + 1) * block; x += 1) sum += values[y * side + x];
      }
      small[row * size + column] = sum / (block * block);
    }
  }
  return { side: size, values: small };
}

const SEEN = 64; // what is darker than a quarter of white is taken for the ground

function bounds({ side, values }) {
  let [left, top, right, bottom] = [side, side, 0, 0];
  values.forEach((value, place) => {
    if (value < SEEN) return;
    const [x, y] = [place % side, Math.floor(place / side)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  });
  return right > left ? { left, top, right, bottom } : null;
}

/** The centre of mass, which is what MNIST's makers put in the middle. */
function centre({ side, values }) {
  let [mass, x, y] = [0, 0, 0];
  values.forEach((value, place) => {
    mass += value;
    x += value * ((place % side) + 0.5);
    y += value * (Math.floor(place / side) + 0.5);
  });
  return { x: x / mass, y: y / mass };
}

/** The shift nearest to `wanted` that leaves nothing outside. */
function inside(wanted, side, scale, low, high) {
  return Math.min(side - scale * high, Math.max(-scale * low, wanted));
}

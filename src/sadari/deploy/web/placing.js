/** From a drawing to the few pixels that a model reads; grey.js defines a grey picture. */

/** Return the median extent of the object in these grey pictures, as a share of the side; null where there is none. */
export function extent(pictures) {
  const shares = pictures
    .map((picture) => [bounds(picture), picture.side])
    .filter(([box]) => box)
    .map(([box, side]) => Math.max(box.right - box.left, box.bottom - box.top) / side)
    .sort((a, b) => a - b);
  return shares.length ? shares[shares.length >> 1] : null;
}

/**
 * Return how to move a picture so that its object fills `share` of the frame and is in the middle.
 *
 * {scale, left, top}: a point at x moves to scale * x + left; left and top are shares of the side. null for an empty
 * picture.
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

/** Reduce a picture to `size` x `size` pixels, the mean of each block. */
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

const VISIBLE = 64; // darker values, below a quarter of white, are the background (assumed)

function bounds({ side, values }) {
  let [left, top, right, bottom] = [side, side, 0, 0];
  values.forEach((value, index) => {
    if (value < VISIBLE) return;
    const [x, y] = [index % side, Math.floor(index / side)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  });
  return right > left ? { left, top, right, bottom } : null;
}

/** Return the centre of mass, which is in the middle of MNIST's images. */
function centre({ side, values }) {
  let [mass, x, y] = [0, 0, 0];
  values.forEach((value, index) => {
    mass += value;
    x += value * ((index % side) + 0.5);
    y += value * (Math.floor(index / side) + 0.5);
  });
  return { x: x / mass, y: y / mass };
}

/** Return the shift nearest to `wanted` that leaves nothing outside the frame. */
function inside(wanted, side, scale, low, high) {
  return Math.min(side - scale * high, Math.max(-scale * low, wanted));
}

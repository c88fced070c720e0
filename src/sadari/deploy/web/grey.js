/** A grey picture is {side, values}: side x side values of 0..255, white on black. */

/** Read a canvas of `side` x `side`; transparent pixels are black. */
export function read(context, side) {
  const { data } = context.getImageData(0, 0, side, side);
  const value = (_, index) => (data[4 * index] * data[4 * index + 3]) / 255;
  return { side, values: Uint8Array.from({ length: side * side }, value) };
}

/** Convert a grey picture to the pixels of a canvas. */
export function opaque({ side, values }) {
  const image = new ImageData(side, side);
  values.forEach((value, index) => image.data.set([value, value, value, 255], 4 * index));
  return image;
}

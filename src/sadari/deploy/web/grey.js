/** A grey picture is {side, values}: side x side values of 0..255, white on black. */

/** What is drawn on a canvas of `side` x `side`; where nothing is, it is black. */
export function read(context, side) {
  const { data } = context.getImageData(0, 0, side, side);
  const value = (_, place) => (data[4 * place] * data[4 * place + 3]) / 255;
  return { side, values: Uint8Array.from({ length: side * side }, value) };
}

/** The same as pixels that a canvas takes. */
export function opaque({ side, values }) {
  const image = new ImageData(side, side);
  values.forEach((value, place) => image.data.set([value, value, value, 255], 4 * place));
  return image;
}

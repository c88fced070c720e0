/**
 * Pillow's way of resizing, in the same integers, so that a page reads the pixels that Sadari reads.
 *
 * Antialiased: the filter is as wide as the step between two pixels of the result. First each row, then each column; both
 * round to 8 bits. A box is [left, top, right, bottom] of what is resized, in pixels, with fractions.
 */
const BITS = 22; // of a weight's fraction
const HALF = 1 << (BITS - 1);

const FILTERS = {
  bilinear: { reach: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { reach: 2, weight: (x) => cubic(Math.abs(x)) },
};

function cubic(x) {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Return which pixels of a line, from `low` to `high`, make each of `count` pixels, and with which weights. */
export function weightsOf(length, low, high, count, filter) {
  const { reach, weight } = FILTERS[filter];
  const [from, to] = [Math.fround(low), Math.fround(high)]; // Pillow's boxes are of float32
  const scale = Math.fround(to - from) / count;
  const wide = Math.max(1, scale);
  return Array.from({ length: count }, (_, place) => {
    const centre = from + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach * wide + 0.5));
    const last = Math.min(length, Math.trunc(centre + reach * wide + 0.5));
    const shares = Array.from({ length: last - first }, (_, each) => weight((each + first - centre + 0.5) / wide));
    const sum = shares.reduce((total, each) => total + each, 0) || 1;
    return { first, weights: Int32Array.from(shares, (each) => rounded((each / sum) * 2 ** BITS)) };
  });
}

const rounded = (value) => Math.trunc(value + (value < 0 ? -0.5 : 0.5));
const clipped = (sum) => Math.min(255, Math.max(0, sum >> BITS));

/**
 * Resize an image whose rows come one by one; return Uint8Array, row by row, of `across` x `down` pixels.
 *
 * source: {width, height, channels, rows(first, last, take)}: calls take(row, y) for each row from `first` to before `last`, a Uint8
 * array of width x channels values, which is only read at once.
 */
export function resized(source, box, across, down, filter) {
  const { width, height, channels } = source;
  const columns = weightsOf(width, box[0], box[2], across, filter);
  const lines = weightsOf(height, box[1], box[3], down, filter);
  const first = lines[0].first;
  const last = Math.max(...lines.map((each) => each.first + each.weights.length));
  const narrow = new Uint8Array((last - first) * across * channels);
  source.rows(first, last, (row, y) => narrowed(row, columns, channels, narrow, (y - first) * across * channels));
  return shortened(narrow, lines, across * channels, first);
}

function narrowed(row, columns, channels, out, start) {
  let place = start;
  for (const { first, weights } of columns) {
    for (let channel = 0; channel < channels; channel += 1) {
      let sum = HALF;
      let at = first * channels + channel;
      for (let each = 0; each < weights.length; each += 1, at += channels) sum += row[at] * weights[each];
      out[place] = clipped(sum);
      place += 1;
    }
  }
}

function shortened(narrow, lines, length, first) {
  const out = new Uint8Array(lines.length * length);
  lines.forEach((line, y) => {
    const start = (line.first - first) * length;
    for (let x = 0; x < length; x += 1) {
      let sum = HALF;
      let at = start + x;
      for (let each = 0; each < line.weights.length; each += 1, at += length) sum += narrow[at] * line.weights[each];
      out[y * length + x] = clipped(sum);
    }
  });
  return out;
}

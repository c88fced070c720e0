/** From values to pixels, linear. `at` maps, `ticks` are the values that get a line. */
function linear([low, high], [from, to], wanted = 5) {
  const span = high - low || 1;
  return { at: (value) => from + ((value - low) / span) * (to - from), ticks: niceTicks(low, high, wanted), low, high };
}

/** From positive values to pixels, by their logarithm. */
function logarithmic([low, high], range) {
  const inner = linear([Math.log10(low), Math.log10(high)], range);
  return { at: (value) => inner.at(Math.log10(value)), ticks: logTicks(low, high), low, high };
}

/** About `wanted` round numbers in [low, high]. */
function niceTicks(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.7);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return range(Math.max(0, last - first + 1)).map((index) => Number(((first + index) * step).toPrecision(12)));
}

/** Powers of ten, and 2 and 5 between them where there is room. */
function logTicks(low, high) {
  const decades = Math.log10(high / low);
  const mantissas = decades > 3 ? [1] : decades > 1.5 ? [1, 3] : [1, 2, 5];
  const powers = range(Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1);
  const first = Math.floor(Math.log10(low));
  return powers
    .flatMap((index) => mantissas.map((each) => Number((each * 10 ** (first + index)).toPrecision(3))))
    .filter((each) => each >= low * 0.999 && each <= high * 1.001);
}

/** [least, greatest] with some air, inside [floor, ceiling]. */
function padded(values, share = 0.08, floor = -Infinity, ceiling = Infinity) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const air = (high - low || Math.abs(high) * 0.1 || 1) * share;
  return [Math.max(floor, low - air), Math.min(ceiling, high + air)];
}

/** The same for a logarithmic axis. */
function paddedLog(values, factor = 1.3) {
  return [Math.min(...values) / factor, Math.max(...values) * factor];
}

/** The number of decimals that the ticks of an axis need. */
function tickDecimals(ticks, factor = 1) {
  const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0)) * factor;
  return Math.min(4, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
}

/** Per cent without its sign, as exact as the axis needs. */
function shareTicks(scale) {
  const decimals = tickDecimals(scale.ticks, 100);
  return (value) => hundredths(value, decimals);
}

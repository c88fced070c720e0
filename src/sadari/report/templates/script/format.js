const MISSING = "–";
const WHOLE = new Intl.NumberFormat("en");
const NARROW_SPACE = "\u202f";
const MINUS = "\u2212";

/** A share of 0.9123 as 91.2: columns and axes carry the per cent sign once. */
function hundredths(share, decimals = 1) {
  return share === null || share === undefined ? MISSING : (100 * share).toFixed(decimals);
}

/** A share in running text. */
function percent(share, decimals = 1) {
  return share === null || share === undefined ? MISSING : hundredths(share, decimals) + NARROW_SPACE + "%";
}

/** A difference of two shares, in points, with its sign. */
function points(difference, decimals = 1) {
  if (difference === null || difference === undefined) return MISSING;
  const text = (100 * Math.abs(difference)).toFixed(decimals);
  if (Number(text) === 0) return text;
  return (difference < 0 ? MINUS : "+") + text;
}

function whole(count) {
  return count === null || count === undefined ? MISSING : WHOLE.format(Math.round(count));
}

/** Images of a cell: a mean over seeds need not be whole. */
function images(count) {
  return Number.isInteger(count) || count >= 100 ? whole(count) : count.toFixed(1);
}

/** A figure such as a loss, with three decimals or three digits. */
function figure(value) {
  if (value === null || value === undefined) return MISSING;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(1).replace("-", MINUS);
  const text = size >= 1000 ? whole(size) : size >= 100 ? size.toFixed(1) : size.toFixed(3);
  return (value < 0 ? MINUS : "") + text;
}

/** A value of a setting, as somebody would have typed it. */
function typed(value) {
  return String(Number(value.toPrecision(4)));
}

function pValue(p) {
  if (p === null || p === undefined) return MISSING;
  if (p < 0.001) return "< 0.001";
  let digits = 3; // or as many as show on which side of 0.05 it is
  while (digits < 17 && (Number(p.toFixed(digits)) < 0.05) !== (p < 0.05)) digits += 1;
  return p.toFixed(digits);
}

/** Seconds as 110 ms, 9 s, 2 m 41 s, 1 h 05 m. */
function duration(seconds) {
  if (seconds === null || seconds === undefined) return MISSING;
  if (seconds < 0.95) return Number((1000 * seconds).toPrecision(2)) + NARROW_SPACE + "ms";
  if (seconds < 10) return seconds.toFixed(1).replace(".0", "") + NARROW_SPACE + "s";
  if (seconds < 59.5) return Math.round(seconds) + NARROW_SPACE + "s";
  const rounded = Math.round(seconds);
  if (rounded < 3600) return `${Math.floor(rounded / 60)}${NARROW_SPACE}m` + (rounded % 60 ? ` ${two(rounded % 60)}${NARROW_SPACE}s` : "");
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}${NARROW_SPACE}h` + (minutes % 60 ? ` ${two(minutes % 60)}${NARROW_SPACE}m` : "");
}

function two(number) {
  return String(number).padStart(2, "0");
}

/** A large count on an axis: 1,000 as 1k. */
function brief(value) {
  const [unit, size] = [["G", 1e9], ["M", 1e6], ["k", 1e3]].find(([, least]) => value >= least) ?? ["", 1];
  return Number((value / size).toPrecision(3)) + unit;
}

/** How many of something, in words: 1 seed, 5 seeds. */
function counted(number, one, many = one + "s") {
  return `${whole(number)} ${number === 1 ? one : many}`;
}

function capitalised(sentence) {
  return sentence.slice(0, 1).toUpperCase() + sentence.slice(1);
}

const FEW_PAIRS = 10;

/** The verdicts of all pairs: those with the best arm first; many others are folded, and those with majority. */
function verdicts() {
  const guesses = new Set(report.arms.filter(({ model }) => model === "majority").map(({ name }) => name));
  const guessing = report.pairs.filter(({ a, b }) => guesses.has(a) || guesses.has(b));
  const learnt = report.pairs.filter((pair) => !guessing.includes(pair));
  if (!learnt.length) return pairsTable("Pairwise verdicts", report.pairs);
  const best = report.arms[finished()[0]]?.name;
  const [first, others] = [true, false].map((wanted) => learnt.filter(({ a, b }) => (a === best || b === best) === wanted));
  const few = learnt.length <= FEW_PAIRS || !first.length;
  return [
    few ? pairsTable("Pairwise verdicts", learnt) : pairsTable("Verdicts about the best arm", first),
    !few && folded(`The other ${counted(others.length, "pair")}`, pairsTable("Verdicts about the other pairs", others)),
    guessing.length > 0 && folded(`${counted(guessing.length, "pair")} with majority`, pairsTable("Verdicts about majority", guessing)),
  ];
}

function pairsTable(caption, pairs) {
  const scale = pairScale(pairs);
  const columns = [
    { label: "Pair", value: ({ a }) => a, cell: ({ a, b }) => [named(a), html("span", { class: "quiet" }, " against "), named(b)], name: "name" },
    {
      label: "Difference, 95\u202f% interval", name: "forest", first: "descending", below: forestPointsAxis(scale),
      value: ({ difference }) => difference, cell: (pair) => pairDrawing(pair, scale),
    },
    { label: "Points", numeric: true, first: "descending", value: ({ difference }) => difference, cell: ({ difference }) => points(difference, pairDecimals(scale)), name: "main" },
    { label: "p (Holm)", numeric: true, value: ({ p }) => p, cell: ({ p }) => pValue(p) },
    { label: "Verdict", value: ({ verdict }) => verdict, cell: verdictCell, name: "verdict" },
  ];
  return fitting(caption, sortableTable({ caption, columns, rows: pairs, name: "verdicts" }));
}

function verdictCell({ verdict, sentence, estimand }) {
  const more = remark(sentence);
  return [
    html("strong", { class: `badge ${verdictKind(verdict)}` }, verdict),
    more && html("span", { class: "sentence", dir: "auto" }, more),
    estimand && html("span", { class: "quiet" }, ` ${estimand}`),
  ];
}

/**
 * What the sentence of a pair says beyond the figures of its row, such as how many seeds would show a difference; where
 * seeds were added by looks, also with how many of them, and at which look, the pair was judged.
 */
function remark(sentence) {
  const look = sentence.match(/images, ([^();]* looks)[;)]/)?.[1];
  const more = sentence.slice(sentence.lastIndexOf(")") + 1).replace(/^[;,.\s]+/, "");
  const both = [look, more].filter(Boolean).join("; ");
  return both && capitalised(both);
}

function verdictKind(verdict) {
  return { better: "is-better", worse: "is-worse" }[verdict] ?? (verdict.startsWith("equal") ? "is-equal" : "is-open");
}

function pairScale(pairs) {
  return linear(padded([0, ...pairs.flatMap(({ low, high }) => [low, high])], 0.06, -1, 1), [3, 97], 4);
}

function pairDecimals(scale) {
  return scale.high - scale.low < 0.02 ? 2 : 1;
}

function forestPointsAxis(scale) {
  const decimals = tickDecimals(scale.ticks, 100);
  return svg(
    "svg",
    { class: "forest-axis", "aria-hidden": "true" },
    scale.ticks.map((value) => text(`${scale.at(value)}%`, 12, points(value, decimals), "centre")),
  );
}

function pairDrawing({ a, b, difference, low, high }, scale) {
  const label = `${a} minus ${b}: ${points(difference, 2)} points, 95 % interval ${points(low, 2)} to ${points(high, 2)}`;
  return intervalDrawing(label, scale, difference, low, high, null, 0);
}

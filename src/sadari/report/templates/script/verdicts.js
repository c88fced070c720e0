const FEW_PAIRS = 10;

/** The verdicts of all pairs: those with the best arm first; many others are folded. */
function verdicts() {
  const scale = pairScale(report.pairs);
  const best = report.arms[finished()[0]]?.name;
  const [first, others] = [true, false].map((wanted) => report.pairs.filter(({ a, b }) => (a === best || b === best) === wanted));
  if (report.pairs.length <= FEW_PAIRS || !first.length) return pairsTable("Pairwise verdicts", report.pairs, scale);
  return [
    pairsTable("Verdicts about the best arm", first, scale),
    folded(`The other ${counted(others.length, "pair")}`, pairsTable("Verdicts about the other pairs", others, scale)),
  ];
}

function pairsTable(caption, pairs, scale) {
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
  return scrolling(caption, sortableTable({ caption, columns, rows: pairs, name: "verdicts" }));
}

function verdictCell({ verdict, sentence }) {
  return [html("strong", { class: `badge ${verdictKind(verdict)}` }, verdict), html("span", { class: "sentence", dir: "auto" }, sentence)];
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

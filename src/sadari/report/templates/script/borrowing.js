/** What the arms show if their seeds vary about equally much: intervals of arms, and probabilities of pairs. */
function borrowing() {
  const { arms, pairs } = report.borrowing;
  const span = (low, high) => `${hundredths(low, 1)} – ${hundredths(high, 1)}`;
  const rows = arms.map((each) => [named(each.arm), hundredths(each.mean, 1), span(each.low, each.high), span(each.own_low, each.own_high)]);
  return [
    fitting("Borrowed intervals", figuresTable("Borrowed intervals", ["Arm", "Accuracy\u202f%", "from – to, borrowed", "from – to, of its own seeds"], rows)),
    pairs.length > 0 && fitting("Borrowed probabilities", borrowedPairs(pairs)),
  ];
}

function borrowedPairs(pairs) {
  const by = points(pairs[0].amount, 1).replace("+", "");
  const rows = pairs.map((each) => [
    [named(each.a), html("span", { class: "quiet" }, " against "), named(each.b)],
    points(each.difference, 1), `${points(each.low, 1)} – ${points(each.high, 1)}`, likely(each.better), likely(each.by_more), likely(each.less),
  ]);
  const heads = ["Pair", "Points", "from – to, borrowed", "P(first is better)", `by more than ${by}`, `worse by more than ${by}`];
  return figuresTable("Borrowed probabilities", heads, rows);
}

/** A probability with two digits, never as certain. */
function likely(chance) {
  if (chance > 0.995) return "> 0.99";
  return chance < 0.005 ? "< 0.01" : chance.toFixed(2);
}

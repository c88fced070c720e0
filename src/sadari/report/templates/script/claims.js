const RULINGS = { supported: "is-better", refuted: "is-worse" };

/** The claims and their verdicts. */
function claims() {
  const columns = [
    { label: "Claim", value: ({ claim }) => claim, cell: claimCell, name: "name" },
    { label: "Verdict", value: ({ verdict }) => verdict, cell: rulingCell, name: "verdict" },
  ];
  return fitting("Claims", sortableTable({ caption: "Claims", columns, rows: report.claims, name: "claims" }));
}

function claimCell({ claim, words }) {
  return [html("code", { dir: "auto" }, claim), words && html("span", { class: "words", dir: "auto" }, words)];
}

function rulingCell({ verdict, sentence }) {
  return [html("strong", { class: `badge ${RULINGS[verdict] ?? "is-open"}` }, verdict), html("span", { class: "sentence", dir: "auto" }, sentence)];
}

// A unified diff, file by file, with the numbers of lines.

function diff(text) {
  if (!text) return made("p.empty", {}, "No difference.");
  const files = [];
  let old = 0;
  let now = 0;
  for (const line of text.replace(/\n$/, "").split("\n")) {
    if (line.startsWith("diff --git ") || !files.length || line.startsWith("Files a/")) files.push({ name: titleOf(line), rows: [], plus: 0, minus: 0, body: false });
    const file = files[files.length - 1];
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)/.exec(line);
    if (hunk) {
      [old, now] = [Number(hunk[1]), Number(hunk[2])];
      file.body = true;
      file.rows.push(diffRow("hunk", "", "", line));
    } else if (!file.body) {
      if (/^(new|deleted) file/.test(line)) file.name += " · " + line.split(" ")[0];
    } else if (line.startsWith("+")) { file.plus++; file.rows.push(diffRow("plus", "", now++, line)); }
    else if (line.startsWith("-")) { file.minus++; file.rows.push(diffRow("minus", old++, "", line)); }
    else if (line.startsWith("\\")) file.rows.push(diffRow("hunk", "", "", line));
    else file.rows.push(diffRow("same", old++, now++, line));
  }
  const many = text.length > 60000;
  return made("div.diff", {}, files.map((file) => made("details", { open: !many },
    made("summary", {}, made("code", {}, file.name), made("span.won", {}, ` +${file.plus}`), made("span.lost", {}, ` −${file.minus}`)),
    made("table.code", {}, made("tbody", {}, file.rows)))));
}

function titleOf(line) {
  const named = /^diff --git a\/(.*) b\/\1$/.exec(line);
  return named ? named[1] : line;
}

function diffRow(kind, old, now, line) {
  const sign = kind === "hunk" ? "" : line.slice(0, 1);
  return made("tr." + kind, {}, made("td.number", {}, String(old)), made("td.number", {}, String(now)),
    made("td.sign", {}, sign), made("td.line", {}, kind === "hunk" ? line : line.slice(1)));
}

// Filters, the heat map with its history lines, and the performance chart. Tables of cells and failures are in the page already.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const make = (tag, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };
  const options = (select, values, chosen) => {
    select.replaceChildren(...values.map((value) => make("option", { value, textContent: value, selected: value === chosen })));
  };
  const colours = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"].map((name) => `var(${name})`);

  // --- light and dark: the reader's choice is kept for this visit only, a file has no place to store it
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // --- filters of cells and failures
  const pressed = (kind) =>
    new Set([...document.querySelectorAll(`.chip[data-filter="${kind}"][aria-pressed="true"]`)].map((chip) => chip.dataset.value));
  const filter = () => {
    const verdicts = pressed("verdict"), causes = pressed("cause"), wanted = $("find").value.trim().toLowerCase();
    const rows = [...document.querySelectorAll(".cells tbody tr")];
    for (const row of rows) row.hidden = !verdicts.has(row.dataset.verdict) || !row.textContent.toLowerCase().includes(wanted);
    const shown = rows.filter((row) => !row.hidden).length;
    $("shown").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} cells shown`;
    for (const panel of document.querySelectorAll(".failure")) panel.hidden = !causes.has(panel.dataset.cause);
  };
  for (const chip of document.querySelectorAll(".chip")) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") !== "true");
      filter();
    });
  }
  $("find").addEventListener("input", filter);
  for (const link of document.querySelectorAll("a[data-cause]")) {
    link.addEventListener("click", () => {
      for (const chip of document.querySelectorAll('.chip[data-filter="cause"]'))
        chip.setAttribute("aria-pressed", chip.dataset.value === link.dataset.cause);
      filter();
    });
  }
  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(button.previousElementSibling); // a page opened from disk may not write the clipboard
        button.textContent = "selected";
      }
      setTimeout(() => (button.textContent = "copy"), 1500);
    });
  }

  // --- the atlas
  const atlas = data.codegen;
  const change = new Map();
  for (const [entry, from, to, what, accepted] of atlas.changes) {
    const other = change.get(`${entry} ${to}`); // one part of what got worse may be accepted and another not
    change.set(`${entry} ${to}`, other ? { from, what: `${other.what}; ${what}`, accepted: other.accepted && accepted } : { from, what, accepted });
  }
  const changed = new Set(atlas.changes.map(([entry]) => entry));
  let selected = null;

  const rowsOfView = () => {
    const target = $("target").value, kernel = $("kernel").value, only = $("only-changed").checked;
    const rows = [];
    atlas.entries.forEach(([name, on, label], index) => {
      if (on === target && (kernel === "all kernels" || name === kernel) && (!only || changed.has(index)))
        rows.push({ index, name, label });
    });
    const natural = (a, b) => a.localeCompare(b, "en", { numeric: true });
    return rows.sort((a, b) => natural(a.name, b.name) || natural(a.label, b.label));
  };
  const valueAt = (metric, release, index) => atlas.values[metric]?.[release]?.[index] ?? null;

  const names = (what) => new Set(what.match(/\w+/g));
  // what to look at first: the metric that got worse in most configurations of the target, else one of spills
  const telling = (target, metrics) => {
    const count = (metric) => atlas.changes.filter(([entry, , , what]) => atlas.entries[entry][1] === target && names(what).has(metric)).length;
    const [most] = metrics.map((metric) => [count(metric), metric]).sort(([a], [b]) => b - a);
    return most?.[0] ? most[1] : metrics.find((name) => /spill/.test(name)) ?? metrics[0];
  };

  const metricsOf = (target) =>
    atlas.metrics.filter((metric) =>
      atlas.releases.some((release) =>
        atlas.entries.some(([, on], index) => on === target && valueAt(metric, release, index) !== null)));

  const heat = () => {
    const metric = $("metric").value, rows = rowsOfView();
    const inView = new Set(rows.map(({ index }) => index));
    if (!inView.has(selected)) selected = (atlas.changes.find(([entry, , , what]) => inView.has(entry) && names(what).has(metric)) ?? [null])[0]; // worst first
    const values = rows.flatMap(({ index }) => atlas.releases.map((release) => valueAt(metric, release, index))).filter((v) => v !== null);
    const low = values.length ? Math.min(...values) : 0, high = values.length ? Math.max(...values) : 0;
    const less = atlas.less_is_worse.includes(metric); // the darker, the worse
    const share = (value) => (high > low ? Math.sqrt((less ? high - value : value - low) / (high - low)).toFixed(3) : 0);
    $("scale-text").textContent = values.length ? `${metric}: ${less ? high : low} to ${less ? low : high}` : "nothing compiled in this view";
    const head = make("thead", {}, make("tr", {}, make("th", { scope: "col", textContent: "configuration" }),
      ...atlas.releases.map((release) => make("th", { scope: "col", textContent: release }))));
    const body = make("tbody");
    let above = null;
    for (const { index, name, label } of rows) {
      if (name !== above)
        body.append(make("tr", { className: "group" }, make("th", { scope: "rowgroup", colSpan: atlas.releases.length + 1 }, make("span", { textContent: name }))));
      above = name;
      const button = make("button", { type: "button", textContent: label, title: label });
      button.addEventListener("click", () => select(index));
      const line = make("tr", {}, make("th", { scope: "row" }, button));
      line.dataset.entry = index;
      line.setAttribute("aria-selected", index === selected);
      for (const release of atlas.releases) line.append(cellOf(metric, release, index, share));
      body.append(line);
    }
    $("heat").replaceChildren(head, body);
    history();
  };

  const cellOf = (metric, release, index, share) => {
    const letter = atlas.status[release]?.[index] ?? " ", value = valueAt(metric, release, index);
    const reason = atlas.reasons[release]?.[index] ?? "";
    if (letter === "E") return make("td", { className: "err", textContent: "error", title: reason });
    if (value === null) return make("td", { className: "na", textContent: letter === "n" ? "n/a" : "·", title: reason });
    const cell = make("td", { className: value === 0 ? "zero" : "" });
    cell.style.setProperty("--t", share(value));
    const found = change.get(`${index} ${release}`);
    if (found) {
      const here = names(found.what).has(metric) ? "" : " elsewhere"; // the mark is faint where another metric got worse
      cell.append(make("b", { className: `mark ${found.accepted ? "accepted" : "worse"}${here}`, textContent: found.accepted ? "△" : "▲" }));
      cell.title = `since ${found.from}: ${found.what}${found.accepted ? `; accepted: ${found.accepted}` : ""}`;
      cell.append(make("span", { className: "vh", textContent: cell.title }));
    }
    cell.append(Number.isInteger(value) ? String(value) : value.toFixed(2));
    return cell;
  };

  const select = (index) => {
    selected = selected === index ? null : index;
    for (const line of $("heat").querySelectorAll("tbody tr[data-entry]")) line.setAttribute("aria-selected", Number(line.dataset.entry) === selected);
    history();
  };

  const width = (node) => Math.max(300, Math.min(node.parentElement.clientWidth, 1160));
  const base = (node) => ({
    width: width(node), marginLeft: 48, marginRight: 16, marginTop: 24, marginBottom: 42,
    style: { color: "var(--ink)", fontSize: "12px", fontFamily: "inherit", background: "none" },
  });

  const history = () => {
    const metric = $("metric").value, rows = rowsOfView(), node = $("history").querySelector(".plot");
    const points = rows.flatMap(({ index, name, label }) =>
      atlas.releases.map((release) => ({ index, label: `${name} ${label}`, release, value: valueAt(metric, release, index) })).filter((p) => p.value !== null));
    const one = points.filter((point) => point.index === selected);
    const caption = one.length ? one[0].label : `${rows.length} configurations; choose one in the heat map to follow it`;
    $("history").querySelector("figcaption").textContent = `${metric} over releases: ${caption}`;
    if (!points.length) return node.replaceChildren();
    const narrow = width(node) < 560; // eleven versions do not fit side by side on a phone
    const worse = one.filter((point) => names(change.get(`${point.index} ${point.release}`)?.what ?? "").has(metric));
    node.replaceChildren(Plot.plot({
      ...base(node), height: 240, marginBottom: narrow ? 52 : 42,
      ariaLabel: `${metric} over Triton releases`,
      x: { type: "point", domain: atlas.releases, label: narrow ? null : "Triton", padding: 0.2, tickRotate: narrow ? -50 : 0 },
      y: { grid: true, label: null, nice: true, zero: true },
      marks: [
        Plot.line(points, { x: "release", y: "value", z: "index", stroke: "var(--muted)", strokeOpacity: one.length ? 0.18 : 0.45, strokeWidth: 1 }),
        Plot.line(one, { x: "release", y: "value", stroke: "var(--accent)", strokeWidth: 2 }),
        Plot.dot(one, { x: "release", y: "value", fill: "var(--accent)", r: 3 }),
        Plot.text(one, { x: "release", y: "value", text: "value", dy: -11, fill: "var(--ink)", stroke: "var(--bg)", strokeWidth: 4 }),
        Plot.dot(worse, { x: "release", y: "value", symbol: "triangle", fill: "var(--fail)", r: 6 }),
      ],
    }));
  };

  if (atlas.releases.length) {
    const targets = [...new Set(atlas.entries.map(([, target]) => target))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const kernels = [...new Set(atlas.entries.map(([kernel]) => kernel))].sort();
    const onTarget = (wanted) => {
      const metrics = metricsOf($("target").value);
      options($("metric"), metrics, metrics.includes(wanted) ? wanted : telling($("target").value, metrics));
    };
    options($("target"), targets, targets.includes("cuda:90") ? "cuda:90" : targets[0]);
    options($("kernel"), ["all kernels", ...kernels], "all kernels");
    onTarget();
    // what changed is what a reader came for; where nothing did, everything is shown
    const onlyChanged = () => {
      const some = atlas.entries.some(([, on], index) => on === $("target").value && changed.has(index));
      $("only-changed").checked = some;
      $("only-changed").disabled = !some;
    };
    onlyChanged();
    $("target").addEventListener("change", () => { onTarget($("metric").value); onlyChanged(); selected = null; heat(); });
    for (const id of ["metric", "kernel", "only-changed"]) $(id).addEventListener("change", heat);
    for (const jump of document.querySelectorAll(".jump")) {
      jump.addEventListener("click", () => {
        const entry = Number(jump.dataset.entry);
        $("target").value = atlas.entries[entry][1];
        $("kernel").value = atlas.entries[entry][0];
        onTarget(jump.dataset.metric || $("metric").value);
        onlyChanged();
        selected = entry;
        heat();
        $("heat").querySelector(`tr[data-entry="${entry}"]`)?.scrollIntoView({ block: "nearest" });
        $("atlas").scrollIntoView();
      });
    }
    heat();
  }

  // --- device performance
  const benches = data.benches;
  const distinct = (key) => [...new Set(benches.map((row) => row[key]).filter((value) => value !== undefined))];
  const share = () => {
    const run = $("bench-cell").value, node = $("share").querySelector(".plot");
    const rows = benches.filter((row) => row.direction === $("direction").value && row.dtype === $("dtype").value
      && row.kind !== "small" && (run === "all cells" ? row.implementation === "ours" : row.run === run))
      .map((row) => ({ ...row, series: run === "all cells" ? row.run : row.implementation }))
      .sort((a, b) => a.n_cols - b.n_cols);
    const series = [...new Set(rows.map((row) => row.series))].sort((a, b) => (b === "ours") - (a === "ours"));
    const sizes = [...new Set(rows.map((row) => row.n_cols))];
    const shares = rows.map((row) => row.share_of_copy);
    const lowest = Math.max(0, Math.floor(Math.min(...shares) * 10 - 1) / 10); // lines, not bars: they need no zero
    node.replaceChildren(rows.length ? Plot.plot({
      ...base(node), height: 340,
      ariaLabel: "Share of the copy bandwidth over N",
      x: { type: "log", base: 2, label: "N, columns", ticks: sizes.filter((n) => Number.isInteger(Math.log2(n))), tickFormat: (n) => (n >= 1024 ? `${n / 1024}k` : n) },
      y: { grid: true, label: "share of copy", domain: [lowest, Math.max(1.05, ...shares)] },
      color: { domain: series, range: colours, legend: true },
      marks: [
        Plot.ruleY([1], { stroke: "var(--muted)", strokeDasharray: "3,4" }),
        Plot.line(rows, { x: "n_cols", y: "share_of_copy", stroke: "series", strokeWidth: (row) => (row.implementation === "ours" ? 2.4 : 1.5) }),
        Plot.dot(rows, { x: "n_cols", y: "share_of_copy", fill: "series", r: 2.6 }),
        Plot.tip(rows, Plot.pointer({ x: "n_cols", y: "share_of_copy", fill: "var(--panel)", title: (row) => `${row.series}\nN ${row.n_cols}\nshare ${row.share_of_copy.toFixed(3)}` })),
      ],
    }) : make("p", { className: "note", textContent: "Nothing was timed for this choice." }));
    const table = $("share-table").querySelector("table");
    table.replaceChildren(
      make("thead", {}, make("tr", {}, make("th", { scope: "col", textContent: "N" }), ...series.map((name) => make("th", { scope: "col", textContent: name })))),
      make("tbody", {}, ...sizes.map((size) => make("tr", {}, make("th", { scope: "row", textContent: size }),
        ...series.map((name) => make("td", { textContent: rows.find((row) => row.n_cols === size && row.series === name)?.share_of_copy.toFixed(3) ?? "" }))))));
  };
  if (benches.length) {
    options($("direction"), distinct("direction"), "forward");
    options($("dtype"), distinct("dtype"), "bf16");
    const runs = distinct("run");
    options($("bench-cell"), runs.length > 1 ? ["all cells", ...runs] : runs, runs.length > 1 ? "all cells" : runs[0]);
    for (const id of ["direction", "dtype", "bench-cell"]) $(id).addEventListener("change", share);
    share();
  } else {
    $("no-bench").hidden = false;
    for (const id of ["bench-filters", "share", "share-table"]) $(id).hidden = true;
  }
  let drawn = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === drawn) return; // on phones the height alone changes while scrolling
    drawn = innerWidth;
    if (atlas.releases.length) history();
    if (benches.length) share();
  });
})();

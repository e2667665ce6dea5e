/* What moves on the pages: spectra, tables, the ranking, the cohort, downloads. All text is set as text, never as HTML. */
"use strict";
(() => {
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const make = (tag, attributes = {}, ...children) => {
    const svg = ["svg", "g", "line", "rect", "circle", "text", "title", "path"].includes(tag) || (tag === "a" && attributes.svg);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "svg") continue;
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value === true) node.setAttribute(key, "");
      else if (value !== false && value !== undefined && value !== null) node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : String(child))));
    return node;
  };
  const verdict = (data) => (sequence) => (data.verdicts && data.verdicts[sequence] ? ` (${data.verdicts[sequence]})` : "");
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const digits = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "");

  // light or dark: the system's choice, unless the reader made one
  const redraw = [];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = (name) => { root.dataset.theme = name; redraw.forEach((draw) => draw()); };
  dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
  const toggle = $("#theme");
  if (toggle) toggle.addEventListener("click", () => theme(root.dataset.theme === "dark" ? "light" : "dark"));
  addEventListener("beforeprint", () => { root.dataset.before = root.dataset.theme; document.querySelectorAll("details:not(.screen)").forEach((one) => { one.open = true; }); theme("light"); });
  addEventListener("afterprint", () => theme(root.dataset.before || "light"));

  // the data of the page: gzip of a header in JSON (its length first) and of all curves as 16-bit numbers
  async function load() {
    const node = $("#data");
    if (!node) return null;
    const bytes = Uint8Array.from(atob(node.textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const whole = await new Response(stream).arrayBuffer();
    const length = new DataView(whole).getUint32(0, true);
    const content = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, length)));
    const pool = new Int16Array(whole.slice(4 + length));
    content.curve = ([start, count, scale, origin]) => Float64Array.from(pool.subarray(start, start + count), (v) => origin + v * scale);
    return content;
  }

  // tables: every head sorts, a field filters
  const key = (cell) => {
    const text = cell.dataset.value ?? cell.textContent.trim();
    const value = parseFloat(text);
    return text === "" ? null : /^[-+]?[\d.]/.test(text) && !Number.isNaN(value) ? value : text.toLowerCase();
  };
  const compare = (a, b) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : typeof a === typeof b ? (a < b ? -1 : 1) : typeof a === "number" ? -1 : 1);
  function sortable(table) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, column) => {
      const words = head.textContent;
      head.textContent = "";
      head.scope = "col";
      head.append(make("button", { type: "button", title: "sort", onclick: () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].map((row) => [key(row.cells[column]), row]);
        const known = rows.filter(([k]) => k !== null).sort(([a], [b]) => (down ? -1 : 1) * compare(a, b));
        body.append(...[...known, ...rows.filter(([k]) => k === null)].map(([, row]) => row));
      } }, words));
    });
    if (body.rows.length > 5) {
      const field = make("input", { type: "search", placeholder: "filter rows", "aria-label": `filter the rows of: ${table.caption ? table.caption.textContent : "table"}` });
      const count = make("span", { class: "soft", role: "status" });
      field.addEventListener("input", () => {
        const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
        let shown = 0;
        for (const row of body.rows) shown += !(row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word)));
        count.textContent = words.length ? `${shown} of ${body.rows.length} rows` : "";
      });
      table.closest(".wide").before(make("div", { class: "bar" }, field, count));
    }
  }

  // tidy tables: shown page by page, and downloaded
  const parse = (text) => text.trimEnd().split("\n").map((line) => line.split("\t"));
  const save = (name, text) => {
    const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" })), download: name });
    document.body.append(link);
    link.click();
    link.remove();
  };
  function browse(place, text) {
    const [heads, ...all] = parse(text);
    let order = null, turned = 1, page = 0;
    const size = 50, body = make("tbody"), table = make("table", {}, make("caption", {}, "Every estimate of every fit"));
    const filters = ["engine", "sequence", "metabolite", "quantity"].filter((name) => new Set(all.map((row) => row[heads.indexOf(name)])).size > 1).map((name) => {
      const column = heads.indexOf(name), select = make("select", { "aria-label": name });
      select.append(make("option", { value: "" }, `every ${name}`), ...[...new Set(all.map((row) => row[column]))].map((value) => make("option", {}, value)));
      select.addEventListener("change", () => { page = 0; show(); });
      return [column, select];
    });
    const search = make("input", { type: "search", placeholder: "filter rows", "aria-label": "filter rows", oninput: () => { page = 0; show(); } });
    const where = make("span", { class: "soft", role: "status" });
    const step = (by) => make("button", { type: "button", onclick: () => { page += by; show(); } }, by < 0 ? "← earlier" : "more →");
    const back = step(-1), on = step(1);
    const cells = heads.map((name, column) => make("th", { scope: "col" }, make("button", { type: "button", onclick: () => {
      turned = order === column ? -turned : 1;
      order = column;
      cells.forEach((cell) => cell.removeAttribute("aria-sort"));
      cells[column].setAttribute("aria-sort", turned > 0 ? "ascending" : "descending");
      show();
    } }, name)));
    table.append(make("thead", {}, make("tr", {}, ...cells)), body);
    const flag = heads.indexOf("flag"), verdict = heads.indexOf("verdict"), value = (text) => (text === "" ? null : Number.isNaN(Number(text)) ? text.toLowerCase() : Number(text));
    function show() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let rows = all.filter((row) => filters.every(([column, select]) => !select.value || row[column] === select.value) && words.every((word) => row.join(" ").toLowerCase().includes(word)));
      if (order !== null) rows = [...rows].sort((a, b) => { const [x, y] = [value(a[order]), value(b[order])]; return x === null || y === null ? compare(x, y) : turned * compare(x, y); });
      page = Math.max(0, Math.min(page, Math.ceil(rows.length / size) - 1));
      body.replaceChildren(...rows.slice(page * size, (page + 1) * size).map((row) => make("tr", { class: row[verdict] === "reject" ? "rejected" : "" }, ...row.map((text, column) => make("td", { class: row[flag] && column === heads.indexOf("value") ? "flagged" : "" }, text)))));
      where.textContent = rows.length ? `rows ${page * size + 1}-${Math.min(rows.length, (page + 1) * size)} of ${rows.length}` : "no row";
      back.disabled = page === 0;
      on.disabled = (page + 1) * size >= rows.length;
    }
    place.append(make("div", { class: "bar" }, ...filters.map(([, select]) => select), search, back, on, where), make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "every estimate" }, table));
    show();
  }

  // curves over a common axis, zoomed and moved by pointer, buttons and keys
  function plot(place, axis, series, options) {
    const box = make("div", { class: "plot", tabindex: 0, role: "group", "aria-label": `${options.label}. Arrows read values, with shift they move; plus and minus zoom; 0 shows all.` });
    const readout = make("div", { class: "readout", "aria-live": "polite" });
    const low = axis[0], high = axis[axis.length - 1];
    let chart = null, shown = [low, high];
    const range = (a, b) => { const width = Math.min(b - a, high - low), start = Math.max(low, Math.min(a, high - width)); shown = [start, start + width]; chart.setScale("x", { min: shown[0], max: shown[1] }); };
    const zoom = (factor, at = (shown[0] + shown[1]) / 2) => range(at - (at - shown[0]) * factor, at + (shown[1] - at) * factor);
    const move = (share) => range(shown[0] + share * (shown[1] - shown[0]), shown[1] + share * (shown[1] - shown[0]));
    const sign = options.reversed ? -1 : 1;
    const read = (u) => {
      const k = u.cursor.idx;
      if (k === null || k === undefined) return;
      const values = series.filter((one) => one.show && Number.isFinite(one.values[k])).slice(0, 8).map((one) => `${one.name} ${digits(one.values[k])}`);
      readout.textContent = `${axis[k].toFixed(options.decimals)} ${options.unit}: ${values.join(", ")}`;
    };
    function draw() {
      if (chart) chart.destroy();
      const soft = css("--soft"), grid = { stroke: css("--grid"), width: 1 };
      const height = Math.max(260, Math.min(options.height || 440, innerHeight * 0.62));
      chart = new uPlot({
        width: Math.max(240, box.clientWidth), height, ms: 1, legend: { show: false },
        scales: { x: { time: false, dir: sign, min: shown[0], max: shown[1] }, y: options.range ? { range: options.range } : {} },
        cursor: { drag: { x: true, y: false, setScale: false }, y: false, points: { size: 6 } },
        axes: [{ stroke: soft, grid, ticks: grid, label: options.xlabel, labelSize: 24, size: 34 }, { show: !!options.ylabel, stroke: soft, grid, ticks: grid, label: options.ylabel, labelSize: 20 }],
        series: [{}, ...series.map((one) => ({ label: one.name, show: one.show, stroke: one.colour || css("--ink"), width: one.width || 1.3, dash: one.dash, points: one.points ? { show: true, size: 6, filter: one.points === true ? undefined : () => one.points } : { show: false }, spanGaps: false }))],
        hooks: { setCursor: [read], setSelect: [(u) => {
          if (u.select.width < 4) return;
          const ends = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
          u.setSelect({ width: 0, height: 0 }, false);
          range(Math.min(...ends), Math.max(...ends));
        }] },
      }, [axis, ...series.map((one) => one.drawn || one.values)], box);
      chart.over.addEventListener("dblclick", () => range(low, high));
      chart.over.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        zoom(event.deltaY > 0 ? 1.25 : 0.8, chart.posToVal(event.offsetX, "x"));
      }, { passive: false });
      let grabbed = null;
      chart.over.addEventListener("pointerdown", (event) => { if (event.shiftKey || event.pointerType === "touch") { grabbed = [event.clientX, ...shown]; event.stopImmediatePropagation(); } }, true);
      chart.over.addEventListener("mousedown", (event) => { if (event.shiftKey) event.stopImmediatePropagation(); }, true);
      chart.over.addEventListener("pointermove", (event) => { if (grabbed) { const by = -sign * ((event.clientX - grabbed[0]) / chart.over.clientWidth) * (grabbed[2] - grabbed[1]); range(grabbed[1] + by, grabbed[2] + by); } });
      for (const end of ["pointerup", "pointerleave", "pointercancel"]) chart.over.addEventListener(end, () => { grabbed = null; });
      chart.over.style.touchAction = "pan-y";
    }
    box.addEventListener("keydown", (event) => {
      const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (side && event.shiftKey) move(0.2 * side * sign);
      else if (side) {
        const [a, b] = shown, known = chart.cursor.idx ?? Math.floor(axis.length / 2);
        const next = Math.max(0, Math.min(axis.length - 1, known + side * sign));
        if (axis[next] < a || axis[next] > b) move(0.2 * side * sign);
        chart.setCursor({ left: chart.valToPos(axis[next], "x"), top: 10 });
      } else if (event.key === "+" || event.key === "=") zoom(0.7);
      else if (event.key === "-") zoom(1 / 0.7);
      else if (event.key === "0") range(low, high);
      else return;
      event.preventDefault();
    });
    const button = (words, title, action) => make("button", { type: "button", title, "aria-label": title, onclick: action }, words);
    const bar = make("div", { class: "bar" }, button("+", "zoom in", () => zoom(0.6)), button("−", "zoom out", () => zoom(1 / 0.6)), button("←", "move left", () => move(-0.25 * sign)), button("→", "move right", () => move(0.25 * sign)), button("all", "show all", () => range(low, high)), make("span", { class: "soft" }, "drag to zoom, shift and drag to move, double click to see all"));
    place.append(box, readout, bar);
    draw();
    redraw.push(() => box.isConnected && draw());
    new ResizeObserver(() => chart && box.clientWidth && Math.abs(chart.width - box.clientWidth) > 2 && chart.setSize({ width: box.clientWidth, height: chart.height })).observe(box);
    return { toggle: (name, on) => series.forEach((one, k) => { if (one.key === name || one.group === name) { one.show = on; chart.setSeries(k + 1, { show: on }); } }), refresh: () => series.forEach((one, k) => chart.setSeries(k + 1, { show: one.show })), series };
  }

  const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8c6bb1", "#7f7f7f"];
  // one fit: data, fit, baseline, residual, and each metabolite, of each of its spectra
  function fitPlot(place, one, data) {
    const axis = data.curve(one.ppm), series = [], kinds = { data: true, fit: true, residual: true, baseline: true };
    const step = axis.length > 2 ? (axis[axis.length - 1] - axis[0]) / (axis.length - 1) : 1;
    const holes = [...axis.keys()].filter((k) => k && axis[k] - axis[k - 1] > 3 * Math.abs(step));
    const put = (name, values, offset, look) => {
      const drawn = Array.from(values, (v) => v + offset);
      holes.forEach((k) => { drawn[k] = null; });
      series.push({ name: one.spectra.length > 1 ? `${look.spectrum.toUpperCase()} ${name}` : name, values, drawn, show: look.kind in kinds ? kinds[look.kind] : false, ...look });
    };
    let floor = 0;
    one.spectra.forEach((spectrum) => {
      const [measured, fit, baseline] = ["data", "fit", "baseline"].map((name) => data.curve(spectrum[name]));
      const top = Math.max(...measured, ...fit), bottom = Math.min(...measured, ...fit, 0), height = top - bottom;
      const offset = floor - top - 0.32 * height;
      floor = offset + bottom - 0.12 * height;
      const of = { spectrum: spectrum.label };
      put("data", measured, offset, { ...of, kind: "data", colour: "#8a949e", width: 2 });
      put("fit", fit, offset, { ...of, kind: "fit", colour: "#D55E00" });
      put("baseline", baseline, offset, { ...of, kind: "baseline", colour: "#009E73", dash: [6, 4] });
      put("residual", measured.map((v, k) => v - fit[k]), offset + top + 0.18 * height, { ...of, kind: "residual", width: 1 });
      (spectrum.components || []).forEach((curve, k) => put(one.names[k], data.curve(curve), offset, { ...of, kind: `of ${one.names[k]}`, colour: COLOURS[k % COLOURS.length], width: 1.6 }));
    });
    const drawing = plot(place, axis, series, { label: `Fit of ${one.title}`, xlabel: "chemical shift (ppm)", unit: "ppm", decimals: 3, reversed: true, height: 300 + 160 * one.spectra.length });
    const spectra = new Set(one.spectra.map((spectrum) => spectrum.label)), wanted = { ...kinds };
    const update = () => { series.forEach((s) => { s.show = spectra.has(s.spectrum) && !!wanted[s.kind]; }); drawing.refresh(); };
    const box = (words, on, change, colour) => make("label", {}, make("input", { type: "checkbox", checked: on, onchange: (event) => { change(event.target.checked); update(); } }), colour ? make("span", { class: "swatch", style: `background:${colour}` }) : null, words);
    const bar = make("div", { class: "bar" }, make("fieldset", {}, make("legend", {}, "show"), ...Object.keys(kinds).map((kind) => box(kind, true, (on) => { wanted[kind] = on; }, (series.find((s) => s.kind === kind) || {}).colour))));
    if (one.spectra.length > 1) bar.append(make("fieldset", {}, make("legend", {}, "spectra"), ...one.spectra.map((spectrum) => box(spectrum.label.toUpperCase(), true, (on) => { on ? spectra.add(spectrum.label) : spectra.delete(spectrum.label); }))));
    if (one.spectra[0].components) {
      const pieces = make("fieldset", { class: "pieces" }, make("legend", {}, "metabolites"));
      const boxes = one.names.map((name, k) => box(name, false, (on) => { wanted[`of ${name}`] = on; }, COLOURS[k % COLOURS.length]));
      const every = (on) => () => boxes.forEach((label) => { const field = $("input", label); if (field.checked !== on) { field.checked = on; field.dispatchEvent(new Event("change")); } });
      pieces.append(...boxes, make("button", { type: "button", onclick: every(true) }, "all"), make("button", { type: "button", onclick: every(false) }, "none"));
      bar.append(pieces);
    }
    place.prepend(bar);
  }

  function chooser(place, fits, data) {
    const pick = make("select", { "aria-label": "scan and analysis" }, ...fits.map((one, k) => make("option", { value: k }, one.title + (one.rejected ? " (rejected)" : ""))));
    const here = make("div"), link = make("a", {}, "the scan's own page");
    const mark = make("span", { class: "bad", role: "status" });
    const show = () => { const one = fits[pick.value]; here.replaceChildren(); link.hidden = !one.page; if (one.page) link.href = one.page; mark.textContent = one.rejected ? "rejected scan" : ""; fitPlot(here, one, data); };
    const step = (by) => make("button", { type: "button", "aria-label": by < 0 ? "previous" : "next", onclick: () => { pick.selectedIndex = (pick.selectedIndex + by + fits.length) % fits.length; show(); } }, by < 0 ? "‹" : "›");
    pick.addEventListener("change", show);
    place.append(make("div", { class: "bar" }, step(-1), pick, step(1), mark, link), here);
    show();
  }

  function radios(name, values, words, change) {
    return make("fieldset", {}, make("legend", {}, name), ...values.map((value, k) => make("label", {}, make("input", { type: "radio", name, checked: k === 0, onchange: () => change(value) }), ` ${words ? words(value) : value}`)));
  }
  // which sequence is best: by the errors of fits under the models that are ticked, or by bounds under one assumption
  function ranking(place, data) {
    const said = verdict(data), rows = data.separation, errors = data.errors || [];
    const label = (name) => data.labels[name] || name;
    const distinct = (from, name) => [...new Set(from.map((row) => row[name]))];
    const axes = { baseline: "baseline", macromolecules: "macromolecules", t2_scale: "T₂ of the library ×" };
    const measures = [...data.measures].reverse(), chosen = { metabolite: measures[0] }, models = distinct(errors, "condition"), ticked = new Set(models);
    let byErrors = errors.length > 0;
    const here = make("div", { class: "chart" }), sentence = make("p", { role: "status" });
    const ofBounds = make("div", { class: "bar" }), ofErrors = make("fieldset", {}, make("legend", {}, "true of the data, unknown to the fit"));
    const bar = make("div", { class: "bar" });
    if (errors.length) bar.append(radios("ranked by", ["error of fits", "Cramér-Rao bound"], null, (value) => { byErrors = value === "error of fits"; draw(); }));
    bar.append(radios("of", measures, null, (value) => { chosen.metabolite = value; draw(); }));
    for (const [name, words] of Object.entries(axes)) {
      const values = distinct(rows, name);
      if (name === "t2_scale") values.sort((a, b) => Math.abs(a - 1) - Math.abs(b - 1));
      chosen[name] = values[0];
      if (values.length > 1) ofBounds.append(radios(words, values, null, (value) => { chosen[name] = value; draw(); }));
    }
    const boxes = models.map((name) => make("label", {}, make("input", { type: "checkbox", checked: true, onchange: (event) => { event.target.checked ? ticked.add(name) : ticked.delete(name); draw(); } }), ` ${name}`));
    const every = (on) => () => { boxes.forEach((one) => { $("input", one).checked = on; }); models.forEach((name) => (on ? ticked.add(name) : ticked.delete(name))); draw(); };
    ofErrors.append(...boxes, make("button", { type: "button", onclick: every(true) }, "all"), make("button", { type: "button", onclick: every(false) }, "none"));
    function pooled() {
      const found = new Map();
      for (const row of errors) {
        if (row.metabolite !== chosen.metabolite || !ticked.has(row.condition)) continue;
        const sum = found.get(row.sequence) || [0, 0];
        found.set(row.sequence, [sum[0] + row.repeats * row.rmse ** 2, sum[1] + row.repeats]);
      }
      const ends = ticked.size === models.length ? new Map(data.intervals.filter((row) => row.metabolite === chosen.metabolite).map((row) => [row.sequence, row])) : new Map();
      return [...found].map(([sequence, [squares, count]]) => ({ sequence, value: Math.sqrt(squares / count), ...(({ low, high } = {}) => ({ low, high }))(ends.get(sequence)) }));
    }
    function draw() {
      ofBounds.hidden = byErrors;
      ofErrors.hidden = !byErrors;
      const found = (byErrors ? pooled() : rows.filter((row) => Object.entries(chosen).every(([name, value]) => row[name] === value))).sort((a, b) => a.value - b.value);
      const whole = Math.max(300, here.clientWidth || 850), narrow = whole < 560, step = narrow ? 40 : 26, height = step * found.length + 34;
      const texts = found.map((row) => `${digits(row.value)} %${said(row.sequence)}`);
      const left = narrow ? 0 : Math.min(0.35 * whole, 14 + 6.8 * Math.max(0, ...found.map((row) => label(row.sequence).length))), right = narrow ? 8 : Math.min(0.45 * whole, 12 + 6.6 * Math.max(0, ...texts.map((text) => text.length)));
      const largest = Math.max(...found.map((row) => row.high || row.value), 1e-9), x = (value) => left + ((whole - left - right) * value) / largest;
      const svg = make("svg", { viewBox: `0 0 ${whole} ${height}`, role: "img", "aria-label": found.map((row, k) => `${label(row.sequence)} ${texts[k]}`).join(", ") });
      found.forEach((row, k) => {
        const colour = data.colours[row.sequence] || "#7f7f7f", y = step * k + (narrow ? 18 : 4), thick = narrow ? 16 : 19;
        if (narrow) svg.append(make("text", { x: 0, y: y - 4 }, `${label(row.sequence)}: ${texts[k]}`));
        else svg.append(make("text", { x: left - 8, y: y + 14, "text-anchor": "end" }, label(row.sequence)), make("text", { x: x(row.high || row.value) + 6, y: y + 14 }, texts[k]));
        svg.append(make("rect", { x: left, y, width: x(row.value) - left, height: thick, fill: colour, rx: 2 }));
        if (row.high) for (const kind of ["halo", "whisker"]) svg.append(make("path", { class: kind, d: `M${x(row.low)} ${y + thick / 2}H${x(row.high)}M${x(row.low)} ${y + 5}v${thick - 10}M${x(row.high)} ${y + 5}v${thick - 10}` }));
      });
      const words = byErrors ? `root mean square error of ${chosen.metabolite} in fits (%), bias included${ticked.size === models.length ? "; whiskers: 95 % interval" : ""}` : `Cramér-Rao bound of ${chosen.metabolite} (%)`;
      svg.append(make("text", { x: left, y: height - 6, class: "dim" }, narrow ? "Shorter is better." : `${words}. Shorter is better.`));
      here.replaceChildren(svg);
      const what = byErrors ? "error" : "bound", under = byErrors ? (ticked.size === models.length ? `over all ${models.length} models` : `over the ${ticked.size} of ${models.length} models that are ticked`) : "under these assumptions";
      sentence.textContent = found.length ? `${label(found[0].sequence)} has the smallest ${what} of ${chosen.metabolite}, ${digits(found[0].value)} %, ${under}${said(found[0].sequence)}.` : byErrors ? "Tick a model." : "No bound under these assumptions.";
    }
    place.append(bar, ...(errors.length ? [make("div", { class: "bar" }, ofErrors)] : []), ofBounds, sentence, here);
    draw();
    redraw.push(draw);
    let width = place.clientWidth;
    new ResizeObserver(() => { if (place.clientWidth !== width) { width = place.clientWidth; draw(); } }).observe(place);
  }

  // every scan a point, which leads to its page
  function cohort(place, rows, data) {
    const distinct = (name) => [...new Set(rows.map((row) => row[name]))];
    const options = (values, words = (v) => v) => values.map((value) => make("option", { value }, words(value)));
    const what = make("select", { "aria-label": "metabolite" }, ...options(distinct("metabolite"))), how = make("select", { "aria-label": "quantity" }, ...options(distinct("quantity")));
    const here = make("div", { class: "chart" });
    const first = data.pair.find((name) => distinct("metabolite").includes(name));
    if (first) what.value = first;
    function draw() {
      const part = rows.filter((row) => row.metabolite === what.value && row.quantity === how.value && Number.isFinite(row.value));
      const groups = [...new Set(part.map((row) => `${row.sequence}\t${row.engine}`))];
      const wide = Math.max(340, here.clientWidth || 820), tall = 320, left = 56, bottom = (wide - 56) / Math.max(groups.length, 1) < 130 ? 100 : 46, top = 14;
      // what is rejected or flagged does not set the scale; beyond its end it stands at the top, as a triangle
      const good = part.filter((row) => row.reliable && !row.rejected);
      const largest = Math.max(...(good.length ? good : part).map((row) => row.value + (Number.isFinite(row.sd) ? Math.min(row.sd, row.value) : 0)), 1e-9), high = largest * 1.06;
      const beyond = part.some((row) => row.value > high);
      const power = 10 ** Math.floor(Math.log10(largest / 4)), tick = power * [1, 2, 2.5, 5, 10].find((step) => step * power >= largest / 4);
      const y = (v) => top + (tall - top - bottom) * (1 - v / high), column = (wide - left) / Math.max(groups.length, 1);
      const svg = make("svg", { viewBox: `0 0 ${wide} ${tall}`, role: "group", "aria-label": `${what.value}, ${how.value} of every scan; points are links to the scans` });
      for (let k = 0; k * tick <= high; k++) { const v = k * tick; svg.append(make("line", { class: "gridline", x1: left, x2: wide, y1: y(v), y2: y(v) }), make("text", { class: "dim", x: left - 6, y: y(v) + 4, "text-anchor": "end" }, digits(v))); }
      groups.forEach((group, g) => {
        const [sequence, engine] = group.split("\t"), mine = part.filter((row) => row.sequence === sequence && row.engine === engine), colour = data.colours[sequence] || "#7f7f7f";
        const label = (data.labels[sequence] || sequence) + (distinct("engine").length > 1 ? `, ${engine}` : "");
        const x0 = left + column * (g + 0.5), narrow = column < 8 * label.length;
        svg.append(make("text", narrow ? { x: x0, y: tall - bottom + 14, "text-anchor": "end", transform: `rotate(-35 ${x0} ${tall - bottom + 14})` } : { x: x0, y: tall - bottom + 20, "text-anchor": "middle" }, label));
        mine.forEach((row, k) => {
          const x = left + column * (g + 0.5 + 0.7 * ((k + 0.5) / mine.length - 0.5)), open = row.rejected || !row.reliable;
          const words = `${row.scan}: ${digits(row.value)}${Number.isFinite(row.sd) ? ` ± ${digits(row.sd)}` : ""} ${row.unit}${row.flag ? `, ${row.flag}` : ""}${row.rejected ? ", rejected scan" : ""}`;
          if (Number.isFinite(row.sd) && row.value <= high) svg.append(make("line", { x1: x, x2: x, y1: y(Math.max(0, row.value - row.sd)), y2: Math.max(top, y(row.value + row.sd)), stroke: colour, "stroke-opacity": 0.6 }));
          const link = make("a", { svg: true, href: row.page, "aria-label": words }, row.value <= high ? make("circle", { cx: x, cy: y(row.value), r: 5, fill: open ? css("--paper") : colour, stroke: colour, "stroke-width": 1.6 }) : make("path", { d: `M${x} ${top - 8}l6 10h-12z`, fill: css("--paper"), stroke: colour, "stroke-width": 1.6 }), make("title", {}, words));
          svg.append(link);
        });
      });
      svg.append(make("text", { class: "dim", x: left, y: tall - 4 }, `${what.value} (${part.length ? part[0].unit : ""}), bars: ± SD. Open points are flagged or of rejected scans${beyond ? "; triangles lie above the scale" : ""}.`));
      here.replaceChildren(svg);
    }
    for (const field of [what, how]) field.addEventListener("change", draw);
    place.append(make("div", { class: "bar" }, what, how), here);
    draw();
    redraw.push(draw);
    let width = place.clientWidth;
    new ResizeObserver(() => { if (place.clientWidth !== width) { width = place.clientWidth; draw(); } }).observe(place);
  }

  function drift(place, data) {
    const longest = Math.max(...data.drift.map((one) => one.shift.length)), axis = Float64Array.from({ length: longest }, (_, k) => k + 1);
    for (const [name, unit] of [["shift", "Hz"], ["phase", "°"]]) {
      const here = make("div");
      const part = make("div", {}, make("h3", {}, name === "shift" ? "Frequency of each average" : "Phase of each average"), here);
      place.append(part);
      plot(here, axis, data.drift.map((one, k) => ({ name: one.label || name, key: one.label, show: true, values: one[name], colour: COLOURS[k], points: true })), { label: `${name} of each average`, xlabel: "average", ylabel: `${name} (${unit})`, unit: "", decimals: 0, height: 260 });
      const out = data.drift.flatMap((one) => one.rejected.flatMap((left, k) => (left ? [`${one.label} ${k + 1}`.trim()] : [])));
      if (name === "phase" && out.length) part.append(make("p", { class: "bad" }, `Averages that were left out: ${out.join(", ")}.`));
    }
  }
  function before(place, data) {
    const one = data.clean, axis = data.curve(one.ppm), series = [];
    let floor = 0;
    one.traces.forEach((trace, k) => {
      const after = data.curve(trace.after), raw = trace.before ? data.curve(trace.before) : null, top = Math.max(...after), bottom = Math.min(...after), offset = floor - top;
      floor = offset + bottom - 0.12 * (top - bottom);
      const label = trace.label ? `${trace.label} ` : "";
      if (raw) series.push({ name: `${label}as measured`, key: "before", show: true, values: raw, drawn: raw.map((v) => Math.max(bottom, Math.min(top, v)) + offset), colour: "#8a949e" });
      series.push({ name: `${label}after`, key: "after", show: true, values: after, drawn: after.map((v) => v + offset), colour: COLOURS[k] });
    });
    const drawing = plot(place, axis, series, { label: "Spectrum before and after preprocessing", xlabel: "chemical shift (ppm)", unit: "ppm", decimals: 3, reversed: true });
    place.prepend(make("div", { class: "bar" }, make("fieldset", {}, make("legend", {}, "show"), ...[["before", "as measured (clipped)"], ["after", "after preprocessing"]].map(([key, words]) => make("label", {}, make("input", { type: "checkbox", checked: true, onchange: (event) => drawing.toggle(key, event.target.checked) }), ` ${words}`)))));
  }

  const fitsOf = (data) => {
    const [heads, ...lines] = parse(data.tables.fits), at = Object.fromEntries(heads.map((name, k) => [name, k]));
    const number = (text) => (text === "" || text === undefined ? NaN : Number(text));
    return lines.filter((row) => row[at.quantity] === "ratio" || row[at.quantity] === "concentration").map((row) => {
      const folder = `sub-${row[at.subject]}${row[at.session] ? `/ses-${row[at.session]}` : ""}`, scan = `${folder.replace("/", "_")}_acq-${data.measured[row[at.sequence]]}`;
      return { engine: row[at.engine], sequence: row[at.sequence], metabolite: row[at.metabolite], quantity: row[at.quantity], value: number(row[at.value]), sd: number(row[at.sd]), unit: row[at.unit], flag: row[at.flag], reliable: row[at.reliable] === "yes", rejected: row[at.verdict] === "reject", scan, page: `figures/${folder}/${scan}.html` };
    });
  };

  document.addEventListener("DOMContentLoaded", async () => {
    document.querySelectorAll("table.sortable").forEach(sortable);
    let data = null;
    try { data = await load(); } catch (error) {
      document.querySelectorAll("[data-view]").forEach((place) => place.append(make("p", { class: "soft" }, "This browser cannot unpack the data of the page; the tables above and the files beside the report hold the same numbers.")));
      return;
    }
    if (!data) return;
    const views = { fits: (place) => chooser(place, data.fits, data), ranking: (place) => ranking(place, data), cohort: (place) => cohort(place, fitsOf(data), data), estimates: (place) => browse(place, data.tables.fits), drift: (place) => drift(place, data), clean: (place) => before(place, data) };
    document.querySelectorAll("[data-view]").forEach((place) => views[place.dataset.view](place));
    document.querySelectorAll("[data-table]").forEach((button) => button.addEventListener("click", () => save(`${button.dataset.table}.tsv`, data.tables[button.dataset.table])));
    root.dataset.ready = "yes";
  });
})();

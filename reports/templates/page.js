// Filters, the panel of a cell, languages, and what lies compressed in the page. Answer, causes and matrix are readable without.
(async () => {
  "use strict";
  const root = document.documentElement, by = id => document.getElementById(id);
  // Base 85, five digits for four bytes, and deflated
  const worth = new Uint8Array(128);
  [..."0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%:()*+-;,=.?@^_/{|}~"].forEach((one, at) => { worth[one.charCodeAt(0)] = at; });
  const decoded = text => {
    const bytes = new Uint8Array(Math.ceil(text.length / 5) * 4), view = new DataView(bytes.buffer);
    for (let at = 0, to = 0; at < text.length; at += 5, to += 4) {
      let value = 0;
      for (let one = at; one < at + 5; one += 1) value = value * 85 + (one < text.length ? worth[text.charCodeAt(one)] : 84);
      view.setUint32(to, value);
    }
    return bytes.subarray(0, bytes.length - (5 - text.length % 5) % 5);
  };
  const inflated = async element => {
    const stream = new Blob([decoded(element.textContent)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  };
  const data = JSON.parse(await inflated(by("data")));
  const rows = document.createElement("template");
  rows.innerHTML = await inflated(by("rows"));
  for (const one of rows.content.querySelectorAll("table")) by(one.dataset.cause).append(one);
  const make = (name, text = "", of = {}) => Object.assign(document.createElement(name), { textContent: text }, of);
  const kept = { get: name => { try { return localStorage.getItem(name); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* a page from disk may have none */ } } };

  // The state is the address: #?class=...&cell=...; a plain #id is a place in the page.
  const read = () => location.hash.startsWith("#?") ? new URLSearchParams(location.hash.slice(2))
    : new URLSearchParams(location.hash.length > 1 ? { at: decodeURIComponent(location.hash.slice(1)) } : {});
  let state = read();
  const write = (changes, push = false) => {
    for (const [name, value] of Object.entries(changes)) value ? state.set(name, value) : state.delete(name);
    history[push ? "pushState" : "replaceState"](null, "", "#?" + state);
  };

  // Words of ours in tables that are unpacked: of a text that is one of them, or a sign and one
  const english = new Map();
  const chinese = text => {
    const plain = text.trim();
    const found = data.words[plain] ?? plain.replace(/^(\S) ([a-z ]+?)( \(known\))?$/, (all, sign, name, known) =>
      data.words[name] ? `${sign} ${data.words[name]}${known ? `（${data.words["on record"]}）` : ""}` : all);
    return text.replace(plain, () => found);
  };
  const worded = (place, zh) => {
    for (const walk = document.createTreeWalker(place, NodeFilter.SHOW_TEXT); walk.nextNode();) {
      const node = walk.currentNode;
      if (!node.data.trim() || node.parentElement.closest(".en, .zh, code")) continue;
      if (!zh) { node.data = english.get(node) ?? node.data; continue; }
      const told = chinese(node.data);
      if (told !== node.data) { english.set(node, node.data); node.data = told; }
    }
  };

  // What is compressed
  const unpack = async part => {
    const packed = part.querySelector("script");
    if (!packed) return;
    packed.remove();
    const place = part.querySelector(".unpacked");
    place.innerHTML = await inflated(packed);
    worded(place, root.lang === "zh");
    for (const one of place.querySelectorAll(".print")) one.hidden = false;
  };
  for (const part of document.querySelectorAll(".packed")) part.addEventListener("toggle", () => part.open && unpack(part));
  const holder = id => id.startsWith("gap-") ? "failures" : id.startsWith("formula-") ? "formulas" : id;
  const reveal = async id => {
    const part = document.querySelector(`.packed[data-part="${CSS.escape(holder(id))}"]`);
    if (part) { part.open = true; await unpack(part); }
    const found = by(id);
    if (!found) return null;
    for (let one = found; one; one = one.parentElement) {
      if (one.localName === "details") { one.open = true; one.hidden = false; }
    }
    return found;
  };
  const go = async id => {
    const found = await reveal(id);
    if (!found) return;
    if (found.localName === "td") { focus(found); found.scrollIntoView({ block: "center", inline: "center" }); }
    else found.scrollIntoView({ block: found.localName === "tr" ? "center" : "start" });
    if (id === "matrix" && stop) focus(stop);
    else if (/^h[2-4]$/.test(found.localName)) {
      const to = found.closest("summary") ?? found;
      if (to === found) to.tabIndex = -1;
      to.focus({ preventScroll: true });
    }
    if (/^(tr|details)$/.test(found.localName)) {
      document.querySelectorAll(".lit").forEach(one => one.classList.remove("lit"));
      found.classList.add("lit");
      const first = found.querySelector("summary, a, button");
      if (first) first.focus({ preventScroll: true });
    }
  };

  // Copying: a command as it stands there, a script unpacked when it is first asked for
  const put = async text => {
    try { await navigator.clipboard.writeText(text); return true; } catch {
      const area = make("textarea", text, { readOnly: true });
      (panel.open ? panel : document.body).append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };
  const copying = (words, text) => make("button", "", { type: "button", className: "copy", innerHTML: by(words).innerHTML,
    onclick: async event => {
      const button = event.currentTarget, done = await put(await text());
      button.textContent = done ? "✓" : "✗";
      setTimeout(() => { button.innerHTML = by(words).innerHTML; }, 2000);
    } });
  const copy = code => copying("copy-words", () => code.textContent);
  let scripts = null;
  const script = async place => {
    const [paragraphs, rows] = scripts ??= JSON.parse(await inflated(by("scripts")));
    return rows[place].map(one => paragraphs[one]).join("\n\n");
  };
  const scripted = card => {
    const found = data.scripts[card.id], why = data.unscripted[card.id], place = make("span", "", { className: "script" });
    if (found) place.append(" ", copying("script-words", () => script(found[0])), " ", make("small", found[1], { className: "dim" }));
    else if (why !== undefined) place.append(" ", make("small", "", { className: "dim", innerHTML: by(why ? "no-script" : "no-room").innerHTML }), make("small", why, { className: "dim" }));
    return place;
  };
  for (const card of document.querySelectorAll(".cause")) {
    const why = card.querySelector(".reason").textContent.trim().split("\n")[0];
    if (!card.querySelector(".name").textContent.endsWith(why)) card.querySelector("summary").append(" ", make("span", why.length > 110 ? why.slice(0, 109) + "…" : why, { className: "why" }));
  }
  for (const code of document.querySelectorAll(".cmd")) code.after(copy(code));
  for (const code of document.querySelectorAll(".cause dl .cmd")) code.parentElement.append(scripted(code.closest(".cause")));

  // The matrix: one tab stop, arrows inside
  const board = document.querySelector(".board");
  const lines = board ? [...board.querySelectorAll("tr.f")] : [];
  const shown = () => lines.filter(line => line.offsetParent !== null)
    .map(line => [...line.querySelectorAll("td")].filter(cell => !cell.classList.contains("off")));
  let stop = null;
  const focus = cell => {
    if (stop) stop.tabIndex = -1;
    stop = cell; cell.tabIndex = 0; cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const step = (cell, key, far) => {
    const rows = shown(), row = rows.findIndex(line => line.includes(cell)), column = rows[row].indexOf(cell);
    const to = (r, c) => rows[Math.max(0, Math.min(rows.length - 1, r))]?.at(Math.max(0, c)) ?? cell;
    const ends = { Home: () => to(far ? 0 : row, 0), End: () => to(far ? rows.length - 1 : row, rows[row].length - 1) };
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0] };
    if (ends[key]) return ends[key]();
    const [down, right] = moves[key];
    return to(row + down, Math.min(rows[row].length - 1, column + right));
  };
  if (board) {
    board.setAttribute("role", "grid");
    document.querySelector(".keys").hidden = false;
    for (const one of board.querySelectorAll("td")) { one.tabIndex = -1; one.setAttribute("role", "gridcell"); }
    for (const one of board.querySelectorAll("a")) one.tabIndex = -1; // the targets' pages are reached by the section below, too
    stop = board.querySelector("tr.f td");
    if (stop) stop.tabIndex = 0;
    board.addEventListener("keydown", event => {
      const cell = event.target.closest("td");
      if (!cell) return;
      if (/^(Arrow|Home|End|Page)/.test(event.key)) { event.preventDefault(); focus(step(cell, event.key, event.ctrlKey)); }
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); openCell(cell, true); }
    });
    board.addEventListener("mouseover", event => { // what a cell holds, for who points at it
      const cell = event.target.closest("td");
      if (cell && data.cells[cell.id]) cell.title = told(cell.id);
    });
    board.addEventListener("click", event => {
      const cell = event.target.closest("td");
      if (cell && data.cells[cell.id]) { event.preventDefault(); focus(cell); openCell(cell, true); }
    });
  }

  // The panel of a cell: its dtypes, its causes with reason and command
  const panel = by("panel");
  const word = text => root.lang === "zh" ? data.words[text] ?? text : text;
  const tag = kind => make("span", `${data.kinds[kind][1]} ${word(data.kinds[kind][0])}`, { className: "k " + data.kinds[kind][0].replaceAll(" ", "-") });
  const place = id => { const [row, column] = id.slice(1).split("-").map(Number); return [data.formulas[row], data.targets[column]]; };
  const told = id => data.cells[id].flatMap((cell, index) => !cell.length ? [] : [`${data.dtypes[index]}: ${word(data.kinds[cell[0]][0])} ${
    cell[3] ? `${cell[3]}/${cell[4]}` : cell[4] || ""}`]).join("\n");
  const dtypes = id => {
    const table = make("table", "", { tabIndex: 0 }), body = make("tbody");
    table.append(make("thead"), body);
    table.tHead.append(make("tr"));
    for (const name of [word("dtype"), word("class"), word("margin"), word("bits"), word("failing/judged")]) table.tHead.rows[0].append(make("th", name));
    data.cells[id].forEach((cell, index) => {
      if (!cell.length) return;
      const [kind, margin, bits, failing, judged, fresh] = cell, row = make("tr");
      row.append(make("th", data.dtypes[index], { scope: "row" }), make("td"), make("td", margin), make("td", bits),
        make("td", failing ? `${failing}/${judged}${fresh ? ` (${fresh} ${word("on no record")})` : ""}` : String(judged || "")));
      row.cells[1].append(tag(kind));
      body.append(row);
    });
    return table;
  };
  const item = row => {
    const card = row.closest(".cause"), found = make("div", "", { className: "item" }), head = make("p");
    const link = make("a", card.querySelector(".name").textContent, { href: "#" + row.id });
    head.append(card.querySelector("summary .k").cloneNode(true), " ", make("b", word(card.closest(".group").dataset.kind)), " ", link);
    const code = make("code", (row.querySelector(".cmd") ?? card.querySelector("dl .cmd")).textContent, { className: "cmd" });
    const again = make("p");
    again.append(code, copy(code), scripted(card));
    found.append(head, make("p", card.querySelector(".reason").textContent), again);
    return found;
  };
  const openCell = (cell, push) => {
    if (!data.cells[cell.id]) return;
    const [formula, target] = place(cell.id), close = make("button", "×", { type: "button", ariaLabel: "close", onclick: () => panel.close() });
    close.style.float = "right";
    const rows = [...document.querySelectorAll(`.cause tr[id$="--${cell.id}"]`)];
    const title = (data.titles[formula] ?? ["", ""])[root.lang === "zh" ? 1 : 0];
    panel.replaceChildren(close, make("h3", `${formula} × ${target}`, { id: "panel-name" }), make("p", title, { className: "dim" }), dtypes(cell.id), ...rows.map(item));
    write({ cell: cell.id, at: "" }, push);
    if (!panel.open) panel.showModal();
  };
  panel.addEventListener("close", () => {
    const cell = by(state.get("cell") ?? "");
    write({ cell: "" });
    if (cell && !leaving) focus(cell);
    leaving = false;
  });
  panel.addEventListener("click", event => event.target === panel && panel.close());
  let leaving = false;
  document.addEventListener("click", event => {
    const link = event.target.closest('a[href^="#"]');
    if (!link || event.defaultPrevented || link.classList.contains("skip")) return;
    event.preventDefault();
    if (panel.open) { leaving = true; panel.close(); }
    if (link.dataset.only) { fields.class.value = link.dataset.only; filter(); }
    const id = decodeURIComponent(link.getAttribute("href").slice(1));
    write({ at: id }, true);
    go(id);
  });

  // Filters
  const fields = { class: by("f-class"), dtype: by("f-dtype"), target: by("f-target"), find: by("f-find"), new: by("f-new") };
  const value = name => fields[name].type === "checkbox" ? (fields[name].checked ? "1" : "") : fields[name].value;
  const draw = (cell, figures, plain) => {
    const [kind, margin, bits] = figures, sign = data.kinds[kind];
    cell.className = sign[0].replaceAll(" ", "-") + (figures[5] ? " new" : "");
    const inside = cell.querySelector("a") ?? cell;
    inside.replaceChildren(sign[1], make("small", plain ? margin : bits ? bits + " b" : margin));
  };
  const whole = figures => {
    const met = figures.filter(one => one.length), kind = Math.min(...met.map(one => one[0]));
    return { kinds: new Set(met.map(one => one[0])), fresh: met.some(one => one[5]), kind };
  };
  const named = (line, word) => line.querySelector("th").textContent.toLowerCase().includes(word); // id or section
  const filter = () => {
    const kind = data.kinds.findIndex(one => one[0] === value("class")), dtype = data.dtypes.indexOf(value("dtype"));
    const target = data.targets.indexOf(value("target")), word = value("find").trim().toLowerCase(), fresh = value("new");
    for (const line of lines) {
      let any = false;
      for (const cell of line.querySelectorAll("td")) {
        const all = data.cells[cell.id] ?? [], figures = dtype < 0 ? null : all[dtype] ?? [];
        cell.dataset.html ??= cell.innerHTML; cell.dataset.class ??= cell.className;
        cell.innerHTML = cell.dataset.html; cell.className = cell.dataset.class;
        if (figures) figures.length ? draw(cell, figures) : (cell.className = "not-run", cell.textContent = "·");
        for (const one of cell.querySelectorAll("a")) one.tabIndex = -1;
        const seen = whole(figures ? [figures] : all);
        const fits = (kind < 0 || seen.kinds.has(kind)) && (!fresh || seen.fresh) && (!figures || figures.length);
        const column = target < 0 || data.targets[target] === place(cell.id)[1];
        cell.classList.toggle("out", !fits); cell.classList.toggle("off", !column);
        any ||= Boolean(fits && column);
      }
      line.hidden = !any || !named(line, word);
    }
    board.querySelectorAll("thead th").forEach((head, at) => head.classList.toggle("off", at > 0 && target >= 0 && at !== target + 1));
    for (const body of board.querySelectorAll("tbody")) body.hidden = ![...body.querySelectorAll("tr.f")].some(line => !line.hidden);
    cards(value("class"), value("target"), value("dtype"), word, fresh);
    if (!stop || stop.offsetParent === null) { if (stop) stop.tabIndex = -1; stop = shown().flat()[0] ?? null; if (stop) stop.tabIndex = 0; }
    write(Object.fromEntries(Object.keys(fields).map(name => [name, value(name)])));
  };
  const short = { float64: "f64", float32: "f32", float16: "f16", bfloat16: "bf16" };
  const cards = (kind, target, dtype, word, fresh) => {
    for (const group of document.querySelectorAll(".group")) {
      let any = 0;
      for (const card of group.querySelectorAll(".cause")) {
        const rows = [...card.querySelectorAll("tr")];
        const fits = rows.some(row => {
          const cell = by(row.id.slice(row.id.lastIndexOf("--") + 2));
          return (!target || place(cell.id)[1] === target) && named(cell.parentElement, word)
            && (!dtype || ` ${row.cells[1].textContent}`.includes(` ${short[dtype] ?? dtype} `));
        });
        card.hidden = !fits; any += fits;
      }
      group.hidden = !any || (kind && group.dataset.kind !== kind) || (fresh && !group.querySelector(".news"));
      if (kind && !group.hidden) group.open = true;
    }
  };
  const form = document.querySelector(".filters");
  if (form) {
    form.hidden = false;
    for (const name of data.dtypes) fields.dtype.append(make("option", name));
    form.addEventListener("submit", event => event.preventDefault());
    form.addEventListener("input", filter);
    form.addEventListener("reset", () => setTimeout(filter));
  }

  // A certificate alone is printed
  document.addEventListener("click", event => {
    const button = event.target.closest(".print");
    if (!button) return;
    by("sheet").replaceChildren(button.closest(".unpacked").querySelector(".certificate").cloneNode(true));
    root.dataset.print = "certificate";
    window.print();
  });
  addEventListener("afterprint", () => { delete root.dataset.print; by("sheet").replaceChildren(); });

  // Language and theme
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const speak = language => {
    for (const one of document.querySelectorAll(".cause dt, .cause i")) {
      if (!data.words[one.dataset.en ??= one.textContent]) continue;
      one.textContent = language === "zh" ? data.words[one.dataset.en] : one.dataset.en;
    }
    for (const one of document.querySelectorAll(".unpacked")) worded(one, language === "zh");
    root.dataset.lang = language; root.lang = language;
    by("language").textContent = language === "zh" ? "English" : "中文"; by("language").lang = language === "zh" ? "en" : "zh";
  };
  document.querySelector(".switches").hidden = false;
  by("language").onclick = () => { const next = root.lang === "zh" ? "en" : "zh"; speak(next); kept.set("nnparity-lang", next); write({ lang: next }); };
  by("theme").onclick = () => { root.dataset.theme = dark() ? "light" : "dark"; kept.set("nnparity-theme", root.dataset.theme); write({ theme: root.dataset.theme }); };

  const apply = () => {
    state = read();
    speak(state.get("lang") ?? kept.get("nnparity-lang") ?? "en");
    const theme = state.get("theme") ?? kept.get("nnparity-theme");
    if (theme) root.dataset.theme = theme;
    if (form) {
      for (const [name, field] of Object.entries(fields)) {
        if (field.type === "checkbox") field.checked = state.has(name); else field.value = state.get(name) ?? "";
      }
      if (Object.keys(fields).some(value) || lines.some(line => line.hidden)) filter();
    }
    const cell = by(state.get("cell") ?? "");
    if (cell) { focus(cell); openCell(cell, false); } else if (panel.open) { leaving = true; panel.close(); }
    if (state.get("at")) go(state.get("at"));
  };
  addEventListener("popstate", apply);
  apply();
  root.dataset.ready = "";
})();

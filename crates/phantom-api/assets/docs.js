"use strict";
// Renders /api/openapi.json. Text only ever enters the page through textContent.

function el(name, props, ...children) {
  const node = Object.assign(document.createElement(name), props || {});
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function typeOf(schema) {
  if (!schema) return el("span", {}, "—");
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return el("a", { href: "#schema-" + name }, name);
  }
  for (const key of ["oneOf", "anyOf", "allOf"]) {
    if (schema[key]) {
      const out = el("span");
      schema[key].forEach((part, i) => out.append(i ? " | " : "", typeOf(part)));
      return out;
    }
  }
  if (schema.enum) return el("span", {}, schema.enum.join(" | "));
  const type = [].concat(schema.type || "any").join(" | ");
  if (schema.items) return el("span", {}, "array of ", typeOf(schema.items));
  return el("span", {}, type + (schema.format ? " (" + schema.format + ")" : ""));
}

function table(head, rows) {
  const body = rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell))));
  return el("table", {}, el("thead", {}, el("tr", {}, ...head.map((h) => el("th", {}, h)))), el("tbody", {}, ...body));
}

function operation(method, path, op) {
  const body = op.requestBody && op.requestBody.content["application/json"];
  const params = (op.parameters || []).map((p) => [
    el("code", {}, p.name), p.in + (p.required ? ", required" : ""), typeOf(p.schema), p.description || "",
  ]);
  const responses = Object.entries(op.responses || {}).map(([status, r]) => {
    const content = Object.entries(r.content || {})[0];
    return [status, content ? el("span", {}, content[0] + ": ", typeOf(content[1].schema)) : r.description || ""];
  });
  const open = op.security && op.security.some((s) => Object.keys(s).length === 0);
  return el("details", {},
    el("summary", {},
      el("span", { className: "method" }, method.toUpperCase()), el("span", { className: "path" }, path),
      open ? el("span", { className: "open" }, "open") : null,
      el("span", { className: "about" }, op.summary || "")),
    op.description ? el("p", {}, op.description) : null,
    params.length ? table(["parameter", "in", "type", "meaning"], params) : null,
    body ? el("p", {}, "Body: ", typeOf(body.schema)) : null,
    table(["status", "answer"], responses));
}

function schema(name, s) {
  const needed = new Set(s.required || []);
  const rows = Object.entries(s.properties || {}).map(([key, p]) => [
    el("code", {}, key + (needed.has(key) ? "" : "?")), typeOf(p), p.description || "",
  ]);
  return el("details", { id: "schema-" + name },
    el("summary", {}, el("span", { className: "path" }, name), el("span", { className: "about" }, s.description || "")),
    rows.length ? table(["field", "type", "meaning"], rows) : el("p", {}, typeOf(s)));
}

function show(doc) {
  const main = document.getElementById("main");
  const tags = new Map();
  for (const [path, item] of Object.entries(doc.paths)) {
    for (const method of ["get", "post", "put", "patch", "delete"]) {
      if (!item[method]) continue;
      const tag = (item[method].tags || ["other"])[0];
      tags.set(tag, [...(tags.get(tag) || []), operation(method, path, item[method])]);
    }
  }
  main.replaceChildren(
    el("h1", {}, doc.info.title + " API " + doc.info.version),
    el("p", {}, doc.info.description || ""),
    el("p", {}, el("a", { href: "/api/openapi.json" }, "OpenAPI " + doc.openapi + " document"), " · ", el("a", { href: "/" }, "Dashboard")),
    ...[...tags].flatMap(([tag, ops]) => [el("h2", {}, tag), ...ops]),
    el("h2", {}, "Schemas"),
    ...Object.entries(doc.components.schemas).map(([name, s]) => schema(name, s)));
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target) { target.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  reveal();
}

fetch("/api/openapi.json")
  .then((r) => { if (!r.ok) throw new Error("status " + r.status); return r.json(); })
  .then(show)
  .catch((e) => { document.getElementById("main").textContent = "The OpenAPI document cannot be read: " + e.message; });

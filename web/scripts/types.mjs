// Writes src/api/schema.ts from docs/openapi.json. With --check it only says whether the file is in step.
import { readFileSync, writeFileSync } from "node:fs";

const here = new URL(".", import.meta.url);
const file = new URL("../src/api/schema.ts", here);
const document = JSON.parse(readFileSync(new URL("../../docs/openapi.json", here), "utf8"));

function type(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  const union = schema.oneOf ?? schema.anyOf;
  if (union) return union.map(type).join(" | ");
  if (schema.allOf) return schema.allOf.map(type).join(" & ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (Array.isArray(schema.type)) return schema.type.map((one) => type({ ...schema, type: one })).join(" | ");
  switch (schema.type) {
    case "array": return `Array<${type(schema.items ?? {})}>`;
    case "integer": case "number": return "number";
    case "string": return "string";
    case "boolean": return "boolean";
    case "null": return "null";
    case "object": return object(schema);
    default: return "unknown";
  }
}

function object(schema) {
  const needed = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, field]) => `${comment(field, "  ")}  ${JSON.stringify(name)}${needed.has(name) ? "" : "?"}: ${type(field)};\n`);
  if (schema.additionalProperties) {
    const value = fields.length ? "unknown" : type(schema.additionalProperties);
    fields.push(`  [name: string]: ${value};\n`);
  }
  return `{\n${fields.join("")}}`;
}

const comment = (schema, indent) =>
  schema.description ? `${indent}/** ${schema.description.replaceAll("*/", "* /").replaceAll("\n", " ")} */\n` : "";

let out = "// Made from docs/openapi.json by scripts/types.mjs (npm run codegen); do not edit.\n";
for (const [name, schema] of Object.entries(document.components.schemas)) {
  out += `\n${comment(schema, "")}export type ${name} = ${type(schema)};\n`;
}

if (process.argv.includes("--check")) {
  if (readFileSync(file, "utf8") !== out) {
    console.error("web/src/api/schema.ts is stale: run cargo xtask codegen");
    process.exit(1);
  }
} else {
  writeFileSync(file, out);
}

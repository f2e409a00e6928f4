// Prisma's query engine as the WebAssembly that npm ships, behind the HTTP (GraphQL) that Prisma's Python client speaks, on PostgreSQL.
// The native engine is published outside of the package registries; the SQL is made by the same code. Used by test_litellm_admin.py.
//   node prisma_engine.js -p PORT        (PRISMA_DML_PATH, DATABASE_URL, NODE_PATH in the environment)
const fs = require("node:fs"), http = require("node:http"), path = require("node:path");
const { PrismaPg } = require("@prisma/adapter-pg");
const { bindAdapter } = require("@prisma/driver-adapter-utils");
const { parse } = require("graphql");
const { Pool } = require("pg");

const RUNTIME = path.dirname(require.resolve("@prisma/client/runtime/library.js"));
const ACTION = /^(findUniqueOrThrow|findFirstOrThrow|findUnique|findFirst|findMany|createOne|createMany|updateOne|updateMany|upsertOne|deleteOne|deleteMany|aggregate|groupBy)(.+)$/;
const OF_A_FIELD = new Set(["set", "equals", "not", "array_contains", "array_starts_with", "array_ends_with"]);
const TRACE = JSON.stringify({ traceparent: "" });

/** Names of the fields of type Json, by model. */
function jsonFields(datamodel) {
  const models = [...datamodel.matchAll(/^model (\w+) \{([^]*?)^\}/gm)];
  return new Map(models.map(([, model, body]) => [model, new Set([...body.matchAll(/^\s*(\w+)\s+Json\b/gm)].map((field) => field[1]))]));
}

/** A request in GraphQL as one in the engine's own protocol, and the name under which its answer is awaited. */
function translated(text, json) {
  const field = parse(text).definitions[0].selectionSet.selections[0];
  const match = ACTION.exec(field.name.value), model = match && match[2];

  function value(node, name) {
    // GraphQL passes JSON as a string; the engine's own protocol marks it.
    if (node.kind === "StringValue" && json.get(model)?.has(name)) return { $type: "Json", value: node.value };
    switch (node.kind) {
      case "NullValue": return null;
      case "IntValue": return Number.isSafeInteger(+node.value) ? +node.value : { $type: "BigInt", value: node.value };
      case "FloatValue": return +node.value;
      case "ListValue": return node.values.map((one) => value(one, name));
      case "ObjectValue": return Object.fromEntries(node.fields.map(({ name: key, value: one }) => [key.value, value(one, OF_A_FIELD.has(key.value) ? name : key.value)]));
      default: return node.value;
    }
  }
  const given = (node) => Object.fromEntries((node.arguments || []).map((one) => [one.name.value, value(one.value, one.name.value)]));
  const selection = (set) => Object.fromEntries(set.selections.map((one) => [one.name.value,
    one.selectionSet || one.arguments.length ? { arguments: given(one), selection: one.selectionSet ? selection(one.selectionSet) : {} } : true]));
  const query = { arguments: given(field), selection: field.selectionSet ? selection(field.selectionSet) : {} };
  const request = model ? { modelName: model, action: match[1], query } : { action: field.name.value, query };
  return { alias: (field.alias || field.name).value, request };
}

/** A value of an answer without the engine's marks of types. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (!value || typeof value !== "object") return value;
  if ("$type" in value) return value.$type === "BigInt" ? Number(value.value) : value.value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

/** Rows of raw SQL, their JSON read. */
function rows(result) {
  const read = (type, cell) => (type === "json" && typeof cell === "string" ? JSON.parse(cell) : cell);
  return { ...result, rows: result.rows.map((row) => row.map((cell, at) => read(result.types[at], cell))) };
}

function answered(result, alias) {
  if (result.errors) return result;
  return { data: { [alias]: result.data.queryRaw ? rows(result.data.queryRaw) : plain(Object.values(result.data)[0]) } };
}

async function opened(datamodel) {
  const glue = require(path.join(RUNTIME, "query_engine_bg.postgresql.js"));
  const code = fs.readFileSync(path.join(RUNTIME, "query_engine_bg.postgresql.wasm"));
  const { instance } = await WebAssembly.instantiate(code, { "./query_engine_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start?.();
  const adapter = bindAdapter(new PrismaPg(new Pool({ connectionString: process.env.DATABASE_URL })));
  const options = { datamodel, logLevel: "error", logQueries: false, engineProtocol: "json", env: process.env, configDir: ".", ignoreEnvVarErrors: true, enableTracing: false };
  const engine = new glue.QueryEngine(options, (line) => console.error(line), adapter);
  await engine.connect(TRACE);
  return engine;
}

async function main() {
  const datamodel = fs.readFileSync(process.env.PRISMA_DML_PATH, "utf8"), json = jsonFields(datamodel), engine = await opened(datamodel);

  async function obeyed(url, transaction, body) {
    const ended = /^\/transaction\/(.+)\/(commit|rollback)$/.exec(url);
    if (url === "/status") return { status: "ok" };
    if (url === "/transaction/start") return JSON.parse(await engine.startTransaction(body, TRACE));
    if (ended) return JSON.parse(await engine[`${ended[2]}Transaction`](ended[1], TRACE));
    const asked = JSON.parse(body), all = (asked.batch || [asked]).map((one) => translated(one.query, json));
    const sent = asked.batch ? { batch: all.map((one) => one.request), transaction: asked.transaction ? {} : undefined } : all[0].request;
    const result = JSON.parse(await engine.query(JSON.stringify(sent), TRACE, transaction));
    if (!asked.batch) return answered(result, all[0].alias);
    return result.batchResult ? { batchResult: result.batchResult.map((one, at) => answered(one, all[at].alias)) } : result;
  }

  http.createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part)).on("end", async () => {
      let answer;
      try {
        answer = await obeyed(request.url, request.headers["x-transaction-id"], body);
      } catch (error) {
        answer = { errors: [{ error: String(error), user_facing_error: { is_panic: false, message: String(error), meta: {}, error_code: "P0000" } }] };
      }
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(answer));
    });
  }).listen(+process.argv[process.argv.indexOf("-p") + 1], "localhost");
}

main().catch((error) => { console.error(error); process.exit(1); });

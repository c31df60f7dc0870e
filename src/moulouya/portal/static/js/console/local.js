// DuckDB in this browser, over the published files of tables, of which it reads parts.
import { AsyncDuckDB, VoidLogger } from "../../vendor/duckdb/engine.js";
import { Fault } from "./asking.js";

const quoted = (name) => `"${name.replaceAll('"', '""')}"`;
const text = (value) => `'${value.replaceAll("'", "''")}'`;
// What the engine has when it is unpacked, to tell how far it is loaded.
const BYTES = 34e6;
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

// An export has the engine packed, as servers of files send it as it lies there.
async function unpacked(address) {
  if (!address.endsWith(".gz")) return address;
  const whole = new Uint8Array(await (await fetch(address)).arrayBuffer());
  let stream = new Blob([whole]).stream();
  if (whole[0] === 0x1f && whole[1] === 0x8b) stream = stream.pipeThrough(new DecompressionStream("gzip"));
  const blob = await new Response(stream, { headers: { "Content-Type": "application/wasm" } }).blob();
  return URL.createObjectURL(blob);
}

/** The engine, started; `tables` are {theme, slug, file}. */
export async function start({ worker: script, wasm, tables, words, loaded }) {
  let failed;
  const broken = new Promise((_, refuse) => { failed = refuse; });
  const worker = new Worker(script);
  worker.addEventListener("error", (event) => failed(new Error(event.message || "Worker")));
  const db = new AsyncDuckDB(new VoidLogger(), worker);
  const begin = async () => {
    await db.instantiate(await unpacked(wasm), null, ({ bytesLoaded }) => {
      loaded(Math.min(1, bytesLoaded / BYTES));
    });
    await db.open({
      path: ":memory:",
      filesystem: { allowFullHTTPReads: true, reliableHeadRequests: false, forceFullHTTPReads: false },
    });
    const con = await db.connect();
    // A look for an extension on another site would fail, and leave the engine unusable.
    await con.query("SET autoinstall_known_extensions = false");
    await con.query("SET autoload_known_extensions = false");
    await con.query("SET errors_as_json = true");
    return con;
  };
  let con;
  try {
    con = await Promise.race([begin(), broken]);
  } catch (error) {
    worker.terminate();
    throw new Fault({ title: words.engineFailed.replace("{reason}", error.message) });
  }
  const attached = new Map();

  async function attach(sql) {
    const named = new Set(sql.toLowerCase().match(/[a-z_][a-z0-9_]*/g));
    for (const { theme, slug, file } of tables) {
      if (!named.has(slug) || attached.has(slug)) continue;
      const database = quoted(`${slug}.duckdb`);
      await con.query(`ATTACH ${text(file)} AS ${database} (READ_ONLY)`);
      await con.query(`CREATE SCHEMA IF NOT EXISTS ${quoted(theme)}`);
      await con.query(`CREATE VIEW ${quoted(theme)}.${quoted(slug)} AS FROM ${database}.main.${quoted(slug)}`);
      attached.set(slug, theme);
    }
    const schemas = ["main", ...new Set(attached.values())].map(quoted).join(",");
    await con.query(`SET search_path = ${text(schemas)}`);
  }

  /** A result as the service gives it. */
  async function ask(sql, most, signal) {
    const stop = () => con.cancelSent();
    signal.addEventListener("abort", stop);
    try {
      signal.throwIfAborted();
      await attach(sql);
      const reader = await con.send(sql.replace(/;\s*$/, ""), true);
      const rows = [];
      let columns = null;
      let truncated = false;
      for await (const batch of reader) {
        columns ??= described(batch.schema);
        const vectors = batch.schema.fields.map((field, place) => [batch.getChildAt(place), field.type]);
        for (let row = 0; row < batch.numRows && !truncated; row += 1) {
          if (rows.length === most) truncated = true;
          else rows.push(vectors.map(([vector, type]) => dated(vector.get(row), type)));
        }
        if (truncated) break;
      }
      if (truncated) await con.cancelSent();
      if (signal.aborted) throw new DOMException("", "AbortError");
      columns ??= described(reader.schema ?? { fields: [] });
      return { columns, rows, truncated };
    } catch (error) {
      if (signal.aborted) throw new DOMException("", "AbortError");
      throw understood(error, sql, words);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
  return { ask, end: () => worker.terminate() };
}

function described(schema) {
  return schema.fields.map((field) => ({ name: field.name, type: named(field.type) }));
}

const ARROW = [
  [/^Utf8/, "VARCHAR"], [/^Int64|^Uint64/, "BIGINT"], [/^U?[Ii]nt/, "INTEGER"], [/^Float|^Decimal/, "DOUBLE"],
  [/^Bool/, "BOOLEAN"], [/^Date/, "DATE"], [/^Timestamp/, "TIMESTAMP"], [/^Binary/, "BLOB"],
];

function named(type) {
  const said = String(type);
  return ARROW.find(([like]) => like.test(said))?.[1] ?? said.toUpperCase();
}

// Arrow's numbers of its types for days and moments, both told in milliseconds.
const DECIMAL = 7, DAY = 8, MOMENT = 10;

function dated(value, type) {
  if (value !== null && type.typeId === DECIMAL) return decimal(value, type.scale);
  if (value === null || ![DAY, MOMENT].includes(type.typeId)) return plain(value);
  const said = new Date(Number(value)).toISOString();
  return type.typeId === DAY ? said.slice(0, 10) : type.timezone ? said : said.slice(0, -1);
}

/** Four words of 32 bits, the lowest first, as a number with so many decimals. */
function decimal(words, scale) {
  const whole = [...words].reduceRight((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
  const value = BigInt.asIntN(32 * words.length, whole);
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const said = scale ? `${digits.slice(0, -scale)}.${digits.slice(-scale)}` : digits;
  return Number(value < 0n ? `-${said}` : said);
}

function plain(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === "bigint") return value <= SAFE && value >= -SAFE ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return [...value].map((octet) => octet.toString(16).padStart(2, "0")).join("");
  if (typeof value?.toJSON === "function") return plain(value.toJSON());
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
  return value;
}

function understood(error, sql, words) {
  // What the parser says comes as JSON within JSON.
  let told = { exception_message: error.message };
  for (let depth = 0; depth < 3; depth += 1) {
    const found = /\{"exception_type".*\}/s.exec(told.exception_message);
    if (!found) break;
    try {
      told = { ...told, ...JSON.parse(found[0]) };
    } catch {
      break;
    }
  }
  const [detail, hint = ""] = told.exception_message.split("\nLINE ")[0].split("\n", 2);
  const before = told.position === undefined ? null
    : new TextDecoder().decode(new TextEncoder().encode(sql).slice(0, Number(told.position))).split("\n");
  const position = before && { line: before.length, column: before.at(-1).length + 1 };
  const missing = /Table with name/.test(detail) && (/\bcatalogue\s*\./i.test(sql) ? words.noCatalogue : words.noTables);
  return new Fault({ title: words["p:sql-error"], detail, hint: missing || hint.trim(), position });
}

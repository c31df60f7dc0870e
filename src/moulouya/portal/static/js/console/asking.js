// The service that runs statements, asked over HTTP. To go away is to cancel.

/** What is wrong with a statement: a title, the engine's words, a hint, and where. */
export class Fault extends Error {
  constructor({ title = "", detail = "", hint = "", position = null }) {
    super(title);
    Object.assign(this, { title, detail, hint, position });
  }
}

async function answered(address, options, words, signal) {
  let answer;
  try {
    answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(options),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault({ title: words.failed });
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const title = words[`p:${String(told.type).split(":").pop()}`] ?? words.other;
  throw new Fault({ ...told, title });
}

/** A result: columns, rows as arrays, and whether there are more. */
export async function ask(address, sql, { rows, words, signal }) {
  const options = { sql, shape: "arrays", limit: rows };
  const answer = await answered(address, options, words, signal);
  const { columns, rows: found, truncated } = await answer.json();
  return { columns, rows: found, truncated };
}

/** What a statement would cost. */
export async function explain(address, sql, { words, signal }) {
  return (await answered(address, { sql, explain: true }, words, signal)).json();
}

/** The whole result in a format, and the number of rows at which it was cut, 0 for none. */
export async function file(address, sql, format, words) {
  const answer = await answered(address, { sql, format }, words);
  const cut = answer.headers.get("Result-Truncated") === "true";
  return { blob: await answer.blob(), cut: cut ? Number(answer.headers.get("Result-Rows")) : 0 };
}
